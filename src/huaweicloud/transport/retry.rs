//! When to send a request again, and after which delay.
//!
//! Pauses follow the server's `Retry-After`, or are random so that many readers do not return at once. Each try is a new
//! request, because a signature is valid for 15 minutes and a delay may be longer. A throttled request has not failed: it
//! returns to the queue of its host's rate limiter until the deadline.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::rate_limit::{AcquireError, Permit, RateLimiter, RateLimiters};
use super::{Deadline, ErrorResponse, HttpResult, Request, Response, TransportError};

/// Limit of the delay before the first retry. It doubles for each further one.
const INITIAL_MAX_DELAY: Duration = Duration::from_millis(500);

/// The gateway counts in windows of one minute and more; half of one reaches the next window soon enough.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// A guard against overflow. The deadline decides whether a delay is made at all.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(365 * 24 * 3600);

/// After a longer wait in the queue a request is signed again.
const SIGN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Codes that mean "later", whatever status they come with: system busy.
const BUSY_CODES: [&str; 1] = ["DBS.200998"];

/// Codes that mean "too many requests", whatever status they come with. The gateway's is beside them.
const THROTTLED_CODES: [&str; 1] = ["DBS.280443"];

pub(super) struct Policy {
    /// Limit for failed requests. 0 forbids to repeat throttled requests as well.
    max_retries: u32,
    /// A number from 0 to 1. A test brings its own.
    random: fn() -> f64,
}

/// The final result and the attempts it took.
pub(crate) struct Outcome {
    pub(crate) result: HttpResult,
    pub(crate) attempts: Attempts,
}

/// The attempts of a request. None, if the result is that of another caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) count: u32,
    pub(crate) elapsed: Duration,
    pub(crate) stop_reason: StopReason,
}

/// Why there was no further try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Another try would have the same result.
    NotRetryable,
    /// `max_retries` were made.
    MaxRetries,
    /// The read's limit passed, or would have passed during the delay.
    ReadTimeout { timeout: Duration },
    /// The server asked for a delay that is longer than the time that the read had left.
    RetryAfter { delay: Duration, timeout: Duration },
    /// The server has not answered at all for the longest time that is waited by default.
    NoResponse,
}

impl Attempts {
    /// No attempts, for a result that is known from an earlier call.
    pub(crate) const NONE: Self =
        Self { count: 0, elapsed: Duration::ZERO, stop_reason: StopReason::NotRetryable };
}

/// The tries of one request so far.
struct AttemptCounter {
    started: Instant,
    /// Whether a rate limiter is there to repeat throttled requests.
    is_queued: bool,
    sent: u32,
    /// Includes tries of another caller that this one waited for. Excludes those that the rate limiter repeats.
    failed: u32,
}

/// Whether another try may have a better result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RetryClass {
    /// No.
    NotRetryable,
    /// Yes, later.
    Transient,
    /// The request was sent too early.
    Throttled,
}

/// What to do after a try.
#[derive(Debug, PartialEq, Eq)]
enum RetryAction {
    Stop(StopReason),
    Delay(Duration),
    /// The rate limiter knows when.
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
        if attempts.is_queued && class == RetryClass::Throttled {
            return RetryAction::Queue;
        }
        let (left, timeout) = (deadline.remaining(), deadline.timeout);
        let requested = result.as_ref().ok().and_then(|response| retry_after(response, now));
        if let Some(requested) = requested.filter(|requested| *requested > left) {
            return RetryAction::Stop(StopReason::RetryAfter { delay: requested, timeout });
        }
        let own = max_delay(attempts.failed).mul_f64((self.random)());
        let delay = own.max(requested.unwrap_or_default());
        if delay > left {
            RetryAction::Stop(StopReason::ReadTimeout { timeout })
        } else {
            RetryAction::Delay(delay)
        }
    }
}

/// Full jitter: the delay is drawn between zero and this.
fn max_delay(failed: u32) -> Duration {
    INITIAL_MAX_DELAY.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(MAX_DELAY)
}

