//! Errors in the provider's settings. `error_messages` turns them into diagnostics.

use std::borrow::Cow;
use std::fmt;

use super::settings::{AGENCY_DOMAIN_NAME, AGENCY_NAME, CERT, DOMAIN_NAME, KEY};
use crate::tfplugin::diagnostic::AttributePath;

/// The origin of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The provider block.
    Block,
    /// The environment variable of this name.
    Variable(&'static str),
}

impl Origin {
    /// Returns the variable's name, or None for the block.
    pub(in crate::provider) fn variable(self) -> Option<&'static str> {
        match self {
            Self::Block => None,
            Self::Variable(name) => Some(name),
        }
    }
}

/// The command that makes KooCLI store its secrets without encryption.
pub(in crate::provider) const DECRYPT: &str = "`hcloud configure set --cli-auth-encrypt=false`";

/// An invalid credentials file at a default path, which was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedFile {
    /// The path, with `~` for the home directory.
    pub path: String,
    /// The reason, for messages.
    pub reason: String,
    /// Whether its secrets are encrypted.
    pub encrypted: bool,
}

impl fmt::Display for SkippedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file {} cannot be used: {}", self.path, self.reason)?;
        if self.encrypted { write!(f, " ({DECRYPT} disables the encryption)") } else { Ok(()) }
    }
}

/// An error in the provider's settings.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the comment of each variant explains its fields")]
pub enum ConfigError {
    /// A setting that every read needs is not set.
    Missing(&'static str),
    /// No credential source has a credential. Contains one reason for each source.
    NoCredentials(Vec<String>),
    /// A credentials file that a setting names cannot be used.
    File { path: String, setting: &'static str, reason: String, encrypted: bool },
    /// One of a required pair of variables is missing or invalid.
    IncompleteVariables { set: &'static str, missing: &'static str },
    /// A setting needs another one that is not set.
    Incomplete { set: &'static str, origin: Origin, missing: &'static str },
    /// A block, or the variables that replace it, lacks a required setting.
    IncompleteBlock { block: &'static str, missing: &'static str, reads_variables: bool },
    /// The block has two authentication methods.
    Conflict { first: &'static str, second: &'static str },
    /// Two alternative variables are both set.
    ConflictingVariables { first: &'static str, second: &'static str },
    /// The validator of the setting rejected the value.
    Invalid { path: AttributePath, origin: Origin, expected: Cow<'static, str> },
    /// A certificate or key is neither PEM nor the path of a readable file.
    Unreadable { path: AttributePath, origin: Origin, reason: String },
    /// The file that the setting names has invalid content.
    InvalidFile { path: AttributePath, origin: Origin },
    /// The certificate's public key does not match the private key.
    KeyMismatch { certificate: &'static str, key: &'static str },
    /// Credentials files were skipped, and the settings also have errors.
    SkippedFiles { files: Vec<SkippedFile>, used: String },
    /// A key of `endpoints` is not a service that the provider calls.
    UnknownEndpoint { key: String, suggestion: Option<&'static str> },
}

impl ConfigError {
    /// Whether only a change of the block can correct the error: no variable and no file can.
    pub(in crate::provider) fn is_block_only(&self) -> bool {
        match self {
            Self::Incomplete { origin, missing, .. } => {
                *origin == Origin::Block && !may_come_from_environment(missing)
            }
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
            | Self::SkippedFiles { .. } => false,
        }
    }
}

/// Whether a variable may complete the block with this setting.
pub(in crate::provider) fn may_come_from_environment(setting: &str) -> bool {
    [DOMAIN_NAME, AGENCY_NAME, AGENCY_DOMAIN_NAME, CERT, KEY].contains(&setting)
}

/// Whether the setting is a part of the client certificate.
pub(in crate::provider) fn is_client_certificate(setting: &str) -> bool {
    [CERT, KEY].contains(&setting)
}
