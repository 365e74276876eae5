//! The JSON form of a value, which some hosts send in place of MessagePack: that of the state file. It cannot express
//! unknown values. Read only: core has understood our MessagePack since 0.12.

use serde_json::Value as Json;

use super::{Error, Number, Type, Value};

/// The depth is bounded by the JSON reader's own limit of 128.
pub fn decode(text: &[u8], ty: &Type) -> Result<Value, Error> {
    let json = serde_json::from_slice(text).map_err(|_| Error::new("JSON is required"))?;
    read(json, ty)
}

fn read(json: Json, ty: &Type) -> Result<Value, Error> {
    let required = || Error::required(ty);
    Ok(match (json, ty) {
        (Json::Null, _) => Value::Null,
        (Json::Bool(value), Type::Bool) => Value::Bool(value),
        (Json::String(text), Type::String) => Value::String(text),
        (Json::Number(number), Type::Number) => {
            Value::Number(Number::parse(number.as_str()).ok_or_else(required)?)
        }
        (Json::Array(items), Type::List(item) | Type::Set(item)) => {
            read_items(items, std::iter::repeat(&**item))?
        }
        (Json::Array(items), Type::Tuple(types)) if items.len() == types.len() => read_items(items, types)?,
        (Json::Object(entries), Type::Map(item)) => {
            let entries = entries.into_iter().map(|(key, json)| {
                let value = read(json, item).map_err(|error| error.within(format_args!("{key:?}")))?;
                Ok((key, value))
            });
            Value::Map(entries.collect::<Result<_, _>>()?)
        }
        (Json::Object(mut entries), Type::Object(attributes)) => {
            let members = attributes.iter().map(|(name, ty)| {
                let json = entries.remove(name);
                let json = json.ok_or_else(|| Error::new(format!("the attribute {name:?} is missing")))?;
                Ok((name.clone(), read(json, ty).map_err(|error| error.within(format_args!("{name:?}")))?))
            });
            let object = Value::Map(members.collect::<Result<_, _>>()?);
            if let Some(name) = entries.keys().next() {
                return Err(Error::new(format!("unexpected attribute {name:?}")));
            }
            object
        }
        (Json::Object(mut parts), Type::Dynamic) => {
            let (Some(value), Some(ty), true) =
                (parts.remove("value"), parts.remove("type"), parts.is_empty())
            else {
                return Err(required());
            };
            let ty = Type::from_json(ty.to_string().as_bytes())?;
            let value = read(value, &ty)?;
            Value::Dynamic(Box::new((ty, value)))
        }
        _ => return Err(required()),
    })
}

fn read_items<'a>(items: Vec<Json>, types: impl IntoIterator<Item = &'a Type>) -> Result<Value, Error> {
    let items = items.into_iter().zip(types).enumerate();
    let items = items.map(|(index, (json, ty))| read(json, ty).map_err(|error| error.within(index)));
    Ok(Value::List(items.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn numbers_lose_nothing() {
        for (text, number) in [
            ("3", Number::Signed(3)),
            ("-9007199254740993", Number::Signed(-9_007_199_254_740_993)),
            ("18446744073709551615", Number::Unsigned(u64::MAX)),
            ("0.1", Number::Decimal("0.1".into())),
            ("1e100", Number::Decimal("1e100".into())),
        ] {
            let read = decode(text.as_bytes(), &Type::Number).unwrap();
            // The JSON reader may write an exponent's sign out.
            let signed = Value::Number(Number::Decimal("1e+100".into()));
            assert!(read == Value::Number(number) || read == signed, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_the_type_is_refused() {
        let pair = Type::Tuple(vec![Type::Bool, Type::Number]);
        for (text, ty) in [
            ("[true]", &pair),
            ("[true,1,2]", &pair),
            (r#""true""#, &Type::Bool),
            (r#""1""#, &Type::Number),
            ("1", &Type::String),
            ("true false", &Type::Bool),
            ("true", &Type::Dynamic),
            (r#"{"value":1}"#, &Type::Dynamic),
            (r#"{"type":"number"}"#, &Type::Dynamic),
            (r#"{"value":1,"type":"number","more":1}"#, &Type::Dynamic),
            (&r#"{"type":"dynamic","value":"#.repeat(100_000), &Type::Dynamic),
        ] {
            assert!(decode(text.as_bytes(), ty).is_err(), "{text:.40}");
        }
    }

    #[test]
    fn objects_have_exactly_their_attributes() {
        let ty = Type::Object(BTreeMap::from([("a".into(), Type::String), ("b".into(), Type::Dynamic)]));
        let read = |text: &str| decode(text.as_bytes(), &ty);
        let value = read(r#"{"a":null,"b":{"value":[true],"type":["tuple",["bool"]]}}"#).unwrap();
        let dynamic = (Type::Tuple(vec![Type::Bool]), Value::List(vec![Value::Bool(true)]));
        assert_eq!(value, Value::object([("a", Value::Null), ("b", Value::Dynamic(Box::new(dynamic)))]));
        assert_eq!(read(r#"{"a":null}"#).unwrap_err().to_string(), r#"the attribute "b" is missing"#);
        assert_eq!(read(r#"{"a":1,"b":null}"#).unwrap_err().to_string(), r#"["a"]: a string is required"#);
        let error = read(r#"{"a":null,"b":null,"c":null}"#).unwrap_err();
        assert_eq!(error.to_string(), r#"unexpected attribute "c""#);
    }
}
