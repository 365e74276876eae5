//! The real command line, Terraform's or OpenTofu's, on configurations of our own with a provider of our own.

mod core;
mod package;
mod protocol;
mod workspace;

pub use core::{Core, Product, write_script};
pub use protocol::{limited_to_protocol, negotiated_protocols};
pub use workspace::{Output, Run, Workspace};
