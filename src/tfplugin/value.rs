//! Values of the configuration language and their types.
//!
//! The plugin protocol encodes a value as [`msgpack`] or [`json`].

pub mod json;
pub mod msgpack;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// A value. It contains no type, except for a dynamic value: the codecs check that a value matches its type.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// Not known before apply.
    Unknown(Refinements),
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list, a set or a tuple.
    List(Vec<Value>),
    /// A map or an object.
    Map(BTreeMap<String, Value>),
    /// A value of the dynamic type, with its actual type.
    Dynamic(Box<(Type, Value)>),
}

/// The refinements of an unknown value, such as "not null" or a string prefix, in their encoded form.
///
/// They are returned unchanged. Most unknown values have none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Refinements(pub Box<[u8]>);

/// A number in the form in which it was encoded, so that no digit is lost. NaN and infinity are invalid.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Signed(i64),
    /// An integer above `i64::MAX`.
    Unsigned(u64),
    /// A floating-point number.
    Float(f64),
    /// Any other number as a decimal string, such as "0.1".
    Decimal(String),
}

/// The value of an attribute in a configuration: null, unknown or known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigValue<T> {
    /// Null.
    Null,
    /// Not known before apply.
    Unknown,
    /// A known value.
    Known(T),
}

impl Value {
    /// An object with these attributes.
    pub fn object<'a>(attributes: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::Map(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// An unknown value without refinements.
    pub fn unknown() -> Self {
        Self::Unknown(Refinements::default())
    }

    /// The object with these attributes added or replaced.
    #[must_use]
    pub fn with<'a>(mut self, attributes: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        if let Self::Map(entries) = &mut self {
            entries.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        self
    }

    /// Whether the value and all values in it are known or null.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::List(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(entries) => entries.values().all(Self::is_wholly_known),
            Self::Dynamic(dynamic) => dynamic.1.is_wholly_known(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
        }
    }

    /// An attribute of an object.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(attributes) => attributes.get(name),
            _ => None,
        }
    }

    /// The string, number or boolean as a string, as in an environment variable. Null for any other type.
    pub fn scalar(&self) -> ConfigValue<String> {
        match self {
            Self::String(string) | Self::Number(Number::Decimal(string)) => {
                ConfigValue::Known(string.clone())
            }
            Self::Bool(value) => ConfigValue::Known(value.to_string()),
            Self::Number(Number::Signed(number)) => ConfigValue::Known(number.to_string()),
            Self::Number(Number::Unsigned(number)) => ConfigValue::Known(number.to_string()),
            Self::Number(Number::Float(number)) => ConfigValue::Known(number.to_string()),
            Self::Unknown(_) => ConfigValue::Unknown,
            Self::Null | Self::List(_) | Self::Map(_) | Self::Dynamic(_) => ConfigValue::Null,
        }
    }
}

impl<T> ConfigValue<T> {
    /// The known value, or `None` if the value is null or unknown.
    pub fn known(self) -> Option<T> {
        if let Self::Known(value) = self { Some(value) } else { None }
    }
}

impl From<&str> for Value {
    fn from(string: &str) -> Self {
        Self::String(string.to_owned())
    }
}

impl From<String> for Value {
    fn from(string: String) -> Self {
        Self::String(string)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Number::Signed(number))
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(elements: Vec<T>) -> Self {
        Self::List(elements.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<BTreeMap<String, T>> for Value {
    fn from(entries: BTreeMap<String, T>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key, value.into())).collect())
    }
}

impl fmt::Debug for Refinements {
    /// Formats no content, because a refinement may contain the prefix of a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refinements")
    }
}

impl fmt::Debug for Value {
    /// Formats the types without the contents, because any string may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Unknown(_) => f.write_str("unknown"),
            Self::Bool(_) => f.write_str("bool"),
            Self::Number(_) => f.write_str("number"),
            Self::String(_) => f.write_str("string"),
            Self::List(elements) => f.debug_list().entries(elements).finish(),
            Self::Map(entries) => f.debug_map().entries(entries).finish(),
            Self::Dynamic(dynamic) => write!(f, "dynamic({:?})", dynamic.1),
        }
    }
}

/// A value that does not match its type, or invalid bytes. The message contains no part of the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{reason}", if .path.is_empty() { "" } else { ": " })]
pub struct Error {
    /// The path of the value, from the root: `["urls"][0]`.
    path: String,
    reason: String,
}

impl Error {
    fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    fn type_mismatch(ty: &Type) -> Self {
        let article = if matches!(ty, Type::Object(_)) { "an" } else { "a" };
        Self::new(format!("{article} {ty} is required"))
    }

