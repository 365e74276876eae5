//! Runs real Terraform or OpenTofu in temporary directories, with a provider that was built from this repository.

mod cli;
mod package;
mod protocol;
mod workspace;

pub use cli::{Product, TerraformCli, write_script};
pub use package::{newest_requirements, pip_install};
pub use protocol::{negotiated_protocols, restrict_to_protocol};
pub use workspace::{Output, RunningCommand, Workspace};
