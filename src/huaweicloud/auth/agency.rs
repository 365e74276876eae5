//! Assumes agencies. An agency is a role that an account grants to other accounts.
//!
//! IAM returns a token or a temporary key, and requires the name or ID of the account. The Security Token Service (STS
//! v5) returns a temporary key, and requires the account's ID.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Account, AuthContext, Credential, CredentialRequest, Error, ErrorTtl, RefreshingCache, RequestAuth,
    Scope, http_request, rejects_credential,
};
use crate::huaweicloud::transport::Response;

/// Default lifetime of a key in seconds. It is also the default of both services, and the maximum if the caller's key
/// is temporary.
const DURATION: u32 = 3600;

/// Name of the session in the cloud's audit log.
pub(super) const SESSION: &str = env!("CARGO_PKG_NAME");

/// An agency to assume.
#[derive(Clone)]
pub struct Agency {
    /// The agency's name.
    pub name: String,
    /// The account that owns the agency.
    pub account: Account,
    /// Lifetime of a temporary key, in seconds.
    pub duration: Option<u32>,
    /// The caller's account.
    pub caller_account: CallerAccount,
}

impl Agency {
    pub(super) fn credential_request(&self) -> CredentialRequest {
        let account = match &self.account {
            Account::Id(id) => id,
            Account::Name(name) => name,
        };
        CredentialRequest::AssumeAgency { name: self.name.clone(), account: account.clone() }
    }

    /// Returns the agency's URN if the account's ID is known.
    pub(super) fn urn(&self) -> Option<String> {
        match &self.account {
            Account::Id(id) => Some(format!("iam::{id}:agency:{}", self.name)),
            Account::Name(_) => None,
        }
    }

    pub(super) fn duration(&self) -> u32 {
        self.duration.unwrap_or(DURATION)
    }

    /// Requests a temporary key from STS.
    pub(super) async fn key_by_urn(
        &self,
        context: AuthContext<'_>,
        auth: &RequestAuth,
        urn: &str,
    ) -> Result<Response, Error> {
        let url = format!("{}/v5/agencies/assume", context.endpoints.sts);
        let body = json!({
            "agency_urn": urn,
            "agency_session_name": SESSION,
            "duration_seconds": self.duration(),
        });
        // STS determines the caller's account from the key.
        self.send(context, auth, None, &url, &body).await
    }

    /// Requests a temporary key from IAM.
    pub(super) async fn key_by_name(
        &self,
        context: AuthContext<'_>,
        auth: &RequestAuth,
    ) -> Result<Response, Error> {
        let url = format!("{}/v3.0/OS-CREDENTIAL/securitytokens", context.endpoints.iam);
        let mut role = self.role();
        role["duration_seconds"] = json!(self.duration());
        let body = json!({ "auth": { "identity": { "methods": ["assume_role"], "assume_role": role } } });
        let caller_account = self.caller_account.header(context, auth).await?;
        self.send(context, auth, caller_account, &url, &body).await
    }

    /// Requests a token with this scope from IAM.
    pub(super) async fn token(
        &self,
        context: AuthContext<'_>,
        auth: &RequestAuth,
        url: &str,
        scope: &Value,
    ) -> Result<Response, Error> {
        let identity = json!({ "methods": ["assume_role"], "assume_role": self.role() });
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        let caller_account = self.caller_account.header(context, auth).await?;
        self.send(context, auth, caller_account, url, &body).await
    }

    fn role(&self) -> Value {
        match &self.account {
            Account::Id(id) => json!({ "agency_name": self.name, "domain_id": id }),
            Account::Name(name) => json!({ "agency_name": self.name, "domain_name": name }),
        }
    }

    async fn send(
        &self,
        context: AuthContext<'_>,
        auth: &RequestAuth,
        caller_account: Option<HeaderValue>,
        url: &str,
        body: &Value,
    ) -> Result<Response, Error> {
        let make_request = |now| {
            let mut request = http_request(Method::POST, url, Some(body));
            if let Some(account) = caller_account.clone() {
                request.headers_mut().insert("x-domain-id", account);
            }
            auth.apply(&mut request, now);
            request
        };
        let gate = auth.gate(&Scope::Account);
        context.send(Some(&gate), self.credential_request(), make_request).await
    }
}

