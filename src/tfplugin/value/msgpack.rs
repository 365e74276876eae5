//! Encodes and decodes values as MessagePack, in the format of go-cty (`cty/msgpack`).
//!
//! Numbers keep all digits, unknown values are extensions, and an object contains exactly the attributes of its type.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rmp::Marker;
use rmp::decode;
use rmp::encode;

use super::{Error, Number, Refinements, Type, Value};

/// The extension type of an unknown value without refinements. go-cty writes one zero byte as its payload.
const EXT_UNKNOWN: i8 = 0;

/// The extension type of an unknown value with refinements.
const EXT_REFINED_UNKNOWN: i8 = 12;

/// The maximum length of the refinements in bytes, as in go-cty.
const MAX_REFINEMENTS_LENGTH: usize = 1024;

/// The maximum depth of a value. It prevents a stack overflow by a deeply nested dynamic value.
const MAX_DEPTH: usize = 128;

/// Decodes a value of this type. Bytes after the value are ignored, as in go-cty.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    read_value(&mut decode::Bytes::new(bytes), ty, MAX_DEPTH)
}

fn read_value(from: &mut decode::Bytes<'_>, ty: &Type, depth: usize) -> Result<Value, Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::new("the value is nested too deeply"));
    };
    let marker = peek_marker(from)?;
    match marker {
        Marker::Null => return decode::read_nil(from).map(|()| Value::Null).map_err(|_| truncated()),
        Marker::FixExt1
        | Marker::FixExt2
        | Marker::FixExt4
        | Marker::FixExt8
        | Marker::FixExt16
        | Marker::Ext8
        | Marker::Ext16
        | Marker::Ext32 => {
            let meta = decode::read_ext_meta(from).map_err(|_| truncated())?;
            let payload = read_bytes(from, meta.size)?;
            // go-cty decodes any other extension as an unknown value without refinements.
            let payload = if meta.typeid == EXT_REFINED_UNKNOWN { payload } else { &[] };
            if payload.len() > MAX_REFINEMENTS_LENGTH {
                return Err(Error::new("the refinements of an unknown value are too long"));
            }
            return Ok(Value::Unknown(Refinements(payload.into())));
        }
        _ => {}
    }
    match ty {
        Type::Bool => decode::read_bool(from).map(Value::Bool).map_err(|_| Error::type_mismatch(ty)),
        Type::String => read_string(from, marker).map(Value::from).ok_or_else(|| Error::type_mismatch(ty)),
        Type::Number => read_number(from, marker).map(Value::Number).ok_or_else(|| Error::type_mismatch(ty)),
        Type::List(element) | Type::Set(element) => {
            let length = read_array_length(from, ty)?;
            let elements = (0..length)
                .map(|index| read_value(from, element, depth).map_err(|error| error.with_parent_step(index)));
            Ok(Value::List(elements.collect::<Result<_, _>>()?))
        }
        Type::Tuple(types) => {
            if read_array_length(from, ty)? != types.len() {
                return Err(Error::new(format!("a tuple with {} elements is required", types.len())));
            }
            let elements = types.iter().enumerate().map(|(index, ty)| {
                read_value(from, ty, depth).map_err(|error| error.with_parent_step(index))
            });
            Ok(Value::List(elements.collect::<Result<_, _>>()?))
        }
        Type::Map(element) => read_entries(from, ty, |from, key| {
            read_value(from, element, depth).map_err(|error| error.with_parent_step(format_args!("{key:?}")))
        }),
        Type::Object(attributes) => {
            let object = read_entries(from, ty, |from, key| {
                let ty =
                    attributes.get(key).ok_or_else(|| Error::new(format!("unexpected attribute {key:?}")))?;
                read_value(from, ty, depth).map_err(|error| error.with_parent_step(format_args!("{key:?}")))
            })?;
            match attributes.keys().find(|name| object.attribute(name).is_none()) {
                None => Ok(object),
                Some(name) => Err(Error::new(format!("the attribute {name:?} is missing"))),
            }
        }
        Type::Dynamic => {
            if read_array_length(from, ty)? != 2 {
                return Err(Error::type_mismatch(ty));
            }
            let marker = peek_marker(from)?;
            let ty = Type::from_json(
                read_string(from, marker).ok_or_else(|| Error::type_mismatch(ty))?.as_bytes(),
            )?;
            let value = read_value(from, &ty, depth)?;
            Ok(Value::Dynamic(Box::new((ty, value))))
        }
    }
}

