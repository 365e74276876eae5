//! Errors of fetching a key or a token.

use std::time::{Duration, SystemTime};

use super::{Keep, refuses_credential};
use crate::huaweicloud::transport::retry::Attempts;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, TransportError};

/// Why there is no key or token.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{step} was answered with {}", .refusal.phrase())]
    Refused { step: Step, refusal: Box<ErrorResponse>, effort: Attempts },
    #[error("{step} got no answer")]
    Unanswered {
        step: Step,
        #[source]
        failure: TransportError,
        effort: Attempts,
    },
    #[error("the answer to {step} has no {missing}")]
    Unusable { step: Step, missing: &'static str },
    #[error("{what} expired before it arrived")]
    Expired { what: &'static str, expired_at: SystemTime, now: SystemTime },
    #[error("the file {path} cannot be read ({reason})")]
    File { path: String, reason: String },
    /// No credential source has a credential.
    #[error("no credential source has a credential")]
    Nowhere {
        reasons: Vec<String>,
        #[source]
        last: Box<Error>,
    },
}

/// How long a metadata service that did not answer is not asked again: most likely this is no virtual machine of the cloud.
const NO_METADATA: Duration = Duration::from_secs(5 * 60);

impl Error {
    /// How long other callers get this error in place of a request of their own.
    pub(in crate::huaweicloud) fn keep(&self) -> Keep {
        match self {
            Self::Unanswered { step: Step::Machine, failure, .. } if !failure.is_queued() => {
                Keep::For(NO_METADATA)
            }
            Self::Unanswered { failure, .. } => Keep::of_failure(failure),
            // The gate of the token keeps this error, and a new token in the file must be tried at once.
            Self::Refused { step: Step::IdToken | Step::Container, refusal, .. }
                if refuses_credential(refusal) =>
            {
                Keep::For(Duration::ZERO)
            }
            Self::Refused { refusal, .. } => Keep::of_answer(refusal),
            Self::Unusable { .. } | Self::Expired { .. } => Keep::SAME_ANSWER,
            // Reading the file again costs nothing.
            Self::File { .. } => Keep::For(Duration::ZERO),
            Self::Nowhere { last, .. } => last.keep(),
        }
    }

    /// The error of a read whose limit passed while another read sent this request.
    pub(super) fn waited(step: Step, deadline: Deadline) -> Self {
        let effort = Attempts::NONE;
        Self::Unanswered { step, failure: TransportError::Queued { limit: deadline.limit }, effort }
    }
}

/// A request for a key or a token, for messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Step {
    #[error("the login to IAM")]
    TokenProvider,
    #[error("taking on the agency {name} of the account {account}")]
    Agency { name: String, account: String },
    #[error("showing the identity provider's token")]
    IdToken,
    #[error("exchanging the identity provider's token for a key")]
    Exchange,
    #[error("the look-up of the caller's account")]
    CallerAccount,
    #[error("the request to the ECS metadata service")]
    Machine,
    #[error("the request to the container's identity service")]
    Container,
}
