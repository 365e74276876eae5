//! Fifty reads, ten at a time, with every kind of credential, in everything that can be wrong with one. What counts is
//! what was sent: which requests, and how many of them were refused.

mod cloud;
mod kinds;
mod silence;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::*;
use cloud::Cloud;
use kinds::{KINDS, Kind as Credentials};

type Found = Result<Vec<Certificate>, Error>;

/// What became of the reads, and what they took.
struct Run {
    found: Vec<Found>,
    /// Requests by route, such as "Tokens 1, Links 50".
    sent: String,
    /// Answers that refused a credential.
    refused: usize,
    elapsed: Duration,
}

impl Run {
    fn good(&self) -> usize {
        self.found.iter().filter(|found| found.is_ok()).count()
    }

    fn texts(&self) -> impl Iterator<Item = String> {
        self.found.iter().filter_map(|found| Some(text(found.as_ref().err()?)))
    }
}

fn kind(name: &str) -> &'static Credentials {
    KINDS.iter().find(|kind| kind.name == name).unwrap()
}

/// How many of the reads are good, one in each of so many regions.
async fn read_regions(client: &Client, count: usize) -> usize {
    let regions: Vec<_> = (0..count).map(|number| format!("region-{number}")).collect();
    let reads = regions.iter().map(|region| client.ssl_cert_download_links(Some(region), "i", READ_LIMIT));
    futures_util::future::join_all(reads).await.iter().filter(|found| found.is_ok()).count()
}

async fn run(kind: &Credentials, cloud: Cloud, max_retries: u32) -> Run {
    run_with(kind, cloud, max_retries, |_| Some(READ_LIMIT)).await
}

/// `limit` is that of the read with this number, if the user has set one.
async fn run_with(
    kind: &Credentials,
    cloud: Cloud,
    max_retries: u32,
    limit: impl Fn(usize) -> Option<Duration>,
) -> Run {
    let (script, log) = cloud.start();
    let mut settings = settings((kind.credential)(), Project::Id("p1".into()));
    settings.max_retries = max_retries;
    settings.environment = Environment::with_files([], [("/token", "SECRET")]);
    let client = client(&script, settings);
    let started = Instant::now();
    let reads = (0..50).map(|number| client.ssl_cert_download_links(None, "i", limit(number)));
    let found = futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
    let elapsed = started.elapsed();
    let mut routes = BTreeMap::<&str, usize>::new();
    let log = log.lock().unwrap();
    for (route, _) in log.iter() {
        *routes.entry(route).or_default() += 1;
    }
    let sent = routes.iter().map(|(route, count)| format!("{route} {count}")).collect::<Vec<_>>().join(", ");
    Run { found, sent, refused: log.iter().filter(|(_, refused)| *refused).count(), elapsed }
}

