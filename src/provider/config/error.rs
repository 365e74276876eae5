//! What can be wrong with the provider's settings. `error_messages` turns it into diagnostics.

use std::borrow::Cow;
use std::fmt;

use super::settings::{AGENCY_DOMAIN_NAME, AGENCY_NAME, CERT, DOMAIN_NAME, KEY};
use crate::tfplugin::diagnostic::AttributePath;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The provider block.
    Block,
    /// The environment variable of this name.
    Variable(&'static str),
}

impl Origin {
    /// The variable's name, if it is one.
    pub(in crate::provider) fn variable(self) -> Option<&'static str> {
        match self {
            Self::Block => None,
            Self::Variable(name) => Some(name),
        }
    }
}

/// The command that makes the hcloud CLI store its secrets in a form that other programs can read.
pub(in crate::provider) const DECRYPT: &str = "`hcloud configure set --cli-auth-encrypt=false`";

/// An invalid credentials file that the user did not name, so that the search went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    /// The path as it was looked for.
    pub path: String,
    /// Why the file cannot be used.
    pub reason: String,
    /// Whether its secrets are encrypted.
    pub encrypted: bool,
}

impl fmt::Display for SkippedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {} cannot be used: {}", self.path, self.reason)?;
        if self.encrypted { write!(f, " ({DECRYPT} turns that off)") } else { Ok(()) }
    }
}

/// An error in the provider's settings.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant's text explains its fields")]
pub enum ConfigError {
    /// Neither the block nor a variable sets what every read needs.
    Missing(&'static str),
    /// No source has a credential. The reason for each source.
    NoCredentials(Vec<String>),
    /// A file that the user named has no usable credential.
    File { path: String, setting: &'static str, reason: String, encrypted: bool },
    /// One of a required pair of variables is missing or invalid.
    IncompleteVariables { set: &'static str, missing: &'static str },
    /// An authentication method is missing one of its settings.
    Incomplete { set: &'static str, origin: Origin, missing: &'static str },
    /// A block, or the variables that replace it, is missing a setting.
    IncompleteBlock { block: &'static str, missing: &'static str },
    /// The block has two authentication methods at once.
    Conflict { first: &'static str, second: &'static str },
    /// Two variables are set of which only one can be used.
    ConflictingVariables { first: &'static str, second: &'static str },
    /// The value is not what the setting must be.
    Invalid { path: AttributePath, origin: Origin, expected: Cow<'static, str> },
    /// A certificate or key is neither a text in PEM nor the path of a readable file.
    Unreadable { path: AttributePath, origin: Origin, reason: String },
    /// The content of the file at this setting's path is invalid.
    InvalidFile { path: AttributePath, origin: Origin, expected: &'static str },
    /// The certificate's public key does not match the private key.
    KeyMismatch { certificate: &'static str, key: &'static str },
    /// Files were skipped in the search, and there are other errors as well.
    Skipped { files: Vec<SkippedFile>, used: String },
    /// A key of `endpoints` is not a service that the provider calls.
    UnknownEndpoint { key: String, suggestion: Option<&'static str> },
}

impl ConfigError {
    /// Whether the error lies in the block alone, so that no variable and no file could correct it.
    pub(in crate::provider) fn lies_in_block(&self) -> bool {
        match self {
            Self::Incomplete { origin, missing, .. } => *origin == Origin::Block && !may_come_alone(missing),
            Self::Invalid { origin, .. } => *origin == Origin::Block,
            Self::Conflict { .. } | Self::UnknownEndpoint { .. } => true,
            Self::Missing(_)
            | Self::NoCredentials(_)
            | Self::File { .. }
            | Self::IncompleteVariables { .. }
            | Self::IncompleteBlock { .. }
            | Self::ConflictingVariables { .. }
            | Self::Unreadable { .. }
            | Self::InvalidFile { .. }
            | Self::KeyMismatch { .. }
            | Self::Skipped { .. } => false,
        }
    }
}

/// Whether a setting may come from the environment although what it completes is in the block.
pub(in crate::provider) fn may_come_alone(setting: &str) -> bool {
    [DOMAIN_NAME, AGENCY_NAME, AGENCY_DOMAIN_NAME, CERT, KEY].contains(&setting)
}
