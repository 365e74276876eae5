//! The gates of a secret: whether the cloud accepts it in a scope.
//!
//! Each try of a request that carries a secret, or is signed with it, passes the gate of this secret and the request's
//! scope. So a rejected secret is sent once for each scope, however many instances are read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use super::first_call_gate::{AcquireResult, ErrorTtl, FirstCallGate};
use crate::huaweicloud::transport::retry::AttemptGate;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, HttpResult, TransportError};
use crate::system::secret::SecretString;

/// What a credential is used for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::huaweicloud) enum Scope {
    /// Calls in a project.
    Project(ProjectRef),
    /// Calls of services of the account, such as assuming an agency.
    Account,
}

/// A project, by ID or by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::huaweicloud) enum ProjectRef {
    /// Its ID.
    Id(String),
    /// Its name.
    Name(String),
}

/// An account, by ID or by name. IAM calls it a domain.
#[derive(Clone, Debug)]
pub enum Account {
    /// Its ID.
    Id(String),
    /// Its name.
    Name(String),
}

impl Scope {
    /// The scope in IAM's format. Null if it is an account that is not known: IAM then uses the caller's own.
    pub(super) fn to_json(&self, account: Option<&Account>) -> Value {
        match (self, account) {
            (Self::Project(ProjectRef::Id(id)), _) => json!({ "project": { "id": id } }),
            (Self::Project(ProjectRef::Name(name)), _) => json!({ "project": { "name": name } }),
            (Self::Account, Some(account)) => json!({ "domain": account.to_json() }),
            (Self::Account, None) => Value::Null,
        }
    }
}

impl Account {
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name(name) => json!({ "name": name }),
        }
    }
}

/// Opens when a call is accepted. Closes for good when a response rejects the credential.
#[derive(Default)]
pub(in crate::huaweicloud) struct CredentialGate(FirstCallGate<(), HttpResult>);

/// Gates by scope, because a rejection in one project says nothing about another.
#[derive(Default)]
pub(super) struct Gates {
    by_scope: Mutex<HashMap<Scope, Arc<CredentialGate>>>,
    /// Whether the secret was fetched because the one before it was rejected.
    is_replacement: bool,
}

/// The gate of a secret that is sent to IAM, STS or a container's agent only, such as a password. It is one for all
/// projects. Other programs renew the files with such secrets; a new secret gets a new gate.
#[derive(Default)]
pub(super) struct SecretGate(Mutex<Option<(SecretString, Arc<CredentialGate>)>>);

impl Gates {
    pub(super) fn for_replacement(is_replacement: bool) -> Self {
        Self { is_replacement, ..Self::default() }
    }

    pub(super) fn gate(&self, scope: &Scope) -> Arc<CredentialGate> {
        let mut gates = self.by_scope.lock().unwrap_or_else(PoisonError::into_inner);
        gates.entry(scope.clone()).or_default().clone()
    }

    /// Whether the cloud may accept another secret in place of this one. If this one is a replacement itself and was
    /// never accepted, the cause is another.
    pub(super) fn may_be_replaced(&self, scope: &Scope) -> bool {
        !self.is_replacement || self.gate(scope).0.was_accepted()
    }
}

impl SecretGate {
    pub(super) fn for_secret(&self, secret: &str) -> Arc<CredentialGate> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(known, _)| known.expose_secret() != secret) {
            *last = None;
        }
        last.get_or_insert_with(|| (secret.into(), Arc::default())).1.clone()
    }
}

impl AttemptGate for CredentialGate {
    type Guard<'a> = Option<MutexGuard<'a, ()>>;

    async fn acquire(&self, deadline: Deadline) -> Result<Self::Guard<'_>, HttpResult> {
        match self.0.acquire(deadline, |()| true).await {
            AcquireResult::Open(()) => Ok(None),
            AcquireResult::First(permit) => Ok(Some(permit)),
            AcquireResult::Closed(result) => Err(result),
            AcquireResult::TimedOut => Err(Err(TransportError::QueueTimedOut { timeout: deadline.timeout })),
        }
    }

    fn record(&self, deadline: Deadline, result: &HttpResult) {
        match credential_status(result) {
            CredentialStatus::Accepted => self.0.record(deadline, Ok(()), ErrorTtl::Forever),
            CredentialStatus::Rejected => self.0.record(deadline, Err(result.clone()), ErrorTtl::Forever),
            // After the credential was accepted no caller waits, and so none shares this.
            CredentialStatus::Unknown if !self.0.is_open() => {
                self.0.record(deadline, Err(result.clone()), ErrorTtl::Transient(Duration::ZERO))
            }
            CredentialStatus::Unknown | CredentialStatus::UnknownHere => {}
        }
    }
}

/// What the result of a call says about the credential that was sent.
enum CredentialStatus {
    Accepted,
    Rejected,
    /// Nothing. Other calls would have the same result now.
    Unknown,
    /// Nothing. The cause may be in this call alone.
    UnknownHere,
}

