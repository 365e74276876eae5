//! The provider service of protocol 5, for Terraform 0.12 to 0.14.

use tonic::{Request, Response, Status};

use super::convert::{
    deferral_allowed, define_schema, encode_diagnostics, encoded_config, metadata, open_response,
    read_response, schemas, stop_signal,
};
use super::dispatch::Dispatcher;
use super::protocol::shared::{
    close_ephemeral_resource, configure_provider, get_metadata, get_provider_schema,
    get_resource_identity_schemas, open_ephemeral_resource, read_data_source, stop_provider,
    validate_data_resource_config, validate_ephemeral_resource_config,
};
use super::protocol::v5::provider_server;
use super::protocol::v5::{self as proto, prepare_provider_config};
use crate::tfplugin::provider::Provider;

type RpcResult<T> = Result<Response<T>, Status>;

/// The provider service of protocol 5.
pub(super) struct ProviderV5<P: Provider>(pub(super) Dispatcher<P>);

#[tonic::async_trait]
impl<P: Provider> provider_server::Provider for ProviderV5<P> {
    async fn get_metadata(&self, _: Request<get_metadata::Request>) -> RpcResult<get_metadata::Response> {
        Ok(Response::new(metadata(&self.0)))
    }

    async fn get_schema(
        &self,
        _: Request<get_provider_schema::Request>,
    ) -> RpcResult<get_provider_schema::Response> {
        Ok(Response::new(schemas(&self.0, schema)))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<get_resource_identity_schemas::Request>,
    ) -> RpcResult<get_resource_identity_schemas::Response> {
        Ok(Response::new(get_resource_identity_schemas::Response::default()))
    }

    async fn prepare_provider_config(
        &self,
        request: Request<prepare_provider_config::Request>,
    ) -> RpcResult<prepare_provider_config::Response> {
        let config = request.into_inner().config;
        let diagnostics = encode_diagnostics(self.0.validate(encoded_config(config.clone())).await);
        // Defaults are not part of the configuration.
        let response = prepare_provider_config::Response { prepared_config: config, diagnostics };
        Ok(Response::new(response))
    }

    async fn validate_data_source_config(
        &self,
        request: Request<validate_data_resource_config::Request>,
    ) -> RpcResult<validate_data_resource_config::Response> {
        let request = request.into_inner();
        let diagnostics = encode_diagnostics(
            self.0.validate_data_source(&request.type_name, encoded_config(request.config)).await,
        );
        Ok(Response::new(validate_data_resource_config::Response { diagnostics }))
    }

    async fn configure(
        &self,
        request: Request<configure_provider::Request>,
    ) -> RpcResult<configure_provider::Response> {
        let request = request.into_inner();
        let diagnostics = encode_diagnostics(
            self.0.configure(encoded_config(request.config), &request.terraform_version).await,
        );
        Ok(Response::new(configure_provider::Response { diagnostics }))
    }

    async fn read_data_source(
        &self,
        request: Request<read_data_source::Request>,
    ) -> RpcResult<read_data_source::Response> {
        let (stop, request) = (stop_signal(&request, &self.0), request.into_inner());
        let (allowed, config) =
            (deferral_allowed(request.client_capabilities), encoded_config(request.config));
        Ok(Response::new(read_response(
            self.0.read_data_source(&request.type_name, config, allowed, stop).await,
        )))
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<validate_ephemeral_resource_config::Request>,
    ) -> RpcResult<validate_ephemeral_resource_config::Response> {
        let request = request.into_inner();
        let diagnostics = encode_diagnostics(
            self.0.validate_ephemeral(&request.type_name, encoded_config(request.config)).await,
        );
        Ok(Response::new(validate_ephemeral_resource_config::Response { diagnostics }))
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<open_ephemeral_resource::Request>,
    ) -> RpcResult<open_ephemeral_resource::Response> {
        let (stop, request) = (stop_signal(&request, &self.0), request.into_inner());
        let response = self.0.open_ephemeral(&request.type_name, encoded_config(request.config), stop).await;
        Ok(Response::new(open_response(response)))
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<close_ephemeral_resource::Request>,
    ) -> RpcResult<close_ephemeral_resource::Response> {
        let request = request.into_inner();
        let private = request.private.unwrap_or_default();
        let diagnostics = encode_diagnostics(self.0.close_ephemeral(&request.type_name, &private).await);
        Ok(Response::new(close_ephemeral_resource::Response { diagnostics }))
    }

    async fn stop(&self, _: Request<stop_provider::Request>) -> RpcResult<stop_provider::Response> {
        self.0.stop.send();
        Ok(Response::new(stop_provider::Response::default()))
    }
}

define_schema!(proto);
