//! Calls of a provider, with configurations and states as JSON.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tonic::Status;
use tonic::transport::Channel;

use super::encoding::{decode, encode};
use super::protocol::plugin::grpc_broker_client::GrpcBrokerClient;
use super::protocol::plugin::grpc_controller_client::GrpcControllerClient;
use super::protocol::plugin::grpc_stdio_client::GrpcStdioClient;
use super::protocol::tfplugin6::provider_client::ProviderClient;
use super::protocol::tfplugin6::schema::nested_block::NestingMode;
use super::protocol::tfplugin6::{
    Diagnostic, DynamicValue, Schema, configure_provider, get_provider_schema, read_data_source,
    stop_provider, validate_data_resource_config, validate_provider_config,
};

/// What core allows a provider to send (go-plugin: all that fits into an `int32`).
const LARGEST_MESSAGE: usize = i32::MAX as usize;

/// The one connection that a host has to a plugin. Copies share it; it closes with the last of them.
#[derive(Clone)]
pub struct Connection {
    channel: Channel,
    /// Asked for once, as by core.
    schema: Arc<OnceCell<get_provider_schema::Response>>,
}

/// The answer to a read.
#[derive(Debug)]
pub struct Reading {
    pub state: Option<Value>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Connection {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, schema: Arc::default() }
    }

    /// Over a stream without a process behind it.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self::new(super::connect::channel(stream, "localhost").await.expect("a stream that is open"))
    }

    pub fn provider(&self) -> ProviderClient<Channel> {
        ProviderClient::new(self.channel.clone())
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

    pub async fn schema(&self) -> Result<get_provider_schema::Response, Status> {
        let answer = self.provider().get_provider_schema(get_provider_schema::Request {}).await?;
        Ok(answer.into_inner())
    }

    /// Attributes that are not given are null.
    pub async fn validate_provider(&self, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = Some(self.provider_config(config).await?);
        let answer =
            self.provider().validate_provider_config(validate_provider_config::Request { config }).await?;
        Ok(answer.into_inner().diagnostics)
    }

    pub async fn configure(&self, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = Some(self.provider_config(config).await?);
        let request = configure_provider::Request {
            terraform_version: "1.11.4".to_owned(),
            config,
            client_capabilities: None,
        };
        Ok(self.provider().configure_provider(request).await?.into_inner().diagnostics)
    }

    pub async fn validate(&self, name: &str, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = Some(self.complete(name, config).await?);
        let request = validate_data_resource_config::Request { type_name: name.to_owned(), config };
        Ok(self.provider().validate_data_resource_config(request).await?.into_inner().diagnostics)
    }

    pub async fn read(&self, name: &str, config: Value) -> Result<Reading, Status> {
        let config = self.complete(name, config).await?;
        self.read_raw(name, Some(config)).await
    }

    /// A data source's configuration as core sends it: an object with all attributes, null where none is given.
    pub async fn complete(&self, name: &str, config: Value) -> Result<DynamicValue, Status> {
        Ok(complete(config, self.known_schema().await?.data_source_schemas.get(name)))
    }

    pub async fn read_raw(&self, name: &str, config: Option<DynamicValue>) -> Result<Reading, Status> {
        let request = read_data_source::Request { type_name: name.to_owned(), config, ..Default::default() };
        let answer = self.provider().read_data_source(request).await?.into_inner();
        let state = answer.state.map(|state| decode(&state.msgpack));
        Ok(Reading { state, diagnostics: answer.diagnostics })
    }

    pub async fn stop(&self) -> Result<String, Status> {
        Ok(self.provider().stop_provider(stop_provider::Request {}).await?.into_inner().error)
    }

    /// The answer may be lost with the process, as core expects.
    pub async fn shutdown(&self) {
        let _ = self.controller().shutdown(super::protocol::plugin::Empty {}).await;
    }

    async fn provider_config(&self, config: Value) -> Result<DynamicValue, Status> {
        Ok(complete(config, self.known_schema().await?.provider.as_ref()))
    }

    async fn known_schema(&self) -> Result<&get_provider_schema::Response, Status> {
        self.schema.get_or_try_init(|| self.schema()).await
    }
}

/// The names of a block's attributes.
pub fn attributes(schema: &Schema) -> Vec<String> {
    let block = schema.block.as_ref().expect("a schema has a block");
    block.attributes.iter().map(|attribute| attribute.name.clone()).collect()
}

/// The block in which nothing is set.
pub fn blank(schema: &Schema) -> Map<String, Value> {
    let attributes = attributes(schema).into_iter().map(|name| (name, Value::Null));
    let blocks = schema.block.iter().flat_map(|block| &block.block_types).map(|nested| {
        let none = if nested.nesting() == NestingMode::Single { Value::Null } else { Value::Array(vec![]) };
        (nested.type_name.clone(), none)
    });
    attributes.chain(blocks).collect()
}

fn complete(config: Value, schema: Option<&Schema>) -> DynamicValue {
    let Value::Object(given) = config else { panic!("a configuration is an object") };
    let mut config = schema.map(blank).unwrap_or_default();
    config.extend(given);
    DynamicValue { msgpack: encode(&Value::Object(config)), json: Vec::new() }
}
