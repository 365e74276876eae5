//! A state from any provider, to JSON. No bytes make it panic: what they hold is the provider's choice.

use rmp::Marker;
use rmp::decode;
use serde_json::{Map, Number, Value};

use super::Kind;
use crate::protocol::tfplugin::DynamicValue;

impl Kind {
    /// The value for a person to see, in whichever form it came, with what is sensitive masked.
    pub fn shown(&self, value: &DynamicValue) -> Result<Value, String> {
        let DynamicValue { msgpack, json } = value;
        let value = match (msgpack.is_empty(), json.is_empty()) {
            (true, true) => Ok(Value::Null),
            (true, false) => serde_json::from_slice(json).map_err(|error| error.to_string()),
            (false, _) => self.value(msgpack),
        };
        value.map(|value| self.masked(value))
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
                members(from, self, |name| Some(&known.iter().find(|member| member.name == name)?.kind))
            }
            Self::Dynamic | Self::Loose(_) => {
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
    whole: &Kind,
    kind: impl Fn(&str) -> Option<&'a Kind>,
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
