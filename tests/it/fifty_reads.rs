//! Counts the requests of fifty reads over real HTTP, ten at a time. Each kind of credential is tested with a
//! valid and a wrong secret, and is revoked during a run. `src/huaweicloud/client/tests/fifty_reads.rs` tests all errors with
//! a paused clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, MetadataService, Route, Simulator};
use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};
use terraform_provider_dds::provider::Dds;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::session::Session;

use crate::in_process;
use crate::process::INSTANCE;

/// A kind of credential, and the requests that it causes.
struct CredentialCase {
    name: &'static str,
    /// The provider block, with "SECRET" instead of the secret.
    block: Json,
    /// The valid secret.
    secret: String,
    /// The requests by route if the secret is wrong.
    if_wrong: &'static str,
    /// The requests by route if the secret is valid.
    if_valid: &'static str,
    /// The accepted requests by route if the fetched credential is revoked after 20 reads. None if nothing is fetched.
    if_revoked: Option<&'static str>,
}

#[rustfmt::skip]
fn cases(cloud_state: &CloudState) -> Vec<CredentialCase> {
    let (id, secret) = (&cloud_state.access_keys[0].id, cloud_state.access_keys[0].secret.clone());
    let (account, account_name) = (&cloud_state.account_id, &cloud_state.account_name);
    let key = json!({ "access_key": id, "secret_key": "SECRET" });
    let temporary = &cloud_state.access_keys[1];
    let password = json!({ "user_name": cloud_state.user_name, "password": "SECRET", "domain_name": account_name });
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
        role["id_token"] = json!("SECRET");
        json!({ "assume_role_with_oidc": [role] })
    };
    let provider = &cloud_state.identity_provider;
    let id_token = provider.id_token.clone();
    let older = json!({
        "access_key": id, "secret_key": "SECRET", "agency_name": "sample-agency", "agency_domain_name": account_name,
        "delegated_project": "cn-north-4",
    });
    let case = |name, block, secret: &str, if_wrong, if_valid, if_revoked| CredentialCase {
        name, block, secret: secret.to_owned(), if_wrong, if_valid, if_revoked,
    };
    vec![
        case("key", key.clone(), &secret, "Projects 1", "Links 50, Projects 1", None),
        case(
            "temporary key",
            json!({ "access_key": temporary.id, "secret_key": "SECRET", "security_token": temporary.security_token }),
            &temporary.secret, "Projects 1", "Links 50, Projects 1", None,
        ),
        case("token", json!({ "token": "SECRET" }), &cloud_state.token, "Projects 1", "Links 50, Projects 1", None),
        case(
            "password", password.clone(), &cloud_state.password,
            "Tokens 1", "Links 50, Tokens 1", Some("Links 50, Tokens 2"),
        ),
        case(
            "agency (v5) with key", with(&key, "assume_role", json!([by_id("sample-agency")])), &secret,
            "Assume 1", "Assume 1, Links 50, Projects 1", Some("Assume 2, Links 50, Projects 1"),
        ),
        case(
            "agency (v3) with key", with(&key, "assume_role", json!([by_name("sample-agency")])), &secret,
            "Account 1", "Account 1, AgencyKeys 1, Links 50, Projects 1",
            Some("Account 1, AgencyKeys 2, Links 50, Projects 1"),
        ),
        case(
            "agency with password", with(&password, "assume_role", json!([by_name("sample-agency")])), &cloud_state.password,
            "Tokens 1", "AgencyKeys 1, Links 50, Projects 1, Tokens 1",
            // The token of the user is revoked too. It is rejected once and renewed.
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
            "OIDC in one request", oidc("provider_urn", &provider.provider_urn), &id_token, "AssumeWithOidc 1",
            "AssumeWithOidc 1, Links 50, Projects 1", Some("AssumeWithOidc 2, Links 50, Projects 1"),
        ),
        case(
            "OIDC in three requests", oidc("idp_id", &provider.idp_id), &id_token, "FederatedTokens 1",
            "Assume 1, FederatedTokens 1, Links 50, Projects 1, TokenKeys 1",
            Some("Assume 2, FederatedTokens 2, Links 50, Projects 1, TokenKeys 2"),
        ),
        case(
            "container", json!({}), &cloud_state.pod_identity.token, "PodKeys 1",
            "Links 50, PodKeys 1, Projects 1", Some("Links 50, PodKeys 2, Projects 1"),
        ),
        case(
            "metadata", json!({}), "", "MetadataKeys 1, MetadataToken 1",
            "Links 50, MetadataKeys 1, MetadataToken 1, Projects 1",
            Some("Links 50, MetadataKeys 2, MetadataToken 2, Projects 1"),
        ),
    ]
}

/// The case with this name.
fn case(name: &str) -> CredentialCase {
    cases(&CloudState::sample()).into_iter().find(|case| case.name == name).unwrap()
}

