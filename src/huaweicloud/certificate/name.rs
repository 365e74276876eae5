//! Formats distinguished names as `String` of Go's `pkix.Name`, which the provider `hashicorp/tls` uses.

use base16ct::lower::encode_string as hex;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::{Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;

/// The attributes that have a name, in the order in which Go prints them.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.3", "CN"),
    ("2.5.4.11", "OU"),
    ("2.5.4.10", "O"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.6", "C"),
];

/// The attributes that Go prints once, with their last value. It joins the values of the others with "+".
const SINGLE: [&str; 2] = ["SERIALNUMBER", "CN"];

/// Returns the name as a string, roughly as in RFC 2253. Attributes without a name follow the others, as OID and DER.
pub(super) fn format(name: &Name) -> String {
    let mut parts = Vec::new();
    for (oid, label) in ATTRIBUTES {
        let values = name.iter().filter(|attribute| attribute.oid.to_string() == oid).filter_map(text);
        let mut values: Vec<String> = values.map(|value| format!("{label}={}", escape(&value))).collect();
        if SINGLE.contains(&label) {
            values = values.pop().filter(|last| last.len() > label.len() + 1).into_iter().collect();
        }
        if !values.is_empty() {
            parts.push(values.join("+"));
        }
    }
    let others: Vec<&AttributeTypeAndValue> = name.iter().filter(|attribute| !is_named(attribute)).collect();
    parts.extend(
        others
            .into_iter()
            .rev()
            .map(|attribute| format!("{}=#{}", attribute.oid, hex(&value_der(attribute)))),
    );
    parts.join(",")
}

/// Whether the attribute is printed with a name and its text.
fn is_named(attribute: &AttributeTypeAndValue) -> bool {
    let oid = attribute.oid.to_string();
    ATTRIBUTES.iter().any(|(known, _)| *known == oid) && text(attribute).is_some()
}

/// Returns the text of a value. None if it is not a string.
fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let bytes = attribute.value.value();
    match attribute.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // Implementations use ISO 8859-1 here, although the standard is T.61.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units =
                bytes.chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit.get(1).copied().unwrap_or(0)]));
            String::from_utf16(&units.collect::<Vec<_>>()).ok()
        }
        _ => None,
    }
}

/// Returns the DER of a value as Go encodes it: a string is a `PrintableString` or a `UTF8String`, whatever it was.
fn value_der(attribute: &AttributeTypeAndValue) -> Vec<u8> {
    let Some(text) = text(attribute) else { return attribute.value.to_der().unwrap_or_default() };
    let is_printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = if text.bytes().all(is_printable) { Tag::PrintableString } else { Tag::Utf8String };
    x509_cert::der::Any::new(tag, text.into_bytes()).and_then(|value| value.to_der()).unwrap_or_default()
}

/// Escapes the characters that have a meaning in a distinguished name.
fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::new();
    for (index, character) in value.chars().enumerate() {
        let is_special = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => index == 0 || index == last,
            '#' => index == 0,
            _ => false,
        };
        if is_special {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_with_a_meaning_are_escaped() {
        for (value, escaped) in [
            ("a, b+c", "a\\, b\\+c"),
            ("\"<>;\\", "\\\"\\<\\>\\;\\\\"),
            (" a b ", "\\ a b\\ "),
            ("#a#", "\\#a#"),
            ("漢 字", "漢 字"),
            ("", ""),
        ] {
            assert_eq!(escape(value), escaped);
        }
    }
}
