//! The wording of messages.

use std::time::{Duration, SystemTime};

use super::*;
use crate::huaweicloud::auth;
use crate::huaweicloud::error::DecodeError;
use crate::huaweicloud::transport::ErrorResponse;

/// The origin of the credential in these tests.
pub(super) const ORIGIN: &str = "the environment variables HW_ACCESS_KEY and HW_SECRET_KEY";

pub(super) const ONCE: Attempts =
    Attempts { count: 1, elapsed: Duration::ZERO, stop_reason: StopReason::NotRetryable };

pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_465_800)
}

pub(super) fn response(status: u16, code: &str, message: &str) -> Box<ErrorResponse> {
    Box::new(ErrorResponse {
        status: status.try_into().unwrap(),
        code: code.into(),
        message: message.into(),
        raw_message: Default::default(),
        request_id: Some("req-1".into()),
        authorization_message: None,
        date: Some(now()),
    })
}

pub(super) fn diagnostic_of(kind: ErrorKind) -> Diagnostic {
    let context = Context {
        operation: Operation::SSL_CERT_DOWNLOAD_LINKS,
        region: "cn-north-4".into(),
        project: Some("p1".into()),
        instance: None,
        credential: ORIGIN.into(),
    };
    let diagnostic = diagnostic(&Error { context, kind }, &crate::provider::data_sources::INSTANCE);
    check_wording(&diagnostic);
    let origin =
        "Reading the certificate download links of the instance failed in region cn-north-4, project p1.";
    assert!(diagnostic.detail.starts_with(origin), "{}", diagnostic.detail);
    diagnostic
}

/// The verbs that an action begins with.
const VERBS: &[&str] = &[
    "Attach", "Check", "Compare", "Copy", "Correct", "Create", "Enable", "Get", "Grant", "Install", "Raise",
    "Remove", "Replace", "Request", "Run", "Set", "Try", "Unset", "Use", "Wait",
];

/// Checks that the catalogue has the diagnostic, and that its detail consists of sentences and ends with an action.
pub(in crate::provider) fn check_wording(diagnostic: &Diagnostic) {
    let Diagnostic { summary, detail, severity, .. } = diagnostic;
    assert!(catalogue::contains(*severity, summary), "{summary} is not in the catalogue");
    let sentences: Vec<_> = detail.strip_suffix('.').expect(detail).split(". ").collect();
    let (action, facts) = sentences.split_last().unwrap();
    let action = ["Or ", "Otherwise "].iter().find_map(|word| action.strip_prefix(word)).unwrap_or(action);
    let clauses = action.split(", ").map(|clause| clause.split(' ').next().unwrap().to_lowercase());
    let is_verb = |word: &String| VERBS.iter().any(|verb| verb.to_lowercase() == *word);
    let mut clauses = clauses.skip(usize::from(action.starts_with("If ")));
    assert!(clauses.next().as_ref().is_some_and(is_verb), "the detail does not end with an action: {detail}");
    assert!(!facts.is_empty() && !detail.contains("  "), "{detail}");
}

pub(super) fn rejected(status: u16, code: &str, message: &str) -> Diagnostic {
    rejected_after(ONCE, status, code, message)
}

pub(super) fn rejected_after(attempts: Attempts, status: u16, code: &str, message: &str) -> Diagnostic {
    let response = response(status, code, message);
    diagnostic_of(ErrorKind::Response { response, attempts, received: now() })
}

/// Checks each error's summary and a part of its detail.
pub(super) fn check(errors: impl IntoIterator<Item = (ErrorKind, &'static str, &'static str)>) {
    for (kind, summary, part) in errors {
        let diagnostic = diagnostic_of(kind);
        assert_eq!(diagnostic.summary, summary);
        assert!(diagnostic.detail.contains(part), "{} lacks {part:?}", diagnostic.detail);
    }
}

