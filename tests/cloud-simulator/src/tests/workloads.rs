//! The ECS metadata service, the pod identity agent, and OIDC ID tokens.

use super::agencies::key;
use super::*;

fn start_with(metadata_service: MetadataService) -> Simulator {
    Simulator::start(CloudState { metadata_service, ..CloudState::sample() })
}

fn token(cloud: &Simulator, ttl: &str) -> ClientResponse {
    let header = [("X-Metadata-Token-Ttl-Seconds".to_owned(), ttl.to_owned())];
    send(cloud, "PUT", "/meta-data/latest/api/token", &header, "")
}

fn keys(cloud: &Simulator, token: Option<&str>) -> ClientResponse {
    let header = token.map(|token| ("X-Metadata-Token".to_owned(), token.to_owned()));
    send(cloud, "GET", "/openstack/latest/securitykey", header.as_slice(), "")
}

fn pod(cloud: &Simulator, token: &str, body: &str) -> ClientResponse {
    send(cloud, "POST", "/pod-identity", &[("Authorization".to_owned(), token.to_owned())], body)
}

#[test]
fn each_metadata_service_variant_returns_its_statuses() {
    for (metadata, statuses) in [
        (MetadataService::Off, [404, 404, 404]),
        (MetadataService::V1Only, [405, 200, 200]),
        (MetadataService::V2, [200, 200, 401]),
        (MetadataService::V2Only, [200, 401, 401]),
        (MetadataService::NoAgency, [200, 401, 401]),
        (MetadataService::HtmlPage, [200, 200, 200]),
    ] {
        let cloud = start_with(metadata);
        let responses = [token(&cloud, "21600"), keys(&cloud, None), keys(&cloud, Some("wrong"))];
        assert_eq!(responses.each_ref().map(|response| response.status), statuses, "{metadata:?}");
        assert_eq!(
            responses[1].body.contains("configure Cloud Service Agency"),
            metadata == MetadataService::NoAgency
        );
        assert_eq!(responses[0].body.starts_with("<html>"), metadata == MetadataService::HtmlPage);
        assert_eq!(
            (cloud.request_count(Route::MetadataToken), cloud.request_count(Route::MetadataKeys)),
            (1, 2)
        );
    }
}

#[test]
fn ecs_keys_belong_to_the_agency_of_the_ecs() {
    for metadata_service in [MetadataService::V2, MetadataService::V2Only] {
        let cloud = start_with(metadata_service);
        let response = keys(&cloud, Some(&token(&cloud, "21600").body));
        assert_eq!(get_signed(&cloud, &key(&response), &links(cloud.cloud_state(), 0)).status, 200);
        let identity = get_signed(&cloud, &key(&response), "/v5/caller-identity");
        assert!(identity.body.contains("assumed-agency:sample-ecs/"), "{}", identity.body);
    }
}

#[test]
fn metadata_token_expires_and_can_be_revoked() {
    let cloud = start_with(MetadataService::V2);
    let (short, long) = (token(&cloud, "60").body, token(&cloud, "21600").body);
    cloud.set_clock_skew(61);
    assert_eq!([&short, &long].map(|token| keys(&cloud, Some(token)).status), [401, 200]);
    cloud.revoke_metadata_tokens();
    assert_eq!(keys(&cloud, Some(&long)).status, 401);
    for ttl in ["", "0", "21601", "an hour"] {
        assert_eq!(token(&cloud, ttl).status, 400, "{ttl:?}");
    }
    assert_eq!(send(&cloud, "PUT", "/meta-data/latest/api/token", &[], "").status, 400);
}

