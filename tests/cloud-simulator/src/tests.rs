//! The responses of the simulated cloud, over plain sockets.

mod agencies;
mod instances;
mod workloads;

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::signature::Algorithm;
use super::*;

/// Changes a valid request body.
type EditBody = fn(&mut Value);

struct ClientResponse {
    status: u16,
    head: String,
    body: String,
}

impl ClientResponse {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["error_code"].as_str().unwrap_or_default().to_owned())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends bytes and returns everything that is received until the connection closes.
fn exchange(cloud: &Simulator, text: &str) -> String {
    let mut stream = TcpStream::connect(cloud.address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).unwrap();
    received
}

fn send(
    cloud: &Simulator,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &str,
) -> ClientResponse {
    let mut text = format!("{method} {target} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    let received = exchange(cloud, &format!("{text}\r\n{body}"));
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    ClientResponse { status: head[9..12].parse().unwrap(), head: head.into(), body: body.into() }
}

/// Sends a GET request that signs these headers in this order, with a clock that is ahead by this number of seconds.
fn get_signed_with(
    cloud: &Simulator,
    key: &AccessKey,
    target: &str,
    clock_skew: i64,
    names: &[&str],
) -> ClientResponse {
    send_signed(cloud, key, ("GET", target, ""), clock_skew, names)
}

fn send_signed(
    cloud: &Simulator,
    key: &AccessKey,
    call: (&str, &str, &str),
    clock_skew: i64,
    names: &[&str],
) -> ClientResponse {
    send_signed_with(Algorithm::HmacSha256, cloud, key, call, clock_skew, names)
}

fn send_signed_with(
    algorithm: Algorithm,
    cloud: &Simulator,
    key: &AccessKey,
    (method, target, body): (&str, &str, &str),
    clock_skew: i64,
    names: &[&str],
) -> ClientResponse {
    let now = OffsetDateTime::now_utc() + time::Duration::seconds(clock_skew);
    let stamp = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
    let mut headers =
        vec![("host".to_owned(), cloud.address.to_string()), ("x-sdk-date".to_owned(), stamp.clone())];
    headers.extend(key.security_token.clone().map(|token| ("x-security-token".to_owned(), token)));
    let value = |name: &str| &headers.iter().find(|(known, _)| known == name).unwrap().1;
    let lines: String = names.iter().map(|name| format!("{name}:{}\n", value(name))).collect();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let names = names.join(";");
    let digest = algorithm.digest(body.as_bytes());
    let canonical = format!("{method}\n{path}/\n{query}\n{lines}\n{names}\n{digest}");
    let signature = signature::sign(algorithm, (&key.id, &key.secret), &stamp, &canonical);
    let label = algorithm.label();
    let authorization = format!("{label} Access={}, SignedHeaders={names}, Signature={signature}", key.id);
    headers.push(("authorization".to_owned(), authorization));
    headers.push(("x-domain-id".to_owned(), cloud.cloud_state().account_id.clone()));
    send(cloud, method, target, &headers, body)
}

fn get_signed(cloud: &Simulator, key: &AccessKey, target: &str) -> ClientResponse {
    get_signed_with(cloud, key, target, 0, &["host", "x-sdk-date"])
}

fn get_with_token(cloud: &Simulator, token: &str, target: &str) -> ClientResponse {
    send(cloud, "GET", target, &[("X-Auth-Token".to_owned(), token.to_owned())], "")
}

fn links(cloud_state: &CloudState, instance: usize) -> String {
    let instance = &cloud_state.instances[instance];
    format!("/v3/{}/instances/{}/ssl-cert/download-link", instance.project_id, instance.id)
}

fn create_token(cloud: &Simulator, user: Value, scope: Value) -> ClientResponse {
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    let body = json!({ "auth": { "identity": identity, "scope": scope } }).to_string();
    send(cloud, "POST", "/v3/auth/tokens?nocatalog=any", &[], &body)
}

fn user(cloud_state: &CloudState) -> Value {
    json!({ "id": cloud_state.user_id, "password": cloud_state.password })
}

#[test]
fn valid_signature_returns_the_download_links() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    for key in &cloud_state.access_keys[..3] {
        let response = get_signed(&cloud, key, &links(cloud_state, 0));
        assert_eq!(response.status, 200, "{}", response.body);
        assert_eq!(response.json()["certs"][1]["category"], "national");
        assert_eq!(response.header("Content-Type"), Some("application/json"));
        assert!(
            response.header("Date").unwrap().ends_with("GMT") && response.header("X-Request-Id").is_some()
        );
    }
    assert_eq!(
        get_signed(&cloud, &cloud_state.access_keys[0], &links(cloud_state, 3)).json(),
        json!({ "certs": [] })
    );
}

