//! Diagnostics for a credential that cannot be fetched.

use super::catalogue::{self, Message};
use super::request_error::{
    PARTIAL_RESPONSE_ACTION, no_response, server_error_action, throttling_action, transport_action,
};
use super::{FailedRequest, attempts_phrase, capitalized};
use crate::huaweicloud::auth::{CredentialRequest, Error};
use crate::huaweicloud::error_codes::{self, ErrorCategory};
use crate::huaweicloud::transport::ErrorResponse;
use crate::huaweicloud::transport::retry::Attempts;
use crate::tfplugin::diagnostic::Diagnostic;

pub(super) fn diagnostic(request: &FailedRequest<'_>, error: &Error) -> Diagnostic {
    let (message, came_back, action) = parts(request, error);
    let came_back = match error {
        Error::NoCredentials { .. } => came_back,
        _ => format!("The credential comes from {}. {came_back}", request.context.credential),
    };
    request.diagnostic(message, &came_back, &action)
}

/// Returns the message, what came back, and one thing to do.
fn parts(request: &FailedRequest<'_>, error: &Error) -> (&'static Message, String, String) {
    match error {
        Error::Response { request: credential_request, response, attempts } => {
            let came_back = format!(
                "{} failed: the response is {}{}.",
                capitalized(&credential_request.to_string()),
                response.description(),
                attempts_phrase(*attempts)
            );
            let (message, action) = rejection_action(credential_request, response, *attempts);
            (message, came_back, action)
        }
        Error::Transport { request: credential_request, error, attempts } => {
            let request = of_credential_request(request, credential_request);
            let (message, action) = transport_action(&request, error);
            (message, no_response(&request, error, *attempts), action)
        }
        Error::IncompleteResponse { request: credential_request, missing } => (
            &catalogue::INCOMPLETE_CREDENTIAL_RESPONSE,
            format!(
                "{} failed: the response has no {missing}.",
                capitalized(&credential_request.to_string())
            ),
            format!(
                "Check whether a proxy responds instead of the service, and check {}.",
                url_settings(credential_request)
            ),
        ),
        Error::ExpiredCredential { credential, expired_at, now } => (
            &catalogue::EXPIRED_CREDENTIAL,
            format!(
                "{} expired at {}, but this machine's clock shows {}.",
                capitalized(credential),
                httpdate::fmt_http_date(*expired_at),
                httpdate::fmt_http_date(*now)
            ),
            "Correct the clock, or restart the service that returns expired credentials.".to_owned(),
        ),
        Error::CredentialsFile { path, reason } => (
            &catalogue::UNUSABLE_TOKEN_FILE,
            format!("The token file {path} cannot be used: {reason}."),
            "Check that the file exists on this machine, is readable, and contains a token.".to_owned(),
        ),
        Error::NoCredentials { reasons, last } => {
            let reasons: String = reasons.iter().map(|reason| format!("{reason}; ")).collect();
            let (_, came_back, _) = parts(request, last);
            (
                &catalogue::MISSING_CREDENTIALS,
                format!(
                    "No credential source has a credential: {reasons}the ECS metadata service returned no \
                     credential. {came_back}"
                ),
                "The setting skip_metadata disables this service. Set HW_ACCESS_KEY and HW_SECRET_KEY in the \
                 environment, or use another credential source from the provider's documentation."
                    .to_owned(),
            )
        }
    }
}

/// The credential request, instead of the request that needs the credential.
fn of_credential_request<'a>(
    request: &FailedRequest<'a>,
    credential_request: &CredentialRequest,
) -> FailedRequest<'a> {
    FailedRequest {
        context: request.context,
        errors: request.errors,
        what_failed: request.what_failed.clone(),
        subject: capitalized(&credential_request.to_string()),
        url_settings: url_settings(credential_request),
        is_direct: matches!(
            credential_request,
            CredentialRequest::EcsMetadata | CredentialRequest::Container
        ),
    }
}

