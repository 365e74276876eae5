//! The account that a caller belongs to. IAM is a service of the account, not of a project, and wants a signed request to
//! name it (`X-Domain-Id`); a token knows its account by itself.

use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::calls::{Calls, request};
use super::{Error, Pass, Step};
use crate::transport::Request;

/// Known from the start, or asked for by the first request that has to name it.
#[derive(Clone, Debug, Default)]
pub struct Home(OnceCell<Option<String>>);

impl Home {
    pub fn known(account_id: Option<String>) -> Self {
        Self(account_id.map(|id| OnceCell::new_with(Some(Some(id)))).unwrap_or_default())
    }

    /// What a request with this pass has to say of the account.
    pub(super) async fn header(&self, calls: Calls<'_>, pass: &Pass) -> Result<Option<HeaderValue>, Error> {
        let id = match pass {
            Pass::Key(_) => self.0.get_or_try_init(|| look_up(calls, pass)).await?.as_deref(),
            Pass::Token(_) => None,
        };
        Ok(id.and_then(|id| HeaderValue::from_str(id).ok()))
    }
}

/// None for a caller that may not ask. IAM then says itself what it misses.
async fn look_up(calls: Calls<'_>, pass: &Pass) -> Result<Option<String>, Error> {
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
    let answer = match calls.ask(calls.transport, Step::Home, make).await {
        Err(Error::Refused { refusal, .. }) if refusal.status == StatusCode::FORBIDDEN => return Ok(None),
        answer => answer?,
    };
    let reply =
        serde_json::from_slice(&answer.body).ok().and_then(|reply: Reply| reply.domains.into_iter().next());
    match reply {
        Some(account) => Ok(Some(account.id)),
        None => Err(Error::Unusable { step: Step::Home, missing: "account" }),
    }
}

fn signed(url: &str, pass: &Pass, now: std::time::SystemTime) -> Request {
    let mut request = request(Method::GET, url, None);
    pass.apply(&mut request, now);
    request
}
