mod fifty_reads;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::huaweicloud::auth::{AccessKey, Account, Token, TokenGrant, TokenProvider, User};
use crate::huaweicloud::error::Error;
use crate::huaweicloud::error_codes;
use crate::huaweicloud::transport::retry::Stop;
use crate::huaweicloud::transport::tests::{Script, answer};

const LINKS: &str = r#"{"certs":[{"category":"international","download_link":"https://a/b"}]}"#;
const PROJECTS: &str =
    r#"{"projects":[{"id":"other","name":"MOS"},{"id":"p1","name":"cn-north-4","enabled":true}]}"#;
const REFUSED: &str = r#"{"error_code":"APIGW.0301","error_msg":"ak AKID not exist"}"#;

fn key() -> Credential {
    Credential::Key(Arc::new(AccessKey::new("AKID".into(), "SECRET".into(), None, "the test".into())))
}

fn login() -> Credential {
    let user = User::Name { name: "u".into(), account: Account::Name("a".into()) };
    Credential::TokenProvider(TokenProvider::new(
        TokenGrant::Password { user, password: "password".into() },
        "the test".into(),
    ))
}

fn settings(credential: Credential, project: Project) -> Settings {
    Settings {
        region: "cn-north-4".into(),
        cloud: "example.com".into(),
        endpoints: Endpoints::default(),
        project,
        credential,
        tls: Tls::default(),
        max_retries: 3,
        request_timeout: Duration::from_secs(30),
        user_agent: "test/1".into(),
        clock: Clock::Fixed(SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_465_800)),
        environment: Environment::given([]),
        algorithm: auth::Algorithm::default(),
    }
}

fn client(script: &Script, settings: Settings) -> Client {
    let transport = || Transport::scripted(script.clone(), settings.max_retries);
    Client::over(transport(), transport(), settings)
}

fn token_answer(token: &str) -> Response {
    let body = r#"{"token":{"expires_at":"2026-01-16T08:30:00Z","project":{"id":"p1"}}}"#;
    answer(201, &[("x-subject-token", token)], body)
}

