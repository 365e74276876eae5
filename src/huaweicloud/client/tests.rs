mod cloud;
mod fifty_reads;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::huaweicloud::Certificate;
use crate::huaweicloud::auth::Token;
use crate::huaweicloud::error::Error;
use crate::huaweicloud::error_codes;
use crate::huaweicloud::transport::retry::StopReason;
use crate::huaweicloud::transport::tests::{Script, http_response};
use cloud::{key, password};

const LINKS: &str = r#"{"certs":[{"category":"international","download_link":"https://a/b"}]}"#;
const PROJECTS: &str =
    r#"{"projects":[{"id":"other","name":"MOS"},{"id":"p1","name":"cn-north-4","enabled":true}]}"#;

type ReadResult = Result<Vec<Certificate>, Error>;

fn project_id() -> ProjectSelector {
    ProjectSelector::Id("p1".into())
}

fn settings(credential: Credential, project: ProjectSelector) -> Settings {
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
    Client::with_transports(transport(), transport(), settings)
}

/// A client with an access key and a project ID.
pub(in crate::huaweicloud) fn client_with_key(script: &Script) -> Client {
    client(script, settings(key(), project_id()))
}

async fn read(client: &Client) -> ReadResult {
    client.dds().ssl_cert_download_links(None, "i", DEFAULT_READ_TIMEOUT).await
}

/// Reads once with a new client.
async fn read_with(script: &Script, credential: Credential, project: ProjectSelector) -> ReadResult {
    read(&client(script, settings(credential, project))).await
}

fn token_response(token: &str) -> Response {
    let body = r#"{"token":{"expires_at":"2026-01-16T08:30:00Z","project":{"id":"p1"}}}"#;
    http_response(201, &[("x-subject-token", token)], body)
}

