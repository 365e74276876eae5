//! MessagePack as core writes and reads it (go-cty's `cty/msgpack`): numbers in whichever form loses nothing, unknown
//! values as extensions, objects with exactly their attributes.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rmp::Marker;
use rmp::decode;
use rmp::encode;

use super::{Error, Number, Refinement, Type, Value};

/// Extension type 0: nothing is known. go-cty writes one zero byte as its payload.
const PLAIN: i8 = 0;

/// Extension type 12: something is known, such as "not null".
const REFINED: i8 = 12;

/// Where go-cty itself stops to read a refinement.
const LONGEST_REFINEMENT: usize = 1024;

/// Deeper than any schema; only a dynamic value could bring more. Keeps a hostile value off the end of the stack.
const DEPTH: usize = 128;

/// Reads one value. What follows it is ignored, as core does.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, Error> {
    read(&mut decode::Bytes::new(bytes), ty, DEPTH)
}

fn read(from: &mut decode::Bytes<'_>, ty: &Type, depth: usize) -> Result<Value, Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::new("the value is nested too deeply"));
    };
    let marker = marker_ahead(from)?;
    match marker {
        Marker::Null => return decode::read_nil(from).map(|()| Value::Null).map_err(|_| cut()),
        Marker::FixExt1
        | Marker::FixExt2
        | Marker::FixExt4
        | Marker::FixExt8
        | Marker::FixExt16
        | Marker::Ext8
        | Marker::Ext16
        | Marker::Ext32 => {
            let meta = decode::read_ext_meta(from).map_err(|_| cut())?;
            let payload = take(from, meta.size)?;
            // Whatever its number, an extension is an unknown value; only one kind says more.
            let payload = if meta.typeid == REFINED { payload } else { &[] };
            if payload.len() > LONGEST_REFINEMENT {
                return Err(Error::new("the refinement of an unknown value is too long"));
            }
            return Ok(Value::Unknown(Refinement(payload.into())));
        }
        _ => {}
    }
    match ty {
        Type::Bool => decode::read_bool(from).map(Value::Bool).map_err(|_| Error::required(ty)),
        Type::String => read_text(from, marker).map(Value::from).ok_or_else(|| Error::required(ty)),
        Type::Number => read_number(from, marker).map(Value::Number).ok_or_else(|| Error::required(ty)),
        Type::List(item) | Type::Set(item) => {
            let count = read_count(from, ty)?;
            let items = (0..count).map(|index| read(from, item, depth).map_err(|error| error.within(index)));
            Ok(Value::List(items.collect::<Result<_, _>>()?))
        }
        Type::Tuple(items) => {
            if read_count(from, ty)? != items.len() {
                return Err(Error::new(format!("a tuple of {} is required", items.len())));
            }
            let items = items.iter().enumerate();
            let items =
                items.map(|(index, item)| read(from, item, depth).map_err(|error| error.within(index)));
            Ok(Value::List(items.collect::<Result<_, _>>()?))
        }
        Type::Map(item) => read_entries(from, ty, |from, key| {
            read(from, item, depth).map_err(|error| error.within(format_args!("{key:?}")))
        }),
        Type::Object(attributes) => {
            let object = read_entries(from, ty, |from, key| {
                let ty =
                    attributes.get(key).ok_or_else(|| Error::new(format!("unexpected attribute {key:?}")))?;
                read(from, ty, depth).map_err(|error| error.within(format_args!("{key:?}")))
            })?;
            match attributes.keys().find(|name| object.attribute(name).is_none()) {
                None => Ok(object),
                Some(name) => Err(Error::new(format!("the attribute {name:?} is missing"))),
            }
        }
        Type::Dynamic => {
            if read_count(from, ty)? != 2 {
                return Err(Error::required(ty));
            }
            let marker = marker_ahead(from)?;
            let ty = Type::from_json(read_text(from, marker).ok_or_else(|| Error::required(ty))?.as_bytes())?;
            let value = read(from, &ty, depth)?;
            Ok(Value::Dynamic(Box::new((ty, value))))
        }
    }
}

fn marker_ahead(from: &decode::Bytes<'_>) -> Result<Marker, Error> {
    from.remaining_slice().first().map(|byte| Marker::from_u8(*byte)).ok_or_else(cut)
}

fn take<'a>(from: &mut decode::Bytes<'a>, count: u32) -> Result<&'a [u8], Error> {
    let rest = from.remaining_slice();
    let (taken, rest) =
        usize::try_from(count).ok().and_then(|count| rest.split_at_checked(count)).ok_or_else(cut)?;
    *from = decode::Bytes::new(rest);
    Ok(taken)
}

/// Text in either form; core takes a binary for a string, too.
fn read_text<'a>(from: &mut decode::Bytes<'a>, marker: Marker) -> Option<&'a str> {
    let length = match marker {
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => decode::read_bin_len(from).ok()?,
        _ => decode::read_str_len(from).ok()?,
    };
    std::str::from_utf8(take(from, length).ok()?).ok()
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
            Number::parse(read_text(from, marker)?)
        }
        _ => decode::read_int(from).ok().map(Number::Signed),
    }
}

/// How many items follow. Each takes a byte at least, so a count beyond what is left is a lie.
fn read_count(from: &mut decode::Bytes<'_>, ty: &Type) -> Result<usize, Error> {
    let count = decode::read_array_len(from).map_err(|_| Error::required(ty))?;
    usize::try_from(count).ok().filter(|count| *count <= from.remaining_slice().len()).ok_or_else(cut)
}

