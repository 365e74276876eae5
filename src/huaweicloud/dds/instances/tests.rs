//! Tests of the requests for a list of instances: filters, pages, changes between pages, and names of replica sets.

use serde_json::{Value, json};

use super::*;
use crate::huaweicloud::client::tests::client_with_key;
use crate::huaweicloud::transport::tests::{Script, http_response};

const MINUTE: Duration = Duration::from_secs(60);

/// Instances with these numbers in their IDs, in the order of the cloud: the newest first.
fn newest_first(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.rev().map(|number| json!({ "id": format!("i{number:04}"), "name": "same" })).collect()
}

/// A page of this list, as the documentation describes it.
fn page_of(list: &[Value], offset: usize, limit: usize) -> Value {
    let instances: Vec<_> = list.iter().skip(offset).take(limit).collect();
    json!({ "instances": instances, "total_count": list.len() })
}

/// A server with this page for the number of a request (from 0) and its offset.
fn server(page: impl Fn(usize, usize) -> Value + Send + 'static) -> Script {
    let mut number = 0;
    Script::with_server(Duration::ZERO, move |request| {
        let query = request.uri().query().unwrap();
        let offset = query.split('&').find_map(|pair| pair.strip_prefix("offset=")).unwrap();
        let body = page(number, offset.parse().unwrap());
        number += 1;
        (Duration::ZERO, Ok(http_response(200, &[], &body.to_string())))
    })
}

fn paths(script: &Script) -> Vec<String> {
    let path = |uri: &http::Uri| uri.path_and_query().unwrap().to_string();
    script.requests().iter().map(|request| path(request.uri())).collect()
}

async fn read(script: &Script) -> Result<InstanceList, Error> {
    client_with_key(script).dds().instances(None, &InstanceFilter::default(), false, MINUTE).await
}

#[tokio::test]
async fn all_pages_are_read_and_sorted_by_id() {
    for (count, requests) in [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (2000, 20)] {
        let script = server(move |_, offset| page_of(&newest_first(0..count), offset, 100));
        let list = read(&script).await.unwrap();
        let expected: Vec<_> =
            (0..requests).map(|page| format!("/v3/p1/instances?limit=100&offset={}", page * 100)).collect();
        assert_eq!(paths(&script), expected);
        let ids: Vec<_> = list.instances.iter().map(|instance| instance.id.clone()).collect();
        assert_eq!(ids, (0..count).map(|number| format!("i{number:04}")).collect::<Vec<_>>());
        assert!(list.is_consistent);
    }
}

/// The page of a list with this number of instances.
fn page(count: usize, offset: usize) -> Value {
    page_of(&newest_first(0..count), offset, 100)
}

fn with_count(mut page: Value, count: impl Into<Value>) -> Value {
    page["total_count"] = count.into();
    page
}

