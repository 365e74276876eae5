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
    fn a_path_reads_as_in_the_configuration() {
        let path = AttributePath::attribute("certs").then(Step::Index(0)).member("category");
        assert_eq!(path.to_string(), "certs[0].category");
        let path = AttributePath::attribute("urls").then(Step::Key("iam".into()));
        assert_eq!(path.to_string(), "urls[\"iam\"]");
    }
}
