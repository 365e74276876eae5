//! Values of any provider on the wire: states to JSON, and configurations from JSON to what core sends.
//!
//! No bytes make the decoder panic: what they hold is the provider's choice.

use rmp::encode::{
    write_array_len, write_bin, write_bool, write_map_len, write_nil, write_sint, write_str, write_uint,
};
use rmp::{Marker, decode};
use serde_json::{Map, Number, Value, json};

use super::ValueType;
use crate::protocol::tfplugin::DynamicValue;

impl ValueType {
    /// The value for a person to see, in whichever form it came, with what is sensitive redacted.
    pub fn to_redacted_json(&self, value: &DynamicValue) -> Result<Value, String> {
        let DynamicValue { msgpack, json } = value;
        let value = match (msgpack.is_empty(), json.is_empty()) {
            (true, true) => Ok(Value::Null),
            (true, false) => serde_json::from_slice(json).map_err(|error| error.to_string()),
            (false, _) => self.value(msgpack),
        };
        value.map(|value| self.redacted(value))
    }

    pub(super) fn value(&self, msgpack: &[u8]) -> Result<Value, String> {
        let mut from = msgpack;
        let value = self.read(&mut from)?;
        if from.is_empty() { Ok(value) } else { Err(format!("{} bytes follow the value", from.len())) }
    }

    fn read(&self, from: &mut &[u8]) -> Result<Value, String> {
        let marker = Marker::from_u8(*from.first().ok_or("it ends in the midst of a value")?);
        let wrong = || format!("it has {marker:?} in the place of {self}");
        if marker == Marker::Null {
            *from = &from[1..];
            return Ok(Value::Null);
        }
        if let Ok(extension) = decode::read_ext_meta(&mut &**from) {
            decode::read_ext_meta(from).map_err(|_| wrong())?;
            taken(from, extension.size)?;
            return Ok("(unknown)".into());
        }
        match self {
            Self::String => text(from).ok_or_else(wrong).map(Value::String),
            Self::Bool => decode::read_bool(from).map(Value::Bool).map_err(|_| wrong()),
            Self::Number => number(from, marker).ok_or_else(wrong),
            Self::List(of) | Self::Set(of) => {
                let count = decode::read_array_len(from).map_err(|_| wrong())?;
                (0..count).map(|_| of.read(from)).collect()
            }
            Self::Tuple(kinds) => {
                let count = decode::read_array_len(from).map_err(|_| wrong())? as usize;
                if count != kinds.len() {
                    return Err(format!("it has {count} values in the place of {self}"));
                }
                kinds.iter().map(|kind| kind.read(from)).collect()
            }
            Self::Map(of) => members(from, self, |_| Some(of)),
            Self::Object(known) => {
                members(from, self, |name| Some(&known.iter().find(|member| member.name == name)?.value_type))
            }
            Self::Dynamic | Self::DynamicBlocks(_) => {
                if decode::read_array_len(from).ok() != Some(2) {
                    return Err(wrong());
                }
                Self::parse(text(from).ok_or_else(wrong)?.as_bytes())?.read(from)
            }
        }
    }
}

fn members<'a>(
    from: &mut &[u8],
    whole: &ValueType,
    kind: impl Fn(&str) -> Option<&'a ValueType>,
) -> Result<Value, String> {
    let wrong = || format!("it has no members in the place of {whole}");
    let count = decode::read_map_len(from).map_err(|_| wrong())?;
    let mut members = Map::new();
    for _ in 0..count {
        let name = text(from).ok_or_else(wrong)?;
        let kind = kind(&name).ok_or_else(|| format!("it has {name:?}, which its schema has not"))?;
        let value = kind.read(from).map_err(|reason| format!("{name}: {reason}"))?;
        members.insert(name, value);
    }
    Ok(Value::Object(members))
}

/// Text comes as a string or as bytes.
fn text(from: &mut &[u8]) -> Option<String> {
    let length = match decode::read_str_len(&mut &**from) {
        Ok(_) => decode::read_str_len(from).ok()?,
        Err(_) => decode::read_bin_len(from).ok()?,
    };
    Some(String::from_utf8_lossy(taken(from, length).ok()?).into_owned())
}

/// Numbers that are no float come as decimal text.
fn number(from: &mut &[u8], marker: Marker) -> Option<Value> {
    match marker {
        Marker::F32 => Some(f64::from(decode::read_f32(from).ok()?).into()),
        Marker::F64 => Some(decode::read_f64(from).ok()?.into()),
        Marker::U64 => Some(decode::read_u64(from).ok()?.into()),
        _ => match decode::read_int::<i64, _>(&mut &**from) {
            Ok(_) => Some(decode::read_int::<i64, _>(from).ok()?.into()),
            Err(_) => Some(Value::Number(text(from)?.parse::<Number>().ok()?)),
        },
    }
}