#[test]
fn no_response_is_sent_until_the_client_closes() {
    let cloud = start_with(MetadataService::NoResponse);
    let mut stream = TcpStream::connect(cloud.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    stream.write_all(b"GET /openstack/latest/securitykey HTTP/1.1\r\n\r\n").unwrap();
    // A read is interrupted when the process is stopped and continued.
    let mut kinds = std::iter::repeat_with(|| stream.read(&mut [0]).unwrap_err().kind());
    let kind = kinds.find(|kind| *kind != io::ErrorKind::Interrupted).unwrap();
    assert!(matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{kind}");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(cloud.recorded_requests()[0].status, None);
}

#[test]
fn pod_gets_the_keys_of_its_agency() {
    let cloud = Simulator::start(CloudState::sample());
    assert!(cloud.pod_identity_url().ends_with("/pod-identity"));
    let response = pod(&cloud, "SAMPLEPODTOKEN01", "{}");
    assert_eq!((response.status, response.json()["subject"].is_object()), (200, true), "{}", response.body);
    assert_eq!(get_signed(&cloud, &key(&response), &links(cloud.cloud_state(), 0)).status, 200);
    assert_eq!(pod(&cloud, "wrong", "{}").status, 401);
    assert_eq!(pod(&cloud, "SAMPLEPODTOKEN01", "").status, 400);
    cloud.set_pod_token("NEWPODTOKEN");
    assert_eq!(["SAMPLEPODTOKEN01", "NEWPODTOKEN"].map(|token| pod(&cloud, token, "{}").status), [401, 200]);
    let without_agency = Simulator::start(CloudState { agencies: Vec::new(), ..CloudState::sample() });
    assert_eq!(pod(&without_agency, "SAMPLEPODTOKEN01", "{}").json()["error_message"], "not found");
}

#[test]
fn faults_are_injected_into_every_route() {
    let cloud = Simulator::start(CloudState::sample());
    let targets = [
        (Route::AssumeWithOidc, "POST", "/v5/agencies/assume-with-oidc"),
        (Route::FederatedTokens, "POST", "/v3.0/OS-AUTH/id-token/tokens"),
        (Route::MetadataToken, "PUT", "/meta-data/latest/api/token"),
        (Route::MetadataKeys, "GET", "/openstack/latest/securitykey"),
        (Route::PodKeys, "POST", "/pod-identity"),
    ];
    for (route, method, target) in targets {
        cloud.inject_once(route, [Fault::Throttled { retry_after: None }]);
        assert_eq!(send(&cloud, method, target, &[], "{}").status, 429, "{target}");
        assert_ne!(send(&cloud, method, target, &[], "{}").status, 429, "{target}");
    }
    let authenticated =
        [(Route::Assume, "/v5/agencies/assume"), (Route::AgencyKeys, "/v3.0/OS-CREDENTIAL/securitytokens")];
    for (route, target) in authenticated {
        cloud.inject_always(route, Fault::Html { status: 502 });
        assert_eq!(
            send(&cloud, "POST", target, &[], "{}").status,
            401,
            "no fault without a valid credential"
        );
        assert_eq!(
            agencies::post(&cloud, &cloud.cloud_state().access_keys[0], target, &json!({})).status,
            502
        );
    }
}

fn federated(cloud: &Simulator, idp_id: &str, id_token: &str, scope: Value) -> ClientResponse {
    let mut auth = json!({ "id_token": { "id": id_token } });
    if !scope.is_null() {
        auth["scope"] = scope;
    }
    let header = [("X-Idp-Id".to_owned(), idp_id.to_owned())];
    send(cloud, "POST", "/v3.0/OS-AUTH/id-token/tokens", &header, &json!({ "auth": auth }).to_string())
}

fn keys_for(cloud: &Simulator, token: Value) -> ClientResponse {
    let body = json!({ "auth": { "identity": { "methods": ["token"], "token": token } } });
    send(cloud, "POST", "/v3.0/OS-CREDENTIAL/securitytokens", &[], &body.to_string())
}

fn assume_with_oidc(cloud: &Simulator, change: EditBody) -> ClientResponse {
    let cloud_state = cloud.cloud_state();
    let mut body = json!({
        "provider_urn": cloud_state.identity_provider.provider_urn,
        "agency_urn": cloud_state.agencies[0].urn(),
        "agency_session_name": "a-test",
        "id_token": cloud_state.identity_provider.id_token,
    });
    change(&mut body);
    send(cloud, "POST", "/v5/agencies/assume-with-oidc", &[], &body.to_string())
}

#[test]
fn id_token_assumes_an_agency_in_three_requests() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let response = federated(&cloud, "sample-idp", "SAMPLE.ID.TOKEN", Value::Null);
    assert_eq!(
        (response.status, response.json()["token"]["project"].is_null()),
        (201, true),
        "{}",
        response.body
    );
    let token = response.header("X-Subject-Token").unwrap();
    assert_eq!(get_with_token(&cloud, token, &links(cloud_state, 0)).status, 403, "the token has no project");
    let response = keys_for(&cloud, json!({ "id": token }));
    assert_eq!(response.status, 201, "{}", response.body);
    let body = json!({ "agency_urn": cloud_state.agencies[0].urn(), "agency_session_name": "a-test" });
    let response = agencies::post(&cloud, &key(&response), "/v5/agencies/assume", &body);
    assert_eq!(get_signed(&cloud, &key(&response), &links(cloud_state, 0)).status, 200);
    let counts =
        [Route::FederatedTokens, Route::TokenKeys, Route::Assume].map(|route| cloud.request_count(route));
    assert_eq!(counts, [1, 1, 1]);
}

#[test]
fn federated_token_with_a_scope_reads_an_instance() {
    let cloud = Simulator::start(CloudState::sample());
    let scope = json!({ "project": { "id": cloud.cloud_state().projects[0].id } });
    let response = federated(&cloud, "sample-idp", "SAMPLE.ID.TOKEN", scope);
    let token = response.header("X-Subject-Token").unwrap();
    assert_eq!(get_with_token(&cloud, token, &links(cloud.cloud_state(), 0)).status, 200);
}

#[test]
fn invalid_federated_request_is_rejected() {
    let cloud = Simulator::start(CloudState::sample());
    for (response, status) in [
        (federated(&cloud, "sample-idp", "wrong", Value::Null), 401),
        (federated(&cloud, "nobody", "SAMPLE.ID.TOKEN", Value::Null), 404),
        (send(&cloud, "POST", "/v3.0/OS-AUTH/id-token/tokens", &[], "{}"), 400),
    ] {
        assert_eq!((response.status, &response.json()["error"]["code"]), (status, &json!(status)));
        assert_eq!(response.header("X-Subject-Token"), None);
    }
}

#[test]
fn id_token_assumes_an_agency_in_one_request() {
    fn agency_urn(agency: &str) -> String {
        format!("iam::d0000000000000000000000000000001:agency:{agency}")
    }
    let cloud = Simulator::start(CloudState::sample());
    let response = assume_with_oidc(&cloud, |_| ());
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(get_signed(&cloud, &key(&response), &links(cloud.cloud_state(), 0)).status, 200);
    let changes: [(EditBody, u16); 8] = [
        (|body| body["id_token"] = json!("wrong"), 401),
        (|body| body["id_token"] = json!(null), 400),
        (|body| body["provider_urn"] = json!("wrong"), 404),
        (|body| body["provider_urn"] = json!(null), 400),
        (|body| body["agency_urn"] = json!(null), 400),
        (|body| body["agency_urn"] = json!(agency_urn("nobody")), 404),
        (|body| body["agency_urn"] = json!(agency_urn("sample-second")), 403),
        (|body| body["agency_session_name"] = json!(null), 400),
    ];
    for (change, status) in changes {
        let response = assume_with_oidc(&cloud, change);
        assert_eq!(response.status, status, "{}", response.body);
        assert!(!response.code().1.is_empty() && response.json()["request_id"].is_string());
    }
}

#[test]
fn new_id_token_replaces_the_old_one() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.set_id_token("NEW.ID.TOKEN");
    assert_eq!(assume_with_oidc(&cloud, |_| ()).status, 401);
    assert_eq!(assume_with_oidc(&cloud, |body| body["id_token"] = json!("NEW.ID.TOKEN")).status, 200);
    assert_eq!(federated(&cloud, "sample-idp", "NEW.ID.TOKEN", Value::Null).status, 201);
}

