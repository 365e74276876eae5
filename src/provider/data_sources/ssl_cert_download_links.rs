//! `dds_ssl_cert_download_links`: where the CA certificates of a DDS instance can be downloaded.
//!
//! One call: `GET /v3/{project_id}/instances/{instance_id}/ssl-cert/download-link`, the operation
//! `ListSslCertDownloadAddress` of the DDS API reference (page `dds_api_0220`).

use std::borrow::Cow;
use std::time::Duration;

use super::{DataSource, Read, ReadResponse};
use crate::huaweicloud::{Certificate, Client};
use crate::provider::config::{is_identifier, is_region};
use crate::provider::duration;
use crate::provider::error_messages::diagnostic;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Diagnostics, Step};
use crate::tfplugin::schema::{Attribute, Block, Kind, Mode, Nesting, Schema};
use crate::tfplugin::value::{Field, Value};

const INSTANCE_ID: &str = "instance_id";
const REGION: &str = "region";

const ATTRIBUTES: &[Attribute] = &[
    Attribute::new(
        INSTANCE_ID,
        Kind::String,
        Mode::Required,
        "ID of the DDS instance, such as `e73893ef73754465a8bd2e0857bbf13ein02`: letters, digits, `-` and `_`.",
    ),
    Attribute::new(
        REGION,
        Kind::String,
        Mode::OptionalComputed,
        "Region of the instance. Defaults to the region of the provider. For another one the project of that \
         region's name is used.",
    ),
    Attribute::new(
        "certs",
        Kind::ListOfObjects(&[("category", Kind::String), ("download_link", Kind::String)]),
        Mode::Computed,
        "The certificates, in the order in which the API gave them. The order is not documented, so select by \
         `category`: `international` is the ordinary certificate, `national` the one of the Chinese SM \
         cryptography, and any other value of the cloud is returned as it is. `download_link` is the URL of the \
         certificate file. It may carry a signature and may expire, so treat it as a secret. Empty, with a \
         warning, if the instance has none.",
    ),
    Attribute::new("id", Kind::String, Mode::Computed, "The instance ID, the same at every read."),
];

const TIMEOUTS: &str = "timeouts";
const READ: &str = "read";

const BLOCKS: &[Block] = &[Block {
    name: TIMEOUTS,
    nesting: Nesting::Single,
    description: "How long operations may take.",
    attributes: &[Attribute::new(
        READ,
        Kind::String,
        Mode::Optional,
        "Limit of the whole read, with all its retries and pauses, such as `90s`. Throttled requests are repeated until \
         then. Default: `5m`, but 90 s for a host that does not answer.",
    )],
}];

/// What is asked, once it is known to make sense.
struct Query<'a> {
    instance_id: &'a str,
    region: Option<&'a str>,
    /// None for the default.
    limit: Option<Duration>,
}

impl<'a> Query<'a> {
    /// `None` while a value is unknown.
    fn parse(config: &'a Value) -> Result<Option<Self>, Diagnostics> {
        let mut faults = Diagnostics::default();
        let instance_id = config.text(INSTANCE_ID);
        let region = config.text(REGION);
        // Every documented ID is 32 hex digits and `in02`, but no document promises that.
        if let Field::Known(id) = instance_id
            && !is_identifier(id)
        {
            let detail = format!(
                "{INSTANCE_ID} is {id:?}, but an instance ID has one or more letters, digits, \"-\" or \"_\", and \
                 nothing else. Copy it from the instance's page in the DDS console."
            );
            faults.push(
                Diagnostic::error("Invalid Instance ID", detail).at(AttributePath::attribute(INSTANCE_ID)),
            );
        }
        if let Field::Known(region) = region
            && !is_region(region)
        {
            let detail = format!(
                "{REGION} is {region:?}, but a region code has lower-case letters, digits and \"-\" only, such as \
                 cn-north-4. Use the code from the list of regions and endpoints."
            );
            faults.push(Diagnostic::error("Invalid Region", detail).at(AttributePath::attribute(REGION)));
        }
        let limit = config.attribute(TIMEOUTS).map_or(Field::Null, |timeouts| match timeouts {
            Value::Unknown(_) => Field::Unknown,
            timeouts => timeouts.text(READ),
        });
        let limit = match limit {
            Field::Known(text) => duration::parse(text).map(Some),
            Field::Null => Some(None),
            Field::Unknown => return if faults.has_errors() { Err(faults) } else { Ok(None) },
        };
        if limit.is_none() {
            let detail = format!("{TIMEOUTS}.{READ} must be {}. Correct its value.", duration::FORM);
            let path = AttributePath::attribute(TIMEOUTS).then(Step::Attribute(READ.to_owned()));
            faults.push(Diagnostic::error("Invalid Timeout", detail).at(path));
        }
        match (instance_id, region, limit) {
            _ if faults.has_errors() => Err(faults),
            (Field::Known(instance_id), Field::Known(region), Some(limit)) => {
                Ok(Some(Self { instance_id, region: Some(region), limit }))
            }
            (Field::Known(instance_id), Field::Null, Some(limit)) => {
                Ok(Some(Self { instance_id, region: None, limit }))
            }
            _ => Ok(None),
        }
    }
}

