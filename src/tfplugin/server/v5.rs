//! Protocol 5 to and from the dispatcher's plain data: what Terraform before 0.15 speaks.

use tonic::{Request, Response, Status};

use super::convert::{
    deferral_allowed, diagnostics, encoded, metadata, open, read, schemas_with, stop_signal,
};
use super::dispatch::Dispatcher;
use super::protocol::shared::{
    close_ephemeral_resource, configure_provider, get_metadata, get_resource_identity_schemas,
    open_ephemeral_resource, read_data_source, stop_provider, validate_data_resource_config,
    validate_ephemeral_resource_config,
};
use super::protocol::v5::provider_server;
use super::protocol::v5::{self as proto, get_provider_schema, prepare_provider_config};
use crate::tfplugin::provider::Provider;

type Answer<T> = Result<Response<T>, Status>;

pub(super) struct Service<P: Provider>(pub(super) Dispatcher<P>);

#[tonic::async_trait]
impl<P: Provider> provider_server::Provider for Service<P> {
    async fn get_metadata(&self, _: Request<get_metadata::Request>) -> Answer<get_metadata::Response> {
        Ok(Response::new(metadata(&self.0)))
    }

    async fn get_schema(
        &self,
        _: Request<get_provider_schema::Request>,
    ) -> Answer<get_provider_schema::Response> {
        Ok(Response::new(schemas(&self.0)))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<get_resource_identity_schemas::Request>,
    ) -> Answer<get_resource_identity_schemas::Response> {
        Ok(Response::new(get_resource_identity_schemas::Response::default()))
    }

    async fn prepare_provider_config(
        &self,
        request: Request<prepare_provider_config::Request>,
    ) -> Answer<prepare_provider_config::Response> {
        let config = request.into_inner().config;
        let found = self.0.validate(encoded(config.clone())).await;
        // Defaults are filled in later, where they cannot change what the user sees.
        let response =
            prepare_provider_config::Response { prepared_config: config, diagnostics: diagnostics(found) };
        Ok(Response::new(response))
    }

    async fn validate_data_source_config(
        &self,
        request: Request<validate_data_resource_config::Request>,
    ) -> Answer<validate_data_resource_config::Response> {
        let request = request.into_inner();
        let found = self.0.validate_data_source(&request.type_name, encoded(request.config)).await;
        Ok(Response::new(validate_data_resource_config::Response { diagnostics: diagnostics(found) }))
    }

    async fn configure(
        &self,
        request: Request<configure_provider::Request>,
    ) -> Answer<configure_provider::Response> {
        let request = request.into_inner();
        let found = self.0.configure(encoded(request.config), &request.terraform_version).await;
        Ok(Response::new(configure_provider::Response { diagnostics: diagnostics(found) }))
    }

    async fn read_data_source(
        &self,
        request: Request<read_data_source::Request>,
    ) -> Answer<read_data_source::Response> {
        let (stop, request) = (stop_signal(&request, &self.0), request.into_inner());
        let (allowed, config) = (deferral_allowed(request.client_capabilities), encoded(request.config));
        Ok(Response::new(read(self.0.read_data_source(&request.type_name, config, allowed, stop).await)))
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<validate_ephemeral_resource_config::Request>,
    ) -> Answer<validate_ephemeral_resource_config::Response> {
        let request = request.into_inner();
        let found = self.0.validate_ephemeral(&request.type_name, encoded(request.config)).await;
        let diagnostics = diagnostics(found);
        Ok(Response::new(validate_ephemeral_resource_config::Response { diagnostics }))
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<open_ephemeral_resource::Request>,
    ) -> Answer<open_ephemeral_resource::Response> {
        let (stop, request) = (stop_signal(&request, &self.0), request.into_inner());
        let answer = self.0.open_ephemeral(&request.type_name, encoded(request.config), stop).await;
        Ok(Response::new(open(answer)))
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<close_ephemeral_resource::Request>,
    ) -> Answer<close_ephemeral_resource::Response> {
        let request = request.into_inner();
        let private = request.private.unwrap_or_default();
        let diagnostics = diagnostics(self.0.close_ephemeral(&request.type_name, &private).await);
        Ok(Response::new(close_ephemeral_resource::Response { diagnostics }))
    }

    async fn stop(&self, _: Request<stop_provider::Request>) -> Answer<stop_provider::Response> {
        self.0.stop.send();
        Ok(Response::new(stop_provider::Response::default()))
    }
}

schemas_with!(proto);
