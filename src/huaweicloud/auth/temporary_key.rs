//! Temporary keys: from the ECS metadata service, a container's identity service, or an assumed agency.
//!
//! A key is fetched once for all readers. It is renewed before it expires, and once after the cloud rejected it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::agency::{SESSION, send_as_caller};
use super::gates::{Gates, SecretGate};
use super::token::subject_token;
use super::{
    AccessKey, Agency, AuthContext, CachedAuth, Credential, CredentialRequest, Error, IdToken,
    RefreshingCache, RequestAuth, Scope, http_request, parse_time,
};
use crate::huaweicloud::transport::TransportError;
use crate::huaweicloud::transport::retry::{Attempts, StopReason};
use crate::system::secret::SecretString;

/// A key is renewed this long or a tenth of its lifetime before it expires, whichever is shorter. Requests in flight
/// need this time, and clocks differ.
pub(super) const RENEW_AHEAD: Duration = Duration::from_secs(5 * 60);

/// Fetches and renews temporary keys.
pub struct KeyProvider {
    source: KeySource,
    pub(super) origin: String,
    keys: RefreshingCache<(), CachedAuth, Error>,
    /// The gate of the ID token or the container's token.
    gate: SecretGate,
}

/// The source of temporary keys.
pub enum KeySource {
    /// The ECS metadata service.
    Metadata {
        /// The reason why each previous source had no credential.
        reasons: Vec<String>,
    },
    /// The identity service of a container.
    Container {
        /// The URL of the service.
        url: String,
        /// The file with the token for the service.
        token_file: String,
    },
    /// An agency that is assumed with another credential.
    Agency {
        /// The credential to assume it with. It may be an agency too.
        base: Box<Credential>,
        /// The agency.
        agency: Agency,
    },
    /// An agency that is assumed with an OIDC ID token.
    Oidc(Federation),
}

impl KeySource {
    fn credential_request(&self) -> CredentialRequest {
        match self {
            Self::Metadata { .. } => CredentialRequest::EcsMetadata,
            Self::Container { .. } => CredentialRequest::Container,
            Self::Agency { agency, .. } => agency.credential_request(),
            Self::Oidc(_) => CredentialRequest::OidcAuth,
        }
    }
}

impl KeyProvider {
    /// Creates a provider. Nothing is fetched yet.
    pub fn new(source: KeySource, origin: String) -> Self {
        Self { source, origin, keys: RefreshingCache::new(Error::ttl), gate: SecretGate::default() }
    }

    /// Returns a valid key, but never `rejected`.
    pub(super) async fn key(
        &self,
        context: AuthContext<'_>,
        rejected: Option<&RequestAuth>,
    ) -> Result<RequestAuth, Error> {
        let is_usable = |cached: &CachedAuth| cached.is_usable(rejected, context.clock.now());
        let timed_out = || Error::queue_timed_out(self.source.credential_request(), context.deadline);
        let fetch = || self.fetch(context, rejected.is_some());
        Ok(self.keys.get((), context.deadline, is_usable, timed_out, fetch).await?.auth)
    }

    async fn fetch(&self, context: AuthContext<'_>, is_replacement: bool) -> Result<CachedAuth, Error> {
        let response = match &self.source {
            KeySource::Metadata { reasons } => {
                from_metadata(context).await.map_err(|last| match reasons.as_slice() {
                    [] => last,
                    reasons => Error::NoCredentials { reasons: reasons.to_vec(), last: Box::new(last) },
                })?
            }
            KeySource::Container { url, token_file } => {
                from_container(context, url, token_file, &self.gate).await?
            }
            KeySource::Agency { base, agency } => {
                send_as_caller(context, base, |auth| async move { assume(context, agency, &auth).await })
                    .await?
            }
            KeySource::Oidc(federation) => federation.assume(context, &self.gate).await?,
        };
        tracing::debug!(origin = self.origin, "temporary key fetched");
        let (expires_at, now) = (response.expires_at, context.clock.now());
        let key = response.into_key(self.origin.clone(), context);
        let auth = RequestAuth::Key(Arc::new(key.with_gates(Gates::for_replacement(is_replacement))));
        CachedAuth::new(auth, None, "the returned temporary key", expires_at, now, RENEW_AHEAD)
    }
}

impl fmt::Debug for KeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyProvider from {}", self.origin)
    }
}

/// A temporary key in a service's response.
struct KeyResponse {
    id: String,
    secret: SecretString,
    security_token: SecretString,
    expires_at: SystemTime,
}