pub(super) struct SslCertDownloadLinks;

impl DataSource for SslCertDownloadLinks {
    fn name(&self) -> &'static str {
        "dds_ssl_cert_download_links"
    }

    fn schema(&self) -> Schema {
        Schema {
            description: "Looks up where the CA certificates of a DDS instance can be downloaded: the files with \
                          which a client verifies the server when SSL is on.",
            attributes: Cow::Borrowed(ATTRIBUTES),
            blocks: BLOCKS,
        }
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        Query::parse(config).err().unwrap_or_default()
    }

    fn read<'a>(&'a self, client: &'a Client, config: &'a Value) -> Read<'a> {
        Box::pin(async move {
            let Some(query) = Query::parse(config)? else {
                let detail = format!("{INSTANCE_ID} or {REGION} has no known value. Set it, and run again.");
                return Err(Diagnostic::error("Incomplete Configuration", detail).into());
            };
            let certificates = client
                .dds()
                .ssl_cert_download_links(query.region, query.instance_id, query.limit)
                .await
                .map_err(|error| Diagnostics::from(diagnostic(&error)))?;
            let mut warnings = Diagnostics::default();
            if certificates.is_empty() {
                let detail = format!(
                    "The cloud has no certificate for the instance {}, so certs is an empty list. Check in the DDS \
                     console that SSL is switched on for the instance.",
                    query.instance_id
                );
                warnings.push(
                    Diagnostic::warning("No Certificates", detail).at(AttributePath::attribute(INSTANCE_ID)),
                );
            }
            let region = query.region.unwrap_or(client.region());
            Ok(ReadResponse { state: state(config, query.instance_id, region, certificates), warnings })
        })
    }
}

/// What the user wrote, unchanged, with what was found out.
fn state(config: &Value, instance_id: &str, region: &str, certificates: Vec<Certificate>) -> Value {
    let certs = certificates.into_iter().map(|certificate| {
        Value::object([
            ("category", certificate.category.into()),
            ("download_link", certificate.download_link.into()),
        ])
    });
    let found =
        [(REGION, region.into()), ("certs", Value::List(certs.collect())), ("id", instance_id.into())];
    config.clone().with(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::value::Refinement;

    fn config(instance_id: Value, region: Value) -> Value {
        SslCertDownloadLinks.schema().blank().with([(INSTANCE_ID, instance_id), (REGION, region)])
    }

    fn summaries(config: &Value) -> Vec<&'static str> {
        SslCertDownloadLinks.validate(config).iter().map(|diagnostic| diagnostic.summary).collect()
    }

    #[test]
    fn an_id_that_could_reach_another_path_is_refused() {
        for id in ["", "../../v3/x", "a b", "a/b", "a?b=1", "a%2Fb", "é", "a.b", "a\n"] {
            assert_eq!(summaries(&config(id.into(), Value::Null)), ["Invalid Instance ID"], "{id:?}");
        }
        for id in ["e73893ef73754465a8bd2e0857bbf13ein02", "x", "my_test-1"] {
            assert!(summaries(&config(id.into(), Value::Null)).is_empty(), "{id:?}");
        }
    }

    #[test]
    fn unknown_values_are_passed_over() {
        let unknown = || Value::Unknown(Refinement::default());
        assert!(summaries(&config(unknown(), unknown())).is_empty());
        assert_eq!(summaries(&config(unknown(), "Not A Region".into())), ["Invalid Region"]);
    }

    #[test]
    fn a_limit_that_is_none_is_refused_at_its_place() {
        let limited = |text: &str| {
            let timeouts = Value::object([(READ, text.into())]);
            config("i".into(), Value::Null).with([(TIMEOUTS, timeouts)])
        };
        assert!(summaries(&limited("2m")).is_empty());
        let found = SslCertDownloadLinks.validate(&limited("soon"));
        let found = found.iter().next().unwrap();
        assert_eq!(found.path.as_ref().unwrap().to_string(), "timeouts.read");
    }

    #[test]
    fn a_state_fits_the_schema() {
        let certificate = Certificate { category: "national".into(), download_link: "https://x".into() };
        let state = state(&config("i".into(), Value::Null), "i", "r", vec![certificate]);
        let of = SslCertDownloadLinks.schema().value_type();
        let bytes = crate::tfplugin::value::msgpack::encode(&state, &of).unwrap();
        assert_eq!(crate::tfplugin::value::msgpack::decode(&bytes, &of).unwrap(), state);
    }
}
