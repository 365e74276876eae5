use super::*;
use http::StatusCode;

use crate::huaweicloud::auth::{Account, Algorithm, AuthEndpoints, CallerAccount};
use crate::huaweicloud::transport::tests::{Script, answer};
use crate::huaweicloud::transport::{Deadline, Request, Response, Transport};
use crate::system::{Clock, Environment};

fn now() -> SystemTime {
    time::macros::datetime!(2026-01-15 08:30 UTC).into()
}

fn metadata(others: &[&str]) -> KeyProvider {
    let others = others.iter().map(|&reason| reason.to_owned()).collect();
    KeyProvider::new(KeySource::Metadata { others }, "the ECS metadata service".into())
}

fn container() -> KeyProvider {
    let source = KeySource::Container { url: "http://127.0.0.1:1/keys".into(), token_file: "/token".into() };
    KeyProvider::new(source, "the container's identity service".into())
}

async fn fetch(
    provider: &KeyProvider,
    script: &Script,
    now: SystemTime,
    refused: Option<&AccessKey>,
) -> Result<Arc<AccessKey>, Error> {
    fetch_with(provider, script, now, refused, "pod-token\n").await
}

/// With this text in the file `/token`.
async fn fetch_with(
    provider: &KeyProvider,
    script: &Script,
    now: SystemTime,
    refused: Option<&AccessKey>,
    token: &str,
) -> Result<Arc<AccessKey>, Error> {
    let transport = Transport::scripted(script.clone(), 0);
    let environment = Environment::with_files([], [("/token", token)]);
    let endpoints = AuthEndpoints { metadata: "http://169.254.169.254".into(), ..AuthEndpoints::default() };
    let clock = Clock::Fixed(now);
    let context = AuthContext {
        transport: &transport,
        direct: &transport,
        deadline: Deadline::after(Duration::from_secs(300)),
        clock,
        environment: &environment,
        endpoints: &endpoints,
        algorithm: Algorithm::default(),
    };
    provider.key(context, refused).await
}

fn token() -> Response {
    answer(200, &[], "metadata-token\n")
}

fn keys(id: &str, expires_at: &str) -> Response {
    let body = format!(
        r#"{{"credential":{{"access":"{id}","secret":"s","securitytoken":"t","expires_at":"{expires_at}"}}}}"#
    );
    answer(200, &[], &body)
}

const EXPIRES_AT: &str = "2026-01-15T20:30:00.000000Z";

#[tokio::test]
async fn a_machine_is_asked_with_a_token_first() {
    let script = Script::new([token(), keys("k1", EXPIRES_AT)].map(Ok));
    let found = fetch(&metadata(&[]), &script, now(), None).await.unwrap();
    assert!(found.is(&AccessKey::new("k1".into(), "".into(), None, String::new())));
    let [put, get] = script.requests().try_into().unwrap();
    assert_eq!((put.method().as_str(), put.uri().path()), ("PUT", "/meta-data/latest/api/token"));
    assert_eq!(put.headers()["x-metadata-token-ttl-seconds"], "21600");
    assert_eq!((get.method().as_str(), get.uri().path()), ("GET", "/openstack/latest/securitykey"));
    assert_eq!(get.headers()["x-metadata-token"], "metadata-token");
}

#[tokio::test]
async fn an_old_machine_is_asked_without_one() {
    for status in [404, 405, 503] {
        let script = Script::new([answer(status, &[], ""), keys("k1", EXPIRES_AT)].map(Ok));
        fetch(&metadata(&[]), &script, now(), None).await.unwrap();
        assert!(!script.requests()[1].headers().contains_key("x-metadata-token"));
    }
}