#[tokio::test(start_paused = true)]
async fn right_credential_is_fetched_once() {
    for kind in KINDS {
        let run = run(kind, Cloud::default(), 0).await;
        assert_eq!((run.good(), run.refused, run.sent.as_str()), (50, 0, kind.right), "{}", kind.name);
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_credential_is_sent_once() {
    for (delay, retries) in [(0.1, 0), (0.1, 5), (4.0, 5)] {
        for kind in KINDS {
            let run = run(kind, Cloud { wrong: true, ..Cloud::slow(delay) }, retries).await;
            assert_eq!((run.good(), run.refused, run.sent.as_str()), (0, 1, kind.wrong), "{}", kind.name);
            assert!(run.texts().all(|text| text.contains("HTTP 401")), "{}", kind.name);
            assert!(run.elapsed.as_secs_f64() < 2.5 * delay, "{}: {:?}", kind.name, run.elapsed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credential_refused_after_renewal_is_sent_twice() {
    for kind in KINDS.iter().filter(|kind| kind.is_fetched()) {
        for delay in [0.1, 4.0] {
            let cloud = Cloud { refuses_fetched: true, ..Cloud::slow(delay) };
            let run = run(kind, cloud, 5).await;
            let found = (run.good(), run.refused, run.sent.as_str());
            assert_eq!(found, (0, 2, kind.refused_after_renewal), "{}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn base_of_an_agency_refused_after_renewal_is_sent_twice() {
    for (name, refused, expected) in [
        ("agency over password", 2, "AgencyKeys 2, Tokens 2"),
        ("chain of agencies", 2, "Account 1, AgencyKeys 2, Assume 2"),
        // Its base is fetched with it, for this one call.
        ("OIDC in three steps", 1, "Assume 1, FederatedTokens 1, TokenKeys 1"),
    ] {
        let run = run(kind(name), Cloud { refuses_base: true, ..Cloud::slow(0.1) }, 5).await;
        assert_eq!((run.good(), run.refused, run.sent.as_str()), (0, refused, expected), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn broken_instance_fails_no_read_but_its_own() {
    for kind in KINDS {
        for retries in [0, 3] {
            let (script, _) = Cloud { broken_instance: true, ..Cloud::slow(0.1) }.start();
            let mut settings = settings((kind.credential)(), Project::Id("p1".into()));
            settings.max_retries = retries;
            settings.environment = Environment::with_files([], [("/token", "SECRET")]);
            let client = client(&script, settings);
            let instances = std::iter::once("broken").chain(std::iter::repeat_n("i", 49));
            let reads = instances.map(|id| client.ssl_cert_download_links(None, id, READ_LIMIT));
            let found: Vec<Found> = futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
            assert_eq!(found.iter().filter(|found| found.is_ok()).count(), 49, "{}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_credential_is_renewed_once_or_remembered() {
    for kind in KINDS {
        let run = run(kind, Cloud { revoked_after: Some(20), ..Cloud::slow(0.1) }, 5).await;
        // Those that were under way when the first was refused.
        assert!((1..=10).contains(&run.refused), "{}: {}", kind.name, run.refused);
        if kind.is_fetched() {
            let links = format!("Links {}", 50 + run.refused);
            assert_eq!(run.sent, kind.renewed.replace("Links 50", &links), "{}", kind.name);
            assert_eq!(run.good(), 50, "{}", kind.name);
        } else {
            assert_eq!(run.sent, format!("Links {}", 20 + run.refused), "{}", kind.name);
            assert_eq!(run.good(), 20, "{}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credential_expired_on_arrival_is_fetched_once() {
    for kind in KINDS.iter().filter(|kind| kind.is_fetched()) {
        let run = run(kind, Cloud { expired: true, ..Cloud::slow(0.1) }, 5).await;
        assert_eq!((run.good(), run.sent.as_str()), (0, kind.expired), "{}", kind.name);
        assert!(run.texts().all(|text| text.contains("expired before it arrived")), "{}", kind.name);
    }
}

#[tokio::test(start_paused = true)]
async fn denial_of_permission_holds_nobody_up_and_renews_nothing() {
    for kind in KINDS {
        for (status, code) in [(401, "EPS.0003"), (403, "PAP5.0001"), (403, "DBS.280063")] {
            let run = run(kind, Cloud { denied: Some((status, code)), ..Cloud::slow(0.1) }, 5).await;
            assert_eq!((run.good(), run.sent.as_str()), (0, kind.right), "{}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_in_one_project_does_not_block_another() {
    for kind in KINDS {
        let (script, _) = Cloud { refused_project: Some("p1"), ..Cloud::default() }.start();
        let mut settings = settings((kind.credential)(), Project::Id("p1".into()));
        settings.environment = Environment::with_files([], [("/token", "SECRET")]);
        let client = client(&script, settings);
        for (region, is_good) in [(None, false), (Some("p2"), true), (None, false), (Some("p2"), true)] {
            let found = client.ssl_cert_download_links(region, "i", READ_LIMIT).await;
            assert_eq!(found.is_ok(), is_good, "{} {region:?}", kind.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_credential_is_sent_once_however_many_regions_are_read() {
    for kind in KINDS {
        let (script, log) = Cloud { wrong: true, ..Cloud::slow(0.1) }.start();
        let mut settings = settings((kind.credential)(), Project::OfRegion);
        settings.environment = Environment::with_files([], [("/token", "SECRET")]);
        assert_eq!(read_regions(&client(&script, settings), 10).await, 0);
        assert_eq!(log.lock().unwrap().iter().filter(|(_, refused)| *refused).count(), 1, "{}", kind.name);
    }
}

#[tokio::test(start_paused = true)]
async fn right_credential_reads_in_ten_regions_at_once() {
    for kind in KINDS {
        let (script, _) = Cloud::slow(0.1).start();
        let mut settings = settings((kind.credential)(), Project::OfRegion);
        settings.environment = Environment::with_files([], [("/token", "SECRET")]);
        let started = Instant::now();
        assert_eq!(read_regions(&client(&script, settings), 10).await, 10);
        // As many rounds as requests one after another, and one more where the first goes alone.
        assert!(started.elapsed() <= Duration::from_millis(700), "{}: {:?}", kind.name, started.elapsed());
    }
}
