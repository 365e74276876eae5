//! A client-side rate limiter per host. All requests of a provider configuration to a host pass it.

mod congestion;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Deadline, Response, TransportError};
use congestion::{CongestionControl, SendDecision, SentRequest};

/// The rate limiters by host and port.
#[derive(Default)]
pub(super) struct RateLimiters(Mutex<HashMap<String, Arc<RateLimiter>>>);

#[derive(Default)]
pub(super) struct RateLimiter {
    control: Mutex<CongestionControl>,
    /// Held by the first request in the queue. Requests are sent in the order in which they arrive.
    queue_head: tokio::sync::Mutex<()>,
    /// Wakes the first request in the queue when its time to send may have changed.
    changed: Notify,
    /// The longest delay that the server has requested.
    retry_after: watch::Sender<Option<RetryAfter>>,
    last_throttled: Mutex<Option<Response>>,
    no_response: Mutex<NoResponseTracker>,
}

#[derive(Clone, Copy)]
struct RetryAfter {
    delay: Duration,
    until: Instant,
}

/// Allows a request to be sent. Dropped without a result, it counts as a request without a response.
pub(super) struct Permit {
    limiter: Arc<RateLimiter>,
    /// `None` once the result is recorded.
    sent: Option<SentRequest>,
}

/// The reason why a request is not sent.
pub(super) enum AcquireError {
    /// The deadline passed in the queue. Contains the last 429 of the host, if there was one.
    DeadlineExceeded(Option<Response>),
    /// The server requested a delay that ends after the deadline.
    RetryAfter { response: Option<Response>, delay: Duration },
}

impl RateLimiters {
    /// Returns the limiter of this host and port.
    pub(super) fn for_host(&self, authority: &str) -> Arc<RateLimiter> {
        lock(&self.0).entry(authority.to_owned()).or_default().clone()
    }
}

impl RateLimiter {
    /// Waits until a request may be sent, or until the deadline. Dropping the future leaves the queue.
    pub(super) async fn acquire(self: &Arc<Self>, deadline: Deadline) -> Result<Permit, AcquireError> {
        // Without a queue, a read needs no timer.
        if let Ok(_head) = self.queue_head.try_lock()
            && let SendDecision::Now(sent) = lock(&self.control).try_send(Instant::now())
        {
            return Ok(self.permit(sent));
        }
        let queue = async {
            tokio::select! {
                biased;
                delay = self.retry_after_beyond(deadline) => Err(delay),
                sent = self.queue() => Ok(sent),
            }
        };
        match timeout_at(deadline.at, queue).await {
            Ok(Ok(sent)) => Ok(self.permit(sent)),
            Ok(Err(delay)) => Err(AcquireError::RetryAfter { response: self.last_throttled(), delay }),
            Err(_) => Err(AcquireError::DeadlineExceeded(self.last_throttled())),
        }
    }

    async fn queue(&self) -> SentRequest {
        let _head = self.queue_head.lock().await;
        loop {
            let decision = lock(&self.control).try_send(Instant::now());
            match decision {
                SendDecision::Now(sent) => return sent,
                SendDecision::AfterResponse => self.changed.notified().await,
                SendDecision::NotBefore(time) => tokio::select! {
                    () = sleep_until(time) => {}
                    () = self.changed.notified() => {}
                },
            }
        }
    }

