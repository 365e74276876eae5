//! The world outside the process: the clock and the environment. The only room that asks std for them, so that
//! a test can hand in its own.

use std::collections::BTreeMap;
use std::time::SystemTime;

/// The environment variables of the process, or a test's own.
#[derive(Clone, Debug)]
pub enum Environment {
    Process,
    Given(BTreeMap<String, String>),
}

impl Environment {
    pub fn given<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::Given(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The variable's value; a blank one counts as unset, as does one that is not UTF-8.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the process environment")]
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match self {
            Self::Process => std::env::var(name).ok(),
            Self::Given(variables) => variables.get(name).cloned(),
        };
        value.filter(|value| !value.trim().is_empty())
    }
}

/// The time of day, or a test's own.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    #[cfg(test)]
    Fixed(SystemTime),
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the system clock")]
    pub fn now(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            #[cfg(test)]
            Self::Fixed(time) => *time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_variable_is_unset() {
        let environment = Environment::given([("BLANK", " \t"), ("SET", " x ")]);
        assert_eq!(environment.get("BLANK"), None);
        assert_eq!(environment.get("SET").as_deref(), Some(" x "));
        assert_eq!(environment.get("ABSENT"), None);
    }
}
