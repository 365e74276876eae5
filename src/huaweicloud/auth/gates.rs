//! Gates that prevent a rejected secret from being sent again.
//!
//! Each secret has one gate per scope. Every attempt that contains the secret, or is signed with it, passes this gate.
//! So a rejected secret is sent only once per scope, even if many instances are read.

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

/// The scope that a credential is used in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::huaweicloud) enum Scope {
    /// Calls in a project.
    Project(ProjectRef),
    /// Calls of account-level services, for example to assume an agency.
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
    /// Returns the scope in IAM's format, or null for an unknown account. IAM then uses the caller's own account.
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

/// A gate that opens when the cloud accepts the credential, and closes permanently when the cloud rejects it.
#[derive(Default)]
pub(in crate::huaweicloud) struct CredentialGate(FirstCallGate<(), HttpResult>);

/// The gates of one secret, by scope: a credential rejected in one project may be valid in another.
#[derive(Default)]
pub(super) struct Gates {
    by_scope: Mutex<HashMap<Scope, Arc<CredentialGate>>>,
    /// Whether this secret was fetched because the previous one was rejected.
    is_replacement: bool,
}

/// The gate of a secret, such as a password, that is sent only to IAM, STS or a container's identity service. It is the
/// same for all projects. If another program writes a new secret to the file, the new secret gets a new gate.
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

    /// Whether the cloud may accept a new secret after it rejected this one. A replacement that was never accepted is
    /// not replaced again, because its secret is probably not the cause.
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
            AcquireResult::First(guard) => Ok(Some(guard)),
            AcquireResult::Closed(result) => Err(result),
            AcquireResult::TimedOut => Err(Err(TransportError::QueueTimedOut { timeout: deadline.timeout })),
        }
    }

    fn record(&self, deadline: Deadline, result: &HttpResult) {
        match credential_status(result) {
            CredentialStatus::Accepted => self.0.record(deadline, Ok(()), ErrorTtl::Forever),
            CredentialStatus::Rejected => self.0.record(deadline, Err(result.clone()), ErrorTtl::Forever),
            // After the credential has been accepted, no caller waits for this result.
            CredentialStatus::Inconclusive if !self.0.is_open() => {
                self.0.record(deadline, Err(result.clone()), ErrorTtl::Transient(Duration::ZERO))
            }
            CredentialStatus::Inconclusive | CredentialStatus::CallSpecific => {}
        }
    }
}

/// The status of a credential after a call.
enum CredentialStatus {
    Accepted,
    Rejected,
    /// Unknown. Other calls would get the same result now.
    Inconclusive,
    /// Unknown. The cause may be this call alone.
    CallSpecific,
}

fn credential_status(result: &HttpResult) -> CredentialStatus {
    let response = match result {
        Ok(response) => response,
        Err(TransportError::ResponseTooLarge | TransportError::InvalidRequest { .. }) => {
            return CredentialStatus::CallSpecific;
        }
        Err(_) => return CredentialStatus::Inconclusive,
    };
    let error = ErrorResponse::from_response(response);
    if error.as_ref().is_some_and(rejects_credential) {
        return CredentialStatus::Rejected;
    }
    match response.status.as_u16() {
        408 | 429 | 500..=599 => CredentialStatus::Inconclusive,
        // From a sign-in page or a proxy.
        300..=399 | 407 => CredentialStatus::CallSpecific,
        _ if error.is_some_and(|error| error.is_gateway("0308")) => CredentialStatus::Inconclusive,
        // Includes denied permissions, which sometimes have status 401: the cloud has recognised the caller.
        _ => CredentialStatus::Accepted,
    }
}

impl ErrorTtl {
    /// For an error that another request would get again. Short enough that a user can fix the cause during a run.
    pub(in crate::huaweicloud) const PERSISTENT: Self = Self::Fixed(Duration::from_secs(60));

    /// For a temporary error. Ten seconds are enough, because the reads of a run follow each other closely.
    const TRANSIENT: Self = Self::Transient(Duration::from_secs(10));

    /// Returns the TTL of an error response. For a rejected credential, the gate also stores the response permanently.
    pub(in crate::huaweicloud) fn for_response(response: &ErrorResponse) -> Self {
        Self::for_status(response.status)
    }

    /// Returns the TTL of an error response with this status.
    pub(in crate::huaweicloud) fn for_status(status: StatusCode) -> Self {
        match status.as_u16() {
            408 | 429 | 500..=599 => Self::TRANSIENT,
            _ => Self::PERSISTENT,
        }
    }

    pub(in crate::huaweicloud) fn for_error(error: &TransportError) -> Self {
        // Nothing was sent, so this error shows nothing about the service.
        if error.is_queued() { Self::Transient(Duration::ZERO) } else { Self::TRANSIENT }
    }
}

/// Whether the cloud rejected the credential itself. Denied permissions do not count.
pub(in crate::huaweicloud) fn rejects_credential(response: &ErrorResponse) -> bool {
    const GATEWAY_CODES: [&str; 7] = ["0301", "0303", "0305", "0307", "0311", "0312", "0313"];
    // Some gateways return this error with a 2xx status.
    (response.status == StatusCode::UNAUTHORIZED || response.status.is_success())
        && match response.code.split_once('.') {
            Some(("APIGW" | "APIG" | "APIC", number)) => GATEWAY_CODES.contains(&number),
            Some(("DBS", number)) => ["280015", "280056"].contains(&number),
            Some(("EPS" | "PAP5", _)) => false,
            // This includes unknown codes, because one more call could lock the key.
            _ => response.status == StatusCode::UNAUTHORIZED,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huaweicloud::transport::tests::http_response;

    const REJECTED: &str = r#"{"error_code":"APIGW.0301","error_msg":"verify aksk signature fail"}"#;

    async fn state_after(result: HttpResult) -> &'static str {
        let gate = CredentialGate::default();
        let deadline = Deadline::from_user(Duration::from_secs(300));
        gate.record(deadline, &result);
        match gate.acquire(deadline).await {
            Ok(None) => "open",
            Ok(Some(_)) => "undecided",
            Err(_) => "closed",
        }
    }

    #[tokio::test]
    async fn only_a_rejected_credential_closes_the_gate() {
        let code = |code: &str| format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#);
        for (status, body, expected) in [
            (200, String::new(), "open"),
            (200, code("DBS.200002"), "open"),
            (200, code("APIGW.0308"), "undecided"),
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
            (429, String::new(), "undecided"),
            (400, code("APIGW.0308"), "undecided"),
            (500, String::new(), "undecided"),
            (503, String::new(), "undecided"),
            (302, String::new(), "undecided"),
            (407, String::new(), "undecided"),
        ] {
            assert_eq!(state_after(Ok(http_response(status, &[], &body))).await, expected, "{status} {body}");
        }
        let timed_out = TransportError::RequestTimedOut { timeout: Duration::from_secs(30), setting: None };
        for error in [
            timed_out,
            TransportError::ResponseTooLarge,
            TransportError::ConnectionFailed { cause: String::new() },
        ] {
            assert_eq!(state_after(Err(error)).await, "undecided");
        }
    }

    #[test]
    fn replacement_is_replaceable_only_after_acceptance() {
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
