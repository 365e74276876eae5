//! Values and their types.

use super::*;

#[test]
fn debug_shows_types_without_contents() {
    let value = Value::object([
        ("token", "very-secret".into()),
        ("list", Value::List(vec![Value::Number(Number::Signed(987)), Value::Null])),
        ("prefix", Value::Unknown(Refinements(b"very-secret".as_slice().into()))),
        ("any", Value::Dynamic(Box::new((Type::String, "hidden".into())))),
    ]);
    assert_eq!(
        format!("{value:?}"),
        r#"{"any": dynamic(string), "list": [number, null], "prefix": unknown, "token": string}"#
    );
    assert_eq!(format!("{:?}", Refinements(b"very-secret".as_slice().into())), "refinements");
}

#[test]
fn decimal_strings_are_parsed_as_in_terraform() {
    for valid in ["0", "-1", "0.1", "1e3", "-1.5E-7", "+2"] {
        assert!(is_decimal(valid), "{valid}");
    }
    for invalid in ["", "-", ".5", "1.", "1e", "0x1", "NaN", "inf", "1_000", " 1", "1e+-2", &"9".repeat(5000)]
    {
        assert!(!is_decimal(invalid), "{invalid}");
    }
}

#[test]
fn error_contains_the_path_from_the_root() {
    let error = Error::new("a string is required")
        .with_parent_step("\"url\"")
        .with_parent_step(3)
        .with_parent_step("\"links\"");
    assert_eq!(error.to_string(), r#"["links"][3]["url"]: a string is required"#);
}

#[test]
fn type_is_encoded_as_in_terraform() {
    let ty = Type::Object(BTreeMap::from([
        ("b".to_owned(), Type::Map(Box::new(Type::Dynamic))),
        ("a".to_owned(), Type::Tuple(vec![Type::Number, Type::Set(Box::new(Type::Bool))])),
    ]));
    let json = r#"["object",{"a":["tuple",["number",["set","bool"]]],"b":["map","dynamic"]}]"#;
    assert_eq!(String::from_utf8(ty.to_json()).unwrap(), json);
    assert_eq!(Type::from_json(json.as_bytes()).unwrap(), ty);
}

#[test]
fn optional_attributes_are_accepted_in_a_type() {
    assert!(Type::from_json(br#"["object",{"a":"string"},["a"]]"#).is_ok());
}

#[test]
fn invalid_type_is_rejected() {
    let deep = "[\"list\",".repeat(100_000);
    for invalid in ["", "1", "\"text\"", "[\"list\"]", "[\"list\",\"string\",\"x\"]", "{}", &deep] {
        assert!(Type::from_json(invalid.as_bytes()).is_err(), "{invalid:.40}");
    }
}
