//! JSON to and from the MessagePack that core and providers exchange, by `rmp` alone: a second opinion on the
//! provider's own codec.

use std::io::Cursor;

use rmp::Marker;
use rmp::decode;
use rmp::encode::{write_array_len, write_bool, write_f64, write_map_len, write_nil, write_sint, write_str};
use serde_json::{Map, Value};

/// What stands for an unknown value in JSON: `{"$unknown": "plain"}` or `{"$unknown": "refined"}`.
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
        Value::Number(number) => match number.as_i64() {
            Some(number) => drop(write_sint(to, number).expect("memory")),
            None => write_f64(to, number.as_f64().expect("a number")).expect("memory"),
        },
        Value::Array(items) => {
            write_array_len(to, length(items.len())).expect("memory");
            items.iter().for_each(|item| write(to, item));
        }
        Value::Object(members) => match members.get(UNKNOWN).and_then(Value::as_str) {
            Some("plain") => to.extend([0xd4, 0x00, 0x00]),
            // Known not to be null.
            Some(_) => to.extend([0xc7, 0x03, 0x0c, 0x81, 0x01, 0xc2]),
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
        assert_eq!(encode(&json!([{ "$unknown": "plain" }, { "$unknown": "refined" }])).len(), 1 + 3 + 6);
    }
}