#[test]
fn valid_token_is_exchanged_for_keys_and_tokens() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let keys = keys_for(&cloud, json!({ "id": cloud_state.token, "duration_seconds": 900 }));
    assert_eq!(get_signed(&cloud, &key(&keys), &links(cloud_state, 0)).status, 200);
    assert_eq!(keys_for(&cloud, json!({ "id": cloud_state.token, "duration_seconds": 1 })).status, 400);
    assert_eq!(keys_for(&cloud, json!({ "id": "garbage" })).status, 401);
    assert_eq!(keys_for(&cloud, json!({})).status, 400);
    let exchange = |token: Value| {
        let identity = json!({ "methods": ["token"], "token": token });
        let scope = json!({ "project": { "name": "ap-southeast-3" } });
        let body = json!({ "auth": { "identity": identity, "scope": scope } }).to_string();
        send(&cloud, "POST", "/v3/auth/tokens", &[], &body)
    };
    let other_region = exchange(json!({ "id": cloud_state.token }));
    let target = format!("/ap-southeast-3{}", links(cloud_state, 1));
    assert_eq!(get_with_token(&cloud, other_region.header("X-Subject-Token").unwrap(), &target).status, 200);
    assert_eq!(exchange(json!({ "id": "garbage" })).status, 401);
    assert_eq!(exchange(json!({})).status, 400);
}
