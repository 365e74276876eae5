//! Answers that many readers share: the first one fetches, the others wait for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One slot for each key. A reader that is dropped while it fetches leaves the slot to the next one in line.
pub struct Shared<K, V, E> {
    slots: Mutex<HashMap<K, Arc<Slot<V, E>>>>,
}

struct Slot<V, E> {
    last: tokio::sync::Mutex<Option<Result<V, E>>>,
    /// How many fetches have come to an end.
    fetches: AtomicU64,
}

impl<V, E> Default for Slot<V, E> {
    fn default() -> Self {
        Self { last: tokio::sync::Mutex::new(None), fetches: AtomicU64::new(0) }
    }
}

impl<K, V, E> Default for Shared<K, V, E> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<K: Eq + Hash, V: Clone, E: Clone> Shared<K, V, E> {
    /// What the slot holds, if it is `good`, and else what `fetch` brings. A failure is shared by those who waited for
    /// it, or they would fail one after the other, each after all its retries; it is not kept for those who come later.
    pub async fn get(
        &self,
        key: K,
        good: impl FnOnce(&V) -> bool,
        fetch: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        let before = slot.fetches.load(Ordering::Acquire);
        let mut last = slot.last.lock().await;
        match last.as_ref() {
            Some(Ok(value)) if good(value) => Ok(value.clone()),
            Some(Err(error)) if slot.fetches.load(Ordering::Acquire) != before => Err(error.clone()),
            _ => {
                let outcome = fetch.await;
                slot.fetches.fetch_add(1, Ordering::Release);
                last.insert(outcome).clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_readers_share_one_fetch_and_keys_do_not_wait_for_each_other() {
        let shared = Shared::default();
        let fetches = Cell::new(0);
        let read = |key| {
            let fetches = &fetches;
            let fetch = async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                fetches.set(fetches.get() + 1);
                Ok::<_, ()>(key)
            };
            shared.get(key, |_| true, fetch)
        };
        let started = tokio::time::Instant::now();
        let found = tokio::join!(read("a"), read("a"), read("b"), read("a"));
        assert_eq!(found, (Ok("a"), Ok("a"), Ok("b"), Ok("a")));
        assert_eq!((fetches.get(), started.elapsed()), (2, Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_reader_leaves_the_fetch_to_the_next() {
        let shared = Shared::default();
        let never = shared.get("a", |_| true, std::future::pending::<Result<i32, ()>>());
        assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
        assert_eq!(shared.get("a", |_| true, async { Ok::<_, ()>(7) }).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_for_it() {
        let shared = Shared::default();
        let read = |number| {
            let fetch = async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err::<(), _>(number)
            };
            shared.get("a", |()| true, fetch)
        };
        assert_eq!(tokio::join!(read(1), read(2), read(3)), (Err(1), Err(1), Err(1)));
        assert_eq!(read(4).await, Err(4));
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_a_bad_value_is_fetched_anew() {
        let shared = Shared::default();
        assert_eq!(shared.get("a", |_| true, async { Err::<i32, _>("no") }).await, Err("no"));
        assert_eq!(shared.get("a", |_| true, async { Ok::<_, &str>(1) }).await, Ok(1));
        assert_eq!(shared.get("a", |value| *value > 1, async { Ok::<_, &str>(2) }).await, Ok(2));
        assert_eq!(shared.get("a", |_| true, async { Ok::<_, &str>(3) }).await, Ok(2));
    }
}
