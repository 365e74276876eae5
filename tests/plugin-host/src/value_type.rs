//! The types in a provider's schema. Values are converted between JSON and the wire format according to their type.
//!
//! [`encode`](super::encoding) also writes invalid values, for tests. This module writes values as Terraform does.

#[cfg(test)]
mod tests;
mod wire;

use std::fmt;

use serde_json::Value;

use super::protocol::tfplugin6::schema::nested_block::NestingMode;
use super::protocol::tfplugin6::schema::{Attribute, Block, NestedBlock, object};
use super::schema::missing_block;

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueType {
    String,
    Number,
    Bool,
    /// Each value is sent with its type.
    Dynamic,
    List(Box<ValueType>),
    Set(Box<ValueType>),
    Map(Box<ValueType>),
    Object(Vec<ObjectAttribute>),
    Tuple(Vec<ValueType>),
    /// A list or map of blocks that contain a dynamic value. Its elements can have different types, so it is sent as one
    /// dynamic value.
    DynamicBlocks(Box<ValueType>),
}

/// An attribute of an object type.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectAttribute {
    pub name: String,
    pub value_type: ValueType,
    pub sensitive: bool,
    /// The value of the attribute if it is not set.
    default: Value,
}

impl ValueType {
    /// Parses the type constraint of an attribute, in JSON.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let invalid = || format!("{} is not a valid type", String::from_utf8_lossy(json));
        let constraint = serde_json::from_slice(json).map_err(|_| invalid())?;
        Self::from_constraint(&constraint).ok_or_else(invalid)
    }

    fn from_constraint(constraint: &Value) -> Option<Self> {
        if let Some(name) = constraint.as_str() {
            return match name {
                "string" => Some(Self::String),
                "number" => Some(Self::Number),
                "bool" => Some(Self::Bool),
                "dynamic" => Some(Self::Dynamic),
                _ => None,
            };
        }
        // An object can have a third element with the names of its optional attributes.
        let [name, argument, ..] = constraint.as_array()?.as_slice() else { return None };
        let element = || Some(Box::new(Self::from_constraint(argument)?));
        match name.as_str()? {
            "list" => Some(Self::List(element()?)),
            "set" => Some(Self::Set(element()?)),
            "map" => Some(Self::Map(element()?)),
            "tuple" => Some(Self::Tuple(
                argument.as_array()?.iter().map(Self::from_constraint).collect::<Option<_>>()?,
            )),
            "object" => {
                let member = |(name, constraint): (&String, &Value)| {
                    Some(ObjectAttribute::attribute(name, Self::from_constraint(constraint)?, false))
                };
                Some(Self::Object(argument.as_object()?.iter().map(member).collect::<Option<_>>()?))
            }
            _ => None,
        }
    }

    /// The type of a block: an object with its attributes and nested blocks.
    pub fn from_block(block: &Block) -> Result<Self, String> {
        let attributes = block.attributes.iter().map(|attribute| {
            let value_type = Self::from_attribute(attribute)?;
            Ok(ObjectAttribute::attribute(&attribute.name, value_type, attribute.sensitive))
        });
        let blocks = block.block_types.iter().map(|nested| {
            let value_type = Self::from_nested_block(nested)?;
            Ok(ObjectAttribute {
                name: nested.type_name.clone(),
                value_type,
                sensitive: false,
                default: missing_block(nested),
            })
        });
        Ok(Self::Object(attributes.chain(blocks).collect::<Result<_, String>>()?))
    }

    pub fn from_attribute(attribute: &Attribute) -> Result<Self, String> {
        let Some(nested) = &attribute.nested_type else { return Self::parse(&attribute.r#type) };
        let member = |attribute: &Attribute| {
            Ok(ObjectAttribute::attribute(
                &attribute.name,
                Self::from_attribute(attribute)?,
                attribute.sensitive,
            ))
        };
        let object = Self::Object(nested.attributes.iter().map(member).collect::<Result<_, String>>()?);
        Ok(match nested.nesting() {
            object::NestingMode::Single | object::NestingMode::Invalid => object,
            object::NestingMode::List => Self::List(Box::new(object)),
            object::NestingMode::Set => Self::Set(Box::new(object)),
            object::NestingMode::Map => Self::Map(Box::new(object)),
        })
    }

    fn from_nested_block(nested: &NestedBlock) -> Result<Self, String> {
        let object = Self::from_block(nested.block.as_ref().ok_or("the nested block has no block")?)?;
        let dynamic = object.contains_dynamic();
        let collection = match nested.nesting() {
            NestingMode::Single | NestingMode::Group | NestingMode::Invalid => return Ok(object),
            NestingMode::Set => return Ok(Self::Set(Box::new(object))),
            NestingMode::List => Self::List(Box::new(object)),
            NestingMode::Map => Self::Map(Box::new(object)),
        };
        Ok(if dynamic { Self::DynamicBlocks(Box::new(collection)) } else { collection })
    }

    fn contains_dynamic(&self) -> bool {
        match self {
            Self::Dynamic | Self::DynamicBlocks(_) => true,
            Self::String | Self::Number | Self::Bool => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.contains_dynamic(),
            Self::Object(members) => members.iter().any(|member| member.value_type.contains_dynamic()),
            Self::Tuple(types) => types.iter().any(Self::contains_dynamic),
        }
    }

    /// Replaces sensitive values by `(sensitive)`.
    fn redact(&self, value: Value) -> Value {
        match (self, value) {
            (Self::DynamicBlocks(element), value) => element.redact(value),
            (Self::List(element) | Self::Set(element), Value::Array(items)) => {
                items.into_iter().map(|item| element.redact(item)).collect()
            }
            (Self::Tuple(types), Value::Array(items)) => {
                types.iter().zip(items).map(|(value_type, item)| value_type.redact(item)).collect()
            }
            (Self::Map(element), Value::Object(items)) => {
                items.into_iter().map(|(key, item)| (key, element.redact(item))).collect()
            }
            (Self::Object(members), Value::Object(mut items)) => {
                for member in members {
                    let Some(item) = items.get_mut(&member.name).filter(|item| !item.is_null()) else {
                        continue;
                    };
                    *item = if member.sensitive {
                        "(sensitive)".into()
                    } else {
                        member.value_type.redact(item.take())
                    };
                }
                Value::Object(items)
            }
            (_, value) => value,
        }
    }
}

impl ObjectAttribute {
    fn attribute(name: &str, value_type: ValueType, sensitive: bool) -> Self {
        Self { name: name.to_owned(), value_type, sensitive, default: Value::Null }
    }
}

/// Writes the type as in the configuration language.
impl fmt::Display for ValueType {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => to.write_str("string"),
            Self::Number => to.write_str("number"),
            Self::Bool => to.write_str("bool"),
            Self::Dynamic => to.write_str("dynamic"),
            Self::List(element) => write!(to, "list({element})"),
            Self::Set(element) => write!(to, "set({element})"),
            Self::Map(element) => write!(to, "map({element})"),
            Self::DynamicBlocks(element) => element.fmt(to),
            Self::Tuple(types) => {
                let types: Vec<_> = types.iter().map(ToString::to_string).collect();
                write!(to, "tuple([{}])", types.join(", "))
            }
            Self::Object(members) => {
                let members: Vec<_> =
                    members.iter().map(|member| format!("{} = {}", member.name, member.value_type)).collect();
                write!(to, "object({{{}}})", members.join(", "))
            }
        }
    }
}
