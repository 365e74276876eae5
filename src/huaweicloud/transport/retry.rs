//! The retry policy: which requests are retried, and after which delay.
//!
//! A delay follows the server's `Retry-After`, or it is random, so that many readers do not retry at the same time.
//! Each attempt is a new request, because a signature is valid for 15 minutes and a delay may be longer. A throttled
//! request has not failed: it returns to the queue of its host's rate limiter until the deadline.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::rate_limit::{AcquireError, Permit, RateLimiter, RateLimiters};
use super::{Deadline, ErrorResponse, HttpResult, Request, Response, TransportError};

/// Maximum delay before the first retry. It doubles for each further retry.
const INITIAL_MAX_DELAY: Duration = Duration::from_millis(500);

/// The gateway counts requests in windows of one minute or more, so this reaches the next window soon enough.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// Avoids an overflow. Whether the client waits that long depends on the deadline.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(365 * 24 * 3600);

/// After a longer wait in the queue, the request is signed again.
const SIGN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Codes for a temporary error with any status: the system is busy.
const BUSY_CODES: [&str; 1] = ["DBS.200998"];

/// Codes for "too many requests" with any status, in addition to the gateway's code.
const THROTTLED_CODES: [&str; 1] = ["DBS.280443"];

pub(super) struct Policy {
    /// Maximum number of retries after failures. 0 also prevents retries of throttled requests.
    max_retries: u32,
    /// Returns a number from 0 to 1. Tests use a constant.
    random: fn() -> f64,
}

/// The final result and the attempts it took.
pub(crate) struct Outcome {
    pub(crate) result: HttpResult,
    pub(crate) attempts: Attempts,
}

/// The attempts of a request. The count is 0 if this caller sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) count: u32,
    pub(crate) elapsed: Duration,
    pub(crate) stop_reason: StopReason,
}

/// The reason why there was no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A retry would have the same result.
    NotRetryable,
    /// All retries that `max_retries` allows were used.
    MaxRetries,
    /// The read timed out, or would have timed out during the delay.
    ReadTimeout { timeout: Duration },
    /// The server requested a delay that is longer than the remaining time of the read.
    RetryAfter { delay: Duration, timeout: Duration },
    /// The server did not respond at all during the longest time that is allowed by default.
    NoResponse,
}

impl Attempts {
    /// No attempts, for errors that are reported without them.
    pub(crate) const NONE: Self =
        Self { count: 0, elapsed: Duration::ZERO, stop_reason: StopReason::NotRetryable };
}

/// The attempts of one request so far.
struct AttemptCounter {
    started: Instant,
    /// Whether a rate limiter retries throttled requests.
    has_rate_limiter: bool,
    sent: u32,
    /// Includes attempts of another caller that this one waited for. Excludes those that the rate limiter retries.
    failed: u32,
}

/// Whether a retry may succeed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RetryClass {
    /// A retry would have the same result.
    NotRetryable,
    /// A later retry may succeed.
    Transient,
    /// The client has sent too many requests.
    Throttled,
}

/// The next step after an attempt.
#[derive(Debug, PartialEq, Eq)]
enum RetryAction {
    Stop(StopReason),
    Delay(Duration),
    /// Wait in the queue of the rate limiter.
    Queue,
}

impl Policy {
    pub(super) fn new(max_retries: u32) -> Self {
        Self { max_retries, random: fastrand::f64 }
    }

    #[cfg(test)]
    pub(super) fn without_jitter(max_retries: u32) -> Self {
        Self { max_retries, random: || 1.0 }
    }

