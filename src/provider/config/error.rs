//! What can be wrong with the provider's settings. `explain` puts it into words.

use std::fmt;

use super::settings::{CERT, DOMAIN_NAME, KEY, OLD_AGENCY_NAME, OLD_DOMAIN_NAME};
use crate::tfplugin::diagnostic::AttributePath;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Block,
    Variable(&'static str),
}

impl Origin {
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::Block => None,
            Self::Variable(name) => Some(name),
        }
    }
}

/// The command that makes the hcloud CLI keep its secrets in a form that others can read.
pub const DECRYPT: &str = "`hcloud configure set --cli-auth-encrypt=false`";

/// A faulty file of credentials that nobody named, so that the search went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    pub path: String,
    pub reason: String,
    pub encrypted: bool,
}

impl fmt::Display for SkippedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {} cannot be used: {}", self.path, self.reason)?;
        if self.encrypted { write!(f, " ({DECRYPT} turns that off)") } else { Ok(()) }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Neither the block nor a variable gives what every read needs.
    Missing(&'static str),
    /// Why each place that was looked at has none.
    NoCredentials(Vec<String>),
    /// A file that was meant to hold a credential does not.
    File { path: String, setting: &'static str, reason: String, encrypted: bool },
    /// Of variables that go together one is missing, or has no use.
    HalfVariables { has: &'static str, lacks: &'static str },
    /// A way to authenticate lacks one of its parts.
    Incomplete { given: &'static str, origin: Origin, lacks: &'static str },
    /// A block, or the variables in its place, lacks one of its parts.
    BlockLacks { block: &'static str, lacks: &'static str },
    /// Two ways to authenticate at once in the block.
    Conflict { first: &'static str, second: &'static str },
    /// Two variables of which only one can be used.
    ConflictingVariables { first: &'static str, second: &'static str },
    /// The value has not the form that the setting asks for.
    Malformed { path: AttributePath, origin: Origin, expected: &'static str },
    /// A certificate or key that is neither a text in PEM nor the path of a readable file.
    Unreadable { path: AttributePath, origin: Origin, reason: String },
    /// The file at this setting's path does not hold what the setting asks for.
    MalformedFile { path: AttributePath, origin: Origin, expected: &'static str },
    /// The certificate has another public key than the private key belongs to.
    ForeignKey { certificate: &'static str, key: &'static str },
    /// Files were skipped in the search, and what was used instead had other faults.
    Skipped { files: Vec<SkippedFile>, used: String },
    /// A key of `endpoints` that names no service of ours.
    UnknownEndpoint { key: String, meant: Option<&'static str> },
}

impl ConfigError {
    /// Whether the block alone is to blame, so that no variable and no file could correct it.
    pub fn lies_in_block(&self) -> bool {
        match self {
            Self::Missing(_)
            | Self::NoCredentials(_)
            | Self::File { .. }
            | Self::HalfVariables { .. }
            | Self::BlockLacks { .. }
            | Self::ConflictingVariables { .. }
            | Self::Unreadable { .. }
            | Self::MalformedFile { .. }
            | Self::ForeignKey { .. }
            | Self::Skipped { .. } => false,
            Self::Incomplete { origin, lacks, .. } => *origin == Origin::Block && !may_come_alone(lacks),
            Self::Malformed { origin, .. } => *origin == Origin::Block,
            Self::Conflict { .. } | Self::UnknownEndpoint { .. } => true,
        }
    }
}

/// Whether a setting may come from the environment where what it completes is in the block.
pub fn may_come_alone(setting: &str) -> bool {
    [DOMAIN_NAME, OLD_AGENCY_NAME, OLD_DOMAIN_NAME, CERT, KEY].contains(&setting)
}
