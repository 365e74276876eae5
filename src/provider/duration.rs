//! Lengths of time as users write them in Terraform: `90s`, `1h30m`, `0.5m`.

use std::time::Duration;

/// For texts that say what is wanted.
pub const FORM: &str = "a length of time such as \"30s\" or \"5m\"";

/// The longest that makes sense to wait for one read, and a guard against overflow.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Numbers with the units `h`, `m`, `s` and `ms`, as Go's `time.ParseDuration` reads them, up to a day. Zero is no
/// length.
pub fn parse(text: &str) -> Option<Duration> {
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
    fn lengths_are_read_as_go_reads_them() {
        for (text, seconds) in
            [("90s", 90.0), ("1h30m", 5400.0), ("0.5m", 30.0), ("250ms", 0.25), (" 5m ", 300.0)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_or_too_long_a_one_is_refused() {
        for text in ["", "0s", "5", "5 m", "m", "-5m", "1d", "25h", ".s", "1e9s", "99999999999999h", "é5m"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
