//! Fuzzes values in MessagePack and JSON. A decoded value can be encoded, and is then decoded to an equal value.
//! Encoding it again returns the same bytes.
//!
//! The first byte selects the type. The rest is the value.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use terraform_provider_dds::tfplugin::value::{Type, Value, json, msgpack};

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let texts = [
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
    texts.map(|text| Type::from_json(text.as_bytes()).expect("a type")).to_vec()
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let of = &TYPES[usize::from(*choice) % TYPES.len()];
    for value in [msgpack::decode(bytes, of), json::decode(bytes, of)].into_iter().flatten() {
        let written = write(&value, of);
        let again = msgpack::decode(&written, of).expect("what we wrote is read");
        assert!(again == value, "{value:?} came back as {again:?}");
        assert_eq!(write(&again, of), written);
        for end in 0..written.len() {
            assert!(
                msgpack::decode(&written[..end], of).is_err(),
                "{end} of {} bytes are enough",
                written.len()
            );
        }
    }
});

fn write(value: &Value, of: &Type) -> Vec<u8> {
    msgpack::encode(value, of).expect("what was read is written")
}
