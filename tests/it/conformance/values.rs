//! Encoding of states, and decoding of configurations.

use std::collections::BTreeMap;

use plugin_host::null_object;
use serde_json::json;
use terraform_provider_dds::tfplugin::value::{Number, Type, Value, msgpack};

use super::fake::{DATA_SOURCES, INVALID_STATES};
use super::*;
use crate::process::TYPE_NAME;
use crate::protocol::{path, summaries};

/// Asserts that these data sources return a "Provider Bug" error instead of their invalid states.
async fn assert_never_sent(names: &[&str]) {
    for connection in fake::connect_both().await {
        for name in names {
            let response = connection.read(name, json!({})).await.unwrap();
            assert_eq!(summaries(&response.diagnostics), ["Provider Bug"], "{name}");
            assert_eq!(response.bytes, None, "{name}");
        }
        assert!(connection.read("dds_echo", json!({})).await.unwrap().state.is_some());
    }
}

#[tokio::test]
async fn c47_strings_numbers_and_bools_are_never_converted() {
    assert_never_sent(&[
        "dds_number_as_text",
        "dds_bool_as_text",
        "dds_text_as_bool",
        "dds_number_as_bool",
        "dds_text_as_number",
    ])
    .await;
    for connection in fake::connect_both().await {
        let response = connection.read("dds_echo", json!({ "text": "1", "flag": true })).await.unwrap();
        let bytes = response.bytes.unwrap();
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(contains(b"\xa4text\xa11") && contains(b"\xa4flag\xc3"), "{bytes:x?}");
    }
}

#[tokio::test]
async fn c48_state_with_wrong_attributes_is_never_sent() {
    assert_never_sent(&["dds_other_attributes", "dds_extra_attribute", "dds_null"]).await;
}

#[tokio::test]
async fn c49_unknown_values_and_invalid_numbers_are_never_sent() {
    assert_never_sent(&["dds_unknown", "dds_unknown_text", "dds_unknown_inside"]).await;
    assert_never_sent(&["dds_nan", "dds_infinity", "dds_nan_text"]).await;
}

#[tokio::test]
async fn no_invalid_state_of_the_fake_provider_is_sent() {
    let names: Vec<_> = DATA_SOURCES[INVALID_STATES].iter().map(|source| source.name()).collect();
    assert_never_sent(&names).await;
}

#[test]
fn c53_dynamic_value_is_encoded_with_its_type() {
    let ty = Type::Object(BTreeMap::from([("a".to_owned(), Type::Tuple(vec![Type::Number, Type::String]))]));
    let value = Value::object([("a", Value::List(vec![Value::Number(Number::Signed(2)), "x".into()]))]);
    let bytes = msgpack::encode(&Value::Dynamic(Box::new((ty, value))), &Type::Dynamic).unwrap();
    let json = br#"["object",{"a":["tuple",["number","string"]]}]"#;
    let length = u8::try_from(json.len()).unwrap();
    // An array with the type (as bin) and the value.
    let expected = [&[0x92, 0xc4, length], &json[..], b"\x81\xa1a\x92\x02\xa1x"].concat();
    assert_eq!(bytes, expected);
    assert_eq!(msgpack::encode(&Value::Null, &Type::Dynamic).unwrap(), [0xc0]);
}

/// All MessagePack encodings of a small number.
fn number_encodings(number: u8) -> Vec<Vec<u8>> {
    let tagged = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat();
    let digits = number.to_string();
    let length = u8::try_from(digits.len()).unwrap();
    vec![
        vec![number],
        tagged(0xcc, &[number]),
        tagged(0xcd, &u16::from(number).to_be_bytes()),
        tagged(0xce, &u32::from(number).to_be_bytes()),
        tagged(0xcf, &u64::from(number).to_be_bytes()),
        tagged(0xd0, &[number]),
        tagged(0xd1, &i16::from(number).to_be_bytes()),
        tagged(0xd2, &i32::from(number).to_be_bytes()),
        tagged(0xd3, &i64::from(number).to_be_bytes()),
        tagged(0xca, &f32::from(number).to_be_bytes()),
        tagged(0xcb, &f64::from(number).to_be_bytes()),
        tagged(0xa0 | length, digits.as_bytes()),
        [&[0xd9, length], digits.as_bytes()].concat(),
        [&[0xda, 0, length], digits.as_bytes()].concat(),
    ]
}

