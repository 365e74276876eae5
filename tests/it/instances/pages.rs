//! Lists with several pages: lists that change while they are read, wrong counts, throttling and failures.

use std::time::{Duration, Instant};

use super::*;

/// The number of instances in `many`, which has three pages.
const COUNT: usize = 250;

/// This many instances. The first one is the newest.
fn many(count: usize) -> Vec<Instance> {
    let project = CloudState::sample().projects[0].id.clone();
    let instance = |index: usize| {
        // The IDs have another order than the times.
        let number = (index * 7919) % 10_007;
        let id = format!("{number:032x}in02");
        Instance::replica_set(&id, &project, "db", "192.168.1")
            .with(json!({ "created": created(9_999 - index) }))
    };
    (0..count).map(instance).collect()
}

/// A new instance, which is the first one in the list.
fn newest(number: usize) -> Instance {
    let project = CloudState::sample().projects[0].id.clone();
    let instance = Instance::single(&format!("f{number:031}in02"), &project, "new", "192.168.2");
    instance.with(json!({ "created": format!("3{number:03}-01-01T00:00:00") }))
}

fn created(number: usize) -> String {
    format!("2026-01-01T{number:08}")
}

/// A provider, and a cloud with these instances.
async fn fixture_with(instances: Vec<Instance>) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.cloud.set_instances(instances);
    fixture
}

