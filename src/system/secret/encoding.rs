//! Base64 forms of secrets, and decoders that keep the original position of each decoded byte.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A string in its original or a decoded form.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// The range of each byte in the original string.
    spans: Vec<(u32, u32)>,
}

impl View {
    pub(super) fn new(text: &str) -> Self {
        let spans = (0..).zip(1..).take(text.len()).collect();
        Self { bytes: text.as_bytes().to_vec(), spans }
    }

    /// Returns the range of these bytes in the original string.
    pub(super) fn source_range(&self, range: Range<usize>) -> Range<usize> {
        let index = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let spans = &self.spans[range];
        spans.first().map_or(0, |(start, _)| index(*start))..spans.last().map_or(0, |(_, end)| index(*end))
    }

    /// Decodes the view, or returns `None` if nothing is encoded. `decode_one` decodes the first escape of its input,
    /// and returns the length of the escape.
    fn decode_with(&self, decode_one: impl Fn(&[u8]) -> Option<(DecodedBytes, usize)>) -> Option<Self> {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        let mut at = 0;
        let mut is_encoded = false;
        while at < self.bytes.len() {
            let (decoded, length) = match decode_one(&self.bytes[at..]) {
                Some(decoded) => {
                    is_encoded = true;
                    decoded
                }
                None => (DecodedBytes::byte(self.bytes[at]), 1),
            };
            let span = (self.spans[at].0, self.spans[at + length - 1].1);
            bytes.extend_from_slice(decoded.as_slice());
            spans.extend(std::iter::repeat_n(span, decoded.length));
            at += length;
        }
        is_encoded.then_some(Self { bytes, spans })
    }
}

/// The decoded bytes of one escape: at most one character.
struct DecodedBytes {
    bytes: [u8; 4],
    length: usize,
}

impl DecodedBytes {
    fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], length: 1 }
    }

    fn character(letter: char) -> Self {
        let mut bytes = [0; 4];
        let length = letter.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

type Decoder = fn(&View) -> Option<View>;

pub(super) const DECODERS: [Decoder; 4] = [
    |view| view.decode_with(backslash_escape),
    |view| view.decode_with(percent_escape),
    |view| {
        view.decode_with(|rest| {
            percent_escape(rest).or_else(|| (rest[0] == b'+').then_some((DecodedBytes::byte(b' '), 1)))
        })
    },
    |view| view.decode_with(html_entity),
];

/// Decodes a backslash escape of JSON, JavaScript, Python or our own log: `\"`, `\n`, `\x41`, `\u0041`, `\u{41}`.
fn backslash_escape(rest: &[u8]) -> Option<(DecodedBytes, usize)> {
    let escape = *rest.strip_prefix(b"\\")?.first()?;
    let after = &rest[2..];
    match escape {
        b'u' if after.first() == Some(&b'{') => {
            let end = after.iter().take(8).position(|byte| *byte == b'}')?;
            Some((DecodedBytes::character(char::from_u32(hex(&after[1..end])?)?), 2 + end + 1))
        }
        b'u' => {
            let first = hex(after.get(..4)?)?;
            let second = || after.get(4..10)?.strip_prefix(b"\\u").and_then(hex);
            match (char::from_u32(first), second()) {
                (Some(letter), _) => Some((DecodedBytes::character(letter), 6)),
                (None, Some(second @ 0xdc00..=0xdfff)) if first < 0xdc00 => {
                    let letter = char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
                    Some((DecodedBytes::character(letter), 12))
                }
                (None, _) => None,
            }
        }
        b'x' => Some((DecodedBytes::byte(u8::try_from(hex(after.get(..2)?)?).ok()?), 4)),
        b'n' => Some((DecodedBytes::byte(b'\n'), 2)),
        b'r' => Some((DecodedBytes::byte(b'\r'), 2)),
        b't' => Some((DecodedBytes::byte(b'\t'), 2)),
        b'b' => Some((DecodedBytes::byte(8), 2)),
        b'f' => Some((DecodedBytes::byte(12), 2)),
        b'"' | b'\'' | b'\\' | b'/' => Some((DecodedBytes::byte(escape), 2)),
        _ => None,
    }
}

/// Decodes a percent escape of a URL: `%41`.
fn percent_escape(rest: &[u8]) -> Option<(DecodedBytes, usize)> {
    let digits = rest.strip_prefix(b"%")?.get(..2)?;
    Some((DecodedBytes::byte(u8::try_from(hex(digits)?).ok()?), 3))
}

/// Decodes an HTML entity: `&amp;`, `&#65;`, `&#x41;`.
fn html_entity(rest: &[u8]) -> Option<(DecodedBytes, usize)> {
    let rest = rest.strip_prefix(b"&")?;
    let end = rest.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let letter = match name.strip_prefix('#') {
        Some(number) => {
            let hex = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
            char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)?
        }
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((DecodedBytes::character(letter), end + 2))
}

/// The HTML 5 entities of characters that a secret may contain.
#[rustfmt::skip]
const ENTITIES: [(&str, char); 33] = [
    ("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", '\u{a0}'), ("sol", '/'),
    ("bsol", '\\'), ("plus", '+'), ("equals", '='), ("num", '#'), ("percnt", '%'), ("lowbar", '_'), ("colon", ':'),
    ("semi", ';'), ("comma", ','), ("period", '.'), ("excl", '!'), ("quest", '?'), ("commat", '@'), ("dollar", '$'),
    ("ast", '*'), ("lpar", '('), ("rpar", ')'), ("lbrack", '['), ("rbrack", ']'), ("lbrace", '{'), ("rbrace", '}'),
    ("Hat", '^'), ("grave", '`'), ("verbar", '|'), ("Tab", '\t'), ("NewLine", '\n'),
];

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// Returns the Base64 forms of a secret inside a longer string. The letters at both ends depend on the neighbours and
/// are omitted.
pub(super) fn base64(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..3).flat_map(move |before| {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
        let letters = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
        [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD]
            .map(|form| form.encode(&padded).as_bytes()[letters.clone()].to_vec())
    })
}

/// Splits a string at the last character boundary up to this index.
pub(super) fn split_at_most(text: &str, at_most: usize) -> (&str, &str) {
    text.split_at(floor_char_boundary(text, at_most))
}

/// Returns the last character boundary up to this index.
pub(super) fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// Returns the first character boundary from this index on.
pub(super) fn ceil_char_boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}
