//! What a value must be like, as constants on attributes: checked for every known value, and shown in the documentation.

use std::borrow::Cow;
use std::time::Duration;

/// A pure check of one text or number. The same one serves for a value of a block and for one of a variable.
#[derive(Clone, Copy, Debug)]
pub struct Validator(Rule);

#[derive(Clone, Copy, Debug)]
enum Rule {
    OneOf(&'static [&'static str]),
    Matches(fn(&str) -> bool, &'static str),
    Between(i64, i64),
    Duration,
}

/// Accepts these texts and no others.
pub const fn one_of(texts: &'static [&'static str]) -> Validator {
    Validator(Rule::OneOf(texts))
}

/// Accepts the texts for which `fits` is true. `expected` completes "must be".
pub const fn matches(fits: fn(&str) -> bool, expected: &'static str) -> Validator {
    Validator(Rule::Matches(fits, expected))
}

/// Accepts whole numbers from `min` to `max`, both included.
pub const fn between(min: i64, max: i64) -> Validator {
    Validator(Rule::Between(min, max))
}

/// Accepts what [`parse_duration`] reads.
pub const fn duration() -> Validator {
    Validator(Rule::Duration)
}

impl Validator {
    /// Checks a text, or a number in its decimal form. The error is what was expected, which completes "must be".
    pub fn check(&self, text: &str) -> Result<(), Cow<'static, str>> {
        let fits = match self.0 {
            Rule::OneOf(texts) => texts.contains(&text),
            Rule::Matches(fits, _) => fits(text),
            Rule::Between(min, max) => text.parse().is_ok_and(|number: i64| (min..=max).contains(&number)),
            Rule::Duration => parse_duration(text).is_some(),
        };
        if fits { Ok(()) } else { Err(self.expected()) }
    }

    /// What is accepted, in words that complete "must be".
    pub fn expected(&self) -> Cow<'static, str> {
        match self.0 {
            Rule::OneOf([only]) => format!("\"{only}\"").into(),
            Rule::OneOf([others @ .., last]) => {
                format!("one of \"{}\" or \"{last}\"", others.join("\", \"")).into()
            }
            Rule::OneOf([]) => "unset".into(),
            Rule::Matches(_, expected) => expected.into(),
            Rule::Between(min, max) => format!("a whole number from {min} to {max}").into(),
            Rule::Duration => DURATION.into(),
        }
    }
}

/// The form of a duration, in words that complete "must be".
pub const DURATION: &str = "a length of time such as \"30s\" or \"5m\"";

/// The longest that makes sense to wait for one call, and a guard against overflow.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The duration for a text such as `90s`, `1h30m` or `0.5m`: numbers with the units `h`, `m`, `s` and `ms`, as Go's
/// `time.ParseDuration` reads them, up to a day. Zero is no duration.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit_end =
            rest[end..].find(|letter: char| !letter.is_ascii_alphabetic()).map_or(rest.len(), |at| end + at);
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
    (Duration::ZERO < total && total <= LONGEST).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them_up_to_a_day() {
        let good = [("90s", 90.0), ("1h30m", 5400.0), ("0.5m", 30.0), ("250ms", 0.25), (" 5m ", 300.0)];
        for (text, seconds) in good {
            assert_eq!(parse_duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "0s", "5", "5 m", "m", "-5m", "1d", "25h", ".s", "1e9s", "99999999999999h", "é5m"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn refused_value_is_answered_with_what_is_expected() {
        const LOWER: Validator = matches(|text| text == text.to_lowercase(), "in lower case");
        for (validator, good, bad, expected) in [
            (one_of(&["a", "b", "c"]), "b", "B", "one of \"a\", \"b\" or \"c\""),
            (one_of(&["a"]), "a", "", "\"a\""),
            (LOWER, "a", "A", "in lower case"),
            (between(0, 5), "5", "6", "a whole number from 0 to 5"),
            (between(0, 5), "0", "0.5", "a whole number from 0 to 5"),
            (duration(), "5m", "5", DURATION),
        ] {
            assert_eq!(validator.check(good), Ok(()));
            assert_eq!(validator.check(bad), Err(expected.into()));
        }
    }
}