/// The settings that determine the URL of a credential request.
fn url_settings(request: &CredentialRequest) -> &'static str {
    match request {
        CredentialRequest::PasswordAuth
        | CredentialRequest::OidcTemporaryKey
        | CredentialRequest::CallerAccount => {
            "region, and also cloud, auth_url and endpoints.iam if they are set"
        }
        CredentialRequest::AssumeAgency { .. } | CredentialRequest::OidcAuth => {
            "region, and also cloud, auth_url, endpoints.iam and endpoints.sts if they are set"
        }
        CredentialRequest::EcsMetadata => "endpoints.metadata if it is set, and that this machine is an ECS",
        CredentialRequest::Container => "the environment variable HC_CONTAINER_CREDENTIALS_FULL_URI",
    }
}

/// Returns the message for an error response, and one thing to do.
fn rejection_action(
    request: &CredentialRequest,
    response: &ErrorResponse,
    attempts: Attempts,
) -> (&'static Message, String) {
    let (message, action) = match error_codes::classify(response) {
        ErrorCategory::Unauthenticated(_) => (&catalogue::AUTHENTICATION_FAILED, identity_action(request)),
        ErrorCategory::Throttled => (&catalogue::TOO_MANY_REQUESTS, throttling_action(attempts)),
        ErrorCategory::ServerError | ErrorCategory::InstanceBusy => {
            (&catalogue::SERVER_ERROR, server_error_action(response))
        }
        ErrorCategory::PartialResponse => (&catalogue::PARTIAL_RESPONSE, PARTIAL_RESPONSE_ACTION),
        ErrorCategory::AccountSuspended => {
            (&catalogue::ACCOUNT_SUSPENDED, "Check the Billing Center in the console.")
        }
        ErrorCategory::Redirect => {
            let action =
                format!("Check whether a proxy requires a sign-in, and check {}.", url_settings(request));
            return (&catalogue::UNEXPECTED_REDIRECT, action);
        }
        _ if *request == CredentialRequest::EcsMetadata && response.status.as_u16() == 404 => {
            (&catalogue::NO_ECS_AGENCY, "Attach an agency to the ECS, or use another credential source.")
        }
        // IAM also responds with 404 to unknown names. Only this code is about the URL.
        ErrorCategory::ApiNotFound if response.is_gateway("0101") => {
            return (&catalogue::API_NOT_FOUND, format!("Check {}.", url_settings(request)));
        }
        ErrorCategory::ApiNotFound
        | ErrorCategory::AccessDenied
        | ErrorCategory::NotFound
        | ErrorCategory::InvalidId
        | ErrorCategory::WrongProject
        | ErrorCategory::RegionUnavailable
        | ErrorCategory::Other => (&catalogue::CREDENTIAL_REQUEST_REJECTED, request_action(request)),
    };
    (message, action.to_owned())
}

/// What to do if the service does not accept the identity of the caller.
fn identity_action(request: &CredentialRequest) -> &'static str {
    match request {
        CredentialRequest::PasswordAuth => {
            "Password authentication requires an IAM user, not a HUAWEI ID. Check the password, the user, and the account \
             in domain_name or domain_id."
        }
        CredentialRequest::AssumeAgency { .. } | CredentialRequest::CallerAccount => {
            "Check the credential that assumes the agency."
        }
        CredentialRequest::OidcAuth | CredentialRequest::OidcTemporaryKey => {
            "Check that the ID token has not expired, and that its issuer is an identity provider in IAM."
        }
        CredentialRequest::EcsMetadata => {
            "Check that this machine is an ECS, and that an agency is attached to it."
        }
        CredentialRequest::Container => {
            "Check that HC_CONTAINER_AUTHORIZATION_TOKEN_FILE is the path of the token file that Huawei Cloud created."
        }
    }
}

