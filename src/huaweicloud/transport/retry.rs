//! When to send a request again, and after which pause.
//!
//! Pauses follow the server's `Retry-After`, or are random so that many readers do not return at once. Each try is a new
//! request, because a signature is valid for 15 minutes and a pause may be longer. A throttled request has not failed: it
//! returns to the queue of its host's rate limiter until the deadline.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::rate_limit::{Permit, RateLimiter, RateLimiters, Rejection};
use super::{Deadline, ErrorResponse, HttpResult, Request, Response, TransportError};

/// Limit of the pause before the first retry. It doubles for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The gateway counts in windows of one minute and more; half of one reaches the next window soon enough.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A guard against overflow. The deadline decides whether a pause is made at all.
const LONGEST_ASKED: Duration = Duration::from_secs(365 * 24 * 3600);

/// After a longer wait in the queue a request is signed again.
const FRESH: Duration = Duration::from_secs(1);

/// Codes that mean "later", whatever status they come with: system busy.
const BUSY: [&str; 1] = ["DBS.200998"];

/// Codes that mean "too many requests", whatever status they come with. The gateway's is beside them.
const THROTTLED: [&str; 1] = ["DBS.280443"];

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
    /// The read's limit passed, or would have passed during the pause.
    ReadTimeout { limit: Duration },
    /// The server asked for a pause that is longer than the time that the read had left.
    RetryAfter { asked: Duration, limit: Duration },
    /// The server has not answered at all for the longest time that is waited by default.
    NoResponse,
}

impl Attempts {
    /// No attempts, for a result that is known from an earlier call.
    pub(crate) const NONE: Self =
        Self { count: 0, elapsed: Duration::ZERO, stop_reason: StopReason::NotRetryable };
}

/// The tries of one request so far.
struct Tries {
    started: Instant,
    /// Whether a rate limiter is there to repeat throttled requests.
    is_queued: bool,
    sent: u32,
    /// Includes tries of another caller that this one waited for. Excludes those that the rate limiter repeats.
    failed: u32,
}

/// Whether another try may have a better result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// No.
    Final,
    /// Yes, later.
    MayPass,
    /// The request was sent too early.
    Throttled,
}

/// What to do after a try.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Stop(StopReason),
    Pause(Duration),
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

    fn next(
        &self,
        result: &HttpResult,
        verdict: Verdict,
        tries: &Tries,
        deadline: Deadline,
        now: SystemTime,
    ) -> Next {
        if verdict == Verdict::Final {
            return Next::Stop(StopReason::NotRetryable);
        }
        if self.max_retries == 0 || tries.failed > self.max_retries {
            return Next::Stop(StopReason::MaxRetries);
        }
        if tries.is_queued && verdict == Verdict::Throttled {
            return Next::Queue;
        }
        let (left, limit) = (deadline.remaining(), deadline.limit);
        let asked = result.as_ref().ok().and_then(|response| retry_after(response, now));
        if let Some(asked) = asked.filter(|asked| *asked > left) {
            return Next::Stop(StopReason::RetryAfter { asked, limit });
        }
        let own = pause_limit(tries.failed).mul_f64((self.random)());
        let pause = own.max(asked.unwrap_or_default());
        if pause > left { Next::Stop(StopReason::ReadTimeout { limit }) } else { Next::Pause(pause) }
    }
}

/// Full jitter: the pause is drawn between zero and this.
fn pause_limit(failed: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

impl Verdict {
    fn of(result: &HttpResult) -> Self {
        match result {
            Ok(response) => Self::of_response(response),
            Err(error) if error.is_transient() => Self::MayPass,
            Err(_) => Self::Final,
        }
    }

    fn of_response(response: &Response) -> Self {
        match response.status.as_u16() {
            429 => return Self::Throttled,
            401 => return Self::Final,
            _ => {}
        }
        let error = ErrorResponse::of(response);
        let has = |codes: &[&str]| error.as_ref().is_some_and(|error| codes.contains(&error.code.as_str()));
        if has(&THROTTLED) || error.as_ref().is_some_and(|error| error.is_gateway("0308")) {
            return Self::Throttled;
        }
        let may_pass = matches!(response.status.as_u16(), 500 | 502..=504) || has(&BUSY);
        if may_pass { Self::MayPass } else { Self::Final }
    }
}

/// `Retry-After` in either form: seconds, or a date.
fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let value = response.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(pause.min(LONGEST_ASKED))
}

/// Decides before each try whether it is sent, and records its result.
pub(crate) trait Admission {
    /// Held during a try.
    type Permit<'a>: Send
    where
        Self: 'a;

