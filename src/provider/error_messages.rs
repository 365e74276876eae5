//! Turns errors into diagnostics. Each detail says what failed, what came back, and one thing to do.
//!
//! Only this module turns the errors of the client and of the configuration into diagnostics, and logs them.

pub mod catalogue;
mod credential;
mod download;
mod request_error;
mod setting;

use tracing::error;

use crate::huaweicloud::error::{Context, Error, ErrorKind, Operation};
use crate::huaweicloud::error_codes::{self, ErrorCategory};
use crate::huaweicloud::strings::printable;
use crate::huaweicloud::transport::retry::{Attempts, StopReason};
use crate::huaweicloud::transport::{TransportError, format_duration};
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, error_chain};
use catalogue::Message;
use request_error::{Received, transport_error};

pub(super) use setting::{config_error, unknown_setting, warnings};

/// The errors of a data source that concern the object that it reads.
pub(super) struct DataSourceErrors {
    /// The argument that names the object.
    pub(super) argument: &'static str,
    /// The message for an object that does not exist, and what to do.
    pub(super) not_found: (&'static Message, &'static str),
    /// The message for an argument whose format Huawei Cloud does not accept, and what to do.
    pub(super) invalid_argument: (&'static Message, &'static str),
}

/// Returns the diagnostic for a failed read, and logs the error.
pub(super) fn diagnostic(error: &Error, errors: &DataSourceErrors) -> Diagnostic {
    error!(error = error_chain(error), "read failed");
    read_error(&FailedRequest::of_dds(&error.context, errors), &error.kind)
}

/// A request that failed, for messages.
struct FailedRequest<'a> {
    context: &'a Context,
    errors: &'a DataSourceErrors,
    /// The sentences that say what failed.
    what_failed: String,
    /// The request as the subject of a sentence.
    subject: String,
    /// The settings that determine its URL.
    url_settings: &'static str,
    /// Whether it uses no proxy.
    is_direct: bool,
}

impl<'a> FailedRequest<'a> {
    fn of_dds(context: &'a Context, errors: &'a DataSourceErrors) -> Self {
        let project = context.project.as_ref().map(|id| format!(", project {id}")).unwrap_or_default();
        let instance = context.instance.as_ref().map(|id| format!(", instance {id}")).unwrap_or_default();
        let (operation, region) = (capitalized(&context.operation.to_string()), &context.region);
        Self {
            context,
            errors,
            what_failed: format!("{operation} failed in region {region}{project}{instance}."),
            subject: "The request".to_owned(),
            url_settings: "region, and also cloud and endpoints.dds if they are set",
            is_direct: false,
        }
    }

    /// The lookup of the project, with its own context.
    fn of_lookup<'b>(&self, context: &'b Context) -> FailedRequest<'b>
    where
        'a: 'b,
    {
        FailedRequest {
            context,
            errors: self.errors,
            what_failed: format!(
                "{} The read requires the project ID, so the provider looked up the project in IAM.",
                self.what_failed
            ),
            subject: "The lookup".to_owned(),
            url_settings: "region, and also cloud, endpoints.iam and auth_url if they are set",
            is_direct: false,
        }
    }

    fn diagnostic(&self, message: &Message, came_back: &str, action: &str) -> Diagnostic {
        message.diagnostic(format!("{} {came_back} {action}", self.what_failed))
    }
}

fn read_error(request: &FailedRequest<'_>, kind: &ErrorKind) -> Diagnostic {
    let region = &request.context.region;
    match kind {
        ErrorKind::Response { response, attempts, received } => {
            request_error::diagnostic(request, Received { response, attempts: *attempts, at: *received })
        }
        ErrorKind::Credential(error) => credential::diagnostic(request, error),
        ErrorKind::Transport { error, attempts } => transport_error(request, error, *attempts),
        ErrorKind::DeadlineExceeded(timeout) => {
            transport_error(request, &TransportError::ReadTimedOut { timeout: *timeout }, Attempts::NONE)
        }
        ErrorKind::Decode(error) => request.diagnostic(
            &catalogue::INVALID_RESPONSE,
            &format!("The response has a success status, but it is invalid: {error}."),
            concat!(
                "Check whether a proxy changes responses, or report this message at ",
                env!("CARGO_PKG_REPOSITORY"),
                "/issues."
            ),
        ),
        ErrorKind::ProjectLookup(kind) => lookup_error(request, kind),
        ErrorKind::ProjectNotFound { name } => request.diagnostic(
            &catalogue::PROJECT_NOT_FOUND,
            &format!(
                "The account has no project named {name:?}. Huawei Cloud creates the project of a region when somebody \
                 opens the region in the console for the first time. A sub-project has a name such as \
                 \"{region}_team\"."
            ),
            &format!(
                "Set project_name or project_id in a provider block for region {region} to an existing project."
            ),
        ),
        ErrorKind::ProjectDisabled { name, id } => request.diagnostic(
            &catalogue::PROJECT_DISABLED,
            &format!("The project {name:?} (ID {id}) is disabled."),
            &format!(
                "Enable it in the IAM console, or set project_id to another project in a provider block for region \
                 {region}."
            ),
        ),
        ErrorKind::Download { category, error } => download::diagnostic(request, category, error),
        ErrorKind::CategoryNotFound { category, found } => {
            let found: Vec<_> = found.iter().map(|category| printable(category)).collect();
            let found = found.join(", ");
            request
                .diagnostic(
                    &catalogue::CATEGORY_NOT_FOUND,
                    &format!("The instance has no certificate of the category {category:?}. It has only: {found}."),
                    "Set category to one of these, or remove it to read all certificates.",
                )
                .at(AttributePath::attribute("category"))
        }
        ErrorKind::EndpointRegionMismatch => request
            .diagnostic(
                &catalogue::ENDPOINT_OF_ANOTHER_REGION,
                "endpoints.dds in the provider block is the URL of the provider's region only.",
                &format!(
                    "Replace the region code in this URL with the placeholder {{region}}, or use a second provider \
                     block for region {region}."
                ),
            )
            .at(AttributePath::attribute("region")),
    }
}

