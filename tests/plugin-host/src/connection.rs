//! Calls to a provider. Configurations and states are JSON.

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
use super::schema::encode_with_nulls;

/// Maximum size of a message, as in Terraform (go-plugin: the maximum of an `int32`).
const MAX_MESSAGE_SIZE: usize = i32::MAX as usize;

/// A connection to a plugin. Clones share it, and dropping the last clone closes it. Methods have the names of protocol 6
/// and use the negotiated protocol.
#[derive(Clone)]
pub struct Connection {
    channel: Channel,
    pub(super) protocol: Protocol,
    /// Requested once, as Terraform does.
    provider_schema: Arc<OnceCell<ProviderSchema>>,
    /// Sent with each call that has such a field. None sends no capabilities.
    pub(super) capabilities: Option<ClientCapabilities>,
}

/// The response to a read.
#[derive(Debug)]
pub struct ReadResponse {
    pub state: Option<Value>,
    /// The encoded state.
    pub bytes: Option<Vec<u8>>,
    pub diagnostics: Vec<Diagnostic>,
}

impl ReadResponse {
    fn new(state: Option<DynamicValue>, diagnostics: Vec<Diagnostic>) -> Self {
        let bytes = state.map(|state| state.msgpack);
        Self { state: bytes.as_deref().map(decode), bytes, diagnostics }
    }
}

/// The result of a call that returns only diagnostics.
type Diagnostics = Result<Vec<Diagnostic>, Status>;

impl Connection {
    pub(super) fn new(channel: Channel, protocol: Protocol) -> Self {
        Self { channel, protocol, provider_schema: Arc::default(), capabilities: None }
    }

    /// Connects over a stream, without a process.
    pub async fn from_stream(stream: impl AsyncStream, protocol: Protocol) -> Self {
        let channel = super::connect::channel(stream, "localhost").await.expect("the stream is open");
        Self::new(channel, protocol)
    }

    /// Uses this protocol instead of the negotiated one.
    pub fn with_protocol(&self, protocol: Protocol) -> Self {
        Self::new(self.channel.clone(), protocol)
    }

    /// Sends the capability `deferral_allowed` with this value.
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

    /// Makes a call by its path.
    pub async fn call<T, U>(&self, path: &str, request: T) -> Result<U, Status>
    where
        T: Message + Send + Sync + 'static,
        U: Message + Default + Send + Sync + 'static,
    {
        let client = Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_SIZE);
        let mut client = client.max_encoding_message_size(MAX_MESSAGE_SIZE);
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = path.parse().map_err(|_| Status::invalid_argument(path))?;
        Ok(client.unary(Request::new(request), path, ProstCodec::<T, U>::default()).await?.into_inner())
    }

    /// Makes a call whose messages are equal in both protocols. `names` are its names in protocol 5 and 6.
    async fn call_provider<T, U>(&self, names: [&str; 2], request: T) -> Result<U, Status>
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

    /// Requests the provider's schema.
    pub async fn schema(&self) -> Result<ProviderSchema, Status> {
        match self.protocol {
            Protocol::Five => {
                Ok(self.call::<_, ProviderSchema5>("/tfplugin5.Provider/GetSchema", ()).await?.into())
            }
            Protocol::Six => self.call("/tfplugin6.Provider/GetProviderSchema", ()).await,
        }
    }

    /// Returns the schema. Requests it only once, as Terraform does.
    pub async fn provider_schema(&self) -> Result<&ProviderSchema, Status> {
        self.provider_schema.get_or_try_init(|| self.schema()).await
    }

    /// Encodes a provider configuration. Missing attributes are null, as Terraform sends them.
    pub async fn encode_provider_config(&self, config: Value) -> Result<DynamicValue, Status> {
        Ok(encode_with_nulls(config, self.provider_schema().await?.provider.as_ref()))
    }

    /// Encodes the configuration of a data source, with null for missing attributes.
    pub async fn encode_config(&self, name: &str, config: Value) -> Result<DynamicValue, Status> {
        Ok(encode_with_nulls(config, self.provider_schema().await?.data_sources.get(name)))
    }

    /// Encodes the configuration of an ephemeral resource, with null for missing attributes.
    async fn encode_ephemeral_config(&self, name: &str, config: Value) -> Result<DynamicValue, Status> {
        Ok(encode_with_nulls(config, self.provider_schema().await?.ephemeral_resources.get(name)))
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
        let response: configure_provider::Response =
            self.call_provider(["Configure", "ConfigureProvider"], request).await?;
        Ok(response.diagnostics)
    }

    pub async fn validate(&self, name: &str, config: Value) -> Diagnostics {
        let config = self.encode_config(name, config).await?;
        self.validate_encoded(name, Some(config)).await
    }

    pub async fn validate_encoded(&self, name: &str, config: Option<DynamicValue>) -> Diagnostics {
        let request = validate_data_resource_config::Request { type_name: name.to_owned(), config };
        let names = ["ValidateDataSourceConfig", "ValidateDataResourceConfig"];
        let response: validate_data_resource_config::Response = self.call_provider(names, request).await?;
        Ok(response.diagnostics)
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
        let response = self.read_response(name, config).await?;
        let read_data_source::Response { state, diagnostics, deferred } = response;
        assert_eq!(deferred, None, "the read was deferred");
        Ok(ReadResponse::new(state, diagnostics))
    }

    /// Reads and returns the response without decoding the state, which may be invalid.
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
        self.call_provider(["ReadDataSource"; 2], request).await
    }

    pub async fn stop(&self) -> Result<String, Status> {
        let request = stop_provider::Request {};
        Ok(self.call_provider::<_, stop_provider::Response>(["Stop", "StopProvider"], request).await?.error)
    }

    pub async fn metadata(&self) -> Result<get_metadata::Response, Status> {
        self.call_provider(["GetMetadata"; 2], get_metadata::Request {}).await
    }

    /// Calls Shutdown. The process may end before the response arrives, so errors are ignored.
    pub async fn shutdown(&self) {
        let _ = self.controller().shutdown(super::protocol::plugin::Empty {}).await;
    }

    pub async fn validate_ephemeral(&self, name: &str, config: Value) -> Diagnostics {
        let config = Some(self.encode_ephemeral_config(name, config).await?);
        let request = validate_ephemeral_resource_config::Request { type_name: name.to_owned(), config };
        let response: validate_ephemeral_resource_config::Response =
            self.call_provider(["ValidateEphemeralResourceConfig"; 2], request).await?;
        Ok(response.diagnostics)
    }

    pub async fn open(&self, name: &str, config: Value) -> Result<ReadResponse, Status> {
        let response = self.open_response(name, config).await?;
        Ok(ReadResponse::new(response.result, response.diagnostics))
    }

    /// Opens an ephemeral resource and returns the response, which has its private data.
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
        self.call_provider(["OpenEphemeralResource"; 2], request).await
    }

    /// Closes an ephemeral resource. `private` is the private data of the open response.
    pub async fn close(&self, name: &str, private: Option<Vec<u8>>) -> Diagnostics {
        let request = close_ephemeral_resource::Request { type_name: name.to_owned(), private };
        let response: close_ephemeral_resource::Response =
            self.call_provider(["CloseEphemeralResource"; 2], request).await?;
        Ok(response.diagnostics)
    }
}