    /// Waits until the server requests a delay that ends after the deadline. Returns that delay.
    async fn retry_after_beyond(&self, deadline: Deadline) -> Duration {
        let mut retry_after = self.retry_after.subscribe();
        loop {
            let longest = *retry_after.borrow_and_update();
            if let Some(longest) = longest.filter(|retry_after| retry_after.until > deadline.at) {
                return longest.delay;
            }
            if retry_after.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn permit(self: &Arc<Self>, sent: SentRequest) -> Permit {
        Permit { limiter: self.clone(), sent: Some(sent) }
    }

    /// Returns the last error if another attempt after this delay would exceed the maximum time without a response.
    pub(super) fn no_response_error(&self, delay: Duration) -> Option<TransportError> {
        lock(&self.no_response).error_if_exceeded(Instant::now(), delay).cloned()
    }

    fn last_throttled(&self) -> Option<Response> {
        lock(&self.last_throttled).clone()
    }
}

impl Permit {
    /// Records a response other than 429.
    pub(super) fn on_response(mut self) {
        lock(&self.limiter.no_response).record_response(Instant::now());
        self.finish(|control, sent, now| control.on_response(sent, now));
    }

    /// Records a 429.
    pub(super) fn on_throttled(mut self, response: &Response, delay: Option<Duration>) {
        lock(&self.limiter.no_response).record_response(Instant::now());
        *lock(&self.limiter.last_throttled) = Some(response.clone());
        self.finish(|control, sent, now| control.on_throttled(sent, now, delay));
        if let Some(delay) = delay {
            let until = Instant::now() + delay;
            self.limiter.retry_after.send_if_modified(|longest| {
                let is_longer = longest.is_none_or(|longest| longest.until < until);
                if is_longer {
                    *longest = Some(RetryAfter { delay, until });
                }
                is_longer
            });
        }
    }

    /// Records a request without a response.
    pub(super) fn on_no_response(mut self, error: &TransportError) {
        if let Some(sent) = self.sent
            && error.is_no_response(sent.sent_at().elapsed())
        {
            lock(&self.limiter.no_response).record_failure(sent.sent_at(), Instant::now(), error.clone());
        }
        self.finish(|control, sent, now| control.on_no_response(sent, now));
    }

    fn finish(&mut self, record: impl FnOnce(&mut CongestionControl, SentRequest, Instant)) {
        if let Some(sent) = self.sent.take() {
            record(&mut lock(&self.limiter.control), sent, Instant::now());
            self.limiter.changed.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.finish(|control, sent, now| control.on_no_response(sent, now));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maximum time without any response, for all readers together, unless three attempts take longer.
const MAX_NO_RESPONSE: Duration = Duration::from_secs(90);

/// Attempts that are always allowed, however long they take.
const MIN_ATTEMPTS: u32 = 3;

/// A failure is forgotten after this time without an attempt, because the host may be available again.
const FORGET_AFTER: Duration = Duration::from_secs(30);

/// The time since a host last responded. The caller passes the current time.
#[derive(Default)]
struct NoResponseTracker {
    period: Option<NoResponsePeriod>,
    last_response: Option<Instant>,
}

struct NoResponsePeriod {
    since: Instant,
    /// When the last attempt ended, how long it took, and its error.
    last_failed: Instant,
    took: Duration,
    error: TransportError,
}

impl NoResponseTracker {
    /// Records an attempt without a response.
    fn record_failure(&mut self, started: Instant, now: Instant, error: TransportError) {
        let first = self.current(started).map_or(started, |period| period.since.min(started));
        let since = self.last_response.map_or(first, |last| last.max(first));
        let took = now.saturating_duration_since(started);
        self.period = Some(NoResponsePeriod { since, last_failed: now, took, error });
    }

    /// Records a response.
    fn record_response(&mut self, now: Instant) {
        *self = Self { period: None, last_response: Some(now) };
    }

    /// Returns the last error if another attempt after this delay would exceed the maximum time.
    fn error_if_exceeded(&self, now: Instant, delay: Duration) -> Option<&TransportError> {
        let period = self.current(now)?;
        let until = now.saturating_duration_since(period.since) + delay + period.took;
        (until > MAX_NO_RESPONSE.max(period.took * MIN_ATTEMPTS)).then_some(&period.error)
    }

    fn current(&self, now: Instant) -> Option<&NoResponsePeriod> {
        self.period
            .as_ref()
            .filter(|period| now.saturating_duration_since(period.last_failed) <= FORGET_AFTER)
    }
}
