//! Calls of a provider, with configurations and states as JSON.

use std::sync::Arc;

use prost::Message;
use serde_json::Value;
use tokio::sync::OnceCell;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::connect::AsyncStream;
use super::encoding::decode;
use super::protocol::Protocol;
use super::protocol::plugin::grpc_broker_client::GrpcBrokerClient;
use super::protocol::plugin::grpc_controller_client::GrpcControllerClient;
use super::protocol::plugin::grpc_stdio_client::GrpcStdioClient;
use super::protocol::provider_schema::{ProviderSchema, ProviderSchema5};
use super::protocol::tfplugin::{
    ClientCapabilities, Diagnostic, DynamicValue, close_ephemeral_resource, configure_provider, get_metadata,
    open_ephemeral_resource, read_data_source, stop_provider, validate_data_resource_config,
    validate_ephemeral_resource_config,
};
use super::protocol::tfplugin5::prepare_provider_config;
use super::protocol::tfplugin6::validate_provider_config;
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

impl ReadResponse {
    fn new(state: Option<DynamicValue>, diagnostics: Vec<Diagnostic>) -> Self {
        let bytes = state.map(|state| state.msgpack);
        Self { state: bytes.as_deref().map(decode), bytes, diagnostics }
    }
}

/// The answer of a call that returns nothing but diagnostics.
type Diagnostics = Result<Vec<Diagnostic>, Status>;

impl Connection {
    pub(super) fn new(channel: Channel, protocol: Protocol) -> Self {
        Self { channel, protocol, provider_schema: Arc::default(), capabilities: None }
    }

    /// Over a stream without a process behind it.
    pub async fn from_stream(stream: impl AsyncStream, protocol: Protocol) -> Self {
        let channel = super::connect::channel(stream, "localhost").await.expect("a stream that is open");
        Self::new(channel, protocol)
    }

    /// The same channel, for calls in another protocol than the one agreed on.
    pub fn with_protocol(&self, protocol: Protocol) -> Self {
        Self::new(self.channel.clone(), protocol)
    }

