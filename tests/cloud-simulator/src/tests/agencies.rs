//! Temporary keys and tokens of agencies.

use super::*;

fn named(agency: &str) -> Value {
    json!({ "agency_name": agency, "domain_name": "sample-account" })
}

/// The IAM request body that assumes an agency.
fn assume_role_body(role: &Value) -> Value {
    json!({ "auth": { "identity": { "methods": ["assume_role"], "assume_role": role } } })
}

pub(super) fn post(cloud: &Simulator, key: &AccessKey, target: &str, body: &Value) -> ClientResponse {
    send_signed(cloud, key, ("POST", target, &body.to_string()), 0, &["host", "x-sdk-date"])
}

/// Assumes an agency with IAM.
fn assume_v3(cloud: &Simulator, key: &AccessKey, role: &Value) -> ClientResponse {
    post(cloud, key, "/v3.0/OS-CREDENTIAL/securitytokens", &assume_role_body(role))
}

/// Assumes an agency with STS.
fn assume_v5(cloud: &Simulator, key: &AccessKey, agency: &str, change: EditBody) -> ClientResponse {
    let urn = format!("iam::{}:agency:{agency}", cloud.cloud_state().account_id);
    let mut body = json!({ "agency_urn": urn, "agency_session_name": "a-test" });
    change(&mut body);
    post(cloud, key, "/v5/agencies/assume", &body)
}

/// Returns the key in a response of any service.
pub(super) fn key(response: &ClientResponse) -> AccessKey {
    let body = response.json();
    let pairs = [("credential", "access", "secret", "securitytoken")].into_iter().chain([
        ("credentials", "access_key_id", "secret_access_key", "security_token"),
        ("credentials", "accessKeyId", "secretAccessKey", "securityToken"),
    ]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut keys = pairs.filter_map(|(group, id, secret, token)| {
        let group = &body[group];
        let (id, secret) = (text(&group[id])?, text(&group[secret])?);
        Some(AccessKey {
            id,
            secret,
            security_token: text(&group[token]),
            can_list_projects: true,
            can_read_instances: true,
        })
    });
    keys.next().unwrap_or_else(|| panic!("no key: {} {}", response.status, response.body))
}

#[test]
fn keys_of_iam_and_sts_belong_to_the_agency() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let iam = assume_v3(&cloud, &cloud_state.access_keys[0], &named("sample-agency"));
    assert_eq!((iam.status, iam.header("X-IAM-Trace-Id").is_some()), (201, true), "{}", iam.body);
    let expires_at = iam.json()["credential"]["expires_at"].clone();
    assert_eq!(expires_at.as_str().unwrap().len(), "2026-01-15T20:30:00.000000Z".len());
    let sts = assume_v5(&cloud, &cloud_state.access_keys[0], "sample-agency", |_| ());
    assert_eq!(sts.status, 200, "{}", sts.body);
    let assumed = &sts.json()["assumed_agency"];
    assert!(assumed["urn"].as_str().unwrap().ends_with("assumed-agency:sample-agency/a-test"));
    for response in [iam, sts] {
        let key = key(&response);
        assert_eq!(get_signed(&cloud, &key, &links(cloud_state, 0)).status, 200);
        let identity = get_signed(&cloud, &key, "/v5/caller-identity").json();
        assert_eq!(identity["account_id"], *cloud_state.account_id);
        assert!(identity["principal_urn"].as_str().unwrap().contains(":assumed-agency:sample-agency/"));
        let without_token = AccessKey { security_token: None, ..key };
        assert!(get_signed(&cloud, &without_token, &links(cloud_state, 0)).body.contains("not exist"));
    }
    let user = get_signed(&cloud, &cloud_state.access_keys[0], "/v5/caller-identity").json();
    let urn = format!("iam::{}:user:{}", cloud_state.account_id, cloud_state.user_name);
    assert_eq!(user["principal_urn"], urn);
    let counts =
        [Route::AgencyKeys, Route::Assume, Route::CallerIdentity].map(|route| cloud.request_count(route));
    assert_eq!(counts, [1, 1, 3]);
}

