//! Tests of the rate limiter with a paused clock: the real transport, and a server with a round trip of 4 ms.

use std::time::SystemTime;

use futures_util::StreamExt as _;

use super::*;
use crate::huaweicloud::transport::retry::{Outcome, StopReason};
use crate::huaweicloud::transport::tests::{
    NO_GATE, Script, THROTTLED, good, http_response, request, throttled, timed_out,
};
use crate::huaweicloud::transport::{ErrorResponse, HttpResult, Transport, TransportError};

const ROUND_TRIP: Duration = Duration::from_millis(4);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Allows `limit` requests per window. `elapsed` is the age of the first window, `busy` the extra time of a response.
fn windows(limit: usize, window: Duration, elapsed: Duration, busy: Duration) -> Script {
    let start = Instant::now();
    let (mut current, mut count) = (0, 0);
    Script::with_server(ROUND_TRIP, move |_| {
        let number = (start.elapsed() + elapsed).as_micros() / window.as_micros();
        if number != current {
            (current, count) = (number, 0);
        }
        count += 1;
        if count <= limit { (busy, good().1) } else { throttled() }
    })
}

async fn read(transport: &Transport) -> Outcome {
    read_within(transport, "dds.example.com", seconds(300.0)).await
}

async fn read_within(transport: &Transport, host: &str, timeout: Duration) -> Outcome {
    read_until(transport, host, Deadline::from_user(timeout)).await
}

async fn read_until(transport: &Transport, host: &str, deadline: Deadline) -> Outcome {
    let url = format!("https://{host}/v3/x");
    transport.send_with_retries(deadline, NO_GATE, || SystemTime::UNIX_EPOCH, |_| request(&url)).await
}

#[tokio::test(start_paused = true)]
async fn unused_rate_does_not_grow() {
    let script = windows(10, seconds(1.0), Duration::ZERO, Duration::ZERO);
    let transport = Transport::scripted(script.clone(), 5);
    let read_many = async |count| {
        let reads = (0..count).map(|_| read(&transport));
        futures_util::future::join_all(reads).await;
    };
    read_many(40).await;
    for _ in 0..120 {
        tokio::time::sleep(seconds(0.5)).await;
        read_many(1).await;
    }
    let (before, started) = (script.sent(), Instant::now());
    read_many(100).await;
    let calls = script.sent() - before;
    assert!(calls <= 115 && started.elapsed() < seconds(12.0), "{calls} in {:?}", started.elapsed());
}

/// Sends reads like Terraform: `parallelism` reads at a time.
async fn read_all<T, F: Future<Output = T>>(
    reads: usize,
    parallelism: usize,
    read: impl Fn() -> F,
) -> Vec<T> {
    futures_util::stream::iter((0..reads).map(|_| read())).buffer_unordered(parallelism).collect().await
}

/// Returns the time that reads take if the server responds to all of them.
async fn time_reads(transport: &Transport, reads: usize, parallelism: usize) -> Duration {
    let started = Instant::now();
    let outcomes = read_all(reads, parallelism, || read(transport)).await;
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    started.elapsed()
}

