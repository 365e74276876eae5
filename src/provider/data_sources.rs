//! The list of data sources, and the attributes that all of them share.

mod instances;
mod ssl_cert_download_links;
mod ssl_certificates;

use std::time::Duration;

use crate::huaweicloud::Client;
use crate::provider::config::{is_identifier, is_region};
use crate::provider::error_messages::{DataSourceErrors, catalogue};
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::Diagnostic;
use crate::tfplugin::provider::{DataSource, Ephemeral, EphemeralResource};
use crate::tfplugin::schema::{Attribute, Block, Nesting};
use crate::tfplugin::validator::{duration, matches};
use instances::Instances;
use ssl_cert_download_links::SslCertDownloadLinks;
use ssl_certificates::SslCertificates;

/// All data sources of the provider.
pub const DATA_SOURCES: &[&dyn DataSource<Client>] = &[&Instances, &SslCertDownloadLinks, &SslCertificates];

/// All ephemeral resources. Each has the schema of a data source, but its values are not in the plan or the state.
pub const EPHEMERAL_RESOURCES: &[&dyn EphemeralResource<Client>] = &[&Ephemeral(SslCertDownloadLinks)];

/// The errors of a read that are about the instance.
pub(super) const INSTANCE: DataSourceErrors = DataSourceErrors {
    argument: INSTANCE_ID.name,
    not_found: (
        &catalogue::INSTANCE_NOT_FOUND,
        "An instance in another region requires region in the data source, and one in a \
         sub-project requires project_name in the provider block. Compare instance_id, region and project with the DDS \
         console.",
    ),
    invalid_argument: (
        &catalogue::INVALID_INSTANCE_ID,
        "Copy instance_id from the instance's page in the DDS console.",
    ),
};

/// The instance to read. All documented IDs are 32 hex digits and `in02`, but the format is not documented.
const INSTANCE_ID: Attribute = Attribute::string(
    "instance_id",
    "ID of the DDS instance, such as `e73893ef73754465a8bd2e0857bbf13ein02`.",
)
.required()
.validated(matches(
    is_identifier,
    "an ID of letters, digits, \"-\" and \"_\", as on the instance's page in the DDS console",
));

/// The region to read from.
const REGION: Attribute = Attribute::string(
    "region",
    "Region to read from. Defaults to the region of the provider block. In any other region, the project with the \
     name of that region is used.",
)
.optional_computed()
.validated(matches(is_region, "a region code of lower-case letters, digits and \"-\", such as cn-north-4"));

/// The timeouts block.
const TIMEOUTS: Block =
    Block::new("timeouts", Nesting::Single, "Timeouts of operations.", &[Attribute::string(
        "read",
        "Timeout of the whole read with all its retries and delays, such as `90s`. Throttled requests are retried until \
         then. Defaults to `5m`. If it is not set, a read also fails if a server does not respond for 90 s.",
    )
    .validated(duration())]);

/// The arguments of every read: [`REGION`] and [`TIMEOUTS`].
struct Target<'a> {
    /// None for the region of the provider block.
    region: Option<&'a str>,
    /// None for the default.
    timeout: Option<Duration>,
}

impl<'a> Target<'a> {
    fn of(config: &Config<'a>) -> Result<Self, Diagnostic> {
        let timeouts = config.block(TIMEOUTS.name)?.known();
        let timeout = timeouts.map(|timeouts| timeouts.optional("read")).transpose()?.flatten();
        Ok(Self { region: config.optional(REGION.name)?, timeout })
    }
}

/// The warning that an instance has no certificates, so that the list is empty.
fn no_certificates(config: &Config<'_>, instance_id: &str, list: &str) -> Diagnostic {
    let detail = format!(
        "Huawei Cloud returned no certificate for the instance {instance_id}, so {list} is an empty list. Check in the DDS \
         console whether SSL is enabled for the instance."
    );
    catalogue::NO_CERTIFICATES.diagnostic(detail).at(config.path(INSTANCE_ID.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::schema::Schema;
    use crate::tfplugin::value::Value;

    fn paths(arguments: &[(&str, Value)]) -> Vec<String> {
        let schema = Schema::new("", vec![INSTANCE_ID, REGION]).with_blocks(&[TIMEOUTS]);
        let config = schema.null_object().with([("instance_id", "i".into())]).with(arguments.iter().cloned());
        schema.check(&config).iter().filter_map(|error| Some(error.path.as_ref()?.to_string())).collect()
    }

    #[test]
    fn instance_id_that_changes_the_url_path_is_rejected() {
        for id in ["", "../../v3/x", "a b", "a/b", "a?b=1", "a%2Fb", "é", "a.b", "a\n"] {
            assert_eq!(paths(&[("instance_id", id.into())]), ["instance_id"], "{id:?}");
        }
        for id in ["e73893ef73754465a8bd2e0857bbf13ein02", "x", "my_test-1"] {
            assert!(paths(&[("instance_id", id.into())]).is_empty(), "{id:?}");
        }
    }

    #[test]
    fn invalid_values_are_rejected_at_their_paths() {
        let read_timeout = |text: &str| ("timeouts", Value::object([("read", text.into())]));
        let (id, invalid) = (("instance_id", Value::unknown()), ("region", "Not A Region".into()));
        for (arguments, expected) in [
            (vec![id.clone(), ("region", Value::unknown())], vec![]),
            (vec![id, invalid], vec!["region"]),
            (vec![read_timeout("2m")], vec![]),
            (vec![read_timeout("soon")], vec!["timeouts.read"]),
        ] {
            assert_eq!(paths(&arguments), expected);
        }
    }
}
