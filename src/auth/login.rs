//! Tokens of IAM: by password, for an agency, and for an identity provider's token.
//!
//! One token for each project, fetched once for all readers, renewed ahead of its end.

mod scope;
#[cfg(test)]
mod tests;
mod way;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde::Deserialize;
use tracing::debug;

use super::calls::{Calls, end};
use super::shared::Shared;
use super::{Error, Step};
use crate::secret::SecretString;
use crate::transport::retry::Effort;
use crate::transport::{Refusal, Response};

pub use scope::{Account, Named, Scope};
pub use way::{User, Way};

/// A token lives for 24 h. The last minutes are left to requests that are under way, with all their retries, and to
/// clocks that differ; of a shorter life, a tenth.
const RENEW_AHEAD: Duration = Duration::from_secs(10 * 60);

pub struct Login {
    way: Way,
    pub(super) origin: String,
    sessions: Shared<Scope, Session, Error>,
    /// A password that IAM refuses is not tried again by anybody: some refusals in a row lock the user.
    refused: Mutex<Option<Box<Refusal>>>,
}

/// A token and the project that it is good for.
#[derive(Clone)]
pub struct Session {
    pub token: SecretString,
    /// None for a token of the account.
    pub project_id: Option<String>,
    renew: SystemTime,
}

impl Login {
    pub fn new(way: Way, origin: String) -> Self {
        Self { way, origin, sessions: Shared::default(), refused: Mutex::default() }
    }

    /// A session for the project, with a token other than `refused`.
    pub async fn session(
        &self,
        calls: Calls<'_>,
        scope: Scope,
        refused: Option<&SecretString>,
    ) -> Result<Session, Error> {
        let good = |session: &Session| {
            let token = session.token.expose_secret();
            refused.is_none_or(|refused| refused.expose_secret() != token)
                && calls.clock.now() < session.renew
        };
        self.sessions.get(scope.clone(), good, self.fetch(calls, &scope)).await
    }

    async fn fetch(&self, calls: Calls<'_>, scope: &Scope) -> Result<Session, Error> {
        let step = self.way.step();
        if let Some(refusal) = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(Error::Refused {
                step,
                refusal,
                effort: Effort { tries: 0, elapsed: Duration::ZERO },
            });
        }
        let answer = self.way.ask(calls, scope).await;
        if let (Err(Error::Refused { refusal, .. }), true) = (&answer, self.way.may_lock())
            && refusal.status == StatusCode::UNAUTHORIZED
        {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal.clone());
        }
        let session = Session::read(&answer?, step.clone(), calls.clock.now())?;
        if session.project_id.is_none() && *scope != Scope::Account {
            return Err(Error::Unusable { step, missing: "project" });
        }
        debug!(origin = self.origin, "IAM token fetched");
        Ok(session)
    }
}

impl Session {
    fn read(response: &Response, step: Step, now: SystemTime) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Body {
            token: Token,
        }
        #[derive(Deserialize)]
        struct Token {
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
        let life = expires.duration_since(now).unwrap_or_default();
        Ok(Self {
            token,
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

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login from {}", self.origin)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session in project {}", self.project_id.as_deref().unwrap_or("none"))
    }
}
