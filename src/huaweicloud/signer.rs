//! Signs requests with an access key, as Huawei Cloud's API request signing guide specifies.
//!
//! The time is an argument. It may differ from the server's time by at most 15 minutes.

pub mod canonical;
mod private_key;

use std::sync::OnceLock;
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use base16ct::lower::encode_string as hex;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use sm3::{Digest as _, Sm3};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::system::secret::SecretString;
use private_key::PrivateKey;

const DATE: HeaderName = HeaderName::from_static("x-sdk-date");
const PROJECT: HeaderName = HeaderName::from_static("x-project-id");
const ACCOUNT: HeaderName = HeaderName::from_static("x-domain-id");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");

/// Headers that are signed if they are present. Headers that a proxy may rewrite are not signed, such as `User-Agent`,
/// `Accept` and `Content-Type`.
static SIGNED: [HeaderName; 5] = [HOST, ACCOUNT, PROJECT, DATE, SECURITY_TOKEN];

/// Signs requests with one access key and one algorithm.
pub struct Signer {
    /// Not a secret itself, but redacted as well.
    id: SecretString,
    secret: SecretString,
    security_token: Option<SecretString>,
    algorithm: Algorithm,
    /// Derived from the secret for the first signature.
    signing_key: OnceLock<Option<SigningKey>>,
}

/// What signs a string. Its memory is overwritten on drop.
enum SigningKey {
    HmacSha256(Box<hmac::Key>),
    HmacSm3(SecretString),
    Private(PrivateKey),
}

impl Signer {
    /// Creates a signer with the default algorithm. Temporary keys have a security token.
    pub fn new(id: String, secret: SecretString, security_token: Option<SecretString>) -> Self {
        let (algorithm, signing_key) = Default::default();
        Self { id: id.into(), secret, security_token, algorithm, signing_key }
    }

    /// Returns the same key with another algorithm.
    #[must_use]
    pub fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, signing_key: OnceLock::new(), ..self }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs the request for this time, and replaces an earlier signature. If signing fails, the request has no
    /// signature, and the cloud reports this.
    pub fn sign(&self, request: &mut Request<Vec<u8>>, now: SystemTime) {
        let date = format_date(now);
        // The HTTP client adds the host later, so the signature uses the host that the client will send.
        let host = host(request.uri());
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        set_header(headers, DATE, &date, false);
        if let Some(token) = &self.security_token {
            set_header(headers, SECURITY_TOKEN, token.expose_secret(), true);
        }
        let headers = request.headers();
        let signed: Vec<(&str, &str)> = SIGNED
            .iter()
            .filter_map(|name| {
                let value = if *name == HOST { &host } else { headers.get(name)?.to_str().ok()? };
                Some((name.as_str(), value))
            })
            .collect();
        let uri = request.uri();
        let payload = self.algorithm.digest(request.body());
        let query = uri.query().unwrap_or_default();
        let (text, names) =
            canonical::request(request.method().as_str(), uri.path(), query, &signed, &payload);
        if let Some(signature) = self.signature(&string_to_sign(self.algorithm, &date, &text)) {
            let (prefix, id) = (self.algorithm.prefix(), self.id.expose_secret());
            let authorization = format!("{prefix} Access={id}, SignedHeaders={names}, Signature={signature}");
            set_header(request.headers_mut(), AUTHORIZATION, &authorization, true);
        }
    }

    /// Whether both have the same key ID.
    pub(super) fn has_same_id(&self, other: &Self) -> bool {
        self.id.expose_secret() == other.id.expose_secret()
    }

    /// Returns the signature in hexadecimal.
    fn signature(&self, text: &str) -> Option<String> {
        let derive = || SigningKey::derive(self.algorithm, self.id.expose_secret(), &self.secret);
        let signing_key = self.signing_key.get_or_init(derive);
        signing_key.as_ref()?.sign(text.as_bytes()).map(|bytes| hex(&bytes))
    }
}

