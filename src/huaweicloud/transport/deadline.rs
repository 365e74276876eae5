//! The time by which a read must be over, handed down to everything that it does.

use std::time::Duration;

use tokio::time::Instant;

/// The end of a read's time, with the limit that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    pub at: Instant,
    /// What the user set, or the default: for messages.
    pub limit: Duration,
    /// Whether the user set the limit. Then it is the only one for a server that never answers.
    pub set_by_user: bool,
}

impl Deadline {
    /// A deadline this long from now, set by the user.
    pub fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit, set_by_user: true }
    }

    /// A deadline this long from now where the user set none.
    pub fn by_default(limit: Duration) -> Self {
        Self { set_by_user: false, ..Self::after(limit) }
    }

    /// The time that is left. Zero once the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// A length of time for people: `90 s`, `1.5 s`, or `500 ms` below a second.
pub fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_secs_f64() * 1000.0);
    }
    let seconds = format!("{:.3}", time.as_secs_f64());
    format!("{} s", seconds.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_they_are() {
        for (time, expected) in [
            (Duration::from_secs(300), "300 s"),
            (Duration::from_secs(60), "60 s"),
            (Duration::from_millis(1500), "1.5 s"),
            (Duration::from_millis(500), "500 ms"),
            (Duration::from_micros(500), "0.5 ms"),
        ] {
            assert_eq!(shown(time), expected);
        }
    }
}