impl KeyResponse {
    /// Parses a response of IAM's v3 API or of the ECS metadata service.
    fn parse_iam(body: &[u8], request: CredentialRequest) -> Result<Self, Error> {
        Self::parse(body, "credential", ["access", "secret", "securitytoken", "expires_at"], request)
    }

    /// Parses a response of STS.
    fn parse_sts(body: &[u8], request: CredentialRequest) -> Result<Self, Error> {
        let names = ["access_key_id", "secret_access_key", "security_token", "expiration"];
        Self::parse(body, "credentials", names, request)
    }

    /// `names` are the service's names for `[id, secret, security_token, expires_at]`.
    fn parse(
        body: &[u8],
        object: &str,
        names: [&'static str; 4],
        request: CredentialRequest,
    ) -> Result<Self, Error> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &'static str| {
            let text = body.get(object).and_then(|object| object.get(name)?.as_str());
            text.filter(|text| !text.is_empty())
                .ok_or_else(|| Error::IncompleteResponse { request: request.clone(), missing: name })
        };
        let [id, secret, security_token, expires_at] = names;
        Ok(Self {
            id: text(id)?.to_owned(),
            secret: text(secret)?.into(),
            security_token: text(security_token)?.into(),
            expires_at: parse_time(text(expires_at)?)
                .ok_or(Error::IncompleteResponse { request, missing: expires_at })?,
        })
    }

    fn into_key(self, origin: String, context: AuthContext<'_>) -> AccessKey {
        let key = AccessKey::new(self.id, self.secret, Some(self.security_token), origin);
        key.with_algorithm(context.algorithm)
    }
}

/// Assumes an agency. STS accepts only signed requests; IAM also accepts tokens.
async fn assume(context: AuthContext<'_>, agency: &Agency, auth: &RequestAuth) -> Result<KeyResponse, Error> {
    match (agency.urn(), auth) {
        (Some(urn), RequestAuth::Key(_)) => KeyResponse::parse_sts(
            &agency.key_by_urn(context, auth, &urn).await?.body,
            agency.credential_request(),
        ),
        _ => KeyResponse::parse_iam(
            &agency.key_by_name(context, auth).await?.body,
            agency.credential_request(),
        ),
    }
}

/// Requests a key from a container's identity service. The token file is read for each request, because another program
/// renews the token.
async fn from_container(
    context: AuthContext<'_>,
    url: &str,
    token_file: &str,
    gate: &SecretGate,
) -> Result<KeyResponse, Error> {
    let unreadable = |reason: String| Error::CredentialsFile { path: token_file.to_owned(), reason };
    let token = context.environment.read(token_file).map_err(|error| unreadable(error.to_string()))?;
    let token = SecretString::from(token.trim());
    let mut value = HeaderValue::from_str(token.expose_secret())
        .map_err(|_| unreadable("it contains no valid token".to_owned()))?;
    value.set_sensitive(true);
    let make_request = |_| {
        let mut request = http_request(Method::POST, url, Some(&json!({})));
        request.headers_mut().insert(http::header::AUTHORIZATION, value.clone());
        request
    };
    let gate = gate.for_secret(token.expose_secret());
    let response = context.send(Some(&gate), CredentialRequest::Container, make_request).await?;
    let names = ["accessKeyId", "secretAccessKey", "securityToken", "expiration"];
    KeyResponse::parse(&response.body, "credentials", names, CredentialRequest::Container)
}

/// The address of the ECS metadata service (ECS user guide).
pub(in crate::huaweicloud) const METADATA_ADDRESS: &str = "http://169.254.169.254";

/// The service responds within milliseconds on an ECS. Elsewhere the request may be lost.
const METADATA_TIMEOUT: Duration = Duration::from_secs(3);

/// The maximum, in seconds.
const METADATA_TOKEN_LIFETIME: &str = "21600";

async fn from_metadata(context: AuthContext<'_>) -> Result<KeyResponse, Error> {
    let fetch = async {
        let url = format!("{}/openstack/latest/securitykey", context.endpoints.metadata);
        let token = metadata_token(context).await?;
        let make_request = |_| {
            let mut request = http_request(Method::GET, &url, None);
            if let Some(token) = &token {
                request.headers_mut().insert("x-metadata-token", token.clone());
            }
            request
        };
        let response = context.send(None, CredentialRequest::EcsMetadata, make_request).await?;
        KeyResponse::parse_iam(&response.body, CredentialRequest::EcsMetadata)
    };
    let attempts = Attempts { count: 1, elapsed: METADATA_TIMEOUT, stop_reason: StopReason::NotRetryable };
    let error = TransportError::RequestTimedOut { timeout: METADATA_TIMEOUT, setting: None };
    let timed_out = Err(Error::Transport { request: CredentialRequest::EcsMetadata, error, attempts });
    tokio::time::timeout(METADATA_TIMEOUT, fetch).await.unwrap_or(timed_out)
}