fn peek_marker(from: &decode::Bytes<'_>) -> Result<Marker, Error> {
    from.remaining_slice().first().map(|byte| Marker::from_u8(*byte)).ok_or_else(truncated)
}

fn read_bytes<'a>(from: &mut decode::Bytes<'a>, length: u32) -> Result<&'a [u8], Error> {
    let rest = from.remaining_slice();
    let (bytes, rest) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(truncated)?;
    *from = decode::Bytes::new(rest);
    Ok(bytes)
}

/// Reads a string. It may also be encoded as binary, as in go-cty.
fn read_string<'a>(from: &mut decode::Bytes<'a>, marker: Marker) -> Option<&'a str> {
    let length = match marker {
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => decode::read_bin_len(from).ok()?,
        _ => decode::read_str_len(from).ok()?,
    };
    std::str::from_utf8(read_bytes(from, length).ok()?).ok()
}

fn read_number(from: &mut decode::Bytes<'_>, marker: Marker) -> Option<Number> {
    let float = |number: f64| number.is_finite().then_some(Number::Float(number));
    match marker {
        Marker::F32 => decode::read_f32(from).ok().map(f64::from).and_then(float),
        Marker::F64 => decode::read_f64(from).ok().and_then(float),
        Marker::U64 => {
            let number: u64 = decode::read_int(from).ok()?;
            Some(i64::try_from(number).map_or(Number::Unsigned(number), Number::Signed))
        }
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
            Number::parse(read_string(from, marker)?)
        }
        _ => decode::read_int(from).ok().map(Number::Signed),
    }
}

/// Reads the length of an array. It must not exceed the number of bytes left, because an element has at least one byte.
fn read_array_length(from: &mut decode::Bytes<'_>, ty: &Type) -> Result<usize, Error> {
    let length = decode::read_array_len(from).map_err(|_| Error::type_mismatch(ty))?;
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= from.remaining_slice().len())
        .ok_or_else(truncated)
}

fn read_entries<'a>(
    from: &mut decode::Bytes<'a>,
    ty: &Type,
    mut read_value: impl FnMut(&mut decode::Bytes<'a>, &str) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let count = decode::read_map_len(from).map_err(|_| Error::type_mismatch(ty))?;
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let marker = peek_marker(from)?;
        let key = read_string(from, marker).ok_or_else(|| Error::new("a string is required as a map key"))?;
        let value = read_value(from, key)?;
        if entries.insert(key.to_owned(), value).is_some() {
            return Err(Error::new(format!("duplicate key {key:?}")));
        }
    }
    Ok(Value::Map(entries))
}

fn truncated() -> Error {
    Error::new("the value is truncated")
}

/// Encodes a value of this type.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Error> {
    // Most states are shorter.
    let mut bytes = Vec::with_capacity(1024);
    write_value(&mut bytes, value, ty, MAX_DEPTH)?;
    Ok(bytes)
}