    /// The same connection, of a host that takes a deferral for an answer or says that it does not.
    pub fn with_deferral(&self, deferral_allowed: bool) -> Self {
        let capabilities = ClientCapabilities { deferral_allowed, ..Default::default() };
        Self { capabilities: Some(capabilities), ..self.clone() }
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

    /// Any call, by its path.
    pub async fn call<T, U>(&self, path: &str, request: T) -> Result<U, Status>
    where
        T: Message + Send + Sync + 'static,
        U: Message + Default + Send + Sync + 'static,
    {
        let client = Grpc::new(self.channel.clone()).max_decoding_message_size(LARGEST_MESSAGE);
        let mut client = client.max_encoding_message_size(LARGEST_MESSAGE);
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = path.parse().map_err(|_| Status::invalid_argument(path))?;
        Ok(client.unary(Request::new(request), path, ProstCodec::<T, U>::default()).await?.into_inner())
    }

    /// A call whose messages are the same in both protocols, by its names in 5 and 6.
    async fn ask<T, U>(&self, names: [&str; 2], request: T) -> Result<U, Status>
    where
        T: Message + Send + Sync + 'static,
        U: Message + Default + Send + Sync + 'static,
    {
        let path = match self.protocol {
            Protocol::Five => format!("/tfplugin5.Provider/{}", names[0]),
            Protocol::Six => format!("/tfplugin6.Provider/{}", names[1]),
        };
        self.call(&path, request).await
    }

    /// All that the provider's schema lists, asked for anew.
    pub async fn schema(&self) -> Result<ProviderSchema, Status> {
        match self.protocol {
            Protocol::Five => {
                Ok(self.call::<_, ProviderSchema5>("/tfplugin5.Provider/GetSchema", ()).await?.into())
            }
            Protocol::Six => self.call("/tfplugin6.Provider/GetProviderSchema", ()).await,
        }
    }

    /// The same, asked for once, as by core.
    pub async fn provider_schema(&self) -> Result<&ProviderSchema, Status> {
        self.provider_schema.get_or_try_init(|| self.schema()).await
    }

    /// The provider's configuration as core sends it: an object with all attributes, null where none is given.
    pub async fn encode_provider_config(&self, config: Value) -> Result<DynamicValue, Status> {
        Ok(complete(config, self.provider_schema().await?.provider.as_ref()))
    }

    /// A data source's configuration, likewise.
    pub async fn encode_config(&self, name: &str, config: Value) -> Result<DynamicValue, Status> {
        Ok(complete(config, self.provider_schema().await?.data_sources.get(name)))
    }

    /// An ephemeral resource's configuration, likewise.
    async fn encode_ephemeral_config(&self, name: &str, config: Value) -> Result<DynamicValue, Status> {
        Ok(complete(config, self.provider_schema().await?.ephemeral_resources.get(name)))
    }

    pub async fn validate_provider(&self, config: Value) -> Diagnostics {
        let config = self.encode_provider_config(config).await?;
        self.validate_provider_encoded(Some(config)).await
    }

    pub async fn validate_provider_encoded(&self, config: Option<DynamicValue>) -> Diagnostics {
        match self.protocol {
            Protocol::Five => {
                let request = prepare_provider_config::Request { config };
                let path = "/tfplugin5.Provider/PrepareProviderConfig";
                Ok(self.call::<_, prepare_provider_config::Response>(path, request).await?.diagnostics)
            }
            Protocol::Six => {
                let request = validate_provider_config::Request { config };
                let path = "/tfplugin6.Provider/ValidateProviderConfig";
                Ok(self.call::<_, validate_provider_config::Response>(path, request).await?.diagnostics)
            }
        }
    }

    pub async fn configure(&self, config: Value) -> Diagnostics {
        let config = self.encode_provider_config(config).await?;
        self.configure_encoded(Some(config)).await
    }

    pub async fn configure_encoded(&self, config: Option<DynamicValue>) -> Diagnostics {
        let terraform_version = "1.11.4".to_owned();
        let client_capabilities = self.capabilities;
        let request = configure_provider::Request { terraform_version, config, client_capabilities };
        let answer: configure_provider::Response =
            self.ask(["Configure", "ConfigureProvider"], request).await?;
        Ok(answer.diagnostics)
    }

    pub async fn validate(&self, name: &str, config: Value) -> Diagnostics {
        let config = self.encode_config(name, config).await?;
        self.validate_encoded(name, Some(config)).await
    }

    pub async fn validate_encoded(&self, name: &str, config: Option<DynamicValue>) -> Diagnostics {
        let request = validate_data_resource_config::Request { type_name: name.to_owned(), config };
        let names = ["ValidateDataSourceConfig", "ValidateDataResourceConfig"];
        let answer: validate_data_resource_config::Response = self.ask(names, request).await?;
        Ok(answer.diagnostics)
    }

    pub async fn read(&self, name: &str, config: Value) -> Result<ReadResponse, Status> {
        let config = self.encode_config(name, config).await?;
        self.read_encoded(name, Some(config)).await
    }

    pub async fn read_encoded(
        &self,
        name: &str,
        config: Option<DynamicValue>,
    ) -> Result<ReadResponse, Status> {
        let answer = self.read_response(name, config).await?;
        let read_data_source::Response { state, diagnostics, deferred } = answer;
        assert_eq!(deferred, None, "a deferral, where a state is expected");
        Ok(ReadResponse::new(state, diagnostics))
    }

    /// For a state that may hold what our own decoder takes for a fault.
    pub async fn read_response(
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
        self.ask(["ReadDataSource"; 2], request).await
    }

    pub async fn stop(&self) -> Result<String, Status> {
        let request = stop_provider::Request {};
        Ok(self.ask::<_, stop_provider::Response>(["Stop", "StopProvider"], request).await?.error)
    }

    pub async fn metadata(&self) -> Result<get_metadata::Response, Status> {
        self.ask(["GetMetadata"; 2], get_metadata::Request {}).await
    }

    /// The answer may be lost with the process, as core expects.
    pub async fn shutdown(&self) {
        let _ = self.controller().shutdown(super::protocol::plugin::Empty {}).await;
    }

    pub async fn validate_ephemeral(&self, name: &str, config: Value) -> Diagnostics {
        let config = Some(self.encode_ephemeral_config(name, config).await?);
        let request = validate_ephemeral_resource_config::Request { type_name: name.to_owned(), config };
        let answer: validate_ephemeral_resource_config::Response =
            self.ask(["ValidateEphemeralResourceConfig"; 2], request).await?;
        Ok(answer.diagnostics)
    }

    pub async fn open(&self, name: &str, config: Value) -> Result<ReadResponse, Status> {
        let answer = self.open_response(name, config).await?;
        Ok(ReadResponse::new(answer.result, answer.diagnostics))
    }

    /// The answer as it came, with what the resource keeps for its closing.
    pub async fn open_response(
        &self,
        name: &str,
        config: Value,
    ) -> Result<open_ephemeral_resource::Response, Status> {
        let request = open_ephemeral_resource::Request {
            type_name: name.to_owned(),
            config: Some(self.encode_ephemeral_config(name, config).await?),
            client_capabilities: self.capabilities,
        };
        self.ask(["OpenEphemeralResource"; 2], request).await
    }

    /// Gives back what the resource kept when it was opened.
    pub async fn close(&self, name: &str, private: Option<Vec<u8>>) -> Diagnostics {
        let request = close_ephemeral_resource::Request { type_name: name.to_owned(), private };
        let answer: close_ephemeral_resource::Response =
            self.ask(["CloseEphemeralResource"; 2], request).await?;
        Ok(answer.diagnostics)
    }
}
