//! Tests of keys and tokens with scripted services: requests, renewal and invalid responses.

use http::StatusCode;
use serde_json::json;

use super::temporary_key::{Federation, IdentityProvider, KeySource};
use super::*;
use crate::huaweicloud::transport::tests::{Script, http_response};

fn now() -> SystemTime {
    time::macros::datetime!(2026-01-15 08:30 UTC).into()
}

/// Twelve hours after `now()`.
const EXPIRES_AT: &str = "2026-01-15T20:30:00.000000Z";

fn key_provider(source: KeySource) -> Credential {
    Credential::KeyProvider(KeyProvider::new(source, "the test".into()))
}

fn metadata(others: &[&str]) -> Credential {
    key_provider(KeySource::Metadata { reasons: others.iter().map(|&reason| reason.to_owned()).collect() })
}

fn container() -> Credential {
    key_provider(KeySource::Container { url: "http://127.0.0.1:1/keys".into(), token_file: "/token".into() })
}

fn test_agency(account: Account, caller_account: CallerAccount) -> Agency {
    Agency { name: "x".into(), account, duration: None, caller_account }
}

fn agency(caller_account: CallerAccount) -> Credential {
    let caller = AccessKey::new("caller".into(), "s".into(), None, "the test".into());
    let base = Box::new(Credential::Key(Arc::new(caller)));
    key_provider(KeySource::Agency { base, agency: test_agency(Account::Name("d".into()), caller_account) })
}

fn password() -> Credential {
    let user = User::Name { name: "user".into(), account: Account::Name("account".into()) };
    let grant = TokenGrant::Password { user, password: "very-secret-password".into() };
    Credential::TokenProvider(TokenProvider::new(grant, "the test".into()))
}

async fn fetch(credential: &Credential, script: &Script) -> Result<RequestAuth, Error> {
    fetch_with(credential, script, now(), None, "pod-token\n").await
}

/// Fetches at this time, with a rejected key or token, and with this content of the file `/token`.
async fn fetch_with(
    credential: &Credential,
    script: &Script,
    now: SystemTime,
    rejected: Option<&RequestAuth>,
    token: &str,
) -> Result<RequestAuth, Error> {
    let transport = Transport::scripted(script.clone(), 0);
    let endpoints = AuthEndpoints {
        iam: "https://iam.example.com".into(),
        metadata: "http://169.254.169.254".into(),
        ..AuthEndpoints::default()
    };
    let context = AuthContext {
        transport: &transport,
        direct: &transport,
        deadline: Deadline::from_user(Duration::from_secs(300)),
        clock: Clock::Fixed(now),
        environment: &Environment::with_files([], [("/token", token)]),
        endpoints: &endpoints,
        algorithm: Algorithm::default(),
    };
    let scope = Scope::Project(ProjectRef::Name("cn-north-4".into()));
    credential.request_auth(context, &scope, rejected).await
}

/// Whether requests contain this token, or are signed with the key that has this ID.
fn authenticates_with(auth: &RequestAuth, name: &str) -> bool {
    let mut request = http_request(Method::GET, "https://x.example.com/", None);
    auth.apply(&mut request, now());
    match auth {
        RequestAuth::Key(_) => {
            request.headers()["authorization"].to_str().unwrap().contains(&format!(" Access={name},"))
        }
        RequestAuth::Token(_) => request.headers()["x-auth-token"] == name,
    }
}

fn metadata_token() -> Response {
    http_response(200, &[], "metadata-token\n")
}

fn key_response(id: &str, expires_at: &str) -> Response {
    let key = json!({ "access": id, "secret": "s", "securitytoken": "t", "expires_at": expires_at });
    http_response(200, &[], &json!({ "credential": key }).to_string())
}

fn token_response(token: &str) -> Response {
    let body = json!({ "token": { "expires_at": EXPIRES_AT, "project": { "id": "p1", "name": "n" } } });
    http_response(201, &[("x-subject-token", token)], &body.to_string())
}

#[tokio::test]
async fn metadata_service_is_requested_with_a_token() {
    let script = Script::new([metadata_token(), key_response("k1", EXPIRES_AT)].map(Ok));
    assert!(authenticates_with(&fetch(&metadata(&[]), &script).await.ok().unwrap(), "k1"));
    let [put, get] = script.requests().try_into().unwrap();
    assert_eq!((put.method().as_str(), put.uri().path()), ("PUT", "/meta-data/latest/api/token"));
    assert_eq!(put.headers()["x-metadata-token-ttl-seconds"], "21600");
    assert_eq!((get.method().as_str(), get.uri().path()), ("GET", "/openstack/latest/securitykey"));
    assert_eq!(get.headers()["x-metadata-token"], "metadata-token");
}

