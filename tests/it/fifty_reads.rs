//! Fifty reads, ten at a time, over real HTTP: what each kind of credential sends when it is right, wrong, and revoked in
//! mid run. The table of all that can be wrong is beside the code (`src/huaweicloud/client/tests/fifty_reads.rs`), with a
//! clock that does not run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, Metadata, Route, Simulator};
use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};
use terraform_provider_dds::provider::Dds;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::session::Session;

use crate::in_process;
use crate::process::INSTANCE;

struct Case {
    name: &'static str,
    /// The provider block. "WRONG" in it is the secret.
    block: Json,
    /// The secret that is right.
    secret: String,
    /// Requests by route where it is wrong, and where it is right.
    wrong: &'static str,
    right: &'static str,
    /// Where what was fetched is revoked after 20 reads, without the refused ones. None for what is not fetched.
    renewed: Option<&'static str>,
}

#[rustfmt::skip]
fn cases(cloud_state: &CloudState) -> Vec<Case> {
    let (id, secret) = (&cloud_state.keys[0].id, cloud_state.keys[0].secret.clone());
    let (account, account_name) = (&cloud_state.account_id, &cloud_state.account_name);
    let key = json!({ "access_key": id, "secret_key": "WRONG" });
    let temporary = &cloud_state.keys[1];
    let password = json!({ "user_name": cloud_state.user_name, "password": "WRONG", "domain_name": account_name });
    let by_id = |name: &str| json!({ "agency_name": name, "domain_id": account });
    let by_name = |name: &str| json!({ "agency_name": name, "domain_name": account_name });
    let with = |base: &Json, name: &str, value: Json| {
        let mut block = base.clone();
        block[name] = value;
        block
    };
    let oidc = |name: &str, value: &str| {
        let mut role = by_id("sample-agency");
        role[name] = json!(value);
        role["id_token"] = json!("WRONG");
        json!({ "assume_role_with_oidc": [role] })
    };
    let provider = &cloud_state.identity_provider;
    let id_token = provider.id_token.clone();
    let older = json!({
        "access_key": id, "secret_key": "WRONG", "agency_name": "sample-agency", "agency_domain_name": account_name,
        "delegated_project": "cn-north-4",
    });
    let case = |name, block, secret: &str, wrong, right, renewed| Case {
        name, block, secret: secret.to_owned(), wrong, right, renewed,
    };
    vec![
        case("key", key.clone(), &secret, "Projects 1", "Links 50, Projects 1", None),
        case(
            "temporary key",
            json!({ "access_key": temporary.id, "secret_key": "WRONG", "security_token": temporary.security_token }),
            &temporary.secret, "Projects 1", "Links 50, Projects 1", None,
        ),
        case("token", json!({ "token": "WRONG" }), &cloud_state.token, "Projects 1", "Links 50, Projects 1", None),
        case(
            "password", password.clone(), &cloud_state.password,
            "Tokens 1", "Links 50, Tokens 1", Some("Links 50, Tokens 2"),
        ),
        case(
            "agency (v5) over key", with(&key, "assume_role", json!([by_id("sample-agency")])), &secret,
            "Assume 1", "Assume 1, Links 50, Projects 1", Some("Assume 2, Links 50, Projects 1"),
        ),
        case(
            "agency (v3) over key", with(&key, "assume_role", json!([by_name("sample-agency")])), &secret,
            "Account 1", "Account 1, AgencyKeys 1, Links 50, Projects 1",
            Some("Account 1, AgencyKeys 2, Links 50, Projects 1"),
        ),
        case(
            "agency over password", with(&password, "assume_role", json!([by_name("sample-agency")])), &cloud_state.password,
            "Tokens 1", "AgencyKeys 1, Links 50, Projects 1, Tokens 1",
            // The cloud forgets the token of the base, too, which is refused once and renewed.
            Some("AgencyKeys 3, Links 50, Projects 1, Tokens 2"),
        ),
        case(
            "chain", with(&key, "assume_role", json!([by_id("sample-agency"), by_id("sample-second")])), &secret,
            "Assume 1", "Assume 2, Links 50, Projects 1",
            Some("Assume 5, Links 50, Projects 1"),
        ),
        case(
            "agency's token", older, &secret, "Account 1", "Account 1, AgencyTokens 1, Links 50",
            Some("Account 1, AgencyTokens 2, Links 50"),
        ),
        case(
            "OIDC in one step", oidc("provider_urn", &provider.provider_urn), &id_token, "AssumeWithOidc 1",
            "AssumeWithOidc 1, Links 50, Projects 1", Some("AssumeWithOidc 2, Links 50, Projects 1"),
        ),
        case(
            "OIDC in three steps", oidc("idp_id", &provider.idp_id), &id_token, "FederatedTokens 1",
            "Assume 1, FederatedTokens 1, Links 50, Projects 1, TokenKeys 1",
            Some("Assume 2, FederatedTokens 2, Links 50, Projects 1, TokenKeys 2"),
        ),
        case(
            "container", json!({}), &cloud_state.pod.token, "PodKeys 1",
            "Links 50, PodKeys 1, Projects 1", Some("Links 50, PodKeys 2, Projects 1"),
        ),
        case(
            "metadata", json!({}), "", "MetadataKeys 1, MetadataToken 1",
            "Links 50, MetadataKeys 1, MetadataToken 1, Projects 1",
            Some("Links 50, MetadataKeys 2, MetadataToken 2, Projects 1"),
        ),
    ]
}

fn case(name: &str) -> Case {
    cases(&CloudState::sample()).into_iter().find(|case| case.name == name).unwrap()
}

