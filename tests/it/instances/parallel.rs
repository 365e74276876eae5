//! Fifty reads of instances and certificates, ten at a time as Terraform runs them, with one failure in the middle.

use cloud_simulator::{DownloadServer, Reply};
use futures_util::StreamExt as _;

use super::*;

/// A provider, and a cloud with 25 instances whose links differ, as if they were signed.
async fn fixture(settings: Json) -> (Fixture, DownloadServer) {
    let mut cloud_state = CloudState::sample();
    let project = cloud_state.projects[0].id.clone();
    let instance = |index: usize| {
        let instance = Instance::replica_set(&id(index), &project, &format!("db-{index}"), "192.168.1");
        instance.with_certificates(&["international"])
    };
    cloud_state.instances = (0..25).map(instance).collect();
    let fixture = Fixture::with(cloud_state, settings).await;
    let downloads = fixture.cloud.serve_downloads();
    fixture.cloud.set_link_base(&downloads.http_url(), true);
    (fixture, downloads)
}

fn id(index: usize) -> String {
    format!("{index:032x}in02")
}

/// Reads the certificates of each of the 25 instances, and 25 lists of instances in between. Returns the errors.
async fn read_fifty(fixture: &Fixture) -> Vec<String> {
    let reads = (0..50).map(async |index| {
        let id = id(index / 2);
        if index % 2 == 0 {
            let arguments =
                [("instance_id", id.as_str().into()), ("read_replica_set_name", Value::Bool(true))];
            let list = fixture.read_with(&arguments).await?;
            // Each read gets its own instance.
            assert_eq!((list.ids(), &list.warnings), (vec![id.as_str()], &vec![]));
        } else {
            let (state, _) =
                fixture.read_source("dds_ssl_certificates", &[("instance_id", id.as_str().into())]).await?;
            assert_eq!(
                (&state["id"], &state["bundles"][0]["category"]),
                (&json!(id), &json!("international"))
            );
        }
        Ok(())
    });
    let results: Vec<Result<(), String>> =
        futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
    results.into_iter().filter_map(Result::err).collect()
}

/// Thirteen normal responses, then this one.
fn in_the_middle(fault: Fault) -> Vec<Fault> {
    let mut faults = vec![Fault::Delayed(std::time::Duration::ZERO); 13];
    faults.push(fault);
    faults
}

const ROUTES: [Route; 3] = [Route::Instances, Route::ReplicaSetName, Route::Links];

fn request_counts(fixture: &Fixture) -> [usize; 3] {
    ROUTES.map(|route| fixture.cloud.request_count(route))
}

#[tokio::test]
async fn one_failed_request_fails_only_its_read() {
    let (fixture, downloads) = fixture(json!({ "max_retries": 0, "request_timeout": "3s" })).await;
    for (fault, summary) in [
        (Fault::ErrorResponse { status: 500, code: "DBS.280005", message: "Server error." }, "Server Error"),
        (Fault::ErrorResponse { status: 403, code: "DBS.280063", message: "denied" }, "Access Denied"),
        (Fault::ErrorResponse { status: 404, code: "DBS.200002", message: "gone" }, "Instance Not Found"),
        (Fault::Html { status: 502 }, "Server Error"),
        (Fault::ConnectionClosed, "Connection Interrupted"),
        (Fault::NoResponse, "Request Timed Out"),
        (Fault::Body("{}"), "Invalid Response"),
        (Fault::Throttled { retry_after: None }, "Too Many Requests"),
    ] {
        for (index, route) in ROUTES.into_iter().enumerate() {
            fixture.cloud.clear_recorded_requests();
            let downloaded = downloads.requests().len();
            fixture.cloud.inject_once(route, in_the_middle(fault.clone()));
            let errors = read_fifty(&fixture).await;
            assert!(
                errors.len() == 1 && errors[0].starts_with(&format!("{summary}: ")),
                "{route:?} {fault:?}: {errors:#?}"
            );
            // Every request was sent once, and a failed one is not followed by the next of its read.
            let mut expected = [25; 3];
            expected[1] -= usize::from(index == 0);
            assert_eq!(request_counts(&fixture), expected, "{route:?} {fault:?}");
            assert_eq!(downloads.requests().len() - downloaded, 25 - usize::from(index == 2));
            // The next run is not affected.
            assert_eq!(read_fifty(&fixture).await, Vec::<String>::new(), "{route:?} {fault:?}");
        }
    }
    let recorded = fixture.cloud.recorded_requests();
    assert!(
        recorded.iter().all(|recorded| recorded.route != Route::Projects),
        "the project is looked up once"
    );
}

