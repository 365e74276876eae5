//! Credentials, and how they authenticate a request. An access key signs the request. A token is sent in a header.
//!
//! A `Credential` returns a `RequestAuth` for each call. A `KeyProvider` fetches keys that expire, and a
//! `TokenProvider` fetches tokens. Both may use another `Credential` for this, so these types refer to each other.

mod agency;
mod error;
mod first_call_gate;
mod gates;
pub mod profile;
pub mod temporary_key;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use crate::huaweicloud::signer::Algorithm;
pub use agency::{Agency, CallerAccount};
pub(crate) use error::{CredentialRequest, Error};
pub(super) use first_call_gate::{ErrorTtl, RefreshingCache};
pub use gates::Account;
pub(super) use gates::{CredentialGate, ProjectRef, Scope, rejects_credential};
pub use temporary_key::KeyProvider;
pub use token::{IdToken, TokenGrant, TokenProvider, User};

use crate::huaweicloud::signer::Signer;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, Request, Response, Transport};
use crate::system::secret::SecretString;
use crate::system::{Clock, Environment};
use gates::Gates;

/// A credential for the cloud.
///
/// It contains its origin, so that an error can name the credential that was rejected. `Debug` shows no secrets.
#[derive(Debug)]
pub enum Credential {
    /// Signs each request.
    Key(Arc<AccessKey>),
    /// A token from the configuration. It cannot be renewed.
    Token(Arc<Token>),
    /// Fetches tokens, one per scope.
    TokenProvider(TokenProvider),
    /// Fetches temporary keys.
    KeyProvider(KeyProvider),
}

/// A signing key or a token that authenticates requests.
#[derive(Clone)]
pub(super) enum RequestAuth {
    /// Signs the request.
    Key(Arc<AccessKey>),
    /// Sent in a header.
    Token(Arc<Token>),
}

impl Credential {
    /// Returns where the credential was found, such as "the environment variables HW_ACCESS_KEY and HW_SECRET_KEY".
    pub fn origin(&self) -> &str {
        match self {
            Self::Key(key) => &key.origin,
            Self::Token(token) => &token.origin,
            Self::TokenProvider(provider) => &provider.origin,
            Self::KeyProvider(provider) => &provider.origin,
        }
    }

    /// Whether the cloud may accept a new key or token after it rejected this one.
    pub(super) fn may_renew(&self, rejected: &RequestAuth, scope: &Scope) -> bool {
        match self {
            Self::Key(_) | Self::Token(_) => false,
            Self::TokenProvider(_) | Self::KeyProvider(_) => rejected.gates().may_be_replaced(scope),
        }
    }

    /// Returns the key or token for requests of this scope, but never `rejected`. Fetches a new one if necessary.
    pub(super) async fn request_auth(
        &self,
        context: AuthContext<'_>,
        scope: &Scope,
        rejected: Option<&RequestAuth>,
    ) -> Result<RequestAuth, Error> {
        Ok(match self {
            Self::Key(key) => RequestAuth::Key(key.clone()),
            Self::Token(token) => RequestAuth::Token(token.clone()),
            Self::TokenProvider(provider) => provider.token(context, scope.clone(), rejected).await?.auth,
            Self::KeyProvider(provider) => provider.key(context, rejected).await?,
        })
    }
}

impl RequestAuth {
    /// Signs the request for this time, or adds the token to its headers.
    pub(super) fn apply(&self, request: &mut Request, now: SystemTime) {
        match self {
            Self::Key(key) => key.signer.sign(request, now),
            Self::Token(token) => token.apply(request),
        }
    }

    /// Returns the gate of this key or token in this scope.
    pub(super) fn gate(&self, scope: &Scope) -> Arc<CredentialGate> {
        self.gates().gate(scope)
    }

    /// Whether both are the same token, or keys with the same ID.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Key(key), Self::Key(other)) => key.signer.has_same_id(&other.signer),
            (Self::Token(token), Self::Token(other)) => {
                token.secret.expose_secret() == other.secret.expose_secret()
            }
            (Self::Key(_), Self::Token(_)) | (Self::Token(_), Self::Key(_)) => false,
        }
    }

    fn gates(&self) -> &Gates {
        match self {
            Self::Key(key) => &key.gates,
            Self::Token(token) => &token.gates,
        }
    }
}

/// An access key, with a security token if it is temporary.
pub struct AccessKey {
    signer: Signer,
    origin: String,
    gates: Gates,
}

impl AccessKey {
    /// Creates a key with the default signing algorithm.
    pub fn new(
        id: String,
        secret: SecretString,
        security_token: Option<SecretString>,
        origin: String,
    ) -> Self {
        let signer = Signer::new(id, secret, security_token);
        Self { signer, origin, gates: Gates::default() }
    }

