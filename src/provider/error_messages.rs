//! Turns errors into diagnostics. Each detail says what failed, what came back, and one thing to do.
//!
//! Only this module turns the errors of the client and of the configuration into diagnostics, and logs them.

pub mod catalogue;
mod credential;
mod download;
mod request_error;
mod setting;
#[cfg(test)]
pub(super) mod tests;

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
