//! Reads while the provider configuration is unknown, in both protocols.

use plugin_host::protocol::tfplugin::deferred::Reason;
use plugin_host::protocol::tfplugin::{Deferred, read_data_source};
use plugin_host::{Connection, Process};
use serde_json::{Value, json};

use crate::process::{INSTANCE, TYPE_NAME};
use crate::protocol::summaries;
use crate::protocols::start_and_connect;

/// A provider with an unknown region, for a host that sends this capability or none.
async fn connect_with_unknown_region(version: &str, deferral_allowed: Option<bool>) -> (Process, Connection) {
    let (process, connection) = start_and_connect(version).await;
    let connection = match deferral_allowed {
        Some(allowed) => connection.with_deferral(allowed),
        None => connection,
    };
    let settings = json!({ "region": { "$unknown": "plain" }, "access_key": "a", "secret_key": "s" });
    assert_eq!(connection.configure(settings).await.unwrap(), []);
    (process, connection)
}

/// The complete response of a read.
async fn read(connection: &Connection, config: Value) -> read_data_source::Response {
    let config = connection.encode_config(TYPE_NAME, config).await.unwrap();
    connection.read_response(TYPE_NAME, Some(config)).await.unwrap()
}

#[tokio::test]
async fn unknown_provider_configuration_defers_a_read() {
    let unknown = json!({ "$unknown": "plain" });
    let timeouts = json!({ "read": "90s" });
    for version in ["5", "6"] {
        let (_process, connection) = connect_with_unknown_region(version, Some(true)).await;
        for (config, state) in [
            (
                json!({ "instance_id": INSTANCE, "timeouts": timeouts }),
                json!({
                    "instance_id": INSTANCE, "timeouts": timeouts, "region": unknown, "certs": unknown, "id": unknown,
                }),
            ),
            (
                json!({ "instance_id": INSTANCE, "region": "cn-north-4" }),
                json!({ "instance_id": INSTANCE, "region": "cn-north-4", "certs": unknown, "id": unknown }),
            ),
        ] {
            let expected = read_data_source::Response {
                state: Some(connection.encode_config(TYPE_NAME, state).await.unwrap()),
                diagnostics: Vec::new(),
                deferred: Some(Deferred { reason: Reason::ProviderConfigUnknown.into() }),
            };
            assert_eq!(read(&connection, config).await, expected, "{version}");
        }
    }
}

#[tokio::test]
async fn read_without_the_deferral_capability_is_an_error() {
    for version in ["5", "6"] {
        for capability in [None, Some(false)] {
            let (_process, connection) = connect_with_unknown_region(version, capability).await;
            let response = read(&connection, json!({ "instance_id": INSTANCE })).await;
            assert_eq!((response.state, response.deferred), (None, None), "{version} {capability:?}");
            assert_eq!(summaries(&response.diagnostics), ["Provider Setting Not Known Yet"]);
        }
    }
}

#[tokio::test]
async fn ephemeral_resource_is_never_deferred() {
    for version in ["5", "6"] {
        let (_process, connection) = connect_with_unknown_region(version, Some(true)).await;
        let opened = connection.open(TYPE_NAME, json!({ "instance_id": INSTANCE })).await.unwrap();
        assert_eq!(opened.bytes, None, "{version}");
        assert_eq!(summaries(&opened.diagnostics), ["Provider Setting Not Known Yet"]);
    }
}

#[tokio::test]
async fn read_before_configure_is_an_error_and_not_deferred() {
    for version in ["5", "6"] {
        let (_process, connection) = start_and_connect(version).await;
        let connection = connection.with_deferral(true);
        let unconfigured = read(&connection, json!({ "instance_id": INSTANCE })).await;
        assert_eq!((unconfigured.state, unconfigured.deferred), (None, None), "{version}");
        assert_eq!(summaries(&unconfigured.diagnostics), ["Provider Not Configured"]);
    }
}