    /// Waits for a permit to send. An error is the result of another caller's try, which counts as a try of this one.
    fn acquire(
        &self,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Self::Permit<'_>, HttpResult>> + Send;

    /// Records the result of a try.
    fn record(&self, deadline: Deadline, result: &HttpResult);
}

impl Policy {
    /// Sends requests until a result is final, the retries are used up or the deadline passes.
    ///
    /// `make_request` gets the time of each try, so that it can sign for it, and `send` sends one try. Dropping the future
    /// ends a pause as well.
    pub(super) async fn run<F: Future<Output = HttpResult>>(
        &self,
        limiters: Option<&RateLimiters>,
        deadline: Deadline,
        admission: Option<&impl Admission>,
        now: impl Fn() -> SystemTime,
        make_request: impl Fn(SystemTime) -> Request,
        send: impl Fn(Request) -> F,
    ) -> Outcome {
        let started = Instant::now();
        let mut tries = Tries { started, is_queued: limiters.is_some(), sent: 0, failed: 0 };
        let too_late = Err(TransportError::ReadTimedOut { limit: deadline.limit });
        let read_limit = StopReason::ReadTimeout { limit: deadline.limit };
        let mut last = None;
        loop {
            let queued = Instant::now();
            let mut request = make_request(now());
            let authority = request.uri().authority().map_or("", |authority| authority.as_str());
            let limiter = limiters.map(|limiters| limiters.of(authority));
            let admitted = match admission {
                None => Ok(None),
                Some(admission) => admission.acquire(deadline).await.map(Some),
            };
            let result = match admitted {
                Ok(_permit) => {
                    let permit = match admit(limiter.as_ref(), deadline).await {
                        Ok(permit) => permit,
                        Err((known, stop)) => return tries.end(known.or(last).unwrap_or(too_late), stop),
                    };
                    if queued.elapsed() > FRESH {
                        request = make_request(now());
                    }
                    tries.sent += 1;
                    let Ok(result) = timeout_at(deadline.at, send(request)).await else {
                        return tries.end(last.unwrap_or(too_late), read_limit);
                    };
                    if let Some(admission) = admission {
                        admission.record(deadline, &result);
                    }
                    match (&result, permit) {
                        (Ok(response), Some(permit))
                            if Verdict::of_response(response) == Verdict::Throttled =>
                        {
                            permit.throttled(response, retry_after(response, now()));
                        }
                        (Ok(_), Some(permit)) => permit.answered(),
                        (Err(error), Some(permit)) => permit.failed(error),
                        (_, None) => {}
                    }
                    result
                }
                Err(Err(error)) if error.is_queued() => {
                    return tries.end(last.unwrap_or(Err(error)), read_limit);
                }
                // The cause may be in the other caller's request, so the last try is always sent.
                Err(Ok(response))
                    if tries.failed == self.max_retries
                        && Verdict::of_response(&response) != Verdict::Final =>
                {
                    last = Some(Ok(response));
                    continue;
                }
                Err(result) => result,
            };
            let verdict = Verdict::of(&result);
            tries.failed += u32::from(!tries.is_queued || verdict != Verdict::Throttled);
            match self.next(&result, verdict, &tries, deadline, now()) {
                Next::Stop(stop) => return tries.end(result, stop),
                Next::Pause(pause) if silence(limiter.as_ref(), deadline, pause).is_some() => {
                    return tries.end(result, StopReason::NoResponse);
                }
                Next::Pause(pause) => {
                    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                    debug!(tries = tries.sent, pause_ms, "HTTP request will be tried again");
                    tokio::time::sleep(pause).await;
                }
                Next::Queue => debug!(tries = tries.sent, "HTTP request throttled, will be tried again"),
            }
            last = Some(result);
        }
    }
}

impl Tries {
    fn end(self, result: HttpResult, stop_reason: StopReason) -> Outcome {
        Outcome {
            result,
            attempts: Attempts { count: self.sent, elapsed: self.started.elapsed(), stop_reason },
        }
    }
}

/// Waits for the limiter. An error has the reason why the request is not sent, and the last result of the host.
async fn admit(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
) -> Result<Option<Permit>, (Option<HttpResult>, StopReason)> {
    let Some(queue) = limiter else { return Ok(None) };
    let limit = deadline.limit;
    let permit = queue.acquire(deadline).await.map_err(|rejection| match rejection {
        Rejection::Deadline(answer) => (answer.map(Ok), StopReason::ReadTimeout { limit }),
        Rejection::RetryAfter { answer, asked } => (answer.map(Ok), StopReason::RetryAfter { asked, limit }),
    })?;
    match silence(limiter, deadline, Duration::ZERO) {
        Some(error) => Err((Some(Err(error)), StopReason::NoResponse)),
        None => Ok(Some(permit)),
    }
}

/// The last error of a host that has been silent for too long. A limit of the user's own replaces the default one.
fn silence(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
    pause: Duration,
) -> Option<TransportError> {
    limiter.filter(|_| !deadline.set_by_user)?.silent_too_long(pause)
}