#[tokio::test]
async fn one_failed_download_fails_only_its_read() {
    let (fixture, downloads) = fixture(json!({ "max_retries": 0 })).await;
    for (reply, summary) in [
        (Reply::Error(403, "application/xml", "<Error/>"), "Download Failed"),
        (Reply::Error(503, "text/html", ""), "Download Failed"),
        (Reply::ConnectionClosed, "Connection Interrupted"),
        (Reply::File("text/html", "<html>".into()), "Not A Certificate"),
    ] {
        fixture.cloud.clear_recorded_requests();
        let downloaded = downloads.requests().len();
        let replies = (0..13).map(|_| Reply::Certificates).chain([reply.clone()]);
        downloads.reply_once("international", replies);
        let errors = read_fifty(&fixture).await;
        assert!(
            errors.len() == 1 && errors[0].starts_with(&format!("{summary}: ")),
            "{reply:?}: {errors:#?}"
        );
        assert_eq!((request_counts(&fixture), downloads.requests().len() - downloaded), ([25; 3], 25));
        assert_eq!(read_fifty(&fixture).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn retried_failure_fails_no_read() {
    let (fixture, downloads) = fixture(json!({ "max_retries": 3 })).await;
    for fault in [
        Fault::ErrorResponse { status: 500, code: "DBS.280005", message: "Server error." },
        Fault::ConnectionClosed,
        Fault::Truncated,
        Fault::Throttled { retry_after: Some("0") },
    ] {
        for route in ROUTES {
            fixture.cloud.clear_recorded_requests();
            let downloaded = downloads.requests().len();
            fixture.cloud.inject_once(route, in_the_middle(fault.clone()));
            assert_eq!(read_fifty(&fixture).await, Vec::<String>::new(), "{route:?} {fault:?}");
            let counts: usize = request_counts(&fixture).iter().sum();
            assert_eq!((counts, downloads.requests().len() - downloaded), (76, 25), "{route:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn credential_that_is_revoked_in_the_middle_is_renewed_once() {
    let cloud_state = CloudState::sample();
    let (user, password) = (cloud_state.user_id, cloud_state.password);
    let settings = json!({ "access_key": null, "secret_key": null, "user_id": user, "password": password });
    let (fixture, downloads) = fixture(settings).await;
    assert_eq!(read_fifty(&fixture).await, Vec::<String>::new());
    assert_eq!(fixture.cloud.request_count(Route::Tokens), 1);
    fixture.cloud.revoke_tokens();
    assert_eq!(read_fifty(&fixture).await, Vec::<String>::new());
    assert_eq!(fixture.cloud.request_count(Route::Tokens), 2);
    let recorded = fixture.cloud.recorded_requests();
    let rejected = recorded.iter().filter(|recorded| recorded.status == Some(401)).count();
    assert!((1..=10).contains(&rejected), "{rejected} rejected requests");
    assert_eq!(recorded.len(), 2 * 75 + 2 + rejected);
    assert_eq!(downloads.requests().len(), 50);
}

#[tokio::test]
async fn wrong_secret_key_is_sent_once_by_all_reads() {
    let (fixture, downloads) = fixture(json!({ "secret_key": "wrong-secret-key" })).await;
    let errors = read_fifty(&fixture).await;
    assert_eq!(errors.len(), 50);
    assert!(errors.iter().all(|error| error.starts_with("Authentication Failed: ")), "{errors:#?}");
    assert_eq!((fixture.cloud.recorded_requests().len(), downloads.requests().len()), (1, 0));
}

#[tokio::test]
async fn lists_in_parallel_share_nothing_but_the_project() {
    let (fixture, _downloads) = fixture(json!({})).await;
    let reads = (0..50).map(|_| fixture.read());
    let lists: Vec<_> = futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
    for list in lists {
        let list = list.unwrap();
        assert_eq!((list.ids().len(), list.warnings), (25, vec![]));
    }
    assert_eq!(fixture.cloud.request_count(Route::Instances), 50);
    assert_eq!(fixture.cloud.request_count(Route::Projects), 1);
}
