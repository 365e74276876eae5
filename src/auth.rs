//! Credentials, and what they do to a request: an access key signs it, the others give it a token.
//!
//! Called by api. A credential knows where it came from, so that a user whose credential is refused learns which one
//! it was; it never shows what it is.

pub mod canonical;
pub mod login;
pub mod proof;
pub mod shared;
pub mod sign;

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

pub use login::{Account, Login, Scope, Session, User};
pub use sign::{AccessKey, Algorithm};

use crate::transport::Request;

#[derive(Debug)]
pub enum Credential {
    /// Signs each request.
    Key(AccessKey),
    /// A ready token. When it is refused there is no other.
    Token(Token),
    /// Fetches tokens, one for each project.
    Password(Login),
}

impl Credential {
    /// Such as "the environment variables HW_ACCESS_KEY and HW_SECRET_KEY".
    pub fn origin(&self) -> &str {
        match self {
            Self::Key(key) => &key.origin,
            Self::Token(token) => &token.origin,
            Self::Password(login) => &login.origin,
        }
    }

    /// Someone else's text without the parts of this credential: the gateway likes to repeat the access key.
    pub fn mask(&self, text: &str) -> String {
        match self {
            Self::Key(key) => key.mask(text),
            Self::Token(token) => blank(text, token.secret.expose_secret()),
            Self::Password(login) => login.mask(text),
        }
    }
}

/// A ready IAM token.
pub struct Token {
    secret: SecretString,
    origin: String,
}

impl Token {
    pub fn new(secret: SecretString, origin: String) -> Self {
        Self { secret, origin }
    }

    pub fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token from {}", self.origin)
    }
}

/// Puts a token on a request. One that is no header value is left out, and the cloud says that it misses it.
pub fn present(token: &SecretString, request: &mut Request) {
    if let Ok(mut value) = HeaderValue::from_str(token.expose_secret()) {
        value.set_sensitive(true);
        request.headers_mut().insert("x-auth-token", value);
    }
}

/// JSON may have its slashes escaped.
fn blank(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    text.replace(secret, "***").replace(&secret.replace('/', "\\/"), "***")
}
