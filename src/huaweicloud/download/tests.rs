//! The rules for links and redirects, what is sent, and what errors show.

use std::time::{Duration, SystemTime};

use http::header::HeaderName;

use super::*;
use crate::huaweicloud::transport::HttpResult;
use crate::huaweicloud::transport::tests::{Script, http_response};

const LINK: &str = "https://obs.example.com/dds/ca.crt?Signature=SECRETSIGNATURE#fragment";

/// A certificate that OpenSSL made.
fn certificate() -> String {
    let table: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../tests/data/certificates.json")).unwrap();
    table[0]["cert_pem"].as_str().unwrap().to_owned()
}

fn file(body: &str) -> HttpResult {
    Ok(http_response(200, &[("content-type", "text/plain")], body))
}

fn redirect(to: &str) -> HttpResult {
    Ok(http_response(302, &[("location", to)], ""))
}

/// A downloader that gets the responses of `direct` without a proxy, and those of `proxied` with one.
fn downloader(direct: &Script, proxied: &Script, endpoint: Option<&str>, proxy: &str) -> Downloader {
    Downloader {
        direct: Transport::scripted(direct.clone(), 2),
        proxied: Transport::scripted(proxied.clone(), 2),
        proxies: Proxies::from_environment(&crate::system::Environment::given([("HTTPS_PROXY", proxy)])),
        policy: LinkPolicy::for_endpoint(endpoint),
        user_agent: "test/1".to_owned(),
        clock: Clock::Fixed(SystemTime::UNIX_EPOCH),
    }
}

/// Downloads a link. Returns the number of certificates or the error.
async fn download_with(script: &Script, endpoint: Option<&str>, link: &str) -> Result<usize, String> {
    let downloader = downloader(script, &Script::new([]), endpoint, "");
    let deadline = Deadline::from_user(Duration::from_secs(300));
    let found = downloader.certificates(deadline, link).await;
    found.map(|found| found.len()).map_err(|error| {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("SECRETSIGNATURE") && !text.contains("fragment"), "{text}");
        error.to_string()
    })
}

async fn download(responses: impl IntoIterator<Item = HttpResult>) -> Result<usize, String> {
    download_with(&Script::new(responses), None, LINK).await
}