/// Calls `send` with the caller's key or token. If that is rejected, renews it and calls `send` once more.
pub(super) async fn send_as_caller<T, F: Future<Output = Result<T, Error>>>(
    context: AuthContext<'_>,
    caller: &Credential,
    send: impl Fn(RequestAuth) -> F,
) -> Result<T, Error> {
    // Boxed, because the caller may be an agency too.
    let first = Box::pin(caller.request_auth(context, &Scope::Account, None)).await?;
    match send(first.clone()).await {
        Err(Error::Response { response, .. })
            if rejects_credential(&response) && caller.may_renew(&first, &Scope::Account) =>
        {
            send(Box::pin(caller.request_auth(context, &Scope::Account, Some(&first))).await?).await
        }
        result => result,
    }
}

/// The ID of the caller's account, which is looked up once if it is not configured.
///
/// IAM belongs to the account, not to a project. A signed request to IAM must therefore have the account's ID in the
/// header `X-Domain-Id`. A token contains its account.
#[derive(Clone)]
pub struct CallerAccount {
    account_id: Option<String>,
    cache: Arc<RefreshingCache<(), Option<String>, Error>>,
}

impl CallerAccount {
    /// Creates a reference to the account with this ID. Without an ID, the account is looked up when it is needed.
    pub fn new(account_id: Option<String>) -> Self {
        // Only waiting callers get an error from this cache. Later callers get it from the gate of the caller's key, or
        // from the cache of the agency's keys.
        let cache = RefreshingCache::new(|_| ErrorTtl::Transient(Duration::ZERO));
        Self { account_id, cache: Arc::new(cache) }
    }

    /// Returns the value of the header `X-Domain-Id`, if the request needs it.
    async fn header(
        &self,
        context: AuthContext<'_>,
        auth: &RequestAuth,
    ) -> Result<Option<HeaderValue>, Error> {
        let id = match (auth, &self.account_id) {
            (RequestAuth::Token(_), _) => None,
            (RequestAuth::Key(_), Some(id)) => Some(id.clone()),
            (RequestAuth::Key(_), None) => {
                let timed_out = || Error::queue_timed_out(CredentialRequest::CallerAccount, context.deadline);
                let fetch = || look_up(context, auth);
                self.cache.get((), context.deadline, |_| true, timed_out, fetch).await?
            }
        };
        Ok(id.and_then(|id| HeaderValue::from_str(&id).ok()))
    }
}

impl Default for CallerAccount {
    fn default() -> Self {
        Self::new(None)
    }
}

/// Looks up the account. Returns `None` if the caller may not list its accounts; IAM then reports the missing account.
async fn look_up(context: AuthContext<'_>, auth: &RequestAuth) -> Result<Option<String>, Error> {
    #[derive(Deserialize)]
    struct DomainsResponse {
        domains: Vec<Domain>,
    }
    #[derive(Deserialize)]
    struct Domain {
        id: String,
    }
    let url = format!("{}/v3/auth/domains", context.endpoints.iam);
    let make_request = |now| {
        let mut request = http_request(Method::GET, &url, None);
        auth.apply(&mut request, now);
        request
    };
    let gate = auth.gate(&Scope::Account);
    let response = match context.send(Some(&gate), CredentialRequest::CallerAccount, make_request).await {
        Err(Error::Response { response, .. }) if response.status == StatusCode::FORBIDDEN => {
            return Ok(None);
        }
        response => response?,
    };
    let body: Option<DomainsResponse> = serde_json::from_slice(&response.body).ok();
    match body.and_then(|body| body.domains.into_iter().next()) {
        Some(domain) => Ok(Some(domain.id)),
        None => {
            Err(Error::IncompleteResponse { request: CredentialRequest::CallerAccount, missing: "account" })
        }
    }
}
