//! Diagnostics for a failed request: one action for each category of error responses, and for each transport error.

use std::time::SystemTime;

use super::catalogue::{self, Message};
use super::{FailedRequest, attempts_phrase};
use crate::huaweicloud::error_codes::{self, AuthFailure, ErrorCategory};
use crate::huaweicloud::transport::retry::{Attempts, StopReason};
use crate::huaweicloud::transport::{ErrorResponse, TransportError};
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic};

/// An error response, the attempts until then, and the time of its arrival.
#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    pub(super) response: &'a ErrorResponse,
    pub(super) attempts: Attempts,
    pub(super) at: SystemTime,
}

pub(super) fn diagnostic(request: &FailedRequest<'_>, received: Received<'_>) -> Diagnostic {
    let Received { response, attempts, .. } = received;
    let came_back =
        format!("Huawei Cloud responded with {}{}.", response.description(), attempts_phrase(attempts));
    let category = error_codes::classify(response);
    let (message, action) = action(request, category, received);
    let diagnostic = request.diagnostic(message, &came_back, &action);
    match category {
        ErrorCategory::NotFound | ErrorCategory::InvalidId | ErrorCategory::WrongProject => {
            diagnostic.at(AttributePath::attribute(request.errors.argument))
        }
        _ => diagnostic,
    }
}

/// Returns the message for a category, and one thing to do.
pub(super) fn action(
    request: &FailedRequest<'_>,
    category: ErrorCategory,
    received: Received<'_>,
) -> (&'static Message, String) {
    let FailedRequest { context, errors, url_settings, .. } = request;
    let (region, credential) = (&context.region, &context.credential);
    let project = context.project.as_ref().map(|id| format!(" and project {id}")).unwrap_or_default();
    let scope = format!("region {region}{project}");
    let (message, action) = match category {
        ErrorCategory::NotFound => errors.not_found,
        ErrorCategory::InvalidId => errors.invalid_argument,
        ErrorCategory::WrongProject => {
            let action = format!(
                "The instance does not belong to {scope}, or the token is scoped to another project. Set project_id to \
                 the instance's project in a provider block for region {region}. If the credential is a token, use one for \
                 that project."
            );
            return (&catalogue::WRONG_PROJECT, action);
        }
        ErrorCategory::Unauthenticated(failure) => {
            let action = format!(
                "The credential comes from {credential}. {}",
                authentication_action(failure, received)
            );
            return (&catalogue::AUTHENTICATION_FAILED, action);
        }
        ErrorCategory::AccessDenied => {
            let action = format!(
                "The credential comes from {credential}. {}A new permission takes effect after up to 30 minutes. Grant the \
                 permission {} to the user or agency of this credential, in {scope}.",
                encoded_reason(received.response),
                context.operation.permission,
            );
            return (&catalogue::ACCESS_DENIED, action);
        }
        ErrorCategory::ApiNotFound => {
            let action = format!(
                "The server has no such API, so the request was sent to a wrong host or path. Check {url_settings}."
            );
            return (&catalogue::API_NOT_FOUND, action);
        }
        ErrorCategory::RegionUnavailable => {
            let action =
                format!("DDS is not available in region {region}, or not for this account. Check region.");
            return (&catalogue::REGION_NOT_AVAILABLE, action);
        }
        ErrorCategory::Redirect => {
            let action = format!(
                "The provider does not follow redirects, because they could send the credential to another host. Check \
                 whether a proxy requires a sign-in, and check {url_settings}."
            );
            return (&catalogue::UNEXPECTED_REDIRECT, action);
        }
        ErrorCategory::AccountSuspended => (
            &catalogue::ACCOUNT_SUSPENDED,
            "The account or the project cannot be used, for example because of an unpaid bill. Check the Billing Center in \
             the console.",
        ),
        ErrorCategory::Throttled => (&catalogue::TOO_MANY_REQUESTS, throttling_action(received.attempts)),
        ErrorCategory::InstanceBusy => (
            &catalogue::INSTANCE_BUSY,
            "The state of the instance, or a task that it is running, does not allow the request. Wait until the DDS \
             console shows the instance as available.",
        ),
        ErrorCategory::ServerError => (&catalogue::SERVER_ERROR, server_error_action(received.response)),
        ErrorCategory::PartialResponse => (&catalogue::PARTIAL_RESPONSE, PARTIAL_RESPONSE_ACTION),
        ErrorCategory::Other => {
            (&catalogue::REQUEST_REJECTED, "Check the code in the API reference of the service.")
        }
    };
    (message, action.to_owned())
}

