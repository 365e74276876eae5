//! JSON to and from the MessagePack that core and providers exchange, by `rmp` alone: a second opinion on the
//! provider's own codec.

use std::io::Cursor;

use rmp::Marker;
use rmp::decode;
use rmp::encode::{
    write_array_len, write_bool, write_f64, write_map_len, write_nil, write_sint, write_str, write_uint,
};
use serde_json::{Map, Value};

/// What stands for an unknown value in JSON: `{"$unknown": "plain"}` (or `true`), or `{"$unknown": "refined"}`.
pub(super) const UNKNOWN: &str = "$unknown";

pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, value);
    bytes
}

fn write(to: &mut Vec<u8>, value: &Value) {
    let length = |length: usize| u32::try_from(length).expect("a short value");
    match value {
        Value::Null => write_nil(to).expect("memory"),
        Value::Bool(value) => write_bool(to, *value).expect("memory"),
        Value::String(text) => write_str(to, text).expect("memory"),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => drop(write_sint(to, number).expect("memory")),
            (None, Some(number)) => drop(write_uint(to, number).expect("memory")),
            (None, None) => write_f64(to, number.as_f64().expect("a number")).expect("memory"),
        },
        Value::Array(items) => {
            write_array_len(to, length(items.len())).expect("memory");
            items.iter().for_each(|item| write(to, item));
        }
        Value::Object(members) => match members.get(UNKNOWN) {
            // Known not to be null.
            Some(kind) if kind == "refined" => to.extend([0xc7, 0x03, 0x0c, 0x81, 0x01, 0xc2]),
            Some(kind) if kind == "plain" || kind == true => to.extend([0xd4, 0x00, 0x00]),
            Some(kind) => panic!("no kind of unknown value: {kind}"),
            None => {
                write_map_len(to, length(members.len())).expect("memory");
                for (name, member) in members {
                    write_str(to, name).expect("memory");
                    write(to, member);
                }
            }
        },
    }
}

pub(super) fn decode(bytes: &[u8]) -> Value {
    let mut from = Cursor::new(bytes);
    let value = read(&mut from);
    assert_eq!(from.position(), bytes.len() as u64, "bytes after the value");
    value
}

fn read(from: &mut Cursor<&[u8]>) -> Value {
    let position = usize::try_from(from.position()).expect("memory");
    let marker = Marker::from_u8(from.get_ref()[position]);
    match marker {
        Marker::Null => {
            decode::read_nil(from).expect("nil");
            Value::Null
        }
        Marker::True | Marker::False => Value::Bool(decode::read_bool(from).expect("a bool")),
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => Value::String(text(from)),
        Marker::U64 => decode::read_u64(from).expect("a number").into(),
        Marker::F32 => f64::from(decode::read_f32(from).expect("a float")).into(),
        Marker::F64 => decode::read_f64(from).expect("a float").into(),
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
            let count = decode::read_array_len(from).expect("a count");
            (0..count).map(|_| read(from)).collect()
        }
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
            let count = decode::read_map_len(from).expect("a count");
            let members: Map<String, Value> = (0..count).map(|_| (text(from), read(from))).collect();
            assert_eq!(members.len(), count as usize, "a key comes twice");
            Value::Object(members)
        }
        marker => {
            decode::read_int::<i64, _>(from).unwrap_or_else(|error| panic!("{marker:?}: {error}")).into()
        }
    }
}

fn text(from: &mut Cursor<&[u8]>) -> String {
    let length = decode::read_str_len(from).expect("a string") as usize;
    let start = usize::try_from(from.position()).expect("memory");
    from.set_position((start + length) as u64);
    String::from_utf8(from.get_ref()[start..start + length].to_vec()).expect("UTF-8")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_way_there_and_back() {
        let value = json!({ "a": [null, true, -7, 300, "x", { "b": 2.5 }], "c": {} });
        assert_eq!(decode(&encode(&value)), value);
    }

    #[test]
    fn unknown_values_are_extensions() {
        for plain in [json!({ "$unknown": true }), json!({ "$unknown": "plain" })] {
            assert_eq!(encode(&plain), [0xd4, 0, 0]);
        }
        assert_eq!(encode(&json!({ "$unknown": "refined" })), [0xc7, 3, 12, 0x81, 1, 0xc2]);
    }

    #[test]
    fn integers_have_core_s_smallest_form_up_to_the_largest() {
        for (number, bytes) in [
            (json!(7), vec![7]),
            (json!(-1), vec![0xff]),
            (json!(200), vec![0xcc, 200]),
            (json!(u64::MAX), [&[0xcf][..], &[0xff; 8]].concat()),
        ] {
            assert_eq!(encode(&number), bytes);
            assert_eq!(decode(&bytes), number);
        }
    }
}