    /// Returns the same key with another signing algorithm.
    pub fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { signer: self.signer.with_algorithm(algorithm), ..self }
    }

    /// Returns the signing algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.signer.algorithm()
    }

    fn with_gates(self, gates: Gates) -> Self {
        Self { gates, ..self }
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey from {}", self.origin)
    }
}

/// An IAM token.
pub struct Token {
    secret: SecretString,
    origin: String,
    gates: Gates,
}

impl Token {
    /// Creates a token.
    pub fn new(secret: SecretString, origin: String) -> Self {
        Self { secret, origin, gates: Gates::default() }
    }

    fn with_gates(self, gates: Gates) -> Self {
        Self { gates, ..self }
    }

    /// Adds the token to the headers. Omits a token that is not a valid header value; the cloud then reports a missing
    /// token.
    fn apply(&self, request: &mut Request) {
        if let Ok(mut value) = HeaderValue::from_str(self.secret.expose_secret()) {
            value.set_sensitive(true);
            request.headers_mut().insert("x-auth-token", value);
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token from {}", self.origin)
    }
}

/// A fetched key or token, with the time of its renewal.
#[derive(Clone)]
pub(super) struct CachedAuth {
    auth: RequestAuth,
    /// The project of a token. `None` for a key, and for a token of the account.
    pub(super) project_id: Option<String>,
    renew_at: SystemTime,
}

impl CachedAuth {
    /// Creates an entry that is renewed `renew_ahead` or a tenth of its lifetime before it expires, whichever is
    /// shorter. `credential` is its name in an error.
    fn new(
        auth: RequestAuth,
        project_id: Option<String>,
        credential: &'static str,
        expires_at: SystemTime,
        now: SystemTime,
        renew_ahead: Duration,
    ) -> Result<Self, Error> {
        // Otherwise every read would fetch the expired credential again, and the cloud would reject it each time.
        let expired = |_| Error::ExpiredCredential { credential, expired_at: expires_at, now };
        let lifetime = expires_at.duration_since(now).map_err(expired)?;
        Ok(Self { auth, project_id, renew_at: expires_at - renew_ahead.min(lifetime / 10) })
    }

    fn is_usable(&self, rejected: Option<&RequestAuth>, now: SystemTime) -> bool {
        rejected.is_none_or(|rejected| !self.auth.is_same(rejected)) && now < self.renew_at
    }
}

/// Everything that is needed to fetch a key or a token. Borrowed from the client for one call.
#[derive(Clone, Copy)]
pub(super) struct AuthContext<'a> {
    pub(super) transport: &'a Transport,
    /// For services on this machine or close to it: no proxy, and a short timeout.
    pub(super) direct: &'a Transport,
    /// The deadline of the read that needs the credential.
    pub(super) deadline: Deadline,
    pub(super) clock: Clock,
    pub(super) environment: &'a Environment,
    pub(super) endpoints: &'a AuthEndpoints,
    /// The signing algorithm of fetched keys.
    pub(super) algorithm: Algorithm,
}

/// Base URLs of the services that return credentials, without a version.
#[derive(Clone, Debug, Default)]
pub(super) struct AuthEndpoints {
    pub(super) iam: String,
    pub(super) sts: String,
    pub(super) metadata: String,
}

impl AuthContext<'_> {
    /// Sends a request with retries, and returns the response unless it is an error response. Each attempt passes
    /// `gate`, the gate of the secret in the request. `make_request` is called with the time of each attempt.
    async fn send(
        &self,
        gate: Option<&CredentialGate>,
        request: CredentialRequest,
        make_request: impl Fn(SystemTime) -> Request,
    ) -> Result<Response, Error> {
        let transport = if request.is_direct() { self.direct } else { self.transport };
        let outcome =
            transport.send_with_retries(self.deadline, gate, || self.clock.now(), make_request).await;
        let attempts = outcome.attempts;
        match outcome.result {
            Ok(response) => match ErrorResponse::from_credential_response(&response) {
                None => Ok(response),
                Some(error) => Err(Error::Response { request, response: Box::new(error), attempts }),
            },
            Err(error) => Err(Error::Transport { request, error, attempts }),
        }
    }
}

/// Creates a request, with a JSON body if there is one.
fn http_request(method: Method, url: &str, body: Option<&Value>) -> Request {
    let mut request = http::Request::new(body.map(|body| body.to_string().into_bytes()).unwrap_or_default());
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap_or_default();
    if body.is_some() {
        let json = HeaderValue::from_static("application/json;charset=utf8");
        request.headers_mut().insert(http::header::CONTENT_TYPE, json);
    }
    request
}

/// Parses a time in the format that all services of the cloud use.
fn parse_time(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}
