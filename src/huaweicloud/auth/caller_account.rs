//! The account that a caller belongs to. IAM is a service of the account, not of a project, and wants a signed request to
//! name it (`X-Domain-Id`); a token knows its account by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::context::{AuthContext, request};
use super::refreshing_cache::RefreshingCache;
use super::{Error, Keep, RequestAuth, Scope, Step};
use crate::huaweicloud::transport::Request;

/// Known from the start, or asked for by the first request that has to name it.
#[derive(Clone)]
pub struct CallerAccount {
    known: Option<String>,
    /// What the cloud answered.
    asked: Arc<RefreshingCache<(), Option<String>, Error>>,
}

impl CallerAccount {
    pub fn known(account_id: Option<String>) -> Self {
        // A failure is for those who waited. It is kept by those who ask for the account: this pass's gate, and the
        // cache of what the agency gives.
        let asked = RefreshingCache::new(|_| Keep::Fleeting(Duration::ZERO));
        Self { known: account_id, asked: Arc::new(asked) }
    }

    /// What a request with this pass has to say of the account.
    pub(super) async fn header(
        &self,
        calls: AuthContext<'_>,
        pass: &RequestAuth,
    ) -> Result<Option<HeaderValue>, Error> {
        let id = match (pass, &self.known) {
            (RequestAuth::Token(_), _) => None,
            (RequestAuth::Key(_), Some(id)) => Some(id.clone()),
            (RequestAuth::Key(_), None) => {
                let waited = || Error::waited(Step::CallerAccount, calls.deadline);
                self.asked.get((), calls.deadline, |_| true, waited, || look_up(calls, pass)).await?
            }
        };
        Ok(id.and_then(|id| HeaderValue::from_str(&id).ok()))
    }
}

impl Default for CallerAccount {
    fn default() -> Self {
        Self::known(None)
    }
}

impl fmt::Debug for CallerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallerAccount").field(&self.known).finish()
    }
}

/// None for a caller that may not ask. IAM then says itself what it misses.
async fn look_up(calls: AuthContext<'_>, pass: &RequestAuth) -> Result<Option<String>, Error> {
    #[derive(Deserialize)]
    struct Reply {
        domains: Vec<Account>,
    }
    #[derive(Deserialize)]
    struct Account {
        id: String,
    }
    let url = format!("{}/v3/auth/domains", calls.places.iam);
    let make = |now| signed(&url, pass, now);
    let gate = pass.gate(&Scope::Account);
    let answer = match calls.ask(calls.transport, Some(&gate), Step::CallerAccount, make).await {
        Err(Error::Refused { refusal, .. }) if refusal.status == StatusCode::FORBIDDEN => return Ok(None),
        answer => answer?,
    };
    let reply =
        serde_json::from_slice(&answer.body).ok().and_then(|reply: Reply| reply.domains.into_iter().next());
    match reply {
        Some(account) => Ok(Some(account.id)),
        None => Err(Error::Unusable { step: Step::CallerAccount, missing: "account" }),
    }
}

fn signed(url: &str, pass: &RequestAuth, now: std::time::SystemTime) -> Request {
    let mut request = request(Method::GET, url, None);
    pass.apply(&mut request, now);
    request
}