/// The diagnostic for a failed lookup of the project.
fn lookup_error(request: &FailedRequest<'_>, kind: &ErrorKind) -> Diagnostic {
    let context = Context { operation: Operation::PROJECT_LOOKUP, ..request.context.clone() };
    let diagnostic = read_error(&request.of_lookup(&context), kind);
    // The read itself would fail with these errors, too.
    if let ErrorKind::Response { response, .. } = kind
        && let ErrorCategory::Unauthenticated(_) | ErrorCategory::AccountSuspended =
            error_codes::classify(response)
    {
        return diagnostic;
    }
    let region = context.region;
    let alternative =
        format!("Or set project_id in a provider block for region {region}, so that no lookup is needed.");
    Diagnostic { detail: format!("{} {alternative}", diagnostic.detail), path: None, ..diagnostic }
}

/// Returns the number of attempts, and the reason why there was no retry, as the end of a sentence.
fn attempts_phrase(attempts: Attempts) -> String {
    let count = match (attempts.count, attempts.stop_reason) {
        (0, StopReason::NotRetryable) => {
            ", in an earlier request with the same credential; this credential is not sent again".to_owned()
        }
        (0, _) => ", in an earlier request with the same credential".to_owned(),
        (1, StopReason::MaxRetries) => ", and max_retries allows no retry".to_owned(),
        (1, _) => String::new(),
        (count, _) => format!(", after {count} attempts in {:.1} s", attempts.elapsed.as_secs_f64()),
    };
    let stop = match attempts.stop_reason {
        StopReason::NotRetryable | StopReason::MaxRetries => String::new(),
        StopReason::ReadTimeout { timeout } => {
            format!(
                "; the read timeout of {} (timeouts.read) leaves no time for a retry",
                format_duration(timeout)
            )
        }
        StopReason::RetryAfter { delay, timeout } => format!(
            "; the requested delay of {} (Retry-After) does not end within the read timeout of {} (timeouts.read)",
            format_duration(delay),
            format_duration(timeout)
        ),
        StopReason::NoResponse => {
            "; timeouts.read is not set, so there are no more retries while the server does not respond"
                .to_owned()
        }
    };
    count + &stop
}

/// Returns the string with an upper-case first letter.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
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
        "Attach", "Check", "Compare", "Copy", "Correct", "Create", "Enable", "Get", "Grant", "Install",
        "Raise", "Remove", "Replace", "Request", "Run", "Set", "Try", "Unset", "Use", "Wait",
    ];

    /// Checks that the catalogue has the diagnostic, and that its detail consists of sentences and ends with an action.
    pub(in crate::provider) fn check_wording(diagnostic: &Diagnostic) {
        let Diagnostic { summary, detail, severity, .. } = diagnostic;
        assert!(catalogue::contains(*severity, summary), "{summary} is not in the catalogue");
        let sentences: Vec<_> = detail.strip_suffix('.').expect(detail).split(". ").collect();
        let (action, facts) = sentences.split_last().unwrap();
        let action =
            ["Or ", "Otherwise "].iter().find_map(|word| action.strip_prefix(word)).unwrap_or(action);
        let clauses = action.split(", ").map(|clause| clause.split(' ').next().unwrap().to_lowercase());
        let is_verb = |word: &String| VERBS.iter().any(|verb| verb.to_lowercase() == *word);
        let mut clauses = clauses.skip(usize::from(action.starts_with("If ")));
        assert!(
            clauses.next().as_ref().is_some_and(is_verb),
            "the detail does not end with an action: {detail}"
        );
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
        let start =
            "Reading the name of the replica set failed in region cn-north-4, project p1, instance i1. ";
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
        assert!(
            detail.contains("up the project in IAM") && detail.ends_with("no lookup is needed."),
            "{detail}"
        );
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
        let attempts = Attempts {
            count: 2,
            elapsed: Duration::from_millis(60_300),
            stop_reason: StopReason::NoResponse,
        };
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
}
