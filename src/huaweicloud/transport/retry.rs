//! When to send a request again, and after which pause.
//!
//! The policy is ours: which answers, a pause that the server asks for, a spread that keeps many readers from coming
//! back all at once. Each try is made afresh, because a signature is good for 15 minutes and a pause may be long.
//! A throttled request is no failed one: it goes back into the queue of its host's rate limiter until the deadline.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::rate_limit::{Permit, RateLimiter, Rejection};
use super::{Deadline, ErrorResponse, Request, Response, Transport, TransportError};

/// Before the first repetition the pause is at most this long, and twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The gateway counts in windows of one minute and more; half of one reaches the next window soon enough.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A guard against overflow. The deadline decides whether a pause is made at all.
const LONGEST_ASKED: Duration = Duration::from_secs(365 * 24 * 3600);

/// After a longer wait for its turn a request is signed anew.
const FRESH: Duration = Duration::from_secs(1);

/// Codes that mean "later", whatever status they come with: system busy.
const BUSY: [&str; 1] = ["DBS.200998"];

/// Codes that mean "too many requests", whatever status they come with. The gateway's is beside them.
const THROTTLED: [&str; 1] = ["DBS.280443"];

#[derive(Clone, Copy)]
pub struct Policy {
    /// For anything but throttled requests. 0 is for those, too.
    pub max_retries: u32,
    /// A number from 0 to 1. A test brings its own.
    random: fn() -> f64,
}

/// What came of a request in the end.
pub struct Outcome {
    pub result: Result<Response, TransportError>,
    pub effort: Attempts,
}

/// What it took. No tries, if the result is that of another caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    pub tries: u32,
    pub elapsed: Duration,
    pub stop: Stop,
}

/// Why there was no further try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Another try would bring the same.
    Final,
    /// There were as many as `max_retries` allows.
    MaxRetries,
    /// The read's limit passed, or would have passed during the pause.
    ReadLimit { limit: Duration },
    /// The server asked for a pause that is longer than the time that the read had left.
    RetryAfter { asked: Duration, limit: Duration },
    /// The server had been silent for the longest time that is waited by default.
    Silence,
}

impl Attempts {
    /// The effort for a result that is known from an earlier call.
    pub const NONE: Self = Self { tries: 0, elapsed: Duration::ZERO, stop: Stop::Final };
}

/// The tries of one request so far.
struct Tries {
    started: Instant,
    /// Whether a rate limiter is there to repeat throttled requests.
    is_queued: bool,
    sent: u32,
    /// With those that another caller made for this one, and without those that the rate limiter repeats.
    failed: u32,
}

/// What the result of a try promises for another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The same.
    Final,
    /// A better one, later.
    MayPass,
    /// The request was sent too early.
    Throttled,
}

/// What to do after a try.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Stop(Stop),
    Pause(Duration),
    /// The rate limiter knows when.
    Queue,
}

impl Policy {
    pub fn new(max_retries: u32) -> Self {
        Self { max_retries, random: fastrand::f64 }
    }

    fn next(
        &self,
        result: &Result<Response, TransportError>,
        verdict: Verdict,
        tries: &Tries,
        deadline: Deadline,
        now: SystemTime,
    ) -> Next {
        if verdict == Verdict::Final {
            return Next::Stop(Stop::Final);
        }
        if self.max_retries == 0 || tries.failed > self.max_retries {
            return Next::Stop(Stop::MaxRetries);
        }
        if tries.is_queued && verdict == Verdict::Throttled {
            return Next::Queue;
        }
        let (left, limit) = (deadline.remaining(), deadline.limit);
        let asked = result.as_ref().ok().and_then(|response| asked(response, now));
        if let Some(asked) = asked.filter(|asked| *asked > left) {
            return Next::Stop(Stop::RetryAfter { asked, limit });
        }
        let own = pause_limit(tries.failed).mul_f64((self.random)());
        let pause = own.max(asked.unwrap_or_default());
        if pause > left { Next::Stop(Stop::ReadLimit { limit }) } else { Next::Pause(pause) }
    }
}

