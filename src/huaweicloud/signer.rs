//! Signs requests with an access key, as Huawei Cloud's API request signing guide specifies.
//!
//! The time is an argument. It may differ from the server's time by at most 15 minutes.

pub mod canonical;
mod private_key;
#[cfg(test)]
mod tests;

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

/// The key of one algorithm. Its memory is overwritten on drop.
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
