//! Terraform's plugin protocol for any provider.
//!
//! - [`provider`]: the traits that a provider implements, with their requests and responses.
//! - [`schema`], [`validator`], [`config`], [`value`], [`diagnostic`]: the configuration language as plain data. They
//!   know no protocol.
//! - [`session`]: the provider in use by one host.
//! - [`server`]: the channel to Terraform. Command line, handshake, socket, TLS, the RPCs, the log on stderr.

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

/// What the layer says of a provider, and by which names hosts know it.
#[derive(Clone, Copy, Debug)]
pub struct ProviderInfo {
    /// The local name, with which the names of all types begin. The executable is `terraform-provider-NAME`.
    pub name: &'static str,
    /// The registry address without a host name, such as `example/greeting`.
    pub address: &'static str,
    /// The version in the form of Semantic Versioning.
    pub version: &'static str,
    /// One sentence for `--help`.
    pub description: &'static str,
    /// URL of the documentation and of the sources.
    pub repository: &'static str,
    /// URL where a fault of the provider is reported.
    pub issue_url: &'static str,
    /// The first word of `@module` in the log. In capitals it ends the variable `TF_LOG_PROVIDER_…`.
    pub log_prefix: &'static str,
    /// The crates whose events are logged. Others may log secrets, such as the headers of requests.
    pub log_targets: &'static [&'static str],
    /// A data source or resource in the configuration language, for `--help`.
    pub example: &'static str,
}

impl ProviderInfo {
    /// What every provider has. The rest is empty, to be filled by `..ProviderInfo::new(…)`.
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

    /// Name and version of the program.
    pub fn program(&self) -> String {
        format!("terraform-provider-{} {}", self.name, self.version)
    }
}
