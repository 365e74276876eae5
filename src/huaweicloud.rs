//! A client of Huawei Cloud: knows nothing of Terraform.
//!
//! - [`client`]: one call of the cloud after another: build, authorize, send, classify, decode.
//! - [`auth`]: credentials and what they do to a request: sign it, or give it a token.
//! - [`signer`]: signs a request with an access key.
//! - [`transport`]: sends one request, says what kind of failure it met, and tries again within reason.

pub mod auth;
pub mod client;
mod dds;
mod endpoints;
pub mod error;
pub mod error_codes;
mod iam;
pub mod signer;
pub mod text_form;
pub mod transport;
