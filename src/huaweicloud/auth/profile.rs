//! Credentials that other tools of the cloud keep in files: the hcloud CLI (KooCLI) and the official SDKs.
//!
//! Pure: the caller reads the file. "Nothing in it for us" is `None`, "meant for us and broken" is an error.

pub mod hcloud;
pub mod sdk;
#[cfg(test)]
mod tests;

use super::Account;
use crate::system::secret::SecretString;

/// What a profile holds. Region, project and account serve where nothing else gives them.
#[derive(Debug)]
pub struct Profile {
    pub stored: Stored,
    /// To take on with that: its name and its account.
    pub agency: Option<(String, Account)>,
    pub region: Option<String>,
    pub project_id: Option<String>,
    pub domain_id: Option<String>,
}

pub enum Stored {
    Key {
        id: String,
        secret: SecretString,
        security_token: Option<SecretString>,
    },
    Token(SecretString),
    /// An identity provider's token, in a file of its own.
    IdToken {
        provider: String,
        file: String,
    },
    /// None: the machine's own agency is meant.
    Machine,
}

/// Why a profile that was meant for us cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("it is not {0}")]
    Form(&'static str),
    #[error("it has no profile {name:?}, but {}", names(.known))]
    NoProfile { name: String, known: Vec<String> },
    #[error("its secrets are encrypted, and only the hcloud program itself can read them")]
    Encrypted,
    #[error("the profile {profile:?} has no {lacks}")]
    Incomplete { profile: String, lacks: &'static str },
    /// The value is not shown: it may be a secret.
    #[error(
        "the {field} of the profile {profile:?} has blanks, line breaks or other signs that cannot be sent"
    )]
    Unsendable { profile: String, field: &'static str },
    #[error("the profile {profile:?} expired at {at}")]
    Expired { profile: String, at: String },
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none at all".to_owned() } else { names.join(", ") }
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key { .. } => "Key",
            Self::Token(_) => "Token",
            Self::IdToken { .. } => "IdToken",
            Self::Machine => "Machine",
        })
    }
}
