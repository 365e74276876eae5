//! Temporary access keys: all that were issued, with their end and whom they act for.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::caller::Owner;
use super::world::Key;
use super::{State, lock};

#[derive(Clone)]
pub(super) struct Temporary {
    pub(super) key: Key,
    pub(super) owner: Owner,
    pub(super) expires: SystemTime,
}

impl Temporary {
    pub(super) fn security_token(&self) -> &str {
        self.key.security_token.as_deref().unwrap_or_default()
    }
}

impl State {
    /// A new key, for as long as was asked unless the world says otherwise.
    pub(super) fn issue_key(&self, owner: Owner, asked: Duration) -> Temporary {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let key = Key {
            id: format!("SIMULATEDKEY{number:08}"),
            secret: format!("simulatedsecret{number:025}"),
            security_token: Some(format!("SIMULATEDSECURITYTOKEN+/={number:08}")),
            may_list: owner.may_list,
            may_read: owner.may_read,
        };
        let expires = self.now() + self.world.temporary_lifetime.unwrap_or(asked);
        let issued = Temporary { key, owner, expires };
        lock(&self.temporary).insert(issued.key.id.clone(), issued.clone());
        issued
    }

    /// A key that exists, whose it is, and when a temporary one ends.
    pub(super) fn find_key(&self, id: &str) -> Option<(Key, Owner, Option<SystemTime>)> {
        if let Some(issued) = lock(&self.temporary).get(id) {
            return Some((issued.key.clone(), issued.owner.clone(), Some(issued.expires)));
        }
        let key = self.world.keys.iter().find(|key| key.id == id)?;
        let (may_list, may_read) = (key.may_list, key.may_read);
        let owner = Owner { name: key.id.clone(), may_list, may_read, ..Owner::user(&self.world) };
        Some((key.clone(), owner, None))
    }
}

/// How long a body wants something to last: a whole number in these bounds, the default if it does not say.
pub(super) fn duration(wanted: &Value, bounds: RangeInclusive<u64>, default: u64) -> Option<Duration> {
    let seconds = if wanted.is_null() { default } else { wanted.as_u64()? };
    bounds.contains(&seconds).then(|| Duration::from_secs(seconds))
}
