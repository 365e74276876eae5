//! What leaves the process: states that fit their schemas, or errors.

use std::collections::BTreeMap;

use serde_json::json;
use terraform_provider_dds::tfplugin::value::{Number, Type, Value, msgpack};

use super::fake::{FAKES, WRONG};
use super::*;
use crate::protocol::summaries;

/// The states that must not be sent are faults of ours, and told as such.
async fn never_sent(names: &[&str]) {
    for protocol in PROTOCOLS {
        let connection = fake::configured(protocol).await;
        for name in names {
            let reading = connection.read(name, json!({})).await.unwrap();
            assert_eq!(summaries(&reading.diagnostics), ["Provider Bug"], "{name}");
            assert_eq!(reading.bytes, None, "{name}");
        }
        assert!(connection.read("dds_echo", json!({})).await.unwrap().state.is_some());
    }
}

#[tokio::test]
async fn c47_a_text_is_never_a_number_nor_a_truth_a_text() {
    never_sent(&[
        "dds_number_as_text",
        "dds_bool_as_text",
        "dds_text_as_bool",
        "dds_number_as_bool",
        "dds_text_as_number",
    ])
    .await;
    for protocol in PROTOCOLS {
        let connection = fake::configured(protocol).await;
        let reading = connection.read("dds_echo", json!({ "text": "1", "flag": true })).await.unwrap();
        let bytes = reading.bytes.unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(has(b"\xa4text\xa11") && has(b"\xa4flag\xc3"), "{bytes:x?}");
    }
}

#[tokio::test]
async fn c48_a_state_with_other_attributes_than_its_schema_never_reaches_core() {
    never_sent(&["dds_other_attributes", "dds_one_attribute_more", "dds_null"]).await;
}

#[tokio::test]
async fn c49_nothing_unknown_and_no_number_that_is_none_ever_reaches_core() {
    never_sent(&["dds_unknown", "dds_unknown_text", "dds_unknown_inside"]).await;
    never_sent(&["dds_nan", "dds_infinity", "dds_nan_text"]).await;
}

#[tokio::test]
async fn every_wrong_state_is_one_of_those_above() {
    let names: Vec<_> = FAKES[WRONG].iter().map(|source| source.name()).collect();
    never_sent(&names).await;
}

#[test]
fn c53_a_value_of_any_type_is_its_type_and_itself() {
    let of = Type::Object(BTreeMap::from([("a".to_owned(), Type::Tuple(vec![Type::Number, Type::String]))]));
    let value = Value::object([("a", Value::List(vec![Value::Number(Number::Signed(2)), "x".into()]))]);
    let bytes = msgpack::encode(&Value::Dynamic(Box::new((of, value))), &Type::Dynamic).unwrap();
    let json = br#"["object",{"a":["tuple",["number","string"]]}]"#;
    let length = u8::try_from(json.len()).unwrap();
    // An array of two: the type as a bin, then the value.
    let expected = [&[0x92, 0xc4, length], &json[..], b"\x81\xa1a\x92\x02\xa1x"].concat();
    assert_eq!(bytes, expected);
    assert_eq!(msgpack::encode(&Value::Null, &Type::Dynamic).unwrap(), [0xc0]);
}
