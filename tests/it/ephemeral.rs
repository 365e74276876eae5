//! The ephemeral resource, compared with the data source, in both protocols.

use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, Route, Simulator};
use serde_json::{Value, json};

use crate::conformance::fake;
use crate::process::{INSTANCE, TYPE_NAME, wait_until};
use crate::protocols::{connect_both, start_and_connect};

#[tokio::test]
async fn c51_opened_resource_has_the_same_result_as_a_read() {
    let cloud = Simulator::start(CloudState::sample());
    for version in ["5", "6"] {
        let (_process, connection) = start_and_connect(version).await;
        connection.configure(cloud.provider_config()).await.unwrap();
        for config in [
            json!({ "instance_id": INSTANCE }),
            json!({ "instance_id": INSTANCE, "region": "cn-north-4", "timeouts": { "read": "90s" } }),
        ] {
            let read = connection.read(TYPE_NAME, config.clone()).await.unwrap();
            let opened = connection.open(TYPE_NAME, config.clone()).await.unwrap();
            assert_eq!((&opened.bytes, &opened.diagnostics), (&read.bytes, &vec![]));
            let state = opened.state.unwrap();
            assert_eq!(state["certs"].as_array().unwrap().len(), 2);
            for (name, value) in config.as_object().unwrap() {
                assert_eq!(state[name], *value, "{version}");
            }
            assert_eq!(state["timeouts"].is_null(), config["timeouts"].is_null());
        }
    }
}

#[tokio::test]
async fn c74_opened_resource_can_be_closed_and_needs_no_renewal() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_both().await {
        connection.configure(cloud.provider_config()).await.unwrap();
        connection.open(TYPE_NAME, json!({ "instance_id": INSTANCE })).await.unwrap();
        assert_eq!(connection.close(TYPE_NAME, None).await.unwrap(), []);
        let schema = connection.schema().await.unwrap();
        assert_eq!(schema.ephemeral_resources[TYPE_NAME], schema.data_sources[TYPE_NAME]);
        let metadata = connection.metadata().await.unwrap();
        let names: Vec<_> =
            metadata.ephemeral_resources.into_iter().map(|resource| resource.type_name).collect();
        assert_eq!(names, [TYPE_NAME]);
    }
}

#[tokio::test]
async fn errors_are_the_same_as_for_the_data_source() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_both().await {
        let summary = |diagnostics: &[plugin_host::protocol::tfplugin::Diagnostic]| {
            diagnostics.first().map(|first| first.summary.clone()).unwrap_or_default()
        };
        let unconfigured = connection.open(TYPE_NAME, json!({ "instance_id": INSTANCE })).await.unwrap();
        assert_eq!(
            (summary(&unconfigured.diagnostics).as_str(), unconfigured.bytes),
            ("Provider Not Configured", None)
        );
        connection.configure(cloud.provider_config()).await.unwrap();
        let invalid =
            connection.validate_ephemeral(TYPE_NAME, json!({ "instance_id": "../x" })).await.unwrap();
        assert_eq!(summary(&invalid), "Invalid Attribute Value");
        assert!(invalid[0].attribute.is_some());
        let missing = connection.validate_ephemeral(TYPE_NAME, json!({})).await.unwrap();
        assert_eq!(missing.len(), 1, "{missing:?}");
        let not_found = connection.open(TYPE_NAME, json!({ "instance_id": "missing" })).await.unwrap();
        assert_eq!(summary(&not_found.diagnostics), "Instance Not Found");
        let unknown = connection.open("dds_other", Value::Object(Default::default())).await.unwrap();
        assert_eq!(summary(&unknown.diagnostics), "Unknown Ephemeral Resource Type");
        let unknown = connection.validate_ephemeral("dds_other", json!({})).await.unwrap();
        assert!(unknown[0].detail.contains("dds_other"), "{unknown:?}");
    }
}

#[tokio::test]
async fn close_receives_the_private_data_of_open() {
    for connection in fake::connect_both().await {
        let opened = connection.open_response("dds_lock", json!({ "name": "x" })).await.unwrap();
        let closed = connection.close("dds_lock", opened.private).await.unwrap();
        assert_eq!(closed[0].detail, "Closed x.");
    }
}

#[tokio::test]
async fn stop_cancels_an_open_call() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::NoResponse);
    let (_process, connection) = start_and_connect("6").await;
    connection.configure(cloud.provider_config()).await.unwrap();
    let opening = tokio::spawn({
        let connection = connection.clone();
        async move { connection.open(TYPE_NAME, json!({ "instance_id": INSTANCE })).await }
    });
    wait_until(|| cloud.request_count(Route::Links) == 1).await;
    let stopped = Instant::now();
    connection.stop().await.unwrap();
    let opened = opening.await.unwrap().unwrap();
    assert_eq!(opened.diagnostics[0].summary, "Operation Cancelled");
    assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
}
