//! The real command line, Terraform's or OpenTofu's, on configurations of our own with a provider of our own.

mod core;
mod package;
mod protocol;
mod workspace;

pub use core::{Product, TerraformCli, write_script};
pub use protocol::{negotiated_protocols, restrict_to_protocol};
pub use workspace::{Output, RunningCommand, Workspace};
