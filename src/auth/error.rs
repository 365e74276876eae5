//! Why no credential could be had.

use std::time::SystemTime;

use crate::transport::retry::Effort;
use crate::transport::{Failure, Refusal};

/// `step` is what was tried, such as "the login to IAM".
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{step} was answered with {}", .refusal.phrase())]
    Refused { step: String, refusal: Box<Refusal>, effort: Effort },
    #[error("{step} got no answer")]
    Unanswered {
        step: String,
        #[source]
        failure: Failure,
        effort: Effort,
    },
    #[error("the answer to {step} has no {missing}")]
    Unusable { step: String, missing: &'static str },
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
