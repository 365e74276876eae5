//! Turns errors into diagnostics: what was tried, what came back, one thing to do next. No other module does so for an
//! error of the client or of the configuration, or logs one.

pub mod catalogue;
mod credential;
mod error_response;
mod setting;

use std::time::Duration;

use tracing::error;

use crate::huaweicloud::error::{Context, Error, ErrorKind, Operation};
use crate::huaweicloud::transport::retry::{Attempts, StopReason};
use crate::huaweicloud::transport::{TransportError, shown};
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, chain};

pub(super) use setting::{config_error, unknown_setting, warnings};

/// What a data source says of errors that concern the object it reads.
pub(super) struct DataSourceErrors {
    /// The argument that names the object.
    pub(super) argument: &'static str,
    /// Summary and advice if there is no such object. `{scope}` stands for region and project.
    pub(super) not_found: (&'static str, &'static str),
    /// Summary and advice if the cloud does not accept the form of the argument.
    pub(super) malformed: (&'static str, &'static str),
}

/// The diagnostic for a failed read, which is logged as well.
pub(super) fn diagnostic(error: &Error, texts: &DataSourceErrors) -> Diagnostic {
    error!(error = chain(error), "read failed");
    let Error { context, kind } = error;
    diagnostic_for(context, kind, &tried(context), texts)
}

/// `tried` is the first sentence.
fn diagnostic_for(context: &Context, kind: &ErrorKind, tried: &str, texts: &DataSourceErrors) -> Diagnostic {
    match kind {
        ErrorKind::Response { response, attempts, received } => {
            error_response::refused(context, response, *attempts, *received, tried, texts)
        }
        ErrorKind::Credential(error) => credential::diagnostic_for(context, error, tried),
        ErrorKind::Transport { error, attempts } => unanswered(error, *attempts, tried, "It"),
        ErrorKind::Decode(error) => Diagnostic::error(
            "Unexpected Answer",
            format!(
                "{tried} The answer has a good status, but {error}. If a proxy stands between this machine and the \
                 cloud, look at what it does; else please report this answer at {}/issues.",
                env!("CARGO_PKG_REPOSITORY")
            ),
        ),
        ErrorKind::ProjectLookup(kind) => {
            let lookup = Context { operation: Operation::PROJECT_LOOKUP, ..context.clone() };
            let tried = format!("{tried} For that its project had to be looked up.");
            let diagnostic = diagnostic_for(&lookup, kind, &tried, texts);
            let advice = "With project_id set in the provider block no look-up is needed.";
            Diagnostic { detail: format!("{} {advice}", diagnostic.detail), path: None, ..diagnostic }
        }
        ErrorKind::ProjectNotFound { name } => Diagnostic::error(
            "No Matching Project",
            format!(
                "{tried} The account has no project named {name:?}. A region gets its project when somebody of the \
                 account first opens it in the console; a sub-project is named like \"{}_team\". Set project_name to \
                 the right name, or project_id to the project's ID.",
                context.region
            ),
        ),
        ErrorKind::ProjectDisabled { name, id } => Diagnostic::error(
            "Project Disabled",
            format!(
                "{tried} The project {name:?} (ID {id}) is disabled. Have it enabled in the IAM console, or set \
                 project_id to another one."
            ),
        ),
        ErrorKind::EndpointRegionMismatch => Diagnostic::error(
            "Endpoint Of Another Region",
            format!(
                "{tried} But the provider's endpoints.dds is the address of one region only. Put {{region}} into it \
                 in the place of the region's code, or use a second provider block for the other region."
            ),
        )
        .at(AttributePath::attribute("region")),
        ErrorKind::DeadlineExceeded(limit) => timed_out(*limit, tried, "It"),
    }
}

fn tried(context: &Context) -> String {
    let project = context.project.as_ref().map(|id| format!(", project {id}")).unwrap_or_default();
    format!("Tried {} in region {}{project}.", context.operation, context.region)
}

/// The diagnostic for a read that exceeded its limit. `what` is the subject of the sentence.
fn timed_out(limit: Duration, tried: &str, what: &str) -> Diagnostic {
    let (summary, advice) = advice(&TransportError::ReadTimedOut { limit });
    let limit = shown(limit);
    Diagnostic::error(
        summary,
        format!("{tried} {what} was given up after {limit}, the read's limit (timeouts.read). {advice}"),
    )
}

