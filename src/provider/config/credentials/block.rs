//! The provider block's own arguments.

use super::{Answer, Source, oidc};
use crate::provider::config::error::ConfigError;
use crate::provider::config::partial_credential::{PartialCredential, WAYS};
use crate::provider::config::reader::ConfigReader;

pub(super) const SOURCE: Source = Source {
    place: "provider block",
    needs: "one of `assume_role_with_oidc`; `token`; `access_key` and `secret_key` (and `security_token` for temporary \
            keys); `password` with `user_id`, or with `user_name` and `domain_name` or `domain_id`",
    look,
};

fn look(given: &mut ConfigReader<'_>, _: &[String]) -> Answer {
    let Ok(federation) = oidc::of_block(given) else { return Answer::Stop };
    let ways = WAYS.iter().filter_map(|way| PartialCredential::in_block(given, way));
    let (mut ways, open): (Vec<_>, Vec<_>) = ways.partition(PartialCredential::is_certain);
    if ways.len() > 1 {
        let conflict =
            |other: &PartialCredential| ConfigError::Conflict { first: ways[0].name(), second: other.name() };
        given.faults.extend(ways[1..].iter().map(conflict));
        return Answer::Stop;
    }
    match (federation, ways.pop()) {
        (Some(_), Some(parts)) => {
            given.faults.push(ConfigError::Conflict { first: "assume_role_with_oidc", second: parts.name() });
            Answer::Stop
        }
        // It is noted as unknown, and may be a second way or none at all.
        _ if !open.is_empty() => Answer::Stop,
        (Some(credential), None) => Answer::agency(credential),
        (None, Some(parts)) => Answer::whole(parts, given),
        (None, None) => Answer::Nothing("the provider block has no credential".to_owned()),
    }
}