/// A number as a MessagePack string.
fn number_string(digits: &str) -> Vec<u8> {
    [&[0xd9, u8::try_from(digits.len()).unwrap()], digits.as_bytes()].concat()
}

#[tokio::test]
async fn c45_number_is_decoded_from_every_encoding() {
    for (_process, connection) in connect_both().await {
        let config = json!({ "region": "cn-north-4", "token": "t", "max_retries": PLACEHOLDER });
        let config = connection.encode_provider_config(config).await.unwrap();
        let configure = async |bytes: &[u8]| {
            let diagnostics =
                connection.configure_encoded(Some(replace_placeholder(config.clone(), bytes))).await.unwrap();
            diagnostics
                .iter()
                .map(|diagnostic| (diagnostic.summary.clone(), path(diagnostic)))
                .collect::<Vec<_>>()
        };
        // 100 is the maximum of this setting. So 100 is accepted and 101 is rejected only if both are decoded correctly.
        for bytes in number_encodings(100) {
            assert_eq!(configure(&bytes).await, [], "{bytes:x?}");
        }
        let rejected = [("Invalid Provider Setting".to_owned(), "max_retries".to_owned())];
        let long = format!("1{}", "0".repeat(100));
        let negative: [&[u8]; 3] = [&[0xff], &[0xd0, 0x80], &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]];
        let largest = [&[0xcf][..], &[0xff; 8]].concat();
        let fraction = [&[0xcb][..], &1.5f64.to_be_bytes()].concat();
        let others =
            [largest, fraction, number_string("0.1"), number_string("-0.00000015"), number_string(&long)];
        for bytes in number_encodings(101).into_iter().chain(negative.map(<[u8]>::to_vec)).chain(others) {
            assert_eq!(configure(&bytes).await, rejected, "{bytes:x?}");
        }
        for bytes in [
            number_string("abc"),
            number_string("NaN"),
            vec![0xc3],
            [&[0xcb][..], &f64::NAN.to_be_bytes()].concat(),
        ] {
            let diagnostics = connection
                .configure_encoded(Some(replace_placeholder(config.clone(), &bytes)))
                .await
                .unwrap();
            assert_eq!(summaries(&diagnostics), ["Unreadable Configuration"], "{bytes:x?}");
        }
    }
}

