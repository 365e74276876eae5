//! A configuration as a person gives it, to what core sends.

use rmp::encode::{
    write_array_len, write_bin, write_bool, write_map_len, write_nil, write_sint, write_str, write_uint,
};
use serde_json::{Map, Value, json};

use super::Kind;
use crate::protocol::tfplugin::DynamicValue;

impl Kind {
    /// With all that is not given: attributes are null, blocks are absent. Says what is wrong by its path, and never repeats
    /// a value, which may be a secret.
    pub fn configuration(&self, given: &Value) -> Result<DynamicValue, String> {
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
            (Self::Loose(of), _) => of.complete(given, path),
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
                let member = |member: &super::Member| {
                    let value = match items.get(&member.name) {
                        None | Some(Value::Null) => member.absent.clone(),
                        Some(value) => member.kind.complete(value, &format!("{path}.{}", member.name))?,
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
fn write(to: &mut Vec<u8>, kind: &Kind, value: &Value) {
    let length = |length: usize| u32::try_from(length).expect("a short value");
    match (kind, value) {
        (_, Value::Null) => write_nil(to).expect("memory"),
        (Kind::Dynamic | Kind::Loose(_), value) => {
            let constraint = constraint(value);
            write_array_len(to, 2).expect("memory");
            write_bin(to, constraint.to_string().as_bytes()).expect("memory");
            let kind = Kind::from_constraint(&constraint).expect("a type of our own");
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

impl Kind {
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
                &member.expect("a complete value has no other members").kind
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