/// A configured provider for the case, with this secret.
async fn configured_session(cloud: &Simulator, case: &CredentialCase, secret: &str) -> Session<Dds> {
    let mut variables = BTreeMap::new();
    if case.name == "container" {
        variables.insert("HC_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), cloud.pod_identity_url());
        variables.insert("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE".to_owned(), "/token".to_owned());
    }
    let files = BTreeMap::from([("/token".to_owned(), Some(secret.to_owned()))]);
    let session = in_process::session(Environment::Fixed { variables, files });
    let block: Json = serde_json::from_str(&case.block.to_string().replace("SECRET", secret)).unwrap();
    let block = in_process::block(block.as_object().unwrap(), &session);
    let block = block.with([("region", "cn-north-4".into())]);
    let diagnostics = in_process::configure(&session, block, cloud).await;
    assert!(!diagnostics.has_errors(), "{}: {diagnostics:?}", case.name);
    session
}

/// Runs this number of reads. Returns how many succeeded, and the errors of the others.
async fn run_reads(session: &Session<Dds>, count: usize) -> (usize, Vec<String>) {
    let reads = (0..count).map(|_| in_process::read(session, INSTANCE));
    let results: Vec<_> = futures_util::stream::iter(reads).buffer_unordered(10).collect().await;
    let errors: Vec<_> = results.into_iter().flatten().collect();
    (count - errors.len(), errors)
}

/// The requests by route without rejected reads, the number of rejected requests, and the number of rejected reads.
fn sent_requests(cloud: &Simulator) -> (String, usize, usize) {
    let mut routes = BTreeMap::<String, usize>::new();
    let (mut rejected, mut rejected_reads) = (0, 0);
    for recorded in cloud.recorded_requests() {
        let is_rejected = recorded.status == Some(401);
        rejected += usize::from(is_rejected);
        rejected_reads += usize::from(is_rejected && recorded.route == Route::Links);
        *routes.entry(format!("{:?}", recorded.route)).or_default() +=
            usize::from(!is_rejected || recorded.route != Route::Links);
    }
    let routes = routes.iter().map(|(route, count)| format!("{route} {count}")).collect::<Vec<_>>();
    (routes.join(", "), rejected, rejected_reads)
}

#[tokio::test]
async fn wrong_credential_of_each_kind_is_sent_once() {
    let metadata = MetadataService::NoAgency;
    for case in cases(&CloudState::sample()) {
        let cloud = Simulator::start(CloudState { metadata_service: metadata, ..CloudState::sample() });
        cloud.set_id_token("other-token");
        let (succeeded, errors) =
            run_reads(&configured_session(&cloud, &case, "wrong-secret").await, 50).await;
        let (sent, rejected, _) = sent_requests(&cloud);
        assert_eq!(
            (succeeded, sent.as_str(), rejected),
            (0, case.if_wrong, 1),
            "{}: {}",
            case.name,
            errors[0]
        );
        assert!(errors.iter().all(|error| error.contains("HTTP 401")), "{}: {errors:?}", case.name);
    }
}

#[tokio::test]
async fn revoked_credential_of_each_kind_is_renewed_once() {
    for case in cases(&CloudState::sample()) {
        let cloud = Simulator::start(CloudState::sample());
        let session = configured_session(&cloud, &case, &case.secret).await;
        let (mut succeeded, _) = run_reads(&session, 20).await;
        if case.if_revoked.is_some() {
            cloud.revoke_temporary_keys();
            cloud.revoke_tokens();
        }
        let (more, errors) = run_reads(&session, 30).await;
        succeeded += more;
        let (sent, _, rejected) = sent_requests(&cloud);
        let expected = case.if_revoked.unwrap_or(case.if_valid);
        assert_eq!((succeeded, sent.as_str()), (50, expected), "{}: {errors:?}", case.name);
        assert!(rejected <= 10, "{}: {rejected}", case.name);
    }
}

#[tokio::test]
async fn valid_credential_of_each_kind_is_fetched_once() {
    for case in cases(&CloudState::sample()) {
        let cloud = Simulator::start(CloudState::sample());
        let (succeeded, errors) = run_reads(&configured_session(&cloud, &case, &case.secret).await, 50).await;
        assert_eq!(
            (succeeded, sent_requests(&cloud).0.as_str()),
            (50, case.if_valid),
            "{}: {errors:?}",
            case.name
        );
    }
}

#[tokio::test]
async fn wrong_key_is_sent_once_to_a_slow_gateway() {
    for name in ["key", "agency with password"] {
        let case = case(name);
        let cloud = Simulator::start(CloudState::sample());
        cloud.set_latency(Duration::from_secs(4));
        let started = Instant::now();
        let (succeeded, _) = run_reads(&configured_session(&cloud, &case, "wrong-secret").await, 50).await;
        assert_eq!((succeeded, sent_requests(&cloud).1), (0, 1), "{name}");
        let elapsed = started.elapsed().as_secs_f64();
        assert!((4.0..8.0).contains(&elapsed), "{name}: {elapsed}");
    }
}

#[tokio::test]
async fn unresponsive_metadata_service_fails_all_reads_after_3_s() {
    let cloud = Simulator::start(CloudState {
        metadata_service: MetadataService::NoResponse,
        ..CloudState::sample()
    });
    let case = case("metadata");
    let started = Instant::now();
    let (succeeded, errors) = run_reads(&configured_session(&cloud, &case, "").await, 50).await;
    assert_eq!((succeeded, sent_requests(&cloud).0.as_str()), (0, "MetadataToken 1"));
    assert!(errors.iter().all(|error| error.contains("no response within")), "{errors:?}");
    let elapsed = started.elapsed();
    assert!((3.0..5.0).contains(&elapsed.as_secs_f64()), "{elapsed:?}");
}

#[tokio::test]
async fn first_request_without_response_fails_the_waiting_reads() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_once(Route::Links, [Fault::NoResponse]);
    let block = json!({ "token": "SECRET", "max_retries": 0, "request_timeout": "1s" });
    let case = CredentialCase { block, ..case("token") };
    let started = Instant::now();
    let (succeeded, errors) = run_reads(&configured_session(&cloud, &case, &case.secret).await, 50).await;
    assert_eq!((succeeded, sent_requests(&cloud).0.as_str()), (40, "Links 41, Projects 1"));
    assert!(errors.iter().all(|error| error.contains("no response within")), "{errors:?}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}