/// Full jitter: the pause is drawn between zero and this.
fn pause_limit(failed: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

impl Verdict {
    fn of(result: &Result<Response, TransportError>) -> Self {
        match result {
            Ok(response) => Self::of_response(response),
            Err(failure) if failure.is_transient() => Self::MayPass,
            Err(_) => Self::Final,
        }
    }

    fn of_response(response: &Response) -> Self {
        let refusal = match response.status {
            StatusCode::TOO_MANY_REQUESTS => return Self::Throttled,
            StatusCode::UNAUTHORIZED => return Self::Final,
            _ => ErrorResponse::of(response),
        };
        let has = |codes: &[&str]| refusal.as_ref().is_some_and(|it| codes.contains(&it.code.as_str()));
        if has(&THROTTLED) || refusal.as_ref().is_some_and(|refusal| refusal.is_gateway("0308")) {
            return Self::Throttled;
        }
        match response.status {
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::MayPass,
            _ if has(&BUSY) => Self::MayPass,
            _ => Self::Final,
        }
    }
}

/// `Retry-After` in either form: seconds, or a date.
fn asked(response: &Response, now: SystemTime) -> Option<Duration> {
    let value = response.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(pause.min(LONGEST_ASKED))
}

/// Decides before each try whether it is sent, and learns from its result.
pub trait Admission {
    /// Held while a try is under way.
    type Permit<'a>: Send
    where
        Self: 'a;

    /// Waits for a permit to send. An error is the result of another caller's try, which counts as a try of this one.
    fn acquire(
        &self,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Self::Permit<'_>, Result<Response, TransportError>>> + Send;

    fn record(&self, deadline: Deadline, result: &Result<Response, TransportError>);
}

impl Transport {
    /// Sends what `make` gives until an answer is worth keeping, the tries are used up or the deadline passes. `make`
    /// gets the time, so that it can sign for it. Dropping the future ends the pause as well.
    pub async fn exchange(
        &self,
        deadline: Deadline,
        admission: Option<&impl Admission>,
        now: impl Fn() -> SystemTime,
        make: impl Fn(SystemTime) -> Request,
    ) -> Outcome {
        let mut tries = Tries::new(self.limiters.is_some());
        let too_late = Err(TransportError::ReadLimit { limit: deadline.limit });
        let read_limit = Stop::ReadLimit { limit: deadline.limit };
        let mut last = None;
        loop {
            let queued = Instant::now();
            let mut request = make(now());
            let limiter = self.limiter(&request);
            let turn = match admission {
                None => Ok(None),
                Some(admission) => admission.acquire(deadline).await.map(Some),
            };
            let result = match turn {
                Ok(_turn) => {
                    let permit = match admit(limiter.as_ref(), deadline).await {
                        Ok(permit) => permit,
                        Err((known, stop)) => return tries.end(known.or(last).unwrap_or(too_late), stop),
                    };
                    if queued.elapsed() > FRESH {
                        request = make(now());
                    }
                    tries.sent += 1;
                    let Ok(result) = timeout_at(deadline.at, self.send(request)).await else {
                        return tries.end(last.unwrap_or(too_late), read_limit);
                    };
                    if let Some(admission) = admission {
                        admission.record(deadline, &result);
                    }
                    match (&result, permit) {
                        (Ok(response), Some(permit))
                            if Verdict::of_response(response) == Verdict::Throttled =>
                        {
                            permit.throttled(response, asked(response, now()));
                        }
                        (Ok(_), Some(permit)) => permit.answered(),
                        (Err(failure), Some(permit)) => permit.failed(failure),
                        (_, None) => {}
                    }
                    result
                }
                Err(Err(failure)) if failure.is_queued() => {
                    return tries.end(last.unwrap_or(Err(failure)), read_limit);
                }
                // The fault may lie in the other caller's request, so the last try is always sent.
                Err(Ok(response))
                    if tries.failed == self.retry.max_retries
                        && Verdict::of_response(&response) != Verdict::Final =>
                {
                    last = Some(Ok(response));
                    continue;
                }
                Err(result) => result,
            };
            let verdict = Verdict::of(&result);
            tries.failed += u32::from(!tries.is_queued || verdict != Verdict::Throttled);
            match self.retry.next(&result, verdict, &tries, deadline, now()) {
                Next::Stop(stop) => return tries.end(result, stop),
                Next::Pause(pause) if silence(limiter.as_ref(), deadline, pause).is_some() => {
                    return tries.end(result, Stop::Silence);
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

    fn limiter(&self, request: &Request) -> Option<Arc<RateLimiter>> {
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        self.limiters.as_ref().map(|limiters| limiters.of(authority))
    }

    #[cfg(test)]
    pub(crate) fn scripted(script: super::tests::Script, max_retries: u32) -> Self {
        let retry = Policy { max_retries, random: || 1.0 };
        Self {
            backend: super::Backend::Scripted(script),
            retry,
            limiters: Some(super::rate_limit::RateLimiters::new(fastrand::f64)),
        }
    }
}

impl Tries {
    fn new(is_queued: bool) -> Self {
        Self { started: Instant::now(), is_queued, sent: 0, failed: 0 }
    }

    fn end(self, result: Result<Response, TransportError>, stop: Stop) -> Outcome {
        Outcome { result, effort: Attempts { tries: self.sent, elapsed: self.started.elapsed(), stop } }
    }
}

type KnownResult = Option<Result<Response, TransportError>>;

/// Waits for the limiter. An error says why the request is not sent, with what is known of the host instead.
async fn admit(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
) -> Result<Option<Permit>, (KnownResult, Stop)> {
    let Some(queue) = limiter else { return Ok(None) };
    let limit = deadline.limit;
    let permit = queue.acquire(deadline).await.map_err(|rejection| match rejection {
        Rejection::Deadline(answer) => (answer.map(Ok), Stop::ReadLimit { limit }),
        Rejection::Held { answer, asked } => (answer.map(Ok), Stop::RetryAfter { asked, limit }),
    })?;
    match silence(limiter, deadline, Duration::ZERO) {
        Some(failure) => Err((Some(Err(failure)), Stop::Silence)),
        None => Ok(Some(permit)),
    }
}

/// The last failure of a host that is not tried again after this pause. Who has set a limit waits for as long as that.
fn silence(
    limiter: Option<&Arc<RateLimiter>>,
    deadline: Deadline,
    pause: Duration,
) -> Option<TransportError> {
    limiter.filter(|_| !deadline.set_by_user)?.silent_too_long(pause)
}

#[cfg(test)]
mod tests;