#[test]
fn invalid_signatures_lock_the_key_for_every_algorithm() {
    let target = links(&CloudState::sample(), 0);
    let names = ["host", "x-sdk-date"];
    for algorithm in Algorithm::ALL {
        let cloud = Simulator::start(CloudState::sample());
        for key in &cloud.cloud_state().access_keys[..2] {
            let response = send_signed_with(algorithm, &cloud, key, ("GET", &target, ""), 0, &names);
            assert_eq!(response.status, 200, "{algorithm:?} {}", response.body);
        }
        let good = &cloud.cloud_state().access_keys[0];
        let wrong = AccessKey { secret: "wrong".into(), ..good.clone() };
        for _ in 0..6 {
            let response = send_signed_with(algorithm, &cloud, &wrong, ("GET", &target, ""), 0, &names);
            assert!(response.body.contains("verify aksk signature fail"), "{}", response.body);
        }
        assert!(get_signed(&cloud, good, &target).body.contains("AK access failed to reach the limit"));
    }
}

#[test]
fn date_must_be_signed_and_headers_must_be_in_order() {
    let cloud = Simulator::start(CloudState::sample());
    let (key, target) = (&cloud.cloud_state().access_keys[0], links(cloud.cloud_state(), 0));
    for (names, status) in [(&["x-sdk-date"][..], 200), (&["host"], 401), (&["x-sdk-date", "host"], 401)] {
        assert_eq!(get_signed_with(&cloud, key, &target, 0, names).status, status, "{names:?}");
    }
}

#[test]
fn each_invalid_credential_has_its_own_message() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let target = links(cloud_state, 0);
    let good = &cloud_state.access_keys[0];
    let unknown = AccessKey { id: "NOBODY".into(), ..good.clone() };
    let wrong = AccessKey { secret: "wrong".into(), ..good.clone() };
    let without_token = AccessKey { security_token: None, ..cloud_state.access_keys[1].clone() };
    let with_skew = |seconds| get_signed_with(&cloud, good, &target, seconds, &["host", "x-sdk-date"]);
    for (response, text) in [
        (send(&cloud, "GET", &target, &[], ""), "x-auth-token not found"),
        (get_signed(&cloud, &unknown, &target), "ak NOBODY not exist"),
        (get_signed(&cloud, &wrong, &target), "verify aksk signature fail"),
        (get_signed(&cloud, &without_token, &target), "ak SAMPLETEMPORARYKEY01 not exist"),
        (with_skew(-16 * 60), "signature expired, signature time:2"),
        (with_skew(16 * 60), ",server time:2"),
        (get_with_token(&cloud, "garbage", &target), "decrypt token fail"),
    ] {
        assert_eq!(response.code(), (401, "APIGW.0301".to_owned()));
        assert!(response.body.contains(text), "{text:?} is missing in {}", response.body);
        assert_eq!(response.json()["request_id"].as_str(), response.header("X-Request-Id"));
    }
}

#[test]
fn only_invalid_signatures_lock_a_key_for_five_minutes() {
    let cloud = Simulator::start(CloudState::sample());
    let (good, target) = (&cloud.cloud_state().access_keys[0], links(cloud.cloud_state(), 0));
    let wrong = AccessKey { secret: "wrong".into(), ..good.clone() };
    for _ in 0..8 {
        get_signed_with(&cloud, good, &target, -3600, &["host", "x-sdk-date"]);
    }
    assert_eq!(get_signed(&cloud, good, &target).status, 200, "clock skew does not lock the key");
    for _ in 0..6 {
        get_signed(&cloud, &wrong, &target);
    }
    assert!(get_signed(&cloud, good, &target).body.contains("AK access failed to reach the limit,forbidden"));
    cloud.set_clock_skew(301);
    assert_eq!(get_signed_with(&cloud, good, &target, 301, &["host", "x-sdk-date"]).status, 200);
}