#[test]
fn unknown_agency_or_untrusted_caller_is_rejected() {
    let cloud = Simulator::start(CloudState::sample());
    let own = &cloud.cloud_state().access_keys[0];
    let stranger = &cloud.cloud_state().access_keys[2];
    for (agency, key, status) in
        [("nobody", own, 404), ("sample-closed", own, 403), ("sample-agency", stranger, 403)]
    {
        let iam = assume_v3(&cloud, key, &named(agency));
        assert_eq!((iam.status, &iam.json()["error"]["code"]), (status, &json!(status)), "{}", iam.body);
        let sts = assume_v5(&cloud, key, agency, |_| ());
        let code = if status == 404 { "STS5.1106" } else { "PAP5.0001" };
        assert_eq!(sts.code(), (status, code.to_owned()));
        assert_eq!(sts.json()["encoded_authorization_message"].is_string(), status == 403);
        assert_eq!(sts.json()["request_id"].as_str(), sts.header("X-Request-Id"));
    }
    let other_account = json!({ "agency_name": "sample-agency", "domain_name": "sample-partner" });
    assert_eq!(assume_v3(&cloud, own, &other_account).status, 404);
}

#[test]
fn incomplete_or_invalid_agency_request_is_rejected() {
    let cloud = Simulator::start(CloudState::sample());
    let key = &cloud.cloud_state().access_keys[0];
    let changes: [EditBody; 8] = [
        |body| body["agency_urn"] = json!("sample-agency"),
        |body| body["agency_urn"] = json!(null),
        |body| body["agency_session_name"] = json!(null),
        |body| body["agency_session_name"] = json!("not a name"),
        |body| body["duration_seconds"] = json!(899),
        |body| body["duration_seconds"] = json!(43201),
        |body| body["duration_seconds"] = json!("3600"),
        |body| body["duration_seconds"] = json!(3600.5),
    ];
    for change in changes {
        let response = assume_v5(&cloud, key, "sample-agency", change);
        assert_eq!(response.status, 400, "{}", response.body);
    }
    assert_eq!(
        assume_v5(&cloud, key, "sample-agency", |body| body["duration_seconds"] = json!(43200)).status,
        200
    );
    let with = |name: &str, value: Value| {
        let mut role = named("sample-agency");
        role[name] = value;
        assume_v3(&cloud, key, &role).status
    };
    for (seconds, status) in [(899, 400), (86401, 400), (86400, 201)] {
        assert_eq!(with("duration_seconds", json!(seconds)), status);
    }
    assert_eq!(["agency_name", "domain_name"].map(|name| with(name, json!(null))), [400, 400]);
    assert_eq!(with("domain_id", json!(cloud.cloud_state().account_id)), 201);
}

#[test]
fn unsigned_request_cannot_assume_an_agency() {
    let cloud = Simulator::start(CloudState::sample());
    for target in ["/v5/agencies/assume", "/v3.0/OS-CREDENTIAL/securitytokens"] {
        assert_eq!(send(&cloud, "POST", target, &[], "{}").code(), (401, "APIGW.0301".to_owned()));
    }
    let wrong = AccessKey { secret: "wrong".into(), ..cloud.cloud_state().access_keys[0].clone() };
    assert!(assume_v5(&cloud, &wrong, "sample-agency", |_| ()).body.contains("verify aksk signature fail"));
    let token = [("X-Auth-Token".to_owned(), cloud.cloud_state().token.clone())];
    assert_eq!(
        send(&cloud, "POST", "/v5/agencies/assume", &token, "{}").status,
        401,
        "STS requires a signature"
    );
}

#[test]
fn iam_rejects_a_signed_request_without_domain_id() {
    let cloud = Simulator::start(CloudState::sample());
    let body = assume_role_body(&named("sample-agency"));
    for target in ["/v3.0/OS-CREDENTIAL/securitytokens", "/v3/auth/tokens"] {
        let created = post(&cloud, &cloud.cloud_state().access_keys[0], target, &body);
        assert_eq!(created.status, 201, "{}", created.body);
        let signed = &cloud.recorded_requests().last().unwrap().request.clone();
        let headers = ["host", "x-sdk-date", "authorization"]
            .map(|name| (name.to_owned(), signed.header(name).unwrap().to_owned()));
        let response = send(&cloud, "POST", target, &headers, &body.to_string());
        assert!(response.status == 400 && response.body.contains("X-Domain-Id"), "{}", response.body);
    }
}

