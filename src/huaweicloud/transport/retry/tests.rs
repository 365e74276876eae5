use super::*;
use crate::huaweicloud::transport::Transport;
use crate::huaweicloud::transport::tests::{NO_GATE, Script, THROTTLED, http_response, request};

const NOW: fn() -> SystemTime = || SystemTime::UNIX_EPOCH;

const URL: &str = "https://dds.example.com/v3/x";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn send_until(deadline: Deadline, script: &Script, max_retries: u32) -> Outcome {
    let transport = Transport::scripted(script.clone(), max_retries);
    transport.send_with_retries(deadline, NO_GATE, NOW, |_| request(URL)).await
}

async fn send(script: Script, max_retries: u32) -> (Outcome, u32) {
    let outcome = send_until(Deadline::from_user(seconds(300)), &script, max_retries).await;
    (outcome, script.sent())
}

fn statuses<const N: usize>(statuses: [u16; N]) -> Script {
    Script::new(statuses.map(|status| Ok(http_response(status, &[], "{}"))))
}

#[tokio::test(start_paused = true)]
async fn transient_statuses_are_retried_with_doubling_delays() {
    let (outcome, sent) = send(statuses([500, 502, 503, 504, 500, 200]), 5).await;
    assert_eq!(outcome.result.ok().unwrap().status, 200);
    assert_eq!(sent, 6);
    let elapsed = Duration::from_millis(500 + 1000 + 2000 + 4000 + 8000);
    assert_eq!(outcome.attempts, Attempts { count: 6, elapsed, stop_reason: StopReason::NotRetryable });
}

#[tokio::test(start_paused = true)]
async fn only_transient_errors_are_retried() {
    let cause = String::new;
    for (error, expected) in [
        (TransportError::ConnectionFailed { cause: cause() }, 3),
        (TransportError::RequestTimedOut { timeout: seconds(30), setting: None }, 3),
        (TransportError::IncompleteResponse { cause: cause() }, 3),
        (TransportError::NameResolution { cause: cause(), temporary: true }, 3),
        (TransportError::NameResolution { cause: cause(), temporary: false }, 1),
        (TransportError::UntrustedCertificate { cause: cause() }, 1),
        (TransportError::ResponseTooLarge, 1),
    ] {
        let (outcome, sent) = send(Script::new(vec![Err(error.clone()); 3]), 2).await;
        assert_eq!((outcome.result.err(), sent), (Some(error), expected));
    }
}

