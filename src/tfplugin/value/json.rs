//! Decodes values from JSON, which some hosts send instead of MessagePack.
//!
//! The format is that of the state file. It has no unknown values.

use serde_json::Value as Json;

use super::{Error, Number, Type, Value};

/// Decodes a value of this type. The JSON parser limits the depth to 128.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    let json = serde_json::from_slice(bytes).map_err(|_| Error::new("JSON is required"))?;
    from_json(json, ty)
}

fn from_json(json: Json, ty: &Type) -> Result<Value, Error> {
    let type_mismatch = || Error::type_mismatch(ty);
    Ok(match (json, ty) {
        (Json::Null, _) => Value::Null,
        (Json::Bool(value), Type::Bool) => Value::Bool(value),
        (Json::String(string), Type::String) => Value::String(string),
        (Json::Number(number), Type::Number) => {
            Value::Number(Number::parse(number.as_str()).ok_or_else(type_mismatch)?)
        }
        (Json::Array(elements), Type::List(ty) | Type::Set(ty)) => {
            elements_from_json(elements, std::iter::repeat(&**ty))?
        }
        (Json::Array(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            elements_from_json(elements, types)?
        }
        (Json::Object(entries), Type::Map(ty)) => {
            let entries = entries.into_iter().map(|(key, json)| {
                let value =
                    from_json(json, ty).map_err(|error| error.with_parent_step(format_args!("{key:?}")))?;
                Ok((key, value))
            });
            Value::Map(entries.collect::<Result<_, _>>()?)
        }
        (Json::Object(mut entries), Type::Object(attributes)) => {
            let values = attributes.iter().map(|(name, ty)| {
                let json = entries.remove(name);
                let json = json.ok_or_else(|| Error::new(format!("the attribute {name:?} is missing")))?;
                let value =
                    from_json(json, ty).map_err(|error| error.with_parent_step(format_args!("{name:?}")))?;
                Ok((name.clone(), value))
            });
            let object = Value::Map(values.collect::<Result<_, _>>()?);
            if let Some(name) = entries.keys().next() {
                return Err(Error::new(format!("unexpected attribute {name:?}")));
            }
            object
        }
        (Json::Object(mut entries), Type::Dynamic) => {
            let (Some(value), Some(ty), true) =
                (entries.remove("value"), entries.remove("type"), entries.is_empty())
            else {
                return Err(type_mismatch());
            };
            let ty = Type::from_json(ty.to_string().as_bytes())?;
            let value = from_json(value, &ty)?;
            Value::Dynamic(Box::new((ty, value)))
        }
        _ => return Err(type_mismatch()),
    })
}

fn elements_from_json<'a>(
    elements: Vec<Json>,
    types: impl IntoIterator<Item = &'a Type>,
) -> Result<Value, Error> {
    let elements = elements
        .into_iter()
        .zip(types)
        .enumerate()
        .map(|(index, (json, ty))| from_json(json, ty).map_err(|error| error.with_parent_step(index)));
    Ok(Value::List(elements.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn numbers_are_decoded_without_loss() {
        for (json, number) in [
            ("3", Number::Signed(3)),
            ("-9007199254740993", Number::Signed(-9_007_199_254_740_993)),
            ("18446744073709551615", Number::Unsigned(u64::MAX)),
            ("0.1", Number::Decimal("0.1".into())),
            ("1e100", Number::Decimal("1e100".into())),
        ] {
            let decoded = decode(json.as_bytes(), &Type::Number).unwrap();
            // The JSON parser may add a sign to the exponent.
            let signed = Value::Number(Number::Decimal("1e+100".into()));
            assert!(decoded == Value::Number(number) || decoded == signed, "{json}");
        }
    }

    #[test]
    fn value_of_another_type_is_rejected() {
        let pair = Type::Tuple(vec![Type::Bool, Type::Number]);
        for (json, ty) in [
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
            assert!(decode(json.as_bytes(), ty).is_err(), "{json:.40}");
        }
    }

    #[test]
    fn object_with_missing_or_extra_attribute_is_rejected() {
        let ty = Type::Object(BTreeMap::from([("a".into(), Type::String), ("b".into(), Type::Dynamic)]));
        let decode = |json: &str| decode(json.as_bytes(), &ty);
        let value = decode(r#"{"a":null,"b":{"value":[true],"type":["tuple",["bool"]]}}"#).unwrap();
        let dynamic = (Type::Tuple(vec![Type::Bool]), Value::List(vec![Value::Bool(true)]));
        assert_eq!(value, Value::object([("a", Value::Null), ("b", Value::Dynamic(Box::new(dynamic)))]));
        assert_eq!(decode(r#"{"a":null}"#).unwrap_err().to_string(), r#"the attribute "b" is missing"#);
        assert_eq!(decode(r#"{"a":1,"b":null}"#).unwrap_err().to_string(), r#"["a"]: a string is required"#);
        let error = decode(r#"{"a":null,"b":null,"c":null}"#).unwrap_err();
        assert_eq!(error.to_string(), r#"unexpected attribute "c""#);
    }
}
