//! More checks. No Core depends on them, but other hosts or users may.

use std::collections::BTreeSet;

use cloud_simulator::CloudState;
use plugin_host::protocol::health;
use plugin_host::protocol::tfplugin::get_metadata;
use plugin_host::protocol::tfplugin5;
use prost::Message as _;
use serde_json::json;
use tonic::Code;

use super::*;
use crate::process::{INSTANCE, TYPE_NAME, connect_as_host, start};
use crate::protocol::summaries;

#[tokio::test]
async fn w01_health_service_reports_serving() {
    use health::health_check_response::ServingStatus;

    for (_process, connection) in connect_both().await {
        let mut client = health::health_client::HealthClient::new(connection.channel());
        let request = |service: &str| health::HealthCheckRequest { service: service.to_owned() };
        for service in ["plugin", ""] {
            let response = client.check(request(service)).await.unwrap().into_inner();
            assert_eq!(response.status(), ServingStatus::Serving);
        }
        assert_eq!(client.check(request("other")).await.unwrap_err().code(), Code::NotFound);
    }
}

#[tokio::test]
async fn w02_unknown_method_is_unimplemented_and_connection_stays() {
    for version in PROTOCOL_VERSIONS {
        let (_process, connection) = start_and_connect(version).await;
        let other =
            if version == "5" { "/tfplugin6.Provider/GetMetadata" } else { "/tfplugin5.Provider/GetSchema" };
        for path in [&format!("/tfplugin{version}.Provider/Unknown")[..], other, "/x.Y/Z"] {
            let response: Result<(), _> = connection.call(path, get_metadata::Request {}).await;
            assert_eq!(response.unwrap_err().code(), Code::Unimplemented, "{path}");
        }
        connection.schema().await.unwrap();
    }
}

#[tokio::test]
async fn w03_metadata_matches_the_schema() {
    for (_process, connection) in connect_both().await {
        let (metadata, schema) = (connection.metadata().await.unwrap(), connection.schema().await.unwrap());
        let names: BTreeSet<_> = metadata.data_sources.iter().map(|source| &source.type_name).collect();
        assert_eq!(names, schema.data_sources.keys().collect());
        let names: BTreeSet<_> =
            metadata.ephemeral_resources.iter().map(|resource| &resource.type_name).collect();
        assert_eq!(names, schema.ephemeral_resources.keys().collect());
        assert_eq!(metadata.server_capabilities, schema.server_capabilities);
        assert_eq!(metadata.diagnostics, []);
    }
}

#[tokio::test]
async fn w04_schema_is_far_below_the_size_limit_of_core() {
    for (_process, connection) in connect_both().await {
        let size = connection.schema().await.unwrap().encoded_len();
        assert!(size < 64 << 10, "{size}");
    }
}

#[tokio::test]
async fn w05_two_hundred_concurrent_calls_get_responses() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        let calls: Vec<_> = (0..200)
            .map(|number| {
                let connection = connection.clone();
                tokio::spawn(async move {
                    let config = json!({ "instance_id": INSTANCE });
                    if number % 2 == 0 {
                        connection.read(TYPE_NAME, config).await.unwrap().diagnostics
                    } else {
                        connection.validate(TYPE_NAME, config).await.unwrap()
                    }
                })
            })
            .collect();
        for call in calls {
            let call = tokio::time::timeout(Duration::from_secs(60), call).await.expect("a response");
            assert_eq!(call.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn w06_missing_or_too_long_temporary_directory_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("x".repeat(120));
    std::fs::create_dir(&long).unwrap();
    for version in PROTOCOL_VERSIONS {
        for unusable in [&long, &dir.path().join("missing")] {
            let process = start(plugin_command(version).env("TMPDIR", unusable.to_str().unwrap())).await;
            assert_eq!(process.socket_path().parent().unwrap().to_str(), Some("/tmp"));
            connect_as_host(&process).await;
        }
    }
}

#[tokio::test]
async fn w07_protocol_5_returns_the_provider_block_unchanged() {
    let (_process, connection) = start_and_connect("5").await;
    let valid = connection.encode_provider_config(json!({ "region": "cn-north-4" })).await.unwrap();
    let invalid = DynamicValue { msgpack: Vec::new(), json: br#"{ "region": null }"#.to_vec() };
    for (config, expected) in [(valid, &[][..]), (invalid, &["Unreadable Configuration"])] {
        let request = tfplugin5::prepare_provider_config::Request { config: Some(config.clone()) };
        let response: tfplugin5::prepare_provider_config::Response =
            connection.call("/tfplugin5.Provider/PrepareProviderConfig", request).await.unwrap();
        assert_eq!(response.prepared_config, Some(config));
        assert_eq!(summaries(&response.diagnostics), expected);
    }
}