/// What to do if the service accepts the identity, but not the request.
fn request_action(request: &CredentialRequest) -> &'static str {
    match request {
        CredentialRequest::PasswordAuth => {
            "Check that the account has the project in project_id or project_name, or the project of the region, and that \
             the IAM user may use it."
        }
        CredentialRequest::AssumeAgency { .. } => {
            "Check the name and the account of the agency, and grant the caller the permission to assume it (Agent \
             Operator in IAM)."
        }
        CredentialRequest::CallerAccount => {
            "Set domain_id in the provider block to the account ID of the caller."
        }
        CredentialRequest::OidcAuth | CredentialRequest::OidcTemporaryKey => {
            "Check the ID of the identity provider and its conversion rules in IAM, and the agency if there is one."
        }
        CredentialRequest::EcsMetadata => {
            "Check that this machine is an ECS, and that an agency is attached to it."
        }
        CredentialRequest::Container => {
            "Check that the pod has an identity, and that HC_CONTAINER_CREDENTIALS_FULL_URI is unchanged."
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::huaweicloud::auth;
    use crate::huaweicloud::error::ErrorKind;
    use crate::huaweicloud::transport::TransportError;
    use crate::provider::error_messages::tests::{ONCE, check, diagnostic_of, now, rejected, response};

    #[test]
    fn error_with_success_status_is_classified_by_its_code() {
        for (status, code, summary) in [
            (200, "APIGW.0301", "Authentication Failed"),
            (201, "APIGW.0308", "Too Many Requests"),
            (200, "DBS.280005", "Server Error"),
            (206, "", "Partial Response"),
            (302, "", "Unexpected Redirect"),
            (404, "APIGW.0101", "API Not Found"),
            (404, "IAM.0004", "Credential Request Rejected"),
            (200, "IAM.0011", "Credential Request Rejected"),
        ] {
            let response = response(status, code, "");
            let error = auth::Error::Response {
                request: auth::CredentialRequest::PasswordAuth,
                response,
                attempts: ONCE,
            };
            assert_eq!(diagnostic_of(ErrorKind::Credential(error)).summary, summary, "{status} {code}");
        }
        let response = response(404, "", "");
        let (request, attempts) = (auth::CredentialRequest::EcsMetadata, ONCE);
        let no_agency = ErrorKind::Credential(auth::Error::Response { request, response, attempts });
        assert_eq!(diagnostic_of(no_agency).summary, "No ECS Agency");
        assert_eq!(rejected(200, "DBS.200002", "").summary, "Instance Not Found");
        assert_eq!(rejected(206, "", "").summary, "Partial Response");
    }

    #[test]
    fn every_error_of_a_credential_has_its_summary() {
        let request = || auth::CredentialRequest::EcsMetadata;
        let late = auth::Error::Transport {
            request: request(),
            error: TransportError::RequestTimedOut { timeout: Duration::from_secs(3), setting: None },
            attempts: ONCE,
        };
        let (expired_at, now) = (now(), now() + Duration::from_secs(1));
        let reasons = vec!["no block".into(), "no file".into()];
        let errors = [
            (late.clone(), "Request Timed Out", " failed: "),
            (
                auth::Error::IncompleteResponse { request: request(), missing: "access" },
                "Incomplete Credential Response",
                "failed: the response has no access.",
            ),
            (
                auth::Error::ExpiredCredential { credential: "the returned token", expired_at, now },
                "Expired Credential",
                "The returned token expired at Thu, 15 Jan 2026 08:30:00 GMT, but this machine's clock shows Thu, 15 Jan 2026 08:30:01 GMT",
            ),
            (
                auth::Error::CredentialsFile { path: "/x".into(), reason: "gone".into() },
                "Unusable Token File",
                "The token file /x cannot be used: gone.",
            ),
            (
                auth::Error::NoCredentials { reasons, last: Box::new(late) },
                "Missing Credentials",
                "No credential source has a credential: no block; no file; the ECS metadata service returned no credential.",
            ),
        ];
        check(errors.map(|(error, summary, part)| (ErrorKind::Credential(error), summary, part)));
    }
}
