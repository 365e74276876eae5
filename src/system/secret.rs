//! Secrets of the process, and their redaction in strings.
//!
//! A secret is redacted as soon as its [`SecretString`] exists, so that no secret can be forgotten. All configurations
//! share one registry, because a gateway may repeat a secret of another configuration.
#![expect(clippy::disallowed_types, reason = "the only user of the unregistered type")]

mod encoding;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;
use secrecy::{ExposeSecret as _, SecretSlice};

use encoding::{DECODERS, View, base64, ceil_char_boundary, floor_char_boundary, split_at_most};

/// Shorter secrets are redacted only as whole words. Otherwise a short one could turn `DBS.200002` into `D***.200002`.
const MIN_LONG_SECRET: usize = 8;

/// A string that must not be shown. [`redact`] replaces it as long as it exists.
#[derive(Clone)]
pub struct SecretString(Arc<secrecy::SecretString>);

impl SecretString {
    /// Returns the secret, for a request or a signature.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        with_registry(|registry| registry.add(text))
    }
}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Redacts all secrets of the process in any encoding. Must run before any truncation.
pub fn redact(text: &str) -> String {
    with_registry(|registry| redact_needles(text, registry.needles()))
}

/// Redacts only long secrets. For our own messages, where a short secret may be an ordinary word.
pub fn redact_long(text: &str) -> String {
    with_registry(|registry| redact_needles(text, registry.needles().filter(|needle| !needle.is_whole_word)))
}

/// Above this number of secrets, dropped ones are removed. Enough for the tokens, keys and signatures of one busy
/// minute.
const MAX_SECRETS: usize = 1024;

/// Maximum number of dropped secrets that are kept then. Late responses may repeat them.
const MAX_DROPPED: usize = 256;

struct SecretRegistry(Vec<Entry>);

struct Entry {
    secret: Arc<secrecy::SecretString>,
    needles: Vec<Needle>,
}

impl SecretRegistry {
    fn add(&mut self, text: String) -> SecretString {
        if let Some(entry) = self.0.iter().find(|entry| entry.secret.expose_secret() == text) {
            return SecretString(entry.secret.clone());
        }
        let needles = Needle::for_secret(&text);
        let added = Arc::new(secrecy::SecretString::from(text));
        self.0.push(Entry { secret: added.clone(), needles });
        if self.0.len() > MAX_SECRETS {
            self.remove_oldest_dropped();
        }
        SecretString(added)
    }

    /// Removes the oldest dropped secrets.
    fn remove_oldest_dropped(&mut self) {
        let is_dropped = |entry: &Entry| Arc::strong_count(&entry.secret) == 1;
        let mut excess = self.0.iter().filter(|entry| is_dropped(entry)).count().saturating_sub(MAX_DROPPED);
        self.0.retain(|entry| {
            let drop = excess > 0 && is_dropped(entry);
            excess -= usize::from(drop);
            !drop
        });
    }

    fn needles(&self) -> impl Iterator<Item = &Needle> {
        self.0.iter().flat_map(|entry| &entry.needles)
    }
}

#[cfg(not(test))]
static REGISTRY: Mutex<SecretRegistry> = Mutex::new(SecretRegistry(Vec::new()));

#[cfg(test)]
thread_local! {
    // Tests run in parallel, and a secret of one test must not change the strings of another.
    static REGISTRY: Mutex<SecretRegistry> = const { Mutex::new(SecretRegistry(Vec::new())) };
}

fn with_registry<T>(action: impl FnOnce(&mut SecretRegistry) -> T) -> T {
    let locked = |registry: &Mutex<SecretRegistry>| {
        action(&mut registry.lock().unwrap_or_else(PoisonError::into_inner))
    };
    #[cfg(not(test))]
    return locked(&REGISTRY);
    #[cfg(test)]
    REGISTRY.with(locked)
}

/// Maximum nesting of encodings, such as JSON in a form field in JSON.
const MAX_ENCODING_DEPTH: usize = 3;

/// Maximum length of a string. The rest is neither searched nor shown.
const MAX_LENGTH: usize = 64 << 10;

/// Maximum ratio between the encoded and the plain length of a secret. A truncated string may end with a part of a
/// secret, so the end is redacted: this many times the length of the longest secret.
const MAX_EXPANSION: usize = 64;

/// Strings up to this length are searched byte by byte.
const MEMMEM_THRESHOLD: usize = 4 << 10;

const REDACTED: &str = "***";

/// Finds the needles in a string and in everything that it decodes to, and replaces them in the string.
fn redact_needles<'a>(text: &str, needles: impl Iterator<Item = &'a Needle>) -> String {
    let needles: Vec<&Needle> = needles.filter(|needle| needle.len() <= text.len()).collect();
    let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or_default();
    let (text, rest) = split_at_most(text, MAX_LENGTH.max(4 * MAX_EXPANSION * longest));
    let mut found = Vec::new();
    search(&View::new(text), &needles, MAX_ENCODING_DEPTH, &mut found);
    if !rest.is_empty() {
        found.push(
            split_at_most(text, text.len().saturating_sub(MAX_EXPANSION * longest)).0.len()..text.len(),
        );
    }
    replace_ranges(text, found)
}

