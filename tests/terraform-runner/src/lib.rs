//! Runs real Terraform or OpenTofu in temporary directories, with a provider that was built from this repository.

mod cli;
mod package;
mod protocol;
mod workspace;

pub use cli::{Product, TerraformCli, write_script};
pub use package::{newest_requirements, pip_install};
pub use protocol::{negotiated_protocols, restrict_to_protocol};
pub use workspace::{Output, RunningCommand, Workspace};

/// A message of Terraform without its line breaks and border.
pub fn without_line_breaks(text: &str) -> String {
    text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that the text contains all parts.
pub fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}