/// A name, the page for the number of a request and its offset, and the expected numbers of requests and instances, and
/// whether the list is consistent.
type PagingCase = (&'static str, fn(usize, usize) -> Value, usize, usize, bool);

const PAGING_CASES: &[PagingCase] = &[
    ("created after the first page", |request, offset| page(250 + request.min(1), offset), 6, 251, true),
    ("deleted after the first page", |request, offset| page(250 - request.min(1), offset), 6, 249, true),
    (
        "most are deleted after the first page",
        |request, offset| page([101, 50, 50][request], offset),
        3,
        50,
        true,
    ),
    ("created before each page", |request, offset| page(250 + request, offset), 9, 256, false),
    ("count is too large", |_, offset| with_count(page(5, offset), 7), 6, 5, false),
    ("count is too small", |_, offset| with_count(page(250, offset), 50), 12, 250, false),
    ("count is zero", |_, offset| with_count(page(5, offset), 0), 6, 5, false),
    ("count is null", |_, offset| with_count(page(150, offset), Value::Null), 3, 150, true),
    ("count is a string", |_, offset| with_count(page(150, offset), "150"), 2, 150, true),
    ("offset is ignored", |_, _| page(250, 0), 6, 100, false),
    ("pages are smaller than the limit", |_, offset| page_of(&newest_first(0..25), offset, 10), 3, 25, true),
    (
        "an instance is listed twice",
        |_, _| json!({ "instances": [{ "id": "i" }, { "id": "i" }], "total_count": 2 }),
        3,
        1,
        false,
    ),
    ("list is null", |_, _| json!({ "instances": null, "total_count": 0 }), 1, 0, true),
];

#[tokio::test]
async fn list_that_changes_is_read_again_at_most_twice() {
    for (name, page, requests, found, is_consistent) in PAGING_CASES {
        let script = server(page);
        let list = read(&script).await.unwrap();
        let result = (paths(&script).len(), list.instances.len(), list.is_consistent);
        assert_eq!(result, (*requests, *found, *is_consistent), "{name}");
    }
}

/// Returns the error and its cause.
fn error_text(error: &Error) -> String {
    let cause = std::error::Error::source(error).and_then(std::error::Error::source);
    format!("{error}: {}", cause.unwrap())
}

#[tokio::test]
async fn list_that_does_not_end_is_an_error() {
    let script = server(|_, offset| json!({ "instances": [{ "id": offset.to_string() }] }));
    let error = error_text(&read(&script).await.unwrap_err());
    assert_eq!(
        error,
        "reading the list of instances failed in region cn-north-4: the list of instances does not end after 500 pages"
    );
    assert_eq!(script.sent(), 500);
}

#[tokio::test]
async fn invalid_list_is_an_error_with_the_path() {
    for (body, expected) in [
        (json!({}), "instances is missing"),
        (json!([]), "instances is missing"),
        (json!({ "instances": {} }), "instances is not a list"),
        (json!({ "instances": [{ "id": "a" }, null] }), "instances[1] is not an object"),
        (json!({ "instances": [{ "name": "a" }] }), "instances[0].id is missing"),
        (
            json!({ "instances": [{ "id": "a" }, { "id": "b", "port": {} }] }),
            "instances[1].port is not a valid number",
        ),
        (
            json!({ "instances": [{ "id": "a", "groups": [{ "nodes": [{ "role": 1 }] }] }] }),
            "instances[0].groups[0].nodes[0].role is not a string",
        ),
        (json!({ "instances": [], "total_count": "many" }), "total_count is not a valid number"),
        (json!({ "instances": [], "total_count": {} }), "total_count is not a valid number"),
        (json!({ "instances": [], "total_count": -1 }), "total_count is not a valid number"),
    ] {
        let script = server(move |_, _| body.clone());
        let error = error_text(&read(&script).await.unwrap_err());
        assert!(error.ends_with(&format!(": {expected}")), "{error}");
    }
}

#[tokio::test]
async fn error_with_an_empty_list_is_reported() {
    let body = json!({ "instances": [], "error_code": "DBS.280063", "error_msg": "no" });
    let error = read(&server(move |_, _| body.clone())).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Response { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pages_have_one_deadline_together() {
    let script = server(|_, offset| page(2000, offset)).slow(Duration::from_secs(7));
    let started = tokio::time::Instant::now();
    let error = read(&script).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::DeadlineExceeded(MINUTE)), "{error}");
    assert_eq!(started.elapsed(), MINUTE);
    // The last one has no response.
    assert_eq!(script.sent(), 9);
}

/// The values of the signing vector `v4-special-query`, which the official SDK encoded.
#[tokio::test]
async fn filters_are_encoded_like_in_the_official_sdk() {
    let filter = InstanceFilter {
        name: Some("*my db/é~"),
        mode: Some("ReplicaSet"),
        tags: [("k 1", "v&1"), ("k2", "")].into(),
        ..InstanceFilter::default()
    };
    let script = server(|_, offset| page(0, offset));
    client_with_key(&script).dds().instances(None, &filter, false, MINUTE).await.unwrap();
    let expected = "/v3/p1/instances?name=%2Amy%20db%2F%C3%A9~&mode=ReplicaSet&tags=k%201%3Dv%261%2Ck2%3D&limit=100&offset=0";
    assert_eq!(paths(&script), [expected]);
    // The HTTP client parses the URL, and must not change it.
    let url = script.requests()[0].uri().to_string();
    assert_eq!(url::Url::parse(&url).unwrap().as_str(), url);

    let all = InstanceFilter {
        id: Some("i1"),
        name: Some("n"),
        mode: Some("Single"),
        datastore_type: Some("DDS-Community"),
        vpc_id: Some("v"),
        subnet_id: Some("s"),
        tags: [("a", "=b:@/+")].into(),
    };
    let expected = "id=i1&name=n&mode=Single&datastore_type=DDS-Community&vpc_id=v&subnet_id=s&tags=a%3D%3Db%3A%40%2F%2B";
    assert_eq!(all.query(), expected);
    assert_eq!(InstanceFilter::default().query(), "");
}

/// A cloud with 25 replica sets, and with instances whose replica set has no name to read.
fn replica_sets(name: impl Fn(&str) -> (u16, Value) + Send + 'static) -> Script {
    let instance = |id: &str, mode: &str, address: &str| {
        let groups = json!([{ "type": "replica", "nodes": [{ "private_ip": address, "role": "Primary" }] }]);
        json!({ "id": id, "mode": mode, "port": "8635", "groups": groups })
    };
    let mut instances: Vec<_> =
        (10..35).map(|number| instance(&format!("i{number}"), "ReplicaSet", "10.0.0.1")).collect();
    instances.extend([instance("single", "Single", "10.0.0.1"), instance("creating", "ReplicaSet", "")]);
    Script::with_server(Duration::from_secs(1), move |request| {
        let (status, body) = match request.uri().path().strip_suffix("/replica-set/name") {
            Some(path) => name(path.rsplit('/').next().unwrap()),
            None => (200, page_of(&instances, 0, 100)),
        };
        (Duration::ZERO, Ok(http_response(status, &[], &body.to_string())))
    })
}

async fn read_with_names(script: &Script) -> Result<InstanceList, Error> {
    client_with_key(script).dds().instances(None, &InstanceFilter::default(), true, MINUTE).await
}

#[tokio::test(start_paused = true)]
async fn names_of_replica_sets_are_read_in_parallel() {
    let script = replica_sets(|id| (200, json!({ "name": format!("{id} & co") })));
    let started = tokio::time::Instant::now();
    let list = read_with_names(&script).await.unwrap();
    // The list, and three groups of at most ten names.
    assert_eq!(started.elapsed(), Duration::from_secs(4));
    let mut expected = vec!["/v3/p1/instances?limit=100&offset=0".to_owned()];
    expected.extend((10..35).map(|number| format!("/v3/p1/instances/i{number}/replica-set/name")));
    let mut sent = paths(&script);
    sent[1..].sort();
    assert_eq!(sent, expected);
    let connection_strings: Vec<_> = list.instances.iter().map(Instance::connection_string).collect();
    assert_eq!(connection_strings[0], None);
    let expected = "mongodb://10.0.0.1:8635/?authSource=admin&replicaSet=i10%20%26%20co";
    assert_eq!(connection_strings[1].as_deref(), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn unreadable_name_is_an_error_with_the_instance() {
    for (status, body, expected) in [
        (200, json!({}), "name is missing"),
        (200, json!({ "name": null }), "name is missing"),
        (200, json!({ "name": "" }), "name is missing"),
        (200, json!({ "name": { "a": 1 } }), "name is not a string"),
    ] {
        let reject =
            move |id: &str| if id == "i12" { (status, body.clone()) } else { (200, json!({ "name": "n" })) };
        let error = read_with_names(&replica_sets(reject)).await.unwrap_err();
        assert_eq!(error.context.instance.as_deref(), Some("i12"));
        let text = error_text(&error);
        assert_eq!(
            text,
            format!("reading the name of the replica set failed in region cn-north-4: {expected}")
        );
    }
}
