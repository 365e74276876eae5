//! When to send a request again, and after which pause.
//!
//! The policy is ours: which answers, a pause that the server asks for, a spread that keeps many readers from coming
//! back all at once. Each try is made afresh, because a signature is good for 15 minutes and a pause may be long.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use tokio::time::Instant;
use tracing::debug;

use super::{Deadline, Failure, Refusal, Request, Response, Transport};

/// Before the first repetition the pause is at most this long, and twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The gateway counts in windows of one minute and more; half of one reaches the next window soon enough.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a server may make us wait by `Retry-After`: one window of the gateway's limits.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// No pause is begun that would end later than this after the first try: a read as a whole has five minutes, and its
/// end would hide what the trouble was.
const LONGEST_EFFORT: Duration = Duration::from_secs(4 * 60);

/// Codes that mean "later", whatever status they come with: system busy, too many calls.
const BUSY: [&str; 2] = ["DBS.200998", "DBS.280443"];

#[derive(Clone, Copy)]
pub struct Policy {
    pub max_retries: u32,
    /// A number from 0 to 1. A test brings its own.
    random: fn() -> f64,
}

/// What came of a request in the end.
pub struct Outcome {
    pub result: Result<Response, Failure>,
    pub effort: Effort,
}

/// What it took. No tries, if the result is that of another caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    pub tries: u32,
    pub elapsed: Duration,
}

impl Policy {
    pub fn new(max_retries: u32) -> Self {
        Self { max_retries, random: fastrand::f64 }
    }

    /// The pause before the next try, or none if this was the last one.
    fn pause(&self, result: &Result<Response, Failure>, tries: u32, now: SystemTime) -> Option<Duration> {
        let transient = match result {
            Ok(response) => is_transient(response),
            Err(failure) => failure.is_transient(),
        };
        if !transient || tries > self.max_retries {
            return None;
        }
        let asked = result.as_ref().ok().and_then(|response| asked(response, now));
        Some(asked.unwrap_or_else(|| limit(tries).mul_f64((self.random)())))
    }
}

