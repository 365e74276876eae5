//! Protocols 5 and 6 compared: the provider must behave the same in both.

use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::protocol::tfplugin::Diagnostic;
use plugin_host::{Connection, Process, Protocol};
use serde_json::{Value, json};

use crate::conformance::plugin_command;
use crate::process::{TYPE_NAME, connect_as_host, read, start};
use crate::protocol::{connect_in_process, provider_with_token};

/// A provider process for a host that offers only this protocol.
pub async fn start_and_connect(version: &str) -> (Process, Connection) {
    let process = start(plugin_command(version)).await;
    assert_eq!(process.handshake.protocol_version, version);
    let connection = connect_as_host(&process).await;
    (process, connection)
}

/// Provider processes and their connections, one for each protocol.
pub async fn connect_both() -> [(Process, Connection); 2] {
    [start_and_connect("5").await, start_and_connect("6").await]
}

#[tokio::test]
async fn both_protocols_return_the_same_bytes_and_diagnostics() {
    let cloud = Simulator::start(CloudState::sample());
    let mut results = Vec::new();
    for version in ["5", "6"] {
        let (_process, connection) = start_and_connect(version).await;
        assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
        let success = read(&connection).await;
        assert_eq!(success.diagnostics, []);
        let not_found = connection.read(TYPE_NAME, json!({ "instance_id": "missing" })).await.unwrap();
        assert_eq!(not_found.bytes, None);
        cloud.inject_once(Route::Links, [Fault::Html { status: 400 }]);
        let error_page = read(&connection).await;
        let invalid = connection.validate(TYPE_NAME, json!({ "instance_id": "../x" })).await.unwrap();
        assert!(not_found.diagnostics[0].detail.contains("request ID") && !error_page.diagnostics.is_empty());
        assert!(invalid[0].attribute.is_some(), "{invalid:?}");
        let invalid_provider =
            connection.validate_provider(json!({ "region": "Not A Region" })).await.unwrap();
        assert_eq!(invalid_provider.len(), 1);
        let not_found: Vec<_> = not_found.diagnostics.into_iter().map(without_request_id).collect();
        results.push((success.bytes.unwrap(), not_found, error_page.diagnostics, invalid, invalid_provider));
    }
    assert_eq!(results[0], results[1]);
}

/// The diagnostic without its request ID, which differs in each request.
fn without_request_id(mut diagnostic: Diagnostic) -> Diagnostic {
    let (before, after) = diagnostic.detail.split_once("request ID ").unwrap();
    let end = after.find(|character: char| !character.is_ascii_hexdigit()).unwrap();
    diagnostic.detail = format!("{before}request ID{}", &after[end..]);
    diagnostic
}

#[tokio::test]
async fn both_protocols_have_the_same_schema() {
    let five = connect_in_process(Protocol::Five, provider_with_token()).await.schema().await.unwrap();
    let six = connect_in_process(Protocol::Six, provider_with_token()).await.schema().await.unwrap();
    assert_eq!(five, six);
}

#[tokio::test]
async fn only_the_negotiated_protocol_is_implemented() {
    for (version, other) in [("5", Protocol::Six), ("6", Protocol::Five)] {
        let (_process, connection) = start_and_connect(version).await;
        let status = connection.with_protocol(other).schema().await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unimplemented, "{version}");
        assert!(connection.schema().await.is_ok());
    }
}

/// Registries use the manifest to decide which versions of Terraform may install the provider.
#[tokio::test]
async fn manifest_lists_the_supported_protocols() {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("terraform-registry-manifest.json");
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(manifest).unwrap()).unwrap();
    assert_eq!(manifest["version"], 1);
    let versions = manifest["metadata"]["protocol_versions"].as_array().unwrap();
    let mut supported = Vec::new();
    for major in 4..=7 {
        let version = major.to_string();
        let process = start(plugin_command(&version)).await;
        if process.handshake.protocol_version == version {
            supported.push(json!(format!("{major}.0")));
        }
    }
    assert_eq!(*versions, supported);
}
