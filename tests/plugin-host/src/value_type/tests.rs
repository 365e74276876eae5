use serde_json::json;

use super::super::encoding::encode;
use super::*;
use crate::protocol::tfplugin::DynamicValue;

fn parse(constraint: Value) -> ValueType {
    ValueType::parse(constraint.to_string().as_bytes()).unwrap()
}

fn attribute(name: &str, constraint: &str) -> Attribute {
    Attribute { name: name.to_owned(), r#type: constraint.into(), ..Default::default() }
}

fn nested(name: &str, nesting: NestingMode, attributes: Vec<Attribute>) -> NestedBlock {
    let block = Some(Block { attributes, ..Default::default() });
    NestedBlock { type_name: name.to_owned(), nesting: nesting.into(), block, ..Default::default() }
}

fn type_with_everything() -> ValueType {
    let string = || vec![attribute("a", "\"string\"")];
    let secret = Attribute { sensitive: true, ..attribute("secret", "\"string\"") };
    let object = object::NestingMode::Map.into();
    let members = Some(super::super::protocol::tfplugin6::schema::Object {
        attributes: vec![secret.clone(), attribute("open", "\"bool\"")],
        nesting: object,
    });
    ValueType::from_block(&Block {
        attributes: vec![
            attribute("number", "\"number\""),
            attribute("any", "\"dynamic\""),
            attribute("pair", r#"["tuple",["string","number"]]"#),
            Attribute { nested_type: members, ..attribute("nested", "") },
            secret,
        ],
        block_types: vec![
            nested("single", NestingMode::Single, string()),
            nested("list", NestingMode::List, string()),
            nested("set", NestingMode::Set, string()),
            nested("map", NestingMode::Map, string()),
            nested("group", NestingMode::Group, string()),
            nested(
                "loose",
                NestingMode::List,
                vec![attribute("x", "\"dynamic\""), attribute("y", "\"bool\"")],
            ),
        ],
        ..Default::default()
    })
    .unwrap()
}

#[test]
fn types_are_written_as_in_the_configuration_language() {
    let object = json!(["object", { "a": ["set", "number"], "b": "bool" }, ["b"]]);
    let value_type = parse(json!(["map", ["tuple", [["list", "string"], object, "dynamic"]]]));
    let text = "map(tuple([list(string), object({a = set(number), b = bool}), dynamic]))";
    assert_eq!(value_type.to_string(), text);
    for bad in ["", "string", "\"text\"", "[\"list\"]", "[\"object\",[]]", "[1,2]"] {
        assert!(ValueType::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn missing_values_are_encoded_as_terraform_does() {
    let sent = type_with_everything().encode_config(&json!({ "list": [{}], "nested": { "k": {} } })).unwrap();
    // Blocks that can have different types are sent with the type of an empty tuple.
    let none = [&[0xa5][..], b"loose", &[0x92, 0xc4, 12], br#"["tuple",[]]"#, &[0x90]].concat();
    assert!(sent.msgpack.windows(none.len()).any(|bytes| bytes == none));
    assert_eq!(
        type_with_everything().decode(&sent.msgpack).unwrap(),
        json!({
            "number": null, "any": null, "pair": null, "secret": null,
            "nested": { "k": { "secret": null, "open": null } },
            "single": null, "list": [{ "a": null }], "set": [], "map": {}, "group": { "a": null }, "loose": [],
        })
    );
}

#[test]
fn values_survive_a_round_trip() {
    let config: Value = serde_json::from_str(
        r#"{
            "number": 0.1, "any": { "x": [1, "two", null] }, "pair": ["a", 12345678901234567890],
            "nested": { "k": { "secret": "s", "open": true } }, "secret": null,
            "single": { "a": "b" }, "list": [{ "a": "b" }], "set": [{ "a": "b" }], "map": { "m": { "a": "b" } },
            "group": { "a": "b" }, "loose": [{ "x": 1, "y": true }, { "x": "one", "y": null }]
        }"#,
    )
    .unwrap();
    let sent = type_with_everything().encode_config(&config).unwrap();
    assert_eq!(type_with_everything().decode(&sent.msgpack).unwrap(), config);
    // A fraction is sent as a string, and a dynamic value is sent after its type.
    assert!(sent.msgpack.windows(4).any(|bytes| bytes == b"\xa30.1"));
    let dynamic = ValueType::Dynamic.encode_config(&json!("v")).unwrap().msgpack;
    assert_eq!(dynamic, [&[0x92, 0xc4, 8][..], b"\"string\"", b"\xa1v"].concat());
}

#[test]
fn invalid_configuration_error_has_the_path_but_no_value() {
    for (config, reason) in [
        (json!({ "other": 1 }), "the configuration has no argument \"other\""),
        (json!({ "secret": 77 }), "the configuration.secret must be string, not a number"),
        (json!({ "list": [{ "a": ["77"] }] }), "the configuration.list[0].a must be string, not an array"),
        (json!({ "pair": ["a"] }), "the configuration.pair must be tuple([string, number]), not an array"),
        (json!([]), "the configuration must be object("),
    ] {
        let error = type_with_everything().encode_config(&config).unwrap_err();
        assert!(error.starts_with(reason) && !error.contains("77"), "{error}");
    }
}

#[test]
fn sensitive_values_are_redacted_in_every_encoding() {
    let config =
        json!({ "secret": "s", "number": 1, "nested": { "k": { "secret": "s", "open": true }, "l": {} } });
    let sent = type_with_everything().encode_config(&config).unwrap();
    let json = type_with_everything().decode(&sent.msgpack).unwrap().to_string().into_bytes();
    for value in [sent, DynamicValue { json, ..Default::default() }] {
        let shown = type_with_everything().to_redacted_json(&value).unwrap();
        let nested = json!({
            "k": { "secret": "(sensitive)", "open": true }, "l": { "secret": null, "open": null },
        });
        assert_eq!((&shown["secret"], &shown["number"]), (&json!("(sensitive)"), &json!(1)));
        assert_eq!(shown["nested"], nested);
    }
    assert_eq!(type_with_everything().to_redacted_json(&DynamicValue::default()).unwrap(), Value::Null);
    let secret = Attribute { sensitive: true, ..attribute("s", "\"string\"") };
    let inner = NestedBlock {
        block: Some(Block { attributes: vec![secret, attribute("x", "\"dynamic\"")], ..Default::default() }),
        ..nested("loose", NestingMode::List, vec![])
    };
    let dynamic_blocks =
        ValueType::from_block(&Block { block_types: vec![inner], ..Default::default() }).unwrap();
    let sent = dynamic_blocks.encode_config(&json!({ "loose": [{ "s": "hidden", "x": 1 }] })).unwrap();
    assert_eq!(
        dynamic_blocks.to_redacted_json(&sent).unwrap(),
        json!({ "loose": [{ "s": "(sensitive)", "x": 1 }] })
    );
}

#[test]
fn every_encoding_of_a_state_is_decoded() {
    let number = |bytes: &[u8]| ValueType::Number.decode(bytes).unwrap().to_string();
    assert_eq!(number(b"\xa41e-7"), "1e-7");
    assert_eq!(number(&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]), "18446744073709551615");
    assert_eq!(number(&[0xca, 0x3f, 0, 0, 0]), "0.5");
    assert_eq!(ValueType::String.decode(b"\xc4\x01x").unwrap(), "x");
    for unknown in [&[0xd4, 0, 0][..], &[0xc7, 3, 12, 0x81, 1, 0xc2], &[0xd8; 18]] {
        assert_eq!(type_with_everything().decode(unknown).unwrap(), "(unknown)");
    }
}

#[test]
fn invalid_bytes_do_not_panic() {
    let value_type = type_with_everything();
    let good = value_type.encode_config(&json!({ "any": [1], "list": [{ "a": "b" }] })).unwrap().msgpack;
    for length in 0..good.len() {
        assert!(value_type.decode(&good[..length]).is_err(), "{length}");
        let mut changed = good.clone();
        for byte in 0..=u8::MAX {
            changed[length] = byte;
            let _ = value_type.decode(&changed);
        }
    }
    for huge in [&[0xdd, 255, 255, 255, 255][..], &[0xdb, 255, 255, 255, 255], &[0xdf, 255, 255, 255, 255]] {
        for value_type in
            [&value_type, &ValueType::String, &parse(json!(["list", "bool"])), &parse(json!(["map", "bool"]))]
        {
            assert!(value_type.decode(huge).is_err());
        }
    }
    assert!(value_type.decode(&encode(&json!({ "other": 1 }))).unwrap_err().contains("other"));
    assert!(ValueType::Bool.decode(&[0xc2, 0xc2]).is_err());
}
