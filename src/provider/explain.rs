//! Everything that can go wrong, in words: what was tried, what came back, one thing to do next. The only place where
//! an error of the rooms to the right becomes a diagnostic, and where it is logged.

mod credential;
mod setting;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use tracing::error;

use crate::api::error::Context;
use crate::api::reason::{self, Doubt, Reason};
use crate::api::{Error, Kind, Operation};
use crate::diagnostic::{AttributePath, Diagnostic, chain};
use crate::transport::retry::Effort;
use crate::transport::{Failure, Refusal};

pub(super) use setting::{fault, waiting, without_effect};

pub(super) fn explain(error: &Error) -> Diagnostic {
    error!(error = chain(error), "read failed");
    let Error { context, kind } = error;
    kind_of(context, kind, &tried(context))
}

/// `tried` is the first sentence.
fn kind_of(context: &Context, kind: &Kind, tried: &str) -> Diagnostic {
    match kind {
        Kind::Refused { refusal, effort, received } => refused(context, refusal, *effort, *received, tried),
        Kind::Credential(error) => credential::explain(context, error, tried),
        Kind::Unanswered { failure, effort } => unanswered(failure, *effort, tried, "It"),
        Kind::Undecodable(flaw) => Diagnostic::error(
            "Unexpected Answer",
            format!(
                "{tried} The answer has a good status, but {flaw}. If a proxy stands between this machine and the \
                 cloud, look at what it does; else please report this answer at {}/issues.",
                env!("CARGO_PKG_REPOSITORY")
            ),
        ),
        Kind::Lookup(kind) => {
            let lookup = Context { operation: Operation::ProjectLookup, ..context.clone() };
            let diagnostic = kind_of(&lookup, kind, &format!("{tried} For that its project had to be looked up."));
            let advice = "With project_id set in the provider block no look-up is needed.";
            Diagnostic { detail: format!("{} {advice}", diagnostic.detail), path: None, ..diagnostic }
        }
        Kind::NoProject { name } => Diagnostic::error(
            "No Matching Project",
            format!(
                "{tried} The account has no project named {name:?}. A region gets its project when somebody of the \
                 account first opens it in the console; a sub-project is named like \"{}_team\". Set project_name to \
                 the right name, or project_id to the project's ID.",
                context.region
            ),
        ),
        Kind::ProjectDisabled { name, id } => Diagnostic::error(
            "Project Disabled",
            format!(
                "{tried} The project {name:?} (ID {id}) is disabled. Have it enabled in the IAM console, or set \
                 project_id to another one."
            ),
        ),
        Kind::ForeignEndpoint => Diagnostic::error(
            "Endpoint Of Another Region",
            format!(
                "{tried} But the provider's endpoints.dds is the address of one region only. Put {{region}} into it \
                 in the place of the region's code, or use a second provider block for the other region."
            ),
        )
        .at(AttributePath::attribute("region")),
        Kind::Deadline(limit) => Diagnostic::error(
            "Read Timed Out",
            format!(
                "{tried} It was given up after {} s, pauses between tries included. Try again later, or lower \
                 max_retries to see the underlying error sooner.",
                limit.as_secs()
            ),
        ),
    }
}

fn tried(context: &Context) -> String {
    let project = context.project.as_ref().map(|id| format!(", project {id}")).unwrap_or_default();
    format!("Tried {} in region {}{project}.", context.operation, context.region)
}

fn refused(
    context: &Context,
    refusal: &Refusal,
    effort: Effort,
    received: SystemTime,
    tried: &str,
) -> Diagnostic {
    let came_back = format!("The cloud answered with {}{}.", refusal.phrase(), repeated(effort));
    let project = context.project.as_deref().unwrap_or("that is not known yet");
    let place = format!("region {} and project {project}", context.region);
    let (summary, advice) = match reason::of(refusal) {
        Reason::NotFound => (
            "Instance Not Found",
            format!(
                "Compare instance_id with the DDS console, in {place}. An instance of another region needs region, \
                 one of a sub-project needs project_name or project_id in the provider block."
            ),
        ),
        Reason::MalformedId => (
            "Invalid Instance ID",
            "Copy instance_id from the instance's page in the DDS console.".to_owned(),
        ),
        Reason::WrongProject => (
            "Wrong Project",
            format!("The instance is not one of {place}. Set project_id to the instance's project, or leave it out."),
        ),
        Reason::Unauthenticated(doubt) => (
            "Authentication Failed",
            format!("The credential was {}. {}", context.credential, remedy(doubt, refusal, received)),
        ),
        Reason::Denied => (
            "Access Denied",
            format!(
                "Grant the permission {} to the identity of {}, for {place}. A new grant may take half an hour to \
                 work.{}",
                context.operation.permission(),
                context.credential,
                encoded(refusal)
            ),
        ),
        Reason::Suspended => (
            "Account Suspended",
            "The account or project cannot be used, for example because of an unpaid bill. Look into the console's \
             billing centre."
                .to_owned(),
        ),
        Reason::Throttled => (
            "Too Many Requests",
            "Others may use up the same limit. Try again in a few minutes, with a lower -parallelism, or raise \
             max_retries."
                .to_owned(),
        ),
        Reason::NoSuchApi => (
            "API Not Found",
            format!(
                "There is no such API at this address. Check the region {}, and cloud and endpoints if they are set.",
                context.region
            ),
        ),
        Reason::RegionUnavailable => (
            "Region Not Available",
            format!("DDS is not offered in region {}, or not to this account. Check the region.", context.region),
        ),
        Reason::Busy => (
            "Instance Busy",
            "The instance is in a state, or has another task running, that forbids the call. Try again when the \
             DDS console shows it as available."
                .to_owned(),
        ),
        Reason::ServerFault => (
            "Server Error",
            "The fault is on the cloud's side, or on that of a proxy. Try again later; if it stays, give the request \
             ID to the cloud's support."
                .to_owned(),
        ),
        Reason::Redirected => (
            "Unexpected Redirect",
            "Redirects are not followed, because they would carry the credential elsewhere. Check endpoints, and \
             whether a proxy wants a sign-in."
                .to_owned(),
        ),
        Reason::Other => (
            "Request Refused",
            "The code and the message say why; the DDS API reference explains the code.".to_owned(),
        ),
    };
    let diagnostic = Diagnostic::error(summary, format!("{tried} {came_back} {advice}"));
    match summary {
        "Instance Not Found" | "Invalid Instance ID" | "Wrong Project" => {
            diagnostic.at(AttributePath::attribute("instance_id"))
        }
        _ => diagnostic,
    }
}