/// A byte sequence to search for.
struct Needle {
    bytes: SecretSlice<u8>,
    /// Whether it must be a whole word.
    is_whole_word: bool,
}

impl Needle {
    /// Returns the needles of a secret: the trimmed secret and its Base64 forms.
    fn for_secret(secret: &str) -> Vec<Self> {
        let secret = secret.trim();
        let is_whole_word = secret.len() < MIN_LONG_SECRET;
        let needle = |bytes: Vec<u8>| Self { bytes: bytes.into(), is_whole_word };
        match (secret, is_whole_word) {
            ("", _) => Vec::new(),
            (_, true) => vec![needle(secret.into())],
            (_, false) => {
                std::iter::once(secret.into()).chain(base64(secret.as_bytes())).map(needle).collect()
            }
        }
    }

    fn len(&self) -> usize {
        self.bytes.expose_secret().len()
    }

    fn find<'a>(&'a self, view: &'a View) -> impl Iterator<Item = Range<usize>> + 'a {
        let is_word =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let ranges =
            occurrences(&view.bytes, self.bytes.expose_secret()).map(|start| start..start + self.len());
        ranges.filter(move |range| {
            let before = range.start.checked_sub(1).and_then(|at| view.bytes.get(at));
            !self.is_whole_word || !is_word(before) && !is_word(view.bytes.get(range.end))
        })
    }
}

/// Returns the indices of a needle. For a short string, a byte search is faster than preparing [`memmem`] for each of
/// the many needles.
fn occurrences<'a>(text: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let (short, long) = if text.len() <= MEMMEM_THRESHOLD { (Some(text), None) } else { (None, Some(text)) };
    let short = short.into_iter().zip(needle.first()).flat_map(move |(text, first)| {
        memchr::memchr_iter(*first, text).filter(move |start| text[*start..].starts_with(needle))
    });
    short.chain(long.into_iter().flat_map(move |text| memmem::find_iter(text, needle)))
}

/// Searches a view and everything that it decodes to.
fn search(view: &View, needles: &[&Needle], depth: usize, found: &mut Vec<Range<usize>>) {
    for needle in needles {
        found.extend(needle.find(view).map(|range| view.source_range(range)));
    }
    if depth > 0 {
        for decode in DECODERS {
            if let Some(decoded) = decode(view) {
                search(&decoded, needles, depth - 1, found);
            }
        }
    }
}