/// What to do after a server error. Responses of a proxy have no request ID.
pub(super) fn server_error_action(response: &ErrorResponse) -> &'static str {
    if response.request_id.is_some() {
        "The cause is in Huawei Cloud or in a proxy. Try again later, and contact Huawei Cloud support with the request ID if \
         the error remains."
    } else {
        "The cause is in Huawei Cloud or in a proxy. Try again later, and check the proxy if the error remains."
    }
}

pub(super) const PARTIAL_RESPONSE_ACTION: &str = "This is only a part of the response. Check the proxy or the cache \
                                                  between this machine and Huawei Cloud.";

/// Without retries, only `max_retries` can help. With them, only more time or fewer requests can.
pub(super) fn throttling_action(attempts: Attempts) -> &'static str {
    if attempts.stop_reason == StopReason::MaxRetries {
        "Set max_retries to 1 or more, so that throttled requests are retried."
    } else {
        "Other clients may use the same rate limit. Raise timeouts.read, or run Terraform with a lower -parallelism."
    }
}

fn authentication_action(failure: AuthFailure, received: Received<'_>) -> String {
    let action = match failure {
        AuthFailure::MissingCredential => {
            "Huawei Cloud received no credential. Check whether a proxy removes request headers."
        }
        AuthFailure::MalformedToken => {
            "The token is incomplete, or is for another site or cloud. Get a new token, and copy all of it."
        }
        AuthFailure::ExpiredToken => {
            "The token has expired: a token is valid for up to 24 hours. Get a new token."
        }
        AuthFailure::SignatureMismatch => {
            "The secret key does not match the access key ID, or a proxy changes requests. Check the secret key."
        }
        AuthFailure::UnknownAccessKey => {
            "The access key ID does not exist on this site (Chinese mainland, international or European), or it is a \
             temporary one without a security token. Check the access key ID, its site, and that security_token is set for \
             a temporary access key."
        }
        AuthFailure::LockedAccessKey => {
            "The access key is locked, because several signatures were wrong. Wait for five minutes, and check the secret \
             key before the next run."
        }
        AuthFailure::ClockSkew => {
            let clocks = clocks(received).unwrap_or_default();
            return format!(
                "The clocks differ by more than 15 minutes{clocks}. Correct this machine's clock."
            );
        }
        AuthFailure::Unspecified => {
            let clocks =
                clocks(received).map(|clocks| format!("The clocks differ{clocks}. ")).unwrap_or_default();
            return format!(
                "{clocks}Check that the credential is complete, has not expired, and belongs to this site (Chinese \
                 mainland, international or European)."
            );
        }
    };
    action.to_owned()
}

/// Returns the times of both clocks in parentheses. None if they differ by less than a minute, or if the response has no
/// date.
fn clocks(Received { response, at, .. }: Received<'_>) -> Option<String> {
    let server = response.date?;
    let difference = at.duration_since(server).unwrap_or_else(|error| error.duration()).as_secs();
    let show = httpdate::fmt_http_date;
    (difference >= 60).then(|| format!(" (this machine: {}; server: {})", show(at), show(server)))
}

/// The sentence with the encoded reason of a denial, if there is one.
fn encoded_reason(response: &ErrorResponse) -> String {
    let sentence = |text: &String| format!("An administrator can decode the reason \"{text}\". ");
    response.authorization_message.as_ref().map(sentence).unwrap_or_default()
}

/// The diagnostic for a request without a response.
pub(super) fn transport_error(
    request: &FailedRequest<'_>,
    error: &TransportError,
    attempts: Attempts,
) -> Diagnostic {
    let (message, action) = transport_action(request, error);
    request.diagnostic(message, &no_response(request, error, attempts), &action)
}

/// The sentence that says why there is no response.
pub(super) fn no_response(request: &FailedRequest<'_>, error: &TransportError, attempts: Attempts) -> String {
    let attempts = match error {
        TransportError::ReadTimedOut { .. } | TransportError::QueueTimedOut { .. } => String::new(),
        _ => attempts_phrase(attempts),
    };
    let cause = error.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("{} failed: {error}{cause}{attempts}.", request.subject)
}

