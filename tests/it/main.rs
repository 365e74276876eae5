//! Integration tests. They are one program, so that a small machine links only once.
//!
//! - `architecture`: which parts of `src/` may use which other parts.
//! - `protocol`: the gRPC service in this process over a pipe, with a fake provider.
//! - `deferral`: reads while the provider configuration is unknown.
//! - `ephemeral`: the ephemeral resource, compared with the data source.
//! - `minimal_provider`: the example of another provider, with real Terraform and both protocols.
//! - `instances`: the list of instances with invalid values, changes while it is read, and parallel reads, in this process.
//! - `in_process`: helpers that run the provider in this process.
//! - `protocols`: protocols 5 and 6 compared.
//! - `process`: the built executable as a child of a plugin host.
//! - `certificate_files`: the files and redirects that a download link may lead to, in this process.
//! - `conformance`: what Terraform Core expects from a provider, by number.
//! - `origins`: account, project and region in the requests, for every combination of settings.
//! - `fifty_reads`: the requests of fifty reads with valid, wrong and revoked credentials.
//! - `fault_table`: every fault of the simulated cloud in every operation.
//! - `golden`: schemas, states, exit codes and the quick start, compared with golden files.
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
mod certificate_files;
mod conformance;
mod deferral;
mod ephemeral;
mod fault_table;
mod fifty_reads;
mod golden;
mod in_process;
mod instances;
mod minimal_provider;
mod origins;
mod process;
mod protocol;
mod protocols;