/// The error and its causes.
fn text(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn urls(script: &Script) -> Vec<String> {
    script.requests().iter().map(|request| request.uri().to_string()).collect()
}

#[tokio::test]
async fn with_a_project_id_a_read_is_one_request() {
    let script = Script::new([Ok(answer(200, &[], LINKS))]);
    let found = client(&script, settings(key(), Project::Id("p1".into())))
        .dds()
        .ssl_cert_download_links(None, "a/b", READ_LIMIT)
        .await;
    assert_eq!(found.unwrap()[0].category, "international");
    let request = &script.requests()[0];
    assert_eq!(
        request.uri(),
        "https://dds.cn-north-4.example.com/v3/p1/instances/a%2Fb/ssl-cert/download-link"
    );
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-project-id"), "p1");
    assert_eq!(header("user-agent"), "test/1");
    assert_eq!(header("x-sdk-date"), "20260115T083000Z");
    assert!(header("authorization").contains("SignedHeaders=host;x-project-id;x-sdk-date, "));
}

#[tokio::test(start_paused = true)]
async fn the_project_is_looked_up_once_for_many_readers() {
    let answers = std::iter::once(PROJECTS).chain(std::iter::repeat_n(LINKS, 10));
    let script = Script::new(answers.map(|body| Ok(answer(200, &[], body)))).slow(Duration::from_millis(50));
    let client = client(&script, settings(key(), Project::OfRegion));
    let reads = (0..10).map(|_| client.dds().ssl_cert_download_links(None, "i", READ_LIMIT));
    assert!(futures_util::future::join_all(reads).await.into_iter().all(|found| found.is_ok()));
    let urls = urls(&script);
    assert_eq!(urls[0], "https://iam.cn-north-4.example.com/v3/projects?name=cn-north-4");
    assert_eq!(urls.len(), 11);
    assert!(urls[1..].iter().all(|url| url.contains("/v3/p1/instances/i/")));
    assert!(!script.requests()[0].headers().contains_key("x-project-id"));
}

#[tokio::test]
async fn another_region_means_the_project_of_its_name() {
    let body = r#"{"projects":[{"id":"p2","name":"ap-southeast-3"}]}"#;
    let script = Script::new([body, LINKS].map(|body| Ok(answer(200, &[], body))));
    let client = client(&script, settings(key(), Project::Id("p1".into())));
    client.dds().ssl_cert_download_links(Some("ap-southeast-3"), "i", READ_LIMIT).await.unwrap();
    assert_eq!(
        urls(&script),
        [
            "https://iam.cn-north-4.example.com/v3/projects?name=ap-southeast-3",
            "https://dds.ap-southeast-3.example.com/v3/p2/instances/i/ssl-cert/download-link",
        ]
    );
}

#[tokio::test]
async fn missing_and_disabled_projects_are_separate_errors() {
    for (body, expected) in [
        (r#"{"projects":[{"id":"x","name":"cn-north-4_dev"}]}"#, "there is no project \"cn-north-4\""),
        (r#"{"projects":[{"id":"","name":"cn-north-4"}]}"#, "the look-up of the project failed"),
        (r#"{"projects":[]}"#, "there is no project \"cn-north-4\""),
        (
            r#"{"projects":[{"id":"x","name":"cn-north-4","enabled":false}]}"#,
            "the project \"cn-north-4\" is disabled",
        ),
        (r#"{"project":1}"#, "the look-up of the project failed"),
    ] {
        let script = Script::new([Ok(answer(200, &[], body))]);
        let client = client(&script, settings(key(), Project::OfRegion));
        let error = client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap_err();
        assert_eq!(error.kind.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_sent_once_however_many_read() {
    let script = Script::new([Ok(answer(401, &[], REFUSED))]).slow(Duration::from_millis(200));
    let client = client(&script, settings(key(), Project::Id("p1".into())));
    let reads = (0..50).map(|_| client.dds().ssl_cert_download_links(None, "i", READ_LIMIT));
    for found in futures_util::future::join_all(reads).await {
        let ErrorKind::Refused { response, .. } = found.unwrap_err().kind else { panic!("not refused") };
        assert_eq!(response.message, "ak *** not exist");
    }
    assert_eq!(script.sent(), 1);
}

#[tokio::test]
async fn login_returns_token_and_project_and_is_renewed_after_a_401() {
    let answers =
        [token_answer("t1"), answer(401, &[], REFUSED), token_answer("t2"), answer(200, &[], LINKS)];
    let script = Script::new(answers.map(Ok));
    let client = client(&script, settings(login(), Project::OfRegion));
    client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap();
    let tokens: Vec<_> =
        script.requests().iter().filter_map(|it| it.headers().get("x-auth-token").cloned()).collect();
    assert_eq!(tokens, ["t1", "t2"]);
    assert!(urls(&script)[1].contains("/v3/p1/instances/"));
}

#[tokio::test]
async fn a_second_401_is_the_end() {
    let answers = [token_answer("t1"), answer(401, &[], ""), token_answer("t2"), answer(401, &[], "")];
    let script = Script::new(answers.map(Ok));
    let error = client(&script, settings(login(), Project::OfRegion))
        .dds()
        .ssl_cert_download_links(None, "i", READ_LIMIT)
        .await;
    assert!(matches!(error.unwrap_err().kind, ErrorKind::Refused { .. }));
    assert_eq!(script.sent(), 4);
}

#[tokio::test]
async fn a_ready_token_is_sent_and_never_repeated() {
    let script = Script::new([Ok(answer(401, &[], ""))]);
    let credential = Credential::Token(Arc::new(Token::new("ready".into(), "the test".into())));
    let error = client(&script, settings(credential, Project::Id("p1".into())))
        .dds()
        .ssl_cert_download_links(None, "i", READ_LIMIT)
        .await;
    assert!(matches!(error.unwrap_err().kind, ErrorKind::Refused { .. }));
    assert_eq!(script.requests()[0].headers()["x-auth-token"], "ready");
}

#[tokio::test]
async fn a_whole_answer_is_read_whatever_its_good_status() {
    let bom = format!("\u{feff}{LINKS}");
    for (status, body) in
        [(200, LINKS), (201, LINKS), (202, LINKS), (203, LINKS), (299, LINKS), (200, bom.as_str())]
    {
        let script = Script::new([Ok(answer(status, &[], body))]);
        let client = client(&script, settings(key(), Project::Id("p1".into())));
        let found = client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await;
        assert_eq!(found.unwrap()[0].download_link, "https://a/b", "{status}");
    }
    for status in [206, 302, 404] {
        let script = Script::new([Ok(answer(status, &[], LINKS))]);
        let client = client(&script, settings(key(), Project::Id("p1".into())));
        let error = client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Refused { .. }), "{status}");
    }
}

#[tokio::test]
async fn an_error_with_a_good_status_is_told_by_its_code() {
    const GONE: &str = r#"{"error_code":"DBS.200002","error_msg":"gone"}"#;
    const EMPTY: &str = r#"{"certs":[],"error_code":"DBS.200002","error_msg":"gone"}"#;
    for (answers, project) in [
        (vec![GONE], Project::Id("p1".into())),
        (vec![EMPTY], Project::Id("p1".into())),
        (vec![GONE], Project::OfRegion),
        (vec![PROJECTS, GONE], Project::OfRegion),
    ] {
        let script = Script::new(answers.iter().map(|body| Ok(answer(200, &[], body))));
        let client = client(&script, settings(key(), project));
        let error = client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap_err();
        let text = text(&error);
        assert!(text.contains("HTTP 200, code DBS.200002, message \"gone\""), "{text}");
    }
    // The same where a credential is fetched.
    let script = Script::new([Ok(answer(201, &[], r#"{"error":{"code":"IAM.0011","message":"no"}}"#))]);
    let client = client(&script, settings(login(), Project::OfRegion));
    let error = client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap_err();
    let text = text(&error);
    assert!(text.contains("the login to IAM was answered with HTTP 201, code IAM.0011"), "{text}");
}

#[tokio::test]
async fn an_address_is_sent_as_it_is_signed() {
    for (cloud, endpoint, host) in [
        ("MyHuaweiCloud.com", None, "dds.cn-north-4.myhuaweicloud.com"),
        (" MyHuaweiCloud.com. ", None, "dds.cn-north-4.myhuaweicloud.com"),
        ("x", Some("https://DDS.Example.COM:443/"), "dds.example.com"),
        ("x", Some(" HTTPS://dds.{region}.example.com//"), "dds.cn-north-4.example.com"),
        ("x", Some("https://dds.b\u{fc}cher.example"), "dds.xn--bcher-kva.example"),
        ("x", Some("https://dds.example.com:8443"), "dds.example.com"),
        ("x", Some("https://[2001:DB8:0::1]:443/v"), "[2001:db8::1]"),
        ("x", Some("http://0x7f.1:80"), "127.0.0.1"),
    ] {
        let script = Script::new([PROJECTS, LINKS].map(|body| Ok(answer(200, &[], body))));
        let mut settings = settings(key(), Project::OfRegion);
        settings.cloud = cloud.into();
        settings.endpoints.dds = endpoint.map(str::to_owned);
        client(&script, settings).dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap();
        for request in script.requests() {
            // The client sends what the url crate makes of it.
            assert_eq!(
                request.uri().to_string(),
                url::Url::parse(&request.uri().to_string()).unwrap().as_str()
            );
        }
        assert_eq!(script.requests()[1].uri().host(), Some(host), "{cloud} {endpoint:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_ends_after_five_minutes_whatever_happens() {
    let script = Script::new([Ok(answer(200, &[], LINKS))]).slow(Duration::from_secs(3600));
    let client = client(&script, settings(key(), Project::Id("p1".into())));
    let started = tokio::time::Instant::now();
    let error = client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Deadline(_)));
    assert_eq!(started.elapsed(), READ_LIMIT);
}

#[test]
fn endpoints_replace_the_usual_addresses() {
    let mut settings = settings(key(), Project::OfRegion);
    assert_eq!(settings.auth_endpoints().iam, "https://iam.cn-north-4.example.com");
    assert_eq!(settings.auth_endpoints().sts, "https://sts.cn-north-4.example.com");
    assert_eq!(settings.auth_endpoints().metadata, "http://169.254.169.254");
    settings.endpoints.iam = Some("http://127.0.0.1:1/iam/".into());
    assert_eq!(settings.auth_endpoints().iam, "http://127.0.0.1:1/iam");
    settings.endpoints.auth = Some("https://auth.example.com/v3/".into());
    assert_eq!(settings.auth_endpoints().iam, "https://auth.example.com");
    assert_eq!(settings.iam_endpoint(), "http://127.0.0.1:1/iam");
    settings.endpoints.dds = Some("http://127.0.0.1:1".into());
    assert_eq!(settings.dds_endpoint("cn-north-4").ok().as_deref(), Some("http://127.0.0.1:1"));
    assert!(matches!(settings.dds_endpoint("x"), Err(ErrorKind::ForeignEndpoint)));
    settings.endpoints.dds = Some("http://127.0.0.1:1/{region}".into());
    assert_eq!(settings.dds_endpoint("x").ok().as_deref(), Some("http://127.0.0.1:1/x"));
}

#[tokio::test]
async fn no_text_repeats_what_a_request_carried() {
    let long = "T0ken/".repeat(400);
    let echo = |body: String| Ok(answer(403, &[], &body));
    let token = || Credential::Token(Arc::new(Token::new(long.clone().into(), "the test".into())));
    let json = |message: String| serde_json::json!({ "error_code": "X", "error_msg": message }).to_string();
    let escaped = json(format!("not {long}")).replace('/', "\\/");
    let signed = r#"{"certs":[{"category":"c","download_link":"https://a/b?Signature=S3CRET"#;
    for (credential, answers) in [
        (token(), vec![echo(json(format!("not {long}")))]),
        (token(), vec![echo(escaped)]),
        (token(), vec![echo(format!("x-auth-token: {long}"))]),
        (token(), vec![Ok(answer(200, &[], &format!("You sent {long}")))]),
        (key(), vec![Ok(answer(200, &[], "You sent AKID"))]),
        (key(), vec![Ok(answer(200, &[], signed))]),
        (login(), vec![Ok(token_answer("T0ken")), echo("You sent T0ken".into())]),
        (login(), vec![Ok(answer(401, &[], "You sent password"))]),
    ] {
        let client = client(&Script::new(answers), settings(credential, Project::Id("p1".into())));
        let text = text(&client.dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap_err());
        let found =
            ["T0ken", "AKID", "S3CRET", "sent password"].into_iter().find(|secret| text.contains(secret));
        assert_eq!(found, None, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_look_up_is_made_once_for_many_readers() {
    let script = Script::new(vec![Ok(answer(503, &[], "")); 4]).slow(Duration::from_millis(50));
    let client = client(&script, settings(key(), Project::OfRegion));
    let reads = (0..10).map(|_| client.dds().ssl_cert_download_links(None, "i", READ_LIMIT));
    for found in futures_util::future::join_all(reads).await {
        assert!(matches!(found.unwrap_err().kind, ErrorKind::Lookup(_)));
    }
    assert_eq!(script.sent(), 4, "one try and three more");
}

#[tokio::test]
async fn an_endpoint_is_called_as_it_is_signed() {
    let script = Script::new([Ok(answer(200, &[], LINKS))]);
    let mut settings = settings(key(), Project::Id("p1".into()));
    settings.endpoints.dds = Some("https://DDS.Example.com:443/a/../b/".into());
    client(&script, settings).dds().ssl_cert_download_links(None, "i", READ_LIMIT).await.unwrap();
    let url = &urls(&script)[0];
    assert_eq!(url, "https://dds.example.com/b/v3/p1/instances/i/ssl-cert/download-link");
    assert_eq!(url, url::Url::parse(url).unwrap().as_str());
}

#[test]
fn gate_and_error_message_agree_on_what_refuses_a_credential() {
    for (reason, codes) in error_codes::CODES {
        for code in *codes {
            let status = StatusCode::UNAUTHORIZED;
            let response =
                ErrorResponse { status, code: code.replace('*', "0001"), ..ErrorResponse::default() };
            let refuses = matches!(reason, error_codes::ErrorCategory::Unauthenticated(_));
            assert_eq!(auth::refuses_credential(&response), refuses, "{code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_told_where_the_read_s_limit_passes() {
    let throttled = r#"{"error_code":"APIGW.0308","error_msg":"too many","request_id":"r1"}"#;
    let response = |kind: ErrorKind| match kind {
        ErrorKind::Refused { response, attempts, .. } => (response, attempts.stop),
        ErrorKind::Lookup(kind) => match *kind {
            ErrorKind::Refused { response, attempts, .. } => (response, attempts.stop),
            kind => panic!("{kind}"),
        },
        ErrorKind::Credential(auth::Error::Refused { response, attempts, .. }) => (response, attempts.stop),
        kind => panic!("{kind}"),
    };
    // The read itself, the look-up of its project, and the login before it.
    for (credential, project) in
        [(key(), Project::Id("p1".into())), (key(), Project::OfRegion), (login(), Project::Id("p1".into()))]
    {
        let script = Script::new(vec![Ok(answer(429, &[], throttled)); 100]).slow(Duration::from_millis(4));
        let client = client(&script, settings(credential, project));
        let limit = Duration::from_secs(60);
        let started = tokio::time::Instant::now();
        let error = client.dds().ssl_cert_download_links(None, "i", limit).await.unwrap_err();
        assert_eq!(started.elapsed(), limit);
        let (response, stop) = response(error.kind);
        assert_eq!((response.code.as_str(), response.request_id.as_deref()), ("APIGW.0308", Some("r1")));
        assert_eq!(stop, Stop::ReadLimit { limit });
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_early_only_without_timeouts_read() {
    for (limit, expected) in [(None, 2), (Some(Duration::from_secs(1800)), 4)] {
        let silent = || Err(TransportError::TimedOut { limit: Duration::from_secs(30), setting: None });
        let script = Script::new((0..4).map(|_| silent())).slow(Duration::from_secs(30));
        let client = client(&script, settings(key(), Project::Id("p1".into())));
        let error = client.dds().ssl_cert_download_links(None, "i", limit).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unanswered { .. }), "{error}");
        assert_eq!(script.sent(), expected, "{limit:?}");
    }
}
