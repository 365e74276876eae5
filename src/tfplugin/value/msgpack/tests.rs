use proptest::prelude::*;

use super::*;
use crate::tfplugin::value::json;

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn decimal(string: &str) -> Value {
    Value::Number(Number::Decimal(string.to_owned()))
}

/// The bytes were recorded from Terraform.
#[test]
fn values_are_encoded_and_decoded_as_in_terraform() {
    let string = Type::String;
    let list = Type::List(Box::new(Type::Bool));
    let tuple = Type::Tuple(vec![Type::Number, Type::String]);
    let foo = Type::Object(BTreeMap::from([("foo".to_owned(), tuple)]));
    let foo_value = Value::object([("foo", Value::List(vec![1.into(), "two".into()]))]);
    let type_json: String = foo.to_json().iter().map(|byte| format!("{byte:02x} ")).collect();
    let dynamic = format!("92 c4 30 {type_json} 81 a3 66 6f 6f 92 01 a3 74 77 6f");
    let refined = |payload: &str| Value::Unknown(Refinements(bytes(payload).into()));
    for (hex, ty, value) in [
        ("c0", string.clone(), Value::Null),
        ("a2 62 67", string.clone(), "bg".into()),
        ("c3", Type::Bool, Value::Bool(true)),
        ("05", Type::Number, 5.into()),
        ("ff", Type::Number, (-1).into()),
        ("cc c8", Type::Number, 200.into()),
        ("d1 ff 38", Type::Number, (-200).into()),
        ("cf 00 20 00 00 00 00 00 01", Type::Number, ((1_i64 << 53) + 1).into()),
        ("cf ff ff ff ff ff ff ff ff", Type::Number, Value::Number(Number::Unsigned(u64::MAX))),
        ("cb 40 0a 00 00 00 00 00 00", Type::Number, Value::Number(Number::Float(3.25))),
        ("a3 30 2e 31", Type::Number, decimal("0.1")),
        ("93 c3 c2 c0", list, Value::List(vec![Value::Bool(true), Value::Bool(false), Value::Null])),
        ("90", Type::Set(Box::new(Type::String)), Value::List(vec![])),
        (
            "82 a1 6b c0 a1 76 a1 78",
            Type::Map(Box::new(string.clone())),
            Value::object([("k", Value::Null), ("v", "x".into())]),
        ),
        (&dynamic, Type::Dynamic, Value::Dynamic(Box::new((foo, foo_value)))),
        ("d4 00 00", string.clone(), Value::unknown()),
        ("c7 03 0c 81 01 c2", Type::Number, refined("81 01 c2")),
        ("c7 09 0c 82 01 c2 02 a4 70 72 65 2d", string, refined("82 01 c2 02 a4 70 72 65 2d")),
    ] {
        assert_eq!(decode(&bytes(hex), &ty).as_ref(), Ok(&value), "{hex}");
        assert_eq!(encode(&value, &ty).unwrap(), bytes(hex), "{hex}");
    }
}

#[test]
fn other_encodings_of_a_value_are_decoded_too() {
    for (hex, ty, value) in [
        ("c4 02 62 67", Type::String, "bg".into()),
        ("d9 02 62 67", Type::String, "bg".into()),
        ("db 00 00 00 02 62 67", Type::String, "bg".into()),
        ("ca 40 50 00 00", Type::Number, Value::Number(Number::Float(3.25))),
        ("d3 00 00 00 00 00 00 00 05", Type::Number, 5.into()),
        ("cf 00 00 00 00 00 00 00 05", Type::Number, 5.into()),
        ("a3 31 65 33", Type::Number, decimal("1e3")),
        ("a2 34 32", Type::Number, 42.into()),
        ("dd 00 00 00 01 c3", Type::List(Box::new(Type::Bool)), Value::List(vec![Value::Bool(true)])),
        (
            "df 00 00 00 01 a1 6b c3",
            Type::Map(Box::new(Type::Bool)),
            Value::object([("k", Value::Bool(true))]),
        ),
        ("c3 ff ff", Type::Bool, Value::Bool(true)),
    ] {
        assert_eq!(decode(&bytes(hex), &ty), Ok(value), "{hex}");
    }
}

