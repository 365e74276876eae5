//! Fifty reads, ten at a time, with every type of credential and many faults. The tests check which requests were sent,
//! and how many of them were rejected.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::cloud::{CASES, CredentialCase, Log, SimulatedCloud};
use super::*;
use crate::huaweicloud::transport::TransportError;

/// The results of the reads, and the requests that were sent.
struct Run {
    results: Vec<ReadResult>,
    /// Requests by route, such as "Tokens 1, Links 50".
    sent: String,
    /// Responses that rejected a credential.
    rejected: usize,
    elapsed: Duration,
}

impl Run {
    fn succeeded(&self) -> usize {
        self.results.iter().filter(|found| found.is_ok()).count()
    }

    /// Returns the number of successful reads, the number of rejections, and the requests.
    fn outcome(&self) -> (usize, usize, &str) {
        (self.succeeded(), self.rejected, &self.sent)
    }

    fn errors(&self) -> impl Iterator<Item = String> {
        self.results.iter().filter_map(|found| Some(error_chain(found.as_ref().err()?)))
    }
}

fn case(name: &str) -> &'static CredentialCase {
    CASES.iter().find(|case| case.name == name).unwrap()
}

fn start(
    case: &CredentialCase,
    cloud: SimulatedCloud,
    max_retries: u32,
    project: ProjectSelector,
) -> (Client, Log) {
    let (script, log) = cloud.start();
    let environment = Environment::with_files([], [("/token", "SECRET")]);
    let settings = settings((case.credential)(), project);
    (client(&script, Settings { max_retries, environment, ..settings }), log)
}

async fn run(case: &CredentialCase, cloud: SimulatedCloud, max_retries: u32) -> Run {
    run_with(case, cloud, max_retries, |_| Some(DEFAULT_READ_TIMEOUT)).await
}

/// `timeout` returns the timeout that the user set for the read with this number, if any.
async fn run_with(
    case: &CredentialCase,
    cloud: SimulatedCloud,
    max_retries: u32,
    timeout: impl Fn(usize) -> Option<Duration>,
) -> Run {
    let (client, log) = start(case, cloud, max_retries, project_id());
    let started = Instant::now();
    let reads = (0..50).map(|number| client.dds().ssl_cert_download_links(None, "i", timeout(number)));
    let results = futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
    let elapsed = started.elapsed();
    let mut routes = BTreeMap::<&str, usize>::new();
    let log = log.lock().unwrap();
    for (route, _) in log.iter() {
        *routes.entry(route).or_default() += 1;
    }
    let sent = routes.iter().map(|(route, count)| format!("{route} {count}")).collect::<Vec<_>>().join(", ");
    Run { results, sent, rejected: log.iter().filter(|(_, rejected)| *rejected).count(), elapsed }
}

