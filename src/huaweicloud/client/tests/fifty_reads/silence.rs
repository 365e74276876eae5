//! Answers that do not come, or that prove nothing about a credential.

use super::*;
use crate::huaweicloud::transport::TransportError;

#[tokio::test(start_paused = true)]
async fn hanging_first_call_fails_its_waiters_with_its_own_error() {
    for kind in KINDS {
        let run = run(kind, Cloud { hanging: 1, ..Cloud::slow(0.1) }, 0).await;
        assert!(run.texts().all(|text| text.contains("no answer came within")), "{}", kind.name);
        if kind.is_fetched() {
            assert_eq!((run.good(), run.sent.as_str()), (0, kind.first), "{}", kind.name);
            let hang = if kind.name == "metadata" { 3 } else { 30 };
            assert_eq!(run.elapsed, Duration::from_secs(hang), "{}", kind.name);
        } else {
            // Only its ten waiters, as the server is there for the others.
            assert_eq!((run.good(), run.sent.as_str()), (40, "Links 41"), "{}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_first_call_costs_each_waiter_one_try() {
    for kind in KINDS.iter().filter(|kind| kind.name != "metadata") {
        let run = run(kind, Cloud { hanging: 1, ..Cloud::slow(0.1) }, 5).await;
        assert_eq!((run.good(), run.refused), (50, 0), "{}", kind.name);
        // The hang, a pause, and five rounds that are as long as the kind has hops.
        assert!(run.elapsed < Duration::from_secs(33), "{}: {:?}", kind.name, run.elapsed);
    }
}

#[tokio::test(start_paused = true)]
async fn silent_server_takes_ten_readers_no_longer_than_one() {
    for kind in KINDS.iter().filter(|kind| kind.name != "metadata") {
        let run = run(kind, Cloud { hanging: usize::MAX, ..Cloud::default() }, 2).await;
        assert_eq!(run.good(), 0, "{}", kind.name);
        // Three tries and two pauses for each ten reads; where the failure of a fetch is kept, for all of them.
        let waves = if kind.is_fetched() { 1.0 } else { 5.0 };
        assert!(run.elapsed.as_secs_f64() <= waves * (90.0 + 1.5), "{}: {:?}", kind.name, run.elapsed);
    }
}

#[tokio::test(start_paused = true)]
async fn all_readers_give_up_a_silent_server_after_90_s() {
    for kind in KINDS.iter().filter(|kind| kind.name != "metadata") {
        for max_retries in [5, 100] {
            let cloud = Cloud { hanging: usize::MAX, ..Cloud::default() };
            let run = run_with(kind, cloud, max_retries, |_| None).await;
            assert_eq!(run.good(), 0, "{}", kind.name);
            assert!(run.elapsed <= Duration::from_secs(90), "{}: {:?}", kind.name, run.elapsed);
            assert!(run.texts().all(|text| text.contains("no answer came within")), "{}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_first_reader_leaves_its_place_to_the_next() {
    for kind in KINDS.iter().filter(|kind| kind.name != "metadata") {
        let limit = |number| Some(Duration::from_secs(if number == 0 { 1 } else { 300 }));
        let run = run_with(kind, Cloud::slow(4.0), 5, limit).await;
        let hasty: Vec<_> = run.found.iter().filter_map(|found| found.as_ref().err()).collect();
        let [Error { kind: error, .. }] = hasty.as_slice() else { panic!("{}: {hasty:?}", kind.name) };
        let limit_passed = match error {
            Kind::Credential(auth::Error::Unanswered { failure, .. }) => {
                matches!(failure, TransportError::ReadLimit { .. })
            }
            error => matches!(error, Kind::Deadline(_)),
        };
        assert!(limit_passed, "{}: {error:?}", kind.name);
        assert_eq!((run.good(), run.sent.as_str()), (49, kind.cancelled), "{}", kind.name);
    }
}

#[tokio::test(start_paused = true)]
async fn waiter_whose_limit_passes_says_what_it_waited_for() {
    for kind in KINDS.iter().filter(|kind| kind.name != "metadata") {
        let limit = |number| Some(Duration::from_secs(if number == 1 { 5 } else { 300 }));
        let cloud = Cloud { hanging: 1, ..Cloud::slow(0.1) };
        let run = run_with(kind, cloud, 0, limit).await;
        let waited = run.texts().filter(|text| {
            text.contains("made for another read, was not answered before this read's limit of 5 s")
        });
        let waited = waited.count();
        assert_eq!(waited, 1, "{}", kind.name);
    }
}

#[tokio::test(start_paused = true)]
async fn server_faults_before_a_refusal_do_not_let_others_through() {
    for kind in KINDS.iter().filter(|kind| !["metadata", "container"].contains(&kind.name)) {
        for delay in [0.1, 4.0] {
            let cloud = Cloud { faults: 3, wrong: true, ..Cloud::slow(delay) };
            let run = run(kind, cloud, 5).await;
            assert_eq!((run.good(), run.refused), (0, 1), "{}", kind.name);
            assert!(run.texts().all(|text| text.contains("HTTP 401")), "{}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn outage_takes_ten_readers_no_longer_than_one_alone() {
    for kind in KINDS.iter().filter(|kind| !["metadata", "container"].contains(&kind.name)) {
        for delay in [0.1, 4.0] {
            let cloud = Cloud { faults: usize::MAX, ..Cloud::slow(delay) };
            let run = run(kind, cloud, 3).await;
            assert_eq!((run.good(), run.refused), (0, 0), "{}", kind.name);
            // Four tries and three pauses; the last try is everybody's own.
            let alone = 4.0 * delay + 0.5 + 1.0 + 2.0;
            let waves = if kind.is_fetched() { 1.0 } else { 5.0 };
            let limit = waves * (alone + if kind.is_fetched() { 0.0 } else { 10.0 * delay });
            assert!(run.elapsed.as_secs_f64() <= limit, "{}: {:?} {limit}", kind.name, run.elapsed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_service_that_hangs_costs_three_seconds_once() {
    let (script, log) = Cloud { hanging: usize::MAX, ..Cloud::default() }.start();
    let client = client(&script, settings((kind("metadata").credential)(), Project::Id("p1".into())));
    let started = Instant::now();
    for _ in 0..5 {
        // With little time for each read, and pauses between them.
        let reads = (0..10).map(|_| client.ssl_cert_download_links(None, "i", Duration::from_secs(20)));
        for found in futures_util::future::join_all(reads).await {
            let Kind::Credential(auth::Error::Unanswered { failure, .. }) = found.unwrap_err().kind else {
                panic!("answered")
            };
            let limit = Duration::from_secs(3);
            assert_eq!(failure, TransportError::TimedOut { limit, setting: None });
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(started.elapsed(), Duration::from_secs(3 + 5 * 30));
    assert_eq!(log.lock().unwrap().len(), 1);
}
