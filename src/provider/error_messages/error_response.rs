//! Refusals of the cloud in words: one text for each reason.

use std::time::SystemTime;

use super::repeated;
use crate::huaweicloud::error::Context;
use crate::huaweicloud::error_codes::{self, AuthFailure, ErrorCategory};
use crate::huaweicloud::transport::ErrorResponse;
use crate::huaweicloud::transport::retry::Attempts;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic};

pub(super) fn refused(
    context: &Context,
    response: &ErrorResponse,
    attempts: Attempts,
    received: SystemTime,
    tried: &str,
) -> Diagnostic {
    let came_back = format!("The cloud answered with {}{}.", response.phrase(), repeated(attempts));
    let reason = error_codes::of(response);
    let (summary, advice) = advice(context, reason, response, received);
    let diagnostic = Diagnostic::error(summary, format!("{tried} {came_back} {advice}"));
    match reason {
        ErrorCategory::NotFound | ErrorCategory::MalformedId | ErrorCategory::WrongProject => {
            diagnostic.at(AttributePath::attribute("instance_id"))
        }
        _ => diagnostic,
    }
}

/// Summary and one thing to do.
pub(super) fn advice(
    context: &Context,
    reason: ErrorCategory,
    response: &ErrorResponse,
    received: SystemTime,
) -> (&'static str, String) {
    let project = context.project.as_deref().unwrap_or("that is not known yet");
    let place = format!("region {} and project {project}", context.region);
    match reason {
        ErrorCategory::NotFound => (
            "Instance Not Found",
            format!(
                "Compare instance_id with the DDS console, in {place}. An instance of another region needs region, \
                 one of a sub-project needs project_name or project_id in the provider block."
            ),
        ),
        ErrorCategory::MalformedId => (
            "Invalid Instance ID",
            "Copy instance_id from the instance's page in the DDS console.".to_owned(),
        ),
        ErrorCategory::WrongProject => (
            "Wrong Project",
            format!(
                "The instance is not one of {place}. Set project_id to the instance's project, or leave it out. A ready \
                 token reads in the project that it was issued for and in no other: use one of the instance's project."
            ),
        ),
        ErrorCategory::Unauthenticated(doubt) => (
            "Authentication Failed",
            format!("The credential was {}. {}", context.credential, remedy(doubt, response, received)),
        ),
        ErrorCategory::Denied => (
            "Access Denied",
            format!(
                "Grant the permission {} to the identity of {}, for {place}. A new grant may take half an hour to \
                 work.{}",
                context.operation.permission,
                context.credential,
                encoded(response)
            ),
        ),
        ErrorCategory::Suspended => (
            "Account Suspended",
            "The account or project cannot be used, for example because of an unpaid bill. Look into the console's \
             billing centre."
                .to_owned(),
        ),
        ErrorCategory::Throttled => (
            "Too Many Requests",
            "Others may use the same limit. Raise timeouts.read, or try again later with a lower -parallelism.".to_owned(),
        ),
        ErrorCategory::NoSuchApi => (
            "API Not Found",
            format!(
                "There is no such API at this address. Check the region {}, and cloud and endpoints if they are set.",
                context.region
            ),
        ),
        ErrorCategory::RegionUnavailable => (
            "Region Not Available",
            format!("DDS is not offered in region {}, or not to this account. Check the region.", context.region),
        ),
        ErrorCategory::Busy => (
            "Instance Busy",
            "The instance is in a state, or has another task running, that forbids the call. Try again when the \
             DDS console shows it as available."
                .to_owned(),
        ),
        ErrorCategory::ServerFault => (
            "Server Error",
            "The fault is on the cloud's side, or on that of a proxy. Try again later; if it stays, give the request \
             ID to the cloud's support."
                .to_owned(),
        ),
        ErrorCategory::Redirected => (
            "Unexpected Redirect",
            "Redirects are not followed, because they would carry the credential elsewhere. Check endpoints, and \
             whether a proxy wants a sign-in."
                .to_owned(),
        ),
        ErrorCategory::Partial => (
            "Partial Answer",
            "Only a part of the answer came (HTTP 206), although the whole of it was asked for. Check the proxy or cache \
             between this machine and the cloud."
                .to_owned(),
        ),
        ErrorCategory::Other => (
            "Request Refused",
            "The code and the message say why; the DDS API reference explains the code.".to_owned(),
        ),
    }
}

fn remedy(doubt: AuthFailure, response: &ErrorResponse, received: SystemTime) -> String {
    match doubt {
        AuthFailure::NothingSent => "It did not reach the cloud. Look for a proxy that removes headers.".to_owned(),
        AuthFailure::DamagedToken => {
            "The token is cut off, or of another cloud or site. Get a new one and copy it as a whole.".to_owned()
        }
        AuthFailure::ExpiredToken => "The token is older than its 24 h. Get a new one.".to_owned(),
        AuthFailure::WrongSignature => {
            "The secret key does not belong to the access key, or a proxy changes requests. Check secret_key.".to_owned()
        }
        AuthFailure::UnknownKey => "The access key does not exist on this site. Check it, whether it is one of the mainland, \
                              international or European site, and for a temporary key that security_token is set."
            .to_owned(),
        AuthFailure::LockedKey => "The key is locked after repeated failures. Wait five minutes before the next run.".to_owned(),
        AuthFailure::Clock => format!(
            "The clocks differ by more than 15 minutes{}. Set this machine's clock.",
            clocks(response, received)
        ),
        AuthFailure::Unexplained => {
            format!("Check that it is complete, current, and of this site{}.", clocks(response, received))
        }
    }
}

/// Both clocks, if they are a minute apart or more.
fn clocks(response: &ErrorResponse, received: SystemTime) -> String {
    let Some(server) = response.date else {
        return String::new();
    };
    let apart = received.duration_since(server).unwrap_or_else(|error| error.duration()).as_secs();
    if apart < 60 {
        return String::new();
    }
    let show = httpdate::fmt_http_date;
    format!(" (this machine says {}, the server {})", show(received), show(server))
}

fn encoded(response: &ErrorResponse) -> String {
    let decode = |text: &String| format!(" An administrator can decode this for details: {text}");
    response.authorization.as_ref().map(decode).unwrap_or_default()
}