#[tokio::test]
async fn a_machine_without_keys_says_why_and_so_did_the_others() {
    let request = "the request to the ECS metadata service";
    for (answers, expected) in [
        (vec![answer(404, &[], ""), answer(404, &[], "")], format!("{request} was answered with HTTP 404")),
        (
            vec![token(), answer(401, &[], "no agency")],
            format!("{request} was answered with HTTP 401, message \"no agency\""),
        ),
        (vec![token(), answer(200, &[], "<html>")], format!("the answer to {request} has no access")),
        (vec![token(), keys("k", "soon")], format!("the answer to {request} has no expires_at")),
        (vec![token(), keys("", EXPIRES_AT)], format!("the answer to {request} has no access")),
        (vec![answer(500, &[], "")], format!("{request} was answered with HTTP 500")),
    ] {
        let script = Script::new(answers.into_iter().map(Ok));
        let Err(Error::NoCredential { reasons, last }) = fetch(&metadata(&["x"]), &script, now(), None).await
        else {
            panic!("{expected}")
        };
        assert_eq!(reasons, ["x"]);
        assert!(last.to_string().starts_with(&expected), "{last} is not {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_says_nothing_is_given_up_after_three_seconds() {
    let script = Script::new([Ok(token())]).slow(Duration::from_secs(60));
    let started = tokio::time::Instant::now();
    let Err(Error::Unanswered { .. }) = fetch(&metadata(&[]), &script, now(), None).await else { panic!() };
    assert_eq!(started.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn key_is_renewed_before_it_expires_and_once_after_a_refusal() {
    let renewal = ["k1", "k2", "k3"].into_iter().flat_map(|id| [Ok(token()), Ok(keys(id, EXPIRES_AT))]);
    let (script, machine) = (Script::new(renewal), metadata(&[]));
    let life = Duration::from_secs(12 * 3600);
    let first = fetch(&machine, &script, now(), None).await.unwrap();
    let same =
        fetch(&machine, &script, now() + life - RENEW_AHEAD - Duration::from_secs(1), None).await.unwrap();
    assert!(first.is(&same));
    let second = fetch(&machine, &script, now() + life - RENEW_AHEAD, None).await.unwrap();
    assert!(!first.is(&second));
    for _ in 0..2 {
        // All readers of the refused key get the next one, which is fetched once.
        let third = fetch(&machine, &script, now(), Some(&second)).await.unwrap();
        assert!(!third.is(&second));
    }
    assert_eq!(script.sent(), 6);
}

#[tokio::test]
async fn a_key_that_has_ended_before_it_came_is_an_error() {
    let script = Script::new([Ok(token()), Ok(keys("k1", "2026-01-15T08:29:59Z"))]);
    let Err(Error::Expired { .. }) = fetch(&metadata(&[]), &script, now(), None).await else { panic!() };
    assert_eq!(script.sent(), 2);
}

#[tokio::test]
async fn a_container_shows_its_token_and_gets_keys() {
    let body = r#"{"credentials":{"accessKeyId":"k","secretAccessKey":"s","securityToken":"t","expiration":"2026-01-15T20:30:00.123Z"}}"#;
    let script = Script::new([Ok(answer(200, &[], body))]);
    fetch(&container(), &script, now(), None).await.unwrap();
    let request = &script.requests()[0];
    assert_eq!((request.method().as_str(), request.body().as_slice()), ("POST", &b"{}"[..]));
    assert_eq!(request.headers()["authorization"], "pod-token");
    assert!(!format!("{request:?}").contains("pod-token"));
}

#[tokio::test]
async fn new_token_file_is_tried_at_once_and_refused_one_never_again() {
    use crate::huaweicloud::auth::{Account, Agency, IdToken};

    let federation = Federation {
        provider: IdentityProvider::Urn("urn".into()),
        id_token: IdToken::File("/token".into()),
        agency: Agency {
            name: "x".into(),
            account: Account::Id("d".into()),
            duration: None,
            caller_account: CallerAccount::default(),
        },
    };
    let federated = KeyProvider::new(KeySource::Oidc(federation), "the test".into());
    let of_pod = r#"{"credentials":{"accessKeyId":"k","secretAccessKey":"s","securityToken":"t","expiration":"2026-01-15T20:30:00Z"}}"#;
    let of_agency = r#"{"credentials":{"access_key_id":"k","secret_access_key":"s","security_token":"t","expiration":"2026-01-15T20:30:00Z"}}"#;
    for (provider, keys) in [(container(), of_pod), (federated, of_agency)] {
        let script =
            Script::new([answer(401, &[], "{}"), answer(401, &[], "{}"), answer(200, &[], keys)].map(Ok));
        for (token, sent, is_good) in
            [("a", 1, false), ("a", 1, false), ("b", 2, false), ("b", 2, false), ("c", 3, true)]
        {
            let found = fetch_with(&provider, &script, now(), None, token).await;
            assert_eq!((script.sent(), found.is_ok()), (sent, is_good), "{token}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_repeats_the_container_s_token_is_masked() {
    let script = Script::new([Ok(answer(401, &[], r#"{"message":"pod-token is old"}"#))]);
    let error = fetch(&container(), &script, now(), None).await.err().unwrap();
    assert!(error.to_string().contains("*** is old"), "{error}");
}

fn agency(caller_account: CallerAccount) -> KeyProvider {
    let base =
        Credential::Key(Arc::new(AccessKey::new("caller".into(), "s".into(), None, "the test".into())));
    let agency =
        Agency { name: "x".into(), account: Account::Name("d".into()), duration: None, caller_account };
    KeyProvider::new(KeySource::Agency { base: Box::new(base), agency }, "the agency x".into())
}

#[tokio::test]
async fn unknown_caller_account_is_looked_up_once() {
    let account = || answer(200, &[], r#"{"domains":[{"id":"home","name":"n"}]}"#);
    let key = |id| Response { status: StatusCode::CREATED, ..keys(id, EXPIRES_AT) };
    let headers = |script: &Script| -> Vec<_> {
        let account = |request: &Request| {
            request.headers().get("x-domain-id").map(|id| id.to_str().unwrap().to_owned())
        };
        script.requests().iter().map(account).collect()
    };
    let home = Some("home".to_owned());
    let unknown = agency(CallerAccount::default());
    let script = Script::new([account(), key("k1"), key("k2")].map(Ok));
    let first = fetch(&unknown, &script, now(), None).await.unwrap();
    fetch(&unknown, &script, now(), Some(&first)).await.unwrap();
    assert_eq!(headers(&script), [None, home.clone(), home.clone()]);
    let script = Script::new([key("k1")].map(Ok));
    fetch(&agency(CallerAccount::known(home.clone())), &script, now(), None).await.unwrap();
    assert_eq!(headers(&script), [home]);
}

#[tokio::test]
async fn a_caller_who_may_not_ask_for_the_account_goes_on_without() {
    let key = Response { status: StatusCode::CREATED, ..keys("k1", EXPIRES_AT) };
    let script = Script::new([answer(403, &[], "{}"), key].map(Ok));
    assert!(fetch(&agency(CallerAccount::default()), &script, now(), None).await.is_ok());
    for (body, expected) in [("<html>", "has no account"), (r#"{"domains":[]}"#, "has no account")] {
        let script = Script::new([answer(200, &[], body)].map(Ok));
        let error = fetch(&agency(CallerAccount::default()), &script, now(), None).await.err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
