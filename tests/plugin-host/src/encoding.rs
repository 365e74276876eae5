//! Converts JSON to and from the MessagePack of the plugin protocol. Shares no code with the provider, so that it
//! checks the provider's codec.

use std::io::Cursor;

use rmp::Marker;
use rmp::decode;
use rmp::encode::{
    write_array_len, write_bool, write_f64, write_map_len, write_nil, write_sint, write_str, write_uint,
};
use serde_json::{Map, Value};

/// The key of an unknown value in JSON: `{"$unknown": "plain"}` (or `true`), or `{"$unknown": "refined"}`.
pub(super) const UNKNOWN: &str = "$unknown";

pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, value);
    bytes
}

fn write(to: &mut Vec<u8>, value: &Value) {
    let length = |length: usize| u32::try_from(length).expect("length fits into 32 bits");
    match value {
        Value::Null => write_nil(to).expect("write to memory"),
        Value::Bool(value) => write_bool(to, *value).expect("write to memory"),
        Value::String(string) => write_str(to, string).expect("write to memory"),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => drop(write_sint(to, number).expect("write to memory")),
            (None, Some(number)) => drop(write_uint(to, number).expect("write to memory")),
            (None, None) => write_f64(to, number.as_f64().expect("a number")).expect("write to memory"),
        },
        Value::Array(items) => {
            write_array_len(to, length(items.len())).expect("write to memory");
            items.iter().for_each(|item| write(to, item));
        }
        Value::Object(members) => match members.get(UNKNOWN) {
            // With the refinement "not null".
            Some(kind) if kind == "refined" => to.extend([0xc7, 0x03, 0x0c, 0x81, 0x01, 0xc2]),
            Some(kind) if kind == "plain" || kind == true => to.extend([0xd4, 0x00, 0x00]),
            Some(kind) => panic!("invalid kind of unknown value: {kind}"),
            None => {
                write_map_len(to, length(members.len())).expect("write to memory");
                for (name, member) in members {
                    write_str(to, name).expect("write to memory");
                    write(to, member);
                }
            }
        },
    }
}

pub(super) fn decode(bytes: &[u8]) -> Value {
    let mut from = Cursor::new(bytes);
    let value = read(&mut from);
    assert_eq!(from.position(), bytes.len() as u64, "there are bytes after the value");
    value
}

fn read(from: &mut Cursor<&[u8]>) -> Value {
    let position = usize::try_from(from.position()).expect("position fits into usize");
    let marker = Marker::from_u8(from.get_ref()[position]);
    match marker {
        Marker::Null => {
            decode::read_nil(from).expect("nil");
            Value::Null
        }
        Marker::True | Marker::False => Value::Bool(decode::read_bool(from).expect("a bool")),
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => Value::String(read_string(from)),
        Marker::U64 => decode::read_u64(from).expect("a number").into(),
        Marker::F32 => f64::from(decode::read_f32(from).expect("a float")).into(),
        Marker::F64 => decode::read_f64(from).expect("a float").into(),
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
            let count = decode::read_array_len(from).expect("a count");
            (0..count).map(|_| read(from)).collect()
        }
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
            let count = decode::read_map_len(from).expect("a count");
            let members: Map<String, Value> = (0..count).map(|_| (read_string(from), read(from))).collect();
            assert_eq!(members.len(), count as usize, "there is a duplicate key");
            Value::Object(members)
        }
        marker => {
            decode::read_int::<i64, _>(from).unwrap_or_else(|error| panic!("{marker:?}: {error}")).into()
        }
    }
}

fn read_string(from: &mut Cursor<&[u8]>) -> String {
    let length = decode::read_str_len(from).expect("a string") as usize;
    let start = usize::try_from(from.position()).expect("position fits into usize");
    from.set_position((start + length) as u64);
    String::from_utf8(from.get_ref()[start..start + length].to_vec()).expect("UTF-8")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decoding_reverses_encoding() {
        let value = json!({ "a": [null, true, -7, 300, "x", { "b": 2.5 }], "c": {} });
        assert_eq!(decode(&encode(&value)), value);
    }

    #[test]
    fn unknown_values_are_extension_types() {
        for plain in [json!({ "$unknown": true }), json!({ "$unknown": "plain" })] {
            assert_eq!(encode(&plain), [0xd4, 0, 0]);
        }
        assert_eq!(encode(&json!({ "$unknown": "refined" })), [0xc7, 3, 12, 0x81, 1, 0xc2]);
    }

    #[test]
    fn integers_have_the_shortest_encoding() {
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
