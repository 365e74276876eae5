//! Tests of the signer with the vectors of the official signers.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const ACCESS_KEY: &str = "AKEXAMPLE0123456789A";
const SECRET_KEY: &str = "SKexample0123456789abcdefghijABCDEFGHIJ01";
const DATE_HEADER: &str = "20260115T083000Z";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_algorithm_creates_a_valid_authorization_header(
        id in "[!-+.-~]{1,40}",
        secret in ".{0,100}",
        path in "[a-zA-Z0-9/~_.-]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        for algorithm in Algorithm::ALL {
            let key = Signer::new(id.clone(), secret.clone().into(), None);
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
fn signing_key_is_derived_once() {
    for algorithm in Algorithm::ALL {
        let key = key(None).with_algorithm(algorithm);
        assert!(key.signing_key.get().is_none());
        let signing_key = || std::ptr::from_ref(key.signing_key.get().unwrap().as_ref().unwrap());
        key.signature("text").unwrap();
        let first = signing_key();
        key.signature("another").unwrap();
        assert_eq!(signing_key(), first);
    }
}

/// The time in `DATE_HEADER`.
fn now() -> SystemTime {
    time::macros::datetime!(2026-01-15 08:30 UTC).into()
}

fn key(security_token: Option<&str>) -> Signer {
    Signer::new(ACCESS_KEY.into(), SECRET_KEY.into(), security_token.map(Into::into))
}

#[derive(Deserialize)]
struct Vector {
    /// The default algorithm if it is missing.
    algorithm: Option<String>,
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: String,
    payload: Option<String>,
}

impl Vector {
    fn algorithm(&self) -> Algorithm {
        self.algorithm.as_ref().map_or(Algorithm::default(), |name| Algorithm::from_name(name).unwrap())
    }
}

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/signing");

fn file(vector: &Path, name: &str) -> String {
    fs::read_to_string(Path::new(VECTORS).join(vector).join(name)).unwrap()
}

fn vector(vector: &Path) -> Vector {
    serde_json::from_str(&file(vector, "request.json")).unwrap()
}

#[test]
fn every_stage_matches_the_vectors() {
    let directories = fs::read_dir(VECTORS).unwrap().map(|entry| entry.unwrap().path());
    let directories: Vec<_> = directories.filter(|path| path.is_dir()).collect();
    for directory in &directories {
        let vector = vector(directory);
        let algorithm = vector.algorithm();
        let headers: Vec<_> =
            vector.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let payload = vector.payload.unwrap_or_else(|| algorithm.digest(vector.body.as_bytes()));
        let (text, _) = canonical::request(&vector.method, &vector.path, &vector.query, &headers, &payload);
        assert_eq!(text, file(directory, "canonical_request"), "{}", directory.display());
        let text = string_to_sign(algorithm, DATE_HEADER, &text);
        assert_eq!(text, file(directory, "string_to_sign"), "{}", directory.display());
        let signature = key(None).with_algorithm(algorithm).signature(&text).unwrap();
        assert_eq!(signature, file(directory, "signature"), "{}", directory.display());
    }
    assert_eq!(directories.len(), 17);
}

/// Covers all steps from the request to the header, for the vectors with the same signed headers.
#[test]
fn signed_request_matches_the_vectors() {
    for (name, security_token, signed) in [
        ("s1-sm3-minimal", None, ""),
        ("v1-minimal", None, ""),
        ("v3-security-token", Some("STSTOKEN+/=example"), ";x-security-token"),
        ("v4-special-query", None, ""),
    ] {
        let (name, vector) = (Path::new(name), vector(name.as_ref()));
        let url = format!("https://{}{}?{}", vector.headers["host"], vector.path, vector.query);
        let mut request = Request::get(url.trim_end_matches('?')).body(Vec::new()).unwrap();
        request.headers_mut().insert("accept", HeaderValue::from_static("application/json"));
        let project = vector.headers.get("x-project-id");
        request.headers_mut().extend(project.map(|project| (PROJECT, project.parse().unwrap())));
        let project = project.map_or("", |_| "x-project-id;");
        let algorithm = vector.algorithm();
        key(security_token).with_algorithm(algorithm).sign(&mut request, now());
        let expected = format!(
            "{} Access={ACCESS_KEY}, SignedHeaders=host;{project}x-sdk-date{signed}, Signature={}",
            algorithm.prefix(),
            file(name, "signature")
        );
        assert_eq!(request.headers()[AUTHORIZATION], expected, "{name:?}");
        assert!(!request.headers().contains_key(HOST), "the client sets the host");
    }
}

#[test]
fn signing_again_replaces_the_signature() {
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
fn signed_host_is_the_one_that_is_sent() {
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
fn parts_of_a_key_are_redacted() {
    let key = key(Some("STSTOKEN"));
    let redacted =
        crate::system::secret::redact(&format!("ak {ACCESS_KEY} not exist, {SECRET_KEY} STSTOKEN"));
    assert_eq!(redacted, "ak *** not exist, *** ***");
    let mut request = http::Request::get("https://x.example.com/").body(Vec::new()).unwrap();
    key.sign(&mut request, now());
    let debug = format!("{request:?}");
    assert!(!debug.contains("Signature=") && !debug.contains("STSTOKEN"));
}