fn replace_ranges(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_unstable_by_key(|range| range.start);
    let (mut shown, mut end) = (String::new(), 0);
    for range in found {
        let start = floor_char_boundary(text, range.start);
        if start >= end {
            shown += &text[end..start];
            shown += REDACTED;
        }
        end = end.max(ceil_char_boundary(text, range.end));
    }
    shown + &text[end..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redact_secret(text: &str, secret: &str) -> String {
        redact_needles(text, Needle::for_secret(secret).iter())
    }

    #[test]
    fn long_secret_is_redacted_in_every_encoding() {
        let secret = "aB/9+c=\"d\\e f<é";
        for encoded in [
            secret.to_owned(),
            r#"aB\/9+c\u003d\"d\\e f<é"#.into(),
            r#"\u0061\u0042\u002F\u0039\u002b\u0063\u003D\u0022\u0064\u005c\u0065\u0020\u0066\u003c\u00e9"#
                .into(),
            r#"aB/9+c=\\\"d\\\\e f\\u003cé"#.into(),
            r#"aB/9+c\x3d\"d\\e f\u{3c}é"#.into(),
            "aB%2F9%2Bc%3D%22d%5Ce%20f%3C%C3%A9".into(),
            "aB%2f9%2bc%3d%22d%5ce%20f%3c%c3%a9".into(),
            "aB%2F9%2Bc%3D%22d%5Ce+f%3C%C3%A9".into(),
            "aB%252F9%252Bc%253D%2522d%255Ce%2520f%253C%25C3%25A9".into(),
            "aB/9+c=&quot;d\\e f&lt;é".into(),
            "aB&#47;9&#x2b;c&equals;&#34;d&bsol;e&#x20;f&#60;&#xe9;".into(),
        ] {
            assert_eq!(
                redact_secret(&format!("you sent <{encoded}>!"), secret),
                "you sent <***>!",
                "{encoded}"
            );
        }
    }

    #[test]
    fn secret_is_redacted_inside_base64() {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

        for before in ["", "u:", "us:", "user:"] {
            let text = format!("{before}pass?>~word!");
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let shown = redact_secret(&format!("Basic {encoded}"), "pass?>~word!");
                assert!(shown.contains("***") && shown.len() < 24, "{shown}");
            }
        }
    }

    #[test]
    fn short_secret_is_redacted_only_as_a_whole_word() {
        for (text, shown) in [
            ("DBS.200002", "DBS.200002"),
            ("your S, or S=1 (S)", "your ***, or ***=1 (***)"),
            (r"a\nS\u0020b", r"a\n***\u0020b"),
            ("key%3DS%26", "key%3D***%26"),
            ("S", "***"),
            ("SS _S S1", "SS _S S1"),
        ] {
            assert_eq!(redact_secret(text, "S"), shown);
        }
    }

    #[test]
    fn overlapping_secrets_are_redacted_completely() {
        let both: Vec<_> = ["12345678", "5678901y"].into_iter().flat_map(Needle::for_secret).collect();
        assert_eq!(redact_needles("x12345678901y", both.iter()), "x***");
        assert_eq!(redact_secret("x abcabcabcabc y", "abcabcabc"), "x *** y");
        assert_eq!(redact_secret("éabcdefghé", "abcdefgh"), "é***é");
        assert_eq!(
            (redact_secret("", "abcdefgh"), redact_secret("a", " \n")),
            (String::new(), "a".to_owned())
        );
    }

    #[test]
    fn truncated_secret_at_the_maximum_length_is_not_shown() {
        let secret = "0123456789abcdef".repeat(300);
        let long = format!("{}{}", secret.repeat(400), "x");
        let shown = redact_secret(&long, &secret);
        assert!(!shown.contains("0123456789"), "{}", &shown[shown.len() - 40..]);
        assert!(redact_secret(&"x".repeat(1 << 20), "12345678").len() <= 1 << 16);
    }

    #[test]
    fn secret_is_redacted_until_some_time_after_its_drop() {
        assert_eq!(redact("held-secret"), "held-secret");
        let held = SecretString::from("held-secret\n");
        assert_eq!((redact("a held-secret"), format!("{held:?}")), ("a ***".to_owned(), "***".to_owned()));
        for number in 0..3000 {
            drop(SecretString::from(format!("dropped-{number:04}")));
        }
        assert_eq!(redact("held-secret dropped-2999 dropped-0001"), "*** *** dropped-0001");
        assert!(with_registry(|registry| registry.0.len()) <= MAX_SECRETS);
        let again = SecretString::from("held-secret\n");
        assert!(Arc::ptr_eq(&held.0, &again.0));
    }

    #[test]
    fn redact_long_keeps_short_words() {
        let _secrets = ["read", "longer-secret"].map(SecretString::from);
        assert_eq!(redact_long("read failed: longer-secret"), "read failed: ***");
    }

    /// Encodes a string in one of the supported forms.
    fn encode(text: &str, form: usize, seed: u64) -> String {
        let mut state = seed;
        let mut coin = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 63 == 1
        };
        let units = |letter: char| {
            letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
        };
        let bytes =
            |letter: char| letter.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        text.chars()
            .map(|letter| match (form, letter) {
                (0, _) => letter.to_string(),
                (1, '"' | '\\' | '/') => format!("\\{letter}"),
                (2, _) => units(letter),
                (3, _) if coin() || letter == '\\' => units(letter),
                (4, _) => bytes(letter),
                (5, _) => bytes(letter).to_lowercase(),
                (6, ' ') => "+".to_owned(),
                (6, _) if !letter.is_ascii_alphanumeric() => bytes(letter),
                (7, _) => format!("&#{};", u32::from(letter)),
                (8, '&') => "&amp;".to_owned(),
                (8, '<') => "&lt;".to_owned(),
                (8, '>') => "&gt;".to_owned(),
                (8, '"') => "&quot;".to_owned(),
                (8, '\'') => "&#39;".to_owned(),
                _ => letter.to_string(),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn secret_is_redacted_in_two_nested_encodings(
            secret in "[!-~é][ -~é😀]{6,30}[!-~é]",
            before in "[ -~é]{0,20}",
            after in "[ -~é]{0,20}",
            (first, second) in (0..9_usize, 0..9_usize),
            seed in any::<u64>(),
        ) {
            let encoded = encode(&encode(&secret, first, seed), second, !seed);
            let shown = redact_secret(&format!("{before} {encoded} {after}"), &secret);
            prop_assert!(!shown.contains(&encoded), "{encoded} in {shown}");
        }

        #[test]
        fn string_without_the_secret_is_unchanged(text in "[ -~é]{0,200}") {
            prop_assert_eq!(redact_secret(&text, "secret that is not there"), text);
        }
    }

    #[test]
    fn secret_is_redacted_in_short_and_long_strings() {
        let _secret = SecretString::from("correct-horse");
        for padding in [0, 4000, 5000, 20_000] {
            let spaces = " ".repeat(padding);
            let shown = redact(&format!("c {spaces}correct-horse, correct-hors{spaces}"));
            assert_eq!(shown, format!("c {spaces}***, correct-hors{spaces}"), "{padding}");
        }
    }
}
