//! The plugin framework: implements Terraform's plugin protocol for any provider.
//!
//! - [`provider`]: the traits that a provider implements, with their requests and responses.
//! - [`schema`], [`validator`], [`config`], [`value`], [`diagnostic`]: the data types of the configuration language.
//! - [`session`]: the operations of a provider for one host.
//! - [`server`]: the plugin server, with command line, handshake, socket, TLS, RPCs and log.

pub mod config;
pub mod diagnostic;
pub mod provider;
pub mod schema;
pub mod server;
pub mod session;
pub mod validator;
pub mod value;

pub use provider::Provider;
pub use server::command_line::serve;

/// The name, version and addresses of a provider.
#[derive(Clone, Copy, Debug)]
pub struct ProviderInfo {
    /// The local name, which is also the prefix of all type names. The executable is `terraform-provider-NAME`.
    pub name: &'static str,
    /// The source address without the hostname of a registry: `example/greeting`.
    pub address: &'static str,
    /// The version in the format of Semantic Versioning.
    pub version: &'static str,
    /// A sentence for `--help`.
    pub description: &'static str,
    /// The URL of the documentation and the source code.
    pub repository: &'static str,
    /// The URL where users report bugs in the provider.
    pub issue_url: &'static str,
    /// The prefix of `@module` in the log. In upper case, it is the suffix of the variable `TF_LOG_PROVIDER_…`.
    pub log_prefix: &'static str,
    /// The crates with events for the log. Events of other crates may contain secrets, such as request headers.
    pub log_targets: &'static [&'static str],
    /// An example of a data source or resource in the configuration language, for `--help`.
    pub example: &'static str,
}

impl ProviderInfo {
    /// The required fields. Set the other ones with `..ProviderInfo::new(…)`.
    pub const fn new(name: &'static str, address: &'static str, version: &'static str) -> Self {
        Self {
            name,
            address,
            version,
            description: "",
            repository: "",
            issue_url: "",
            log_prefix: name,
            log_targets: &[],
            example: "",
        }
    }

    /// The name and version of the executable, for `--version`.
    pub fn program(&self) -> String {
        format!("terraform-provider-{} {}", self.name, self.version)
    }
}

/// The platform of this executable with Go's names, such as `linux_amd64`.
pub fn platform() -> String {
    use std::env::consts::{ARCH, OS};
    let os = if OS == "macos" { "darwin" } else { OS };
    let arch = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("{os}_{arch}")
}
