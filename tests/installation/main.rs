//! Installation of the provider with real Terraform or OpenTofu: by `cargo xtask install`, from mirrors, and from a registry.
//!
//! `cargo xtask package` builds the release packages. All servers are on the loopback interface.
//!
//! This is a separate program: it builds a static executable first, which would disturb the time limits of other tests.
#![cfg(unix)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the tests with servers run only on Linux"))]
#![allow(clippy::disallowed_types, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod fixture;
mod hashes;
mod package;
#[cfg(target_os = "linux")]
mod registry;
#[cfg(target_os = "linux")]
mod server;

/// All tests. As in `tests/it`, `--skip acceptance` leaves out the tests that need Terraform or OpenTofu.
mod acceptance {
    mod filesystem_mirror;
    mod local_mirror;
    // Only on Linux, Terraform reads the certificate authority of the servers from a file.
    #[cfg(target_os = "linux")]
    mod network_mirror;
    #[cfg(target_os = "linux")]
    mod registry;
    #[cfg(target_os = "linux")]
    mod rejected_packages;
}