#[test]
fn project_of_other_region_or_closed_project_is_rejected() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let key = &cloud_state.access_keys[0];
    let with_project = |project: &str| links(cloud_state, 0).replace(&cloud_state.projects[0].id, project);
    for (response, status, code) in [
        (get_signed(&cloud, key, &links(cloud_state, 1)), 403, "DBS.200604"),
        (get_with_token(&cloud, &cloud_state.token, &links(cloud_state, 2)), 403, "DBS.200604"),
        (get_signed(&cloud, key, &with_project(&cloud_state.projects[2].id)), 403, "APIGW.0310"),
        (get_signed(&cloud, key, &with_project("cn-north-4")), 400, "DBS.280408"),
    ] {
        assert_eq!(response.code(), (status, code.to_owned()));
    }
    let target = format!("/ap-southeast-3{}", links(cloud_state, 1));
    assert_eq!(get_signed(&cloud, key, &target).status, 200);
    assert_eq!(cloud.recorded_requests().last().unwrap().request.region, "ap-southeast-3");
}

#[test]
fn missing_instance_returns_each_documented_status() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    for (target, status, code) in [
        (links(cloud_state, 0).replace("e7", "e8"), 404, "DBS.200002"),
        (links(cloud_state, 4), 403, "DBS.201028"),
        (links(cloud_state, 5), 400, "DBS.280110"),
        ("/v3/x".into(), 404, "APIGW.0101"),
    ] {
        let response = get_signed(&cloud, &cloud_state.access_keys[0], &target);
        assert_eq!(response.code(), (status, code.to_owned()));
        // Only the gateway has the request ID in the body, the service does not.
        assert_eq!(response.json()["request_id"].is_string(), code.starts_with("APIGW"), "{}", response.body);
    }
}

#[test]
fn password_token_accepts_every_documented_user_and_scope() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let named =
        |domain| json!({ "name": cloud_state.user_name, "password": cloud_state.password, "domain": domain });
    for user in [
        user(cloud_state),
        named(json!({ "name": cloud_state.account_name })),
        named(json!({ "id": cloud_state.account_id })),
    ] {
        let response = create_token(&cloud, user, json!({ "project": { "name": "cn-north-4" } }));
        assert_eq!(response.status, 201, "{}", response.body);
        assert_eq!(response.json()["token"]["project"]["id"], *cloud_state.projects[0].id);
        assert!(response.header("X-IAM-Trace-Id").is_some());
        let token = response.header("X-Subject-Token").unwrap();
        assert_eq!(get_with_token(&cloud, token, &links(cloud_state, 0)).status, 200);
    }
    for scope in [
        json!({ "domain": { "id": cloud_state.account_id } }),
        json!({ "domain": { "name": cloud_state.account_name } }),
        json!(null),
    ] {
        let response = create_token(&cloud, user(cloud_state), scope);
        assert_eq!(response.json()["token"]["domain"]["id"], *cloud_state.account_id, "{}", response.body);
        // IAM accepts a token with the scope of the account, DDS rejects it.
        let token = response.header("X-Subject-Token").unwrap();
        assert_eq!(get_with_token(&cloud, token, "/v3/projects?name=MOS").status, 200);
        assert_eq!(get_with_token(&cloud, token, &links(cloud_state, 0)).status, 403);
    }
}

#[test]
fn incomplete_user_is_400_and_wrong_password_is_401() {
    let cloud = Simulator::start(CloudState::sample());
    let wrong =
        create_token(&cloud, json!({ "id": cloud.cloud_state().user_id, "password": "wrong" }), json!(null));
    let error = &wrong.json()["error"];
    assert_eq!((wrong.status, &error["code"], &error["title"]), (401, &json!(401), &json!("Unauthorized")));
    let nameless = json!({ "name": cloud.cloud_state().user_name, "password": "x" });
    for user in [json!({}), json!({ "id": "x" }), nameless] {
        assert_eq!(create_token(&cloud, user, json!(null)).status, 400);
    }
    assert_eq!(send(&cloud, "POST", "/v3/auth/tokens", &[], "no json").status, 400);
}

