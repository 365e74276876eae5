//! The agency of the virtual machine, by the ECS metadata service. It is tried last, and asked by the first read only.

use super::{Answer, Source};
use crate::huaweicloud::auth::{Credential, KeyProvider, temporary_key};
use crate::provider::config::reader::ConfigReader;
use crate::provider::config::settings::SKIP_METADATA;
use crate::provider::config::validate::parse_bool;

pub(super) const SOURCE: Source = Source {
    place: "ECS metadata service",
    needs: "a machine with an agency; asked for 3 s at most, without a proxy, and only if nothing else is there. \
            `skip_metadata` leaves it out",
    look,
};

fn look(given: &mut ConfigReader<'_>, before: &[String]) -> Answer {
    if given.waits_for(SKIP_METADATA) {
        return Answer::Stop;
    }
    match given.parsed(SKIP_METADATA, "true or false", parse_bool) {
        Some(true) => Answer::Nothing(format!("{SKIP_METADATA} leaves the ECS metadata service out")),
        Some(false) => Answer::of(Some(credential(before.to_vec()))),
        None => Answer::Stop,
    }
}

/// `others` are the places that were asked before, with their reasons.
pub(super) fn credential(others: Vec<String>) -> Credential {
    let source = temporary_key::KeySource::Metadata { others };
    Credential::KeyProvider(KeyProvider::new(source, "the ECS metadata service".to_owned()))
}
