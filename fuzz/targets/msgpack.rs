//! Fuzzes values in MessagePack and JSON. A decoded value can be encoded, and is then decoded to an equal value.
//! Encoding it again returns the same bytes.
//!
//! The first byte selects the type. The rest is the value.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use terraform_provider_dds::tfplugin::value::{Type, Value, json, msgpack};

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let types = [
        r#""dynamic""#,
        r#""string""#,
        r#""number""#,
        r#""bool""#,
        r#"["list","number"]"#,
        r#"["set","string"]"#,
        r#"["map","dynamic"]"#,
        r#"["tuple",["bool","string",["list","dynamic"]]]"#,
        r#"["object",{"a":"string","b":["list",["object",{"c":"number"}]],"d":"dynamic"}]"#,
    ];
    types.map(|json| Type::from_json(json.as_bytes()).expect("a valid type")).to_vec()
});

fuzz_target!(|data: &[u8]| {
    let Some((selector, bytes)) = data.split_first() else { return };
    let ty = &TYPES[usize::from(*selector) % TYPES.len()];
    for value in [msgpack::decode(bytes, ty), json::decode(bytes, ty)].into_iter().flatten() {
        let written = write(&value, ty);
        let again = msgpack::decode(&written, ty).expect("an encoded value is decoded");
        assert!(again == value, "{value:?} was decoded as {again:?}");
        assert_eq!(write(&again, ty), written);
        for end in 0..written.len() {
            assert!(
                msgpack::decode(&written[..end], ty).is_err(),
                "{end} of {} bytes were accepted",
                written.len()
            );
        }
    }
});

fn write(value: &Value, ty: &Type) -> Vec<u8> {
    msgpack::encode(value, ty).expect("a decoded value is encoded")
}