#[tokio::test]
async fn old_metadata_service_is_requested_without_a_token() {
    for status in [404, 405, 503] {
        let script = Script::new([http_response(status, &[], ""), key_response("k1", EXPIRES_AT)].map(Ok));
        assert!(fetch(&metadata(&[]), &script).await.is_ok());
        assert!(!script.requests()[1].headers().contains_key("x-metadata-token"));
    }
}

#[tokio::test]
async fn error_without_metadata_key_contains_all_reasons() {
    let request = "requesting a key from the ECS metadata service";
    for (responses, expected) in [
        (
            vec![http_response(404, &[], ""), http_response(404, &[], "")],
            format!("{request} failed with HTTP 404"),
        ),
        (
            vec![metadata_token(), http_response(401, &[], "no agency")],
            format!("{request} failed with HTTP 401, message \"no agency\""),
        ),
        (
            vec![metadata_token(), http_response(200, &[], "<html>")],
            format!("{request} failed: the response has no access"),
        ),
        (
            vec![metadata_token(), key_response("k", "soon")],
            format!("{request} failed: the response has no expires_at"),
        ),
        (
            vec![metadata_token(), key_response("", EXPIRES_AT)],
            format!("{request} failed: the response has no access"),
        ),
        (vec![http_response(500, &[], "")], format!("{request} failed with HTTP 500")),
    ] {
        let script = Script::new(responses.into_iter().map(Ok));
        let Err(Error::NoCredentials { reasons, last }) = fetch(&metadata(&["x"]), &script).await else {
            panic!("{expected}")
        };
        assert_eq!(reasons, ["x"]);
        assert!(last.to_string().starts_with(&expected), "{last} is not {expected}");
    }
}

#[tokio::test]
async fn key_and_token_are_renewed_before_expiry_and_on_rejection() {
    let names = ["k1", "k2", "k3"];
    let metadata_responses =
        names.iter().flat_map(|id| [metadata_token(), key_response(id, EXPIRES_AT)]).collect();
    let password_responses: Vec<_> = names.map(token_response).to_vec();
    for (credential, responses, renew_ahead) in [
        (metadata(&[]), metadata_responses, temporary_key::RENEW_AHEAD),
        (password(), password_responses, token::RENEW_AHEAD),
    ] {
        let (count, script) = (responses.len(), Script::new(responses.into_iter().map(Ok)));
        let renewal = now() + Duration::from_secs(12 * 3600) - renew_ahead;
        let mut last = None;
        for (now, expected) in [(now(), "k1"), (renewal - Duration::from_secs(1), "k1"), (renewal, "k2")] {
            let found = fetch_with(&credential, &script, now, None, "").await.ok().unwrap();
            assert!(authenticates_with(&found, expected), "{credential:?}");
            last = Some(found);
        }
        // All readers whose key or token was rejected get the same new one.
        for _ in 0..3 {
            let next = fetch_with(&credential, &script, now(), last.as_ref(), "").await.ok().unwrap();
            assert!(authenticates_with(&next, "k3"), "{credential:?}");
        }
        assert_eq!(script.requests().len(), count, "{credential:?}");
    }
}

#[tokio::test]
async fn container_token_is_exchanged_for_a_key() {
    let body = r#"{"credentials":{"accessKeyId":"k","secretAccessKey":"s","securityToken":"t","expiration":"2026-01-15T20:30:00.123Z"}}"#;
    let script = Script::new([Ok(http_response(200, &[], body))]);
    assert!(authenticates_with(&fetch(&container(), &script).await.ok().unwrap(), "k"));
    let request = &script.requests()[0];
    assert_eq!((request.method().as_str(), request.body().as_slice()), ("POST", &b"{}"[..]));
    assert_eq!(request.headers()["authorization"], "pod-token");
    assert!(!format!("{request:?}").contains("pod-token"));
}

#[tokio::test]
async fn rejected_token_file_is_not_sent_again_until_it_changes() {
    let federated = key_provider(KeySource::Oidc(Federation {
        provider: IdentityProvider::Urn("urn".into()),
        id_token: IdToken::File("/token".into()),
        agency: test_agency(Account::Id("d".into()), CallerAccount::default()),
    }));
    let container_keys = r#"{"credentials":{"accessKeyId":"k","secretAccessKey":"s","securityToken":"t","expiration":"2026-01-15T20:30:00Z"}}"#;
    let agency_keys = r#"{"credentials":{"access_key_id":"k","secret_access_key":"s","security_token":"t","expiration":"2026-01-15T20:30:00Z"}}"#;
    for (provider, keys) in [(container(), container_keys), (federated, agency_keys)] {
        let script = Script::new(
            [http_response(401, &[], "{}"), http_response(401, &[], "{}"), http_response(200, &[], keys)]
                .map(Ok),
        );
        for (token, sent, succeeds) in
            [("a", 1, false), ("a", 1, false), ("b", 2, false), ("b", 2, false), ("c", 3, true)]
        {
            let found = fetch_with(&provider, &script, now(), None, token).await;
            assert_eq!((script.sent(), found.is_ok()), (sent, succeeds), "{token}");
        }
    }
}