impl RetryClass {
    fn of_result(result: &HttpResult) -> Self {
        match result {
            Ok(response) => Self::of_response(response),
            Err(error) if error.is_transient() => Self::Transient,
            Err(_) => Self::NotRetryable,
        }
    }

    fn of_response(response: &Response) -> Self {
        match response.status.as_u16() {
            429 => return Self::Throttled,
            401 => return Self::NotRetryable,
            _ => {}
        }
        let error = ErrorResponse::from_response(response);
        let has = |codes: &[&str]| error.as_ref().is_some_and(|error| codes.contains(&error.code.as_str()));
        if has(&THROTTLED_CODES) || error.as_ref().is_some_and(|error| error.is_gateway("0308")) {
            return Self::Throttled;
        }
        let is_transient = matches!(response.status.as_u16(), 500 | 502..=504) || has(&BUSY_CODES);
        if is_transient { Self::Transient } else { Self::NotRetryable }
    }
}

/// `Retry-After` in either form: seconds, or a date.
fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let value = response.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(delay.min(MAX_RETRY_AFTER))
}

/// Decides before each try whether it is sent, and records its result.
pub(crate) trait AttemptGate {
    /// Held during a try.
    type Guard<'a>: Send
    where
        Self: 'a;

    /// Waits for a permit to send. An error is the result of another caller's try, which counts as a try of this one.
    fn acquire(&self, deadline: Deadline)
    -> impl Future<Output = Result<Self::Guard<'_>, HttpResult>> + Send;

    /// Records the result of a try.
    fn record(&self, deadline: Deadline, result: &HttpResult);
}

impl Policy {
    /// Sends requests until a result is final, the retries are used up or the deadline passes.
    ///
    /// `make_request` gets the time of each try, so that it can sign for it, and `send` sends one try. Dropping the future
    /// ends a delay as well.
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
        let mut attempts = AttemptCounter { started, is_queued: limiters.is_some(), sent: 0, failed: 0 };
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
                        Err((known, stop)) => {
                            return attempts.finish(known.or(last).unwrap_or(timed_out), stop);
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
                            if RetryClass::of_response(response) == RetryClass::Throttled =>
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
                // The cause may be in the other caller's request, so the last try is always sent.
                Err(Ok(response))
                    if attempts.failed == self.max_retries
                        && RetryClass::of_response(&response) != RetryClass::NotRetryable =>
                {
                    last = Some(Ok(response));
                    continue;
                }
                Err(result) => result,
            };
            let class = RetryClass::of_result(&result);
            attempts.failed += u32::from(!attempts.is_queued || class != RetryClass::Throttled);
            match self.next_action(&result, class, &attempts, deadline, now()) {
                RetryAction::Stop(stop) => return attempts.finish(result, stop),
                RetryAction::Delay(delay)
                    if no_response_error(limiter.as_ref(), deadline, delay).is_some() =>
                {
                    return attempts.finish(result, StopReason::NoResponse);
                }
                RetryAction::Delay(delay) => {
                    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                    debug!(attempts = attempts.sent, delay_ms, "HTTP request will be tried again");
                    tokio::time::sleep(delay).await;
                }
                RetryAction::Queue => {
                    debug!(attempts = attempts.sent, "HTTP request throttled, will be tried again")
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

/// Waits for the limiter. An error has the reason why the request is not sent, and the last result of the host.
async fn wait_for_limiter(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
) -> Result<Option<Permit>, (Option<HttpResult>, StopReason)> {
    let Some(queue) = limiter else { return Ok(None) };
    let timeout = deadline.timeout;
    let permit = queue.acquire(deadline).await.map_err(|error| match error {
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

/// The last error of a host that has been silent for too long. A limit of the user's own replaces the default one.
fn no_response_error(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
    delay: Duration,
) -> Option<TransportError> {
    limiter.filter(|_| !deadline.set_by_user)?.no_response_error(delay)
}