/// Full jitter: the pause is drawn between zero and this.
fn limit(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

fn is_transient(response: &Response) -> bool {
    match response.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => true,
        StatusCode::UNAUTHORIZED | StatusCode::OK => false,
        _ => {
            let refusal = Refusal::read(response);
            BUSY.contains(&refusal.code.as_str()) || refusal.is_gateway("0308")
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
    ) -> impl Future<Output = Result<Self::Permit<'_>, Result<Response, Failure>>> + Send;

    fn record(&self, deadline: Deadline, result: &Result<Response, Failure>);
}

impl Transport {
    /// Sends what `make` gives until an answer is worth keeping or the tries are used up. `make` gets the time, so
    /// that it can sign for it. Dropping the future ends the pause as well.
    pub async fn exchange(
        &self,
        deadline: Deadline,
        admission: Option<&impl Admission>,
        now: impl Fn() -> SystemTime,
        make: impl Fn(SystemTime) -> Request,
    ) -> Outcome {
        let started = Instant::now();
        let (mut tries, mut sent) = (0, 0);
        loop {
            let permit = match admission {
                None => Ok(None),
                Some(admission) => admission.acquire(deadline).await.map(Some),
            };
            let result = match permit {
                Ok(_permit) => {
                    let result = self.send(make(now())).await;
                    sent += 1;
                    if let Some(admission) = admission {
                        admission.record(deadline, &result);
                    }
                    result
                }
                // The fault may lie in the other caller's request, so the last try is always sent.
                Err(Ok(response)) if tries == self.retry.max_retries && is_transient(&response) => continue,
                Err(result) => result,
            };
            tries += 1;
            let pause = self.retry.pause(&result, tries, now());
            let Some(pause) = pause.filter(|pause| {
                started.elapsed() + *pause <= LONGEST_EFFORT && *pause <= deadline.remaining()
            }) else {
                return Outcome { result, effort: Effort { tries: sent, elapsed: started.elapsed() } };
            };
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            debug!(tries, pause_ms, "HTTP request will be tried again");
            tokio::time::sleep(pause).await;
        }
    }

    #[cfg(test)]
    pub(crate) fn scripted(script: super::tests::Script, max_retries: u32) -> Self {
        Self { way: super::Way::Scripted(script), retry: Policy { max_retries, random: || 1.0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Script, answer, request};
    use super::*;

    const NOW: fn() -> SystemTime = || SystemTime::UNIX_EPOCH;

    const OPEN: Option<&Never> = None;

    /// Stands for no admission at all.
    enum Never {}

    impl Admission for Never {
        type Permit<'a> = ();

        async fn acquire(&self, _: Deadline) -> Result<(), Result<Response, Failure>> {
            match *self {}
        }

        fn record(&self, _: Deadline, _: &Result<Response, Failure>) {}
    }

    fn deadline() -> Deadline {
        Deadline::after(Duration::from_secs(300))
    }

    async fn waits(script: Script, max_retries: u32) -> (Outcome, u32) {
        let transport = Transport::scripted(script.clone(), max_retries);
        let make = |_| request("https://dds.example.com/v3/x");
        let outcome = transport.exchange(deadline(), OPEN, NOW, make).await;
        (outcome, script.sent())
    }

    #[tokio::test(start_paused = true)]
    async fn transient_answers_are_tried_again_with_doubling_pauses() {
        let script = Script::new([429, 500, 502, 503, 504, 200].map(|status| Ok(answer(status, &[], "{}"))));
        let (outcome, sent) = waits(script, 5).await;
        assert_eq!(outcome.result.ok().unwrap().status, 200);
        assert_eq!(sent, 6);
        assert_eq!(
            outcome.effort,
            Effort { tries: 6, elapsed: Duration::from_millis(500 + 1000 + 2000 + 4000 + 8000) }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_may_pass_are_tried_again_and_others_are_not() {
        let cause = String::new;
        for (failure, expected) in [
            (Failure::Unreachable { cause: cause() }, 3),
            (Failure::TimedOut, 3),
            (Failure::Interrupted { cause: cause() }, 3),
            (Failure::Unresolved { cause: cause(), temporary: true }, 3),
            (Failure::Unresolved { cause: cause(), temporary: false }, 1),
            (Failure::Untrusted { cause: cause() }, 1),
            (Failure::TooLarge, 1),
        ] {
            let (outcome, sent) = waits(Script::new(vec![Err(failure.clone()); 3]), 2).await;
            assert_eq!((outcome.result.err(), sent), (Some(failure), expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn final_answers_are_kept_and_busy_codes_are_not_final() {
        for status in [200, 301, 400, 401, 403, 404] {
            let (_, sent) =
                waits(Script::new([Ok(answer(status, &[], r#"{"error_code":"X","error_msg":"y"}"#))]), 5)
                    .await;
            assert_eq!(sent, 1, "{status}");
        }
        for code in ["DBS.200998", "DBS.280443", "APIGW.0308", "APIG.0308"] {
            let body = format!(r#"{{"error_code":"{code}","error_msg":"busy"}}"#);
            let (_, sent) =
                waits(Script::new([Ok(answer(400, &[], &body)), Ok(answer(200, &[], ""))]), 5).await;
            assert_eq!(sent, 2, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_the_server_asks_for_is_kept_within_a_minute() {
        for (asked, seconds) in [("7", 7), ("0", 0), ("3600", 60), ("Thu, 01 Jan 1970 00:00:09 GMT", 9)] {
            let script =
                Script::new([Ok(answer(429, &[("retry-after", asked)], "")), Ok(answer(200, &[], ""))]);
            let (outcome, _) = waits(script, 5).await;
            assert_eq!(outcome.effort.elapsed, Duration::from_secs(seconds), "{asked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_answer_is_told_before_the_time_for_a_read_is_over() {
        let script = Script::new(vec![Ok(answer(429, &[("retry-after", "60")], "")); 10]);
        let (outcome, _) = waits(script, 10).await;
        assert_eq!(outcome.result.ok().unwrap().status, 429);
        assert_eq!(outcome.effort, Effort { tries: 5, elapsed: LONGEST_EFFORT });
    }

    #[tokio::test(start_paused = true)]
    async fn without_retries_there_is_one_try() {
        let (outcome, sent) = waits(Script::new([Ok(answer(503, &[], ""))]), 0).await;
        assert_eq!((outcome.effort.tries, sent), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn each_try_is_made_afresh() {
        let script = Script::new([503, 503, 200].map(|status| Ok(answer(status, &[], ""))));
        let transport = Transport::scripted(script, 5);
        let clock = std::cell::Cell::new(0);
        let made = std::cell::RefCell::new(Vec::new());
        let now = || {
            clock.set(clock.get() + 1);
            SystemTime::UNIX_EPOCH + Duration::from_secs(clock.get())
        };
        transport
            .exchange(deadline(), OPEN, now, |time| {
                made.borrow_mut().push(time);
                request("https://x.example.com/")
            })
            .await;
        assert_eq!(made.borrow().len(), 3);
        assert!(made.borrow().windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_limit_of_a_pause_ends_at_half_a_minute() {
        assert_eq!(
            [1, 2, 3, 7, 100].map(|tries| limit(tries).as_millis()),
            [500, 1000, 2000, 30_000, 30_000]
        );
    }
}