#[test]
fn every_extension_is_decoded_as_unknown() {
    for hex in [
        "d4 00 00",
        "d5 00 00 00",
        "d6 63 00 00 00 00",
        "d7 05 0 0 0 0 0 0 0 0",
        "c7 00 00",
        "c8 00 01 09 01",
    ] {
        for ty in [Type::String, Type::Dynamic, Type::List(Box::new(Type::Bool))] {
            assert_eq!(decode(&bytes(hex), &ty), Ok(Value::unknown()), "{hex}");
        }
    }
}

#[test]
fn mismatch_with_the_type_is_an_error_with_its_path() {
    let object = Type::Object(BTreeMap::from([
        ("a".to_owned(), Type::String),
        ("b".to_owned(), Type::List(Box::new(Type::Number))),
    ]));
    for (hex, ty, expected) in [
        ("05", Type::String, "a string is required"),
        ("a4 74 72 75 65", Type::Bool, "a bool is required"),
        ("a3 61 62 63", Type::Number, "a number is required"),
        ("cb 7f f8 00 00 00 00 00 00", Type::Number, "a number is required"),
        ("cb 7f f0 00 00 00 00 00 00", Type::Number, "a number is required"),
        ("a2 ff fe", Type::String, "a string is required"),
        ("81 a1 61 c0", object.clone(), r#"the attribute "b" is missing"#),
        ("83 a1 61 c0 a1 62 c0 a1 63 c0", object.clone(), r#"unexpected attribute "c""#),
        ("83 a1 61 c0 a1 62 c0 a1 61 c0", object.clone(), r#"duplicate key "a""#),
        ("82 a1 61 c0 a1 62 92 01 c3", object, r#"["b"][1]: a number is required"#),
        ("91 c3", Type::Tuple(vec![]), "a tuple with 0 elements is required"),
        ("dd ff ff ff ff", Type::List(Box::new(Type::Bool)), "the value is truncated"),
        ("c3", Type::Dynamic, "a value of any type is required"),
        ("", Type::Bool, "the value is truncated"),
    ] {
        assert_eq!(decode(&bytes(hex), &ty).unwrap_err().to_string(), expected, "{hex}");
    }
}

#[test]
fn value_that_crashes_terraform_is_not_encoded() {
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(encode(&Value::Number(Number::Float(float)), &Type::Number).is_err());
    }
    let object = Type::Object(BTreeMap::from([("a".to_owned(), Type::String)]));
    for invalid in [Value::object([]), Value::object([("a", Value::Null), ("b", Value::Null)]), "x".into()] {
        assert!(encode(&invalid, &object).is_err());
    }
}

#[test]
fn refinements_longer_than_1024_bytes_are_rejected() {
    let refined = |length| Value::Unknown(Refinements(vec![0; length].into()));
    for length in [1, 16, 255, 256, 1024] {
        let encoded = encode(&refined(length), &Type::String).unwrap();
        assert_eq!(decode(&encoded, &Type::String), Ok(refined(length)));
    }
    assert!(encode(&refined(1025), &Type::String).is_err());
    let too_long = [bytes("c8 04 01 0c"), vec![0; 1025]].concat();
    assert!(decode(&too_long, &Type::String).is_err());
}

#[test]
fn mismatch_with_the_type_is_not_encoded() {
    let tuple = Type::Tuple(vec![Type::Bool, Type::Bool]);
    for length in [0, 1, 3] {
        assert!(encode(&Value::List(vec![Value::Null; length]), &tuple).is_err(), "{length}");
    }
    let list = Value::List(vec![Value::Null, "x".into()]);
    let error = encode(&list, &Type::List(Box::new(Type::Bool))).unwrap_err();
    assert_eq!(error.to_string(), "[1]: a bool is required");
    let in_list = |(value, ty), _| (Value::List(vec![value]), Type::List(Box::new(ty)));
    let nested = |depth| (0..depth).fold((Value::Null, Type::Bool), in_list);
    let (value, ty) = nested(MAX_DEPTH - 1);
    assert_eq!(decode(&encode(&value, &ty).unwrap(), &ty), Ok(value));
    let (value, ty) = nested(MAX_DEPTH);
    assert!(encode(&value, &ty).is_err());
}

#[test]
fn deeply_nested_value_is_rejected() {
    // The start of a dynamic value of the dynamic type.
    let level = bytes("92 c4 09 22 64 79 6e 61 6d 69 63 22");
    let nested = level.repeat(100_000);
    assert_eq!(decode(&nested, &Type::Dynamic).unwrap_err().to_string(), "the value is nested too deeply");
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::String), Just(Type::Number), Just(Type::Bool), Just(Type::Dynamic)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| Type::List(Box::new(ty))),
            inner.clone().prop_map(|ty| Type::Set(Box::new(ty))),
            inner.clone().prop_map(|ty| Type::Map(Box::new(ty))),
            prop::collection::btree_map(".{0,4}", inner.clone(), 0..4).prop_map(Type::Object),
            prop::collection::vec(inner, 0..4).prop_map(Type::Tuple),
        ]
    })
}

