//! Everything that can go wrong, in words: what was tried, what came back, one thing to do next. The only place where
//! an error of the rooms to the right becomes a diagnostic, and where it is logged.

pub mod catalogue;
mod credential;
mod error_response;
mod setting;
mod source_line;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tracing::error;

use crate::huaweicloud::error::Context;
use crate::huaweicloud::error::{Error, ErrorKind, Operation};
use crate::huaweicloud::transport::retry::{Attempts, Stop};
use crate::huaweicloud::transport::{TransportError, shown};
use crate::provider::config::ConfigError;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, chain};

pub(super) use setting::notices;

/// A fault of the provider's settings.
pub(super) fn fault(fault: &ConfigError) -> Diagnostic {
    source_line::without_secrets(setting::fault(fault))
}

/// For a read that needs a setting which is not known yet.
pub(super) fn waiting(path: AttributePath) -> Diagnostic {
    source_line::without_secrets(setting::waiting(path))
}

pub(super) fn explain(error: &Error) -> Diagnostic {
    error!(error = chain(error), "read failed");
    let Error { context, kind } = error;
    kind_of(context, kind, &tried(context))
}

/// `tried` is the first sentence.
fn kind_of(context: &Context, kind: &ErrorKind, tried: &str) -> Diagnostic {
    match kind {
        ErrorKind::Refused { response, attempts, received } => error_response::refused(context, response, *attempts, *received, tried),
        ErrorKind::Credential(error) => credential::explain(context, error, tried),
        ErrorKind::Unanswered { error, attempts } => unanswered(error, *attempts, tried, "It"),
        ErrorKind::Undecodable(flaw) => Diagnostic::error(
            "Unexpected Answer",
            format!(
                "{tried} The answer has a good status, but {flaw}. If a proxy stands between this machine and the \
                 cloud, look at what it does; else please report this answer at {}/issues.",
                env!("CARGO_PKG_REPOSITORY")
            ),
        ),
        ErrorKind::Lookup(kind) => {
            let lookup = Context { operation: Operation::PROJECT_LOOKUP, ..context.clone() };
            let diagnostic = kind_of(&lookup, kind, &format!("{tried} For that its project had to be looked up."));
            let advice = "With project_id set in the provider block no look-up is needed.";
            Diagnostic { detail: format!("{} {advice}", diagnostic.detail), path: None, ..diagnostic }
        }
        ErrorKind::NoProject { name } => Diagnostic::error(
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
        ErrorKind::ForeignEndpoint => Diagnostic::error(
            "Endpoint Of Another Region",
            format!(
                "{tried} But the provider's endpoints.dds is the address of one region only. Put {{region}} into it \
                 in the place of the region's code, or use a second provider block for the other region."
            ),
        )
        .at(AttributePath::attribute("region")),
        ErrorKind::Deadline(limit) => timed_out(*limit, tried, "It"),
    }
}

fn tried(context: &Context) -> String {
    let project = context.project.as_ref().map(|id| format!(", project {id}")).unwrap_or_default();
    format!("Tried {} in region {}{project}.", context.operation, context.region)
}

/// `what` took longer than the read may: a noun at the beginning of a sentence.
fn timed_out(limit: Duration, tried: &str, what: &str) -> Diagnostic {
    let (summary, advice) = advice(&TransportError::ReadLimit { limit });
    let limit = shown(limit);
    Diagnostic::error(
        summary,
        format!("{tried} {what} was given up after {limit}, the read's limit (timeouts.read). {advice}"),
    )
}

/// `what` failed: a noun at the beginning of a sentence.
fn unanswered(error: &TransportError, attempts: Attempts, tried: &str, what: &str) -> Diagnostic {
    if let TransportError::ReadLimit { limit } = error {
        return timed_out(*limit, tried, what);
    }
    let (summary, advice) = advice(error);
    let repeated = if error.is_queued() { String::new() } else { repeated(attempts) };
    let cause = error.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    Diagnostic::error(summary, format!("{tried} {what} failed: {error}{cause}{repeated}. {advice}"))
}

/// Summary and one thing to do.
fn advice(error: &TransportError) -> (&'static str, &'static str) {
    match error {
        TransportError::Unresolved { temporary: false, .. } => {
            ("Host Not Found", "Check the spelling of region, and cloud and endpoints if they are set.")
        }
        TransportError::Unresolved { temporary: true, .. } => {
            ("Name Resolution Failed", "Check this machine's DNS settings and network.")
        }
        TransportError::Unreachable { .. } => {
            ("Connection Failed", "Check the network, and HTTPS_PROXY and NO_PROXY if there is a proxy.")
        }
        TransportError::Untrusted { .. } => (
            "Untrusted Certificate",
            "If a proxy inspects TLS, or the cloud is a private one, name a file with its CA in cacert_file or in the \
             environment variable SSL_CERT_FILE.",
        ),
        TransportError::Expired { .. } => (
            "Expired Certificate",
            "Correct this machine's clock if it is wrong. Otherwise ask whoever runs the server, or the proxy that \
             inspects TLS, to renew its certificate.",
        ),
        TransportError::NotYetValid { .. } => (
            "Certificate Not Valid Yet",
            "Correct this machine's clock if it is wrong. Otherwise ask whoever runs the server, or the proxy that \
             inspects TLS, for a certificate that is valid now.",
        ),
        TransportError::WrongName { .. } => (
            "Wrong Certificate",
            "Use one of these names in endpoints, auth_url or cloud if they are set. Otherwise check the DNS entry of the \
             host: another server answers.",
        ),
        TransportError::Proxy { .. } => (
            "Invalid Proxy",
            "Set the variable to a URL such as http://proxy.example.com:3128, or list the host in NO_PROXY.",
        ),
        TransportError::NoCertificateStore { .. } => (
            "No Certificate Store",
            "Install the system's CA certificates (often a package named ca-certificates), or name a PEM file in \
             SSL_CERT_FILE.",
        ),
        TransportError::TimedOut { .. } => (
            "Request Timed Out",
            "Try again later, check for a firewall that drops packets, or raise the limit if answers take long.",
        ),
        TransportError::ReadLimit { .. } => {
            ("Read Timed Out", "Try again later, or raise timeouts.read if answers take long.")
        }
        TransportError::Queued { .. } => (
            "Read Timed Out",
            "Check that the service answers, or give the read more time in its timeouts block.",
        ),
        TransportError::Interrupted { .. } => {
            ("Connection Interrupted", "Try again later, or check the proxy or firewall on the way.")
        }
        TransportError::TooLarge => {
            ("Unexpected Answer", "Check endpoints if they are set: this is not the cloud's answer.")
        }
        TransportError::Unsendable { .. } => ("Invalid Request", "Check the URLs in endpoints and auth_url."),
    }
}

/// How often it was tried, and why not more often.
fn repeated(attempts: Attempts) -> String {
    let tries = match (attempts.tries, attempts.stop) {
        (0, Stop::Final) => ", to an earlier call; it is not repeated".to_owned(),
        (0, _) => ", to an earlier call".to_owned(),
        (1, Stop::MaxRetries) => ", and max_retries allows no other try".to_owned(),
        (1, _) => String::new(),
        (tries, _) => format!(", after {tries} tries in {:.1} s", attempts.elapsed.as_secs_f64()),
    };
    let stop = match attempts.stop {
        Stop::Final | Stop::MaxRetries => String::new(),
        Stop::ReadLimit { limit } => {
            format!("; the read's limit of {} (timeouts.read) leaves no time for another try", shown(limit))
        }
        Stop::RetryAfter { asked, limit } => format!(
            "; it asks for a pause of {} (Retry-After), which does not end within the read's limit of {} (timeouts.read)",
            shown(asked),
            shown(limit)
        ),
        Stop::Silence => "; set timeouts.read to have it tried for longer".to_owned(),
    };
    tries + &stop
}