#[tokio::test(start_paused = true)]
async fn reads_without_a_limit_are_as_fast_as_without_a_limiter() {
    for parallelism in [1, 10, 100] {
        let script = Script::numbered(|_| good());
        let limited = Transport::scripted(script, 5);
        // If there are many reads, the first ones wait in the queue.
        time_reads(&limited, 500, parallelism).await;
        let time = time_reads(&limited, 200 * parallelism, parallelism).await;
        assert!(time <= (ROUND_TRIP * 200).mul_f64(1.03), "{parallelism} in flight: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_read_does_not_delay_other_reads() {
    let script = Script::numbered(|number| match number {
        25 => (Duration::ZERO, Ok(http_response(404, &[], "{}"))),
        _ => good(),
    });
    let started = Instant::now();
    assert_eq!(count_failures(&script, 50, 10).await, 1);
    assert_eq!((script.sent(), started.elapsed()), (50, ROUND_TRIP * 5));
}

#[tokio::test(start_paused = true)]
async fn dropped_reads_do_not_block_the_queue() {
    let script = windows(10, seconds(1.0), Duration::ZERO, Duration::ZERO);
    let transport = Arc::new(Transport::scripted(script.clone(), 5));
    // Cancels reads at all times of a throttled run: in the queue, in flight and as a probe.
    let dropped = (0..200).map(|number| {
        let transport = transport.clone();
        async move {
            let dropped_read = read(&transport);
            tokio::time::timeout(millis(number * 10), dropped_read).await.is_err()
        }
    });
    let dropped =
        futures_util::future::join_all(dropped).await.into_iter().filter(|dropped| *dropped).count();
    assert!(dropped > 100, "{dropped}");
    let started = Instant::now();
    assert_eq!(read(&transport).await.result.ok().unwrap().status, 200);
    assert!(started.elapsed() < seconds(3.0), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn failed_and_dropped_requests_are_no_longer_in_flight() {
    let script = Script::numbered(|number| match number {
        // As many as may be in flight at first.
        1..=10 => (seconds(3600.0), good().1),
        11..=40 => (Duration::ZERO, Err(TransportError::ResponseTooLarge)),
        _ => good(),
    });
    let transport = Transport::scripted(script.clone(), 5);
    let reads = (0..10).map(|_| read_within(&transport, "dds.example.com", seconds(2.0)));
    futures_util::future::join_all(reads).await;
    for _ in 0..30 {
        assert!(read(&transport).await.result.is_err());
    }
    let started = Instant::now();
    futures_util::future::join_all((0..10).map(|_| read(&transport))).await;
    assert_eq!((script.sent(), started.elapsed()), (50, ROUND_TRIP));
}

#[tokio::test(start_paused = true)]
async fn next_probe_is_sent_after_a_failed_or_lost_one() {
    type Probe = fn() -> (Duration, HttpResult);
    let failed: Probe = || (Duration::ZERO, Err(TransportError::ResponseTooLarge));
    let lost: Probe = || (seconds(3600.0), good().1);
    for (probe, longest) in [(failed, 1.0), (lost, 6.0)] {
        let script = Script::numbered(move |number| match number {
            1..=10 => throttled(),
            11 => probe(),
            _ => good(),
        });
        let transport = Transport::scripted(script, 5);
        let started = Instant::now();
        let reads = (0..10).map(|_| async {
            let outcome = read(&transport).await;
            (outcome.result.is_ok_and(|response| response.status == 200), started.elapsed())
        });
        let reads = futures_util::future::join_all(reads).await;
        let first = reads.iter().filter(|read| read.0).map(|read| read.1).min().unwrap();
        assert!(first < seconds(longest), "{first:?}");
        assert!(reads.iter().filter(|read| read.0).count() >= 9);
    }
}

#[tokio::test(start_paused = true)]
async fn read_that_times_out_in_the_queue_reports_the_429() {
    let script = Script::numbered(|_| throttled());
    let transport = Transport::scripted(script.clone(), 5);
    let first = read_within(&transport, "dds.example.com", seconds(60.0));
    let second = async {
        tokio::time::sleep(seconds(30.0)).await;
        read_within(&transport, "dds.example.com/second", millis(500)).await
    };
    let (_, outcome) = tokio::join!(first, second);
    assert_eq!(outcome.attempts.count, 0);
    assert!(script.requests().iter().all(|request| !request.uri().path().starts_with("/second")));
    assert_eq!(outcome.attempts.elapsed, millis(500));
    assert_eq!(outcome.attempts.stop_reason, StopReason::ReadTimeout { timeout: millis(500) });
    let response = ErrorResponse::parse(&outcome.result.ok().unwrap());
    assert_eq!((response.code.as_str(), response.request_id.as_deref()), ("APIGW.0308", Some("r1")));
}

#[tokio::test(start_paused = true)]
async fn reads_that_end_before_retry_after_fail_at_once() {
    let script = Script::numbered(|number| match number {
        1..=10 => (Duration::ZERO, Ok(http_response(429, &[("retry-after", "60")], THROTTLED))),
        _ => good(),
    });
    let transport = Transport::scripted(script.clone(), 5);
    let started = Instant::now();
    let reads = (0..40).map(|number| {
        let transport = &transport;
        let timeout = if number % 2 == 0 { seconds(30.0) } else { seconds(300.0) };
        async move { (read_within(transport, "dds.example.com", timeout).await, started.elapsed()) }
    });
    for (number, (outcome, elapsed)) in futures_util::future::join_all(reads).await.into_iter().enumerate() {
        let status = outcome.result.ok().unwrap().status;
        if number % 2 == 0 {
            let stop_reason = outcome.attempts.stop_reason;
            assert!(matches!(stop_reason, StopReason::RetryAfter { .. }), "{stop_reason:?}");
            assert!(status == 429 && elapsed < millis(10), "{elapsed:?}");
        } else {
            assert!(status == 200 && elapsed > seconds(60.0), "{elapsed:?}");
        }
    }
    // After the delay, the rate is the minimum rate, and grows.
    assert_eq!(script.sent(), 10 + 20);
}

#[tokio::test(start_paused = true)]
async fn each_host_has_its_own_limit() {
    let script = Script::with_server(ROUND_TRIP, |request| {
        if request.uri().host() == Some("iam.example.com") { throttled() } else { good() }
    });
    let transport = Transport::scripted(script, 5);
    let first = read_within(&transport, "iam.example.com", seconds(60.0));
    let others = async {
        tokio::time::sleep(seconds(10.0)).await;
        for host in ["dds.example.com", "iam.example.com:8443"] {
            let started = Instant::now();
            let outcome = read_within(&transport, host, seconds(300.0)).await;
            let expected = if host.starts_with("dds") { 200 } else { 429 };
            assert_eq!(outcome.result.ok().unwrap().status, expected);
            assert!(expected == 429 || started.elapsed() == ROUND_TRIP);
        }
    };
    tokio::join!(first, others);
}

#[tokio::test(start_paused = true)]
async fn transports_do_not_share_a_limiter() {
    let script = Script::new([429, 200, 200].map(|status| Ok(http_response(status, &[], "{}"))));
    let first = Transport::scripted(script.clone(), 5);
    let second = Transport::scripted(script, 5);
    let first_read = read(&first);
    let second_read = async {
        tokio::time::sleep(millis(10)).await;
        let started = Instant::now();
        assert!(read(&second).await.result.is_ok());
        assert_eq!(started.elapsed(), Duration::ZERO);
    };
    tokio::join!(first_read, second_read);
}

/// Sends reads with the default timeout. Returns each outcome and its time.
async fn default_reads(transport: &Transport, reads: usize, parallelism: usize) -> Vec<(Outcome, Duration)> {
    let started = Instant::now();
    let read = || async {
        let deadline = Deadline::from_default(seconds(300.0));
        (read_until(transport, "dds.example.com", deadline).await, started.elapsed())
    };
    read_all(reads, parallelism, read).await
}

#[tokio::test(start_paused = true)]
async fn unresponsive_host_fails_all_reads_within_90_seconds() {
    let unreachable = TransportError::ConnectionFailed { cause: "timed out".into() };
    for (error, after) in [(timed_out().1.err().unwrap(), 30.0), (unreachable, 10.0)] {
        for (reads, parallelism) in [(1, 1), (200, 10), (200, 100)] {
            let expected = error.clone();
            let script = Script::numbered(move |_| (seconds(after), Err(expected.clone())));
            let transport = Transport::scripted(script.clone(), 5);
            let outcomes = default_reads(&transport, reads, parallelism).await;
            assert_eq!(outcomes.len(), reads);
            for (outcome, end) in outcomes {
                assert!(end <= seconds(95.0) && (reads > 1 || end <= seconds(90.0)), "{end:?}");
                assert_eq!(outcome.result.err().as_ref(), Some(&error));
            }
            assert!(script.sent() <= 100, "{} requests", script.sent());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn host_that_responds_to_other_reads_is_retried() {
    let script = Script::numbered(|number| match number % 4 {
        0 => timed_out(),
        _ => (seconds(1.0), good().1),
    });
    let outcomes = default_reads(&Transport::scripted(script, 20), 50, 10).await;
    for (outcome, end) in outcomes {
        assert!(outcome.result.is_ok(), "{:?} after {end:?}", outcome.attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn unresponsive_host_is_retried_later() {
    let script = Script::numbered(|number| if number <= 2 { timed_out() } else { good() });
    let transport = Transport::scripted(script.clone(), 5);
    assert_eq!(default_reads(&transport, 1, 1).await[0].0.attempts.stop_reason, StopReason::NoResponse);
    assert_eq!(default_reads(&transport, 1, 1).await[0].0.attempts.count, 0);
    // A timeout that the user set overrides this.
    assert!(read_within(&transport, "dds.example.com", seconds(600.0)).await.result.is_ok());
    assert!(default_reads(&transport, 1, 1).await[0].0.result.is_ok());
}

async fn count_failures(script: &Script, reads: usize, parallelism: usize) -> usize {
    let transport = Transport::scripted(script.clone(), 5);
    let outcomes = read_all(reads, parallelism, || read(&transport)).await;
    let succeeded = |outcome: &&Outcome| matches!(&outcome.result, Ok(found) if found.status == 200);
    reads - outcomes.iter().filter(succeeded).count()
}

/// One scenario, and the required efficiency.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    limit: usize,
    window: f64,
    plans: usize,
    reads: usize,
    parallelism: usize,
    busy: Duration,
    /// Maximum time as a multiple of the ideal time, and maximum share of wasted calls.
    time: f64,
    wasted: f64,
}

impl Scenario {
    /// Returns the time as a multiple of the ideal time, the share of wasted calls, and the failed reads.
    fn run(&self, seed: u64) -> (f64, f64, usize) {
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let elapsed = seconds(self.window * fastrand::f64());
            let script = windows(self.limit, seconds(self.window), elapsed, self.busy);
            let started = Instant::now();
            let plans = (0..self.plans).map(|_| count_failures(&script, self.reads, self.parallelism));
            let failed = futures_util::future::join_all(plans).await.into_iter().sum();
            let (reads, calls) = (self.plans * self.reads, script.sent() as usize);
            let time = started.elapsed().as_secs_f64() / self.ideal(elapsed);
            (time, (calls - reads) as f64 / calls as f64, failed)
        })
    }

    /// Returns the minimum time under the limit. A long window adds its remaining time and one probe delay.
    fn ideal(&self, elapsed: Duration) -> f64 {
        let reads = self.plans * self.reads;
        if self.window > 1.0 {
            let windows = reads.div_ceil(self.limit) - 1;
            windows as f64 * self.window - elapsed.as_secs_f64() + 5.0
        } else {
            reads as f64 / self.limit as f64 * self.window
        }
    }

    fn check(&self) {
        let runs: Vec<_> = (1..=5).map(|seed| self.run(seed)).collect();
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let time = median(runs.iter().map(|run| run.0).collect());
        let wasted = median(runs.iter().map(|run| run.1).collect());
        let failed: usize = runs.iter().map(|run| run.2).sum();
        let summary =
            format!("{self:?}: {time:.2} of ideal, {:.1} % wasted, {failed} failed", wasted * 100.0);
        println!("{summary}");
        assert!(failed == 0 && time <= self.time && wasted <= self.wasted, "{summary}");
    }
}

/// The scenario that the others are based on.
const SCENARIO: Scenario = Scenario {
    limit: 10,
    window: 1.0,
    plans: 1,
    reads: 200,
    parallelism: 10,
    busy: Duration::ZERO,
    time: 1.15,
    wasted: 0.1,
};

#[test]
fn reads_under_a_limit_take_nearly_the_ideal_time() {
    for scenario in [
        SCENARIO,
        Scenario { limit: 200, window: 60.0, reads: 250, ..SCENARIO },
        Scenario { limit: 100, reads: 1000, parallelism: 10, time: 1.2, wasted: 0.05, ..SCENARIO },
        Scenario { limit: 100, reads: 1000, parallelism: 100, time: 1.2, wasted: 0.05, ..SCENARIO },
        // Plans that share a limit.
        Scenario { limit: 40, plans: 4, reads: 100, time: 1.6, wasted: 0.2, ..SCENARIO },
        // A limit below the minimum rate.
        Scenario { limit: 20, window: 60.0, reads: 60, wasted: 0.5, ..SCENARIO },
    ] {
        // Responses as fast as a 429, slightly slower, and much slower.
        for busy in [0, 4, 50] {
            Scenario { busy: millis(busy), ..scenario }.check();
        }
    }
}
