//! Reads: side by side, large, and in every form in which a configuration may come.

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
    const ONE: Duration = Duration::from_millis(300);
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        // Before a first answer reads go one at a time.
        read(&connection).await;
        let attempt = async || {
            cloud.inject_once(Route::Links, vec![Fault::Delayed(ONE); 10]);
            let begun = Instant::now();
            for read in [(); 10].map(|()| spawn_read(&connection)) {
                assert!(read.await.unwrap().unwrap().state.is_some());
            }
            begun.elapsed()
        };
        assert_within(ONE * 2, attempt).await;
    }
}

#[tokio::test]
async fn c41_configuration_of_5_mib_is_accepted() {
    for (_process, connection) in connect_with_both_protocols().await {
        let long = "/".repeat(5 << 20);
        let found = connection.validate(TYPE_NAME, json!({ "instance_id": long })).await.unwrap();
        assert_eq!(summaries(&found), ["Invalid Attribute Value"]);
        let reading = connection.read(TYPE_NAME, json!({ "instance_id": long })).await.unwrap();
        assert_eq!(summaries(&reading.diagnostics), ["Provider Not Configured"]);
    }
}

#[tokio::test]
async fn c41_result_of_70_mib_is_sent() {
    for connection in fake::connect_both().await {
        let long = "y".repeat(5 << 20);
        let reading = connection.read("dds_echo", json!({ "text": long })).await.unwrap();
        assert_eq!(reading.state.unwrap()["text"], long);
        let reading = connection.read("dds_large", json!({})).await.unwrap();
        assert_eq!(reading.state.unwrap()["text"].as_str().unwrap().len(), 70 << 20);
    }
}

#[tokio::test]
async fn c42_unknown_type_is_an_error_that_names_it() {
    for (_process, connection) in connect_with_both_protocols().await {
        for found in [
            connection.read_encoded("dds_other", None).await.unwrap().diagnostics,
            connection.validate("dds_other", json!({})).await.unwrap(),
        ] {
            assert_eq!(summaries(&found), ["Unknown Data Source Type"]);
            assert!(found[0].detail.contains("\"dds_other\""));
        }
    }
}

#[tokio::test]
async fn c43_json_configuration_is_accepted() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        let json =
            json!({ "instance_id": INSTANCE, "region": null, "certs": null, "id": null, "timeouts": null });
        // Other hosts fill one field only; Go's own servers look at this one first.
        for msgpack in [vec![], vec![0xc0]] {
            let config = DynamicValue { msgpack, json: json.to_string().into_bytes() };
            assert_eq!(connection.validate_encoded(TYPE_NAME, Some(config.clone())).await.unwrap(), []);
            let reading = connection.read_encoded(TYPE_NAME, Some(config)).await.unwrap();
            assert_eq!(reading.state.unwrap()["id"], INSTANCE);
        }
        let text = DynamicValue { msgpack: vec![], json: b"{\"instance_id\"".to_vec() };
        let reading = connection.read_encoded(TYPE_NAME, Some(text)).await.unwrap();
        assert_eq!(summaries(&reading.diagnostics), ["Unreadable Configuration"]);
    }
}

#[tokio::test]
async fn c44_missing_configuration_is_an_error() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        for absent in [None, Some(DynamicValue::default())] {
            let found = connection.validate_encoded(TYPE_NAME, absent.clone()).await.unwrap();
            assert_eq!(summaries(&found), ["Missing Required Attribute"]);
            let reading = connection.read_encoded(TYPE_NAME, absent).await.unwrap();
            assert_eq!(summaries(&reading.diagnostics), ["Missing Required Attribute"]);
            assert_eq!(reading.bytes, None);
        }
    }
}

#[tokio::test]
async fn c48_result_has_exactly_the_members_of_its_schema() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        let schema = connection.schema().await.unwrap();
        let expected: BTreeSet<_> =
            null_object(&schema.data_sources[TYPE_NAME]).into_iter().map(|it| it.0).collect();
        // The host takes no key twice.
        let state = read(&connection).await.state.unwrap();
        let Value::Object(state) = state else { panic!("{state}") };
        let certs = state["certs"].as_array().unwrap().clone();
        assert_eq!(state.into_iter().map(|it| it.0).collect::<BTreeSet<_>>(), expected);
        for cert in certs {
            let names: Vec<_> = cert.as_object().unwrap().keys().cloned().collect();
            assert_eq!(names, ["category", "download_link"]);
        }
    }
}

#[tokio::test]
async fn c50_strings_are_utf_8_and_unchanged() {
    let mut cloud_state = CloudState::sample();
    // Composed, decomposed, beyond 16 bits, and with a NUL. Core makes one of the first two.
    let texts = ["\u{e9}", "e\u{301}", "\u{56fd}\u{5bc6}", "\u{1f511}", "a\0b"];
    let sample = cloud_state.instances[0].certificates[0].clone();
    cloud_state.instances[0].certificates =
        texts.map(|text| cloud_simulator::Certificate { category: text.to_owned(), ..sample.clone() }).into();
    let cloud = Simulator::start(cloud_state);
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        let state = read(&connection).await.state.unwrap();
        let found: Vec<_> = state["certs"].as_array().unwrap().iter().map(|it| &it["category"]).collect();
        assert_eq!(found, texts);
    }
}

#[tokio::test]
async fn c51_configured_values_are_returned_unchanged() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        for config in [
            json!({ "instance_id": INSTANCE, "region": "cn-north-4", "timeouts": { "read": "90s" } }),
            json!({ "instance_id": INSTANCE, "timeouts": { "read": null } }),
            json!({ "instance_id": INSTANCE, "timeouts": null }),
        ] {
            let reading = connection.read(TYPE_NAME, config.clone()).await.unwrap();
            let state = reading.state.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
            for (name, value) in config.as_object().unwrap() {
                assert_eq!(state[name], *value, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn c52_missing_block_is_null_or_an_empty_list() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        let config = json!({ "instance_id": INSTANCE });
        let state = connection.read(TYPE_NAME, config).await.unwrap().state.unwrap();
        assert_eq!(state["timeouts"], Value::Null);
    }
    for connection in fake::connect_both().await {
        for absent in [None, Some(connection.encode_config("dds_echo", json!({})).await.unwrap())] {
            let state = connection.read_encoded("dds_echo", absent).await.unwrap().state.unwrap();
            assert_eq!((&state["single"], &state["several"]), (&Value::Null, &json!([])));
        }
    }
}
