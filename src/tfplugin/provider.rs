//! What an author implements: a provider, its data sources and its ephemeral resources.

use std::future::Future;
use std::pin::Pin;

pub use crate::tfplugin::ProviderInfo;
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::{self, AttributePath, Diagnostic, Diagnostics};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::Value;

/// A provider. It has no state: what `configure` returns is kept by the layer, for each host apart.
pub trait Provider: Send + Sync + Sized + 'static {
    /// What `configure` makes, and every data source is given.
    type Client: Send + Sync + 'static;

    /// Names, version and addresses of the provider.
    fn info(&self) -> ProviderInfo;

    /// The arguments of the provider block.
    fn schema(&self) -> Schema;

    /// Errors that the schema alone does not find. Skips unknown values.
    fn validate(&self, _config: &Config<'_>) -> Diagnostics {
        Diagnostics::default()
    }

    /// The client for the settings of the provider block. It should send nothing: every run configures the provider.
    fn configure(
        &self,
        request: ConfigureRequest<'_>,
    ) -> impl Future<Output = Result<Configured<Self::Client>, Diagnostics>> + Send;

    /// All data sources.
    fn data_sources(&self) -> &[&dyn DataSource<Self::Client>] {
        &[]
    }

    /// All ephemeral resources.
    fn ephemeral_resources(&self) -> &[&dyn EphemeralResource<Self::Client>] {
        &[]
    }
}

/// The provider block, for the call that makes a client of it.
pub struct ConfigureRequest<'a> {
    /// The block's values, which the schema has accepted.
    pub config: &'a Config<'a>,
    /// The version of Terraform or OpenTofu, in the host's own words.
    pub terraform_version: &'a str,
}

/// The result of a configuration without errors.
pub enum Configured<C> {
    /// Data sources can be read.
    Ready(C, Diagnostics),
    /// A setting is not known before apply. Reads are deferred, or end with these errors where the host allows no
    /// deferral.
    Unknown(Diagnostics),
}

impl<C> Configured<C> {
    /// The result if any setting of the block is unknown.
    pub fn if_unknown(config: &Config<'_>) -> Option<Self> {
        let unknown = config.unknown();
        (!unknown.is_empty()).then(|| Self::Unknown(unknown.into_iter().map(unknown_setting).collect()))
    }
}

/// The error for a read that needs a setting which is not known yet.
pub fn unknown_setting(path: AttributePath) -> Diagnostic {
    let detail = format!(
        "The provider setting {path} is not known before apply, so nothing can be read yet. Create what it depends on \
         first, for example with -target, or set it to a known value."
    );
    diagnostic::PROVIDER_SETTING_NOT_KNOWN_YET.error(detail).at(path)
}

impl<C> From<C> for Configured<C> {
    fn from(client: C) -> Self {
        Self::Ready(client, Diagnostics::default())
    }
}

/// A boxed future, so that types with different reads fit into one list.
pub type ResponseFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Diagnostics>> + Send + 'a>>;

/// A data source: arguments in, arguments and results out.
pub trait DataSource<C>: Send + Sync {
    /// The type name in the configuration language, with the provider's prefix.
    fn name(&self) -> &'static str;

    /// The arguments and results.
    fn schema(&self) -> Schema;

    /// Errors that the schema alone does not find. Skips unknown values.
    fn validate(&self, _config: &Config<'_>) -> Diagnostics {
        Diagnostics::default()
    }

    /// The state for a configuration that the schema has accepted. Dropped where the user interrupts the run.
    fn read<'a>(&'a self, client: &'a C, config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse>;
}

/// The state of a data source, and warnings about it.
#[derive(Debug)]
pub struct ReadResponse {
    /// The arguments unchanged, and all results. See [`Config::state`].
    pub state: Value,
    /// What the user should know although the read succeeded.
    pub warnings: Diagnostics,
}

impl From<Value> for ReadResponse {
    fn from(state: Value) -> Self {
        Self { state, warnings: Diagnostics::default() }
    }
}

/// An ephemeral resource: opened for each phase of a run, kept out of plan and state, and closed at the phase's end.
pub trait EphemeralResource<C>: Send + Sync {
    /// The type name in the configuration language, with the provider's prefix.
    fn name(&self) -> &'static str;

    /// The arguments and results.
    fn schema(&self) -> Schema;

    /// Errors that the schema alone does not find. Skips unknown values.
    fn validate(&self, _config: &Config<'_>) -> Diagnostics {
        Diagnostics::default()
    }

    /// The result for a configuration that the schema has accepted. Dropped where the user interrupts the run.
    fn open<'a>(&'a self, client: &'a C, config: &'a Config<'a>) -> ResponseFuture<'a, OpenResponse>;

    /// Releases what `open` acquired, and returns warnings. `private` is what `open` returned.
    fn close<'a>(&'a self, _client: &'a C, _private: &'a [u8]) -> ResponseFuture<'a, Diagnostics> {
        Box::pin(std::future::ready(Ok(Diagnostics::default())))
    }
}

/// The result of an opened ephemeral resource.
#[derive(Debug)]
pub struct OpenResponse {
    /// The arguments unchanged, and all results. See [`Config::state`].
    pub result: Value,
    /// What the user should know although the resource was opened.
    pub warnings: Diagnostics,
    /// What `close` needs. The user never sees it.
    pub private: Vec<u8>,
}

impl From<Value> for OpenResponse {
    fn from(result: Value) -> Self {
        Self { result, warnings: Diagnostics::default(), private: Vec::new() }
    }
}

/// A data source as an ephemeral resource: what is read is not kept in the state, and nothing has to be closed.
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