    /// The error with another step at the start of its path.
    fn with_parent_step(mut self, step: impl fmt::Display) -> Self {
        self.path.insert_str(0, &format!("[{step}]"));
        self
    }
}

/// The maximum length of a number as a decimal string.
///
/// A 512-bit number of Terraform has up to 155 digits. Terraform sends no exponent, so a very small number has more.
const MAX_DECIMAL_LENGTH: usize = 4096;

/// Whether Terraform parses the string as a number: `-12`, `0.1`, `1e3`.
fn is_decimal(string: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) =
        string.split_once(['e', 'E']).map_or((string, None), |(left, right)| (left, Some(right)));
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(left, right)| (left, Some(right)));
    string.len() <= MAX_DECIMAL_LENGTH
        && digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|part| digits(part.strip_prefix(['-', '+']).unwrap_or(part)))
}

impl Number {
    /// Parses a decimal number. The result is an integer if the number fits into one.
    fn parse(string: &str) -> Option<Self> {
        string
            .parse()
            .map(Self::Signed)
            .or_else(|_| string.parse().map(Self::Unsigned))
            .ok()
            .or_else(|| is_decimal(string).then(|| Self::Decimal(string.to_owned())))
    }
}

/// A type constraint of the configuration language. Schemas and dynamic values contain it as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A string.
    String,
    /// A number of any size and precision.
    Number,
    /// A boolean.
    Bool,
    /// Any type. Each value contains its type.
    Dynamic,
    /// A list of values of one type.
    List(Box<Type>),
    /// A set of values of one type.
    Set(Box<Type>),
    /// A map of values of one type.
    Map(Box<Type>),
    /// An object with a type for each attribute.
    Object(BTreeMap<String, Type>),
    /// A tuple with a type for each element.
    Tuple(Vec<Type>),
}

impl Type {
    /// Encodes the type as JSON without whitespace, with sorted keys.
    pub fn to_json(&self) -> Vec<u8> {
        // Fails only for maps whose keys are not strings.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Decodes a type from JSON. The JSON parser limits the depth to 128.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let json: Json = serde_json::from_slice(json).map_err(|_| invalid_type())?;
        Self::from_parsed_json(&json)
    }

    fn from_parsed_json(json: &Json) -> Result<Self, Error> {
        let boxed = |ty| Self::from_parsed_json(ty).map(Box::new);
        Ok(match (json.as_str(), json.as_array().map(Vec::as_slice)) {
            (Some("string"), _) => Self::String,
            (Some("number"), _) => Self::Number,
            (Some("bool"), _) => Self::Bool,
            (Some("dynamic"), _) => Self::Dynamic,
            (_, Some([Json::String(name), arguments @ ..])) => match (name.as_str(), arguments) {
                ("list", [ty]) => Self::List(boxed(ty)?),
                ("set", [ty]) => Self::Set(boxed(ty)?),
                ("map", [ty]) => Self::Map(boxed(ty)?),
                // A third item lists the optional attributes. A value of the type has all attributes.
                ("object", [Json::Object(attributes)] | [Json::Object(attributes), _]) => {
                    let attributes =
                        attributes.iter().map(|(name, ty)| Ok((name.clone(), Self::from_parsed_json(ty)?)));
                    Self::Object(attributes.collect::<Result<_, Error>>()?)
                }
                ("tuple", [Json::Array(types)]) => {
                    Self::Tuple(types.iter().map(Self::from_parsed_json).collect::<Result<_, _>>()?)
                }
                _ => return Err(invalid_type()),
            },
            _ => return Err(invalid_type()),
        })
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String => "string".serialize(to),
            Self::Number => "number".serialize(to),
            Self::Bool => "bool".serialize(to),
            Self::Dynamic => "dynamic".serialize(to),
            Self::List(ty) => ("list", ty).serialize(to),
            Self::Set(ty) => ("set", ty).serialize(to),
            Self::Map(ty) => ("map", ty).serialize(to),
            Self::Object(attributes) => ("object", attributes).serialize(to),
            Self::Tuple(types) => ("tuple", types).serialize(to),
        }
    }
}

fn invalid_type() -> Error {
    Error::new("a type constraint is required")
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Number => f.write_str("number"),
            Self::Bool => f.write_str("bool"),
            Self::Dynamic => f.write_str("value of any type"),
            Self::List(ty) => write!(f, "list of {ty}"),
            Self::Set(ty) => write!(f, "set of {ty}"),
            Self::Map(ty) => write!(f, "map of {ty}"),
            Self::Object(_) => f.write_str("object"),
            Self::Tuple(_) => f.write_str("tuple"),
        }
    }
}