#[tokio::test(start_paused = true)]
async fn busy_codes_are_retried_and_final_statuses_are_not() {
    let final_statuses = [200, 301, 400, 401, 403, 404].map(|status| (status, "X", 1));
    let busy = ["DBS.200998", "DBS.280443", "APIGW.0308", "APIG.0308"].map(|code| (400, code, 2));
    for (status, code, expected) in final_statuses.into_iter().chain(busy) {
        let body = format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#);
        let (_, sent) =
            send(Script::new([http_response(status, &[], &body), http_response(200, &[], "")].map(Ok)), 5)
                .await;
        assert_eq!(sent, expected, "{status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_observed() {
    for status in [429, 503] {
        for (retry_after, at_least) in [("7", 7.0), ("100", 100.0), ("Thu, 01 Jan 1970 00:00:09 GMT", 9.0)] {
            let script = Script::new([
                Ok(http_response(status, &[("retry-after", retry_after)], "")),
                Ok(http_response(200, &[], "")),
            ]);
            let (outcome, _) = send(script, 5).await;
            let elapsed = outcome.attempts.elapsed.as_secs_f64();
            assert!(
                (at_least..at_least * 1.1 + 0.01).contains(&elapsed),
                "{status} {retry_after}: {elapsed}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_of_zero_still_has_a_delay() {
    for status in [429, 503] {
        let script = Script::new(vec![Ok(http_response(status, &[("retry-after", "0")], "")); 101]);
        let outcome = send_until(Deadline::from_user(seconds(10)), &script, 100).await;
        assert_eq!(outcome.result.ok().unwrap().status, status);
        assert!(script.sent() <= 8, "{} requests in 10 s", script.sent());
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_deadline_fails_at_once() {
    for status in [429, 503] {
        let rejected = http_response(status, &[("retry-after", "60"), ("x-request-id", "r1")], THROTTLED);
        let script = Script::new([Ok(rejected)]).slow(Duration::from_millis(100));
        let outcome = send_until(Deadline::from_user(seconds(60)), &script, 5).await;
        let stop_reason = StopReason::RetryAfter { delay: seconds(60), timeout: seconds(60) };
        let elapsed = Duration::from_millis(100);
        assert_eq!(outcome.attempts, Attempts { count: 1, elapsed, stop_reason }, "{status}");
        let response = ErrorResponse::parse(&outcome.result.ok().unwrap());
        assert_eq!((response.code.as_str(), response.request_id.as_deref()), ("APIGW.0308", Some("r1")));
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_request_is_retried_until_the_deadline() {
    let script = Script::new(vec![Ok(http_response(429, &[], THROTTLED)); 1000]);
    let outcome = send_until(Deadline::from_default(seconds(300)), &script, 1).await;
    assert_eq!(outcome.result.ok().unwrap().status, 429);
    assert_eq!(outcome.attempts.stop_reason, StopReason::ReadTimeout { timeout: seconds(300) });
    assert_eq!(outcome.attempts.elapsed, seconds(300));
    assert!((20..80).contains(&script.sent()), "{} requests in 300 s", script.sent());
}

#[tokio::test(start_paused = true)]
async fn throttled_attempts_do_not_count_as_retries() {
    let (outcome, sent) = send(statuses([429, 503, 429, 429, 503, 429, 200]), 2).await;
    assert_eq!((outcome.result.ok().unwrap().status.as_u16(), sent), (200, 7));
    let (outcome, sent) = send(statuses([429, 503, 503]), 1).await;
    assert_eq!((outcome.result.ok().unwrap().status.as_u16(), sent), (503, 3));
    assert_eq!(outcome.attempts.stop_reason, StopReason::MaxRetries);
}

#[tokio::test(start_paused = true)]
async fn zero_max_retries_allows_one_attempt() {
    for status in [429, 503] {
        let (outcome, sent) = send(statuses([status]), 0).await;
        assert_eq!(
            (outcome.attempts.count, sent, outcome.attempts.stop_reason),
            (1, 1, StopReason::MaxRetries)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn timeout_set_by_user_extends_retries_without_response() {
    let timeout = seconds(30);
    let error = TransportError::RequestTimedOut { timeout, setting: None };
    let unresponsive = Script::with_server(Duration::ZERO, move |_| (timeout, Err(error.clone())));
    let outcome = send_until(Deadline::from_user(seconds(1800)), &unresponsive, 100).await;
    assert_eq!(outcome.attempts.stop_reason, StopReason::ReadTimeout { timeout: seconds(1800) });
    assert!(outcome.attempts.elapsed > seconds(1700), "{:?}", outcome.attempts.elapsed);
    assert!(matches!(outcome.result, Err(TransportError::RequestTimedOut { .. })));
}

#[tokio::test(start_paused = true)]
async fn long_retry_after_is_observed_until_the_deadline() {
    let mut responses = vec![Ok(http_response(503, &[("retry-after", "300")], "")); 5];
    responses.push(Ok(http_response(200, &[], "")));
    let outcome = send_until(Deadline::from_user(seconds(1800)), &Script::new(responses), 5).await;
    assert_eq!(outcome.result.ok().unwrap().status, 200);
    assert_eq!(outcome.attempts.elapsed, seconds(1500));
}

#[tokio::test(start_paused = true)]
async fn last_response_is_returned_if_a_retry_times_out() {
    let mut first = true;
    let script = Script::with_server(Duration::ZERO, move |_| {
        let delay = if std::mem::take(&mut first) { Duration::ZERO } else { seconds(3600) };
        (delay, Ok(http_response(429, &[], THROTTLED)))
    });
    let outcome = send_until(Deadline::from_user(seconds(20)), &script, 5).await;
    assert_eq!(outcome.attempts.count, 2);
    assert_eq!(outcome.attempts.elapsed, seconds(20));
    assert_eq!(ErrorResponse::parse(&outcome.result.ok().unwrap()).code, "APIGW.0308");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_a_new_request() {
    let transport = Transport::scripted(statuses([503, 503, 200]), 5);
    let clock = std::cell::Cell::new(0);
    let made = std::cell::RefCell::new(Vec::new());
    let now = || {
        clock.set(clock.get() + 1);
        SystemTime::UNIX_EPOCH + Duration::from_secs(clock.get())
    };
    let make_request = |time| {
        made.borrow_mut().push(time);
        request(URL)
    };
    transport.send_with_retries(Deadline::from_user(seconds(300)), NO_GATE, now, make_request).await;
    assert_eq!(made.borrow().len(), 3);
    assert!(made.borrow().windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn maximum_delay_is_30_seconds() {
    let delays = [1, 2, 3, 7, 100].map(|failed| max_delay(failed).as_millis());
    assert_eq!(delays, [500, 1000, 2000, 30_000, 30_000]);
}
