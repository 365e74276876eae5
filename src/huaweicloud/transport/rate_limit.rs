//! One client-side rate limiter per host. All requests of a provider configuration to that host go through it.

mod pace;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Deadline, Response, TransportError};
use pace::{Admission, Pace, Ticket};

/// The limiters of all hosts that were asked so far.
#[derive(Default)]
pub(super) struct RateLimiters(Mutex<HashMap<String, Arc<RateLimiter>>>);

#[derive(Default)]
pub(super) struct RateLimiter {
    pace: Mutex<Pace>,
    /// Held by the next request to send: requests are sent in the order of their arrival.
    front: tokio::sync::Mutex<()>,
    /// Tells the next request that the pace may have changed.
    changed: Notify,
    /// The longest pause that the server has asked for.
    retry_after: watch::Sender<Option<RetryAfter>>,
    last_throttled: Mutex<Option<Response>>,
    silence: Mutex<Silence>,
}

#[derive(Clone, Copy)]
struct RetryAfter {
    asked: Duration,
    until: Instant,
}

/// Permission to send a request, which counts as lost if this is dropped without an answer.
pub(super) struct Permit {
    limiter: Arc<RateLimiter>,
    /// None once the answer is known.
    ticket: Option<Ticket>,
}

/// Why a request is not sent.
pub(super) enum Rejection {
    /// The deadline passed in the queue. With the last 429 of the host, if there was one.
    Deadline(Option<Response>),
    /// The server has asked for a pause that ends after the deadline.
    RetryAfter { answer: Option<Response>, asked: Duration },
}

impl RateLimiters {
    /// The limiter of this host and port.
    pub(super) fn of(&self, authority: &str) -> Arc<RateLimiter> {
        lock(&self.0).entry(authority.to_owned()).or_default().clone()
    }
}

impl RateLimiter {
    /// Waits until a request may be sent, or until the deadline. A dropped future leaves the queue.
    pub(super) async fn acquire(self: &Arc<Self>, deadline: Deadline) -> Result<Permit, Rejection> {
        // Without a queue a read needs no timer.
        if let Ok(_front) = self.front.try_lock()
            && let Admission::Now(ticket) = lock(&self.pace).admit(Instant::now())
        {
            return Ok(self.permit(ticket));
        }
        let queue = async {
            tokio::select! {
                biased;
                asked = self.retry_after_beyond(deadline) => Err(asked),
                ticket = self.queue() => Ok(ticket),
            }
        };
        match timeout_at(deadline.at, queue).await {
            Ok(Ok(ticket)) => Ok(self.permit(ticket)),
            Ok(Err(asked)) => Err(Rejection::RetryAfter { answer: self.last_throttled(), asked }),
            Err(_) => Err(Rejection::Deadline(self.last_throttled())),
        }
    }

    async fn queue(&self) -> Ticket {
        let _front = self.front.lock().await;
        loop {
            let admission = lock(&self.pace).admit(Instant::now());
            match admission {
                Admission::Now(ticket) => return ticket,
                Admission::AfterAnswer => self.changed.notified().await,
                Admission::NotBefore(time) => tokio::select! {
                    () = sleep_until(time) => {}
                    () = self.changed.notified() => {}
                },
            }
        }
    }

    /// Returns when the server has asked for a pause that ends after the deadline.
    async fn retry_after_beyond(&self, deadline: Deadline) -> Duration {
        let mut retry_after = self.retry_after.subscribe();
        loop {
            let longest = *retry_after.borrow_and_update();
            if let Some(longest) = longest.filter(|retry_after| retry_after.until > deadline.at) {
                return longest.asked;
            }
            if retry_after.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn permit(self: &Arc<Self>, ticket: Ticket) -> Permit {
        Permit { limiter: self.clone(), ticket: Some(ticket) }
    }

    /// The last error, if the host has been silent for so long that it is not tried again after this pause.
    pub(super) fn silent_too_long(&self, pause: Duration) -> Option<TransportError> {
        lock(&self.silence).too_long(Instant::now(), pause).cloned()
    }

    fn last_throttled(&self) -> Option<Response> {
        lock(&self.last_throttled).clone()
    }
}

impl Permit {
    /// An answer other than 429 came.
    pub(super) fn answered(mut self) {
        lock(&self.limiter.silence).end(Instant::now());
        self.finish(|pace, ticket, now| pace.answered(ticket, now));
    }

    /// A 429 came.
    pub(super) fn throttled(mut self, response: &Response, asked: Option<Duration>) {
        lock(&self.limiter.silence).end(Instant::now());
        *lock(&self.limiter.last_throttled) = Some(response.clone());
        self.finish(|pace, ticket, now| pace.throttled(ticket, now, asked));
        if let Some(asked) = asked {
            let until = Instant::now() + asked;
            self.limiter.retry_after.send_if_modified(|longest| {
                let is_longer = longest.is_none_or(|longest| longest.until < until);
                if is_longer {
                    *longest = Some(RetryAfter { asked, until });
                }
                is_longer
            });
        }
    }

    /// No answer came.
    pub(super) fn failed(mut self, error: &TransportError) {
        if let Some(ticket) = self.ticket
            && error.is_silence(ticket.at().elapsed())
        {
            lock(&self.limiter.silence).extend(ticket.at(), Instant::now(), error.clone());
        }
        self.finish(|pace, ticket, now| pace.lost(ticket, now));
    }

    fn finish(&mut self, with: impl FnOnce(&mut Pace, Ticket, Instant)) {
        if let Some(ticket) = self.ticket.take() {
            with(&mut lock(&self.limiter.pace), ticket, Instant::now());
            self.limiter.changed.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.finish(|pace, ticket, now| pace.lost(ticket, now));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Limit of the time without any answer, for all readers together, unless three tries take longer.
const LONGEST: Duration = Duration::from_secs(90);

/// Tries without an answer that are always allowed, however long they take.
const TRIES: u32 = 3;

/// After this time without a try the host may be there again.
const MEMORY: Duration = Duration::from_secs(30);

/// The time since a host last answered. Pure: the caller tells the time.
#[derive(Default)]
struct Silence {
    record: Option<Record>,
    answered: Option<Instant>,
}

struct Record {
    since: Instant,
    /// When the last try ended, how long it took, and how it failed.
    last: Instant,
    took: Duration,
    error: TransportError,
}

impl Silence {
    /// Records a try without an answer.
    fn extend(&mut self, began: Instant, now: Instant, error: TransportError) {
        let first = self.current(began).map_or(began, |record| record.since.min(began));
        let since = self.answered.map_or(first, |answered| answered.max(first));
        let took = now.saturating_duration_since(began);
        self.record = Some(Record { since, last: now, took, error });
    }

    /// Records an answer.
    fn end(&mut self, now: Instant) {
        *self = Self { record: None, answered: Some(now) };
    }

    /// The last failure, if another try after this pause would exceed the longest silence.
    fn too_long(&self, now: Instant, pause: Duration) -> Option<&TransportError> {
        let record = self.current(now)?;
        let until = now.saturating_duration_since(record.since) + pause + record.took;
        (until > LONGEST.max(record.took * TRIES)).then_some(&record.error)
    }

    fn current(&self, now: Instant) -> Option<&Record> {
        self.record.as_ref().filter(|record| now.saturating_duration_since(record.last) <= MEMORY)
    }
}
