//! A cache whose values are fetched by the first reader, shared by all that wait for it, and fetched again later.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::first_call_gate::{Admission, FirstCallGate, Keep};
use crate::huaweicloud::transport::Deadline;

/// One gate for each key: one fetch at a time, whose result is shared and kept.
pub(in crate::huaweicloud) struct RefreshingCache<K, V, E> {
    entries: Mutex<HashMap<K, Arc<FirstCallGate<V, E>>>>,
    /// How long a failure is kept.
    keep: fn(&E) -> Keep,
}

impl<K: Eq + Hash, V: Clone, E: Clone> RefreshingCache<K, V, E> {
    pub(in crate::huaweicloud) fn new(keep: fn(&E) -> Keep) -> Self {
        Self { entries: Mutex::default(), keep }
    }

    /// Returns the cached value if it is usable, otherwise what `fetch` returns. `waited` is the error of a reader whose
    /// deadline passes while another reader fetches.
    pub(in crate::huaweicloud) async fn get<F: Future<Output = Result<V, E>>>(
        &self,
        key: K,
        deadline: Deadline,
        is_usable: impl Fn(&V) -> bool,
        waited: impl FnOnce() -> E,
        fetch: impl FnOnce() -> F,
    ) -> Result<V, E> {
        let entry =
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        let admission = entry.acquire(deadline, is_usable).await.map_err(|_| waited())?;
        match admission {
            Admission::Open(value) => Ok(value),
            Admission::Closed(error) => Err(error),
            Admission::First(_permit) => {
                // Boxed, because most reads find a value and should not carry the fetch with them.
                let result = Box::pin(fetch()).await;
                let keep = result.as_ref().err().map_or(Keep::Always, self.keep);
                entry.record(deadline, result.clone(), keep);
                result
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    fn cache<K: Eq + Hash, V: Clone, E: Clone>() -> RefreshingCache<K, V, E> {
        RefreshingCache::new(|_| Keep::For(Duration::ZERO))
    }

    fn deadline() -> Deadline {
        Deadline::after(Duration::from_secs(300))
    }

    #[tokio::test(start_paused = true)]
    async fn many_readers_share_one_fetch_per_key() {
        let cache = cache();
        let fetches = Cell::new(0);
        let read = |key| {
            let fetches = &fetches;
            let fetch = async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                fetches.set(fetches.get() + 1);
                Ok::<_, ()>(key)
            };
            cache.get(key, deadline(), |_| true, || (), || fetch)
        };
        let started = tokio::time::Instant::now();
        let found = tokio::join!(read("a"), read("a"), read("b"), read("a"));
        assert_eq!(found, (Ok("a"), Ok("a"), Ok("b"), Ok("a")));
        assert_eq!((fetches.get(), started.elapsed()), (2, Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_reader_leaves_the_fetch_to_the_next() {
        let cache = cache();
        let never = cache.get("a", deadline(), |_| true, || (), std::future::pending::<Result<i32, ()>>);
        assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
        assert_eq!(cache.get("a", deadline(), |_| true, || (), || async { Ok::<_, ()>(7) }).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_for_it() {
        let cache = cache();
        let read = |number| {
            let fetch = async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err::<(), _>(number)
            };
            cache.get("a", deadline(), |()| true, || 0, || fetch)
        };
        assert_eq!(tokio::join!(read(1), read(2), read(3)), (Err(1), Err(1), Err(1)));
        assert_eq!(read(4).await, Err(4));
    }

    #[tokio::test]
    async fn failure_is_kept_for_its_time_and_bad_value_fetched_again() {
        let cache = cache();
        let read = |least: i32, result: Result<i32, &'static str>| {
            let fetch = move || async move { result };
            cache.get("a", deadline(), move |value| *value >= least, || "waited", fetch)
        };
        assert_eq!(read(0, Err("no")).await, Err("no"));
        assert_eq!(read(0, Ok(1)).await, Ok(1));
        assert_eq!(read(2, Ok(2)).await, Ok(2));
        assert_eq!(read(0, Ok(3)).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn fifty_readers_share_one_fetch_whose_failure_is_kept() {
        let keep: [fn(&()) -> Keep; 2] =
            [|()| Keep::For(Duration::from_secs(60)), |()| Keep::For(Duration::ZERO)];
        for (keep, expected) in keep.into_iter().zip([1, 5]) {
            let cache = RefreshingCache::new(keep);
            let fetches = Cell::new(0);
            let fetch = || async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                fetches.set(fetches.get() + 1);
                Err::<(), _>(())
            };
            for _ in 0..5 {
                let reads = (0..10).map(|_| cache.get("a", deadline(), |()| true, || (), fetch));
                let found = futures_util::future::join_all(reads).await;
                assert!(found.iter().all(|found| *found == Err(())));
            }
            assert_eq!(fetches.get(), expected);
        }
    }
}