fn taken<'a>(from: &mut &'a [u8], length: u32) -> Result<&'a [u8], String> {
    let (taken, rest) = from.split_at_checked(length as usize).ok_or("it ends in the midst of a value")?;
    *from = rest;
    Ok(taken)
}

impl ValueType {
    /// With all that is not given: attributes are null, blocks are absent. Says what is wrong by its path, and never repeats
    /// a value, which may be a secret.
    pub fn encode_config(&self, given: &Value) -> Result<DynamicValue, String> {
        let mut msgpack = Vec::new();
        write(&mut msgpack, self, &self.complete(given, "the configuration")?);
        Ok(DynamicValue { msgpack, json: Vec::new() })
    }

    fn complete(&self, given: &Value, path: &str) -> Result<Value, String> {
        match (self, given) {
            (Self::Dynamic, _)
            | (_, Value::Null)
            | (Self::String, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Bool, Value::Bool(_)) => Ok(given.clone()),
            (Self::DynamicBlocks(of), _) => of.complete(given, path),
            (Self::List(of) | Self::Set(of), Value::Array(items)) => {
                let items = items.iter().enumerate();
                items.map(|(index, item)| of.complete(item, &format!("{path}[{index}]"))).collect()
            }
            (Self::Tuple(kinds), Value::Array(items)) if kinds.len() == items.len() => {
                let items = kinds.iter().zip(items).enumerate();
                items.map(|(index, (kind, item))| kind.complete(item, &format!("{path}[{index}]"))).collect()
            }
            (Self::Map(of), Value::Object(items)) => {
                let item = |(key, item): (&String, &Value)| {
                    Ok((key.clone(), of.complete(item, &format!("{path}.{key}"))?))
                };
                items.iter().map(item).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            (Self::Object(members), Value::Object(items)) => {
                if let Some(name) = items.keys().find(|name| members.iter().all(|it| it.name != **name)) {
                    return Err(format!("{path} has no argument {name:?}"));
                }
                let member = |member: &super::ObjectAttribute| {
                    let value = match items.get(&member.name) {
                        None | Some(Value::Null) => member.absent.clone(),
                        Some(value) => {
                            member.value_type.complete(value, &format!("{path}.{}", member.name))?
                        }
                    };
                    Ok((member.name.clone(), value))
                };
                members.iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            _ => Err(format!("{path} takes {self} and not {}", called(given))),
        }
    }
}

fn called(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array of this length",
        Value::Object(_) => "an object",
    }
}

/// Writes to memory, which cannot fail.
fn write(to: &mut Vec<u8>, kind: &ValueType, value: &Value) {
    let length = |length: usize| u32::try_from(length).expect("a short value");
    match (kind, value) {
        (_, Value::Null) => write_nil(to).expect("memory"),
        (ValueType::Dynamic | ValueType::DynamicBlocks(_), value) => {
            let constraint = constraint(value);
            write_array_len(to, 2).expect("memory");
            write_bin(to, constraint.to_string().as_bytes()).expect("memory");
            let kind = ValueType::from_constraint(&constraint).expect("a type of our own");
            write(to, &kind, value);
        }
        (_, Value::Bool(value)) => write_bool(to, *value).expect("memory"),
        (_, Value::String(text)) => write_str(to, text).expect("memory"),
        (_, Value::Number(number)) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => drop(write_sint(to, number).expect("memory")),
            (None, Some(number)) => drop(write_uint(to, number).expect("memory")),
            // The decimal text loses nothing.
            (None, None) => write_str(to, &number.to_string()).expect("memory"),
        },
        (_, Value::Array(items)) => {
            write_array_len(to, length(items.len())).expect("memory");
            for (index, item) in items.iter().enumerate() {
                write(to, kind.item(index), item);
            }
        }
        (_, Value::Object(members)) => {
            write_map_len(to, length(members.len())).expect("memory");
            for (name, member) in members {
                write_str(to, name).expect("memory");
                write(to, kind.member(name), member);
            }
        }
    }
}

impl ValueType {
    fn item(&self, index: usize) -> &Self {
        match self {
            Self::List(of) | Self::Set(of) => of,
            Self::Tuple(kinds) => &kinds[index],
            _ => unreachable!("a complete value is of its kind"),
        }
    }

    fn member(&self, name: &str) -> &Self {
        match self {
            Self::Map(of) => of,
            Self::Object(members) => {
                let member = members.iter().find(|member| member.name == name);
                &member.expect("a complete value has no other members").value_type
            }
            _ => unreachable!("a complete value is of its kind"),
        }
    }
}

/// The type of a value that the schema says nothing about.
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
