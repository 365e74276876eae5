//! Errors and warnings for the user as plain data, with the place in the configuration they belong to.
//!
//! Deliberately not an error type: a list that holds only warnings is no failure.

use std::error::Error;

/// How grave a diagnostic is. Core stops the node on an error and shows a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The node fails.
    Error,
    /// The user is told.
    Warning,
}

/// One step from a block's root towards a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An argument, a block type or an object's member.
    Attribute(String),
    /// An entry of a map.
    Key(String),
    /// An element of a list, counted from 0.
    Index(i64),
}

/// The way from the outermost block to a value. Empty for that block itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributePath(Vec<Step>);

impl AttributePath {
    /// The path of an attribute or block of the outermost block.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self::default().then(Step::Attribute(name.into()))
    }

    /// The path of an attribute or block in the block at this path.
    pub fn member(&self, name: &str) -> Self {
        self.clone().then(Step::Attribute(name.to_owned()))
    }

    /// The names of attributes and blocks in it, from the outside in.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Attribute(name) => Some(name.as_str()),
            Step::Key(_) | Step::Index(_) => None,
        })
    }

    /// The path with a further step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    /// The steps from the outside in.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl std::fmt::Display for AttributePath {
    /// As it is written in the configuration language: `urls["iam"]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => write!(f, "{name}")?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One message for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A fixed noun phrase in title case without data in it: something to search for.
    pub summary: &'static str,
    /// Whole sentences: what was tried, what came back, one thing to do next.
    pub detail: String,
    /// Where in the configuration it belongs. None for the whole block.
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

    /// The message at this path.
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
        "The configuration that the provider received does not match its schema. Two versions of the provider are in use.",
        "Use the same version of the provider in each step of the run.";
    VALUE_NOT_KNOWN_YET: "Value Not Known Yet",
        "An argument depends on a resource that is not created yet, and the provider requires its value now.",
        "Create that resource first, for example with `-target`, or set the argument to a known value.";
}

/// Errors before warnings, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Inserts a message, unless it is there already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.0.contains(&diagnostic) {
            let end = self.0.partition_point(|other| other.severity <= diagnostic.severity);
            self.0.insert(end, diagnostic);
        }
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.first().is_some_and(|first| first.severity == Severity::Error)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the messages, errors first.
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
        let mut all = Self::default();
        all.extend(diagnostics);
        all
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// An error and what caused it, in one line. Each level's own text must say its own level only.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_before_warnings_in_the_order_they_were_pushed() {
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
    fn equal_diagnostics_are_kept_once_for_each_path() {
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
    fn a_path_reads_as_in_the_configuration() {
        let path = AttributePath::attribute("certs").then(Step::Index(0)).member("category");
        assert_eq!(path.to_string(), "certs[0].category");
        let path = AttributePath::attribute("urls").then(Step::Key("iam".into()));
        assert_eq!(path.to_string(), "urls[\"iam\"]");
    }
}
