//! The provider's RPCs in protocol 6: decode, call, encode. A fault that a user can mend is a diagnostic, never a
//! gRPC status, because core replaces a status by a fixed sentence.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::convert;
use super::protocol::tfplugin6::provider_server;
use super::protocol::tfplugin6::{
    DynamicValue, ServerCapabilities, configure_provider, get_metadata, get_provider_schema,
    get_resource_identity_schemas, read_data_source, stop_provider, validate_data_resource_config,
    validate_provider_config,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::Provider;
use crate::provider::data_source::DataSource;
use crate::schema::Schema;
use crate::value::Value;

pub struct Service {
    provider: Arc<Provider>,
    /// Wakes the reads that are under way when StopProvider comes. Later ones run as ever.
    stopped: Notify,
}

impl Service {
    pub fn new(provider: Arc<Provider>) -> Self {
        Self { provider, stopped: Notify::new() }
    }

    fn data_source(&self, name: &str) -> Result<&'static dyn DataSource, Diagnostics> {
        self.provider.data_source(name).ok_or_else(|| {
            let detail = format!(
                "This version of the provider has no data source of the type {name:?}. \
                 Check the spelling, or the provider's version in required_providers."
            );
            Diagnostic::error("Unknown Data Source Type", detail).into()
        })
    }

    async fn read(
        &self,
        name: &str,
        config: Option<&DynamicValue>,
    ) -> Result<(DynamicValue, Diagnostics), Diagnostics> {
        let source = self.data_source(name)?;
        let schema = source.schema();
        let config = decode(config, &schema)?;
        let reading = self.unless_stopped(name, self.provider.read(source, &config)).await?;
        let state = convert::dynamic_value(&reading.state, &schema.value_type()).map_err(|error| {
            let detail = format!(
                "The provider made a state for {name} that does not fit its schema: {error}. \
                 Please report this at {}/issues.",
                env!("CARGO_PKG_REPOSITORY")
            );
            Diagnostics::from(Diagnostic::error("Provider Bug", detail))
        })?;
        Ok((state, reading.warnings))
    }

    /// Dropping the read ends whatever it waits for: an answer, a pause between two tries, another's token.
    async fn unless_stopped<T>(
        &self,
        name: &str,
        read: impl Future<Output = Result<T, Diagnostics>>,
    ) -> Result<T, Diagnostics> {
        tokio::select! {
            result = read => result,
            () = self.stopped.notified() => {
                let detail = format!("The read of {name} was ended early because the run was interrupted.");
                Err(Diagnostic::error("Operation Cancelled", detail).into())
            }
        }
    }
}

fn decode(config: Option<&DynamicValue>, schema: &Schema) -> Result<Value, Diagnostics> {
    let value = convert::value(config, &schema.value_type()).map_err(|error| {
        let detail = format!(
            "The configuration arrived in a form that does not fit the schema: {error}. \
             Run the same version of the provider in every step of the run."
        );
        Diagnostics::from(Diagnostic::error("Unreadable Configuration", detail))
    })?;
    // A host that sends nothing for a block means one in which nothing is set.
    Ok(if value == Value::Null { schema.blank() } else { value })
}

fn capabilities() -> ServerCapabilities {
    // Each process answers any call without having been asked for its schema first.
    ServerCapabilities { get_provider_schema_optional: true, ..Default::default() }
}

#[tonic::async_trait]
impl provider_server::Provider for Service {
    async fn get_metadata(
        &self,
        _: Request<get_metadata::Request>,
    ) -> Result<Response<get_metadata::Response>, Status> {
        let names = self.provider.data_sources().iter().map(|source| source.name().to_owned());
        Ok(Response::new(get_metadata::Response {
            server_capabilities: Some(capabilities()),
            diagnostics: Vec::new(),
            data_sources: names.map(|type_name| get_metadata::DataSourceMetadata { type_name }).collect(),
        }))
    }

    async fn get_provider_schema(
        &self,
        _: Request<get_provider_schema::Request>,
    ) -> Result<Response<get_provider_schema::Response>, Status> {
        let sources = self.provider.data_sources().iter();
        Ok(Response::new(get_provider_schema::Response {
            provider: Some(convert::schema(&self.provider.schema())),
            data_source_schemas: sources
                .map(|source| (source.name().to_owned(), convert::schema(&source.schema())))
                .collect(),
            server_capabilities: Some(capabilities()),
            ..Default::default()
        }))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<get_resource_identity_schemas::Request>,
    ) -> Result<Response<get_resource_identity_schemas::Response>, Status> {
        Ok(Response::new(get_resource_identity_schemas::Response::default()))
    }

    async fn validate_provider_config(
        &self,
        request: Request<validate_provider_config::Request>,
    ) -> Result<Response<validate_provider_config::Response>, Status> {
        let config = request.into_inner().config;
        let diagnostics = Call::provider("ValidateProviderConfig").diagnose(async {
            Ok(self.provider.validate(&decode(config.as_ref(), &self.provider.schema())?))
        });
        let diagnostics = convert::diagnostics(diagnostics.await);
        Ok(Response::new(validate_provider_config::Response { diagnostics }))
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<validate_data_resource_config::Request>,
    ) -> Result<Response<validate_data_resource_config::Response>, Status> {
        let request = request.into_inner();
        let diagnostics =
            Call::data_source("ValidateDataResourceConfig", &request.type_name).diagnose(async {
                let source = self.data_source(&request.type_name)?;
                Ok(self
                    .provider
                    .validate_data_source(source, &decode(request.config.as_ref(), &source.schema())?))
            });
        let diagnostics = convert::diagnostics(diagnostics.await);
        Ok(Response::new(validate_data_resource_config::Response { diagnostics }))
    }

    async fn configure_provider(
        &self,
        request: Request<configure_provider::Request>,
    ) -> Result<Response<configure_provider::Response>, Status> {
        let request = request.into_inner();
        let diagnostics = Call::provider("ConfigureProvider").diagnose(async {
            let config = decode(request.config.as_ref(), &self.provider.schema())?;
            Ok(self.provider.configure(&config, &request.terraform_version))
        });
        let diagnostics = convert::diagnostics(diagnostics.await);
        Ok(Response::new(configure_provider::Response { diagnostics }))
    }

    async fn read_data_source(
        &self,
        request: Request<read_data_source::Request>,
    ) -> Result<Response<read_data_source::Response>, Status> {
        let request = request.into_inner();
        let read = self.read(&request.type_name, request.config.as_ref());
        let (state, diagnostics) =
            match Call::data_source("ReadDataSource", &request.type_name).answer(read).await {
                Ok((state, warnings)) => (Some(state), warnings),
                Err(diagnostics) => (None, diagnostics),
            };
        let diagnostics = convert::diagnostics(diagnostics);
        Ok(Response::new(read_data_source::Response { state, diagnostics }))
    }

    async fn stop_provider(
        &self,
        _: Request<stop_provider::Request>,
    ) -> Result<Response<stop_provider::Response>, Status> {
        self.stopped.notify_waiters();
        Ok(Response::new(stop_provider::Response::default()))
    }
}
