//! Where credentials are looked for, in order. A source that has nothing leaves it to the next. A fault in what the
//! user named ends the search; a faulty file that merely lies in its usual place is skipped, with a warning. The
//! documentation shows this table.

mod block;
mod container;
mod ecs_metadata;
mod environment;
mod files;
mod oidc;

use super::error::{ConfigError, SkippedFile};
use super::partial_credential::PartialCredential;
use super::reader::ConfigReader;
use crate::huaweicloud::auth::Credential;

pub(super) use oidc::oidc_places;

/// A new place is one file and one line here.
const SOURCES: [Source; 9] = [
    block::SOURCE,
    files::OF_BLOCK,
    environment::OWN,
    environment::OPENSTACK,
    environment::SDK,
    files::HCLOUD,
    files::SDK,
    container::SOURCE,
    ecs_metadata::SOURCE,
];

struct Source {
    place: &'static str,
    /// What makes the place count.
    needs: &'static str,
    look: fn(&mut ConfigReader<'_>, before: &[String]) -> Answer,
}

enum Answer {
    Found(Box<Found>),
    /// Why there is nothing here.
    Nothing(String),
    /// A file that nobody named cannot be used.
    Skipped(SkippedFile),
    /// A fault was noted, or a value is not known yet.
    Stop,
}

/// A credential, and what the source that had it says beside it.
pub(super) struct Found {
    pub(super) credential: Credential,
    /// Whether the credential is that of an agency, rather than of a user.
    pub(super) is_agency: bool,
    pub(super) account_id: Option<String>,
    pub(super) region: Option<String>,
    pub(super) project_id: Option<String>,
}

impl Found {
    fn alone(credential: Credential, is_agency: bool) -> Self {
        Self { credential, is_agency, account_id: None, region: None, project_id: None }
    }
}

impl Answer {
    fn of(credential: Option<Credential>) -> Self {
        credential.map_or(Self::Stop, |credential| Self::Found(Box::new(Found::alone(credential, false))))
    }

    fn agency(credential: Credential) -> Self {
        Self::Found(Box::new(Found::alone(credential, true)))
    }

    fn whole(parts: PartialCredential, given: &mut ConfigReader<'_>) -> Self {
        Self::of(parts.assemble(given))
    }
}

pub(super) fn choose(given: &mut ConfigReader<'_>) -> Option<Found> {
    let mut reasons = Vec::new();
    for source in SOURCES {
        match (source.look)(given, &reasons) {
            Answer::Found(found) => return Some(*found),
            Answer::Nothing(reason) => reasons.push(reason),
            Answer::Skipped(file) => {
                reasons.push(file.to_string());
                given.skipped.push(file);
            }
            Answer::Stop => return None,
        }
    }
    given.faults.push(ConfigError::NoCredentials(reasons));
    None
}

/// The places as a table of the documentation.
pub fn table() -> String {
    let head = "| order | place | what is needed |\n|---|---|---|\n".to_owned();
    SOURCES.iter().zip(1..).fold(head, |table, (Source { place, needs, .. }, order)| {
        format!("{table}| {order} | {place} | {needs} |\n")
    })
}
