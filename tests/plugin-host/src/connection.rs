//! Calls of a provider, with configurations and states as JSON.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::encoding::decode;
use super::protocol::plugin::grpc_broker_client::GrpcBrokerClient;
use super::protocol::plugin::grpc_controller_client::GrpcControllerClient;
use super::protocol::plugin::grpc_stdio_client::GrpcStdioClient;
use super::protocol::provider_schema::{ProviderSchema, ProviderSchema5};
use super::protocol::tfplugin::{
    ClientCapabilities, Diagnostic, DynamicValue, close_ephemeral_resource, configure_provider, get_metadata,
    open_ephemeral_resource, read_data_source, stop_provider, validate_data_resource_config,
    validate_ephemeral_resource_config,
};
use super::protocol::tfplugin6::validate_provider_config;
use super::protocol::{Protocol, tfplugin5, tfplugin6};
use super::schema::complete;

/// What core allows a provider to send (go-plugin: all that fits into an `int32`).
const LARGEST_MESSAGE: usize = i32::MAX as usize;

/// The one connection that a host has to a plugin. Copies share it; it closes with the last of them. Calls have the names
/// of protocol 6 and are made in the one that is spoken.
#[derive(Clone)]
pub struct Connection {
    channel: Channel,
    pub(super) protocol: Protocol,
    /// Asked for once, as by core.
    provider_schema: Arc<OnceCell<ProviderSchema>>,
    /// Sent with each call that has it. Without, a host says nothing of its capabilities.
    pub(super) capabilities: Option<ClientCapabilities>,
}

/// The answer to a read.
#[derive(Debug)]
pub struct ReadResponse {
    pub state: Option<Value>,
    /// The state as it came.
    pub bytes: Option<Vec<u8>>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Connection {
    pub(super) fn new(channel: Channel, protocol: Protocol) -> Self {
        Self { channel, protocol, provider_schema: Arc::default(), capabilities: None }
    }

    /// Over a stream without a process behind it.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        protocol: Protocol,
    ) -> Self {
        let channel = super::connect::channel(stream, "localhost").await.expect("a stream that is open");
        Self::new(channel, protocol)
    }

    /// The same channel, for calls in another protocol than the one agreed on.
    pub fn speaking(&self, protocol: Protocol) -> Self {
        Self::new(self.channel.clone(), protocol)
    }

    /// The same connection, of a host that takes a deferral for an answer or says that it does not.
    pub fn with_deferral(&self, deferral_allowed: bool) -> Self {
        let capabilities = ClientCapabilities { deferral_allowed, ..Default::default() };
        Self { capabilities: Some(capabilities), ..self.clone() }
    }