    fn next_action(
        &self,
        result: &HttpResult,
        class: RetryClass,
        attempts: &AttemptCounter,
        deadline: Deadline,
        now: SystemTime,
    ) -> RetryAction {
        if class == RetryClass::NotRetryable {
            return RetryAction::Stop(StopReason::NotRetryable);
        }
        if self.max_retries == 0 || attempts.failed > self.max_retries {
            return RetryAction::Stop(StopReason::MaxRetries);
        }
        if attempts.has_rate_limiter && class == RetryClass::Throttled {
            return RetryAction::Queue;
        }
        let (remaining, timeout) = (deadline.remaining(), deadline.timeout);
        let requested = result.as_ref().ok().and_then(|response| retry_after(response, now));
        if let Some(requested) = requested.filter(|requested| *requested > remaining) {
            return RetryAction::Stop(StopReason::RetryAfter { delay: requested, timeout });
        }
        let backoff = max_delay(attempts.failed).mul_f64((self.random)());
        let delay = backoff.max(requested.unwrap_or_default());
        if delay > remaining {
            RetryAction::Stop(StopReason::ReadTimeout { timeout })
        } else {
            RetryAction::Delay(delay)
        }
    }
}

/// Returns the maximum delay. The delay is random between zero and this value (full jitter).
fn max_delay(failed: u32) -> Duration {
    INITIAL_MAX_DELAY.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(MAX_DELAY)
}

impl RetryClass {
    fn from_result(result: &HttpResult) -> Self {
        match result {
            Ok(response) => Self::from_response(response),
            Err(error) if error.is_transient() => Self::Transient,
            Err(_) => Self::NotRetryable,
        }
    }

    fn from_response(response: &Response) -> Self {
        match response.status.as_u16() {
            429 => return Self::Throttled,
            401 => return Self::NotRetryable,
            _ => {}
        }
        let error = ErrorResponse::from_response(response);
        let has_code =
            |codes: &[&str]| error.as_ref().is_some_and(|error| codes.contains(&error.code.as_str()));
        if has_code(&THROTTLED_CODES) || error.as_ref().is_some_and(|error| error.is_gateway("0308")) {
            return Self::Throttled;
        }
        let is_transient = matches!(response.status.as_u16(), 500 | 502..=504) || has_code(&BUSY_CODES);
        if is_transient { Self::Transient } else { Self::NotRetryable }
    }
}

/// Parses `Retry-After`, in seconds or as a date.
fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let value = response.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(delay.min(MAX_RETRY_AFTER))
}

/// Decides whether an attempt may be sent, and records its result.
pub(crate) trait AttemptGate {
    /// Held during an attempt.
    type Guard<'a>: Send
    where
        Self: 'a;

    /// Waits until an attempt may be sent. An error is the result of another caller's attempt, which counts as an
    /// attempt of this caller.
    fn acquire(&self, deadline: Deadline)
    -> impl Future<Output = Result<Self::Guard<'_>, HttpResult>> + Send;

    /// Records the result of an attempt.
    fn record(&self, deadline: Deadline, result: &HttpResult);
}

/// No gate, for requests without a credential.
pub(crate) const NO_GATE: Option<&()> = None;

impl AttemptGate for () {
    type Guard<'a> = ();

    async fn acquire(&self, _: Deadline) -> Result<(), HttpResult> {
        Ok(())
    }

    fn record(&self, _: Deadline, _: &HttpResult) {}
}

