//! Calls that concern ephemeral resources.

use serde_json::Value;
use tonic::Status;

use super::connection::{Connection, Reading};
use super::encoding::decode;
use super::protocol::Protocol;
use super::protocol::tfplugin::{
    Diagnostic, close_ephemeral_resource, open_ephemeral_resource, validate_ephemeral_resource_config,
};
use super::schema::complete;

impl Connection {
    pub async fn validate_ephemeral(&self, name: &str, config: Value) -> Result<Vec<Diagnostic>, Status> {
        let config = complete(config, self.offer().await?.ephemeral_resources.get(name));
        let type_name = name.to_owned();
        let request = validate_ephemeral_resource_config::Request { type_name, config: Some(config) };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().validate_ephemeral_resource_config(request).await?,
            Protocol::Six => self.protocol6().validate_ephemeral_resource_config(request).await?,
        };
        Ok(answer.into_inner().diagnostics)
    }

    pub async fn open(&self, name: &str, config: Value) -> Result<Reading, Status> {
        let config = complete(config, self.offer().await?.ephemeral_resources.get(name));
        let request = open_ephemeral_resource::Request {
            type_name: name.to_owned(),
            config: Some(config),
            client_capabilities: self.capabilities,
        };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().open_ephemeral_resource(request).await?,
            Protocol::Six => self.protocol6().open_ephemeral_resource(request).await?,
        };
        let open_ephemeral_resource::Response { result, diagnostics } = answer.into_inner();
        let bytes = result.map(|result| result.msgpack);
        Ok(Reading { state: bytes.as_deref().map(decode), bytes, diagnostics })
    }

    pub async fn close(&self, name: &str) -> Result<Vec<Diagnostic>, Status> {
        let request = close_ephemeral_resource::Request { type_name: name.to_owned() };
        let answer = match self.protocol {
            Protocol::Five => self.protocol5().close_ephemeral_resource(request).await?,
            Protocol::Six => self.protocol6().close_ephemeral_resource(request).await?,
        };
        Ok(answer.into_inner().diagnostics)
    }
}
