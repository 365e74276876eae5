//! The real command line, Terraform's or OpenTofu's, on configurations of our own with a provider of our own.

mod core;
mod workspace;

pub use core::{Core, installed, package};
pub use workspace::{Output, Run, Workspace};
