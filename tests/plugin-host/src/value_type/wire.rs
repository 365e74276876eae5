//! Decodes states to JSON, and encodes configurations from JSON as Terraform does.
//!
//! The decoder never panics, because the bytes come from any provider.

use rmp::encode::{
    write_array_len, write_bin, write_bool, write_map_len, write_nil, write_sint, write_str, write_uint,
};
use rmp::{Marker, decode};
use serde_json::{Map, Number, Value, json};

use super::ValueType;
use crate::protocol::tfplugin::DynamicValue;

impl ValueType {
    /// Decodes a value from MessagePack or JSON, and replaces sensitive values by `(sensitive)`.
    pub fn to_redacted_json(&self, value: &DynamicValue) -> Result<Value, String> {
        let DynamicValue { msgpack, json } = value;
        let value = match (msgpack.is_empty(), json.is_empty()) {
            (true, true) => Ok(Value::Null),
            (true, false) => serde_json::from_slice(json).map_err(|error| error.to_string()),
            (false, _) => self.decode(msgpack),
        };
        value.map(|value| self.redact(value))
    }

    pub(super) fn decode(&self, msgpack: &[u8]) -> Result<Value, String> {
        let mut from = msgpack;
        let value = self.read(&mut from)?;
        if from.is_empty() { Ok(value) } else { Err(format!("{} bytes follow the value", from.len())) }
    }

    fn read(&self, from: &mut &[u8]) -> Result<Value, String> {
        let marker = Marker::from_u8(*from.first().ok_or("the bytes end within a value")?);
        let invalid = || format!("found {marker:?} instead of {self}");
        if marker == Marker::Null {
            *from = &from[1..];
            return Ok(Value::Null);
        }
        if let Ok(extension) = decode::read_ext_meta(&mut &**from) {
            decode::read_ext_meta(from).map_err(|_| invalid())?;
            take(from, extension.size)?;
            return Ok("(unknown)".into());
        }
        match self {
            Self::String => read_string(from).ok_or_else(invalid).map(Value::String),
            Self::Bool => decode::read_bool(from).map(Value::Bool).map_err(|_| invalid()),
            Self::Number => read_number(from, marker).ok_or_else(invalid),
            Self::List(element) | Self::Set(element) => {
                let count = decode::read_array_len(from).map_err(|_| invalid())?;
                (0..count).map(|_| element.read(from)).collect()
            }
            Self::Tuple(types) => {
                let count = decode::read_array_len(from).map_err(|_| invalid())? as usize;
                if count != types.len() {
                    return Err(format!("found {count} values instead of {self}"));
                }
                types.iter().map(|value_type| value_type.read(from)).collect()
            }
            Self::Map(element) => read_attributes(from, self, |_| Some(element)),
            Self::Object(known) => read_attributes(from, self, |name| {
                Some(&known.iter().find(|member| member.name == name)?.value_type)
            }),
            Self::Dynamic | Self::DynamicBlocks(_) => {
                if decode::read_array_len(from).ok() != Some(2) {
                    return Err(invalid());
                }
                Self::parse(read_string(from).ok_or_else(invalid)?.as_bytes())?.read(from)
            }
        }
    }
}

fn read_attributes<'a>(
    from: &mut &[u8],
    whole: &ValueType,
    value_type: impl Fn(&str) -> Option<&'a ValueType>,
) -> Result<Value, String> {
    let invalid = || format!("the value is not {whole}");
    let count = decode::read_map_len(from).map_err(|_| invalid())?;
    let mut members = Map::new();
    for _ in 0..count {
        let name = read_string(from).ok_or_else(invalid)?;
        let value_type = value_type(&name).ok_or_else(|| format!("{name:?} is not in the schema"))?;
        let value = value_type.read(from).map_err(|reason| format!("{name}: {reason}"))?;
        members.insert(name, value);
    }
    Ok(Value::Object(members))
}

/// Reads a string, which can also be encoded as bytes.
fn read_string(from: &mut &[u8]) -> Option<String> {
    let length = match decode::read_str_len(&mut &**from) {
        Ok(_) => decode::read_str_len(from).ok()?,
        Err(_) => decode::read_bin_len(from).ok()?,
    };
    Some(String::from_utf8_lossy(take(from, length).ok()?).into_owned())
}

/// Reads a number, which can also be encoded as a decimal string.
fn read_number(from: &mut &[u8], marker: Marker) -> Option<Value> {
    match marker {
        Marker::F32 => Some(f64::from(decode::read_f32(from).ok()?).into()),
        Marker::F64 => Some(decode::read_f64(from).ok()?.into()),
        Marker::U64 => Some(decode::read_u64(from).ok()?.into()),
        _ => match decode::read_int::<i64, _>(&mut &**from) {
            Ok(_) => Some(decode::read_int::<i64, _>(from).ok()?.into()),
            Err(_) => Some(Value::Number(read_string(from)?.parse::<Number>().ok()?)),
        },
    }
}

