//! Type constraints and their JSON form, which schemas announce and dynamic values carry.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

use super::Error;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    String,
    Number,
    Bool,
    /// Any type; each value brings its own.
    Dynamic,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Object(BTreeMap<String, Type>),
    Tuple(Vec<Type>),
}

impl Type {
    /// Without white space, keys sorted.
    pub fn to_json(&self) -> Vec<u8> {
        self.json().to_string().into_bytes()
    }

    fn json(&self) -> Json {
        match self {
            Self::String => "string".into(),
            Self::Number => "number".into(),
            Self::Bool => "bool".into(),
            Self::Dynamic => "dynamic".into(),
            Self::List(of) => Json::Array(vec!["list".into(), of.json()]),
            Self::Set(of) => Json::Array(vec!["set".into(), of.json()]),
            Self::Map(of) => Json::Array(vec!["map".into(), of.json()]),
            Self::Object(attributes) => {
                let attributes = attributes.iter().map(|(name, of)| (name.clone(), of.json())).collect();
                Json::Array(vec!["object".into(), Json::Object(attributes)])
            }
            Self::Tuple(items) => {
                Json::Array(vec!["tuple".into(), Json::Array(items.iter().map(Self::json).collect())])
            }
        }
    }

    /// The depth is bounded by the JSON reader's own limit of 128.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let json: Json = serde_json::from_slice(text).map_err(|_| unreadable())?;
        Self::parse(&json)
    }

    fn parse(json: &Json) -> Result<Self, Error> {
        let boxed = |of| Self::parse(of).map(Box::new);
        Ok(match json {
            Json::String(name) => match name.as_str() {
                "string" => Self::String,
                "number" => Self::Number,
                "bool" => Self::Bool,
                "dynamic" => Self::Dynamic,
                _ => return Err(unreadable()),
            },
            Json::Array(parts) => match parts.as_slice() {
                [Json::String(kind), of] if kind == "list" => Self::List(boxed(of)?),
                [Json::String(kind), of] if kind == "set" => Self::Set(boxed(of)?),
                [Json::String(kind), of] if kind == "map" => Self::Map(boxed(of)?),
                // A third part lists optional attributes, which concerns whoever converts to the type, not us.
                [Json::String(kind), Json::Object(attributes), ..]
                    if kind == "object" && parts.len() <= 3 =>
                {
                    let attributes = attributes.iter().map(|(name, of)| Ok((name.clone(), Self::parse(of)?)));
                    Self::Object(attributes.collect::<Result<_, Error>>()?)
                }
                [Json::String(kind), Json::Array(items)] if kind == "tuple" => {
                    Self::Tuple(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
                }
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
            Self::List(of) => write!(f, "list of {of}"),
            Self::Set(of) => write!(f, "set of {of}"),
            Self::Map(of) => write!(f, "map of {of}"),
            Self::Object(_) => f.write_str("object"),
            Self::Tuple(_) => f.write_str("tuple"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_form_is_the_one_core_reads() {
        let of = Type::Object(BTreeMap::from([
            ("b".to_owned(), Type::Map(Box::new(Type::Dynamic))),
            ("a".to_owned(), Type::Tuple(vec![Type::Number, Type::Set(Box::new(Type::Bool))])),
        ]));
        let text = r#"["object",{"a":["tuple",["number",["set","bool"]]],"b":["map","dynamic"]}]"#;
        assert_eq!(String::from_utf8(of.to_json()).unwrap(), text);
        assert_eq!(Type::from_json(text.as_bytes()).unwrap(), of);
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