fn numbers() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::Signed),
        (i64::MAX as u64 + 1..).prop_map(Number::Unsigned),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Number::Float),
        "-?[0-9]{1,30}\\.[0-9]{1,30}".prop_map(Number::Decimal),
    ]
}

fn values(ty: Type) -> BoxedStrategy<Value> {
    let known = match ty {
        Type::String => ".*".prop_map(Value::String).boxed(),
        Type::Number => numbers().prop_map(Value::Number).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Dynamic => types()
            .prop_flat_map(|ty| {
                values(ty.clone()).prop_map(move |value| Value::Dynamic(Box::new((ty.clone(), value))))
            })
            .boxed(),
        Type::List(ty) | Type::Set(ty) => {
            prop::collection::vec(values(*ty), 0..4).prop_map(Value::List).boxed()
        }
        Type::Map(ty) => {
            prop::collection::btree_map(".{0,4}", values(*ty), 0..4).prop_map(Value::Map).boxed()
        }
        Type::Tuple(types) => types.into_iter().map(values).collect::<Vec<_>>().prop_map(Value::List).boxed(),
        Type::Object(attributes) => {
            let (names, types): (Vec<_>, Vec<_>) = attributes.into_iter().unzip();
            let values = types.into_iter().map(values).collect::<Vec<_>>();
            values.prop_map(move |values| Value::Map(names.iter().cloned().zip(values).collect())).boxed()
        }
    };
    let refinements = prop::collection::vec(any::<u8>(), 0..300);
    let unknown = refinements.prop_map(|bytes| Value::Unknown(Refinements(bytes.into())));
    prop_oneof![6 => known, 1 => Just(Value::Null), 1 => unknown].boxed()
}

fn typed_values() -> impl Strategy<Value = (Type, Value)> {
    types().prop_flat_map(|ty| values(ty.clone()).prop_map(move |value| (ty.clone(), value)))
}

proptest! {
    #[test]
    fn encoded_value_decodes_to_the_same_value((ty, value) in typed_values()) {
        prop_assert_eq!(decode(&encode(&value, &ty).unwrap(), &ty), Ok(value));
    }

    #[test]
    fn encoded_type_decodes_to_the_same_type(ty in types()) {
        prop_assert_eq!(Type::from_json(&ty.to_json()), Ok(ty));
    }

    #[test]
    fn truncated_value_is_an_error((ty, value) in typed_values(), end in any::<prop::sample::Index>()) {
        let bytes = encode(&value, &ty).unwrap();
        prop_assert!(decode(&bytes[..end.index(bytes.len())], &ty).is_err());
    }

    #[test]
    fn random_bytes_cause_no_panic(ty in types(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, &ty);
        let _ = json::decode(&bytes, &ty);
        let _ = Type::from_json(&bytes);
    }

    #[test]
    fn changed_byte_causes_no_panic((ty, value) in typed_values(), index in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = encode(&value, &ty).unwrap();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        let _ = decode(&bytes, &ty);
    }
}
