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
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::debug;

use super::blank;
use super::shared::Shared;
use crate::outside::Clock;
use crate::transport::retry::Effort;
use crate::transport::{Failure, Refusal, Request, Response, Transport};

/// A token lives for 24 h. The last minutes are left to requests that are under way, with all their retries, and to
/// clocks that differ; of a shorter life, a tenth.
const RENEW_AHEAD: Duration = Duration::from_secs(10 * 60);

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

/// The project that a token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    ProjectId(String),
    ProjectName(String),
}

/// A token and the project that it is good for.
#[derive(Clone)]
pub struct Session {
    pub token: SecretString,
    pub project_id: String,
    renew: SystemTime,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("IAM refused the login")]
    Refused { refusal: Box<Refusal>, effort: Effort },
    #[error("IAM could not be reached")]
    Unreachable {
        #[source]
        failure: Failure,
        effort: Effort,
    },
    #[error("IAM's answer has no {missing}")]
    Unusable { missing: &'static str },
}

impl Login {
    pub fn new(user: User, password: SecretString, origin: String) -> Self {
        Self { user, password, origin, sessions: Shared::default(), refused: Mutex::default() }
    }

    /// A session for the project, other than `refused`. `url` is that of IAM's v3 API.
    pub async fn session(
        &self,
        transport: &Transport,
        clock: Clock,
        url: &str,
        scope: Scope,
        refused: Option<&Session>,
    ) -> Result<Session, Error> {
        let good = |session: &Session| {
            let known = refused.is_some_and(|refused| refused.is(session));
            !known && clock.now() < session.renew
        };
        self.sessions.get(scope.clone(), good, self.fetch(transport, clock, url, &scope)).await
    }

    async fn fetch(
        &self,
        transport: &Transport,
        clock: Clock,
        url: &str,
        scope: &Scope,
    ) -> Result<Session, Error> {
        if let Some(refusal) = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(Error::Refused { refusal, effort: Effort { tries: 0, elapsed: Duration::ZERO } });
        }
        let body = self.body(scope).to_string().into_bytes();
        // Without the catalogue of services, which is large and of no use here.
        let make = |_| -> Request {
            let mut request = http::Request::new(body.clone());
            *request.method_mut() = Method::POST;
            *request.uri_mut() = format!("{url}/auth/tokens?nocatalog=any").parse().unwrap_or_default();
            let json = http::HeaderValue::from_static("application/json;charset=utf8");
            request.headers_mut().insert(http::header::CONTENT_TYPE, json);
            request
        };
        let outcome = transport.exchange(|| clock.now(), make).await;
        let effort = outcome.effort;
        let response = outcome.result.map_err(|failure| Error::Unreachable { failure, effort })?;
        if response.status != StatusCode::CREATED {
            let refusal = Box::new(Refusal::read(&response.masked(|text| self.mask(text))));
            if refusal.status == StatusCode::UNAUTHORIZED {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal.clone());
            }
            return Err(Error::Refused { refusal, effort });
        }
        debug!("IAM login succeeded");
        Session::read(&response, clock.now())
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
        let project = match scope {
            Scope::ProjectId(id) => json!({ "id": id }),
            Scope::ProjectName(name) => json!({ "name": name }),
        };
        json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": user } },
            "scope": { "project": project },
        } })
    }

    pub(super) fn mask(&self, text: &str) -> String {
        blank(text, self.password.expose_secret())
    }
}

impl Session {
    /// Someone else's text without the token.
    pub fn mask(&self, text: &str) -> String {
        blank(text, self.token.expose_secret())
    }

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
        let missing = |missing| Error::Unusable { missing };
        let token = response.headers.get("x-subject-token").and_then(|token| token.to_str().ok());
        let token =
            token.filter(|token| !token.is_empty()).ok_or_else(|| missing("X-Subject-Token header"))?;
        let body: Body = serde_json::from_slice(&response.body).map_err(|_| missing("readable token"))?;
        let expires = OffsetDateTime::parse(&body.token.expires_at, &Rfc3339);
        let expires: SystemTime = expires.map_err(|_| missing("readable expires_at"))?.into();
        let life = expires.duration_since(now).unwrap_or_default();
        Ok(Self {
            token: token.into(),
            project_id: body.token.project.ok_or_else(|| missing("project"))?.id,
            renew: expires - RENEW_AHEAD.min(life / 10),
        })
    }

    fn is(&self, other: &Self) -> bool {
        self.token.expose_secret() == other.token.expose_secret()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login from {}", self.origin)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session in project {}", self.project_id)
    }
}
