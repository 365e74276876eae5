//! The provider itself: its settings, its data sources, and what `configure` made of them.
//!
//! Called by the plugin room, in whatever protocol the host speaks; calls the cloud through the api room.

pub mod config;
pub mod data_sources;
mod duration;
pub mod error_messages;

use std::sync::{Arc, PoisonError, RwLock};

use crate::huaweicloud::Client;
use crate::system::Environment;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Diagnostics};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::Value;
use config::Resolution;
use data_sources::{DATA_SOURCES, DataSource, EPHEMERAL_RESOURCES, ReadResponse};

pub struct Provider {
    environment: Environment,
    data_sources: &'static [&'static dyn DataSource],
    ephemeral_resources: &'static [&'static dyn DataSource],
    configured: RwLock<Configured>,
}

/// What the last `configure` left. A host that configures twice means the second.
#[derive(Clone)]
enum Configured {
    Not,
    /// These settings are not known before apply, and a read needs them.
    Waiting(Vec<AttributePath>),
    Ready(Arc<Client>),
}

/// The outcome of a read without errors.
#[derive(Debug)]
pub enum ReadOutcome {
    Complete(ReadResponse),
    /// The provider's configuration is not known before apply. The state has unknown values.
    Deferred(Value),
}

impl Provider {
    pub fn new(environment: Environment) -> Self {
        let provider = Self::with_data_sources(environment, DATA_SOURCES);
        Self { ephemeral_resources: EPHEMERAL_RESOURCES, ..provider }
    }

    /// A provider of other data sources, ephemeral ones as well: for tests that bring one that stalls or panics.
    pub fn with_data_sources(
        environment: Environment,
        data_sources: &'static [&'static dyn DataSource],
    ) -> Self {
        let configured = RwLock::new(Configured::Not);
        Self { environment, data_sources, ephemeral_resources: data_sources, configured }
    }

    pub fn schema(&self) -> Schema {
        config::schema()
    }

    pub fn data_sources(&self) -> &'static [&'static dyn DataSource] {
        self.data_sources
    }

    pub fn data_source(&self, name: &str) -> Option<&'static dyn DataSource> {
        self.data_sources.iter().find(|source| source.name() == name).copied()
    }

    pub fn ephemeral_resources(&self) -> &'static [&'static dyn DataSource] {
        self.ephemeral_resources
    }

    pub fn ephemeral_resource(&self, name: &str) -> Option<&'static dyn DataSource> {
        self.ephemeral_resources.iter().find(|resource| resource.name() == name).copied()
    }

    /// What is wrong with the block itself, whatever the environment adds: `terraform validate` runs where there
    /// are no credentials.
    pub fn validate(&self, config: &Value) -> Diagnostics {
        let faults = config::resolve(config, &self.environment, "").err().unwrap_or_default();
        faults.iter().filter(|fault| fault.lies_in_block()).map(error_messages::fault).collect()
    }

    /// Settles the settings and prepares the client. Calls nobody: the first read that needs the cloud does.
    pub fn configure(&self, config: &Value, terraform_version: &str) -> Diagnostics {
        let (configured, warnings) = match config::resolve(config, &self.environment, terraform_version) {
            Ok(Resolution::Settings(settings, notices)) => {
                let warnings = error_messages::notices(&notices, settings.credential.origin()).collect();
                (Configured::Ready(Arc::new(Client::new(*settings))), warnings)
            }
            Ok(Resolution::Waiting(paths)) => (Configured::Waiting(paths), Diagnostics::default()),
            Err(faults) => return faults.iter().map(error_messages::fault).collect(),
        };
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = configured;
        warnings
    }

    pub fn validate_data_source(&self, source: &dyn DataSource, config: &Value) -> Diagnostics {
        let mut diagnostics = source.schema().check(config);
        diagnostics.extend(source.validate(config));
        diagnostics
    }

    /// Reads a data source. Only a host that allows a deferral gets one.
    pub async fn read(
        &self,
        source: &dyn DataSource,
        config: &Value,
        deferral_allowed: bool,
    ) -> Result<ReadOutcome, Diagnostics> {
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner).clone();
        match configured {
            Configured::Ready(client) => source.read(&client, config).await.map(ReadOutcome::Complete),
            Configured::Waiting(_) if deferral_allowed => {
                Ok(ReadOutcome::Deferred(source.schema().with_unknown_results(config)))
            }
            Configured::Waiting(paths) => Err(paths.into_iter().map(error_messages::waiting).collect()),
            Configured::Not => Err(Diagnostic::error(
                "Provider Not Configured",
                "A read came before the provider was configured. This is a fault of the program that started the \
                 provider: it has to call ConfigureProvider first.",
            )
            .into()),
        }
    }
}
