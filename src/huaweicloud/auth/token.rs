//! IAM tokens for a password, for an agency or for an OIDC ID token.
//!
//! One token per scope is fetched, shared by all readers, and renewed before it expires. The API calls are
//! `POST /v3/auth/tokens` and `POST /v3.0/OS-AUTH/id-token/tokens` (IAM API reference).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::debug;

use super::agency::send_as_caller;
use super::gates::{Gates, SecretGate};
use super::{
    Account, Agency, AuthContext, CachedAuth, Credential, CredentialRequest, Error, RefreshingCache,
    RequestAuth, Scope, Token, http_request, parse_time,
};
use crate::huaweicloud::transport::Response;
use crate::system::secret::SecretString;

/// A token is renewed this long or a tenth of its lifetime (usually 24 h) before it expires, whichever is shorter.
/// Requests in flight and their retries need this time, and clocks differ.
pub(super) const RENEW_AHEAD: Duration = Duration::from_secs(10 * 60);

/// Fetches and renews tokens.
pub struct TokenProvider {
    grant: TokenGrant,
    pub(super) origin: String,
    tokens: RefreshingCache<Scope, CachedAuth, Error>,
    /// The gate of the password or the ID token. Several rejections in a row lock a user.
    gate: SecretGate,
}

/// The credential that a token is requested with.
pub enum TokenGrant {
    /// A user's password.
    Password {
        /// The user.
        user: User,
        /// The user's password.
        password: SecretString,
    },
    /// An agency that is assumed with another credential.
    Agency {
        /// The credential to assume it with.
        base: Box<Credential>,
        /// The agency.
        agency: Agency,
    },
    /// An OIDC ID token.
    IdToken {
        /// The identity provider's name in IAM.
        provider: String,
        /// Its ID token.
        id_token: IdToken,
    },
}

/// A user, by ID or by name.
#[derive(Clone, Debug)]
pub enum User {
    /// The user's ID.
    Id(String),
    /// The user's name and account.
    Name {
        /// The user's name.
        name: String,
        /// The account that the user belongs to.
        account: Account,
    },
}

impl TokenProvider {
    /// Creates a provider. Nothing is fetched yet.
    pub fn new(grant: TokenGrant, origin: String) -> Self {
        Self { grant, origin, tokens: RefreshingCache::new(Error::ttl), gate: SecretGate::default() }
    }

    /// Returns a token for the scope, but never `rejected`.
    pub(in crate::huaweicloud) async fn token(
        &self,
        context: AuthContext<'_>,
        scope: Scope,
        rejected: Option<&RequestAuth>,
    ) -> Result<CachedAuth, Error> {
        let is_usable = |cached: &CachedAuth| cached.is_usable(rejected, context.clock.now());
        let timed_out = || Error::queue_timed_out(self.grant.credential_request(), context.deadline);
        let fetch = || self.fetch(context, &scope, rejected.is_some());
        self.tokens.get(scope.clone(), context.deadline, is_usable, timed_out, fetch).await
    }

    async fn fetch(
        &self,
        context: AuthContext<'_>,
        scope: &Scope,
        is_replacement: bool,
    ) -> Result<CachedAuth, Error> {
        let request = self.grant.credential_request();
        let response = self.grant.send(context, scope, &self.gate).await?;
        let gates = Gates::for_replacement(is_replacement);
        let cached = parse(&response, request.clone(), gates, context.clock.now())?;
        if cached.project_id.is_none() && *scope != Scope::Account {
            return Err(Error::IncompleteResponse { request, missing: "project" });
        }
        debug!(origin = self.origin, "IAM token fetched");
        Ok(cached)
    }
}

impl TokenGrant {
    fn credential_request(&self) -> CredentialRequest {
        match self {
            Self::Password { .. } => CredentialRequest::PasswordAuth,
            Self::Agency { agency, .. } => agency.credential_request(),
            Self::IdToken { .. } => CredentialRequest::OidcAuth,
        }
    }

    /// Requests a token. `gate` is the gate of the password or the ID token.
    async fn send(
        &self,
        context: AuthContext<'_>,
        scope: &Scope,
        gate: &SecretGate,
    ) -> Result<Response, Error> {
        // `nocatalog` omits the service catalogue, which is large and not used.
        let url = format!("{}/v3/auth/tokens?nocatalog=any", context.endpoints.iam);
        match self {
            Self::Password { user, password } => {
                let password = password.expose_secret();
                let body = password_body(user, password, scope);
                let make_request = |_| http_request(Method::POST, &url, Some(&body));
                let gate = gate.for_secret(password);
                context.send(Some(&gate), self.credential_request(), make_request).await
            }
            Self::Agency { base, agency } => {
                let (url, scope) = (&url, &scope.to_json(Some(&agency.account)));
                let send = |auth| async move { agency.token(context, &auth, url, scope).await };
                send_as_caller(context, base, send).await
            }
            Self::IdToken { provider, id_token } => id_token.exchange(context, provider, scope, gate).await,
        }
    }
}

