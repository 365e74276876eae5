//! Who comes with a token: of the identity service, or of an identity provider.

use super::agencies::key;
use super::*;

fn federated(cloud: &Simulator, idp_id: &str, id_token: &str, scope: Value) -> Heard {
    let mut auth = json!({ "id_token": { "id": id_token } });
    if !scope.is_null() {
        auth["scope"] = scope;
    }
    let header = [("X-Idp-Id".to_owned(), idp_id.to_owned())];
    send(cloud, "POST", "/v3.0/OS-AUTH/id-token/tokens", &header, &json!({ "auth": auth }).to_string())
}

fn keys_for(cloud: &Simulator, token: Value) -> Heard {
    let body = json!({ "auth": { "identity": { "methods": ["token"], "token": token } } });
    send(cloud, "POST", "/v3.0/OS-CREDENTIAL/securitytokens", &[], &body.to_string())
}

fn with_oidc(cloud: &Simulator, change: Change) -> Heard {
    let world = cloud.world();
    let mut body = json!({
        "provider_urn": world.identity_provider.provider_urn,
        "agency_urn": world.agencies[0].urn(),
        "agency_session_name": "a-test",
        "id_token": world.identity_provider.id_token,
    });
    change(&mut body);
    send(cloud, "POST", "/v5/agencies/assume-with-oidc", &[], &body.to_string())
}

#[test]
fn an_identity_providers_token_leads_to_an_agency_in_three_steps() {
    let cloud = Simulator::start(World::sample());
    let world = cloud.world();
    let heard = federated(&cloud, "sample-idp", "SAMPLE.ID.TOKEN", Value::Null);
    assert_eq!((heard.status, heard.json()["token"]["project"].is_null()), (201, true), "{}", heard.body);
    let token = heard.header("X-Subject-Token").unwrap();
    assert_eq!(bearing(&cloud, token, &links(world, 0)).status, 403, "it has no project");
    let heard = keys_for(&cloud, json!({ "id": token }));
    assert_eq!(heard.status, 201, "{}", heard.body);
    let body = json!({ "agency_urn": world.agencies[0].urn(), "agency_session_name": "a-test" });
    let heard = agencies::post(&cloud, &key(&heard), "/v5/agencies/assume", &body);
    assert_eq!(signed(&cloud, &key(&heard), &links(world, 0)).status, 200);
    let steps = [Route::FederatedTokens, Route::TokenKeys, Route::Assume].map(|route| cloud.count(route));
    assert_eq!(steps, [1, 1, 1]);
}

#[test]
fn with_a_scope_the_token_is_good_by_itself() {
    let cloud = Simulator::start(World::sample());
    let scope = json!({ "project": { "id": cloud.world().projects[0].id } });
    let heard = federated(&cloud, "sample-idp", "SAMPLE.ID.TOKEN", scope);
    let token = heard.header("X-Subject-Token").unwrap();
    assert_eq!(bearing(&cloud, token, &links(cloud.world(), 0)).status, 200);
}

#[test]
fn a_guest_is_refused_with_a_reason() {
    let cloud = Simulator::start(World::sample());
    let statuses = [
        federated(&cloud, "sample-idp", "wrong", Value::Null),
        federated(&cloud, "nobody", "SAMPLE.ID.TOKEN", Value::Null),
        send(&cloud, "POST", "/v3.0/OS-AUTH/id-token/tokens", &[], "{}"),
    ];
    for (heard, status) in statuses.iter().zip([401, 404, 400]) {
        assert_eq!((heard.status, &heard.json()["error"]["code"]), (status, &json!(status)));
        assert_eq!(heard.header("X-Subject-Token"), None);
    }
}

#[test]
fn one_step_leads_to_an_agency_as_well() {
    let cloud = Simulator::start(World::sample());
    let heard = with_oidc(&cloud, |_| ());
    assert_eq!(heard.status, 200, "{}", heard.body);
    assert_eq!(signed(&cloud, &key(&heard), &links(cloud.world(), 0)).status, 200);
    let changes: [(Change, u16); 8] = [
        (|body| body["id_token"] = json!("wrong"), 401),
        (|body| body["id_token"] = json!(null), 400),
        (|body| body["provider_urn"] = json!("wrong"), 404),
        (|body| body["provider_urn"] = json!(null), 400),
        (|body| body["agency_urn"] = json!(null), 400),
        (|body| body["agency_urn"] = json!("iam::d0000000000000000000000000000001:agency:nobody"), 404),
        (
            |body| body["agency_urn"] = json!("iam::d0000000000000000000000000000001:agency:sample-second"),
            403,
        ),
        (|body| body["agency_session_name"] = json!(null), 400),
    ];
    for (change, status) in changes {
        let heard = with_oidc(&cloud, change);
        assert_eq!(heard.status, status, "{}", heard.body);
        assert!(!heard.code().1.is_empty() && heard.json()["request_id"].is_string());
    }
}

#[test]
fn a_new_id_token_ends_the_old_one() {
    let cloud = Simulator::start(World::sample());
    cloud.set_id_token("NEW.ID.TOKEN");
    assert_eq!(with_oidc(&cloud, |_| ()).status, 401);
    assert_eq!(with_oidc(&cloud, |body| body["id_token"] = json!("NEW.ID.TOKEN")).status, 200);
    assert_eq!(federated(&cloud, "sample-idp", "NEW.ID.TOKEN", Value::Null).status, 201);
}

#[test]
fn a_token_gets_keys_and_other_tokens_while_it_is_good() {
    let cloud = Simulator::start(World::sample());
    let world = cloud.world();
    let keys = keys_for(&cloud, json!({ "id": world.token, "duration_seconds": 900 }));
    assert_eq!(signed(&cloud, &key(&keys), &links(world, 0)).status, 200);
    assert_eq!(keys_for(&cloud, json!({ "id": world.token, "duration_seconds": 1 })).status, 400);
    assert_eq!(keys_for(&cloud, json!({ "id": "garbage" })).status, 401);
    assert_eq!(keys_for(&cloud, json!({})).status, 400);
    let exchange = |token: Value| {
        let identity = json!({ "methods": ["token"], "token": token });
        let scope = json!({ "project": { "name": "ap-southeast-3" } });
        let body = json!({ "auth": { "identity": identity, "scope": scope } }).to_string();
        send(&cloud, "POST", "/v3/auth/tokens", &[], &body)
    };
    let there = exchange(json!({ "id": world.token }));
    let target = format!("/ap-southeast-3{}", links(world, 1));
    assert_eq!(bearing(&cloud, there.header("X-Subject-Token").unwrap(), &target).status, 200);
    assert_eq!(exchange(json!({ "id": "garbage" })).status, 401);
    assert_eq!(exchange(json!({})).status, 400);
}