fn credential_status(result: &HttpResult) -> CredentialStatus {
    let response = match result {
        Ok(response) => response,
        Err(TransportError::ResponseTooLarge | TransportError::InvalidRequest { .. }) => {
            return CredentialStatus::UnknownHere;
        }
        Err(_) => return CredentialStatus::Unknown,
    };
    let error = ErrorResponse::from_response(response);
    if error.as_ref().is_some_and(rejects_credential) {
        return CredentialStatus::Rejected;
    }
    match response.status.as_u16() {
        408 | 429 | 500..=599 => CredentialStatus::Unknown,
        // From a sign-in page or a proxy on the way.
        300..=399 | 407 => CredentialStatus::UnknownHere,
        _ if error.is_some_and(|error| error.is_gateway("0308")) => CredentialStatus::Unknown,
        // Also a denial of permission, which comes as 401 at times: the cloud has recognised the caller.
        _ => CredentialStatus::Accepted,
    }
}

impl ErrorTtl {
    /// For an error that would be the same again, but may be corrected during a run.
    pub(in crate::huaweicloud) const PERSISTENT: Self = Self::Fixed(Duration::from_secs(60));

    /// For a temporary error. The reads of a run follow each other without a pause.
    const TRANSIENT: Self = Self::Transient(Duration::from_secs(10));

    /// For an error response to a fetch. The gate of a rejected credential keeps it for good.
    pub(in crate::huaweicloud) fn for_response(response: &ErrorResponse) -> Self {
        match response.status.as_u16() {
            408 | 429 | 500..=599 => Self::TRANSIENT,
            _ => Self::PERSISTENT,
        }
    }

    pub(in crate::huaweicloud) fn for_error(error: &TransportError) -> Self {
        // A read that sent nothing proves nothing.
        if error.is_queued() { Self::Transient(Duration::ZERO) } else { Self::TRANSIENT }
    }
}

/// Whether an answer rejects the credential itself. A denial of permission does not.
pub(in crate::huaweicloud) fn rejects_credential(response: &ErrorResponse) -> bool {
    const OF_GATEWAY: [&str; 7] = ["0301", "0303", "0305", "0307", "0311", "0312", "0313"];
    // Some gateways put the error into an answer with a good status.
    (response.status == StatusCode::UNAUTHORIZED || response.status.is_success())
        && match response.code.split_once('.') {
            Some(("APIGW" | "APIG" | "APIC", number)) => OF_GATEWAY.contains(&number),
            Some(("DBS", number)) => ["280015", "280056"].contains(&number),
            Some(("EPS" | "PAP5", _)) => false,
            // Also an unknown code: one more call could lock the key.
            _ => response.status == StatusCode::UNAUTHORIZED,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huaweicloud::transport::tests::http_response;

    const REJECTED: &str = r#"{"error_code":"APIGW.0301","error_msg":"verify aksk signature fail"}"#;

    async fn after(result: HttpResult) -> &'static str {
        let gate = CredentialGate::default();
        let deadline = Deadline::from_user(Duration::from_secs(300));
        gate.record(deadline, &result);
        match gate.acquire(deadline).await {
            Ok(None) => "open",
            Ok(Some(_)) => "unproven",
            Err(_) => "closed",
        }
    }

    #[tokio::test]
    async fn only_a_refused_credential_closes_the_gate() {
        let code = |code: &str| format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#);
        for (status, body, expected) in [
            (200, String::new(), "open"),
            (200, code("DBS.200002"), "open"),
            (200, code("APIGW.0308"), "unproven"),
            (200, REJECTED.to_owned(), "closed"),
            (400, code("DBS.200001"), "open"),
            (404, code("DBS.200002"), "open"),
            (403, code("APIGW.0302"), "open"),
            (403, String::new(), "open"),
            (401, code("EPS.0003"), "open"),
            (401, code("DBS.280064"), "open"),
            (401, REJECTED.to_owned(), "closed"),
            (401, r#"{"error":{"code":401,"message":"wrong"}}"#.to_owned(), "closed"),
            (401, code("STS5.1003"), "closed"),
            (401, String::new(), "closed"),
            (429, String::new(), "unproven"),
            (400, code("APIGW.0308"), "unproven"),
            (500, String::new(), "unproven"),
            (503, String::new(), "unproven"),
            (302, String::new(), "unproven"),
            (407, String::new(), "unproven"),
        ] {
            assert_eq!(after(Ok(http_response(status, &[], &body))).await, expected, "{status} {body}");
        }
        let silent = TransportError::RequestTimedOut { timeout: Duration::from_secs(30), setting: None };
        for error in [
            silent,
            TransportError::ResponseTooLarge,
            TransportError::ConnectionFailed { cause: String::new() },
        ] {
            assert_eq!(after(Err(error)).await, "unproven");
        }
    }

    #[test]
    fn replacement_may_be_replaced_only_after_it_was_accepted() {
        let deadline = Deadline::from_user(Duration::ZERO);
        let (first, second) = (Gates::default(), Gates::for_replacement(true));
        let scope = Scope::Account;
        assert!(first.may_be_replaced(&scope) && !second.may_be_replaced(&scope));
        second.gate(&scope).record(deadline, &Ok(http_response(200, &[], "")));
        second.gate(&scope).record(deadline, &Ok(http_response(401, &[], REJECTED)));
        assert!(second.may_be_replaced(&scope));
    }

    #[test]
    fn new_secret_in_a_file_gets_a_new_gate() {
        let gate = SecretGate::default();
        assert!(Arc::ptr_eq(&gate.for_secret("a"), &gate.for_secret("a")));
        assert!(!Arc::ptr_eq(&gate.for_secret("a"), &gate.for_secret("b")));
    }
}
