//! Credentials, and what they do to a request: an access key signs it, the others give it a token.
//!
//! Called by api. A credential knows where it came from, so that a user whose credential is refused learns which one
//! it was; it never shows what it is.

mod agency;
mod caller_account;
pub mod context;
mod error;
mod first_call_gate;
pub(super) mod gates;
mod id_token;
pub mod profile;
pub mod refreshing_cache;
pub mod temporary_key;
pub mod token;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;

pub use crate::huaweicloud::signer::{AccessKey, Algorithm};
pub use agency::Agency;
pub use caller_account::CallerAccount;
pub use context::{AuthContext, AuthEndpoints};
pub use error::{Error, Step};
pub use first_call_gate::Keep;
pub use gates::{CredentialGate, refuses_credential};
pub use id_token::IdToken;
pub use temporary_key::KeyProvider;
pub use token::{Account, ProjectRef, Scope, TokenGrant, TokenProvider, User};

use crate::huaweicloud::transport::Request;
use crate::system::secret::SecretString;
use gates::Gates;

#[derive(Debug)]
pub enum Credential {
    /// Signs each request.
    Key(Arc<AccessKey>),
    /// A ready token. When it is refused there is no other.
    Token(Arc<Token>),
    /// Fetches tokens, one for each project.
    TokenProvider(TokenProvider),
    /// Fetches keys.
    KeyProvider(KeyProvider),
}

/// What goes with a request so that the cloud lets it in.
#[derive(Clone)]
pub enum RequestAuth {
    Key(Arc<AccessKey>),
    Token(Arc<Token>),
}

impl Credential {
    /// Such as "the environment variables HW_ACCESS_KEY and HW_SECRET_KEY".
    pub fn origin(&self) -> &str {
        match self {
            Self::Key(key) => &key.origin,
            Self::Token(token) => &token.origin,
            Self::TokenProvider(login) => &login.origin,
            Self::KeyProvider(temporary) => &temporary.origin,
        }
    }

    /// Whether another pass in the place of this refused one may fare better.
    pub fn may_renew(&self, refused: &RequestAuth, scope: &Scope) -> bool {
        match self {
            Self::Key(_) | Self::Token(_) => false,
            Self::TokenProvider(_) | Self::KeyProvider(_) => refused.gates().may_be_replaced(scope),
        }
    }

    /// A pass for the project, other than `refused`. Fetched if need be.
    pub async fn pass(
        &self,
        calls: AuthContext<'_>,
        scope: &Scope,
        refused: Option<&RequestAuth>,
    ) -> Result<RequestAuth, Error> {
        Ok(match self {
            Self::Key(key) => RequestAuth::Key(key.clone()),
            Self::Token(token) => RequestAuth::Token(token.clone()),
            Self::TokenProvider(login) => {
                let refused = refused.and_then(RequestAuth::token);
                RequestAuth::Token(login.session(calls, scope.clone(), refused).await?.token)
            }
            Self::KeyProvider(temporary) => {
                let refused = refused.and_then(RequestAuth::key);
                RequestAuth::Key(temporary.lease(calls, refused).await?.key)
            }
        })
    }
}

impl RequestAuth {
    fn key(&self) -> Option<&AccessKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Token(_) => None,
        }
    }

    fn token(&self) -> Option<&Token> {
        match self {
            Self::Key(_) => None,
            Self::Token(token) => Some(token),
        }
    }

    /// Signs the request for this time, or puts the token on it.
    pub fn apply(&self, request: &mut Request, now: SystemTime) {
        match self {
            Self::Key(key) => key.sign(request, now),
            Self::Token(token) => present(&token.secret, request),
        }
    }

    /// The gate of a call with this pass.
    pub fn gate(&self, scope: &Scope) -> Arc<CredentialGate> {
        self.gates().gate(scope)
    }

    fn gates(&self) -> &Gates {
        match self {
            Self::Key(key) => &key.gates,
            Self::Token(token) => &token.gates,
        }
    }
}

/// An IAM token.
pub struct Token {
    secret: SecretString,
    origin: String,
    gates: Gates,
}

impl Token {
    pub fn new(secret: SecretString, origin: String) -> Self {
        Self { secret, origin, gates: Gates::default() }
    }

    fn with_gates(self, gates: Gates) -> Self {
        Self { gates, ..self }
    }

    fn is(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token from {}", self.origin)
    }
}

/// Puts a token on a request. One that is no header value is left out, and the cloud says that it misses it.
fn present(token: &SecretString, request: &mut Request) {
    if let Ok(mut value) = HeaderValue::from_str(token.expose_secret()) {
        value.set_sensitive(true);
        request.headers_mut().insert("x-auth-token", value);
    }
}