/// A provider that is configured, with `secret` for the one that the case has.
async fn provider(cloud: &Simulator, case: &Case, secret: &str) -> Session<Dds> {
    let mut variables = BTreeMap::new();
    if case.name == "container" {
        variables.insert("HC_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), cloud.pod_url());
        variables.insert("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE".to_owned(), "/token".to_owned());
    }
    let files = BTreeMap::from([("/token".to_owned(), Some(secret.to_owned()))]);
    let session = in_process::session(Environment::Fixed { variables, files });
    let block: Json = serde_json::from_str(&case.block.to_string().replace("WRONG", secret)).unwrap();
    let block = in_process::block(block.as_object().unwrap(), &session);
    let block = block.with([("region", "cn-north-4".into())]);
    let faults = in_process::configure(&session, block, cloud).await;
    assert!(!faults.has_errors(), "{}: {faults:?}", case.name);
    session
}

/// The number of good ones among so many reads, and what the others were told.
async fn reads(session: &Session<Dds>, count: usize) -> (usize, Vec<String>) {
    let reads = (0..count).map(|_| in_process::read(session, INSTANCE));
    let found: Vec<_> = futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
    let told: Vec<_> = found.into_iter().flatten().collect();
    (count - told.len(), told)
}

/// Requests by route, and how many of them were refused, those for links apart.
fn sent(cloud: &Simulator) -> (String, usize, usize) {
    let mut routes = BTreeMap::<String, usize>::new();
    let (mut refused, mut refused_links) = (0, 0);
    for recorded in cloud.recorded() {
        let is_refused = recorded.status == Some(401);
        refused += usize::from(is_refused);
        refused_links += usize::from(is_refused && recorded.route == Route::Links);
        *routes.entry(format!("{:?}", recorded.route)).or_default() +=
            usize::from(!is_refused || recorded.route != Route::Links);
    }
    let routes = routes.iter().map(|(route, count)| format!("{route} {count}")).collect::<Vec<_>>();
    (routes.join(", "), refused, refused_links)
}

#[tokio::test]
async fn wrong_credential_of_each_kind_is_sent_once() {
    let metadata = Metadata::NoAgency;
    for case in cases(&CloudState::sample()) {
        let cloud = Simulator::start(CloudState { metadata, ..CloudState::sample() });
        cloud.set_id_token("another");
        let (good, told) = reads(&provider(&cloud, &case, "wrong-secret").await, 50).await;
        let (sent, refused, _) = sent(&cloud);
        assert_eq!((good, sent.as_str(), refused), (0, case.wrong, 1), "{}: {}", case.name, told[0]);
        assert!(told.iter().all(|told| told.contains("HTTP 401")), "{}: {told:?}", case.name);
    }
}

#[tokio::test]
async fn right_credential_of_each_kind_is_renewed_once_when_revoked() {
    for case in cases(&CloudState::sample()) {
        let cloud = Simulator::start(CloudState::sample());
        let session = provider(&cloud, &case, &case.secret).await;
        let (mut good, _) = reads(&session, 20).await;
        if case.renewed.is_some() {
            cloud.revoke_keys();
            cloud.revoke_tokens();
        }
        let (more, told) = reads(&session, 30).await;
        good += more;
        let (sent, _, refused) = sent(&cloud);
        let expected = case.renewed.unwrap_or(case.right);
        assert_eq!((good, sent.as_str()), (50, expected), "{}: {told:?}", case.name);
        assert!(refused <= 10, "{}: {refused}", case.name);
    }
}

#[tokio::test]
async fn right_credential_of_each_kind_is_fetched_once() {
    for case in cases(&CloudState::sample()) {
        let cloud = Simulator::start(CloudState::sample());
        let (good, told) = reads(&provider(&cloud, &case, &case.secret).await, 50).await;
        assert_eq!((good, sent(&cloud).0.as_str()), (50, case.right), "{}: {told:?}", case.name);
    }
}

#[tokio::test]
async fn slow_gateway_gets_a_wrong_key_once() {
    for name in ["key", "agency over password"] {
        let case = case(name);
        let cloud = Simulator::start(CloudState::sample());
        cloud.set_latency(Duration::from_secs(4));
        let started = Instant::now();
        let (good, _) = reads(&provider(&cloud, &case, "wrong-secret").await, 50).await;
        assert_eq!((good, sent(&cloud).1), (0, 1), "{name}");
        let elapsed = started.elapsed().as_secs_f64();
        assert!((4.0..8.0).contains(&elapsed), "{name}: {elapsed}");
    }
}

#[tokio::test]
async fn silent_metadata_service_costs_three_seconds_once() {
    let cloud = Simulator::start(CloudState { metadata: Metadata::Silent, ..CloudState::sample() });
    let case = case("metadata");
    let started = Instant::now();
    let (good, told) = reads(&provider(&cloud, &case, "").await, 50).await;
    assert_eq!((good, sent(&cloud).0.as_str()), (0, "MetadataToken 1"));
    assert!(told.iter().all(|told| told.contains("no response within")), "{told:?}");
    let elapsed = started.elapsed();
    assert!((3.0..5.0).contains(&elapsed.as_secs_f64()), "{elapsed:?}");
}

#[tokio::test]
async fn hanging_first_request_fails_its_waiters_at_the_same_time() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.next(Route::Links, [Fault::Silent]);
    let block = json!({ "token": "WRONG", "max_retries": 0, "request_timeout": "1s" });
    let case = Case { block, ..case("token") };
    let started = Instant::now();
    let (good, told) = reads(&provider(&cloud, &case, &case.secret).await, 50).await;
    assert_eq!((good, sent(&cloud).0.as_str()), (40, "Links 41, Projects 1"));
    assert!(told.iter().all(|told| told.contains("no response within")), "{told:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}