/// The diagnostic for a request without a response. `what` is the subject of the sentence.
fn unanswered(error: &TransportError, attempts: Attempts, tried: &str, what: &str) -> Diagnostic {
    if let TransportError::ReadTimedOut { limit } = error {
        return timed_out(*limit, tried, what);
    }
    let (summary, advice) = advice(error);
    let repeated = if error.is_queued() { String::new() } else { repeated(attempts) };
    let cause = error.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    Diagnostic::error(summary, format!("{tried} {what} failed: {error}{cause}{repeated}. {advice}"))
}

/// The summary, and one thing to do.
fn advice(error: &TransportError) -> (&'static str, &'static str) {
    match error {
        TransportError::NameResolution { temporary: false, .. } => {
            ("Host Not Found", "Check the spelling of region, and cloud and endpoints if they are set.")
        }
        TransportError::NameResolution { temporary: true, .. } => {
            ("Name ResolvedConfig Failed", "Check this machine's DNS settings and network.")
        }
        TransportError::ConnectionFailed { .. } => {
            ("Connection Failed", "Check the network, and HTTPS_PROXY and NO_PROXY if there is a proxy.")
        }
        TransportError::UntrustedCertificate { .. } => (
            "Untrusted Certificate",
            "If a proxy inspects TLS, or the cloud is a private one, name a file with its CA in cacert_file or in the \
             environment variable SSL_CERT_FILE.",
        ),
        TransportError::ExpiredCertificate { .. } => (
            "Expired Certificate",
            "Correct this machine's clock if it is wrong. Otherwise ask whoever runs the server, or the proxy that \
             inspects TLS, to renew its certificate.",
        ),
        TransportError::CertificateNotYetValid { .. } => (
            "Certificate Not Valid Yet",
            "Correct this machine's clock if it is wrong. Otherwise ask whoever runs the server, or the proxy that \
             inspects TLS, for a certificate that is valid now.",
        ),
        TransportError::CertificateNameMismatch { .. } => (
            "Wrong Certificate",
            "Use one of these names in endpoints, auth_url or cloud if they are set. Otherwise check the DNS entry of the \
             host: another server answers.",
        ),
        TransportError::InvalidProxy { .. } => (
            "Invalid Proxy",
            "Set the variable to a URL such as http://proxy.example.com:3128, or list the host in NO_PROXY.",
        ),
        TransportError::NoCertificateStore { .. } => (
            "No Certificate Store",
            "Install the system's CA certificates (often a package named ca-certificates), or name a PEM file in \
             SSL_CERT_FILE.",
        ),
        TransportError::RequestTimedOut { .. } => (
            "Request Timed Out",
            "Try again later, check for a firewall that drops packets, or raise the limit if answers take long.",
        ),
        TransportError::ReadTimedOut { .. } => {
            ("Read Timed Out", "Try again later, or raise timeouts.read if answers take long.")
        }
        TransportError::QueueTimedOut { .. } => (
            "Read Timed Out",
            "Check that the service answers, or give the read more time in its timeouts block.",
        ),
        TransportError::IncompleteResponse { .. } => {
            ("Connection Interrupted", "Try again later, or check the proxy or firewall on the way.")
        }
        TransportError::ResponseTooLarge => {
            ("Unexpected Answer", "Check endpoints if they are set: this is not the cloud's answer.")
        }
        TransportError::InvalidRequest { .. } => {
            ("Invalid Request", "Check the URLs in endpoints and auth_url.")
        }
    }
}