impl SigningKey {
    /// Derives the key of an algorithm from an access key.
    fn derive(algorithm: Algorithm, id: &str, secret: &SecretString) -> Option<Self> {
        match algorithm {
            Algorithm::HmacSha256 => {
                let secret = secret.expose_secret().as_bytes();
                Some(Self::HmacSha256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))))
            }
            Algorithm::HmacSm3 => Some(Self::HmacSm3(secret.clone())),
            Algorithm::EcdsaP256Sha256 | Algorithm::Sm2Sm3 => {
                PrivateKey::derive(algorithm, id, secret.expose_secret()).map(Self::Private)
            }
        }
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::HmacSha256(key) => Some(hmac::sign(key, text).as_ref().to_vec()),
            Self::HmacSm3(secret) => {
                Algorithm::HmacSm3.hmac(secret.expose_secret().as_bytes(), text).map(Vec::from)
            }
            Self::Private(key) => key.sign(text),
        }
    }
}

/// Sets a header. Omits a string that is not a valid header value.
fn set_header(headers: &mut HeaderMap, name: HeaderName, text: &str, is_sensitive: bool) {
    if let Ok(mut value) = HeaderValue::from_str(text) {
        value.set_sensitive(is_sensitive);
        headers.insert(name, value);
    }
}

/// Formats a time for `X-Sdk-Date`: `20260115T083000Z`.
pub fn format_date(now: SystemTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from(now).format(format).unwrap_or_default()
}

/// Returns the string to sign for a canonical request.
pub fn string_to_sign(algorithm: Algorithm, date: &str, canonical_request: &str) -> String {
    let digest = algorithm.digest(canonical_request.as_bytes());
    [algorithm.prefix(), date, &digest].join("\n")
}

/// Returns the host, with the port unless it is the scheme's default.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.scheme_str(), uri.port_u16()) {
        (Some("https"), Some(443)) | (Some("http"), Some(80)) | (_, None) => host.to_owned(),
        (_, Some(port)) => format!("{host}:{port}"),
    }
}

/// A digest and a signature scheme. The names are those of the official provider.
///
/// SHA-256 comes from aws-lc-rs. SM3, a Chinese national standard that aws-lc-rs does not support, comes from
/// RustCrypto.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    HmacSha256,
    /// HMAC with SM3.
    HmacSm3,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// SM2 with SM3.
    Sm2Sm3,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 4] = [Self::HmacSha256, Self::HmacSm3, Self::EcdsaP256Sha256, Self::Sm2Sm3];

    /// Returns the name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HmacSHA256",
            Self::HmacSm3 => "HmacSM3",
            Self::EcdsaP256Sha256 => "EcdsaP256SHA256",
            Self::Sm2Sm3 => "SM2SM3",
        }
    }

    /// Returns the algorithm with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Returns the name in requests, which is the first word of `Authorization`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::HmacSha256 => "SDK-HMAC-SHA256",
            Self::HmacSm3 => "SDK-HMAC-SM3",
            Self::EcdsaP256Sha256 => "SDK-ECDSA-P256-SHA256",
            Self::Sm2Sm3 => "SDK-SM2-SM3",
        }
    }

    /// Returns the digest in hexadecimal.
    pub fn digest(self, data: &[u8]) -> String {
        if self.uses_sm3() {
            hex(&Sm3::digest(data))
        } else {
            hex(digest::digest(&digest::SHA256, data).as_ref())
        }
    }

    /// Returns the HMAC, or `None` if the key is not accepted. In practice every key is accepted.
    fn hmac(self, key: &[u8], data: &[u8]) -> Option<[u8; 32]> {
        if self.uses_sm3() {
            use ::hmac::{Hmac, KeyInit as _, Mac as _};
            let mac = Hmac::<Sm3>::new_from_slice(key).ok()?;
            Some(mac.chain_update(data).finalize().into_bytes().into())
        } else {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().try_into().ok()
        }
    }

    const fn uses_sm3(self) -> bool {
        matches!(self, Self::HmacSm3 | Self::Sm2Sm3)
    }
}

#[cfg(test)]
mod tests {
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
            let (text, _) =
                canonical::request(&vector.method, &vector.path, &vector.query, &headers, &payload);
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
}
