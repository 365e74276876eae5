//! Errors and warnings for the user, each with the path of the value in the configuration.
//!
//! [`Diagnostics`] is not an error type, because a list of warnings is not a failure.

use std::error::Error;

/// The severity of a diagnostic. Terraform continues after a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The operation failed.
    Error,
    /// The operation succeeded.
    Warning,
}

/// One step of an [`AttributePath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// The name of an attribute, a block type or an attribute of an object.
    AttributeName(String),
    /// The key of a map element.
    MapKey(String),
    /// The index of a list element, from 0.
    ListIndex(i64),
}

/// The path of a value in a block. An empty path is the path of the block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributePath(Vec<PathStep>);

impl AttributePath {
    /// The path of an attribute or nested block at the root.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self(vec![PathStep::AttributeName(name.into())])
    }

    /// The path of an attribute or nested block in the value at this path.
    #[must_use]
    pub fn at_name(&self, name: &str) -> Self {
        self.with(PathStep::AttributeName(name.to_owned()))
    }

    /// The path of a map element.
    #[must_use]
    pub fn at_map_key(&self, key: &str) -> Self {
        self.with(PathStep::MapKey(key.to_owned()))
    }

    /// The path of a list element. The first element has the index 0.
    #[must_use]
    pub fn at_list_index(&self, index: i64) -> Self {
        self.with(PathStep::ListIndex(index))
    }

    fn with(&self, step: PathStep) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The names of the attributes and blocks in the path, from the root.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            PathStep::AttributeName(name) => Some(name.as_str()),
            PathStep::MapKey(_) | PathStep::ListIndex(_) => None,
        })
    }

    /// The steps of the path, from the root.
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }
}

impl std::fmt::Display for AttributePath {
    /// Formats the path as in the configuration language: `urls["iam"]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::AttributeName(name) if position == 0 => write!(f, "{name}")?,
                PathStep::AttributeName(name) => write!(f, ".{name}")?,
                PathStep::MapKey(key) => write!(f, "[{key:?}]")?,
                PathStep::ListIndex(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// An error or a warning for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A constant noun phrase in title case, without values. Users search for it.
    pub summary: &'static str,
    /// Whole sentences: what failed, what came back, and one thing to do.
    pub detail: String,
    /// The path of the value with the problem. `None` if the problem concerns the whole block.
    pub path: Option<AttributePath>,
}

impl Diagnostic {
    /// An error without a path.
    pub fn error(summary: &'static str, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Error, summary, detail: detail.into(), path: None }
    }

    /// A warning without a path.
    pub fn warning(summary: &'static str, detail: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary, detail) }
    }

    /// The diagnostic with this path.
    #[must_use]
    pub fn at(mut self, path: AttributePath) -> Self {
        self.path = Some(path);
        self
    }
}

/// The documentation of a diagnostic, for a list of all messages of a provider.
#[derive(Debug, PartialEq, Eq)]
pub struct MessageDoc {
    /// The summary of the diagnostic.
    pub summary: &'static str,
    /// What the diagnostic means, as whole sentences.
    pub meaning: &'static str,
    /// What the user should do, as whole sentences.
    pub action: &'static str,
}

impl MessageDoc {
    /// An error with this summary, without a path.
    pub fn error(&self, detail: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.summary, detail)
    }

    /// A warning with this summary, without a path.
    pub fn warning(&self, detail: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(self.summary, detail)
    }
}

/// Declares a constant for each message, and `MESSAGES` with all of them.
macro_rules! messages {
    ($($name:ident: $summary:literal, $meaning:literal, $action:literal;)*) => {
        $(pub(in crate::tfplugin) const $name: MessageDoc =
            MessageDoc { summary: $summary, meaning: $meaning, action: $action };)*

        /// All diagnostics that the plugin framework returns, for any provider.
        pub const MESSAGES: &[MessageDoc] = &[$($name),*];
    };
}