/// Returns the message for a transport error, and one thing to do.
pub(super) fn transport_action(
    request: &FailedRequest<'_>,
    error: &TransportError,
) -> (&'static Message, String) {
    let url_settings = request.url_settings;
    let (message, action) = match error {
        TransportError::NameResolution { temporary: false, .. } => {
            return (&catalogue::HOST_NOT_FOUND, format!("Check the spelling of {url_settings}."));
        }
        TransportError::InvalidRequest { .. } => {
            return (&catalogue::INVALID_REQUEST_URL, format!("Check {url_settings}."));
        }
        TransportError::ResponseTooLarge => {
            let action = format!("Such a response is not from Huawei Cloud. Check {url_settings}.");
            return (&catalogue::RESPONSE_TOO_LARGE, action);
        }
        // Only downloads have this error, which `download` explains.
        TransportError::AddressNotAllowed(_) => {
            return (&catalogue::DOWNLOAD_LINK_NOT_ALLOWED, format!("Check {url_settings}."));
        }
        TransportError::RequestTimedOut { setting: None, .. } => {
            return (&catalogue::REQUEST_TIMED_OUT, format!("Check {url_settings}."));
        }
        TransportError::ConnectionFailed { .. } if request.is_direct => {
            return (&catalogue::CONNECTION_FAILED, format!("Check {url_settings}."));
        }
        TransportError::RequestTimedOut { setting: Some(setting), .. } => {
            let action = format!(
                "Check the network, HTTPS_PROXY and NO_PROXY, or raise {setting} if the service is slow."
            );
            return (&catalogue::REQUEST_TIMED_OUT, action);
        }
        TransportError::NameResolution { temporary: true, .. } => {
            (&catalogue::NAME_RESOLUTION_FAILED, "Check the DNS settings and the network of this machine.")
        }
        TransportError::ConnectionFailed { .. } => (
            &catalogue::CONNECTION_FAILED,
            "Check the network, and HTTPS_PROXY and NO_PROXY if there is a proxy.",
        ),
        TransportError::UntrustedCertificate { .. } => (
            &catalogue::UNTRUSTED_CERTIFICATE,
            "Set cacert_file, or on Linux the environment variable SSL_CERT_FILE, to a file with the CA certificate of the \
             proxy that inspects TLS, or of the private cloud.",
        ),
        TransportError::ExpiredCertificate { .. } => (
            &catalogue::EXPIRED_CERTIFICATE,
            "Correct this machine's clock if it is wrong. Otherwise request a new certificate from the operator of the \
             server, or of the proxy that inspects TLS.",
        ),
        TransportError::CertificateNotYetValid { .. } => (
            &catalogue::CERTIFICATE_NOT_YET_VALID,
            "Correct this machine's clock if it is wrong. Otherwise request a valid certificate from the operator of the \
             server, or of the proxy that inspects TLS.",
        ),
        TransportError::CertificateNameMismatch { .. } => (
            &catalogue::CERTIFICATE_NAME_MISMATCH,
            "If endpoints, auth_url or cloud is set, correct it: the certificate must be valid for the host name. Otherwise \
             check the DNS entry of the host, which may lead to another server.",
        ),
        TransportError::InvalidProxy { .. } => (
            &catalogue::INVALID_PROXY,
            "Set the variable to a URL such as http://proxy.example.com:3128, or add the host to NO_PROXY.",
        ),
        TransportError::NoCertificateStore { .. } => (
            &catalogue::NO_CERTIFICATE_STORE,
            "Install the CA certificates of the operating system, often a package named ca-certificates, or set \
             SSL_CERT_FILE to a PEM file.",
        ),
        TransportError::ReadTimedOut { .. } | TransportError::QueueTimedOut { .. } => (
            &catalogue::READ_TIMED_OUT,
            "Check the network, or raise timeouts.read in the data source if the service is slow.",
        ),
        TransportError::IncompleteResponse { .. } => (
            &catalogue::CONNECTION_INTERRUPTED,
            "Check the proxy or the firewall between this machine and the service, or try again later.",
        ),
    };
    (message, action.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::huaweicloud::error::ErrorKind;
    use crate::provider::error_messages::tests::{
        ONCE, ORIGIN, diagnostic_of, now, rejected, rejected_after, response,
    };

    #[test]
    fn every_error_response_has_its_summary_and_action() {
        let responses = [
            (403, "DBS.201028", "", "Instance Not Found", "Compare instance_id"),
            (400, "DBS.280404", "", "Invalid Instance ID", "Copy instance_id"),
            (403, "DBS.200604", "", "Wrong Project", "Set project_id"),
            (403, "DBS.280063", "", "Access Denied", "dds:instance:getSslCertDownloadAddress"),
            (403, "", "an HTML page", "Access Denied", "region cn-north-4 and project p1"),
            (403, "DBS.280019", "", "Account Suspended", "Billing Center"),
            (429, "APIGW.0308", "", "Too Many Requests", "-parallelism"),
            (404, "APIGW.0101", "", "API Not Found", "Check region, and also cloud and endpoints.dds"),
            (400, "DBS.200024", "", "Region Not Available", "DDS is not available in region cn-north-4"),
            (403, "DBS.201014", "", "Instance Busy", "available"),
            (502, "", "an HTML page titled 502 Bad Gateway", "Server Error", "support"),
            (302, "", "", "Unexpected Redirect", "check region"),
            (400, "DBS.200001", "Parameter error.", "Request Rejected", "API reference"),
            (401, "", "", "Authentication Failed", ORIGIN),
        ];
        let unauthenticated = [
            ("x-auth-token not found", "removes request headers"),
            ("decrypt token fail", "Get a new token, and copy all of it"),
            ("token expires", "24 hours"),
            ("verify aksk signature fail", "Check the secret key"),
            ("ak *** not exist", "security_token is set"),
            ("AK access failed to reach the limit", "five minutes"),
        ]
        .map(|(reason, action)| (format!("Incorrect IAM authentication information: {reason}"), action));
        let unauthenticated = unauthenticated
            .iter()
            .map(|(message, action)| (401, "APIGW.0301", message.as_str(), "Authentication Failed", *action));
        for (status, code, message, summary, action) in responses.into_iter().chain(unauthenticated) {
            let found = rejected(status, code, message);
            assert_eq!(found.summary, summary, "{code} {message}");
            for part in [action, &format!("HTTP {status}"), "req-1"] {
                assert!(found.detail.contains(part), "{} lacks {part:?}", found.detail);
            }
        }
    }

    #[test]
    fn both_clocks_are_shown_if_they_differ() {
        let message = "calc aksk signature fail:signature expired, signature time:20260115T080000Z,server time:20260115T083000Z";
        let response = response(401, "APIGW.0301", message);
        let received = now() - Duration::from_secs(1800);
        let detail = diagnostic_of(ErrorKind::Response { response, attempts: ONCE, received }).detail;
        let clocks = "(this machine: Thu, 15 Jan 2026 08:00:00 GMT; server: Thu, 15 Jan 2026 08:30:00 GMT)";
        assert!(detail.contains(clocks) && detail.contains("Correct this machine's clock"), "{detail}");
        assert!(!rejected(401, "", "").detail.contains("this machine:"));
    }

    #[test]
    fn every_transport_error_has_its_summary() {
        let cause = || "os error 111".to_owned();
        for (error, summary) in [
            (TransportError::NameResolution { cause: cause(), temporary: false }, "Host Not Found"),
            (TransportError::NameResolution { cause: cause(), temporary: true }, "Name Resolution Failed"),
            (TransportError::ConnectionFailed { cause: cause() }, "Connection Failed"),
            (TransportError::UntrustedCertificate { cause: cause() }, "Untrusted Certificate"),
            (TransportError::ExpiredCertificate { cause: cause() }, "Expired Certificate"),
            (TransportError::CertificateNotYetValid { cause: cause() }, "Certificate Not Yet Valid"),
            (TransportError::CertificateNameMismatch { cause: cause() }, "Certificate Name Mismatch"),
            (TransportError::InvalidProxy { variable: "https_proxy", cause: cause() }, "Invalid Proxy"),
            (TransportError::NoCertificateStore { cause: cause() }, "No Certificate Store"),
            (
                TransportError::RequestTimedOut { timeout: Duration::from_secs(30), setting: None },
                "Request Timed Out",
            ),
            (TransportError::IncompleteResponse { cause: cause() }, "Connection Interrupted"),
            (TransportError::ResponseTooLarge, "Response Too Large"),
            (TransportError::InvalidRequest { cause: cause() }, "Invalid Request URL"),
        ] {
            let diagnostic = diagnostic_of(ErrorKind::Transport { error: error.clone(), attempts: ONCE });
            assert_eq!(diagnostic.summary, summary);
            assert!(diagnostic.detail.contains(&error.to_string()), "{}", diagnostic.detail);
            assert_eq!(
                error.cause().is_some(),
                diagnostic.detail.contains("(os error 111)"),
                "{}",
                diagnostic.detail
            );
        }
    }

    #[test]
    fn server_error_without_a_request_id_does_not_ask_for_one() {
        let response = Box::new(ErrorResponse { request_id: None, ..*response(502, "", "an HTML page") });
        let kind = ErrorKind::Response { response, attempts: ONCE, received: now() };
        let detail = diagnostic_of(kind).detail;
        assert!(detail.contains("without a request ID") && !detail.contains("support"), "{detail}");
    }

    #[test]
    fn throttled_request_without_retries_needs_max_retries() {
        let attempts = Attempts { stop_reason: StopReason::MaxRetries, ..ONCE };
        let detail = rejected_after(attempts, 429, "APIGW.0308", "").detail;
        assert!(detail.contains("Set max_retries") && !detail.contains("Raise timeouts.read"), "{detail}");
    }
}
