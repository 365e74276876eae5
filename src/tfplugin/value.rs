//! Values of the configuration language, as the plugin protocol carries them, with their type constraints.
//!
//! `msgpack` and `json` are the two wire forms. Nothing here knows a schema or a message of the protocol.

pub mod constraint;
pub mod json;
pub mod msgpack;

use std::collections::BTreeMap;
use std::fmt;

pub use constraint::Type;

/// A value of some type. Which variants are right for a type is what the codecs check.
#[derive(Clone, PartialEq)]
pub enum Value {
    Null,
    /// Not known before apply.
    Unknown(Refinement),
    Bool(bool),
    Number(Number),
    String(String),
    /// A list, a set or a tuple.
    List(Vec<Value>),
    /// A map or an object.
    Map(BTreeMap<String, Value>),
    /// A value of the dynamic type, with the type it turned out to have.
    Dynamic(Box<(Type, Value)>),
}

/// What core already says about an unknown value: the payload as it came, for an exact echo. Empty for most.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Refinement(pub Box<[u8]>);

/// A number in the form it had on the wire, so that an echo loses nothing. Never NaN or an infinity.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    Signed(i64),
    /// Only above `i64::MAX`.
    Unsigned(u64),
    Float(f64),
    /// A decimal numeral that is none of the above, such as 0.1.
    Text(String),
}

/// What stands in one place of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<T> {
    Null,
    Unknown,
    Known(T),
}

impl Value {
    pub fn object<'a>(attributes: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::Map(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The object with these attributes in place of its own.
    #[must_use]
    pub fn with<'a>(mut self, attributes: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        if let Self::Map(own) = &mut self {
            own.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        self
    }

    /// Whether nothing in it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::List(items) => items.iter().all(Self::is_wholly_known),
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

    /// A string attribute of an object. One that is absent, or no string, counts as null.
    pub fn text(&self, name: &str) -> Field<&str> {
        match self.attribute(name) {
            Some(Self::String(text)) => Field::Known(text),
            Some(Self::Unknown(_)) => Field::Unknown,
            _ => Field::Null,
        }
    }

    /// The text of a string, number or boolean, as one would write it in an environment variable.
    pub fn scalar(&self) -> Field<String> {
        match self {
            Self::String(text) | Self::Number(Number::Text(text)) => Field::Known(text.clone()),
            Self::Bool(value) => Field::Known(value.to_string()),
            Self::Number(Number::Signed(number)) => Field::Known(number.to_string()),
            Self::Number(Number::Unsigned(number)) => Field::Known(number.to_string()),
            Self::Number(Number::Float(number)) => Field::Known(number.to_string()),
            Self::Unknown(_) => Field::Unknown,
            Self::Null | Self::List(_) | Self::Map(_) | Self::Dynamic(_) => Field::Null,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl fmt::Debug for Refinement {
    /// Without the payload: it may hold the first characters of a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refinement")
    }
}

impl fmt::Debug for Value {
    /// The shape without the contents: any string may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Unknown(_) => f.write_str("unknown"),
            Self::Bool(_) => f.write_str("bool"),
            Self::Number(_) => f.write_str("number"),
            Self::String(_) => f.write_str("string"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_map().entries(entries).finish(),
            Self::Dynamic(dynamic) => write!(f, "dynamic({:?})", dynamic.1),
        }
    }
}

/// Why bytes are no value of a type, or a value cannot be written as one. Names kinds and places, never contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", place(.path))]
pub struct Error {
    /// Innermost step first.
    path: Vec<String>,
    reason: String,
}

impl Error {
    fn new(reason: impl Into<String>) -> Self {
        Self { path: Vec::new(), reason: reason.into() }
    }

    /// Adds a step on the way out.
    fn within(mut self, step: impl fmt::Display) -> Self {
        self.path.push(format!("[{step}]"));
        self
    }
}

fn place(path: &[String]) -> String {
    if path.is_empty() {
        String::new()
    } else {
        path.iter().rev().map(String::as_str).collect::<String>() + ": "
    }
}

/// The longest numeral that is taken for one. Core's 512-bit numbers need 155 digits; it sends no exponent, so a tiny
/// fraction may be longer.
const LONGEST_NUMERAL: usize = 4096;

/// Whether core would read this as a number: `-12`, `0.1`, `1e3`.
fn is_numeral(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(left, right)| (left, Some(right)));
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(left, right)| (left, Some(right)));
    text.len() <= LONGEST_NUMERAL
        && digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)))
}

impl Number {
    /// From a decimal numeral; integers take their machine form.
    fn parse(text: &str) -> Option<Self> {
        text.parse()
            .map(Self::Signed)
            .or_else(|_| text.parse().map(Self::Unsigned))
            .ok()
            .or_else(|| is_numeral(text).then(|| Self::Text(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_shape_and_no_contents() {
        let value = Value::object([
            ("token", "very-secret".into()),
            ("list", Value::List(vec![Value::Number(Number::Signed(987)), Value::Null])),
            ("prefix", Value::Unknown(Refinement(b"very-secret".as_slice().into()))),
            ("any", Value::Dynamic(Box::new((Type::String, "hidden".into())))),
        ]);
        assert_eq!(
            format!("{value:?}"),
            r#"{"any": dynamic(string), "list": [number, null], "prefix": unknown, "token": string}"#
        );
        assert_eq!(format!("{:?}", Refinement(b"very-secret".as_slice().into())), "refinement");
    }

    #[test]
    fn numerals_are_what_core_reads_as_numbers() {
        for good in ["0", "-1", "0.1", "1e3", "-1.5E-7", "+2"] {
            assert!(is_numeral(good), "{good}");
        }
        for bad in ["", "-", ".5", "1.", "1e", "0x1", "NaN", "inf", "1_000", " 1", "1e+-2", &"9".repeat(5000)]
        {
            assert!(!is_numeral(bad), "{bad}");
        }
    }

    #[test]
    fn an_error_names_the_way_from_the_outside_in() {
        let error = Error::new("a string is required").within("\"url\"").within(3).within("\"links\"");
        assert_eq!(error.to_string(), r#"["links"][3]["url"]: a string is required"#);
    }
}
