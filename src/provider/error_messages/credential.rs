//! Diagnostics for a credential that cannot be fetched.

use super::{repeated, unanswered};
use crate::huaweicloud::auth::{CredentialRequest, Error};
use crate::huaweicloud::error::Context;
use crate::huaweicloud::error_codes::{self, ErrorCategory};
use crate::huaweicloud::transport::ErrorResponse;
use crate::huaweicloud::transport::retry::Attempts;
use crate::tfplugin::diagnostic::Diagnostic;

pub(super) fn diagnostic_for(context: &Context, error: &Error, tried: &str) -> Diagnostic {
    for_request(error, &format!("{tried} The credential was {}.", context.credential))
}

fn for_request(error: &Error, tried: &str) -> Diagnostic {
    match error {
        Error::Response { request, response, attempts } => refused(request, response, *attempts, tried),
        Error::Transport { request, error, attempts } => {
            unanswered(error, *attempts, tried, &capitalized(&request.to_string()))
        }
        Error::IncompleteResponse { request, missing } => Diagnostic::error(
            "Unexpected Answer",
            format!(
                "{tried} The answer to {request} has no {missing}. Check the endpoints if they are set, and whether a proxy \
                 answers in the place of the service."
            ),
        ),
        Error::ExpiredCredential { what, expired_at, now } => Diagnostic::error(
            "Expired Credential",
            format!(
                "{tried} {} expired at {}, and this machine's clock says {}. Set the clock, or restart the service that \
                 returns expired credentials.",
                capitalized(what),
                httpdate::fmt_http_date(*expired_at),
                httpdate::fmt_http_date(*now)
            ),
        ),
        Error::CredentialsFile { path, reason } => Diagnostic::error(
            "Unusable Credentials File",
            format!(
                "{tried} Its file {path} cannot be used: {reason}. Check that the file exists and is readable."
            ),
        ),
        Error::NoCredentials { reasons, last } => {
            let asked = for_request(last, "").detail;
            let reasons: String = reasons.iter().map(|reason| format!("{reason}; ")).collect();
            Diagnostic::error(
                "Missing Credentials",
                format!(
                    "The provider has nothing to authenticate with: {reasons}and the ECS metadata service, which is \
                     asked last, returned no credentials. {} Set HW_ACCESS_KEY and HW_SECRET_KEY in the environment, or \
                     use another credential source that the provider's documentation lists; skip_metadata leaves the \
                     metadata service out.",
                    asked.trim()
                ),
            )
        }
    }
}

fn refused(
    request: &CredentialRequest,
    response: &ErrorResponse,
    attempts: Attempts,
    tried: &str,
) -> Diagnostic {
    let came_back = format!(
        "{} was answered with {}{}.",
        capitalized(&request.to_string()),
        response.phrase(),
        repeated(attempts)
    );
    // An error may come with a good status.
    let status = if response.status.is_success() {
        match error_codes::of(response) {
            ErrorCategory::Unauthenticated(_) => 401,
            ErrorCategory::Throttled => 429,
            ErrorCategory::ServerError | ErrorCategory::InstanceBusy | ErrorCategory::PartialResponse => 500,
            _ => 403,
        }
    } else {
        response.status.as_u16()
    };
    let (summary, advice) = match status {
        401 => ("Authentication Failed", check_identity(request)),
        404 if *request == CredentialRequest::EcsMetadata => ("Credential Refused", check_identity(request)),
        400 | 403 | 404 => (
            "Credential Refused",
            "Check that the identity may do this, and that the project or region exists for the account.",
        ),
        429 => ("Too Many Requests", "Try again in a few minutes, or raise timeouts.read."),
        _ => ("Server Error", "Try again later, and check auth_url and endpoints if they are set."),
    };
    Diagnostic::error(summary, format!("{tried} {came_back} {advice}"))
}

/// What to check when the cloud does not accept an identity.
fn check_identity(request: &CredentialRequest) -> &'static str {
    match request {
        CredentialRequest::PasswordLogin => {
            "Check password, user and account: domain_name is the account's name, not the user's, and a HUAWEI ID cannot \
             log in by password."
        }
        CredentialRequest::AssumeAgency { .. } | CredentialRequest::CallerAccount => {
            "Check the credential that assumes the agency."
        }
        CredentialRequest::OidcLogin | CredentialRequest::OidcKey => {
            "Check that the token has not expired, and that IAM knows the identity provider that it comes from."
        }
        CredentialRequest::EcsMetadata => {
            "Check that this is a machine of the cloud, and that an agency is attached to it."
        }
        CredentialRequest::Container => {
            "Check that the file with the container's token is the one that the cloud put there."
        }
    }
}

/// The text with a capital at its beginning.
pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::huaweicloud::auth;
    use crate::huaweicloud::error::ErrorKind;
    use crate::huaweicloud::transport::TransportError;
    use crate::provider::error_messages::tests::{ONCE, check, diagnostic_of, now, refused, response};

    #[test]
    fn error_with_a_good_status_is_classified_by_its_code() {
        for (status, code, summary) in [
            (200, "APIGW.0301", "Authentication Failed"),
            (201, "APIGW.0308", "Too Many Requests"),
            (200, "DBS.280005", "Server Error"),
            (206, "", "Server Error"),
            (200, "IAM.0011", "Credential Refused"),
        ] {
            let response = response(status, code, "");
            let error = auth::Error::Response {
                request: auth::CredentialRequest::PasswordLogin,
                response,
                attempts: ONCE,
            };
            assert_eq!(diagnostic_of(ErrorKind::Credential(error)).summary, summary, "{status} {code}");
        }
        assert_eq!(refused(200, "DBS.200002", "").summary, "Instance Not Found");
        assert_eq!(refused(206, "", "").summary, "Partial Answer");
    }

    #[test]
    fn every_error_of_a_credential_has_its_summary() {
        let request = || auth::CredentialRequest::EcsMetadata;
        let late = auth::Error::Transport {
            request: request(),
            error: TransportError::RequestTimedOut { limit: Duration::from_secs(3), setting: None },
            attempts: ONCE,
        };
        let (expired_at, now) = (now(), now() + Duration::from_secs(1));
        let reasons = vec!["no block".into(), "no file".into()];
        let errors = [
            (
                late.clone(),
                "Request Timed Out",
                "The request to the ECS metadata service failed: no answer came",
            ),
            (
                auth::Error::IncompleteResponse { request: request(), missing: "access" },
                "Unexpected Answer",
                "The answer to the request to the ECS metadata service has no access.",
            ),
            (
                auth::Error::ExpiredCredential { what: "the returned token", expired_at, now },
                "Expired Credential",
                "The returned token expired at Thu, 15 Jan 2026 08:30:00 GMT, and this machine's clock says Thu, 15 Jan 2026 08:30:01 GMT",
            ),
            (
                auth::Error::CredentialsFile { path: "/x".into(), reason: "gone".into() },
                "Unusable Credentials File",
                "Its file /x cannot be used: gone.",
            ),
            (
                auth::Error::NoCredentials { reasons, last: Box::new(late) },
                "Missing Credentials",
                "nothing to authenticate with: no block; no file; and the ECS metadata service, which is asked last, returned no credentials.",
            ),
        ];
        check(errors.map(|(error, summary, part)| (ErrorKind::Credential(error), summary, part)));
    }
}
