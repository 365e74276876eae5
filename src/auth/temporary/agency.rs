//! Taking on an agency: a role that an account lends to others. Two services do it: IAM's v3 API by the account's name,
//! the token service (STS v5) by its ID.

use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::super::calls::{Calls, request};
use super::{Error, Parts};
use crate::auth::{Account, Credential, Pass, Scope};

/// Both services' own default is at most this long, and a session that begins with a temporary key may be no longer.
const DURATION: u32 = 3600;

/// Shows up in the cloud's audit log.
pub(super) const SESSION: &str = env!("CARGO_PKG_NAME");

/// One step from the identity that one has to another.
#[derive(Clone, Debug)]
pub struct Agency {
    pub name: String,
    pub account: Account,
    /// In seconds.
    pub duration: Option<u32>,
    /// The account that the caller belongs to, where it is known.
    pub caller_account: Option<String>,
}

impl Agency {
    pub(super) fn step(&self) -> String {
        let account = match &self.account {
            Account::Id(id) => id,
            Account::Name(name) => name,
        };
        format!("taking on the agency {} of the account {account}", self.name)
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

    /// By whatever the caller has. A pass that is refused is renewed once.
    pub(super) async fn assume(&self, calls: Calls<'_>, base: &Credential) -> Result<Parts, Error> {
        let first = base.pass(calls, &Scope::Account, None).await?;
        match self.assume_with(calls, &first).await {
            Err(Error::Refused { refusal, .. })
                if refusal.status == StatusCode::UNAUTHORIZED && base.is_renewable() =>
            {
                let second = base.pass(calls, &Scope::Account, Some(&first)).await?;
                self.assume_with(calls, &second).await
            }
            result => result,
        }
    }

    pub(super) async fn assume_with(&self, calls: Calls<'_>, pass: &Pass) -> Result<Parts, Error> {
        // The token service wants a signature; IAM takes tokens as well.
        match (self.urn(), pass) {
            (Some(urn), Pass::Key(_)) => self.by_urn(calls, pass, &urn).await,
            _ => self.by_name(calls, pass).await,
        }
    }

    async fn by_urn(&self, calls: Calls<'_>, pass: &Pass, urn: &str) -> Result<Parts, Error> {
        let url = format!("{}/v5/agencies/assume", calls.places.sts);
        let body = json!({
            "agency_urn": urn,
            "agency_session_name": SESSION,
            "duration_seconds": self.duration(),
        });
        let answer = self.send(calls, pass, StatusCode::OK, &url, &body).await?;
        Parts::of_sts(&answer, &self.step())
    }

    async fn by_name(&self, calls: Calls<'_>, pass: &Pass) -> Result<Parts, Error> {
        let url = format!("{}/v3.0/OS-CREDENTIAL/securitytokens", calls.places.iam);
        let mut role = json!({ "agency_name": self.name, "duration_seconds": self.duration() });
        match &self.account {
            Account::Id(id) => role["domain_id"] = json!(id),
            Account::Name(name) => role["domain_name"] = json!(name),
        }
        let body = json!({ "auth": { "identity": { "methods": ["assume_role"], "assume_role": role } } });
        let answer = self.send(calls, pass, StatusCode::CREATED, &url, &body).await?;
        Parts::of_iam(&answer, &self.step())
    }

    async fn send(
        &self,
        calls: Calls<'_>,
        pass: &Pass,
        wanted: StatusCode,
        url: &str,
        body: &Value,
    ) -> Result<Vec<u8>, Error> {
        let make = |now| {
            let mut request = request(Method::POST, url, Some(body));
            let account = self.caller_account.as_ref().and_then(|id| HeaderValue::from_str(id).ok());
            if let (Pass::Key(_), Some(account)) = (pass, account) {
                request.headers_mut().insert("x-domain-id", account);
            }
            pass.apply(&mut request, now);
            request
        };
        let mask = |text: &str| pass.mask(text);
        Ok(calls.ask(calls.transport, &self.step(), wanted, make, mask).await?.body)
    }
}
