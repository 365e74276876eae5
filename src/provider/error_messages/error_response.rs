//! Refusals of the cloud in words: one text for each reason.

use std::time::SystemTime;

use super::repeated;
use crate::huaweicloud::error::Context;
use crate::huaweicloud::error_codes::{self, Doubt, Reason};
use crate::huaweicloud::transport::Refusal;
use crate::huaweicloud::transport::retry::Effort;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic};

pub(super) fn refused(
    context: &Context,
    refusal: &Refusal,
    effort: Effort,
    received: SystemTime,
    tried: &str,
) -> Diagnostic {
    let came_back = format!("The cloud answered with {}{}.", refusal.phrase(), repeated(effort));
    let reason = error_codes::of(refusal);
    let (summary, advice) = advice(context, reason, refusal, received);
    let diagnostic = Diagnostic::error(summary, format!("{tried} {came_back} {advice}"));
    match reason {
        Reason::NotFound | Reason::MalformedId | Reason::WrongProject => {
            diagnostic.at(AttributePath::attribute("instance_id"))
        }
        _ => diagnostic,
    }
}

/// Summary and one thing to do.
pub(super) fn advice(
    context: &Context,
    reason: Reason,
    refusal: &Refusal,
    received: SystemTime,
) -> (&'static str, String) {
    let project = context.project.as_deref().unwrap_or("that is not known yet");
    let place = format!("region {} and project {project}", context.region);
    match reason {
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
            format!(
                "The instance is not one of {place}. Set project_id to the instance's project, or leave it out. A ready \
                 token reads in the project that it was issued for and in no other: use one of the instance's project."
            ),
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
            "Others may use the same limit. Raise timeouts.read, or try again later with a lower -parallelism.".to_owned(),
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
        Reason::Partial => (
            "Partial Answer",
            "Only a part of the answer came (HTTP 206), although the whole of it was asked for. Check the proxy or cache \
             between this machine and the cloud."
                .to_owned(),
        ),
        Reason::Other => (
            "Request Refused",
            "The code and the message say why; the DDS API reference explains the code.".to_owned(),
        ),
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
