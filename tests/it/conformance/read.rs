//! Reads: concurrent reads, large messages, and all encodings of a configuration.

use std::collections::BTreeSet;
use std::time::Instant;

use cloud_simulator::{CloudState, Fault, Route};
use plugin_host::null_object;
use serde_json::{Value, json};

use super::fake;
use super::*;
use crate::process::{INSTANCE, TYPE_NAME, read, spawn_read};
use crate::protocol::summaries;

#[tokio::test]
async fn c40_ten_concurrent_reads_take_as_long_as_one() {
    const DELAY: Duration = Duration::from_millis(300);
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        // Before the first response only one read is sent at a time.
        read(&connection).await;
        let attempt = async || {
            cloud.inject_once(Route::Links, vec![Fault::Delayed(DELAY); 10]);
            let start = Instant::now();
            for read in [(); 10].map(|()| spawn_read(&connection)) {
                assert!(read.await.unwrap().unwrap().state.is_some());
            }
            start.elapsed()
        };
        assert_within(DELAY * 2, attempt).await;
    }
}

#[tokio::test]
async fn c41_configuration_of_5_mib_is_accepted() {
    for (_process, connection) in connect_both().await {
        let long = "/".repeat(5 << 20);
        let diagnostics = connection.validate(TYPE_NAME, json!({ "instance_id": long })).await.unwrap();
        assert_eq!(summaries(&diagnostics), ["Invalid Attribute Value"]);
        let response = connection.read(TYPE_NAME, json!({ "instance_id": long })).await.unwrap();
        assert_eq!(summaries(&response.diagnostics), ["Provider Not Configured"]);
    }
}

#[tokio::test]
async fn c41_result_of_70_mib_is_sent() {
    for connection in fake::connect_both().await {
        let long = "y".repeat(5 << 20);
        let response = connection.read("dds_echo", json!({ "text": long })).await.unwrap();
        assert_eq!(response.state.unwrap()["text"], long);
        let response = connection.read("dds_large", json!({})).await.unwrap();
        assert_eq!(response.state.unwrap()["text"].as_str().unwrap().len(), 70 << 20);
    }
}

#[tokio::test]
async fn c42_unknown_type_is_an_error_that_names_it() {
    for (_process, connection) in connect_both().await {
        for diagnostics in [
            connection.read_encoded("dds_other", None).await.unwrap().diagnostics,
            connection.validate("dds_other", json!({})).await.unwrap(),
        ] {
            assert_eq!(summaries(&diagnostics), ["Unknown Data Source Type"]);
            assert!(diagnostics[0].detail.contains("\"dds_other\""));
        }
    }
}

#[tokio::test]
async fn c43_json_configuration_is_accepted() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        let json =
            json!({ "instance_id": INSTANCE, "region": null, "certs": null, "id": null, "timeouts": null });
        // Some hosts set only one field. Providers in Go read the JSON field first.
        for msgpack in [vec![], vec![0xc0]] {
            let config = DynamicValue { msgpack, json: json.to_string().into_bytes() };
            assert_eq!(connection.validate_encoded(TYPE_NAME, Some(config.clone())).await.unwrap(), []);
            let response = connection.read_encoded(TYPE_NAME, Some(config)).await.unwrap();
            assert_eq!(response.state.unwrap()["id"], INSTANCE);
        }
        let invalid = DynamicValue { msgpack: vec![], json: b"{\"instance_id\"".to_vec() };
        let response = connection.read_encoded(TYPE_NAME, Some(invalid)).await.unwrap();
        assert_eq!(summaries(&response.diagnostics), ["Unreadable Configuration"]);
    }
}

#[tokio::test]
async fn c44_missing_configuration_is_an_error() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        for missing in [None, Some(DynamicValue::default())] {
            let diagnostics = connection.validate_encoded(TYPE_NAME, missing.clone()).await.unwrap();
            assert_eq!(summaries(&diagnostics), ["Missing Required Attribute"]);
            let response = connection.read_encoded(TYPE_NAME, missing).await.unwrap();
            assert_eq!(summaries(&response.diagnostics), ["Missing Required Attribute"]);
            assert_eq!(response.bytes, None);
        }
    }
}

#[tokio::test]
async fn c48_result_has_exactly_the_members_of_its_schema() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        let schema = connection.schema().await.unwrap();
        let expected: BTreeSet<_> =
            null_object(&schema.data_sources[TYPE_NAME]).into_iter().map(|(name, _)| name).collect();
        // The host rejects duplicate keys.
        let state = read(&connection).await.state.unwrap();
        let Value::Object(state) = state else { panic!("{state}") };
        let certs = state["certs"].as_array().unwrap().clone();
        assert_eq!(state.keys().cloned().collect::<BTreeSet<_>>(), expected);
        for cert in certs {
            let names: Vec<_> = cert.as_object().unwrap().keys().cloned().collect();
            assert_eq!(names, ["category", "download_link"]);
        }
    }
}

#[tokio::test]
async fn c50_strings_are_utf_8_and_unchanged() {
    let mut cloud_state = CloudState::sample();
    // A composed letter, the same letter decomposed, Chinese, a code point above 16 bits, and a NUL. Core normalises the
    // second one to the first one.
    let strings = ["\u{e9}", "e\u{301}", "\u{56fd}\u{5bc6}", "\u{1f511}", "a\0b"];
    let sample = cloud_state.instances[0].certificates[0].clone();
    cloud_state.instances[0].certificates = strings
        .map(|string| cloud_simulator::Certificate { category: string.to_owned(), ..sample.clone() })
        .into();
    let cloud = Simulator::start(cloud_state);
    for (_process, connection) in configure_both(&cloud).await {
        let state = read(&connection).await.state.unwrap();
        let categories: Vec<_> =
            state["certs"].as_array().unwrap().iter().map(|cert| &cert["category"]).collect();
        assert_eq!(categories, strings);
    }
}

#[tokio::test]
async fn c51_configured_values_are_returned_unchanged() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        for config in [
            json!({ "instance_id": INSTANCE, "region": "cn-north-4", "timeouts": { "read": "90s" } }),
            json!({ "instance_id": INSTANCE, "timeouts": { "read": null } }),
            json!({ "instance_id": INSTANCE, "timeouts": null }),
        ] {
            let response = connection.read(TYPE_NAME, config.clone()).await.unwrap();
            let state = response.state.unwrap_or_else(|| panic!("{:?}", response.diagnostics));
            for (name, value) in config.as_object().unwrap() {
                assert_eq!(state[name], *value, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn c52_missing_block_is_null_or_an_empty_list() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        let config = json!({ "instance_id": INSTANCE });
        let state = connection.read(TYPE_NAME, config).await.unwrap().state.unwrap();
        assert_eq!(state["timeouts"], Value::Null);
    }
    for connection in fake::connect_both().await {
        for missing in [None, Some(connection.encode_config("dds_echo", json!({})).await.unwrap())] {
            let state = connection.read_encoded("dds_echo", missing).await.unwrap().state.unwrap();
            assert_eq!((&state["single"], &state["several"]), (&Value::Null, &json!([])));
        }
    }
}
