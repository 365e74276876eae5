//! A client of Huawei Cloud. It does not depend on Terraform.
//!
//! [`Client`] has one method per service, such as [`Client::dds`], and each service has one method per operation. A
//! module uses only the modules below it:
//!
//! - `dds`, `iam`: the operations of the services.
//! - [`client`]: settings, endpoints, and the authenticated request that all operations use.
//! - `download`, [`certificate`]: files that a link points to, and the certificates in them.
//! - [`error`], `error_codes`: errors of an operation, and the meaning of the cloud's error codes.
//! - [`auth`]: credentials: how they are fetched, and how they authenticate requests.
//! - [`transport`]: HTTP requests with retries, rate limits and timeouts.
//! - [`signer`]: signatures with an access key.
//! - [`strings`]: checks of strings before they are sent, and sanitizing of received strings.

pub mod auth;
pub mod certificate;
pub mod client;
mod dds;
mod download;
pub mod error;
pub(crate) mod error_codes;
mod iam;
pub mod signer;
pub mod strings;
pub mod transport;

pub use certificate::X509Certificate;
pub use client::Client;
pub use dds::{Certificate, CertificateBundle, Dds, Instance, InstanceFilter, InstanceList, Node};
pub(crate) use download::DownloadError;

/// Decoders of responses, for the fuzzer.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::transport::Response;

    /// Returns the certificates in a response, or an error message.
    pub fn certificates(response: &Response) -> Result<Vec<super::Certificate>, String> {
        super::dds::certificates(response).map_err(|error| error.to_string())
    }

    /// Returns the certificates in a file, or an error message.
    pub fn certificate_file(file: &[u8]) -> Result<Vec<super::X509Certificate>, String> {
        super::certificate::parse(file).map_err(|error| error.to_string())
    }

    /// Returns the ID of the project with this name.
    pub fn project_id(response: &Response, name: &str) -> Option<String> {
        super::iam::project_id(response, name).ok()
    }
}
