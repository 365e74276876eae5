//! Errors while a key or a token is fetched.

use std::time::{Duration, SystemTime};

use super::{ErrorTtl, rejects_credential};
use crate::huaweicloud::transport::retry::Attempts;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, TransportError};

/// The reason why no key or token could be fetched.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{request} failed with {}", .response.description())]
    Response { request: CredentialRequest, response: Box<ErrorResponse>, attempts: Attempts },
    #[error("{request} failed")]
    Transport {
        request: CredentialRequest,
        #[source]
        error: TransportError,
        attempts: Attempts,
    },
    #[error("{request} failed: the response has no {missing}")]
    IncompleteResponse { request: CredentialRequest, missing: &'static str },
    #[error("{credential} has already expired")]
    ExpiredCredential { credential: &'static str, expired_at: SystemTime, now: SystemTime },
    #[error("the file {path} cannot be used: {reason}")]
    CredentialsFile { path: String, reason: String },
    /// No credential source has a credential.
    #[error("no credential source has a credential")]
    NoCredentials {
        reasons: Vec<String>,
        #[source]
        last: Box<Error>,
    },
}

/// How long the error of the metadata service is cached. If the service does not respond, this machine is probably not
/// an ECS.
const NO_METADATA_TTL: Duration = Duration::from_secs(5 * 60);

impl Error {
    /// How long other callers get this error instead of sending their own request.
    pub(in crate::huaweicloud) fn ttl(&self) -> ErrorTtl {
        match self {
            Self::Transport { request: CredentialRequest::EcsMetadata, error, .. } if !error.is_queued() => {
                ErrorTtl::Fixed(NO_METADATA_TTL)
            }
            Self::Transport { error, .. } => ErrorTtl::for_error(error),
            // The gate of the token stores this error. A new token in the file must be used at once.
            Self::Response {
                request: CredentialRequest::OidcAuth | CredentialRequest::Container,
                response,
                ..
            } if rejects_credential(response) => ErrorTtl::Fixed(Duration::ZERO),
            Self::Response { response, .. } => ErrorTtl::for_response(response),
            Self::IncompleteResponse { .. } | Self::ExpiredCredential { .. } => ErrorTtl::PERSISTENT,
            // Reading the file again is cheap.
            Self::CredentialsFile { .. } => ErrorTtl::Fixed(Duration::ZERO),
            Self::NoCredentials { last, .. } => last.ttl(),
        }
    }

    /// Returns the error of a read that timed out while another read sent this request.
    pub(super) fn queue_timed_out(request: CredentialRequest, deadline: Deadline) -> Self {
        let attempts = Attempts::NONE;
        Self::Transport {
            request,
            error: TransportError::QueueTimedOut { timeout: deadline.timeout },
            attempts,
        }
    }
}

/// A request for a key or a token, described for messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CredentialRequest {
    #[error("authenticating with IAM")]
    PasswordAuth,
    #[error("assuming the agency {name} of the account {account}")]
    AssumeAgency { name: String, account: String },
    #[error("authenticating with the OIDC ID token")]
    OidcAuth,
    #[error("exchanging the IAM token for a temporary key")]
    OidcTemporaryKey,
    #[error("looking up the caller's account")]
    CallerAccount,
    #[error("requesting a key from the ECS metadata service")]
    EcsMetadata,
    #[error("requesting a key from the container's identity service")]
    Container,
}

impl CredentialRequest {
    /// Whether the request goes to a service on this machine or close to it.
    pub(super) fn is_direct(&self) -> bool {
        matches!(self, Self::EcsMetadata | Self::Container)
    }
}
