//! What the tests and examples stand on and the provider never ships.
//!
//! - [`built`]: the provider's executable, for examples.
//! - [`simulator`]: the cloud's DDS and IAM services on loopback, which check what arrives as the real ones do.
//! - [`host`]: starts a provider's executable as Terraform's core does and calls it.
//! - [`terraform`]: runs the real command line, or a real core out of a Python package.

pub mod built;
pub mod host;
pub mod simulator;
pub mod terraform;
