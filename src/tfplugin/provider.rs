//! The traits of a provider, its data sources and its ephemeral resources.

use std::future::Future;
use std::pin::Pin;

pub use crate::tfplugin::ProviderInfo;
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::{self, AttributePath, Diagnostic, Diagnostics};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::Value;

/// A provider.
///
/// It needs no state: the plugin framework keeps the client that `configure` returns, one for each host.
pub trait Provider: Send + Sync + Sized + 'static {
    /// The client that `configure` returns and each data source receives.
    type Client: Send + Sync + 'static;

    /// The name, version and addresses of the provider.
    fn info(&self) -> ProviderInfo;

    /// The schema of the provider block.
    fn schema(&self) -> Schema;

    /// Errors and warnings in addition to those of the schema. Must accept unknown values.
    fn validate(&self, _config: &Config<'_>) -> Diagnostics {
        Diagnostics::default()
    }

    /// Creates the client from the provider block.
    ///
    /// It should send no request, because Terraform configures the provider in each run.
    fn configure(
        &self,
        request: ConfigureRequest<'_>,
    ) -> impl Future<Output = Result<ConfigureResponse<Self::Client>, Diagnostics>> + Send;

    /// The data sources of the provider.
    fn data_sources(&self) -> &[&dyn DataSource<Self::Client>] {
        &[]
    }

    /// The ephemeral resources of the provider.
    fn ephemeral_resources(&self) -> &[&dyn EphemeralResource<Self::Client>] {
        &[]
    }
}

/// The request to configure a provider.
pub struct ConfigureRequest<'a> {
    /// The provider block, after validation by the schema.
    pub config: &'a Config<'a>,
    /// The version of Terraform or OpenTofu, such as "1.11.4".
    pub terraform_version: &'a str,
}

/// The response to a request to configure a provider.
pub enum ConfigureResponse<C> {
    /// The client, and warnings. Data sources can be read.
    Ready(C, Diagnostics),
    /// A setting is not known before apply. Reads are deferred, or fail with these errors if the host does not allow
    /// deferral.
    Unknown(Diagnostics),
}

impl<C> ConfigureResponse<C> {
    /// `Unknown` with an error for each unknown setting, or `None` if all settings are known.
    pub fn if_unknown(config: &Config<'_>) -> Option<Self> {
        let unknown = config.unknown_paths();
        (!unknown.is_empty()).then(|| Self::Unknown(unknown.into_iter().map(unknown_setting).collect()))
    }
}

/// The error for a read while this provider setting is unknown.
pub fn unknown_setting(path: AttributePath) -> Diagnostic {
    let detail = format!(
        "The provider setting {path} is not known before apply, so no data source can be read yet. First create the resource \
         that it depends on, for example with -target, or set it to a known value."
    );
    diagnostic::PROVIDER_SETTING_NOT_KNOWN_YET.error(detail).at(path)
}

impl<C> From<C> for ConfigureResponse<C> {
    fn from(client: C) -> Self {
        Self::Ready(client, Diagnostics::default())
    }
}

/// A boxed future. It allows data sources of different types in one list.
pub type ResponseFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Diagnostics>> + Send + 'a>>;

/// A data source.
pub trait DataSource<C>: Send + Sync {
    /// The type name, with the name of the provider as its prefix: `greeting_text`.
    fn name(&self) -> &'static str;

    /// The schema of its block.
    fn schema(&self) -> Schema;

    /// Errors and warnings in addition to those of the schema. Must accept unknown values.
    fn validate(&self, _config: &Config<'_>) -> Diagnostics {
        Diagnostics::default()
    }

    /// Reads the data source. `config` is already validated by the schema.
    ///
    /// The future is dropped if the user interrupts the run.
    fn read<'a>(&'a self, client: &'a C, config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse>;
}

/// The response to a request to read a data source.
#[derive(Debug)]
pub struct ReadResponse {
    /// The unchanged arguments and all results. See [`Config::state`].
    pub state: Value,
    /// Warnings for the user.
    pub warnings: Diagnostics,
}

impl From<Value> for ReadResponse {
    fn from(state: Value) -> Self {
        Self { state, warnings: Diagnostics::default() }
    }
}

/// An ephemeral resource.
///
/// Terraform opens it at the start of plan and apply, closes it at their end, and saves its result neither in the plan
/// nor in the state.
pub trait EphemeralResource<C>: Send + Sync {
    /// The type name, with the name of the provider as its prefix: `greeting_text`.
    fn name(&self) -> &'static str;

    /// The schema of its block.
    fn schema(&self) -> Schema;

    /// Errors and warnings in addition to those of the schema. Must accept unknown values.
    fn validate(&self, _config: &Config<'_>) -> Diagnostics {
        Diagnostics::default()
    }

    /// Opens the ephemeral resource. `config` is already validated by the schema.
    ///
    /// The future is dropped if the user interrupts the run.
    fn open<'a>(&'a self, client: &'a C, config: &'a Config<'a>) -> ResponseFuture<'a, OpenResponse>;

    /// Closes the ephemeral resource and returns warnings. `private` is the data that `open` returned.
    fn close<'a>(&'a self, _client: &'a C, _private: &'a [u8]) -> ResponseFuture<'a, Diagnostics> {
        Box::pin(std::future::ready(Ok(Diagnostics::default())))
    }
}

/// The response to a request to open an ephemeral resource.
#[derive(Debug)]
pub struct OpenResponse {
    /// The unchanged arguments and all results. See [`Config::state`].
    pub result: Value,
    /// Warnings for the user.
    pub warnings: Diagnostics,
    /// The data that `close` receives, such as the ID of a lease. Terraform does not show it.
    pub private: Vec<u8>,
}

impl From<Value> for OpenResponse {
    fn from(result: Value) -> Self {
        Self { result, warnings: Diagnostics::default(), private: Vec::new() }
    }
}

/// An ephemeral resource that returns the result of a data source.
///
/// Terraform does not save the result in the state. Closing has no effect.
pub struct Ephemeral<D>(pub D);

impl<C: Send + Sync, D: DataSource<C>> EphemeralResource<C> for Ephemeral<D> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn schema(&self) -> Schema {
        self.0.schema()
    }

    fn validate(&self, config: &Config<'_>) -> Diagnostics {
        self.0.validate(config)
    }

    fn open<'a>(&'a self, client: &'a C, config: &'a Config<'a>) -> ResponseFuture<'a, OpenResponse> {
        let read = self.0.read(client, config);
        Box::pin(async {
            let ReadResponse { state, warnings } = read.await?;
            Ok(OpenResponse { warnings, ..state.into() })
        })
    }
}
