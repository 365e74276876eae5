//! Values of the configuration language, as the plugin protocol carries them, with their type constraints.
//!
//! `msgpack` and `json` are the two wire forms. Nothing here knows a schema or a message of the protocol.

pub mod constraint;
pub mod json;
pub mod msgpack;

use std::collections::BTreeMap;

pub use constraint::Type;

/// A value of some type. Which variants are right for a type is what the codecs check.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Error;
pub enum Field<T> { Null, Unknown, Known(T) }
impl Value {
    pub fn attribute(&self, _: &str) -> Option<&Value> { todo!() }
    pub fn text(&self, _: &str) -> Field<&str> { todo!() }
    pub fn scalar(&self) -> Field<String> { todo!() }
    pub fn object<'a>(_: impl IntoIterator<Item = (&'a str, Value)>) -> Value { todo!() }
}
impl From<&str> for Value { fn from(s: &str) -> Self { Value::String(s.into()) } }
impl From<String> for Value { fn from(s: String) -> Self { Value::String(s) } }