fn password_body(user: &User, password: &str, scope: &Scope) -> Value {
    let (user, account) = match user {
        User::Id(id) => (json!({ "id": id, "password": password }), None),
        User::Name { name, account } => {
            (json!({ "name": name, "password": password, "domain": account.to_json() }), Some(account))
        }
    };
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    match scope.to_json(account) {
        Value::Null => json!({ "auth": { "identity": identity } }),
        scope => json!({ "auth": { "identity": identity, "scope": scope } }),
    }
}

fn parse(
    response: &Response,
    request: CredentialRequest,
    gates: Gates,
    now: SystemTime,
) -> Result<CachedAuth, Error> {
    #[derive(Deserialize)]
    struct TokenResponse {
        token: TokenDetails,
    }
    #[derive(Deserialize)]
    struct TokenDetails {
        expires_at: String,
        project: Option<TokenProject>,
    }
    #[derive(Deserialize)]
    struct TokenProject {
        id: String,
    }
    let missing = |missing| Error::IncompleteResponse { request: request.clone(), missing };
    let token = subject_token(response, request.clone())?;
    let body: TokenResponse = serde_json::from_slice(&response.body).map_err(|_| missing("valid token"))?;
    let expires_at = parse_time(&body.token.expires_at).ok_or_else(|| missing("valid expires_at"))?;
    let project_id = body.token.project.map(|project| project.id).filter(|id| !id.is_empty());
    // The provider has the origin, so it is not needed here.
    let auth = RequestAuth::Token(Arc::new(Token::new(token, String::new()).with_gates(gates)));
    CachedAuth::new(auth, project_id, "the returned token", expires_at, now, RENEW_AHEAD)
}

/// Returns the token of a response, which is in a header. The body only describes it.
pub(super) fn subject_token(response: &Response, request: CredentialRequest) -> Result<SecretString, Error> {
    let token = response.headers.get("x-subject-token").and_then(|token| token.to_str().ok());
    let token = token.filter(|token| !token.is_empty()).map(SecretString::from);
    token.ok_or(Error::IncompleteResponse { request, missing: "X-Subject-Token header" })
}

/// An ID token of an OpenID Connect identity provider, for example of a CI system.
pub enum IdToken {
    /// The token itself.
    Literal(SecretString),
    /// A file that is read for each request, because another program renews the token.
    File(String),
}

impl IdToken {
    pub(super) fn read(&self, context: AuthContext<'_>) -> Result<SecretString, Error> {
        match self {
            Self::Literal(token) => Ok(token.clone()),
            Self::File(path) => match context.environment.read(path) {
                Ok(text) if !text.trim().is_empty() => Ok(text.trim().into()),
                Ok(_) => Err(Error::CredentialsFile { path: path.clone(), reason: "it is empty".to_owned() }),
                Err(error) => Err(Error::CredentialsFile { path: path.clone(), reason: error.to_string() }),
            },
        }
    }

    /// Exchanges the ID token for an IAM token. `provider` is the identity provider's name in IAM.
    pub(super) async fn exchange(
        &self,
        context: AuthContext<'_>,
        provider: &str,
        scope: &Scope,
        gate: &SecretGate,
    ) -> Result<Response, Error> {
        let token = self.read(context)?;
        let token = token.expose_secret();
        let gate = gate.for_secret(token);
        let scope = scope.to_json(None);
        let url = format!("{}/v3.0/OS-AUTH/id-token/tokens", context.endpoints.iam);
        let mut body = json!({ "auth": { "id_token": { "id": token } } });
        if !scope.is_null() {
            body["auth"]["scope"] = scope;
        }
        let make_request = |_| {
            let mut request = http_request(Method::POST, &url, Some(&body));
            if let Ok(provider) = HeaderValue::from_str(provider) {
                request.headers_mut().insert("x-idp-id", provider);
            }
            request
        };
        context.send(Some(&gate), CredentialRequest::OidcAuth, make_request).await
    }
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenProvider from {}", self.origin)
    }
}