#[test]
fn domain_id_of_another_account_is_rejected() {
    let cloud = Simulator::start(CloudState::sample());
    let body = assume_role_body(&named("sample-agency")).to_string();
    for (id, status) in
        [(cloud.cloud_state().account_id.as_str(), 201), ("d0000000000000000000000000000002", 403)]
    {
        let headers = [("X-Auth-Token", cloud.cloud_state().token.as_str()), ("X-Domain-Id", id)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let response = send(&cloud, "POST", "/v3.0/OS-CREDENTIAL/securitytokens", &headers, &body);
        assert_eq!(response.status, status, "{}", response.body);
    }
}

#[test]
fn agency_chain_limits_the_lifetime_to_one_hour() {
    let cloud = Simulator::start(CloudState::sample());
    let first = key(&assume_v5(&cloud, &cloud.cloud_state().access_keys[0], "sample-agency", |_| ()));
    let long = assume_v5(&cloud, &first, "sample-second", |body| body["duration_seconds"] = json!(3601));
    assert_eq!(long.status, 400);
    let second =
        key(&assume_v5(&cloud, &first, "sample-second", |body| body["duration_seconds"] = json!(3600)));
    assert_eq!(get_signed(&cloud, &second, &links(cloud.cloud_state(), 0)).status, 200);
    let direct = assume_v5(&cloud, &cloud.cloud_state().access_keys[0], "sample-second", |_| ());
    assert_eq!(direct.status, 403, "the agency trusts only the first agency");
    assert_eq!(assume_v3(&cloud, &second, &named("sample-agency")).status, 403);
}

#[test]
fn assumed_agency_has_only_its_own_permissions() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let powerless = key(&assume_v5(&cloud, &cloud_state.access_keys[0], "sample-powerless", |_| ()));
    assert_eq!(get_signed(&cloud, &powerless, &links(cloud_state, 0)).code(), (403, "DBS.280063".to_owned()));
    let foreign = json!({ "agency_name": "sample-foreign", "domain_name": "sample-partner" });
    let foreign = key(&assume_v3(&cloud, &cloud_state.access_keys[0], &foreign));
    assert_eq!(get_signed(&cloud, &foreign, &links(cloud_state, 0)).code(), (403, "DBS.200604".to_owned()));
    assert_eq!(get_signed(&cloud, &foreign, "/v3/projects").json()["projects"], json!([]));
    let domains = get_signed(&cloud, &foreign, "/v3/auth/domains").json();
    assert_eq!(domains["domains"][0]["name"], "sample-partner");
}

#[test]
fn temporary_key_expires_and_can_be_revoked() {
    let short_lived =
        CloudState { temporary_key_lifetime: Some(Duration::from_secs(60)), ..CloudState::sample() };
    for (cloud_state, lifetime) in [(short_lived, 60), (CloudState::sample(), 1200)] {
        let cloud = Simulator::start(cloud_state);
        let target = links(cloud.cloud_state(), 0);
        let issue = || {
            key(&assume_v5(&cloud, &cloud.cloud_state().access_keys[0], "sample-agency", |body| {
                body["duration_seconds"] = json!(1200)
            }))
        };
        let first = issue();
        let at = |seconds| {
            cloud.set_clock_skew(seconds);
            get_signed_with(&cloud, &first, &target, seconds, &["host", "x-sdk-date"])
        };
        assert_eq!(at(lifetime - 5).status, 200);
        let late = at(lifetime + 1);
        assert!(late.status == 401 && late.body.contains("token expires, expires_at:2"), "{}", late.body);
        cloud.set_clock_skew(0);
        let second = issue();
        cloud.revoke_temporary_keys();
        assert!(get_signed(&cloud, &second, &target).body.contains(&format!("ak {} not exist", second.id)));
    }
}

#[test]
fn agency_token_requires_a_token_of_a_trusted_caller() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let request = |token: &str, role: Value| {
        let mut body = assume_role_body(&role);
        body["auth"]["scope"] = json!({ "project": { "name": "cn-north-4" } });
        let body = body.to_string();
        send(&cloud, "POST", "/v3/auth/tokens", &[("X-Auth-Token".to_owned(), token.to_owned())], &body)
    };
    for (name, domain) in
        [("agency_name", "domain_name"), ("xrole_name", "domain_name"), ("xrole_name", "domain_id")]
    {
        let account = if domain == "domain_id" { &cloud_state.account_id } else { &cloud_state.account_name };
        let response = request(&cloud_state.token, json!({ name: "sample-agency", domain: account }));
        assert_eq!(response.status, 201, "{}", response.body);
        assert_eq!(response.json()["token"]["methods"], json!(["assume_role"]));
        let token = response.header("X-Subject-Token").unwrap();
        assert_eq!(get_with_token(&cloud, token, &links(cloud_state, 0)).status, 200);
    }
    assert_eq!(request(&cloud_state.token, named("sample-closed")).status, 403);
    assert_eq!(request(&cloud_state.token, named("nobody")).status, 404);
    assert_eq!(request(&cloud_state.token, json!({ "agency_name": "sample-agency" })).status, 400);
    assert_eq!(request("garbage", named("sample-agency")).code(), (401, "APIGW.0301".to_owned()));
    assert_eq!((cloud.request_count(Route::AgencyTokens), cloud.request_count(Route::Tokens)), (7, 0));
}
