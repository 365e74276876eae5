//! Values of the configuration language, as the plugin protocol carries them, with their type constraints.
//!
//! [`msgpack`] and [`json`] are the two wire forms. Nothing here knows a schema or a message of the protocol.

pub mod json;
pub mod msgpack;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

/// A value of some type. Which variants are right for a type is what the codecs check.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Not known before apply.
    Unknown(Refinement),
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
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
    /// An integer.
    Signed(i64),
    /// Only above `i64::MAX`.
    Unsigned(u64),
    /// A binary fraction.
    Float(f64),
    /// A decimal numeral that is none of the above, such as 0.1.
    Decimal(String),
}

/// The value of an attribute: null, not known before apply, or known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigValue<T> {
    /// No value.
    Null,
    /// Not known before apply.
    Unknown,
    /// A value.
    Known(T),
}

impl Value {
    /// An object with these attributes.
    pub fn object<'a>(attributes: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::Map(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A value of which nothing is known before apply.
    pub fn unknown() -> Self {
        Self::Unknown(Refinement::default())
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

    /// The text of a string, number or boolean, as one would write it in an environment variable.
    pub fn scalar(&self) -> ConfigValue<String> {
        match self {
            Self::String(text) | Self::Number(Number::Decimal(text)) => ConfigValue::Known(text.clone()),
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
    /// The known value.
    pub fn known(self) -> Option<T> {
        if let Self::Known(value) = self { Some(value) } else { None }
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
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
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
#[error("{path}{}{reason}", if .path.is_empty() { "" } else { ": " })]
pub struct Error {
    /// The steps from the outside in, as `["urls"][0]`.
    path: String,
    reason: String,
}

impl Error {
    fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    fn required(ty: &Type) -> Self {
        let article = if matches!(ty, Type::Object(_)) { "an" } else { "a" };
        Self::new(format!("{article} {ty} is required"))
    }

    /// The error with a further step, on the way out.
    fn within(mut self, step: impl fmt::Display) -> Self {
        self.path.insert_str(0, &format!("[{step}]"));
        self
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
            .or_else(|| is_numeral(text).then(|| Self::Decimal(text.to_owned())))
    }
}

/// The type of a value, which schemas announce and dynamic values carry in its JSON form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// A number of any size and precision.
    Number,
    /// True or false.
    Bool,
    /// Any type; each value brings its own.
    Dynamic,
    /// Values of one type in order.
    List(Box<Type>),
    /// Values of one type, each once.
    Set(Box<Type>),
    /// Values of one type by key.
    Map(Box<Type>),
    /// A value of its own type for each name.
    Object(BTreeMap<String, Type>),
    /// A value of its own type for each position.
    Tuple(Vec<Type>),
}

impl Type {
    /// The JSON form without white space, keys sorted.
    pub fn to_json(&self) -> Vec<u8> {
        self.json().to_string().into_bytes()
    }

    fn json(&self) -> Json {
        let kind = |name: &str, part: Json| Json::Array(vec![name.into(), part]);
        match self {
            Self::String => "string".into(),
            Self::Number => "number".into(),
            Self::Bool => "bool".into(),
            Self::Dynamic => "dynamic".into(),
            Self::List(ty) => kind("list", ty.json()),
            Self::Set(ty) => kind("set", ty.json()),
            Self::Map(ty) => kind("map", ty.json()),
            Self::Object(attributes) => {
                kind("object", attributes.iter().map(|(name, ty)| (name.clone(), ty.json())).collect())
            }
            Self::Tuple(items) => kind("tuple", items.iter().map(Self::json).collect()),
        }
    }

    /// The depth is bounded by the JSON reader's own limit of 128.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let json: Json = serde_json::from_slice(text).map_err(|_| unreadable())?;
        Self::parse(&json)
    }

    fn parse(json: &Json) -> Result<Self, Error> {
        let boxed = |ty| Self::parse(ty).map(Box::new);
        Ok(match json {
            Json::String(name) => match name.as_str() {
                "string" => Self::String,
                "number" => Self::Number,
                "bool" => Self::Bool,
                "dynamic" => Self::Dynamic,
                _ => return Err(unreadable()),
            },
            Json::Array(parts) => match parts.as_slice() {
                [Json::String(kind), parts @ ..] => match (kind.as_str(), parts) {
                    ("list", [ty]) => Self::List(boxed(ty)?),
                    ("set", [ty]) => Self::Set(boxed(ty)?),
                    ("map", [ty]) => Self::Map(boxed(ty)?),
                    // A third part lists optional attributes, which concerns whoever converts to the type, not us.
                    ("object", [Json::Object(members)] | [Json::Object(members), _]) => {
                        let members = members.iter().map(|(name, ty)| Ok((name.clone(), Self::parse(ty)?)));
                        Self::Object(members.collect::<Result<_, Error>>()?)
                    }
                    ("tuple", [Json::Array(items)]) => {
                        Self::Tuple(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
                    }
                    _ => return Err(unreadable()),
                },
                _ => return Err(unreadable()),
            },
            _ => return Err(unreadable()),
        })
    }
}

fn unreadable() -> Error {
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

    #[test]
    fn the_json_form_is_the_one_core_reads() {
        let ty = Type::Object(BTreeMap::from([
            ("b".to_owned(), Type::Map(Box::new(Type::Dynamic))),
            ("a".to_owned(), Type::Tuple(vec![Type::Number, Type::Set(Box::new(Type::Bool))])),
        ]));
        let text = r#"["object",{"a":["tuple",["number",["set","bool"]]],"b":["map","dynamic"]}]"#;
        assert_eq!(String::from_utf8(ty.to_json()).unwrap(), text);
        assert_eq!(Type::from_json(text.as_bytes()).unwrap(), ty);
    }

    #[test]
    fn optional_attributes_are_read_and_nonsense_is_refused() {
        assert!(Type::from_json(br#"["object",{"a":"string"},["a"]]"#).is_ok());
        let deep = "[\"list\",".repeat(100_000);
        for bad in ["", "1", "\"text\"", "[\"list\"]", "[\"list\",\"string\",\"x\"]", "{}", &deep] {
            assert!(Type::from_json(bad.as_bytes()).is_err(), "{bad:.40}");
        }
    }
}
