//! The tests that need more than one part. One program, so that a small machine links once.
//!
//! - `architecture`: which part of `src/` may use which.
//! - `protocol`: the gRPC service in this process, over a pipe, with data sources that misbehave.
//! - `deferral`: a read while the provider's configuration is unknown.
//! - `ephemeral`: the ephemeral resource beside the data source.
//! - `minimal_provider`: the example of another provider, with real Terraform in both protocols.
//! - `in_process`: the provider in this process, for the modules that need no executable.
//! - `protocols`: protocol 5 and protocol 6 side by side.
//! - `process`: the built executable as a child of a plugin host, as core would start it.
//! - `conformance`: what a host may ask of any provider, by number.
//! - `origins`: whose account, project and region is sent, for every combination of the origins that name them.
//! - `fifty_reads`: what fifty reads send with a credential that is right, wrong or revoked.
//! - `golden`: schemas, states, exit codes and the quick start as they are in files.
//! - `acceptance`: real Terraform or OpenTofu with the simulated cloud.
#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

mod acceptance;
mod architecture;
mod conformance;
mod deferral;
mod ephemeral;
mod fifty_reads;
mod golden;
mod in_process;
mod minimal_provider;
mod origins;
mod process;
mod protocol;
mod protocols;
