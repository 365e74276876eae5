//! Why no credential could be had.

use std::time::SystemTime;

use crate::transport::retry::Effort;
use crate::transport::{Failure, Refusal};

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{step} was answered with {}", .refusal.phrase())]
    Refused { step: Step, refusal: Box<Refusal>, effort: Effort },
    #[error("{step} got no answer")]
    Unanswered {
        step: Step,
        #[source]
        failure: Failure,
        effort: Effort,
    },
    #[error("the answer to {step} has no {missing}")]
    Unusable { step: Step, missing: &'static str },
    #[error("the temporary key has ended before it came")]
    Ended { end: SystemTime, now: SystemTime },
    #[error("the file {path} cannot be read ({reason})")]
    File { path: String, reason: String },
    /// The last place that was asked has none either; these are the reasons of the others.
    #[error("no place has a credential")]
    Nowhere {
        reasons: Vec<String>,
        #[source]
        last: Box<Error>,
    },
}

/// What was tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Step {
    #[error("the login to IAM")]
    Login,
    #[error("taking on the agency {name} of the account {account}")]
    Agency { name: String, account: String },
    #[error("showing the identity provider's token")]
    IdToken,
    #[error("exchanging the identity provider's token for a key")]
    Exchange,
    #[error("the look-up of the caller's account")]
    Home,
    #[error("the request to the ECS metadata service")]
    Machine,
    #[error("the request to the container's identity service")]
    Container,
}