messages! {
    INVALID_ATTRIBUTE_VALUE: "Invalid Attribute Value",
        "The value of an argument does not match its type or its documented format.",
        "Correct the value. The message contains the expected format.";
    MISSING_REQUIRED_ATTRIBUTE: "Missing Required Attribute",
        "A required argument is null, for example because a variable has no value.",
        "Set the argument to a value, or remove the block.";
    OPERATION_CANCELLED: "Operation Cancelled",
        "The run was interrupted before the operation was complete.",
        "Run the command again.";
    PROVIDER_BUG: "Provider Bug",
        "The provider crashed in this operation, or its result does not match its schema. The configuration is not the \
         cause.",
        "Report the message to the developers of the provider, with the log that `TF_LOG=TRACE` writes.";
    PROVIDER_NOT_CONFIGURED: "Provider Not Configured",
        "The program that started the provider requested an operation before it configured the provider.",
        "Report the message to the developers of that program. Terraform and OpenTofu always configure a provider first.";
    PROVIDER_SETTING_NOT_KNOWN_YET: "Provider Setting Not Known Yet",
        "A setting in the provider block depends on a resource that is not created yet.",
        "Create that resource first, for example with `-target`, or set the setting to a known value.";
    READ_ONLY_ATTRIBUTE_SET: "Read-Only Attribute Set",
        "The configuration contains an attribute that only the provider can set.",
        "Remove the attribute from the block.";
    UNKNOWN_DATA_SOURCE_TYPE: "Unknown Data Source Type",
        "The provider has no data source with this name.",
        "Check the spelling, and the version of the provider in `required_providers`.";
    UNKNOWN_EPHEMERAL_RESOURCE_TYPE: "Unknown Ephemeral Resource Type",
        "The provider has no ephemeral resource with this name.",
        "Check the spelling, and the version of the provider in `required_providers`.";
    UNREADABLE_CONFIGURATION: "Unreadable Configuration",
        "The configuration that the provider received does not match its schema. The usual cause is that \
         two versions of the provider are in use.",
        "Use the same version of the provider in each step of the run.";
    VALUE_NOT_KNOWN_YET: "Value Not Known Yet",
        "An argument depends on a resource that is not created yet, and the provider requires its value now.",
        "Create that resource first, for example with `-target`, or set the argument to a known value.";
}

/// A list of diagnostics without duplicates, errors first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Inserts a diagnostic, unless the list contains it.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.0.contains(&diagnostic) {
            let end = self.0.partition_point(|other| other.severity <= diagnostic.severity);
            self.0.insert(end, diagnostic);
        }
    }

    /// Whether the list contains an error.
    pub fn has_errors(&self) -> bool {
        self.0.first().is_some_and(|first| first.severity == Severity::Error)
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the diagnostics, errors first.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        let mut unique = Self::default();
        unique.extend(diagnostics);
        unique
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The message of an error and of all its sources, in one line.
///
/// The `Display` of each error must not contain its source.
pub fn error_chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(error.to_string(), |message, cause| format!("{message}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_listed_before_warnings() {
        let all: Diagnostics = [
            Diagnostic::warning("First Warning", ""),
            Diagnostic::error("First Error", ""),
            Diagnostic::warning("Second Warning", ""),
            Diagnostic::error("Second Error", ""),
        ]
        .into_iter()
        .collect();
        let summaries: Vec<_> = all.iter().map(|diagnostic| diagnostic.summary).collect();
        assert_eq!(summaries, ["First Error", "Second Error", "First Warning", "Second Warning"]);
        assert!(all.has_errors());
    }

    #[test]
    fn equal_diagnostics_are_listed_once_per_path() {
        let mut all = Diagnostics::default();
        for name in ["region", "region", "token"] {
            all.push(Diagnostic::warning("Twice", "").at(AttributePath::attribute(name)));
        }
        assert_eq!(all.iter().count(), 2);
        assert!(!all.has_errors());
    }

    #[test]
    fn summaries_of_the_framework_are_unique_and_in_title_case() {
        let mut summaries = std::collections::BTreeSet::new();
        for MessageDoc { summary, meaning, action } in MESSAGES {
            assert!(summaries.insert(summary), "{summary} appears twice");
            assert!(summary.split(' ').all(|word| word.starts_with(char::is_uppercase)), "{summary}");
            assert!(meaning.ends_with('.') && action.ends_with('.'), "{summary} needs whole sentences");
        }
    }

    #[test]
    fn framework_uses_only_summaries_of_the_table() {
        fn check(dir: &std::path::Path, unregistered: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    check(&path, unregistered);
                } else if !path.ends_with("diagnostic.rs") {
                    let source = std::fs::read_to_string(&path).unwrap();
                    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
                    let makes_its_own = ["Diagnostic::error(", "Diagnostic::warning(", "summary: \""];
                    if makes_its_own.iter().any(|call| code.contains(call)) {
                        unregistered.push(path.display().to_string());
                    }
                }
            }
        }
        let mut unregistered = Vec::new();
        check(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tfplugin"), &mut unregistered);
        assert!(unregistered.is_empty(), "these files must use a constant of MESSAGES: {unregistered:?}");
    }

    #[test]
    fn path_is_formatted_as_in_the_configuration() {
        let path = AttributePath::attribute("certs").at_list_index(0).at_name("category");
        assert_eq!(path.to_string(), "certs[0].category");
        let path = AttributePath::attribute("urls").at_map_key("iam");
        assert_eq!(path.to_string(), "urls[\"iam\"]");
    }
}