#[tokio::test(start_paused = true)]
async fn accepted_credential_is_fetched_once() {
    for case in CASES {
        let run = run(case, SimulatedCloud::default(), 0).await;
        assert_eq!(run.outcome(), (50, 0, case.accepted), "{}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_credential_is_sent_once() {
    for (delay, retries) in [(0.1, 0), (0.1, 5), (4.0, 5)] {
        for case in CASES {
            let run = run(
                case,
                SimulatedCloud { rejects_configured: true, ..SimulatedCloud::slow(delay) },
                retries,
            )
            .await;
            assert_eq!(run.outcome(), (0, 1, case.configured_rejected), "{}", case.name);
            assert!(run.errors().all(|error| error.contains("HTTP 401")), "{}", case.name);
            assert!(run.elapsed.as_secs_f64() < 2.5 * delay, "{}: {:?}", case.name, run.elapsed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credential_rejected_after_renewal_is_sent_twice() {
    for case in CASES.iter().filter(|case| case.is_fetched()) {
        for delay in [0.1, 4.0] {
            let run =
                run(case, SimulatedCloud { rejects_fetched: true, ..SimulatedCloud::slow(delay) }, 5).await;
            assert_eq!(run.outcome(), (0, 2, case.rejected_after_renewal), "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn agency_caller_rejected_after_renewal_is_sent_twice() {
    for (name, rejected, expected) in [
        ("agency over password", 2, "AgencyKeys 2, Tokens 2"),
        ("chain of agencies", 2, "Account 1, AgencyKeys 2, Assume 2"),
        // The credential that assumes the agency is fetched for this one call only.
        ("OIDC in three steps", 1, "Assume 1, FederatedTokens 1, TokenKeys 1"),
    ] {
        let run =
            run(case(name), SimulatedCloud { rejects_base: true, ..SimulatedCloud::slow(0.1) }, 5).await;
        assert_eq!(run.outcome(), (0, rejected, expected), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_instance_fails_only_its_own_read() {
    for case in CASES {
        for retries in [0, 3] {
            let cloud = SimulatedCloud { failing_instance: true, ..SimulatedCloud::slow(0.1) };
            let (client, _) = start(case, cloud, retries, project_id());
            let instances = std::iter::once("failing").chain(std::iter::repeat_n("i", 49));
            let reads =
                instances.map(|id| client.dds().ssl_cert_download_links(None, id, DEFAULT_READ_TIMEOUT));
            let found: Vec<ReadResult> =
                futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
            assert_eq!(found.iter().filter(|found| found.is_ok()).count(), 49, "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_credential_is_renewed_once_or_not_sent_again() {
    for case in CASES {
        let run = run(case, SimulatedCloud { revoked_after: Some(20), ..SimulatedCloud::slow(0.1) }, 5).await;
        // The requests in flight at the first rejection.
        assert!((1..=10).contains(&run.rejected), "{}: {}", case.name, run.rejected);
        if case.is_fetched() {
            let links = format!("Links {}", 50 + run.rejected);
            assert_eq!(run.sent, case.rejected_after_renewal.replace("Links 2", &links), "{}", case.name);
            assert_eq!(run.succeeded(), 50, "{}", case.name);
        } else {
            assert_eq!(run.sent, format!("Links {}", 20 + run.rejected), "{}", case.name);
            assert_eq!(run.succeeded(), 20, "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credential_expired_on_arrival_is_fetched_once() {
    for case in CASES.iter().filter(|case| case.is_fetched()) {
        let run = run(case, SimulatedCloud { expired: true, ..SimulatedCloud::slow(0.1) }, 5).await;
        assert_eq!((run.succeeded(), run.sent.as_str()), (0, case.expired), "{}", case.name);
        assert!(run.errors().all(|error| error.contains("has already expired")), "{}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn denied_permission_neither_blocks_nor_renews() {
    for case in CASES {
        for (status, code) in [(401, "EPS.0003"), (403, "PAP5.0001"), (403, "DBS.280063")] {
            let run =
                run(case, SimulatedCloud { denied: Some((status, code)), ..SimulatedCloud::slow(0.1) }, 5)
                    .await;
            assert_eq!((run.succeeded(), run.sent.as_str()), (0, case.accepted), "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rejection_in_one_project_does_not_block_another() {
    for case in CASES {
        let cloud = SimulatedCloud { rejected_project: Some("p1"), ..SimulatedCloud::default() };
        let (client, _) = start(case, cloud, 3, project_id());
        for (region, succeeds) in [(None, false), (Some("p2"), true), (None, false), (Some("p2"), true)] {
            let found = client.dds().ssl_cert_download_links(region, "i", DEFAULT_READ_TIMEOUT).await;
            assert_eq!(found.is_ok(), succeeds, "{} {region:?}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_regions_are_read_in_parallel_or_rejected_once() {
    let regions = (0..10).map(|number| format!("region-{number}")).collect::<Vec<_>>();
    for case in CASES {
        for (rejects_configured, expected) in [(false, (10, 0)), (true, (0, 1))] {
            let (client, log) = start(
                case,
                SimulatedCloud { rejects_configured, ..SimulatedCloud::slow(0.1) },
                3,
                ProjectSelector::RegionDefault,
            );
            let started = Instant::now();
            let reads = regions
                .iter()
                .map(|region| client.dds().ssl_cert_download_links(Some(region), "i", DEFAULT_READ_TIMEOUT));
            let found = futures_util::future::join_all(reads).await;
            let succeeded = found.iter().filter(|found| found.is_ok()).count();
            let rejected = log.lock().unwrap().iter().filter(|(_, rejected)| *rejected).count();
            assert_eq!((succeeded, rejected), expected, "{}", case.name);
            // One round per sequential request, and one more if the first request is sent alone.
            let elapsed = started.elapsed();
            assert!(
                rejects_configured || elapsed <= Duration::from_millis(700),
                "{}: {elapsed:?}",
                case.name
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn timed_out_first_call_fails_waiting_reads_with_its_error() {
    for case in CASES {
        let run = run(case, SimulatedCloud { no_response: 1, ..SimulatedCloud::slow(0.1) }, 0).await;
        assert!(run.errors().all(|error| error.contains("no response within")), "{}", case.name);
        if case.is_fetched() {
            let (seconds, sent) =
                if case.name == "metadata" { (3, "MetadataToken 1") } else { (30, case.configured_rejected) };
            assert_eq!((run.succeeded(), run.sent.as_str()), (0, sent), "{}", case.name);
            assert_eq!(run.elapsed, Duration::from_secs(seconds), "{}", case.name);
        } else {
            // Only the ten reads that wait for it fail, because the server responds to the others.
            assert_eq!((run.succeeded(), run.sent.as_str()), (40, "Links 41"), "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn timed_out_first_call_counts_as_one_attempt_of_each_read() {
    for case in CASES.iter().filter(|case| case.name != "metadata") {
        let run = run(case, SimulatedCloud { no_response: 1, ..SimulatedCloud::slow(0.1) }, 5).await;
        assert_eq!((run.succeeded(), run.rejected), (50, 0), "{}", case.name);
        // The request without a response, a delay, and five rounds of sequential requests.
        assert!(run.elapsed < Duration::from_secs(33), "{}: {:?}", case.name, run.elapsed);
    }
}

#[tokio::test(start_paused = true)]
async fn unresponsive_server_delays_ten_reads_no_longer_than_one() {
    for case in CASES.iter().filter(|case| case.name != "metadata") {
        // Three attempts and two delays for every ten reads, or for all reads if the error of a fetch is cached.
        let batches = if case.is_fetched() { 1.0 } else { 5.0 };
        // With the default timeout, all reads fail after 90 s.
        for (max_retries, timeout, longest) in
            [(2, Some(DEFAULT_READ_TIMEOUT), batches * (90.0 + 1.5)), (5, None, 90.0), (100, None, 90.0)]
        {
            let cloud = SimulatedCloud { no_response: usize::MAX, ..SimulatedCloud::default() };
            let run = run_with(case, cloud, max_retries, |_| timeout).await;
            assert_eq!(run.succeeded(), 0, "{}", case.name);
            assert!(run.elapsed.as_secs_f64() <= longest, "{}: {:?}", case.name, run.elapsed);
            assert!(run.errors().all(|error| error.contains("no response within")), "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn next_reader_proceeds_after_a_cancelled_first_reader() {
    for case in CASES.iter().filter(|case| case.name != "metadata") {
        let timeout = |number| Some(Duration::from_secs(if number == 0 { 1 } else { 300 }));
        let run = run_with(case, SimulatedCloud::slow(4.0), 5, timeout).await;
        let errors: Vec<_> = run.results.iter().filter_map(|found| found.as_ref().err()).collect();
        let [Error { kind: error, .. }] = errors.as_slice() else { panic!("{}: {errors:?}", case.name) };
        let timed_out = match error {
            ErrorKind::Credential(auth::Error::Transport { error, .. }) => {
                matches!(error, TransportError::ReadTimedOut { .. })
            }
            error => matches!(error, ErrorKind::DeadlineExceeded(_)),
        };
        assert!(timed_out, "{}: {error:?}", case.name);
        assert_eq!((run.succeeded(), run.sent.as_str()), (49, case.cancelled), "{}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_read_that_times_out_names_the_awaited_call() {
    for case in CASES.iter().filter(|case| case.name != "metadata") {
        let timeout = |number| Some(Duration::from_secs(if number == 1 { 5 } else { 300 }));
        let cloud = SimulatedCloud { no_response: 1, ..SimulatedCloud::slow(0.1) };
        let run = run_with(case, cloud, 0, timeout).await;
        let expected = "another read sent the first call with this credential, and got no response within the read timeout of 5 s";
        let waited = run.errors().filter(|error| error.contains(expected)).count();
        assert_eq!(waited, 1, "{}", case.name);
    }
}

#[tokio::test(start_paused = true)]
async fn server_errors_before_a_rejection_do_not_open_the_gate() {
    for case in CASES.iter().filter(|case| !["metadata", "container"].contains(&case.name)) {
        for delay in [0.1, 4.0] {
            let cloud =
                SimulatedCloud { server_errors: 3, rejects_configured: true, ..SimulatedCloud::slow(delay) };
            let run = run(case, cloud, 5).await;
            assert_eq!((run.succeeded(), run.rejected), (0, 1), "{}", case.name);
            assert!(run.errors().all(|error| error.contains("HTTP 401")), "{}", case.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn outage_delays_ten_reads_no_longer_than_one() {
    for case in CASES.iter().filter(|case| !["metadata", "container"].contains(&case.name)) {
        for delay in [0.1, 4.0] {
            let cloud = SimulatedCloud { server_errors: usize::MAX, ..SimulatedCloud::slow(delay) };
            let run = run(case, cloud, 3).await;
            assert_eq!((run.succeeded(), run.rejected), (0, 0), "{}", case.name);
            // Four attempts and three delays. Every read sends its last attempt itself.
            let alone = 4.0 * delay + 0.5 + 1.0 + 2.0;
            let batches = if case.is_fetched() { 1.0 } else { 5.0 };
            let timeout = batches * (alone + if case.is_fetched() { 0.0 } else { 10.0 * delay });
            assert!(run.elapsed.as_secs_f64() <= timeout, "{}: {:?} {timeout}", case.name, run.elapsed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unresponsive_metadata_service_costs_three_seconds_once() {
    let cloud = SimulatedCloud { no_response: usize::MAX, ..SimulatedCloud::default() };
    let (client, log) = start(case("metadata"), cloud, 3, project_id());
    let started = Instant::now();
    for _ in 0..5 {
        // Short timeouts, and time between the batches.
        let reads = (0..10).map(|_| client.dds().ssl_cert_download_links(None, "i", Duration::from_secs(20)));
        for found in futures_util::future::join_all(reads).await {
            let ErrorKind::Credential(auth::Error::Transport { error, .. }) = found.unwrap_err().kind else {
                panic!("got a response")
            };
            let timeout = Duration::from_secs(3);
            assert_eq!(error, TransportError::RequestTimedOut { timeout, setting: None });
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(started.elapsed(), Duration::from_secs(3 + 5 * 30));
    assert_eq!(log.lock().unwrap().len(), 1);
}
