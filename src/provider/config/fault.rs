//! What can be wrong with the provider's settings. `explain` puts it into words.

use crate::diagnostic::AttributePath;

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

#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
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
    /// The value has not the form that the setting asks for.
    Malformed { path: AttributePath, origin: Origin, expected: &'static str },
    /// A key of `endpoints` that names no service of ours.
    UnknownEndpoint { key: String, meant: Option<&'static str> },
}

impl Fault {
    /// Whether the block alone is to blame, so that no variable could mend it.
    pub fn lies_in_block(&self) -> bool {
        match self {
            Self::Missing(_)
            | Self::NoCredentials(_)
            | Self::File { .. }
            | Self::HalfVariables { .. }
            | Self::BlockLacks { .. } => false,
            Self::Incomplete { origin, .. } | Self::Malformed { origin, .. } => *origin == Origin::Block,
            Self::Conflict { .. } | Self::UnknownEndpoint { .. } => true,
        }
    }
}
