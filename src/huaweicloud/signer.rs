//! Signatures by access key, after Huawei Cloud's API request signing guide. The time is an argument, because a
//! signature is good for 15 minutes around it.

mod algorithm;
pub mod canonical;
mod private_key;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::OnceLock;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use time::OffsetDateTime;
use time::macros::format_description;

pub use algorithm::Algorithm;
use algorithm::hex;
use private_key::PrivateKey;

use super::auth::gates::Gates;
use crate::huaweicloud::transport::Request;
use crate::system::secret::SecretString;

const DATE: HeaderName = HeaderName::from_static("x-sdk-date");
const PROJECT: HeaderName = HeaderName::from_static("x-project-id");
const ACCOUNT: HeaderName = HeaderName::from_static("x-domain-id");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");

/// The headers that are signed where a request has them. Not among them: what a proxy may rewrite, such as
/// `User-Agent`, `Accept` and `Content-Type`.
const SIGNED: [HeaderName; 5] = [HOST, ACCOUNT, PROJECT, DATE, SECURITY_TOKEN];

/// A permanent access key, or a temporary one with its security token.
pub struct AccessKey {
    /// No secret by itself, but nothing to repeat either.
    id: SecretString,
    secret: SecretString,
    security_token: Option<SecretString>,
    algorithm: Algorithm,
    /// Derived by the first signature that needs it.
    private: OnceLock<Option<PrivateKey>>,
    pub(super) origin: String,
    pub(super) gates: Gates,
}

impl AccessKey {
    /// One that signs by the default algorithm.
    pub fn new(
        id: String,
        secret: SecretString,
        security_token: Option<SecretString>,
        origin: String,
    ) -> Self {
        let (algorithm, private, gates) = Default::default();
        Self { id: id.into(), secret, security_token, algorithm, private, origin, gates }
    }

    pub fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, private: OnceLock::new(), ..self }
    }

    pub(super) fn with_gates(self, gates: Gates) -> Self {
        Self { gates, ..self }
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs the request for this time. What an earlier signature left is replaced. A request that cannot be signed
    /// goes without, and the cloud says that it misses the signature.
    pub fn sign(&self, request: &mut Request, now: SystemTime) {
        let stamp = stamp(now);
        let mut headers = request.headers().clone();
        headers.remove(AUTHORIZATION);
        put(&mut headers, DATE, &stamp, false);
        if let Some(token) = &self.security_token {
            put(&mut headers, SECURITY_TOKEN, token.expose_secret(), true);
        }
        // The host is signed as the client will send it, but not put on the request: that is the client's part.
        let host = host(request.uri());
        let signed: Vec<(String, String)> = SIGNED
            .iter()
            .filter_map(|name| {
                let value =
                    if *name == HOST { Some(host.as_str()) } else { headers.get(name)?.to_str().ok() };
                Some((name.as_str().to_owned(), value?.to_owned()))
            })
            .collect();
        let uri = request.uri();
        let payload = self.algorithm.digest(request.body());
        let query = uri.query().unwrap_or_default();
        let (text, names) =
            canonical::request(request.method().as_str(), uri.path(), query, &signed, &payload);
        if let Some(signature) = self.signature(&string_to_sign(self.algorithm, &stamp, &text)) {
            let (prefix, id) = (self.algorithm.prefix(), self.id.expose_secret());
            let parts = format!("{prefix} Access={id}, SignedHeaders={names}, Signature={signature}");
            put(&mut headers, AUTHORIZATION, &parts, true);
        }
        *request.headers_mut() = headers;
    }

    /// Whether the two are one key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.id.expose_secret() == other.id.expose_secret()
    }

    /// In hex. Good for a quarter of an hour for whoever sees it.
    fn signature(&self, text: &str) -> Option<String> {
        let secret = self.secret.expose_secret();
        match self.algorithm {
            Algorithm::HmacSha256 | Algorithm::HmacSm3 => {
                self.algorithm.hmac(secret.as_bytes(), text.as_bytes()).map(|bytes| hex(&bytes))
            }
            Algorithm::EcdsaP256Sha256 | Algorithm::Sm2Sm3 => {
                let private = self
                    .private
                    .get_or_init(|| PrivateKey::derive(self.algorithm, self.id.expose_secret(), secret));
                private.as_ref()?.sign(text.as_bytes()).map(|bytes| hex(&bytes))
            }
        }
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey from {}", self.origin)
    }
}

/// A text that is no header value is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, text: &str, sensitive: bool) {
    if let Ok(mut value) = HeaderValue::from_str(text) {
        value.set_sensitive(sensitive);
        headers.insert(name, value);
    }
}

/// `20260115T083000Z`: the form of `X-Sdk-Date`.
pub fn stamp(now: SystemTime) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from(now).format(form).unwrap_or_default()
}

pub fn string_to_sign(algorithm: Algorithm, stamp: &str, canonical_request: &str) -> String {
    let digest = algorithm.digest(canonical_request.as_bytes());
    format!("{}\n{stamp}\n{digest}", algorithm.prefix())
}

/// With the port, unless it is the scheme's own.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.scheme_str(), uri.port_u16()) {
        (Some("https"), Some(443)) | (Some("http"), Some(80)) | (_, None) => host.to_owned(),
        (_, Some(port)) => format!("{host}:{port}"),
    }
}