/// The number of tries, and the reason why there was no other.
fn repeated(attempts: Attempts) -> String {
    let tries = match (attempts.count, attempts.stop_reason) {
        (0, StopReason::NotRetryable) => ", to an earlier call; it is not repeated".to_owned(),
        (0, _) => ", to an earlier call".to_owned(),
        (1, StopReason::MaxRetries) => ", and max_retries allows no other try".to_owned(),
        (1, _) => String::new(),
        (tries, _) => format!(", after {tries} tries in {:.1} s", attempts.elapsed.as_secs_f64()),
    };
    let stop = match attempts.stop_reason {
        StopReason::NotRetryable | StopReason::MaxRetries => String::new(),
        StopReason::ReadTimeout { limit } => {
            format!("; the read's limit of {} (timeouts.read) leaves no time for another try", shown(limit))
        }
        StopReason::RetryAfter { asked, limit } => format!(
            "; it asks for a pause of {} (Retry-After), which does not end within the read's limit of {} (timeouts.read)",
            shown(asked),
            shown(limit)
        ),
        StopReason::NoResponse => "; set timeouts.read to have it tried for longer".to_owned(),
    };
    tries + &stop
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::huaweicloud::auth;
    use crate::huaweicloud::error::DecodeError;
    use crate::huaweicloud::transport::ErrorResponse;

    /// Where the credential of these tests comes from.
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
            raw: Default::default(),
            request_id: Some("req-1".into()),
            authorization: None,
            date: Some(now()),
        })
    }

    pub(super) fn diagnostic_of(kind: ErrorKind) -> Diagnostic {
        let context = Context {
            operation: Operation::SSL_CERT_DOWNLOAD_LINKS,
            region: "cn-north-4".into(),
            project: Some("p1".into()),
            credential: ORIGIN.into(),
        };
        let found = diagnostic(&Error { context, kind }, &crate::provider::data_sources::INSTANCE);
        check_wording(&found);
        found
    }

    /// Checks that the summary is a phrase, and the detail sentences.
    pub(in crate::provider) fn check_wording(Diagnostic { summary, detail, .. }: &Diagnostic) {
        assert!(summary.split(' ').all(|word| word.starts_with(char::is_uppercase)), "{summary}");
        assert!(detail.ends_with(['.', '?']) && !detail.contains("  "), "{detail}");
    }

    pub(super) fn refused(status: u16, code: &str, message: &str) -> Diagnostic {
        refused_after(ONCE, status, code, message)
    }

    fn refused_after(attempts: Attempts, status: u16, code: &str, message: &str) -> Diagnostic {
        let response = response(status, code, message);
        diagnostic_of(ErrorKind::Response { response, attempts, received: now() })
    }

    /// Checks each error's summary and a part of its detail.
    pub(super) fn check(errors: impl IntoIterator<Item = (ErrorKind, &'static str, &'static str)>) {
        for (kind, summary, part) in errors {
            let found = diagnostic_of(kind);
            assert_eq!(found.summary, summary);
            assert!(found.detail.contains(part), "{} lacks {part:?}", found.detail);
        }
    }

    #[test]
    fn detail_says_what_was_tried_what_came_back_and_what_to_do() {
        let found = refused(404, "DBS.200002", "The instance does not exist.");
        assert_eq!(found.summary, "Instance Not Found");
        assert_eq!(found.path, Some(AttributePath::attribute("instance_id")));
        insta::assert_snapshot!(found.detail, @r#"Tried reading the certificate download links of the instance in region cn-north-4, project p1. The cloud answered with HTTP 404, code DBS.200002, message "The instance does not exist.", request ID req-1. Compare instance_id with the DDS console, in region cn-north-4 and project p1. An instance of another region needs region, one of a sub-project needs project_name or project_id in the provider block."#);
    }

    #[test]
    fn every_transport_error_has_its_summary() {
        let cause = || "os error 111".to_owned();
        for (error, summary) in [
            (TransportError::NameResolution { cause: cause(), temporary: false }, "Host Not Found"),
            (
                TransportError::NameResolution { cause: cause(), temporary: true },
                "Name ResolvedConfig Failed",
            ),
            (TransportError::ConnectionFailed { cause: cause() }, "Connection Failed"),
            (TransportError::UntrustedCertificate { cause: cause() }, "Untrusted Certificate"),
            (TransportError::ExpiredCertificate { cause: cause() }, "Expired Certificate"),
            (TransportError::CertificateNotYetValid { cause: cause() }, "Certificate Not Valid Yet"),
            (TransportError::CertificateNameMismatch { cause: cause() }, "Wrong Certificate"),
            (TransportError::InvalidProxy { variable: "https_proxy", cause: cause() }, "Invalid Proxy"),
            (TransportError::NoCertificateStore { cause: cause() }, "No Certificate Store"),
            (
                TransportError::RequestTimedOut { limit: Duration::from_secs(30), setting: None },
                "Request Timed Out",
            ),
            (TransportError::IncompleteResponse { cause: cause() }, "Connection Interrupted"),
            (TransportError::ResponseTooLarge, "Unexpected Answer"),
            (TransportError::InvalidRequest { cause: cause() }, "Invalid Request"),
        ] {
            let found = diagnostic_of(ErrorKind::Transport { error: error.clone(), attempts: ONCE });
            assert_eq!(found.summary, summary);
            assert!(found.detail.contains(&error.to_string()), "{}", found.detail);
            assert_eq!(error.cause().is_some(), found.detail.contains("(os error 111)"), "{}", found.detail);
        }
    }

    fn login(status: u16) -> ErrorKind {
        let response = response(status, &status.to_string(), "wrong");
        let request = auth::CredentialRequest::PasswordLogin;
        ErrorKind::Credential(auth::Error::Response { request, response, attempts: ONCE })
    }

    #[test]
    fn errors_before_the_call_are_reported_as_such() {
        let disabled = ErrorKind::ProjectDisabled { name: "n".into(), id: "p".into() };
        let login_failed = "The login to IAM was answered with HTTP 401, code 401, message \"wrong\"";
        check([
            (
                ErrorKind::ProjectNotFound { name: "n".into() },
                "No Matching Project",
                "first opens it in the console",
            ),
            (disabled, "Project Disabled", "(ID p) is disabled"),
            (ErrorKind::EndpointRegionMismatch, "Endpoint Of Another Region", "Put {region} into it"),
            (ErrorKind::DeadlineExceeded(Duration::from_secs(300)), "Read Timed Out", "given up after 300 s"),
            (ErrorKind::Decode(DecodeError::NullField("certs")), "Unexpected Answer", "but certs is null"),
            (login(401), "Authentication Failed", login_failed),
            (login(400), "Credential Refused", ORIGIN),
        ]);
        let lookup = ErrorKind::Response { response: response(403, "", ""), attempts: ONCE, received: now() };
        let found = diagnostic_of(ErrorKind::ProjectLookup(Box::new(lookup)));
        assert_eq!(found.summary, "Access Denied");
        let detail = found.detail;
        assert!(
            detail.contains("had to be looked up") && detail.ends_with("no look-up is needed."),
            "{detail}"
        );
        assert!(detail.contains("to list projects") && !detail.contains("dds:"), "{detail}");
    }

    #[test]
    fn tries_and_the_reason_for_no_further_one_are_reported() {
        let seconds = Duration::from_secs;
        for (tries, stop, part) in [
            (6, StopReason::NotRetryable, "request ID req-1, after 6 tries in 7.2 s."),
            (0, StopReason::NotRetryable, "to an earlier call; it is not repeated."),
            (1, StopReason::MaxRetries, "request ID req-1, and max_retries allows no other try."),
            (
                9,
                StopReason::ReadTimeout { limit: seconds(60) },
                "request ID req-1, after 9 tries in 7.2 s; the read's limit of 60 s (timeouts.read) leaves no time for \
                 another try.",
            ),
            (
                0,
                StopReason::ReadTimeout { limit: Duration::from_millis(500) },
                "to an earlier call; the read's limit of 500 ms (timeouts.read)",
            ),
            (
                1,
                StopReason::RetryAfter { asked: seconds(60), limit: seconds(60) },
                "request ID req-1; it asks for a pause of 60 s (Retry-After), which does not end within the read's limit \
                 of 60 s (timeouts.read).",
            ),
        ] {
            let attempts = Attempts { count: tries, elapsed: Duration::from_millis(7250), stop_reason: stop };
            let found = refused_after(attempts, 429, "APIGW.0308", "slow");
            assert_eq!(found.summary, "Too Many Requests");
            assert!(found.detail.contains(part), "{}", found.detail);
            assert!(found.detail.contains("HTTP 429, code APIGW.0308, message \"slow\""), "{}", found.detail);
        }
    }

    #[test]
    fn exceeded_limit_is_reported_with_its_setting() {
        let short = Duration::from_millis(500);
        let attempts = Attempts {
            count: 2,
            elapsed: Duration::from_millis(60_300),
            stop_reason: StopReason::NoResponse,
        };
        let silent = TransportError::RequestTimedOut {
            limit: Duration::from_secs(30),
            setting: Some("request_timeout"),
        };
        let login = auth::Error::Transport {
            request: auth::CredentialRequest::PasswordLogin,
            error: TransportError::ReadTimedOut { limit: short },
            attempts: ONCE,
        };
        check([
            (
                ErrorKind::DeadlineExceeded(short),
                "Read Timed Out",
                "It was given up after 500 ms, the read's limit (timeouts.read).",
            ),
            (
                ErrorKind::Credential(login),
                "Read Timed Out",
                "The login to IAM was given up after 500 ms, the read's limit (timeouts.read).",
            ),
            (
                ErrorKind::Transport { error: silent, attempts },
                "Request Timed Out",
                "no answer came within the time limit of 30 s (request_timeout), after 2 tries in 60.3 s; set timeouts.read",
            ),
        ]);
    }
}
