//! Signatures by access key: SDK-HMAC-SHA256 of Huawei Cloud's API request signing guide. Pure; the time is an
//! argument, because a signature is good for 15 minutes around it.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderName, HeaderValue, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;
use time::macros::format_description;

use super::{blank, canonical};
use crate::transport::Request;

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-sdk-date");
const PROJECT: HeaderName = HeaderName::from_static("x-project-id");
const ACCOUNT: HeaderName = HeaderName::from_static("x-domain-id");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");

/// The headers that are signed where a request has them. Not among them: what a proxy may rewrite, such as
/// `User-Agent`, `Accept` and `Content-Type`.
const SIGNED: [HeaderName; 5] = [HOST, ACCOUNT, PROJECT, DATE, SECURITY_TOKEN];

/// A permanent access key, or a temporary one with its security token.
pub struct AccessKey {
    id: String,
    secret: SecretString,
    security_token: Option<SecretString>,
    pub(super) origin: String,
}

impl AccessKey {
    pub fn new(
        id: String,
        secret: SecretString,
        security_token: Option<SecretString>,
        origin: String,
    ) -> Self {
        Self { id, secret, security_token, origin }
    }

    /// Signs the request for this time. What an earlier signature left is replaced.
    pub fn sign(&self, request: &mut Request, now: SystemTime) {
        let stamp = stamp(now);
        let mut headers = request.headers().clone();
        headers.remove(AUTHORIZATION);
        let mut set = |name: HeaderName, text: &str, sensitive: bool| {
            if let Ok(mut value) = HeaderValue::from_str(text) {
                value.set_sensitive(sensitive);
                headers.insert(name, value);
            }
        };
        set(DATE, &stamp, false);
        if let Some(token) = &self.security_token {
            set(SECURITY_TOKEN, token.expose_secret(), true);
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
        let payload = hex(digest::digest(&digest::SHA256, request.body()).as_ref());
        let query = uri.query().unwrap_or_default();
        let (text, names) =
            canonical::request(request.method().as_str(), uri.path(), query, &signed, &payload);
        let signature = signature(&self.secret, &string_to_sign(&stamp, &text));
        let authorization =
            format!("{ALGORITHM} Access={}, SignedHeaders={names}, Signature={signature}", self.id);
        if let Ok(mut value) = HeaderValue::from_str(&authorization) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        *request.headers_mut() = headers;
    }

    /// Whether the two are one key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.id == other.id
    }

    pub(super) fn mask(&self, text: &str) -> String {
        let token = self.security_token.as_ref().map_or("", |token| token.expose_secret());
        blank(&blank(&blank(text, &self.id), self.secret.expose_secret()), token)
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey from {}", self.origin)
    }
}

/// `20260115T083000Z`: the form of `X-Sdk-Date`.
pub fn stamp(now: SystemTime) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from(now).format(form).unwrap_or_default()
}

pub fn string_to_sign(stamp: &str, canonical_request: &str) -> String {
    let digest = digest::digest(&digest::SHA256, canonical_request.as_bytes());
    format!("{ALGORITHM}\n{stamp}\n{}", hex(digest.as_ref()))
}

pub fn signature(secret: &SecretString, string_to_sign: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    hex(hmac::sign(&key, string_to_sign.as_bytes()).as_ref())
}

/// With the port, unless it is the scheme's own.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.scheme_str(), uri.port_u16()) {
        (Some("https"), Some(443)) | (Some("http"), Some(80)) | (_, None) => host.to_owned(),
        (_, Some(port)) => format!("{host}:{port}"),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
