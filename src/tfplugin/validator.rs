//! Validators for the values of attributes. They also appear in the documentation of the attribute.

use std::borrow::Cow;
use std::time::Duration;

/// A validator for a string or a number. It is also used for values of environment variables.
#[derive(Clone, Copy, Debug)]
pub struct Validator(ValidationRule);

#[derive(Clone, Copy, Debug)]
enum ValidationRule {
    OneOf(&'static [&'static str]),
    Matches(fn(&str) -> bool, &'static str),
    Between(i64, i64),
    Duration,
}

/// Accepts one of these strings.
pub const fn one_of(strings: &'static [&'static str]) -> Validator {
    Validator(ValidationRule::OneOf(strings))
}

/// Accepts the strings for which `is_valid` is true. `expected` is a phrase after "must be".
pub const fn matches(is_valid: fn(&str) -> bool, expected: &'static str) -> Validator {
    Validator(ValidationRule::Matches(is_valid, expected))
}

/// Accepts whole numbers from `min` to `max`, inclusive.
pub const fn between(min: i64, max: i64) -> Validator {
    Validator(ValidationRule::Between(min, max))
}

/// Accepts the strings that [`parse_duration`] accepts.
pub const fn duration() -> Validator {
    Validator(ValidationRule::Duration)
}

impl Validator {
    /// Validates a string or a decimal number. The error is [`Self::expected`].
    pub fn check(&self, string: &str) -> Result<(), Cow<'static, str>> {
        let is_valid = match self.0 {
            ValidationRule::OneOf(strings) => strings.contains(&string),
            ValidationRule::Matches(is_valid, _) => is_valid(string),
            ValidationRule::Between(min, max) => {
                string.parse().is_ok_and(|number: i64| (min..=max).contains(&number))
            }
            ValidationRule::Duration => parse_duration(string).is_some(),
        };
        if is_valid { Ok(()) } else { Err(self.expected()) }
    }

    /// The accepted values, as a phrase after "must be".
    pub fn expected(&self) -> Cow<'static, str> {
        match self.0 {
            ValidationRule::OneOf([only]) => format!("\"{only}\"").into(),
            ValidationRule::OneOf([others @ .., last]) => {
                format!("one of \"{}\" or \"{last}\"", others.join("\", \"")).into()
            }
            ValidationRule::OneOf([]) => "not set".into(),
            ValidationRule::Matches(_, expected) => expected.into(),
            ValidationRule::Between(min, max) => format!("a whole number from {min} to {max}").into(),
            ValidationRule::Duration => DURATION.into(),
        }
    }
}

/// The format of a duration, as a phrase after "must be".
pub const DURATION: &str = "a duration such as \"30s\" or \"5m\"";

/// The maximum duration. It prevents an overflow.
const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);

/// Parses a duration such as `90s`, `1h30m` or `0.5m`.
///
/// The format is that of Go's `time.ParseDuration` with the units `h`, `m`, `s` and `ms`. A duration must be greater than
/// zero and at most 24 hours.
pub fn parse_duration(string: &str) -> Option<Duration> {
    let mut rest = string.trim();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit_end = rest[end..]
            .find(|character: char| !character.is_ascii_alphabetic())
            .map_or(rest.len(), |length| end + length);
        let seconds = match &rest[end..unit_end] {
            "h" => number * 3600.0,
            "m" => number * 60.0,
            "s" => number,
            "ms" => number / 1000.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = &rest[unit_end..];
    }
    (Duration::ZERO < total && total <= MAX_DURATION).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_in_go_up_to_a_day() {
        let valid = [("90s", 90.0), ("1h30m", 5400.0), ("0.5m", 30.0), ("250ms", 0.25), (" 5m ", 300.0)];
        for (string, seconds) in valid {
            assert_eq!(parse_duration(string), Some(Duration::from_secs_f64(seconds)), "{string}");
        }
        for string in ["", "0s", "5", "5 m", "m", "-5m", "1d", "25h", ".s", "1e9s", "99999999999999h", "é5m"]
        {
            assert_eq!(parse_duration(string), None, "{string}");
        }
    }

    #[test]
    fn rejected_value_returns_the_expected_format() {
        const LOWER: Validator = matches(|string| string == string.to_lowercase(), "in lower case");
        for (validator, valid, invalid, expected) in [
            (one_of(&["a", "b", "c"]), "b", "B", "one of \"a\", \"b\" or \"c\""),
            (one_of(&["a"]), "a", "", "\"a\""),
            (LOWER, "a", "A", "in lower case"),
            (between(0, 5), "5", "6", "a whole number from 0 to 5"),
            (between(0, 5), "0", "0.5", "a whole number from 0 to 5"),
            (duration(), "5m", "5", DURATION),
        ] {
            assert_eq!(validator.check(valid), Ok(()));
            assert_eq!(validator.check(invalid), Err(expected.into()));
        }
    }
}
