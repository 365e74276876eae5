//! Tokens of IAM: by password, for an agency, and for an identity provider's token.
//!
//! One token for each project, fetched once for all readers, renewed ahead of its end.

mod grant;
mod scope;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tracing::debug;

use super::context::{AuthContext, end};
use super::gates::{Gates, LoginGate};
use super::refreshing_cache::RefreshingCache;
use super::{Error, Step, Token};
use crate::huaweicloud::transport::Response;
use crate::system::secret::SecretString;

pub use grant::{TokenGrant, User};
pub use scope::{Account, ProjectRef, Scope};

/// A token lives for 24 h. The last minutes are left to requests that are under way, with all their retries, and to
/// clocks that differ; of a shorter life, a tenth.
const RENEW_AHEAD: Duration = Duration::from_secs(10 * 60);

pub struct TokenProvider {
    way: TokenGrant,
    pub(super) origin: String,
    sessions: RefreshingCache<Scope, Session, Error>,
    /// Of the password or the identity provider's token: some refusals in a row lock a user.
    gate: LoginGate,
}

/// A token and the project that it is good for.
#[derive(Clone)]
pub struct Session {
    pub token: Arc<Token>,
    /// None for a token of the account.
    pub project_id: Option<String>,
    renew: SystemTime,
}

impl TokenProvider {
    pub fn new(way: TokenGrant, origin: String) -> Self {
        Self { way, origin, sessions: RefreshingCache::new(Error::keep), gate: LoginGate::default() }
    }

    /// A session for the project, with a token other than `refused`.
    pub async fn session(
        &self,
        calls: AuthContext<'_>,
        scope: Scope,
        refused: Option<&Token>,
    ) -> Result<Session, Error> {
        let good = |session: &Session| {
            refused.is_none_or(|refused| !session.token.is(refused)) && calls.clock.now() < session.renew
        };
        let waited = || Error::waited(self.way.step(), calls.deadline);
        let fetch = || self.fetch(calls, &scope, refused.is_some());
        self.sessions.get(scope.clone(), calls.deadline, good, waited, fetch).await
    }

    async fn fetch(
        &self,
        calls: AuthContext<'_>,
        scope: &Scope,
        replacement: bool,
    ) -> Result<Session, Error> {
        let step = self.way.step();
        let answer = self.way.ask(calls, scope, &self.gate).await?;
        let gates = Gates::of_replacement(replacement);
        let session = Session::read(&answer, step.clone(), gates, calls.clock.now())?;
        if session.project_id.is_none() && *scope != Scope::Account {
            return Err(Error::Unusable { step, missing: "project" });
        }
        debug!(origin = self.origin, "IAM token fetched");
        Ok(session)
    }
}

impl Session {
    fn read(response: &Response, step: Step, gates: Gates, now: SystemTime) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Body {
            token: Description,
        }
        #[derive(Deserialize)]
        struct Description {
            expires_at: String,
            project: Option<Project>,
        }
        #[derive(Deserialize)]
        struct Project {
            id: String,
        }
        let missing = |missing| Error::Unusable { step: step.clone(), missing };
        let token = subject_token(response, step.clone())?;
        let body: Body = serde_json::from_slice(&response.body).map_err(|_| missing("readable token"))?;
        let expires = end(&body.token.expires_at).ok_or_else(|| missing("readable expires_at"))?;
        // One that has expired already would be fetched anew for every reader, and refused each time.
        let expired = |_| Error::Expired { what: "the returned token", expired_at: expires, now };
        let life = expires.duration_since(now).map_err(expired)?;
        Ok(Self {
            // Its origin is that of the login.
            token: Arc::new(Token::new(token, String::new()).with_gates(gates)),
            project_id: body.token.project.map(|project| project.id).filter(|id| !id.is_empty()),
            renew: expires - RENEW_AHEAD.min(life / 10),
        })
    }
}

/// The token is in the header; the body only describes it.
pub(super) fn subject_token(response: &Response, step: Step) -> Result<SecretString, Error> {
    let token = response.headers.get("x-subject-token").and_then(|token| token.to_str().ok());
    token
        .filter(|token| !token.is_empty())
        .map(SecretString::from)
        .ok_or_else(|| Error::Unusable { step: step.to_owned(), missing: "X-Subject-Token header" })
}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login from {}", self.origin)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session in project {}", self.project_id.as_deref().unwrap_or("none"))
    }
}
