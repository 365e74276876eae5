//! Diagnostics for the cloud's error responses: one text for each category.

use std::time::SystemTime;

use super::{DataSourceErrors, repeated};
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
    texts: &DataSourceErrors,
) -> Diagnostic {
    let came_back = format!("The cloud answered with {}{}.", response.phrase(), repeated(attempts));
    let category = error_codes::of(response);
    let (summary, advice) = advice(context, category, response, received, texts);
    let diagnostic = Diagnostic::error(summary, format!("{tried} {came_back} {advice}"));
    match category {
        ErrorCategory::NotFound | ErrorCategory::InvalidId | ErrorCategory::WrongProject => {
            diagnostic.at(AttributePath::attribute(texts.argument))
        }
        _ => diagnostic,
    }
}

/// The summary, and one thing to do.
pub(super) fn advice(
    context: &Context,
    category: ErrorCategory,
    response: &ErrorResponse,
    received: SystemTime,
    texts: &DataSourceErrors,
) -> (&'static str, String) {
    let project = context.project.as_deref().unwrap_or("that is not known yet");
    let scope = format!("region {} and project {project}", context.region);
    match category {
        ErrorCategory::NotFound => (texts.not_found.0, texts.not_found.1.replace("{scope}", &scope)),
        ErrorCategory::InvalidId => (texts.malformed.0, texts.malformed.1.to_owned()),
        ErrorCategory::WrongProject => (
            "Wrong Project",
            format!(
                "The instance is not one of {scope}. Set project_id to the instance's project, or leave it out. A ready \
                 token reads in the project that it was issued for and in no other: use one of the instance's project."
            ),
        ),
        ErrorCategory::Unauthenticated(error) => (
            "Authentication Failed",
            format!("The credential was {}. {}", context.credential, remedy(error, response, received)),
        ),
        ErrorCategory::AccessDenied => (
            "Access Denied",
            format!(
                "Grant the permission {} to the identity of {}, for {scope}. A new grant may take half an hour to \
                 work.{}",
                context.operation.permission,
                context.credential,
                encoded(response)
            ),
        ),
        ErrorCategory::AccountSuspended => (
            "Account Suspended",
            "The account or project cannot be used, for example because of an unpaid bill. Look into the console's \
             billing centre."
                .to_owned(),
        ),
        ErrorCategory::Throttled => (
            "Too Many Requests",
            "Others may use the same limit. Raise timeouts.read, or try again later with a lower -parallelism.".to_owned(),
        ),
        ErrorCategory::ApiNotFound => (
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
        ErrorCategory::InstanceBusy => (
            "Instance Busy",
            "The instance is in a state, or has another task running, that forbids the call. Try again when the \
             DDS console shows it as available."
                .to_owned(),
        ),
        ErrorCategory::ServerError => (
            "Server Error",
            "The fault is on the cloud's side, or on that of a proxy. Try again later; if it stays, give the request \
             ID to the cloud's support."
                .to_owned(),
        ),
        ErrorCategory::Redirect => (
            "Unexpected Redirect",
            "Redirects are not followed, because they would carry the credential elsewhere. Check endpoints, and \
             whether a proxy wants a sign-in."
                .to_owned(),
        ),
        ErrorCategory::PartialResponse => (
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

fn remedy(error: AuthFailure, response: &ErrorResponse, received: SystemTime) -> String {
    match error {
        AuthFailure::MissingCredential => "It did not reach the cloud. Look for a proxy that removes headers.".to_owned(),
        AuthFailure::MalformedToken => {
            "The token is cut off, or of another cloud or site. Get a new one and copy it as a whole.".to_owned()
        }
        AuthFailure::ExpiredToken => "The token is older than its 24 h. Get a new one.".to_owned(),
        AuthFailure::SignatureMismatch => {
            "The secret key does not belong to the access key, or a proxy changes requests. Check secret_key.".to_owned()
        }
        AuthFailure::UnknownAccessKey => "The access key does not exist on this site. Check it, whether it is one of the mainland, \
                              international or European site, and for a temporary key that security_token is set."
            .to_owned(),
        AuthFailure::LockedAccessKey => "The key is locked after repeated failures. Wait five minutes before the next run.".to_owned(),
        AuthFailure::ClockSkew => format!(
            "The clocks differ by more than 15 minutes{}. Set this machine's clock.",
            clocks(response, received)
        ),
        AuthFailure::Unspecified => {
            format!("Check that it is complete, current, and of this site{}.", clocks(response, received))
        }
    }
}

/// Both clocks, if they differ by a minute or more.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::huaweicloud::error::ErrorKind;
    use crate::provider::error_messages::tests::{ONCE, ORIGIN, diagnostic_of, now, refused, response};

    #[test]
    fn every_error_response_has_its_summary_and_advice() {
        let responses = [
            (403, "DBS.201028", "", "Instance Not Found", "Compare instance_id"),
            (400, "DBS.280404", "", "Invalid Instance ID", "Copy instance_id"),
            (403, "DBS.200604", "", "Wrong Project", "Set project_id"),
            (403, "DBS.280063", "", "Access Denied", "dds:instance:getSslCertDownloadAddress"),
            (403, "", "an HTML page", "Access Denied", "region cn-north-4 and project p1"),
            (403, "DBS.280019", "", "Account Suspended", "billing centre"),
            (429, "APIGW.0308", "", "Too Many Requests", "-parallelism"),
            (404, "APIGW.0101", "", "API Not Found", "Check the region cn-north-4"),
            (400, "DBS.200024", "", "Region Not Available", "DDS is not offered in region cn-north-4"),
            (403, "DBS.201014", "", "Instance Busy", "available"),
            (502, "", "an HTML page titled 502 Bad Gateway", "Server Error", "support"),
            (302, "", "", "Unexpected Redirect", "Check endpoints"),
            (400, "DBS.200001", "Parameter error.", "Request Refused", "API reference"),
            (401, "", "", "Authentication Failed", ORIGIN),
        ];
        let unauthenticated = [
            ("x-auth-token not found", "removes headers"),
            ("decrypt token fail", "Get a new one"),
            ("token expires", "24 h"),
            ("verify aksk signature fail", "Check secret_key"),
            ("ak *** not exist", "security_token is set"),
            ("AK access failed to reach the limit", "five minutes"),
        ]
        .map(|(reason, advice)| (format!("Incorrect IAM authentication information: {reason}"), advice));
        let unauthenticated = unauthenticated
            .iter()
            .map(|(message, advice)| (401, "APIGW.0301", message.as_str(), "Authentication Failed", *advice));
        for (status, code, message, summary, advice) in responses.into_iter().chain(unauthenticated) {
            let found = refused(status, code, message);
            assert_eq!(found.summary, summary, "{code} {message}");
            for part in [advice, &format!("HTTP {status}"), "req-1"] {
                assert!(found.detail.contains(part), "{} lacks {part:?}", found.detail);
            }
        }
    }

    #[test]
    fn clocks_that_differ_are_both_shown() {
        let message = "calc aksk signature fail:signature expired, signature time:20260115T080000Z,server time:20260115T083000Z";
        let response = response(401, "APIGW.0301", message);
        let received = now() - Duration::from_secs(1800);
        let detail = diagnostic_of(ErrorKind::Response { response, attempts: ONCE, received }).detail;
        let clocks =
            "(this machine says Thu, 15 Jan 2026 08:00:00 GMT, the server Thu, 15 Jan 2026 08:30:00 GMT)";
        assert!(detail.contains(clocks) && detail.contains("Set this machine's clock"), "{detail}");
        assert!(!refused(401, "", "").detail.contains("this machine says"));
    }
}
