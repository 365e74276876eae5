//! A client of Huawei Cloud: knows nothing of Terraform.
//!
//! [`Client`] has one method for each service, such as [`Client::dds`], and each service one method for each operation.
//! A module uses only those below it:
//!
//! - `dds`, `iam`: the operations of the services.
//! - [`client`]: settings, endpoints, and the authenticated request that every operation sends.
//! - [`error`], `error_codes`: errors of an operation, and what the cloud's error codes mean.
//! - [`auth`]: credentials, which sign a request or add a token to it, and where they are fetched.
//! - [`transport`]: one HTTP request, with retries, rate limits and time limits.
//! - [`signer`]: signatures with an access key.
//! - `text`: which texts can be sent, and how received ones are shown.

pub mod auth;
pub mod client;
mod dds;
pub mod error;
pub(crate) mod error_codes;
mod iam;
pub mod signer;
pub mod strings;
pub mod transport;

pub use client::Client;
pub use dds::{Certificate, Dds};

/// The decoders of responses, for the fuzzer.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::transport::Response;

    /// The certificates in a response, or why there are none.
    pub fn certificates(response: &Response) -> Result<Vec<super::Certificate>, String> {
        super::dds::certificates(response).map_err(|error| error.to_string())
    }

    /// The ID of the project with this name.
    pub fn project_id(response: &Response, name: &str) -> Option<String> {
        super::iam::project_id(response, name).ok()
    }
}