/// Returns the error and its causes.
fn error_chain(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn urls(script: &Script) -> Vec<String> {
    script.requests().iter().map(|request| request.uri().to_string()).collect()
}

#[tokio::test]
async fn read_with_a_project_id_sends_one_request() {
    let script = Script::new([Ok(http_response(200, &[], LINKS))]);
    let client = client(&script, settings(key(), project_id()));
    let found = client.dds().ssl_cert_download_links(None, "a/b", DEFAULT_READ_TIMEOUT).await;
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
async fn project_is_looked_up_once_for_many_readers() {
    let responses = std::iter::once(PROJECTS).chain(std::iter::repeat_n(LINKS, 10));
    let script =
        Script::new(responses.map(|body| Ok(http_response(200, &[], body)))).slow(Duration::from_millis(50));
    let client = client(&script, settings(key(), ProjectSelector::RegionDefault));
    let reads = (0..10).map(|_| read(&client));
    assert!(futures_util::future::join_all(reads).await.into_iter().all(|found| found.is_ok()));
    let urls = urls(&script);
    assert_eq!(urls[0], "https://iam.cn-north-4.example.com/v3/projects?name=cn-north-4");
    assert_eq!(urls.len(), 11);
    assert!(urls[1..].iter().all(|url| url.contains("/v3/p1/instances/i/")));
    assert!(!script.requests()[0].headers().contains_key("x-project-id"));
}

#[tokio::test]
async fn other_region_uses_its_default_project() {
    let body = r#"{"projects":[{"id":"p2","name":"ap-southeast-3"}]}"#;
    let script = Script::new([body, LINKS].map(|body| Ok(http_response(200, &[], body))));
    let client = client(&script, settings(key(), project_id()));
    client.dds().ssl_cert_download_links(Some("ap-southeast-3"), "i", DEFAULT_READ_TIMEOUT).await.unwrap();
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
        (r#"{"projects":[{"id":"x","name":"cn-north-4_dev"}]}"#, "the account has no project \"cn-north-4\""),
        (r#"{"projects":[{"id":"","name":"cn-north-4"}]}"#, "the project lookup failed"),
        (r#"{"projects":[]}"#, "the account has no project \"cn-north-4\""),
        (
            r#"{"projects":[{"id":"x","name":"cn-north-4","enabled":false}]}"#,
            "the project \"cn-north-4\" is disabled",
        ),
        (r#"{"project":1}"#, "the project lookup failed"),
    ] {
        let script = Script::new([Ok(http_response(200, &[], body))]);
        let error = read_with(&script, key(), ProjectSelector::RegionDefault).await.unwrap_err();
        assert_eq!(error.kind.to_string(), expected);
    }
}

#[tokio::test]
async fn password_token_has_the_project_and_is_renewed_after_401() {
    let responses = [
        token_response("t1"),
        http_response(401, &[], ""),
        token_response("t2"),
        http_response(200, &[], LINKS),
    ];
    let script = Script::new(responses.map(Ok));
    read_with(&script, password(), ProjectSelector::RegionDefault).await.unwrap();
    let tokens: Vec<_> = script
        .requests()
        .iter()
        .filter_map(|request| request.headers().get("x-auth-token").cloned())
        .collect();
    assert_eq!(tokens, ["t1", "t2"]);
    assert!(urls(&script)[1].contains("/v3/p1/instances/"));
}

#[tokio::test]
async fn complete_response_is_decoded_for_every_2xx_status() {
    let bom = format!("\u{feff}{LINKS}");
    for (status, body) in
        [(200, LINKS), (201, LINKS), (202, LINKS), (203, LINKS), (299, LINKS), (200, bom.as_str())]
    {
        let script = Script::new([Ok(http_response(status, &[], body))]);
        let found = read_with(&script, key(), project_id()).await;
        assert_eq!(found.unwrap()[0].download_link, "https://a/b", "{status}");
    }
    for status in [206, 302, 404] {
        let script = Script::new([Ok(http_response(status, &[], LINKS))]);
        let error = read_with(&script, key(), project_id()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Response { .. }), "{status}");
    }
}

#[tokio::test]
async fn error_in_a_2xx_response_is_reported_with_its_code() {
    const NOT_FOUND: &str = r#"{"error_code":"DBS.200002","error_msg":"gone"}"#;
    const EMPTY_LIST: &str = r#"{"certs":[],"error_code":"DBS.200002","error_msg":"gone"}"#;
    const PASSWORD: &str = r#"{"error":{"code":"IAM.0011","message":"gone"}}"#;
    for (credential, project, responses, expected) in [
        (key(), project_id(), vec![NOT_FOUND], "HTTP 200, code DBS.200002, message \"gone\""),
        (key(), project_id(), vec![EMPTY_LIST], "HTTP 200, code DBS.200002, message \"gone\""),
        (
            key(),
            ProjectSelector::RegionDefault,
            vec![NOT_FOUND],
            "HTTP 200, code DBS.200002, message \"gone\"",
        ),
        (
            key(),
            ProjectSelector::RegionDefault,
            vec![PROJECTS, NOT_FOUND],
            "HTTP 200, code DBS.200002, message \"gone\"",
        ),
        (
            password(),
            project_id(),
            vec![PASSWORD],
            "authenticating with IAM failed with HTTP 200, code IAM.0011",
        ),
    ] {
        let script = Script::new(responses.iter().map(|body| Ok(http_response(200, &[], body))));
        let text = error_chain(&read_with(&script, credential, project).await.unwrap_err());
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn url_is_sent_as_it_is_signed() {
    for (cloud, endpoint, expected) in [
        ("MyHuaweiCloud.com", None, "https://dds.cn-north-4.myhuaweicloud.com"),
        (" MyHuaweiCloud.com. ", None, "https://dds.cn-north-4.myhuaweicloud.com"),
        ("x", Some("https://DDS.Example.COM:443/"), "https://dds.example.com"),
        ("x", Some(" HTTPS://dds.{region}.example.com//"), "https://dds.cn-north-4.example.com"),
        ("x", Some("https://dds.b\u{fc}cher.example"), "https://dds.xn--bcher-kva.example"),
        ("x", Some("https://dds.example.com:8443"), "https://dds.example.com:8443"),
        ("x", Some("https://[2001:DB8:0::1]:443/v"), "https://[2001:db8::1]/v"),
        ("x", Some("http://0x7f.1:80"), "http://127.0.0.1"),
        ("x", Some("https://DDS.Example.com:443/a/../b/"), "https://dds.example.com/b"),
    ] {
        let script = Script::new([PROJECTS, LINKS].map(|body| Ok(http_response(200, &[], body))));
        let mut settings = settings(key(), ProjectSelector::RegionDefault);
        settings.cloud = cloud.into();
        settings.endpoints.dds = endpoint.map(str::to_owned);
        read(&client(&script, settings)).await.unwrap();
        let urls = urls(&script);
        // The HTTP client normalises URLs with the url crate.
        assert!(urls.iter().all(|url| Url::parse(url).unwrap().as_str() == url), "{urls:?}");
        assert_eq!(urls[1], format!("{expected}/v3/p1/instances/i/ssl-cert/download-link"));
    }
}

#[tokio::test(start_paused = true)]
async fn read_times_out_after_five_minutes_by_default() {
    let script = Script::new([Ok(http_response(200, &[], LINKS))]).slow(Duration::from_secs(3600));
    let started = tokio::time::Instant::now();
    let error = read_with(&script, key(), project_id()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::DeadlineExceeded(DEFAULT_READ_TIMEOUT)));
    assert_eq!(started.elapsed(), DEFAULT_READ_TIMEOUT);
}

#[test]
fn endpoints_override_the_default_addresses() {
    let mut settings = settings(key(), ProjectSelector::RegionDefault);
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
    assert!(matches!(settings.dds_endpoint("x"), Err(ErrorKind::EndpointRegionMismatch)));
    settings.endpoints.dds = Some("http://127.0.0.1:1/{region}".into());
    assert_eq!(settings.dds_endpoint("x").ok().as_deref(), Some("http://127.0.0.1:1/x"));
}

#[tokio::test]
async fn errors_do_not_repeat_secrets_of_the_request() {
    let long = "T0ken/".repeat(400);
    let echo = |body: String| Ok(http_response(403, &[], &body));
    let token = || Credential::Token(Arc::new(Token::new(long.clone().into(), "the test".into())));
    let json = |message: String| serde_json::json!({ "error_code": "X", "error_msg": message }).to_string();
    let escaped = json(format!("not {long}")).replace('/', "\\/");
    let signed = r#"{"certs":[{"category":"c","download_link":"https://a/b?Signature=S3CRET"#;
    for (credential, responses) in [
        (token(), vec![echo(json(format!("not {long}")))]),
        (token(), vec![echo(escaped)]),
        (token(), vec![echo(format!("x-auth-token: {long}"))]),
        (token(), vec![Ok(http_response(200, &[], &format!("You sent {long}")))]),
        (key(), vec![Ok(http_response(200, &[], "You sent SECRET"))]),
        (
            key(),
            vec![Ok(http_response(
                401,
                &[],
                r#"{"error_code":"APIGW.0301","error_msg":"ak SECRET not exist"}"#,
            ))],
        ),
        (key(), vec![Ok(http_response(200, &[], signed))]),
        (password(), vec![Ok(token_response("T0ken")), echo("You sent T0ken".into())]),
        (password(), vec![Ok(http_response(401, &[], "You sent SECRET"))]),
    ] {
        let text =
            error_chain(&read_with(&Script::new(responses), credential, project_id()).await.unwrap_err());
        let found = ["T0ken", "SECRET", "S3CRET"].into_iter().find(|secret| text.contains(secret));
        assert!(found.is_none() && text.contains("***"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_lookup_is_sent_once_for_many_readers() {
    let script = Script::new(vec![Ok(http_response(503, &[], "")); 4]).slow(Duration::from_millis(50));
    let client = client(&script, settings(key(), ProjectSelector::RegionDefault));
    let reads = (0..10).map(|_| read(&client));
    for found in futures_util::future::join_all(reads).await {
        assert!(matches!(found.unwrap_err().kind, ErrorKind::ProjectLookup(_)));
    }
    assert_eq!(script.sent(), 4, "one attempt and three retries");
}

#[test]
fn gate_and_error_codes_agree_on_rejected_credentials() {
    for (reason, codes) in error_codes::CODES {
        for code in *codes {
            let status = StatusCode::UNAUTHORIZED;
            let response =
                ErrorResponse { status, code: code.replace('*', "0001"), ..ErrorResponse::default() };
            let rejects = matches!(reason, error_codes::ErrorCategory::Unauthenticated(_));
            assert_eq!(auth::rejects_credential(&response), rejects, "{code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn timed_out_read_reports_the_last_response() {
    let throttled = r#"{"error_code":"APIGW.0308","error_msg":"too many","request_id":"r1"}"#;
    // The read itself, the project lookup, and the password authentication before it.
    for (credential, project) in
        [(key(), project_id()), (key(), ProjectSelector::RegionDefault), (password(), project_id())]
    {
        let script =
            Script::new(vec![Ok(http_response(429, &[], throttled)); 100]).slow(Duration::from_millis(4));
        let client = client(&script, settings(credential, project));
        let timeout = Duration::from_secs(60);
        let started = tokio::time::Instant::now();
        let error = client.dds().ssl_cert_download_links(None, "i", timeout).await.unwrap_err();
        assert_eq!(started.elapsed(), timeout);
        let kind = if let ErrorKind::ProjectLookup(kind) = error.kind { *kind } else { error.kind };
        let (ErrorKind::Response { response, attempts, .. }
        | ErrorKind::Credential(auth::Error::Response { response, attempts, .. })) = kind
        else {
            panic!("no error response")
        };
        assert_eq!((response.code.as_str(), response.request_id.as_deref()), ("APIGW.0308", Some("r1")));
        assert_eq!(attempts.stop_reason, StopReason::ReadTimeout { timeout });
    }
}

#[tokio::test(start_paused = true)]
async fn unresponsive_host_fails_early_only_by_default() {
    for (timeout, expected) in [(None, 2), (Some(Duration::from_secs(1800)), 4)] {
        let timed_out =
            || Err(TransportError::RequestTimedOut { timeout: Duration::from_secs(30), setting: None });
        let script = Script::new((0..4).map(|_| timed_out())).slow(Duration::from_secs(30));
        let client = client(&script, settings(key(), project_id()));
        let error = client.dds().ssl_cert_download_links(None, "i", timeout).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Transport { .. }), "{error}");
        assert_eq!(script.sent(), expected, "{timeout:?}");
    }
}