fn write_value(to: &mut Vec<u8>, value: &Value, ty: &Type, depth: usize) -> Result<(), Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::new("the value is nested too deeply"));
    };
    match (value, ty) {
        (Value::Null, _) => encode::write_nil(to).map_err(|_| too_long()),
        (Value::Unknown(refinements), _) => write_unknown(to, refinements),
        (Value::Bool(value), Type::Bool) => encode::write_bool(to, *value).map_err(|_| too_long()),
        (Value::String(string), Type::String) => encode::write_str(to, string).map_err(|_| too_long()),
        (Value::Number(number), Type::Number) => write_number(to, number),
        (Value::List(elements), Type::List(ty) | Type::Set(ty)) => {
            write_elements(to, elements, std::iter::repeat(&**ty), depth)
        }
        (Value::List(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            write_elements(to, elements, types, depth)
        }
        (Value::Map(entries), Type::Map(ty)) => {
            write_entries(to, entries, |to, _, value| write_value(to, value, ty, depth))
        }
        (Value::Map(entries), Type::Object(attributes)) => {
            if let Some(name) = attributes.keys().find(|name| !entries.contains_key(*name)) {
                return Err(Error::new(format!("the attribute {name:?} is missing")));
            }
            write_entries(to, entries, |to, key, value| match attributes.get(key) {
                Some(ty) => write_value(to, value, ty, depth),
                None => Err(Error::new("unexpected attribute")),
            })
        }
        (Value::Dynamic(dynamic), Type::Dynamic) => {
            let (ty, value) = &**dynamic;
            write_array_length(to, 2)?;
            encode::write_bin(to, &ty.to_json()).map_err(|_| too_long())?;
            write_value(to, value, ty, depth)
        }
        _ => Err(Error::type_mismatch(ty)),
    }
}

fn write_unknown(to: &mut Vec<u8>, Refinements(payload): &Refinements) -> Result<(), Error> {
    if payload.len() > MAX_REFINEMENTS_LENGTH {
        return Err(too_long());
    }
    match u8::try_from(payload.len()) {
        Ok(0) => to.extend_from_slice(&[Marker::FixExt1.to_u8(), EXT_UNKNOWN.cast_unsigned(), 0]),
        // go-cty never uses the fixed-length formats, which rmp uses for some lengths.
        Ok(length) => {
            to.extend_from_slice(&[Marker::Ext8.to_u8(), length, EXT_REFINED_UNKNOWN.cast_unsigned()])
        }
        Err(_) => {
            let length = u32::try_from(payload.len()).map_err(|_| too_long())?;
            encode::write_ext_meta(to, length, EXT_REFINED_UNKNOWN).map_err(|_| too_long())?;
        }
    }
    to.extend_from_slice(payload);
    Ok(())
}

fn write_number(to: &mut Vec<u8>, number: &Number) -> Result<(), Error> {
    match number {
        // A positive integer is encoded as an unsigned one.
        Number::Signed(number) => encode::write_sint(to, *number).map(drop).map_err(|_| too_long()),
        Number::Unsigned(number) => encode::write_uint(to, *number).map(drop).map_err(|_| too_long()),
        Number::Float(number) if number.is_finite() => encode::write_f64(to, *number).map_err(|_| too_long()),
        Number::Decimal(string) if super::is_decimal(string) => {
            encode::write_str(to, string).map_err(|_| too_long())
        }
        // Terraform crashes on NaN and cannot save infinity in the state.
        Number::Float(_) | Number::Decimal(_) => Err(Error::new("a finite number is required")),
    }
}

fn write_elements<'a>(
    to: &mut Vec<u8>,
    elements: &[Value],
    types: impl IntoIterator<Item = &'a Type>,
    depth: usize,
) -> Result<(), Error> {
    write_array_length(to, elements.len())?;
    elements.iter().zip(types).enumerate().try_for_each(|(index, (value, ty))| {
        write_value(to, value, ty, depth).map_err(|error| error.with_parent_step(index))
    })
}

fn write_array_length(to: &mut Vec<u8>, length: usize) -> Result<(), Error> {
    let length = u32::try_from(length).map_err(|_| too_long())?;
    encode::write_array_len(to, length).map(drop).map_err(|_| too_long())
}

fn write_entries(
    to: &mut Vec<u8>,
    entries: &BTreeMap<String, Value>,
    mut write_value: impl FnMut(&mut Vec<u8>, &str, &Value) -> Result<(), Error>,
) -> Result<(), Error> {
    let count = u32::try_from(entries.len()).map_err(|_| too_long())?;
    encode::write_map_len(to, count).map_err(|_| too_long())?;
    entries.iter().try_for_each(|(key, value)| {
        encode::write_str(to, key).map_err(|_| too_long())?;
        write_value(to, key, value).map_err(|error| error.with_parent_step(format_args!("{key:?}")))
    })
}

fn too_long() -> Error {
    Error::new("the value is too long")
}