impl Policy {
    /// Sends attempts until a result is final, all retries are used, or the deadline passes.
    ///
    /// `make_request` gets the time of each attempt, because the signature needs it. `send` sends one attempt. Dropping
    /// the future also cancels a delay.
    pub(super) async fn run<F: Future<Output = HttpResult>>(
        &self,
        limiters: Option<&RateLimiters>,
        deadline: Deadline,
        gate: Option<&impl AttemptGate>,
        now: impl Fn() -> SystemTime,
        make_request: impl Fn(SystemTime) -> Request,
        send: impl Fn(Request) -> F,
    ) -> Outcome {
        let started = Instant::now();
        let mut attempts =
            AttemptCounter { started, has_rate_limiter: limiters.is_some(), sent: 0, failed: 0 };
        let timed_out = Err(TransportError::ReadTimedOut { timeout: deadline.timeout });
        let read_timeout = StopReason::ReadTimeout { timeout: deadline.timeout };
        let mut last = None;
        loop {
            let queued = Instant::now();
            let mut request = make_request(now());
            let authority = request.uri().authority().map_or("", |authority| authority.as_str());
            let limiter = limiters.map(|limiters| limiters.for_host(authority));
            let acquired = match gate {
                None => Ok(None),
                Some(gate) => gate.acquire(deadline).await.map(Some),
            };
            let result = match acquired {
                Ok(_guard) => {
                    let permit = match wait_for_limiter(limiter.as_ref(), deadline).await {
                        Ok(permit) => permit,
                        Err((response, stop_reason)) => {
                            return attempts.finish(response.or(last).unwrap_or(timed_out), stop_reason);
                        }
                    };
                    if queued.elapsed() > SIGN_AGAIN_AFTER {
                        request = make_request(now());
                    }
                    attempts.sent += 1;
                    let Ok(result) = timeout_at(deadline.at, send(request)).await else {
                        return attempts.finish(last.unwrap_or(timed_out), read_timeout);
                    };
                    if let Some(gate) = gate {
                        gate.record(deadline, &result);
                    }
                    match (&result, permit) {
                        (Ok(response), Some(permit))
                            if RetryClass::from_response(response) == RetryClass::Throttled =>
                        {
                            permit.on_throttled(response, retry_after(response, now()));
                        }
                        (Ok(_), Some(permit)) => permit.on_response(),
                        (Err(error), Some(permit)) => permit.on_no_response(error),
                        (_, None) => {}
                    }
                    result
                }
                Err(Err(error)) if error.is_queued() => {
                    return attempts.finish(last.unwrap_or(Err(error)), read_timeout);
                }
                // The cause may be the other caller's request, so the last attempt is always sent.
                Err(Ok(response))
                    if attempts.failed == self.max_retries
                        && RetryClass::from_response(&response) != RetryClass::NotRetryable =>
                {
                    last = Some(Ok(response));
                    continue;
                }
                Err(result) => result,
            };
            let class = RetryClass::from_result(&result);
            attempts.failed += u32::from(!attempts.has_rate_limiter || class != RetryClass::Throttled);
            match self.next_action(&result, class, &attempts, deadline, now()) {
                RetryAction::Stop(stop_reason) => return attempts.finish(result, stop_reason),
                RetryAction::Delay(delay)
                    if no_response_error(limiter.as_ref(), deadline, delay).is_some() =>
                {
                    return attempts.finish(result, StopReason::NoResponse);
                }
                RetryAction::Delay(delay) => {
                    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                    debug!(attempts = attempts.sent, delay_ms, "HTTP request will be retried");
                    tokio::time::sleep(delay).await;
                }
                RetryAction::Queue => {
                    debug!(attempts = attempts.sent, "HTTP request throttled, will be retried")
                }
            }
            last = Some(result);
        }
    }
}

impl AttemptCounter {
    fn finish(self, result: HttpResult, stop_reason: StopReason) -> Outcome {
        Outcome {
            result,
            attempts: Attempts { count: self.sent, elapsed: self.started.elapsed(), stop_reason },
        }
    }
}

/// Waits for the rate limiter. An error contains the last result of the host, and the reason why nothing is sent.
async fn wait_for_limiter(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
) -> Result<Option<Permit>, (Option<HttpResult>, StopReason)> {
    let Some(rate_limiter) = limiter else { return Ok(None) };
    let timeout = deadline.timeout;
    let permit = rate_limiter.acquire(deadline).await.map_err(|error| match error {
        AcquireError::DeadlineExceeded(response) => (response.map(Ok), StopReason::ReadTimeout { timeout }),
        AcquireError::RetryAfter { response, delay: requested } => {
            (response.map(Ok), StopReason::RetryAfter { delay: requested, timeout })
        }
    })?;
    match no_response_error(limiter, deadline, Duration::ZERO) {
        Some(error) => Err((Some(Err(error)), StopReason::NoResponse)),
        None => Ok(Some(permit)),
    }
}

/// Returns the last error of a host that has not responded for too long, unless the user set the timeout.
fn no_response_error(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
    delay: Duration,
) -> Option<TransportError> {
    limiter.filter(|_| !deadline.set_by_user)?.no_response_error(delay)
}
