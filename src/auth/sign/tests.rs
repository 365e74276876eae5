use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::*;

const ACCESS_KEY: &str = "AKEXAMPLE0123456789A";
const SECRET_KEY: &str = "SKexample0123456789abcdefghijABCDEFGHIJ01";
const STAMP: &str = "20260115T083000Z";

/// The moment that `STAMP` writes down.
fn now() -> SystemTime {
    time::macros::datetime!(2026-01-15 08:30 UTC).into()
}

fn key(security_token: Option<&str>) -> AccessKey {
    let origin = "the provider arguments access_key and secret_key".to_owned();
    AccessKey::new(ACCESS_KEY.into(), SECRET_KEY.into(), security_token.map(Into::into), origin)
}

#[derive(Deserialize)]
struct Case {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: String,
    payload: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signing")
}

#[test]
fn every_vector_comes_out_stage_by_stage() {
    let mut cases = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let file = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let case: Case = serde_json::from_str(&file("request.json")).unwrap();
        let headers: Vec<_> = case.headers.into_iter().collect();
        let digest = hex(digest::digest(&digest::SHA256, case.body.as_bytes()).as_ref());
        let payload = case.payload.unwrap_or(digest);
        let (text, _) = canonical::request(&case.method, &case.path, &case.query, &headers, &payload);
        assert_eq!(text, file("canonical_request"), "{}", folder.display());
        let text = string_to_sign(STAMP, &text);
        assert_eq!(text, file("string_to_sign"), "{}", folder.display());
        assert_eq!(signature(&SECRET_KEY.into(), &text), file("signature"), "{}", folder.display());
        cases += 1;
    }
    assert_eq!(cases, 15);
}

/// The whole way from a request to its header, for the vectors that sign what we sign.
#[test]
fn a_signed_request_carries_the_vector_s_signature() {
    for (name, security_token, signed) in [
        ("v1-minimal", None, "host;x-sdk-date"),
        ("v3-security-token", Some("STSTOKEN+/=example"), "host;x-project-id;x-sdk-date;x-security-token"),
        ("v4-special-query", None, "host;x-project-id;x-sdk-date"),
    ] {
        let text = fs::read_to_string(folder().join(name).join("request.json")).unwrap();
        let case: Case = serde_json::from_str(&text).unwrap();
        let query = if case.query.is_empty() { String::new() } else { format!("?{}", case.query) };
        let mut request = http::Request::get(format!("https://{}{}{query}", case.headers["host"], case.path))
            .header("accept", "application/json")
            .body(Vec::new())
            .unwrap();
        if let Some(project) = case.headers.get("x-project-id") {
            request.headers_mut().insert("x-project-id", project.parse().unwrap());
        }
        key(security_token).sign(&mut request, now());
        let signature = fs::read_to_string(folder().join(name).join("signature")).unwrap();
        let expected =
            format!("SDK-HMAC-SHA256 Access={ACCESS_KEY}, SignedHeaders={signed}, Signature={signature}");
        assert_eq!(request.headers()[AUTHORIZATION], expected, "{name}");
        assert!(!request.headers().contains_key(HOST), "the client sets the host");
    }
}

#[test]
fn signing_again_at_another_time_replaces_the_signature() {
    let mut request = http::Request::get("https://x.example.com/").body(Vec::new()).unwrap();
    let (first, second) = (now(), now() + std::time::Duration::from_secs(60));
    key(None).sign(&mut request, first);
    let before = request.headers()[AUTHORIZATION].clone();
    key(None).sign(&mut request, second);
    assert_ne!(request.headers()[AUTHORIZATION], before);
    assert_eq!(request.headers().get_all(AUTHORIZATION).iter().count(), 1);
    assert_eq!(request.headers()["x-sdk-date"], "20260115T083100Z");
}

#[test]
fn the_signed_host_is_the_one_that_the_client_sends() {
    for (url, expected) in [
        ("https://a.example.com/", "a.example.com"),
        ("https://a.example.com:443/", "a.example.com"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("https://a.example.com:8443/", "a.example.com:8443"),
        ("http://127.0.0.1:443/", "127.0.0.1:443"),
    ] {
        assert_eq!(host(&url.parse().unwrap()), expected);
    }
}

#[test]
fn a_key_shows_and_repeats_none_of_its_parts() {
    let key = key(Some("STSTOKEN"));
    let parts = [ACCESS_KEY, SECRET_KEY, "STSTOKEN"];
    let debug = format!("{key:?}");
    let masked = key.mask(&format!("ak {ACCESS_KEY} not exist, {SECRET_KEY} {}", "STSTOKEN"));
    for part in parts {
        assert!(!debug.contains(part) && !masked.contains(part));
    }
    assert_eq!(masked, "ak *** not exist, *** ***");
    let mut request = http::Request::get("https://x.example.com/").body(Vec::new()).unwrap();
    key.sign(&mut request, now());
    let debug = format!("{request:?}");
    assert!(!debug.contains("Signature=") && !debug.contains("STSTOKEN"));
}
