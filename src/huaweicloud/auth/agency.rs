//! Taking on an agency: a role that an account lends to others. IAM gives a token or a temporary key for it by the
//! account's name, the token service (STS v5) a temporary key by the account's ID.

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::context::{AuthContext, request};
use super::{Account, CallerAccount, Credential, Error, RequestAuth, Scope, Step, refuses_credential};
use crate::huaweicloud::transport::Response;

/// Both services' own default is at most this long, and a session that begins with a temporary key may be no longer.
const DURATION: u32 = 3600;

/// Shows up in the cloud's audit log.
pub(super) const SESSION: &str = env!("CARGO_PKG_NAME");

/// One step from the identity that one has to another.
#[derive(Clone, Debug)]
pub struct Agency {
    pub name: String,
    pub account: Account,
    /// Of a temporary key, in seconds.
    pub duration: Option<u32>,
    /// The account that the caller belongs to.
    pub home: CallerAccount,
}

impl Agency {
    pub(super) fn step(&self) -> Step {
        let account = match &self.account {
            Account::Id(id) => id,
            Account::Name(name) => name,
        };
        Step::Agency { name: self.name.clone(), account: account.clone() }
    }

    /// What the token service calls the agency, where its account's ID is known.
    pub(super) fn urn(&self) -> Option<String> {
        match &self.account {
            Account::Id(id) => Some(format!("iam::{id}:agency:{}", self.name)),
            Account::Name(_) => None,
        }
    }

    pub(super) fn duration(&self) -> u32 {
        self.duration.unwrap_or(DURATION)
    }

    /// To the token service.
    pub(super) async fn key_by_urn(
        &self,
        calls: AuthContext<'_>,
        pass: &RequestAuth,
        urn: &str,
    ) -> Result<Response, Error> {
        let url = format!("{}/v5/agencies/assume", calls.places.sts);
        let body = json!({
            "agency_urn": urn,
            "agency_session_name": SESSION,
            "duration_seconds": self.duration(),
        });
        // It takes the caller's account from the key.
        self.send(calls, pass, None, &url, &body).await
    }

    /// To IAM.
    pub(super) async fn key_by_name(
        &self,
        calls: AuthContext<'_>,
        pass: &RequestAuth,
    ) -> Result<Response, Error> {
        let url = format!("{}/v3.0/OS-CREDENTIAL/securitytokens", calls.places.iam);
        let mut role = self.role();
        role["duration_seconds"] = json!(self.duration());
        let body = json!({ "auth": { "identity": { "methods": ["assume_role"], "assume_role": role } } });
        let home = self.home.header(calls, pass).await?;
        self.send(calls, pass, home, &url, &body).await
    }

    /// To IAM, for a token with this scope.
    pub(super) async fn token(
        &self,
        calls: AuthContext<'_>,
        pass: &RequestAuth,
        url: &str,
        scope: &Value,
    ) -> Result<Response, Error> {
        let identity = json!({ "methods": ["assume_role"], "assume_role": self.role() });
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        let home = self.home.header(calls, pass).await?;
        self.send(calls, pass, home, url, &body).await
    }

    fn role(&self) -> Value {
        match &self.account {
            Account::Id(id) => json!({ "agency_name": self.name, "domain_id": id }),
            Account::Name(name) => json!({ "agency_name": self.name, "domain_name": name }),
        }
    }

    async fn send(
        &self,
        calls: AuthContext<'_>,
        pass: &RequestAuth,
        home: Option<HeaderValue>,
        url: &str,
        body: &Value,
    ) -> Result<Response, Error> {
        let make = |now| {
            let mut request = request(Method::POST, url, Some(body));
            if let Some(home) = home.clone() {
                request.headers_mut().insert("x-domain-id", home);
            }
            pass.apply(&mut request, now);
            request
        };
        let gate = pass.gate(&Scope::Account);
        calls.ask(calls.transport, Some(&gate), self.step(), make).await
    }
}

/// Asks with whatever the caller has. A pass that is refused is renewed once.
pub(super) async fn as_caller<T, F: Future<Output = Result<T, Error>>>(
    calls: AuthContext<'_>,
    caller: &Credential,
    ask: impl Fn(RequestAuth) -> F,
) -> Result<T, Error> {
    // Boxed, because the caller may itself be an agency.
    let first = Box::pin(caller.pass(calls, &Scope::Account, None)).await?;
    match ask(first.clone()).await {
        Err(Error::Refused { refusal, .. })
            if refuses_credential(&refusal) && caller.may_renew(&first, &Scope::Account) =>
        {
            ask(Box::pin(caller.pass(calls, &Scope::Account, Some(&first))).await?).await
        }
        result => result,
    }
}