#[test]
fn token_expires_and_can_be_revoked() {
    let cloud =
        Simulator::start(CloudState { token_lifetime: Duration::from_secs(60), ..CloudState::sample() });
    let target = links(cloud.cloud_state(), 0);
    let token = || {
        let response =
            create_token(&cloud, user(cloud.cloud_state()), json!({ "project": { "name": "cn-north-4" } }));
        response.header("X-Subject-Token").unwrap().to_owned()
    };
    let first = token();
    cloud.set_clock_skew(61);
    assert!(get_with_token(&cloud, &first, &target).body.contains("token expires, expires_at:2"));
    let second = token();
    assert_eq!(get_with_token(&cloud, &second, &target).status, 200);
    cloud.revoke_tokens();
    assert_eq!(get_with_token(&cloud, &second, &target).status, 401);
}

#[test]
fn caller_without_list_permission_gets_own_projects() {
    let cloud = Simulator::start(CloudState::sample());
    let (key, restricted) = (&cloud.cloud_state().access_keys[0], &cloud.cloud_state().access_keys[2]);
    let names = |target: &str| {
        let response = get_signed(&cloud, key, target).json();
        response["projects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|project| project["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/v3/projects?name=cn-north-4_team"), ["cn-north-4_team"]);
    assert!(names("/v3/projects?name=cn").is_empty());
    assert_eq!(get_signed(&cloud, restricted, "/v3/projects?name=cn-north-4").status, 403);
    assert_eq!(get_signed(&cloud, restricted, "/v3/auth/projects").status, 200);
    let domains = get_signed(&cloud, restricted, "/v3/auth/domains").json();
    assert_eq!(domains["domains"][0]["id"], *cloud.cloud_state().account_id);
}

#[test]
fn fault_is_injected_once_and_needs_a_valid_credential() {
    let cloud = Simulator::start(CloudState::sample());
    let (token, target) = (&cloud.cloud_state().token, links(cloud.cloud_state(), 0));
    cloud.inject_once(
        Route::Links,
        [Fault::Throttled { retry_after: Some("3") }, Fault::Html { status: 502 }],
    );
    assert_eq!(get_with_token(&cloud, "garbage", &target).status, 401);
    let throttled = get_with_token(&cloud, token, &target);
    assert_eq!((throttled.status, throttled.header("Retry-After")), (429, Some("3")));
    assert!(get_with_token(&cloud, token, &target).body.starts_with("<html>"));
    assert_eq!(get_with_token(&cloud, token, &target).status, 200);
    cloud.inject_always(Route::Links, Fault::EmptyBody { status: 504 });
    let statuses = [0; 2].map(|_| get_with_token(&cloud, token, &target).status);
    assert_eq!(statuses, [504, 504]);
}

#[test]
fn truncated_and_closed_responses_are_sent_as_injected() {
    let cloud = Simulator::start(CloudState::sample());
    let (token, target) = (&cloud.cloud_state().token, links(cloud.cloud_state(), 0));
    cloud.inject_once(Route::Links, [Fault::Truncated, Fault::InvalidJson, Fault::ConnectionClosed]);
    let cut = get_with_token(&cloud, token, &target);
    assert!(cut.header("Content-Length").unwrap().parse::<usize>().unwrap() > cut.body.len());
    let garbled = get_with_token(&cloud, token, &target);
    assert_eq!((garbled.json(), garbled.body.len() > 10), (Value::Null, true));
    assert_eq!(exchange(&cloud, &format!("GET {target} HTTP/1.1\r\nX-Auth-Token: {token}\r\n\r\n")), "");
    let recorded = cloud.recorded_requests();
    assert_eq!(
        recorded.iter().map(|request| request.status).collect::<Vec<_>>(),
        [Some(200), Some(200), None]
    );
    assert!(recorded.windows(2).all(|pair| pair[0].arrived <= pair[1].arrived));
}

#[test]
fn pipelined_requests_all_get_a_response() {
    let cloud = Simulator::start(CloudState::sample());
    let body = "POST /v3/x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(exchange(&cloud, &body.repeat(3)).matches("APIGW.0101").count(), 3);
    assert!(cloud.recorded_requests().iter().all(|recorded| recorded.request.body == b"{}"));
}

#[test]
#[should_panic(expected = "the simulated cloud panicked")]
fn drop_panics_after_a_panic_in_a_thread() {
    let cloud = Simulator::start_on(0, CloudState::sample(), Some(|_| panic!("on purpose"))).unwrap();
    assert_eq!(exchange(&cloud, "GET / HTTP/1.1\r\n\r\n"), "");
}
