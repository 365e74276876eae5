//! The secrets of the process, and texts from outside without them.
//!
//! A secret is known from the moment in which a value of its type exists, so no kind of secret can be forgotten. There is
//! one list for the process and not one for each configuration: a gateway may repeat what it was sent by another one.
#![expect(clippy::disallowed_types, reason = "the one user of the type without a list")]

mod encoding;
mod redact;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use redact::Needle;
use secrecy::ExposeSecret as _;

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
    with(|known| redact::redact(text, known.needles()))
}

/// The same for a text of our own, whose short words are not the gateway's: only long secrets are redacted.
pub fn redact_long(text: &str) -> String {
    with(|known| redact::redact(text, known.needles().filter(|needle| !needle.is_whole_word)))
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
