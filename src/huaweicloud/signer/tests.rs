use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

const ACCESS_KEY: &str = "AKEXAMPLE0123456789A";
const SECRET_KEY: &str = "SKexample0123456789abcdefghijABCDEFGHIJ01";
const STAMP: &str = "20260115T083000Z";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_algorithm_makes_an_authorization_of_the_same_form(
        id in "[!-+.-~]{1,40}",
        secret in ".{0,100}",
        path in "[a-zA-Z0-9/~_.-]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        for algorithm in Algorithm::ALL {
            let key = AccessKey::new(id.clone(), secret.clone().into(), None, String::new());
            let uri = format!("https://x.example.com/{path}");
            let mut request = http::Request::post(uri).body(body.clone()).unwrap();
            key.with_algorithm(algorithm).sign(&mut request, now());
            let authorization = request.headers()[AUTHORIZATION].to_str().unwrap();
            let parts = authorization.split(", ").collect::<Vec<_>>();
            let [access, headers, signature] = parts.as_slice() else { panic!("{authorization}") };
            prop_assert_eq!(*access, format!("{} Access={id}", algorithm.prefix()));
            prop_assert_eq!(*headers, "SignedHeaders=host;x-sdk-date");
            let signature = signature.strip_prefix("Signature=").unwrap();
            prop_assert!(signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
            match algorithm {
                Algorithm::HmacSha256 | Algorithm::HmacSm3 => prop_assert_eq!(signature.len(), 64),
                // A DER sequence of two integers of up to 33 bytes.
                Algorithm::EcdsaP256Sha256 | Algorithm::Sm2Sm3 => {
                    prop_assert!(signature.starts_with("30") && signature.len() <= 2 * (2 + 2 * 35));
                }
            }
        }
    }
}

#[test]
fn a_curve_s_key_is_derived_once_and_not_before_the_first_signature() {
    let key = key(None).with_algorithm(Algorithm::Sm2Sm3);
    assert!(key.private.get().is_none());
    let private = || std::ptr::from_ref(key.private.get().unwrap().as_ref().unwrap());
    key.signature("text").unwrap();
    let first = private();
    key.signature("another").unwrap();
    assert_eq!(private(), first);
}

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
    /// The default where it is not said.
    algorithm: Option<String>,
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: String,
    payload: Option<String>,
}

impl Case {
    fn algorithm(&self) -> Algorithm {
        self.algorithm.as_ref().map_or(Algorithm::default(), |name| Algorithm::named(name).unwrap())
    }
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
        let algorithm = case.algorithm();
        let headers: Vec<_> = case.headers.into_iter().collect();
        let payload = case.payload.unwrap_or_else(|| algorithm.digest(case.body.as_bytes()));
        let (text, _) = canonical::request(&case.method, &case.path, &case.query, &headers, &payload);
        assert_eq!(text, file("canonical_request"), "{}", folder.display());
        let text = string_to_sign(algorithm, STAMP, &text);
        assert_eq!(text, file("string_to_sign"), "{}", folder.display());
        let signature = key(None).with_algorithm(algorithm).signature(&text).unwrap();
        assert_eq!(signature, file("signature"), "{}", folder.display());
        cases += 1;
    }
    assert_eq!(cases, 17);
}

/// The whole way from a request to its header, for the vectors that sign what we sign.
#[test]
fn a_signed_request_carries_the_vector_s_signature() {
    for (name, security_token, signed) in [
        ("s1-sm3-minimal", None, "host;x-sdk-date"),
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
        let algorithm = case.algorithm();
        key(security_token).with_algorithm(algorithm).sign(&mut request, now());
        let signature = fs::read_to_string(folder().join(name).join("signature")).unwrap();
        let expected = format!(
            "{} Access={ACCESS_KEY}, SignedHeaders={signed}, Signature={signature}",
            algorithm.prefix()
        );
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
    let masked =
        crate::system::secret::redact(&format!("ak {ACCESS_KEY} not exist, {SECRET_KEY} {}", "STSTOKEN"));
    for part in parts {
        assert!(!debug.contains(part) && !masked.contains(part));
    }
    assert_eq!(masked, "ak *** not exist, *** ***");
    let mut request = http::Request::get("https://x.example.com/").body(Vec::new()).unwrap();
    key.sign(&mut request, now());
    let debug = format!("{request:?}");
    assert!(!debug.contains("Signature=") && !debug.contains("STSTOKEN"));
}