fn take<'a>(from: &mut &'a [u8], length: u32) -> Result<&'a [u8], String> {
    let (bytes, rest) = from.split_at_checked(length as usize).ok_or("the bytes end within a value")?;
    *from = rest;
    Ok(bytes)
}

impl ValueType {
    /// Encodes a configuration. Missing attributes are null, and missing blocks are empty. An error has the path and never
    /// the value, which may be a secret.
    pub fn encode_config(&self, config: &Value) -> Result<DynamicValue, String> {
        let mut msgpack = Vec::new();
        write(&mut msgpack, self, &self.with_missing_values(config, "the configuration")?);
        Ok(DynamicValue { msgpack, json: Vec::new() })
    }

    fn with_missing_values(&self, config: &Value, path: &str) -> Result<Value, String> {
        match (self, config) {
            (Self::Dynamic, _)
            | (_, Value::Null)
            | (Self::String, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Bool, Value::Bool(_)) => Ok(config.clone()),
            (Self::DynamicBlocks(element), _) => element.with_missing_values(config, path),
            (Self::List(element) | Self::Set(element), Value::Array(items)) => {
                let items = items.iter().enumerate();
                items
                    .map(|(index, item)| element.with_missing_values(item, &format!("{path}[{index}]")))
                    .collect()
            }
            (Self::Tuple(types), Value::Array(items)) if types.len() == items.len() => {
                let items = types.iter().zip(items).enumerate();
                items
                    .map(|(index, (value_type, item))| {
                        value_type.with_missing_values(item, &format!("{path}[{index}]"))
                    })
                    .collect()
            }
            (Self::Map(element), Value::Object(items)) => {
                let item = |(key, item): (&String, &Value)| {
                    Ok((key.clone(), element.with_missing_values(item, &format!("{path}.{key}"))?))
                };
                items.iter().map(item).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            (Self::Object(members), Value::Object(items)) => {
                if let Some(name) =
                    items.keys().find(|name| members.iter().all(|attribute| attribute.name != **name))
                {
                    return Err(format!("{path} has no argument {name:?}"));
                }
                let member = |member: &super::ObjectAttribute| {
                    let value = match items.get(&member.name) {
                        None | Some(Value::Null) => member.default.clone(),
                        Some(value) => member
                            .value_type
                            .with_missing_values(value, &format!("{path}.{}", member.name))?,
                    };
                    Ok((member.name.clone(), value))
                };
                members.iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            _ => Err(format!("{path} must be {self}, not {}", type_of(config))),
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array of this length",
        Value::Object(_) => "an object",
    }
}

/// Encodes a value of this type.
fn write(to: &mut Vec<u8>, value_type: &ValueType, value: &Value) {
    let length = |length: usize| u32::try_from(length).expect("length fits into 32 bits");
    match (value_type, value) {
        (_, Value::Null) => write_nil(to).expect("write to memory"),
        (ValueType::Dynamic | ValueType::DynamicBlocks(_), value) => {
            let constraint = constraint(value);
            write_array_len(to, 2).expect("write to memory");
            write_bin(to, constraint.to_string().as_bytes()).expect("write to memory");
            let value_type = ValueType::from_constraint(&constraint).expect("valid type");
            write(to, &value_type, value);
        }
        (_, Value::Bool(value)) => write_bool(to, *value).expect("write to memory"),
        (_, Value::String(text)) => write_str(to, text).expect("write to memory"),
        (_, Value::Number(number)) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => drop(write_sint(to, number).expect("write to memory")),
            (None, Some(number)) => drop(write_uint(to, number).expect("write to memory")),
            // A decimal string keeps all digits.
            (None, None) => write_str(to, &number.to_string()).expect("write to memory"),
        },
        (_, Value::Array(items)) => {
            write_array_len(to, length(items.len())).expect("write to memory");
            for (index, item) in items.iter().enumerate() {
                write(to, value_type.item(index), item);
            }
        }
        (_, Value::Object(members)) => {
            write_map_len(to, length(members.len())).expect("write to memory");
            for (name, member) in members {
                write_str(to, name).expect("write to memory");
                write(to, value_type.member(name), member);
            }
        }
    }
}

impl ValueType {
    fn item(&self, index: usize) -> &Self {
        match self {
            Self::List(element) | Self::Set(element) => element,
            Self::Tuple(types) => &types[index],
            _ => unreachable!("the value has been checked"),
        }
    }

    fn member(&self, name: &str) -> &Self {
        match self {
            Self::Map(element) => element,
            Self::Object(members) => {
                let member = members.iter().find(|member| member.name == name);
                &member.expect("the value has been checked").value_type
            }
            _ => unreachable!("the value has been checked"),
        }
    }
}

/// The type constraint of a dynamic value.
fn constraint(value: &Value) -> Value {
    match value {
        Value::Null => json!("dynamic"),
        Value::Bool(_) => json!("bool"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => json!(["tuple", items.iter().map(constraint).collect::<Vec<_>>()]),
        Value::Object(members) => {
            let members: Map<_, _> =
                members.iter().map(|(name, member)| (name.clone(), constraint(member))).collect();
            json!(["object", members])
        }
    }
}