fn remedy(doubt: Doubt, refusal: &Refusal, received: SystemTime) -> String {
    match doubt {
        Doubt::NothingSent => "It did not reach the cloud. Look for a proxy that removes headers.".to_owned(),
        Doubt::DamagedToken => {
            "The token is cut off, or of another cloud or site. Get a new one and copy it as a whole.".to_owned()
        }
        Doubt::ExpiredToken => "The token is older than its 24 h. Get a new one.".to_owned(),
        Doubt::WrongSignature => {
            "The secret key does not belong to the access key, or a proxy changes requests. Check secret_key.".to_owned()
        }
        Doubt::UnknownKey => "The access key does not exist on this site. Check it, whether it is one of the mainland, \
                              international or European site, and for a temporary key that security_token is set."
            .to_owned(),
        Doubt::LockedKey => "The key is locked after repeated failures. Wait five minutes before the next run.".to_owned(),
        Doubt::Clock => format!(
            "The clocks differ by more than 15 minutes{}. Set this machine's clock.",
            clocks(refusal, received)
        ),
        Doubt::Unexplained => {
            format!("Check that it is complete, current, and of this site{}.", clocks(refusal, received))
        }
    }
}

/// Both clocks, if they are a minute apart or more.
fn clocks(refusal: &Refusal, received: SystemTime) -> String {
    let Some(server) = refusal.date else {
        return String::new();
    };
    let apart = received.duration_since(server).unwrap_or_else(|error| error.duration()).as_secs();
    if apart < 60 {
        return String::new();
    }
    let show = httpdate::fmt_http_date;
    format!(" (this machine says {}, the server {})", show(received), show(server))
}

fn encoded(refusal: &Refusal) -> String {
    let decode = |text: &String| format!(" An administrator can decode this for details: {text}");
    refusal.authorization.as_ref().map(decode).unwrap_or_default()
}

/// `what` failed: a noun at the beginning of a sentence.
fn unanswered(failure: &Failure, effort: Effort, tried: &str, what: &str) -> Diagnostic {
    let (summary, advice) = match failure {
        Failure::Unresolved { temporary: false, .. } => {
            ("Host Not Found", "Check the spelling of region, and cloud and endpoints if they are set.")
        }
        Failure::Unresolved { temporary: true, .. } => {
            ("Name Resolution Failed", "Check this machine's DNS settings and network.")
        }
        Failure::Unreachable { .. } => {
            ("Connection Failed", "Check the network, and HTTPS_PROXY and NO_PROXY if there is a proxy.")
        }
        Failure::Untrusted { .. } => (
            "Untrusted Certificate",
            "If a proxy inspects TLS, or the cloud is a private one, name a file with its CA in cacert_file or in the \
             environment variable SSL_CERT_FILE.",
        ),
        Failure::NoCertificateStore { .. } => (
            "No Certificate Store",
            "Install the system's CA certificates (often a package named ca-certificates), or name a PEM file in \
             SSL_CERT_FILE.",
        ),
        Failure::TimedOut => {
            ("Request Timed Out", "Try again later, or check for a firewall that swallows packets.")
        }
        Failure::Interrupted { .. } => {
            ("Connection Interrupted", "Try again later, or check the proxy or firewall on the way.")
        }
        Failure::TooLarge => {
            ("Unexpected Answer", "Check endpoints if they are set: this is not the cloud's answer.")
        }
        Failure::Unsendable { .. } => ("Invalid Request", "Check the URLs in endpoints and auth_url."),
    };
    let cause = failure.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    Diagnostic::error(
        summary,
        format!("{tried} {what} failed: {failure}{cause}{}. {advice}", repeated(effort)),
    )
}

fn repeated(effort: Effort) -> String {
    match effort.tries {
        0 => ", to an earlier call; it is not repeated".to_owned(),
        1 => String::new(),
        tries => format!(", after {tries} tries in {:.1} s", effort.elapsed.as_secs_f64()),
    }
}