#[tokio::test(start_paused = true)]
async fn link_that_breaks_a_rule_is_not_requested() {
    let (public, local) = (None, Some("http://127.0.0.1:8080/{region}"));
    for (endpoint, link, error) in [
        (
            public,
            "http://obs.example.com/?SECRETSIGNATURE",
            "http://obs.example.com/?*** is not an https URL",
        ),
        (
            Some("https://dds.example.com"),
            "http://obs.example.com/",
            "http://obs.example.com/ is not an https URL",
        ),
        (local, "ftp://obs.example.com/", "ftp://obs.example.com/ is not an https URL"),
        (local, "file:///etc/passwd", "file:///etc/passwd is not an https URL"),
        (
            public,
            "https://user:SECRETSIGNATURE@obs.example.com/",
            "https://obs.example.com/ contains a user name or a password",
        ),
        (public, "obs.example.com/ca.crt", "it is not a valid URL"),
        (public, "", "it is not a valid URL"),
        (
            public,
            "https://169.254.169.254/",
            "the address 169.254.169.254 is link-local or of a metadata service, so the provider does not connect to it",
        ),
        (
            local,
            "http://169.254.169.254/",
            "the address 169.254.169.254 is link-local or of a metadata service, so the provider does not connect to it",
        ),
        (
            public,
            "https://[::ffff:169.254.169.254]/",
            "the address ::ffff:169.254.169.254 is link-local or of a metadata service, so the provider does not connect to it",
        ),
        (
            public,
            "https://127.0.0.1/",
            "the address 127.0.0.1 is this machine, so the provider does not connect to it",
        ),
        (
            Some("https://10.0.0.1"),
            "https://127.0.0.1/",
            "the address 127.0.0.1 is this machine, so the provider does not connect to it",
        ),
    ] {
        let script = Script::new([]);
        assert_eq!(download_with(&script, endpoint, link).await, Err(error.to_owned()), "{link}");
        assert_eq!(script.sent(), 0);
    }
    for (endpoint, link) in [
        (public, " https://obs.example.com/ "),
        (public, "https://10.0.0.1/"),
        (Some("http://dds.example.com"), "http://obs.example.com/"),
        (local, "http://127.0.0.1:1/"),
        (Some("https://localhost"), "https://[::1]/"),
    ] {
        assert_eq!(
            download_with(&Script::new([file(&certificate())]), endpoint, link).await,
            Ok(1),
            "{link}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_three_redirects_are_followed() {
    let targets = ["/b?Signature=SECRETSIGNATURE", "https://other.example.com/c", "//third.example.com/d"];
    let script = Script::new(targets.map(redirect).into_iter().chain([file(&certificate())]));
    assert_eq!(download_with(&script, None, LINK).await, Ok(1));
    let sent: Vec<_> = script.requests().iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(
        sent[1..],
        [
            "https://obs.example.com/b?Signature=SECRETSIGNATURE",
            "https://other.example.com/c",
            "https://third.example.com/d"
        ]
    );

    let script = Script::new(targets.map(redirect).into_iter().chain([redirect("/e")]));
    let error = "https://third.example.com/e is the end of more than 3 redirects";
    assert_eq!(download_with(&script, None, LINK).await, Err(error.to_owned()));
    assert_eq!(script.sent(), 4);
}

#[tokio::test(start_paused = true)]
async fn redirect_is_checked_like_a_link() {
    for (endpoint, to, error) in [
        (None, "http://obs.example.com/?a", "http://obs.example.com/?*** is not an https URL"),
        (Some("http://127.0.0.1"), "http://127.0.0.1/", "http://127.0.0.1/ is not an https URL"),
        (
            None,
            "https://169.254.169.254/openstack/latest/securitykey",
            "the address 169.254.169.254 is link-local or of a metadata service, so the provider does not connect to it",
        ),
        (
            None,
            "https://[64:ff9b::a9fe:a9fe]/",
            "the address 64:ff9b::a9fe:a9fe is link-local or of a metadata service, so the provider does not connect to it",
        ),
        (
            None,
            "https://127.0.0.1/",
            "the address 127.0.0.1 is this machine, so the provider does not connect to it",
        ),
        (None, "https://a:b@obs.example.com/", "https://obs.example.com/ contains a user name or a password"),
        (None, "https://", "it is not a valid URL"),
    ] {
        let script = Script::new([redirect(to)]);
        assert_eq!(download_with(&script, endpoint, LINK).await, Err(error.to_owned()), "{to}");
        assert_eq!(script.sent(), 1);
    }
    let error = "https://obs.example.com/dds/ca.crt?*** returned HTTP 302 with an empty file (0 bytes, no content type)";
    assert_eq!(download([Ok(http_response(302, &[], ""))]).await, Err(error.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn request_has_no_header_about_the_user() {
    let script = Script::new([redirect("https://other.example.com/"), file(&certificate())]);
    assert_eq!(download_with(&script, None, LINK).await, Ok(1));
    for request in script.requests() {
        let names: Vec<&HeaderName> = request.headers().keys().collect();
        assert_eq!(names, [USER_AGENT], "{names:?}");
        assert!(request.method() == http::Method::GET && request.body().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn download_is_retried_like_a_call() {
    let closed = || Err(TransportError::IncompleteResponse { cause: "closed".to_owned() });
    let unavailable = || Ok(http_response(503, &[], ""));
    assert_eq!(download([unavailable(), closed(), file(&certificate())]).await, Ok(1));
    let error = download([unavailable(), closed(), unavailable()]).await.unwrap_err();
    assert!(error.ends_with("returned HTTP 503 with an empty file (0 bytes, no content type)"), "{error}");
    let denied = Ok(http_response(403, &[], ""));
    assert!(download([denied]).await.unwrap_err().contains("HTTP 403"));
    let throttled = || Ok(http_response(429, &[], ""));
    assert_eq!(download((0..10).map(|_| throttled()).chain([file(&certificate())])).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn proxy_of_the_user_is_used() {
    let (direct, proxied) = (Script::new([]), Script::new([file(&certificate())]));
    let downloader = downloader(&direct, &proxied, None, "http://proxy.example.com:3128");
    let deadline = Deadline::from_user(Duration::from_secs(300));
    assert_eq!(downloader.certificates(deadline, LINK).await.unwrap().len(), 1);
    assert_eq!((direct.sent(), proxied.sent()), (0, 1));
    // The proxy resolves names, but a literal address is refused here.
    let error = downloader.certificates(deadline, "https://169.254.169.254/").await.unwrap_err();
    assert!(matches!(error, DownloadError::AddressNotAllowed { .. }), "{error:?}");
    assert_eq!(proxied.sent(), 1);
}

#[test]
fn file_is_described_without_its_content() {
    let expired = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message>\
                   <ServerTime>x</ServerTime></Error>";
    for (body, expected) in [
        ("", "an empty file (0 bytes, text/plain)"),
        ("<!DOCTYPE html><TITLE>Sign in</TITLE>", "an HTML page titled Sign in (37 bytes, text/plain)"),
        ("<html>", "an HTML page (6 bytes, text/plain)"),
        (
            expired,
            "an XML document with code AccessDenied, message \"Request has expired\" (126 bytes, text/plain)",
        ),
        ("<a>secret</a>", "an XML document (13 bytes, text/plain)"),
        (
            r#"{"error_code":"A.1","error_msg":"gone"}"#,
            "a JSON document with code A.1, message \"gone\" (39 bytes, text/plain)",
        ),
        (r#"{"secret":1}"#, "a JSON document (12 bytes, text/plain)"),
        ("secret", "a text (6 bytes, text/plain)"),
        ("-----BEGIN PRIVATE KEY-----\nsecret", "a PEM file (34 bytes, text/plain)"),
        ("PK\u{3}\u{4}", "a zip file (4 bytes, text/plain)"),
    ] {
        assert_eq!(describe(&file(body).unwrap()), expected);
    }
    let binary = Response { body: vec![0xff], headers: HeaderMap::new(), ..file("").unwrap() };
    assert_eq!(describe(&binary), "binary data (1 byte, no content type)");
}

#[tokio::test(start_paused = true)]
async fn unusable_file_is_an_error_with_its_description() {
    let error = download([file("<html><title>Sign in</title>")]).await.unwrap_err();
    let expected = "the file at https://obs.example.com/dds/ca.crt?*** is an HTML page titled Sign in (28 bytes, \
                    text/plain): it is not a certificate";
    assert_eq!(error, expected);
    let error = download([Err(TransportError::ResponseTooLarge)]).await.unwrap_err();
    assert_eq!(error, "the file at https://obs.example.com/dds/ca.crt?*** is larger than 1 MiB");
}

#[tokio::test(start_paused = true)]
async fn signature_in_an_error_response_is_redacted() {
    let link = "https://obs.example.com/ca.crt?Expires=1893456000&Signature=SECRETSIGNATURE%2Babcdef%3D";
    let signature = "SECRETSIGNATURE+abcdef=";
    for (status, body) in [
        (403, format!("<Error><Code>SignatureDoesNotMatch</Code><Message>not {signature}</Message></Error>")),
        (
            403,
            format!(r#"{{"error_code":"X","error_msg":"not {signature} or SECRETSIGNATURE%2Babcdef%3D"}}"#),
        ),
        (200, format!("<html><title>{signature}</title>")),
    ] {
        let script = Script::new([Ok(http_response(status, &[], &body))]);
        let error = download_with(&script, None, link).await.unwrap_err();
        assert!(error.contains("***") && !error.contains("abcdef"), "{error}");
    }
}
