use super::*;
use crate::huaweicloud::auth::{AccessKey, Algorithm, AuthEndpoints, ProjectRef};
use crate::huaweicloud::transport::tests::{Script, answer};
use crate::huaweicloud::transport::{Deadline, Transport};
use crate::system::{Clock, Environment};

fn provider() -> TokenProvider {
    let user = User::Name { name: "user".into(), account: Account::Name("account".into()) };
    let grant = TokenGrant::Password { user, password: "very-secret-password".into() };
    TokenProvider::new(grant, "the provider arguments password and user_name".into())
}

fn now() -> SystemTime {
    time::macros::datetime!(2026-01-15 08:30 UTC).into()
}

fn granted(token: &str, expires_at: &str) -> Response {
    let body = format!(
        r#"{{"token":{{"expires_at":"{expires_at}","project":{{"id":"p1","name":"n"}},"roles":[]}}}}"#
    );
    answer(201, &[("x-subject-token", token)], &body)
}

fn scope() -> Scope {
    Scope::Project(ProjectRef::Name("cn-north-4".into()))
}

async fn fetch(
    provider: &TokenProvider,
    transport: &Transport,
    now: SystemTime,
) -> Result<CachedToken, Error> {
    renewed(provider, transport, now, None).await
}

async fn renewed(
    provider: &TokenProvider,
    transport: &Transport,
    now: SystemTime,
    refused: Option<&Token>,
) -> Result<CachedToken, Error> {
    let endpoints = AuthEndpoints { iam: "https://iam.example.com".into(), ..AuthEndpoints::default() };
    let environment = Environment::given([]);
    let context = AuthContext {
        transport,
        direct: transport,
        deadline: Deadline::after(Duration::from_secs(300)),
        clock: Clock::Fixed(now),
        environment: &environment,
        endpoints: &endpoints,
        algorithm: Algorithm::default(),
    };
    provider.token(context, scope(), refused).await
}

fn token(session: &CachedToken) -> &str {
    session.token.secret.expose_secret()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_once_for_many_readers() {
    let script = Script::new([Ok(granted("t1", "2026-01-16T08:30:00.000000Z"))]).slow(Duration::from_secs(1));
    let (provider, transport) = (provider(), Transport::scripted(script.clone(), 0));
    let reads = (0..20).map(|_| fetch(&provider, &transport, now()));
    for found in futures_util::future::join_all(reads).await {
        let found = found.unwrap();
        assert_eq!((token(&found), found.project_id.as_deref()), ("t1", Some("p1")));
    }
    assert_eq!(script.sent(), 1);
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
async fn a_token_is_renewed_before_it_expires() {
    let script = Script::new(["t1", "t2"].map(|token| Ok(granted(token, "2026-01-16T08:30:00Z"))));
    let (provider, transport) = (provider(), Transport::scripted(script, 0));
    let day = Duration::from_secs(24 * 3600);
    for (later, expected) in [
        (Duration::ZERO, "t1"),
        (day - RENEW_AHEAD - Duration::from_secs(1), "t1"),
        (day - RENEW_AHEAD, "t2"),
    ] {
        assert_eq!(token(&fetch(&provider, &transport, now() + later).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all_who_had_it() {
    let script = Script::new(["t1", "t2"].map(|token| Ok(granted(token, "2026-01-16T08:30:00Z"))));
    let (provider, transport) = (provider(), Transport::scripted(script.clone(), 0));
    let first = fetch(&provider, &transport, now()).await.unwrap();
    for _ in 0..3 {
        let next = renewed(&provider, &transport, now(), Some(&first.token)).await.unwrap();
        assert_eq!(token(&next), "t2");
    }
    assert_eq!(script.sent(), 2);
}

#[tokio::test]
async fn a_refused_login_is_not_tried_again_by_anybody() {
    let wrong =
        r#"{"error":{"code":401,"message":"The username or password is wrong.","title":"Unauthorized"}}"#;
    let script = Script::new([Ok(answer(401, &[], wrong))]);
    let (provider, transport) = (provider(), Transport::scripted(script.clone(), 5));
    for _ in 0..3 {
        let Err(Error::Refused { response, .. }) = fetch(&provider, &transport, now()).await else {
            panic!()
        };
        assert_eq!(response.message, "The username or password is wrong.");
    }
    assert_eq!(script.sent(), 1);
}

#[tokio::test]
async fn an_answer_without_its_parts_says_which_one_is_missing() {
    let complete = r#"{"token":{"expires_at":"2026-01-16T08:30:00Z","project":{"id":"p"}}}"#;
    for (headers, body, missing) in [
        (vec![], complete, "the answer to the login to IAM has no X-Subject-Token header"),
        (vec![("x-subject-token", "t")], "<html>", "the answer to the login to IAM has no readable token"),
        (
            vec![("x-subject-token", "t")],
            r#"{"token":{"expires_at":"2026-01-16T08:30:00Z"}}"#,
            "the answer to the login to IAM has no project",
        ),
        (
            vec![("x-subject-token", "t")],
            r#"{"token":{"expires_at":"2026-01-16T08:30:00Z","project":{"id":""}}}"#,
            "the answer to the login to IAM has no project",
        ),
        (
            vec![("x-subject-token", "t")],
            r#"{"token":{"expires_at":"soon"}}"#,
            "the answer to the login to IAM has no readable expires_at",
        ),
    ] {
        let transport = Transport::scripted(Script::new([Ok(answer(201, &headers, body))]), 0);
        assert_eq!(fetch(&provider(), &transport, now()).await.unwrap_err().to_string(), missing);
    }
}

#[tokio::test]
async fn nothing_shows_the_password_or_the_token() {
    let body = r#"{"error":{"code":401,"message":"very-secret-password is wrong"}}"#;
    let transport = Transport::scripted(Script::new([Ok(answer(401, &[], body))]), 0);
    let refused = fetch(&provider(), &transport, now()).await.unwrap_err();
    let token = Arc::new(Token::new("very-secret-token".into(), "the test".into()));
    let session = CachedToken { token, project_id: Some("p".into()), renew_at: now() };
    let key = AccessKey::new("very-secret-id".into(), "very-secret-key".into(), None, "the test".into());
    for text in [format!("{:?} {key:?}", provider()), format!("{session:?}"), format!("{refused:?}")] {
        assert!(!text.contains("very-secret"), "{text}");
    }
}
