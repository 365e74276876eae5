//! The secrets of the process, and texts from outside without them.
//!
//! A secret is known from the moment in which a value of its type exists, so no kind of secret can be forgotten. There is
//! one list for the process and not one for each configuration: a gateway may repeat what it was sent by another one.
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

/// From this length on a secret is redacted inside of words, too. A shorter one would turn `DBS.200002` into `D***.200002`.
const LONG: usize = 8;

/// A text that must not be shown. Constructing it makes it known to [`redact`].
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

/// A decoded text from outside without any secret of the process, in whatever encoding it is repeated.
pub fn redact(text: &str) -> String {
    with(|known| cut_out(text, known.needles()))
}

/// The same for a text of our own, whose short words are not the gateway's: only long secrets are redacted.
pub fn redact_long(text: &str) -> String {
    with(|known| cut_out(text, known.needles().filter(|needle| !needle.is_whole_word)))
}

/// Enough for the tokens, keys and signatures of a busy minute.
const MOST_KNOWN: usize = 1024;

/// Secrets that nobody holds any more are still repeated by answers that are under way.
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

    /// Drops the oldest of those that nobody holds.
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

/// How often a text may be encoded: JSON in a form field in JSON.
const DEPTH: usize = 3;

/// More than anybody is shown. What comes after it is not searched, and not kept.
const LONGEST_TEXT: usize = 64 << 10;

/// A secret that is cut off by the end of what is searched would not be found. Encoded it is at most this many times longer.
const WIDEST: usize = 64;

/// Up to this length a text is searched without preparation.
const SHORT: usize = 4 << 10;

const SHOWN: &str = "***";

/// Finds secrets in a text and in what the text decodes to, and cuts them out of the text itself.
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

/// The end of the last whole character before this place.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// The beginning of the first whole character after it.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// What to look for.
struct Needle {
    bytes: SecretSlice<u8>,
    /// Whether letters around it make it another word.
    is_whole_word: bool,
}

impl Needle {
    /// A secret as it is, without the line break that a file may have at its end, and what stands for it in Base64.
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

/// Where the needle begins in a text. To prepare a search by [`memmem`] takes longer than to look through a short text, and
/// there are many needles; in a long one only its search is sure to be quick.
fn starts<'a>(text: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let (short, long) = if text.len() <= SHORT { (Some(text), None) } else { (None, Some(text)) };
    let short = short.into_iter().zip(needle.first()).flat_map(move |(text, first)| {
        memchr::memchr_iter(*first, text).filter(move |start| text[*start..].starts_with(needle))
    });
    short.chain(long.into_iter().flat_map(move |text| memmem::find_iter(text, needle)))
}

/// What stands for the secret in Base64 of a text that holds it, wherever it begins in there: the letters at its edges
/// depend on its neighbours and are left out.
fn base64(secret: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..3).flat_map(move |before| {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
        let letters = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
        [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD]
            .map(|form| form.encode(&padded).as_bytes()[letters.clone()].to_vec())
    })
}

/// Here, and in all that it decodes to.
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
