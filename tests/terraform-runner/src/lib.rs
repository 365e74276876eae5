//! The real command line, Terraform's or OpenTofu's, on configurations of our own with a provider of our own.

mod core;
mod package;
mod spoken;
mod workspace;

pub use core::{Core, Product, put_script};
pub use spoken::{made_to_speak, spoken};
pub use workspace::{Output, Run, Workspace};