fn sorted_ids(instances: &[Instance]) -> Vec<&str> {
    let mut ids: Vec<_> = instances.iter().map(|instance| instance.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

/// The offsets of the requests for pages.
fn offsets(fixture: &Fixture) -> Vec<usize> {
    let offset = |query: &String| query.strip_prefix("limit=100&offset=").unwrap().parse().unwrap();
    fixture.cloud.queries(Route::Instances).iter().map(offset).collect()
}

/// Concatenates lists of instances.
fn concat(parts: &[&[Instance]]) -> Vec<Instance> {
    parts.concat()
}

/// A warning about this number of instances.
fn warning(found: usize, total: usize) -> Vec<String> {
    vec![format!(
        "Instance List Changed: The list of instances in region cn-north-4 changed while it was read, and also when it was \
         read again. It has {found} instances, and the cloud counts {total}. An instance may be missing. Run Terraform again. \
         If the warning remains, compare the list with the DDS console."
    )]
}

#[tokio::test]
async fn all_pages_of_2000_instances_are_read_once() {
    let instances = many(2_000);
    let fixture = fixture_with(instances.clone()).await;
    let started = Instant::now();
    let list = fixture.read().await.unwrap();
    assert_eq!((list.ids(), &list.warnings), (sorted_ids(&instances), &vec![]));
    assert_eq!(offsets(&fixture), (0..20).map(|page| page * 100).collect::<Vec<_>>());
    assert_eq!(fixture.cloud.request_count(Route::Projects), 1);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn number_of_requests_depends_on_the_number_of_pages() {
    for (count, expected) in [
        (0, &[0][..]),
        (1, &[0]),
        (99, &[0]),
        (100, &[0]),
        (101, &[0, 100]),
        (200, &[0, 100]),
        (250, &[0, 100, 200]),
    ] {
        let fixture = fixture_with(many(count)).await;
        let list = fixture.read().await.unwrap();
        assert_eq!((list.instances.len(), &list.warnings), (count, &vec![]));
        assert_eq!(offsets(&fixture), expected, "{count}");
    }
}

#[tokio::test]
async fn list_that_changes_once_is_read_again_without_a_warning() {
    let all = many(COUNT);
    let created = concat(&[&[newest(1)], &all]);
    let replaced = concat(&[&[newest(1)], &all[..COUNT - 1]]);
    for (change, after) in [
        ("an instance is created", created.clone()),
        ("a new instance moves the others", replaced),
        ("an instance of the first page is deleted", all[1..].to_vec()),
        ("an instance of the second page is deleted", concat(&[&all[..150], &all[151..]])),
        ("most instances are deleted", all[..50].to_vec()),
        ("all instances are deleted", Vec::new()),
        ("many instances are created", concat(&[&(1..200).map(newest).collect::<Vec<_>>(), &all])),
    ] {
        for pages_before in [1, 2] {
            let fixture = fixture_with(all.clone()).await;
            let before = vec![all.clone(); pages_before];
            fixture.cloud.set_instances_before_lists(before.into_iter().chain([after.clone()]));
            let list = fixture.read().await.unwrap();
            assert_eq!(
                (list.ids(), &list.warnings),
                (sorted_ids(&after), &vec![]),
                "{change} {pages_before}"
            );
            let offsets = offsets(&fixture);
            assert_eq!(offsets.iter().filter(|offset| **offset == 0).count(), 2, "{change}: {offsets:?}");
            assert_eq!(fixture.cloud.request_count(Route::Projects), 1);
        }
    }
}

#[tokio::test]
async fn only_the_count_of_one_page_can_show_a_change() {
    // Between the first two pages, an instance is deleted. So the first instance of the second page moves to the first page,
    // which was read before. Then an instance that is older than all others gets into the list.
    let all = many(COUNT + 1);
    let (before, after) = (all[..COUNT].to_vec(), all[1..].to_vec());
    let fixture = fixture_with(Vec::new()).await;
    fixture.cloud.set_instances_before_lists([before, all[1..COUNT].to_vec(), after.clone()]);
    let list = fixture.read().await.unwrap();
    assert_eq!((list.ids(), &list.warnings), (sorted_ids(&after), &vec![]));
    assert_eq!(offsets(&fixture), [0, 100, 200, 0, 100, 200]);
}

#[tokio::test]
async fn list_that_always_changes_is_read_three_times() {
    let all = many(COUNT);
    let fixture = fixture_with(all.clone()).await;
    let steps: Vec<_> =
        (0..20).map(|number| concat(&[&(0..number).rev().map(newest).collect::<Vec<_>>(), &all])).collect();
    fixture.cloud.set_instances_before_lists(steps);
    let list = fixture.read().await.unwrap();
    assert_eq!(offsets(&fixture), [0, 100, 200, 0, 100, 200, 0, 100, 200]);
    let [warning] = list.warnings.as_slice() else { panic!("{:?}", list.warnings) };
    // The third reading began after six instances had been created. Later ones are missing.
    assert!(
        warning.starts_with("Instance List Changed: ") && warning.contains("It has 256 instances"),
        "{warning}"
    );
    let mut ids = list.ids();
    ids.dedup();
    assert_eq!(ids.len(), COUNT + 6, "each instance is returned once");
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn wrong_count_causes_a_warning() {
    for total in [0, 150, 249, 251, 1_000_000] {
        let fixture = fixture_with(many(COUNT)).await;
        fixture.cloud.inject_always(Route::Instances, Fault::Value("/total_count", json!(total)));
        let list = fixture.read().await.unwrap();
        assert_eq!((list.instances.len(), list.warnings), (COUNT, warning(COUNT, total)));
        assert_eq!(offsets(&fixture), [0, 100, 200, 250].repeat(3), "{total}");
    }
    for total in [json!(null), json!("250"), json!("")] {
        let fixture = fixture_with(many(COUNT)).await;
        fixture.cloud.inject_always(Route::Instances, Fault::Value("/total_count", total.clone()));
        let list = fixture.read().await.unwrap();
        assert_eq!((list.instances.len(), list.warnings), (COUNT, vec![]), "{total}");
    }
}

#[tokio::test]
async fn count_that_is_wrong_once_is_read_again() {
    let fixture = fixture_with(many(COUNT)).await;
    fixture.cloud.inject_once(Route::Instances, [Fault::Value("/total_count", json!(251))]);
    let list = fixture.read().await.unwrap();
    assert_eq!((list.instances.len(), list.warnings), (COUNT, vec![]));
    assert_eq!(offsets(&fixture), [0, 100, 200, 0, 100, 200]);
}

#[tokio::test]
async fn repeated_page_ends_the_list() {
    let fixture = fixture_with(many(100)).await;
    // A cloud that ignores the offset.
    let first = fixture.cloud.cloud_state().projects[0].id.clone();
    let objects: Vec<_> =
        (0..100).map(|index| json!({ "id": format!("{index:032x}in02"), "vpc_id": first })).collect();
    let body = json!({ "instances": objects, "total_count": 1_000 }).to_string();
    fixture.cloud.inject_always(Route::Instances, Fault::Body(body.leak()));
    let list = fixture.read().await.unwrap();
    assert_eq!((list.instances.len(), list.warnings), (100, warning(100, 1_000)));
    assert_eq!(offsets(&fixture), [0, 100, 0, 100, 0, 100]);
}

#[tokio::test]
async fn list_without_an_end_is_an_error() {
    let project = CloudState::sample().projects[0].id.clone();
    let instances = (0..50_100).map(|index| Instance {
        id: format!("{index:032x}in02"),
        attributes: json!({}),
        ..Instance::single("", &project, "", "")
    });
    let fixture = fixture_with(instances.collect()).await;
    let error = fixture.read().await.unwrap_err();
    assert!(error.contains("the list of instances does not end after 500 pages"), "{error}");
    assert_eq!(fixture.cloud.request_count(Route::Instances), 500);
}

#[tokio::test]
async fn null_list_is_empty() {
    for (total, requests, warnings) in [(json!(0), 1, vec![]), (json!(5), 3, warning(0, 5))] {
        let fixture = Fixture::new().await;
        let body = json!({ "instances": null, "total_count": total }).to_string();
        fixture.cloud.inject_always(Route::Instances, Fault::Body(body.leak()));
        let list = fixture.read().await.unwrap();
        assert_eq!((list.instances, list.warnings), (vec![], warnings));
        assert_eq!(fixture.cloud.request_count(Route::Instances), requests);
    }
}

/// Responses without a fault.
fn normal(count: usize) -> Vec<Fault> {
    vec![Fault::Delayed(Duration::ZERO); count]
}

#[tokio::test]
async fn only_the_failed_page_is_requested_again() {
    let throttled = || Fault::Throttled { retry_after: Some("0") };
    for failures in [
        vec![throttled()],
        vec![throttled(), throttled()],
        vec![Fault::ErrorResponse { status: 500, code: "DBS.280005", message: "Server error." }],
        vec![Fault::Html { status: 502 }],
        vec![Fault::EmptyBody { status: 504 }],
        vec![Fault::ConnectionClosed],
        vec![Fault::Truncated],
    ] {
        let fixture = Fixture::with(CloudState::sample(), json!({ "max_retries": 3 })).await;
        let instances = many(COUNT);
        fixture.cloud.set_instances(instances.clone());
        fixture.cloud.inject_once(Route::Instances, [normal(1), failures.clone()].concat());
        let list = fixture.read().await.unwrap();
        assert_eq!((list.ids(), &list.warnings), (sorted_ids(&instances), &vec![]), "{failures:?}");
        let repeated = vec![100; failures.len()];
        assert_eq!(offsets(&fixture), [&[0], repeated.as_slice(), &[100, 200]].concat(), "{failures:?}");
    }
}

#[tokio::test]
async fn failure_of_a_later_page_fails_the_read() {
    for (fault, parts) in [
        (
            Fault::ErrorResponse { status: 500, code: "DBS.280005", message: "Server error." },
            &["Server Error: ", "HTTP 500, code DBS.280005", "request ID 5a3d"][..],
        ),
        (Fault::Throttled { retry_after: None }, &["Too Many Requests: ", "max_retries allows no retry"]),
        (Fault::ConnectionClosed, &["Connection Interrupted: "]),
        (
            Fault::ErrorResponse { status: 403, code: "DBS.280063", message: "denied" },
            &["Access Denied: ", "dds:instance:list"],
        ),
        (
            Fault::Value("/instances/7/port", json!("x")),
            &["Invalid Response: ", "port is not a valid number"],
        ),
        (Fault::InvalidJson, &["Invalid Response: ", "the body is not JSON"]),
    ] {
        let fixture = fixture_with(many(COUNT)).await;
        fixture.cloud.inject_once(Route::Instances, [normal(2), vec![fault.clone()]].concat());
        let error = fixture.read().await.unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{fault:?}: {error}");
        }
        assert!(error.contains("list of instances"), "{error}");
        assert_eq!(offsets(&fixture), [0, 100, 200], "{fault:?}");
        assert_eq!(fixture.read().await.unwrap().instances.len(), COUNT);
    }
}

#[tokio::test]
async fn rate_limit_slows_paging_down_but_does_not_fail_it() {
    let fixture = Fixture::with(CloudState::sample(), json!({})).await;
    fixture.cloud.set_instances(many(1_000));
    fixture.cloud.set_rate_limit(Route::Instances, 2, Duration::from_secs(1));
    let started = Instant::now();
    let list = fixture.read().await.unwrap();
    assert_eq!((list.instances.len(), list.warnings), (1_000, vec![]));
    let requests = fixture.cloud.request_count(Route::Instances);
    assert!((11..=20).contains(&requests), "{requests} requests");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn all_pages_share_one_timeout() {
    let fixture = fixture_with(many(2_000)).await;
    fixture.cloud.set_latency(Duration::from_millis(200));
    let timeouts = Value::object([("read", "1s".into())]);
    let started = Instant::now();
    let error = fixture.read_with(&[("timeouts", timeouts)]).await.unwrap_err();
    assert!(error.starts_with("Read Timed Out: ") && error.contains("1 s (timeouts.read)"), "{error}");
    let requests = fixture.cloud.request_count(Route::Instances);
    assert!((1..=5).contains(&requests), "{requests} requests");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn timeout_while_throttled_reports_the_429() {
    let fixture = Fixture::with(CloudState::sample(), json!({})).await;
    fixture.cloud.set_instances(many(COUNT));
    fixture.cloud.inject_once(Route::Instances, normal(1));
    fixture.cloud.inject_always(Route::Instances, Fault::Throttled { retry_after: None });
    let error = fixture.read_with(&[("timeouts", Value::object([("read", "2s".into())]))]).await.unwrap_err();
    for part in
        ["Too Many Requests: ", "HTTP 429, code APIGW.0308", "the read timeout of 2 s (timeouts.read)"]
    {
        assert!(error.contains(part), "{error}");
    }
    let offsets = offsets(&fixture);
    assert!(offsets[0] == 0 && offsets[1..].iter().all(|offset| *offset == 100), "{offsets:?}");
    assert!((3..=9).contains(&offsets.len()), "{offsets:?}");
}
