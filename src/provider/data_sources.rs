//! The table of data sources, and what all of them have. A new one is a file beside this one and a line here.

mod ssl_cert_download_links;

use std::time::Duration;

use crate::huaweicloud::Client;
use crate::provider::config::{is_identifier, is_region};
use crate::provider::error_messages::ErrorTexts;
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::Diagnostic;
use crate::tfplugin::provider::{DataSource, Ephemeral, EphemeralResource};
use crate::tfplugin::schema::{Attribute, Block, Nesting};
use crate::tfplugin::validator::{duration, matches};
use ssl_cert_download_links::SslCertDownloadLinks;

/// Every data source that the provider serves.
pub const DATA_SOURCES: &[&dyn DataSource<Client>] = &[&SslCertDownloadLinks];

/// Every ephemeral resource: arguments and results of a data source, but kept out of plan and state.
pub const EPHEMERAL_RESOURCES: &[&dyn EphemeralResource<Client>] = &[&Ephemeral(SslCertDownloadLinks)];

/// The texts of errors that are about an instance.
pub(super) const INSTANCE: ErrorTexts = ErrorTexts {
    argument: INSTANCE_ID.name,
    not_found: (
        "Instance Not Found",
        "Compare instance_id with the DDS console, in {scope}. An instance of another region needs region, one of a \
         sub-project needs project_name or project_id in the provider block.",
    ),
    malformed: ("Invalid Instance ID", "Copy instance_id from the instance's page in the DDS console."),
};

/// The instance that is read. Every documented ID is 32 hex digits and `in02`, but no document promises that.
const INSTANCE_ID: Attribute = Attribute::string(
    "instance_id",
    "ID of the DDS instance, such as `e73893ef73754465a8bd2e0857bbf13ein02`.",
)
.required()
.validated(matches(
    is_identifier,
    "an ID of letters, digits, \"-\" and \"_\", as on the instance's page in the DDS console",
));

/// The region that is read.
const REGION: Attribute = Attribute::string(
    "region",
    "Region of the instance. Defaults to the region of the provider. For another one the project of that region's \
     name is used.",
)
.optional_computed()
.validated(matches(is_region, "a region code of lower-case letters, digits and \"-\", such as cn-north-4"));

/// The time limit of a read.
const TIMEOUTS: Block =
    Block::new("timeouts", Nesting::Single, "How long operations may take.", &[Attribute::string(
        "read",
        "Limit of the whole read, with all its retries and pauses, such as `90s`. Throttled requests are repeated \
         until then. Default: `5m`, but 90 s for a host that does not answer.",
    )
    .validated(duration())]);

/// The values of [`INSTANCE_ID`], [`REGION`] and [`TIMEOUTS`].
struct Target<'a> {
    instance_id: &'a str,
    /// None for the provider's own.
    region: Option<&'a str>,
    /// None for the default.
    limit: Option<Duration>,
}

impl<'a> Target<'a> {
    fn of(config: &Config<'a>) -> Result<Self, Diagnostic> {
        Ok(Self {
            instance_id: config.required(INSTANCE_ID.name)?,
            region: config.optional(REGION.name)?,
            limit: limit(config)?,
        })
    }
}

/// The value of [`TIMEOUTS`], or None for the default.
fn limit(config: &Config<'_>) -> Result<Option<Duration>, Diagnostic> {
    let timeouts = config.block(TIMEOUTS.name)?.known();
    Ok(timeouts.map(|timeouts| timeouts.optional("read")).transpose()?.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::schema::Schema;
    use crate::tfplugin::value::Value;

    fn paths(given: &[(&str, Value)]) -> Vec<String> {
        let schema = Schema::new("", vec![INSTANCE_ID, REGION]).with_blocks(&[TIMEOUTS]);
        let config = schema.null_object().with([("instance_id", "i".into())]).with(given.iter().cloned());
        schema.check(&config).iter().filter_map(|error| Some(error.path.as_ref()?.to_string())).collect()
    }

    #[test]
    fn id_that_could_reach_another_path_is_refused() {
        for id in ["", "../../v3/x", "a b", "a/b", "a?b=1", "a%2Fb", "é", "a.b", "a\n"] {
            assert_eq!(paths(&[("instance_id", id.into())]), ["instance_id"], "{id:?}");
        }
        for id in ["e73893ef73754465a8bd2e0857bbf13ein02", "x", "my_test-1"] {
            assert!(paths(&[("instance_id", id.into())]).is_empty(), "{id:?}");
        }
    }

    #[test]
    fn invalid_values_are_refused_at_their_paths() {
        let limit = |text: &str| ("timeouts", Value::object([("read", text.into())]));
        let (id, invalid) = (("instance_id", Value::unknown()), ("region", "Not A Region".into()));
        for (arguments, expected) in [
            (vec![id.clone(), ("region", Value::unknown())], vec![]),
            (vec![id, invalid], vec!["region"]),
            (vec![limit("2m")], vec![]),
            (vec![limit("soon")], vec!["timeouts.read"]),
        ] {
            assert_eq!(paths(&arguments), expected);
        }
    }
}