fn read_entries<'a>(
    from: &mut decode::Bytes<'a>,
    ty: &Type,
    mut value: impl FnMut(&mut decode::Bytes<'a>, &str) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let count = decode::read_map_len(from).map_err(|_| Error::required(ty))?;
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let marker = marker_ahead(from)?;
        let key = read_text(from, marker).ok_or_else(|| Error::new("a key that is text is required"))?;
        let value = value(from, key)?;
        if entries.insert(key.to_owned(), value).is_some() {
            return Err(Error::new(format!("the key {key:?} comes twice")));
        }
    }
    Ok(Value::Map(entries))
}

fn cut() -> Error {
    Error::new("the value is cut off")
}

/// Writes one value in the form in which core writes it.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write(&mut bytes, value, ty, DEPTH)?;
    Ok(bytes)
}

fn write(to: &mut Vec<u8>, value: &Value, ty: &Type, depth: usize) -> Result<(), Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::new("the value is nested too deeply"));
    };
    match (value, ty) {
        (Value::Null, _) => encode::write_nil(to).map_err(|_| full()),
        (Value::Unknown(refinement), _) => write_unknown(to, refinement),
        (Value::Bool(value), Type::Bool) => encode::write_bool(to, *value).map_err(|_| full()),
        (Value::String(text), Type::String) => encode::write_str(to, text).map_err(|_| full()),
        (Value::Number(number), Type::Number) => write_number(to, number),
        (Value::List(items), Type::List(item) | Type::Set(item)) => {
            write_items(to, items, std::iter::repeat(&**item), depth)
        }
        (Value::List(items), Type::Tuple(types)) if items.len() == types.len() => {
            write_items(to, items, types, depth)
        }
        (Value::Map(entries), Type::Map(item)) => {
            write_entries(to, entries, |to, _, value| write(to, value, item, depth))
        }
        (Value::Map(entries), Type::Object(attributes)) => {
            if let Some(name) = attributes.keys().find(|name| !entries.contains_key(*name)) {
                return Err(Error::new(format!("the attribute {name:?} is missing")));
            }
            write_entries(to, entries, |to, key, value| match attributes.get(key) {
                Some(ty) => write(to, value, ty, depth),
                None => Err(Error::new("unexpected attribute")),
            })
        }
        (Value::Dynamic(dynamic), Type::Dynamic) => {
            let (ty, value) = &**dynamic;
            write_count(to, 2)?;
            encode::write_bin(to, &ty.to_json()).map_err(|_| full())?;
            write(to, value, ty, depth)
        }
        _ => Err(Error::required(ty)),
    }
}

fn write_unknown(to: &mut Vec<u8>, Refinement(payload): &Refinement) -> Result<(), Error> {
    if payload.len() > LONGEST_REFINEMENT {
        return Err(full());
    }
    match u8::try_from(payload.len()) {
        Ok(0) => to.extend_from_slice(&[Marker::FixExt1.to_u8(), PLAIN.cast_unsigned(), 0]),
        // rmp would choose a fixed form for some lengths; go-cty never does.
        Ok(length) => to.extend_from_slice(&[Marker::Ext8.to_u8(), length, REFINED.cast_unsigned()]),
        Err(_) => {
            let length = u32::try_from(payload.len()).map_err(|_| full())?;
            encode::write_ext_meta(to, length, REFINED).map_err(|_| full())?;
        }
    }
    to.extend_from_slice(payload);
    Ok(())
}

fn write_number(to: &mut Vec<u8>, number: &Number) -> Result<(), Error> {
    match number {
        // Positive values take the unsigned forms.
        Number::Signed(number) => encode::write_sint(to, *number).map(drop).map_err(|_| full()),
        Number::Unsigned(number) => encode::write_uint(to, *number).map(drop).map_err(|_| full()),
        Number::Float(number) if number.is_finite() => encode::write_f64(to, *number).map_err(|_| full()),
        Number::Decimal(text) if super::is_numeral(text) => encode::write_str(to, text).map_err(|_| full()),
        // NaN makes core crash, an infinity makes it fail where it writes the state.
        Number::Float(_) | Number::Decimal(_) => Err(Error::new("a finite number is required")),
    }
}

fn write_items<'a>(
    to: &mut Vec<u8>,
    items: &[Value],
    types: impl IntoIterator<Item = &'a Type>,
    depth: usize,
) -> Result<(), Error> {
    write_count(to, items.len())?;
    items
        .iter()
        .zip(types)
        .enumerate()
        .try_for_each(|(index, (value, ty))| write(to, value, ty, depth).map_err(|error| error.within(index)))
}

fn write_count(to: &mut Vec<u8>, count: usize) -> Result<(), Error> {
    let count = u32::try_from(count).map_err(|_| full())?;
    encode::write_array_len(to, count).map(drop).map_err(|_| full())
}

fn write_entries(
    to: &mut Vec<u8>,
    entries: &BTreeMap<String, Value>,
    mut value: impl FnMut(&mut Vec<u8>, &str, &Value) -> Result<(), Error>,
) -> Result<(), Error> {
    let count = u32::try_from(entries.len()).map_err(|_| full())?;
    encode::write_map_len(to, count).map_err(|_| full())?;
    entries.iter().try_for_each(|(key, entry)| {
        encode::write_str(to, key).map_err(|_| full())?;
        value(to, key, entry).map_err(|error| error.within(format_args!("{key:?}")))
    })
}

fn full() -> Error {
    Error::new("the value is too long for its encoding")
}