#[test]
fn detail_says_what_failed_what_came_back_what_to_do() {
    let diagnostic = rejected(404, "DBS.200002", "The instance does not exist.");
    assert_eq!(diagnostic.summary, "Instance Not Found");
    assert_eq!(diagnostic.path, Some(AttributePath::attribute("instance_id")));
    insta::assert_snapshot!(diagnostic.detail, @r#"Reading the certificate download links of the instance failed in region cn-north-4, project p1. Huawei Cloud responded with HTTP 404, code DBS.200002, message "The instance does not exist.", request ID req-1. An instance in another region requires region in the data source, and one in a sub-project requires project_name in the provider block. Compare instance_id, region and project with the DDS console."#);
}

#[test]
fn instance_in_a_list_is_named_after_the_project() {
    let context = Context {
        operation: Operation::REPLICA_SET_NAME,
        region: "cn-north-4".into(),
        project: Some("p1".into()),
        instance: Some("i1".into()),
        credential: ORIGIN.into(),
    };
    let kind = ErrorKind::Decode(DecodeError::MissingField("name"));
    let detail = diagnostic(&Error { context, kind }, &crate::provider::data_sources::INSTANCE).detail;
    let start = "Reading the name of the replica set failed in region cn-north-4, project p1, instance i1. ";
    assert!(detail.starts_with(start), "{detail}");
}

fn password_error(status: u16) -> ErrorKind {
    let response = response(status, &status.to_string(), "wrong");
    let request = auth::CredentialRequest::PasswordAuth;
    ErrorKind::Credential(auth::Error::Response { request, response, attempts: ONCE })
}

#[test]
fn errors_before_the_call_are_reported_as_such() {
    let disabled = ErrorKind::ProjectDisabled { name: "n".into(), id: "p".into() };
    let password_rejected = "failed: the response is HTTP 401, code 401, message \"wrong\"";
    check([
        (ErrorKind::ProjectNotFound { name: "n".into() }, "Project Not Found", "opens the region in"),
        (disabled, "Project Disabled", "(ID p) is disabled"),
        (ErrorKind::EndpointRegionMismatch, "Endpoint Of Another Region", "the placeholder {region}"),
        (ErrorKind::Decode(DecodeError::NullField("certs")), "Invalid Response", "certs is null"),
        (password_error(401), "Authentication Failed", password_rejected),
        (password_error(400), "Credential Request Rejected", ORIGIN),
    ]);
    let lookup = ErrorKind::Response { response: response(403, "", ""), attempts: ONCE, received: now() };
    let diagnostic = diagnostic_of(ErrorKind::ProjectLookup(Box::new(lookup)));
    assert_eq!(diagnostic.summary, "Access Denied");
    let detail = diagnostic.detail;
    assert!(detail.contains("up the project in IAM") && detail.ends_with("no lookup is needed."), "{detail}");
    assert!(detail.contains("to list projects") && !detail.contains("dds:"), "{detail}");
    // The read would be rejected, too.
    let lookup = ErrorKind::Response { response: response(401, "", ""), attempts: ONCE, received: now() };
    let detail = diagnostic_of(ErrorKind::ProjectLookup(Box::new(lookup))).detail;
    assert!(!detail.contains("project_id"), "{detail}");
}

#[test]
fn attempts_and_the_reason_for_no_retry_are_reported() {
    let seconds = Duration::from_secs;
    for (count, stop_reason, part) in [
        (6, StopReason::NotRetryable, "request ID req-1, after 6 attempts in 7.2 s."),
        (
            0,
            StopReason::NotRetryable,
            "in an earlier request with the same credential; this credential is not sent again.",
        ),
        (1, StopReason::MaxRetries, "request ID req-1, and max_retries allows no retry."),
        (
            9,
            StopReason::ReadTimeout { timeout: seconds(60) },
            "request ID req-1, after 9 attempts in 7.2 s; the read timeout of 60 s (timeouts.read) leaves no time \
                 for a retry.",
        ),
        (
            0,
            StopReason::ReadTimeout { timeout: Duration::from_millis(500) },
            "in an earlier request with the same credential; the read timeout of 500 ms (timeouts.read)",
        ),
        (
            1,
            StopReason::RetryAfter { delay: seconds(60), timeout: seconds(60) },
            "request ID req-1; the requested delay of 60 s (Retry-After) does not end within the read timeout of \
                 60 s (timeouts.read).",
        ),
    ] {
        let attempts = Attempts { count, elapsed: Duration::from_millis(7250), stop_reason };
        let diagnostic = rejected_after(attempts, 429, "APIGW.0308", "slow");
        assert_eq!(diagnostic.summary, "Too Many Requests");
        assert!(diagnostic.detail.contains(part), "{}", diagnostic.detail);
        assert!(
            diagnostic.detail.contains("HTTP 429, code APIGW.0308, message \"slow\""),
            "{}",
            diagnostic.detail
        );
    }
}

#[test]
fn exceeded_timeout_is_reported_with_its_setting() {
    let short = Duration::from_millis(500);
    let attempts =
        Attempts { count: 2, elapsed: Duration::from_millis(60_300), stop_reason: StopReason::NoResponse };
    let no_response = TransportError::RequestTimedOut {
        timeout: Duration::from_secs(30),
        setting: Some("request_timeout"),
    };
    let password_timeout = auth::Error::Transport {
        request: auth::CredentialRequest::PasswordAuth,
        error: TransportError::ReadTimedOut { timeout: short },
        attempts: ONCE,
    };
    check([
        (ErrorKind::DeadlineExceeded(short), "Read Timed Out", "of 500 ms (timeouts.read)."),
        (ErrorKind::Credential(password_timeout), "Read Timed Out", "of 500 ms (timeouts.read)."),
        (
            ErrorKind::Transport { error: no_response, attempts },
            "Request Timed Out",
            "of 30 s (request_timeout), after 2 attempts in 60.3 s; timeouts.read is not set",
        ),
    ]);
}
