//! Everything that can come back in place of a result, as tables for the documentation.

use std::time::{Duration, SystemTime};

use super::error_response::advice;
use crate::huaweicloud::error::{Context, Operation};
use crate::huaweicloud::error_codes::{self, CODES, ErrorCategory, MESSAGE_PATTERNS};
use crate::huaweicloud::transport::{ErrorResponse, TransportError};
use crate::provider::data_sources;

const HEAD: &str = "| What comes back | Error | What to do |\n|---|---|---|\n";

/// The table of error responses: by code, by the gateway's message, by status.
pub fn refusals() -> String {
    let codes = CODES.iter().map(|(category, codes)| (list(codes), *category));
    let words = MESSAGE_PATTERNS
        .map(|(words, error)| (format!("`APIGW.0301`: \"{words}\""), ErrorCategory::Unauthenticated(error)));
    let statuses = [
        (401, "401"),
        (403, "403"),
        (404, "404"),
        (429, "429"),
        (500, "5xx"),
        (302, "3xx"),
        (400, "4xx"),
        (206, "206"),
    ];
    let statuses =
        statuses.map(|(status, shown)| (format!("any other HTTP {shown}"), error_codes::by_status(status)));
    let absent = ("any other `DBS.*` with HTTP 404".to_owned(), ErrorCategory::NotFound);
    let rows = codes.chain(words).chain([absent]).chain(statuses);
    rows.fold(HEAD.to_owned(), |table, (answer, category)| {
        let (summary, advice) = with_placeholders(category);
        format!("{table}| {answer} | {summary} | {advice} |\n")
    })
}

/// The table of reasons why there is no response.
pub fn failures() -> String {
    let cause = String::new;
    let failures = [
        TransportError::NameResolution { cause: "there is none of this name".into(), temporary: false },
        TransportError::NameResolution { cause: "the resolver does not answer".into(), temporary: true },
        TransportError::ConnectionFailed { cause: cause() },
        TransportError::UntrustedCertificate { cause: cause() },
        TransportError::ExpiredCertificate { cause: cause() },
        TransportError::CertificateNotYetValid { cause: cause() },
        TransportError::CertificateNameMismatch { cause: cause() },
        TransportError::InvalidProxy { variable: "HTTPS_PROXY", cause: cause() },
        TransportError::NoCertificateStore { cause: cause() },
        TransportError::RequestTimedOut { limit: Duration::from_secs(30), setting: Some("request_timeout") },
        TransportError::ReadTimedOut { limit: Duration::from_secs(300) },
        TransportError::QueueTimedOut { limit: Duration::from_secs(300) },
        TransportError::IncompleteResponse { cause: cause() },
        TransportError::ResponseTooLarge,
        TransportError::InvalidRequest { cause: cause() },
    ];
    failures.iter().fold(HEAD.to_owned(), |table, error| {
        let (summary, advice) = super::advice(error);
        let cause = error.cause().filter(|cause| !cause.is_empty());
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{table}| {error}{cause} | {summary} | {advice} |\n")
    })
}

fn list(codes: &[&str]) -> String {
    codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
}

/// The summary and advice of a run, with placeholders for what only a run knows.
fn with_placeholders(category: ErrorCategory) -> (&'static str, String) {
    let context = Context {
        operation: Operation::SSL_CERT_DOWNLOAD_LINKS,
        region: "REGION".into(),
        project: Some("PROJECT".into()),
        credential: "CREDENTIAL".into(),
    };
    advice(&context, category, &ErrorResponse::default(), SystemTime::UNIX_EPOCH, &data_sources::INSTANCE)
}
