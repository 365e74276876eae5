//! IAM logins by password: `POST /v3/auth/tokens` of the IAM API reference.
//!
//! One token for each project, fetched once for all readers, renewed ahead of its end. A login that IAM refuses is not
//! tried again by anybody: some refusals in a row lock the user.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::debug;

use super::calls::{Calls, end, request};
use super::shared::Shared;
use super::{Error, blank};
use crate::transport::retry::Effort;
use crate::transport::{Refusal, Response};

/// A token lives for 24 h. The last minutes are left to requests that are under way, with all their retries, and to
/// clocks that differ; of a shorter life, a tenth.
const RENEW_AHEAD: Duration = Duration::from_secs(10 * 60);

const STEP: &str = "the login to IAM";

pub struct Login {
    user: User,
    password: SecretString,
    pub(super) origin: String,
    sessions: Shared<Scope, Session, Error>,
    refused: Mutex<Option<Box<Refusal>>>,
}

#[derive(Clone, Debug)]
pub enum User {
    Id(String),
    Name { name: String, account: Account },
}

/// The account that a user belongs to; IAM calls it a domain.
#[derive(Clone, Debug)]
pub enum Account {
    Id(String),
    Name(String),
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Project(Named),
    /// The user's own account, for taking on an agency.
    Account,
}

/// A project, by what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    Id(String),
    Name(String),
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
    pub fn new(user: User, password: SecretString, origin: String) -> Self {
        Self { user, password, origin, sessions: Shared::default(), refused: Mutex::default() }
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
        if let Some(refusal) = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            let effort = Effort { tries: 0, elapsed: Duration::ZERO };
            return Err(Error::Refused { step: STEP.to_owned(), refusal, effort });
        }
        // Without the catalogue of services, which is large and of no use here.
        let url = format!("{}/v3/auth/tokens?nocatalog=any", calls.places.iam);
        let body = self.body(scope);
        let make = |_| request(Method::POST, &url, Some(&body));
        let answer =
            calls.ask(calls.transport, STEP, StatusCode::CREATED, make, |text| self.mask(text)).await;
        if let Err(Error::Refused { refusal, .. }) = &answer
            && refusal.status == StatusCode::UNAUTHORIZED
        {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal.clone());
        }
        let session = Session::read(&answer?, calls.clock.now())?;
        if session.project_id.is_none() && *scope != Scope::Account {
            return Err(Error::Unusable { step: STEP.to_owned(), missing: "project" });
        }
        debug!("IAM login succeeded");
        Ok(session)
    }

    fn body(&self, scope: &Scope) -> Value {
        let password = self.password.expose_secret();
        let user = match &self.user {
            User::Id(id) => json!({ "id": id, "password": password }),
            User::Name { name, account } => {
                let domain = match account {
                    Account::Id(id) => json!({ "id": id }),
                    Account::Name(name) => json!({ "name": name }),
                };
                json!({ "name": name, "password": password, "domain": domain })
            }
        };
        let scope = match (scope, &self.user) {
            (Scope::Project(Named::Id(id)), _) => json!({ "project": { "id": id } }),
            (Scope::Project(Named::Name(name)), _) => json!({ "project": { "name": name } }),
            (Scope::Account, User::Name { account: Account::Id(id), .. }) => {
                json!({ "domain": { "id": id } })
            }
            (Scope::Account, User::Name { account: Account::Name(name), .. }) => {
                json!({ "domain": { "name": name } })
            }
            // IAM then takes the user's own account.
            (Scope::Account, User::Id(_)) => Value::Null,
        };
        let identity = json!({ "methods": ["password"], "password": { "user": user } });
        match scope {
            Value::Null => json!({ "auth": { "identity": identity } }),
            scope => json!({ "auth": { "identity": identity, "scope": scope } }),
        }
    }

    fn mask(&self, text: &str) -> String {
        blank(text, self.password.expose_secret())
    }
}

impl Session {
    fn read(response: &Response, now: SystemTime) -> Result<Self, Error> {
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
        let missing = |missing| Error::Unusable { step: STEP.to_owned(), missing };
        let token = response.headers.get("x-subject-token").and_then(|token| token.to_str().ok());
        let token =
            token.filter(|token| !token.is_empty()).ok_or_else(|| missing("X-Subject-Token header"))?;
        let body: Body = serde_json::from_slice(&response.body).map_err(|_| missing("readable token"))?;
        let expires = end(&body.token.expires_at).ok_or_else(|| missing("readable expires_at"))?;
        let life = expires.duration_since(now).unwrap_or_default();
        Ok(Self {
            token: token.into(),
            project_id: body.token.project.map(|project| project.id),
            renew: expires - RENEW_AHEAD.min(life / 10),
        })
    }
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
