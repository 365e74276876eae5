//! For how long a host has not answered at all. Pure: the caller tells the time.

use std::time::Duration;

use tokio::time::Instant;

use crate::huaweicloud::transport::TransportError;

/// Tries without an answer take no longer than this in all, whoever makes them, unless one may take longer by itself.
const LONGEST: Duration = Duration::from_secs(90);

/// How often a try without an answer can be made in any case, however long it takes.
const TRIES: u32 = 3;

/// After so much time without a new try nothing is known of the host any more.
const MEMORY: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Silence {
    record: Option<Record>,
    answered: Option<Instant>,
}

struct Record {
    since: Instant,
    /// When the last try ended, how long it took, and how it failed.
    last: Instant,
    took: Duration,
    failure: TransportError,
}

impl Silence {
    /// A try that began then brought no answer until now.
    pub fn extend(&mut self, began: Instant, now: Instant, failure: TransportError) {
        let first = self.current(began).map_or(began, |record| record.since.min(began));
        let since = self.answered.map_or(first, |answered| answered.max(first));
        let took = now.saturating_duration_since(began);
        self.record = Some(Record { since, last: now, took, failure });
    }

    /// An answer came.
    pub fn end(&mut self, now: Instant) {
        *self = Self { record: None, answered: Some(now) };
    }

    /// The last failure, if another try after this pause would exceed the longest silence.
    pub fn too_long(&self, now: Instant, pause: Duration) -> Option<&TransportError> {
        let record = self.current(now)?;
        let until = now.saturating_duration_since(record.since) + pause + record.took;
        (until > LONGEST.max(record.took * TRIES)).then_some(&record.failure)
    }

    fn current(&self, now: Instant) -> Option<&Record> {
        self.record.as_ref().filter(|record| now.saturating_duration_since(record.last) <= MEMORY)
    }
}