#[tokio::test]
async fn c46_number_survives_a_round_trip() {
    let digits = format!("1{}", "0".repeat(100));
    for connection in fake::connect_both().await {
        let config = json!({ "number": PLACEHOLDER, "texts": { "a": "b" } });
        let config = connection.encode_config("dds_echo", config).await.unwrap();
        // The encodings that Core uses for 0.1, 2^53 + 1, -(2^53 + 1), 2^64 - 1, 1e100 and 3.25.
        for bytes in [
            b"\xa30.1".to_vec(),
            vec![0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1],
            vec![0xd3, 0xff, 0xdf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            b"\xb418446744073709551615".to_vec(),
            number_string(&digits),
            [&[0xcb][..], &3.25f64.to_be_bytes()].concat(),
        ] {
            let config = replace_placeholder(config.clone(), &bytes);
            let response = connection.read_encoded("dds_echo", Some(config)).await.unwrap();
            let number = response.state.unwrap()["number"].clone();
            // 2^64 - 1 may be returned as an integer. Other numbers must have the same bytes.
            let same = match bytes[0] {
                0xb4 => number == json!(u64::MAX),
                _ => response.bytes.unwrap().windows(bytes.len()).any(|window| window == bytes),
            };
            assert!(same, "{bytes:x?} became {number}");
        }
    }
}

/// All encodings of an unknown value: the plain one, refinements of newer Cores, and unknown extension types.
fn unknown_encodings() -> Vec<Vec<u8>> {
    let refined = |payload: &[u8]| [&[0xc7, u8::try_from(payload.len()).unwrap(), 12], payload].concat();
    let with = |head: &[u8], length: usize| [head, &vec![0; length]].concat();
    vec![
        vec![0xd4, 0, 0],
        // Refinements: not null, the prefix "pre-", a range of numbers, and a range of lengths.
        refined(&[0x81, 1, 0xc2]),
        refined(b"\x82\x01\xc2\x02\xa4pre-"),
        refined(&[0x82, 3, 0x92, 1, 0xc3, 4, 0x92, 9, 0xc2]),
        refined(&[0x82, 5, 1, 6, 9]),
        refined(&[]),
        // Other extension types, in all eight encodings.
        with(&[0xd4, 99], 1),
        with(&[0xd5, 99], 2),
        with(&[0xd6, 99], 4),
        with(&[0xd7, 99], 8),
        with(&[0xd8, 99], 16),
        with(&[0xc7, 0, 99], 0),
        with(&[0xc7, 5, 0], 5),
        with(&[0xc8, 1, 0, 99], 256),
        with(&[0xc9, 0, 0, 1, 0, 12], 256),
    ]
}

#[tokio::test]
async fn c54_every_encoding_of_an_unknown_value_is_recognised() {
    for (_process, connection) in connect_both().await {
        for config in [
            // With null this would be an error.
            json!({ "instance_id": PLACEHOLDER }),
            json!({ "instance_id": "i", "region": PLACEHOLDER }),
            json!({ "instance_id": "i", "timeouts": PLACEHOLDER }),
            json!({ "instance_id": "i", "timeouts": { "read": PLACEHOLDER } }),
        ] {
            let config = connection.encode_config(TYPE_NAME, config).await.unwrap();
            for bytes in unknown_encodings() {
                let config = Some(replace_placeholder(config.clone(), &bytes));
                assert_eq!(connection.validate_encoded(TYPE_NAME, config).await.unwrap(), [], "{bytes:x?}");
            }
        }
        let settings = json!({ "region": "cn-north-4", "max_retries": PLACEHOLDER });
        let config = connection.encode_provider_config(settings).await.unwrap();
        for bytes in unknown_encodings() {
            let config = Some(replace_placeholder(config.clone(), &bytes));
            assert_eq!(connection.validate_provider_encoded(config).await.unwrap(), [], "{bytes:x?}");
        }
    }
}

#[tokio::test]
async fn c55_validation_ignores_unknown_values() {
    for (_process, connection) in connect_both().await {
        for unknown in [json!({ "$unknown": "plain" }), json!({ "$unknown": "refined" })] {
            for (config, expected) in [
                (json!({ "instance_id": unknown, "region": unknown, "timeouts": unknown }), vec![]),
                (json!({ "instance_id": unknown, "region": "" }), vec!["region"]),
                (json!({ "instance_id": "../x", "region": unknown }), vec!["instance_id"]),
                (json!({ "instance_id": "../x", "timeouts": { "read": unknown } }), vec!["instance_id"]),
            ] {
                let diagnostics = connection.validate(TYPE_NAME, config).await.unwrap();
                assert_eq!(diagnostics.iter().map(path).collect::<Vec<_>>(), expected, "{diagnostics:?}");
            }
            let schema = connection.schema().await.unwrap().provider.unwrap();
            for name in null_object(&schema).keys().filter(|name| *name != "max_retries") {
                let mut config = json!({ "max_retries": -1 });
                config[name] = unknown.clone();
                let diagnostics = connection.validate_provider(config).await.unwrap();
                assert_eq!(
                    diagnostics.iter().map(path).collect::<Vec<_>>(),
                    ["max_retries"],
                    "{name}: {diagnostics:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn read_with_unknown_settings_names_each_setting() {
    let (_process, connection) = start_and_connect("6").await;
    let unknown = json!({ "$unknown": "plain" });
    let config = json!({
        "region": unknown, "access_key": unknown, "secret_key": "s", "endpoints": { "dds": unknown },
        "insecure": unknown, "max_retries": unknown, "project_id": unknown,
    });
    assert_eq!(connection.configure(config).await.unwrap(), []);
    let diagnostics = connection.read(TYPE_NAME, json!({ "instance_id": "i" })).await.unwrap().diagnostics;
    assert!(
        summaries(&diagnostics).iter().all(|summary| *summary == "Provider Setting Not Known Yet"),
        "{diagnostics:?}"
    );
    let mut paths: Vec<_> = diagnostics.iter().map(path).collect();
    paths.sort();
    assert_eq!(paths, ["access_key", "endpoints.dds", "insecure", "max_retries", "project_id", "region"]);
}
