//! Calls and schema parts that this provider does not have.

use std::collections::HashMap;

use plugin_host::protocol::tfplugin::{
    ClientCapabilities, configure_provider, get_metadata, read_data_source,
};
use serde_json::json;
use tonic::Code;

use super::*;
use crate::process::{INSTANCE, TYPE_NAME};

/// The parts of a schema response that this provider must leave empty, with the field numbers of the protocol.
#[derive(Clone, PartialEq, prost::Message)]
struct UnsupportedSchemas {
    #[prost(map = "string, bytes", tag = "2")]
    resources: HashMap<String, Vec<u8>>,
    #[prost(map = "string, bytes", tag = "7")]
    functions: HashMap<String, Vec<u8>>,
    #[prost(map = "string, bytes", tag = "9")]
    list_resources: HashMap<String, Vec<u8>>,
    #[prost(map = "string, bytes", tag = "10")]
    state_stores: HashMap<String, Vec<u8>>,
    #[prost(map = "string, bytes", tag = "11")]
    actions: HashMap<String, Vec<u8>>,
}

/// The state and the deferral of a read response, with the field numbers of the protocol.
#[derive(Clone, PartialEq, prost::Message)]
struct DeferrableResponse {
    #[prost(bytes = "vec", optional, tag = "1")]
    state: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    deferred: Option<Vec<u8>>,
}

async fn unsupported_schemas(connection: &Connection, version: &str) -> UnsupportedSchemas {
    let method = if version == "5" { "GetSchema" } else { "GetProviderSchema" };
    let request = get_metadata::Request {};
    connection.call(&format!("/tfplugin{version}.Provider/{method}"), request).await.unwrap()
}

/// Asserts that the method is UNIMPLEMENTED.
async fn assert_unimplemented(connection: &Connection, method: &str) {
    let response: Result<(), _> = connection.call(method, get_metadata::Request {}).await;
    assert_eq!(response.unwrap_err().code(), Code::Unimplemented, "{method}");
}

#[tokio::test]
async fn c72_no_function_is_listed_and_calls_are_unimplemented() {
    for version in PROTOCOL_VERSIONS {
        let (_process, connection) = start_and_connect(version).await;
        assert_eq!(unsupported_schemas(&connection, version).await, UnsupportedSchemas::default());
        // Check 73 is covered too, because no function can return an error.
        for method in ["CallFunction", "GetFunctions", "ListResource", "PlanAction", "ReadResource"] {
            assert_unimplemented(&connection, &format!("/tfplugin{version}.Provider/{method}")).await;
        }
        connection.schema().await.unwrap();
    }
}

#[tokio::test]
async fn c75_read_is_deferred_only_if_the_host_allows_it() {
    for version in PROTOCOL_VERSIONS {
        let (_process, connection) = start_and_connect(version).await;
        let configure = if version == "5" { "Configure" } else { "ConfigureProvider" };
        for deferral_allowed in [false, true] {
            let capabilities = ClientCapabilities { deferral_allowed, write_only_attributes_allowed: true };
            let unknown = json!({ "region": "cn-north-4", "token": { "$unknown": "plain" } });
            let request = configure_provider::Request {
                config: Some(connection.encode_provider_config(unknown).await.unwrap()),
                client_capabilities: Some(capabilities),
                ..Default::default()
            };
            let path = format!("/tfplugin{version}.Provider/{configure}");
            let _: () = connection.call(&path, request).await.unwrap();
            let request = read_data_source::Request {
                type_name: TYPE_NAME.to_owned(),
                config: Some(
                    connection.encode_config(TYPE_NAME, json!({ "instance_id": INSTANCE })).await.unwrap(),
                ),
                client_capabilities: Some(capabilities),
                ..Default::default()
            };
            let path = format!("/tfplugin{version}.Provider/ReadDataSource");
            let response: DeferrableResponse = connection.call(&path, request).await.unwrap();
            // The encoded reason PROVIDER_CONFIG_UNKNOWN.
            let deferred = deferral_allowed.then(|| vec![8, 2]);
            assert_eq!((response.state.is_some(), response.deferred), (deferral_allowed, deferred));
        }
    }
}
