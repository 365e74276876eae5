//! Validation and configuration of the provider block.

use std::fs;

use cloud_simulator::{CloudState, Route};
use plugin_host::null_object;
use plugin_host::protocol::tfplugin6::Schema;
use serde_json::{Map, Value, json};

use super::*;
use crate::process::{INSTANCE, TYPE_NAME, read};
use crate::protocol::summaries;

#[tokio::test]
async fn c34_every_call_works_without_a_schema_call() {
    let cloud = Simulator::start(CloudState::sample());
    for version in PROTOCOL_VERSIONS {
        // The host encodes the configuration with the schema from another process.
        let schema = start_and_connect(version).await.1.schema().await.unwrap();
        assert!(schema.server_capabilities.unwrap().get_provider_schema_optional);
        let encode = |schema: &Schema, attributes: Value| {
            let mut block = null_object(schema);
            block.extend(attributes.as_object().unwrap().clone());
            Some(DynamicValue { msgpack: vec![], json: Value::Object(block).to_string().into_bytes() })
        };
        let provider = encode(schema.provider.as_ref().unwrap(), cloud.provider_config());
        let source = encode(&schema.data_sources[TYPE_NAME], json!({ "instance_id": INSTANCE }));
        let (_process, connection) = start_and_connect(version).await;
        connection.metadata().await.unwrap();
        assert_eq!(connection.validate_provider_encoded(provider.clone()).await.unwrap(), []);
        assert_eq!(connection.validate_encoded(TYPE_NAME, source.clone()).await.unwrap(), []);
        assert_eq!(connection.configure_encoded(provider).await.unwrap(), []);
        assert!(connection.read_encoded(TYPE_NAME, source).await.unwrap().state.is_some());
        connection.stop().await.unwrap();
    }
}

#[tokio::test]
async fn c36_provider_block_with_only_null_values_is_valid() {
    for (_process, connection) in connect_both().await {
        assert_eq!(connection.validate_provider(json!({})).await.unwrap(), []);
    }
}

#[tokio::test]
async fn c37_unknown_values_fail_neither_validate_nor_configure() {
    for (_process, connection) in connect_both().await {
        let schema = connection.schema().await.unwrap().provider.unwrap();
        for unknown in [json!({ "$unknown": "plain" }), json!({ "$unknown": "refined" })] {
            let one_unknown = null_object(&schema).into_iter().map(|(name, _)| json!({ name: unknown }));
            let all_unknown =
                null_object(&schema).into_iter().map(|(name, _)| (name, unknown.clone())).collect();
            let role =
                json!({ "agency_name": unknown, "domain_name": "a", "domain_id": null, "duration": unknown });
            let nested = json!({ "assume_role": [role], "endpoints": { "dds": unknown } });
            let mut oidc = null_block(&schema, "assume_role_with_oidc");
            oidc.extend(
                json!({ "agency_name": "a", "domain_id": "d", "id_token": unknown, "idp_id": unknown })
                    .as_object()
                    .unwrap()
                    .clone(),
            );
            let with_oidc = json!({ "assume_role_with_oidc": [oidc], "token": null });
            for config in one_unknown.chain([Value::Object(all_unknown), nested, with_oidc]) {
                let mut block = json!({ "region": "cn-north-4", "token": "t" });
                block.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
                assert_eq!(connection.validate_provider(block.clone()).await.unwrap(), [], "{block}");
                let diagnostics = connection.configure(block.clone()).await.unwrap();
                assert!(
                    diagnostics.iter().all(|diagnostic| diagnostic.severity != 1),
                    "{block}: {diagnostics:?}"
                );
            }
        }
    }
}

/// A nested block of the provider block with only null values.
fn null_block(schema: &Schema, name: &str) -> Map<String, Value> {
    let blocks = &schema.block.as_ref().unwrap().block_types;
    let block = blocks.iter().find(|nested| nested.type_name == name).unwrap().block.clone();
    null_object(&Schema { version: 0, block })
}

#[tokio::test]
async fn c38_second_configuration_replaces_the_first_completely() {
    let (first, second) = (Simulator::start(CloudState::sample()), Simulator::start(CloudState::sample()));
    for version in PROTOCOL_VERSIONS {
        second.clear_recorded_requests();
        let (process, connection) = start_configured(version, &first).await;
        let configure_and_read = async || {
            assert_eq!(connection.configure(second.provider_config()).await.unwrap(), []);
            let response = read(&connection).await;
            assert!(response.state.is_some(), "{:?}", response.diagnostics);
        };
        configure_and_read().await;
        assert_eq!((first.request_count(Route::Links), second.request_count(Route::Links)), (0, 1));
        // Each configuration has its own client. When it is replaced, its connections are closed.
        let before = open_files(process.id());
        for _ in 0..20 {
            configure_and_read().await;
        }
        let after = open_files(process.id());
        assert!(after <= before + 5, "{before} open files became {after}");
        // An invalid configuration changes nothing.
        assert!(!connection.configure(json!({ "region": "Not A Region" })).await.unwrap().is_empty());
        assert!(read(&connection).await.state.is_some());
    }
}

/// The number of open files and sockets of a process. 0 if the system is not Linux.
fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn c39_read_before_configure_is_an_error() {
    for (_process, connection) in connect_both().await {
        let response = read(&connection).await;
        assert_eq!(summaries(&response.diagnostics), ["Provider Not Configured"]);
        assert_eq!(response.bytes, None);
    }
}