#[tokio::test]
async fn unknown_caller_account_is_looked_up_once() {
    let account = http_response(200, &[], r#"{"domains":[{"id":"home","name":"n"}]}"#);
    let key = |id| Response { status: StatusCode::CREATED, ..key_response(id, EXPIRES_AT) };
    let accounts = |script: &Script| -> Vec<_> {
        let account = |request: &Request| {
            request.headers().get("x-domain-id").map(|id| id.to_str().unwrap().to_owned())
        };
        script.requests().iter().map(account).collect()
    };
    let home = Some("home".to_owned());
    let unknown = agency(CallerAccount::default());
    let script = Script::new([account, key("k1"), key("k2")].map(Ok));
    let first = fetch(&unknown, &script).await.ok();
    assert!(fetch_with(&unknown, &script, now(), first.as_ref(), "").await.is_ok());
    assert_eq!(accounts(&script), [None, home.clone(), home.clone()]);
    let script = Script::new([key("k1")].map(Ok));
    assert!(fetch(&agency(CallerAccount::new(home.clone())), &script).await.is_ok());
    assert_eq!(accounts(&script), [home]);
}

#[tokio::test]
async fn denied_account_lookup_does_not_fail_the_request() {
    let key = Response { status: StatusCode::CREATED, ..key_response("k1", EXPIRES_AT) };
    let script = Script::new([http_response(403, &[], "{}"), key].map(Ok));
    assert!(fetch(&agency(CallerAccount::default()), &script).await.is_ok());
    for body in ["<html>", r#"{"domains":[]}"#] {
        let script = Script::new([Ok(http_response(200, &[], body))]);
        let error = fetch(&agency(CallerAccount::default()), &script).await.err().unwrap();
        assert!(error.to_string().contains("has no account"), "{error}");
    }
}

#[tokio::test]
async fn password_request_contains_user_password_and_project() {
    let script = Script::new([Ok(token_response("t1"))]);
    assert!(authenticates_with(&fetch(&password(), &script).await.ok().unwrap(), "t1"));
    let request = &script.requests()[0];
    assert_eq!(request.uri(), "https://iam.example.com/v3/auth/tokens?nocatalog=any");
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let expected = json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": {
            "name": "user", "password": "very-secret-password", "domain": { "name": "account" } } } },
        "scope": { "project": { "name": "cn-north-4" } },
    } });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn incomplete_token_response_fails_with_the_missing_field() {
    let complete = r#"{"token":{"expires_at":"2026-01-16T08:30:00Z","project":{"id":"p"}}}"#;
    let unnamed = r#"{"token":{"expires_at":"2026-01-16T08:30:00Z","project":{"id":""}}}"#;
    let token = &[("x-subject-token", "t")][..];
    for (headers, body, missing) in [
        (&[][..], complete, "X-Subject-Token header"),
        (token, "<html>", "valid token"),
        (token, r#"{"token":{"expires_at":"2026-01-16T08:30:00Z"}}"#, "project"),
        (token, unnamed, "project"),
        (token, r#"{"token":{"expires_at":"soon"}}"#, "valid expires_at"),
    ] {
        let error =
            fetch(&password(), &Script::new([Ok(http_response(201, headers, body))])).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("authenticating with IAM failed: the response has no {missing}")
        );
    }
}

#[tokio::test]
async fn debug_output_and_errors_show_no_secret() {
    let key = AccessKey::new("very-secret-id".into(), "very-secret-key".into(), None, "the test".into());
    let token = Token::new("very-secret-token".into(), "the test".into());
    assert!(!format!("{key:?} {token:?}").contains("very-secret"));
    for (credential, secret) in [(password(), "very-secret-password"), (container(), "pod-token")] {
        let body = json!({ "error": { "code": 401, "message": format!("{secret} is wrong") } }).to_string();
        let error =
            fetch(&credential, &Script::new([Ok(http_response(401, &[], &body))])).await.err().unwrap();
        assert!(error.to_string().contains("*** is wrong"), "{error}");
        assert!(!format!("{credential:?} {error:?}").contains(secret), "{error:?}");
    }
}
