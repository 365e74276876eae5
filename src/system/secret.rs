//! Secrets of the process, and their redaction in texts.
//!
//! A secret is redacted from the moment in which its [`SecretString`] exists, so no kind of secret can be forgotten. The
//! process has one list for all configurations: a gateway may repeat what another one has sent.
#![expect(clippy::disallowed_types, reason = "the one user of the type without a list")]

mod encoding;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use secrecy::{ExposeSecret as _, SecretSlice};

use encoding::{DECODERS, View};

/// From this length on a secret is also redacted inside of words. A shorter one would turn `DBS.200002` into `D***.200002`.
const LONG: usize = 8;

/// A text that must not be shown. While it exists, [`redact`] removes it.
#[derive(Clone)]
pub struct SecretString(Arc<secrecy::SecretString>);

impl SecretString {
    /// The text itself, for a request or a signature.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for SecretString {
    fn from(text: String) -> Self {
        with(|known| known.add(text))
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

/// Redacts all secrets of the process, in any encoding. Must run before any truncation.
pub fn redact(text: &str) -> String {
    with(|known| cut_out(text, known.needles()))
}

/// Redacts only long secrets, for a text of our own, in which a short one is an ordinary word.
pub fn redact_long(text: &str) -> String {
    with(|known| cut_out(text, known.needles().filter(|needle| !needle.is_whole_word)))
}

/// Enough for the tokens, keys and signatures of a busy minute.
const MOST_KNOWN: usize = 1024;

/// Dropped secrets that are still redacted, because responses on the way may repeat them.
const MOST_DROPPED: usize = 256;

struct Known(Vec<Entry>);

struct Entry {
    secret: Arc<secrecy::SecretString>,
    needles: Vec<Needle>,
}

impl Known {
    fn add(&mut self, text: String) -> SecretString {
        if let Some(known) = self.0.iter().find(|known| known.secret.expose_secret() == text) {
            return SecretString(known.secret.clone());
        }
        let needles = Needle::of(&text);
        let added = Arc::new(secrecy::SecretString::from(text));
        self.0.push(Entry { secret: added.clone(), needles });
        if self.0.len() > MOST_KNOWN {
            self.forget();
        }
        SecretString(added)
    }

    /// Removes the oldest dropped secrets.
    fn forget(&mut self) {
        let is_dropped = |known: &Entry| Arc::strong_count(&known.secret) == 1;
        let mut excess = self.0.iter().filter(|known| is_dropped(known)).count().saturating_sub(MOST_DROPPED);
        self.0.retain(|known| {
            let drop = excess > 0 && is_dropped(known);
            excess -= usize::from(drop);
            !drop
        });
    }

    fn needles(&self) -> impl Iterator<Item = &Needle> {
        self.0.iter().flat_map(|known| &known.needles)
    }
}

#[cfg(not(test))]
static KNOWN: Mutex<Known> = Mutex::new(Known(Vec::new()));

#[cfg(test)]
thread_local! {
    // The tests of this crate run at once, and "t" as one's token must not change what another one expects.
    static KNOWN: Mutex<Known> = const { Mutex::new(Known(Vec::new())) };
}

fn with<T>(work: impl FnOnce(&mut Known) -> T) -> T {
    let locked = |known: &Mutex<Known>| work(&mut known.lock().unwrap_or_else(PoisonError::into_inner));
    #[cfg(not(test))]
    return locked(&KNOWN);
    #[cfg(test)]
    KNOWN.with(locked)
}

/// Levels of encoding that are searched, such as JSON in a form field in JSON.
const DEPTH: usize = 3;

/// Limit of a text. The rest is neither searched nor shown.
const LONGEST_TEXT: usize = 64 << 10;

/// The largest ratio of a secret's length in an encoding to its own: a secret that is cut off at the limit is not found.
const WIDEST: usize = 64;

/// Up to this length a text is searched byte by byte.
const SHORT: usize = 4 << 10;

const SHOWN: &str = "***";

/// Finds secrets in a text and in all that it decodes to, and replaces them in the text itself.
fn cut_out<'a>(text: &str, needles: impl Iterator<Item = &'a Needle>) -> String {
    let needles: Vec<&Needle> = needles.filter(|needle| needle.len() <= text.len()).collect();
    let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or_default();
    let (text, rest) = head(text, LONGEST_TEXT.max(4 * WIDEST * longest));
    let mut found = Vec::new();
    search(&View::of(text), &needles, DEPTH, &mut found);
    if !rest.is_empty() {
        found.push(head(text, text.len().saturating_sub(WIDEST * longest)).0.len()..text.len());
    }
    cut(text, found)
}

fn head(text: &str, at_most: usize) -> (&str, &str) {
    text.split_at(floor(text, at_most))
}

/// The last character boundary up to this index.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// The first character boundary from this index on.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// A byte sequence to search for.
struct Needle {
    bytes: SecretSlice<u8>,
    /// Whether it is found as a whole word only.
    is_whole_word: bool,
}

impl Needle {
    /// The needles of a secret: itself without blanks at its ends, and its forms in Base64.
    fn of(secret: &str) -> Vec<Self> {
        let secret = secret.trim();
        let is_whole_word = secret.len() < LONG;
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
        let ranges = starts(&view.bytes, self.bytes.expose_secret()).map(|start| start..start + self.len());
        ranges.filter(move |range| {
            let before = range.start.checked_sub(1).and_then(|at| view.bytes.get(at));
            !self.is_whole_word || !is_word(before) && !is_word(view.bytes.get(range.end))
        })
    }
}

/// The indices of a needle in a text. Preparing [`memmem`] takes longer than searching a short text, and there are many
/// needles. In a long text it is always fast.
fn starts<'a>(text: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let (short, long) = if text.len() <= SHORT { (Some(text), None) } else { (None, Some(text)) };
    let short = short.into_iter().zip(needle.first()).flat_map(move |(text, first)| {
        memchr::memchr_iter(*first, text).filter(move |start| text[*start..].starts_with(needle))
    });
    short.chain(long.into_iter().flat_map(move |text| memmem::find_iter(text, needle)))
}

/// The forms of a secret in the Base64 of a longer text. Letters at its ends depend on its neighbours and are left out.
fn base64(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..3).flat_map(move |before| {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
        let letters = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
        [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD]
            .map(|form| form.encode(&padded).as_bytes()[letters.clone()].to_vec())
    })
}

/// Searches a view and all that it decodes to.
fn search(view: &View, needles: &[&Needle], depth: usize, found: &mut Vec<Range<usize>>) {
    for needle in needles {
        found.extend(needle.find(view).map(|range| view.source(range)));
    }
    if depth > 0 {
        for decode in DECODERS {
            if let Some(decoded) = decode(view) {
                search(&decoded, needles, depth - 1, found);
            }
        }
    }
}

fn cut(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_unstable_by_key(|range| range.start);
    let (mut shown, mut end) = (String::new(), 0);
    for range in found {
        let start = floor(text, range.start);
        if start >= end {
            shown += &text[end..start];
            shown += SHOWN;
        }
        end = end.max(ceil(text, range.end));
    }
    shown + &text[end..]
}