    pub fn protocol5(&self) -> tfplugin5::provider_client::ProviderClient<Channel> {
        tfplugin5::provider_client::ProviderClient::new(self.channel.clone())
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE)
    }

    pub fn protocol6(&self) -> tfplugin6::provider_client::ProviderClient<Channel> {
        tfplugin6::provider_client::ProviderClient::new(self.channel.clone())
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE)
    }

    pub fn controller(&self) -> GrpcControllerClient<Channel> {
        GrpcControllerClient::new(self.channel.clone())
    }

    pub fn stdio(&self) -> GrpcStdioClient<Channel> {
        GrpcStdioClient::new(self.channel.clone())
    }

    pub fn broker(&self) -> GrpcBrokerClient<Channel> {
        GrpcBrokerClient::new(self.channel.clone())
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// All that the provider's schema lists, asked for anew.
    pub async fn schema(&self) -> Result<ProviderSchema, Status> {
        match self.protocol {
            Protocol::Five => Ok(self.ask::<ProviderSchema5>("/tfplugin5.Provider/GetSchema").await?.into()),
            Protocol::Six => self.ask("/tfplugin6.Provider/GetProviderSchema").await,
        }
    }

    /// The same, asked for once, as by core.
    pub async fn provider_schema(&self) -> Result<&ProviderSchema, Status> {
        self.provider_schema.get_or_try_init(|| self.schema()).await
    }

    /// A call without arguments whose answer is read as another message than the one in `proto/`.
    async fn ask<T: prost::Message + Default + 'static>(&self, path: &'static str) -> Result<T, Status> {
        let mut client =
            tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(LARGEST_MESSAGE);
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<(), T>::default();
        Ok(client.unary(Request::new(()), PathAndQuery::from_static(path), codec).await?.into_inner())
    }

    /// Attributes that are not given are null.
    pub async fn validate_provider(&self, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = self.complete_provider(config).await?;
        self.validate_provider_raw(Some(config)).await
    }

    pub async fn validate_provider_raw(
        &self,
        config: Option<DynamicValue>,
    ) -> Result<Vec<Diagnostic>, Status> {
        match self.protocol {
            Protocol::Five => {
                let request = tfplugin5::prepare_provider_config::Request { config };
                Ok(self.protocol5().prepare_provider_config(request).await?.into_inner().diagnostics)
            }
            Protocol::Six => {
                let request = validate_provider_config::Request { config };
                Ok(self.protocol6().validate_provider_config(request).await?.into_inner().diagnostics)
            }
        }
    }

    pub async fn configure(&self, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = self.complete_provider(config).await?;
        self.configure_raw(Some(config)).await
    }

    pub async fn configure_raw(&self, config: Option<DynamicValue>) -> Result<Vec<Diagnostic>, Status> {
        let terraform_version = "1.11.4".to_owned();
        let client_capabilities = self.capabilities;
        let request = configure_provider::Request { terraform_version, config, client_capabilities };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().configure(request).await?,
            Protocol::Six => self.protocol6().configure_provider(request).await?,
        };
        Ok(answer.into_inner().diagnostics)
    }

    pub async fn validate(&self, name: &str, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = self.complete(name, config).await?;
        self.validate_raw(name, Some(config)).await
    }

    pub async fn validate_raw(
        &self,
        name: &str,
        config: Option<DynamicValue>,
    ) -> Result<Vec<Diagnostic>, Status> {
        let request = validate_data_resource_config::Request { type_name: name.to_owned(), config };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().validate_data_source_config(request).await?,
            Protocol::Six => self.protocol6().validate_data_resource_config(request).await?,
        };
        Ok(answer.into_inner().diagnostics)
    }

    pub async fn read(&self, name: &str, config: Value) -> Result<ReadResponse, Status> {
        let config = self.complete(name, config).await?;
        self.read_raw(name, Some(config)).await
    }

    /// A data source's configuration as core sends it: an object with all attributes, null where none is given.
    pub async fn complete(&self, name: &str, config: Value) -> Result<DynamicValue, Status> {
        Ok(complete(config, self.provider_schema().await?.data_sources.get(name)))
    }

    pub async fn read_raw(&self, name: &str, config: Option<DynamicValue>) -> Result<ReadResponse, Status> {
        let answer = self.read_undecoded(name, config).await?;
        let read_data_source::Response { state, diagnostics, deferred } = answer;
        assert_eq!(deferred, None, "a deferral, where a state is expected");
        let bytes = state.map(|state| state.msgpack);
        Ok(ReadResponse { state: bytes.as_deref().map(decode), bytes, diagnostics })
    }

    /// For a state that may hold what our own decoder takes for a fault.
    pub async fn read_undecoded(
        &self,
        name: &str,
        config: Option<DynamicValue>,
    ) -> Result<read_data_source::Response, Status> {
        let request = read_data_source::Request {
            type_name: name.to_owned(),
            config,
            client_capabilities: self.capabilities,
            ..Default::default()
        };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().read_data_source(request).await?,
            Protocol::Six => self.protocol6().read_data_source(request).await?,
        };
        Ok(answer.into_inner())
    }

    pub async fn stop(&self) -> Result<String, Status> {
        let request = stop_provider::Request {};
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().stop(request).await?,
            Protocol::Six => self.protocol6().stop_provider(request).await?,
        };
        Ok(answer.into_inner().error)
    }

    pub async fn metadata(&self) -> Result<get_metadata::Response, Status> {
        let request = get_metadata::Request {};
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().get_metadata(request).await?,
            Protocol::Six => self.protocol6().get_metadata(request).await?,
        };
        Ok(answer.into_inner())
    }

    /// The answer may be lost with the process, as core expects.
    pub async fn shutdown(&self) {
        let _ = self.controller().shutdown(super::protocol::plugin::Empty {}).await;
    }

    /// The provider's configuration, likewise.
    pub async fn complete_provider(&self, config: Value) -> Result<DynamicValue, Status> {
        Ok(complete(config, self.provider_schema().await?.provider.as_ref()))
    }
}

impl Connection {
    pub async fn validate_ephemeral(&self, name: &str, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = complete(config, self.provider_schema().await?.ephemeral_resources.get(name));
        let type_name = name.to_owned();
        let request = validate_ephemeral_resource_config::Request { type_name, config: Some(config) };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().validate_ephemeral_resource_config(request).await?,
            Protocol::Six => self.protocol6().validate_ephemeral_resource_config(request).await?,
        };
        Ok(answer.into_inner().diagnostics)
    }

    pub async fn open(&self, name: &str, config: Value) -> Result<ReadResponse, Status> {
        let open_ephemeral_resource::Response { result, diagnostics, .. } =
            self.open_raw(name, config).await?;
        let bytes = result.map(|result| result.msgpack);
        Ok(ReadResponse { state: bytes.as_deref().map(decode), bytes, diagnostics })
    }

    /// The answer as it came, with what the resource keeps for its closing.
    pub async fn open_raw(
        &self,
        name: &str,
        config: Value,
    ) -> Result<open_ephemeral_resource::Response, Status> {
        let config = complete(config, self.provider_schema().await?.ephemeral_resources.get(name));
        let request = open_ephemeral_resource::Request {
            type_name: name.to_owned(),
            config: Some(config),
            client_capabilities: self.capabilities,
        };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().open_ephemeral_resource(request).await?,
            Protocol::Six => self.protocol6().open_ephemeral_resource(request).await?,
        };
        Ok(answer.into_inner())
    }

    pub async fn close(&self, name: &str) -> Result<Vec<Diagnostic>, Status> {
        self.close_with(name, None).await
    }

    /// Gives back what the resource kept when it was opened.
    pub async fn close_with(&self, name: &str, private: Option<Vec<u8>>) -> Result<Vec<Diagnostic>, Status> {
        let request = close_ephemeral_resource::Request { type_name: name.to_owned(), private };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().close_ephemeral_resource(request).await?,
            Protocol::Six => self.protocol6().close_ephemeral_resource(request).await?,
        };
        Ok(answer.into_inner().diagnostics)
    }
}
