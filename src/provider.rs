//! The dds provider: its settings, its data sources and its error messages.

pub mod config;
pub mod data_sources;
pub mod error_messages;

use crate::huaweicloud::Client;
use crate::system::Environment;
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::Diagnostics;
use crate::tfplugin::provider::{
    ConfigureRequest, ConfigureResponse, DataSource, EphemeralResource, Provider, ProviderInfo,
};
use crate::tfplugin::schema::Schema;
use config::ResolvedConfig;
use data_sources::{DATA_SOURCES, EPHEMERAL_RESOURCES};

const INFO: ProviderInfo = ProviderInfo {
    description: env!("CARGO_PKG_DESCRIPTION"),
    repository: env!("CARGO_PKG_REPOSITORY"),
    issue_url: concat!(env!("CARGO_PKG_REPOSITORY"), "/issues"),
    log_targets: &[env!("CARGO_CRATE_NAME")],
    example: r#"
data "dds_ssl_cert_download_links" "this" {
  instance_id = "..."
}"#,
    ..ProviderInfo::new("dds", "terraform-dds/dds", env!("CARGO_PKG_VERSION"))
};

/// The provider for Huawei Cloud DDS.
pub struct Dds {
    environment: Environment,
}

impl Dds {
    /// Returns a provider that reads settings from this environment.
    pub fn new(environment: Environment) -> Self {
        Self { environment }
    }
}

impl Provider for Dds {
    type Client = Client;

    fn info(&self) -> ProviderInfo {
        INFO
    }

    fn schema(&self) -> Schema {
        config::schema()
    }

    fn validate(&self, config: &Config<'_>) -> Diagnostics {
        let errors = config::resolve(config, &self.environment, "").err().unwrap_or_default();
        errors.iter().filter(|error| error.is_block_only()).map(error_messages::config_error).collect()
    }

    /// Sends no request. The first read sends the first one.
    async fn configure(
        &self,
        request: ConfigureRequest<'_>,
    ) -> Result<ConfigureResponse<Client>, Diagnostics> {
        match config::resolve(request.config, &self.environment, request.terraform_version) {
            Ok(ResolvedConfig::Settings(settings, warnings)) => {
                let warnings = error_messages::warnings(&warnings, settings.credential.origin()).collect();
                Ok(ConfigureResponse::Ready(Client::new(*settings), warnings))
            }
            Ok(ResolvedConfig::UnknownSettings(paths)) => Ok(ConfigureResponse::Unknown(
                paths.into_iter().map(error_messages::unknown_setting).collect(),
            )),
            Err(errors) => Err(errors.iter().map(error_messages::config_error).collect()),
        }
    }

    fn data_sources(&self) -> &[&dyn DataSource<Client>] {
        DATA_SOURCES
    }

    fn ephemeral_resources(&self) -> &[&dyn EphemeralResource<Client>] {
        EPHEMERAL_RESOURCES
    }
}