/// Returns the token that newer versions of the metadata service require, or `None` for older versions.
async fn metadata_token(context: AuthContext<'_>) -> Result<Option<HeaderValue>, Error> {
    let url = format!("{}/meta-data/latest/api/token", context.endpoints.metadata);
    let make_request = |_| {
        let lifetime = HeaderValue::from_static(METADATA_TOKEN_LIFETIME);
        let mut request = http_request(Method::PUT, &url, None);
        request.headers_mut().insert("x-metadata-token-ttl-seconds", lifetime);
        request
    };
    match context.send(None, CredentialRequest::EcsMetadata, make_request).await {
        Ok(response) => {
            // Some servers return a web page for every URL. A page with line breaks is not a valid header value.
            let text = String::from_utf8_lossy(&response.body);
            let mut token = HeaderValue::from_str(text.trim()).ok().filter(|token| !token.is_empty());
            if let Some(token) = &mut token {
                token.set_sensitive(true);
                drop(SecretString::from(text.trim()));
            }
            Ok(token)
        }
        Err(Error::Response { response, .. }) if matches!(response.status.as_u16(), 404 | 405 | 503) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An agency that is assumed with an OIDC ID token, for example from a CI system.
pub struct Federation {
    /// The identity provider.
    pub provider: IdentityProvider,
    /// Its ID token.
    pub id_token: IdToken,
    /// The agency.
    pub agency: Agency,
}

/// An identity provider, by its name or by its URN.
pub enum IdentityProvider {
    /// Its name in IAM.
    Id(String),
    /// Its URN, for STS.
    Urn(String),
}

impl Federation {
    async fn assume(&self, context: AuthContext<'_>, gate: &SecretGate) -> Result<KeyResponse, Error> {
        match (&self.provider, self.agency.urn()) {
            (IdentityProvider::Urn(provider), Some(agency)) => {
                self.assume_with_sts(context, gate, provider, &agency).await
            }
            (IdentityProvider::Urn(id) | IdentityProvider::Id(id), _) => {
                self.assume_with_iam(context, gate, id).await
            }
        }
    }

    /// Sends one request to STS.
    async fn assume_with_sts(
        &self,
        context: AuthContext<'_>,
        gate: &SecretGate,
        provider: &str,
        agency: &str,
    ) -> Result<KeyResponse, Error> {
        let id_token = self.id_token.read(context)?;
        let url = format!("{}/v5/agencies/assume-with-oidc", context.endpoints.sts);
        let body = json!({
            "provider_urn": provider,
            "agency_urn": agency,
            "agency_session_name": SESSION,
            "duration_seconds": self.agency.duration(),
            "id_token": id_token.expose_secret(),
        });
        let make_request = |_| http_request(Method::POST, &url, Some(&body));
        let gate = gate.for_secret(id_token.expose_secret());
        let response = context.send(Some(&gate), CredentialRequest::OidcAuth, make_request).await?;
        KeyResponse::parse_sts(&response.body, CredentialRequest::OidcAuth)
    }

    /// Sends three requests: to IAM for an IAM token and a temporary key, and to IAM or STS for the agency's key.
    async fn assume_with_iam(
        &self,
        context: AuthContext<'_>,
        gate: &SecretGate,
        provider: &str,
    ) -> Result<KeyResponse, Error> {
        let response = self.id_token.exchange(context, provider, &Scope::Account, gate).await?;
        let token = subject_token(&response, CredentialRequest::OidcAuth)?;
        let token = token.expose_secret();

        let url = format!("{}/v3.0/OS-CREDENTIAL/securitytokens", context.endpoints.iam);
        let body = json!({ "auth": { "identity": { "methods": ["token"], "token": { "id": token } } } });
        let make_request = |_| http_request(Method::POST, &url, Some(&body));
        let response = context.send(None, CredentialRequest::OidcTemporaryKey, make_request).await?;
        let key = KeyResponse::parse_iam(&response.body, CredentialRequest::OidcTemporaryKey)?
            .into_key(String::new(), context);
        assume(context, &self.agency, &RequestAuth::Key(Arc::new(key))).await
    }
}
