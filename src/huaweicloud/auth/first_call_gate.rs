//! A gate that sends one call first and uses its result for all other calls, and a cache that is built on it.
//!
//! The gates in `gates` control the use of a credential. The gates of the cache control how it is fetched. A run may
//! read dozens of instances at once, and five rejections in a row lock an access key for five minutes (signing guide).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::huaweicloud::transport::Deadline;

/// The longest delay between two attempts. A call that failed with less time left may have failed for lack of time.
const ENOUGH_TIME: Duration = Duration::from_secs(30);

/// Deadlines that differ by less than this count as equal.
const DEADLINE_TOLERANCE: Duration = Duration::from_secs(5);

/// Waiting ends this long before the caller's deadline, so that the error can name the call that the caller waited for.
const QUEUE_MARGIN: Duration = Duration::from_millis(20);

/// Allows one call at a time until a call succeeds. Stores the result of the last call.
///
/// - If a caller is dropped during its call, nothing is recorded, and the next caller makes its own call.
/// - A waiting caller gets the error of the call that it waited for. If that call may have failed because of its
///   deadline, a caller with a later deadline makes its own call.
/// - Waiting ends at the deadline of the waiting caller.
pub(super) struct FirstCallGate<V, E> {
    state: Mutex<State<V, E>>,
    /// Held by the caller that makes the current call.
    first: tokio::sync::Mutex<()>,
}

struct State<V, E> {
    last: Option<LastResult<V, E>>,
    /// Number of recorded calls.
    recorded: u64,
    accepted: bool,
}

struct LastResult<V, E> {
    result: Result<V, E>,
    ttl: ErrorTtl,
    recorded_at: Instant,
    /// The deadline of a call that failed with little time left.
    short_deadline: Option<Instant>,
}

/// How long an error is cached, and which callers get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::huaweicloud) enum ErrorTtl {
    /// For all callers, permanently.
    Forever,
    /// For the callers that waited for the call, and for later ones within this time.
    Fixed(Duration),
    /// Like `Fixed`, but not for callers with a later deadline, because with more time the call might have succeeded.
    Transient(Duration),
}

/// The result of waiting at a gate.
pub(super) enum AcquireResult<'a, V, E> {
    /// An earlier call succeeded and returned this value.
    Open(V),
    /// An earlier call failed, and its error is valid for this caller.
    Closed(E),
    /// The caller makes its call while it holds this guard, and then records the result.
    First(tokio::sync::MutexGuard<'a, ()>),
    /// The caller's deadline passed while it waited for another call.
    TimedOut,
}

impl<V, E> Default for FirstCallGate<V, E> {
    fn default() -> Self {
        let state = State { last: None, recorded: 0, accepted: false };
        Self { state: Mutex::new(state), first: tokio::sync::Mutex::default() }
    }
}

impl<V: Clone, E: Clone> FirstCallGate<V, E> {
    /// Returns the recorded result, or waits until the caller may make its own call. Ignores a value that is not
    /// usable.
    pub(super) async fn acquire(
        &self,
        deadline: Deadline,
        is_usable: impl Fn(&V) -> bool,
    ) -> AcquireResult<'_, V, E> {
        let recorded_before = self.state().recorded;
        if let Some(known) = self.known_result(deadline, recorded_before, &is_usable) {
            return known;
        }
        let timeout = deadline.at.checked_sub(QUEUE_MARGIN).unwrap_or(deadline.at);
        match tokio::time::timeout_at(timeout, self.first.lock()).await {
            Ok(guard) => self
                .known_result(deadline, recorded_before, &is_usable)
                .unwrap_or(AcquireResult::First(guard)),
            Err(_) => AcquireResult::TimedOut,
        }
    }

    /// Records the result of a call. An error with the TTL `Forever` is never replaced.
    pub(super) fn record(&self, deadline: Deadline, result: Result<V, E>, ttl: ErrorTtl) {
        let mut state = self.state();
        if matches!(&state.last, Some(LastResult { result: Err(_), ttl: ErrorTtl::Forever, .. })) {
            return;
        }
        let short_deadline = (matches!(ttl, ErrorTtl::Transient(_)) && deadline.remaining() < ENOUGH_TIME)
            .then_some(deadline.at);
        state.accepted |= result.is_ok();
        state.recorded += 1;
        state.last = Some(LastResult { result, ttl, recorded_at: Instant::now(), short_deadline });
    }

    /// Whether any call has succeeded so far.
    pub(super) fn was_accepted(&self) -> bool {
        self.state().accepted
    }

    /// Whether the last recorded call succeeded.
    pub(super) fn is_open(&self) -> bool {
        matches!(&self.state().last, Some(LastResult { result: Ok(_), .. }))
    }

    fn known_result(
        &self,
        deadline: Deadline,
        recorded_before: u64,
        is_usable: &impl Fn(&V) -> bool,
    ) -> Option<AcquireResult<'_, V, E>> {
        let state = self.state();
        let LastResult { result, ttl, recorded_at, short_deadline } = state.last.as_ref()?;
        match result {
            Ok(value) => is_usable(value).then(|| AcquireResult::Open(value.clone())),
            Err(error) => {
                let is_valid = match ttl {
                    ErrorTtl::Forever => true,
                    ErrorTtl::Fixed(time) | ErrorTtl::Transient(time) => {
                        state.recorded != recorded_before || recorded_at.elapsed() < *time
                    }
                };
                let has_more_time = short_deadline
                    .is_some_and(|short_deadline| deadline.at > short_deadline + DEADLINE_TOLERANCE);
                (is_valid && !has_more_time).then(|| AcquireResult::Closed(error.clone()))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<V, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cache with one fetch per key at a time. All readers that wait for a fetch get its result.
pub(in crate::huaweicloud) struct RefreshingCache<K, V, E> {
    gates: Mutex<HashMap<K, Arc<FirstCallGate<V, E>>>>,
    /// How long an error is cached.
    ttl: fn(&E) -> ErrorTtl,
    /// With this number of keys, a new key removes all results that no reader waits for.
    max_keys: usize,
}

impl<K: Eq + Hash, V: Clone, E: Clone> RefreshingCache<K, V, E> {
    pub(in crate::huaweicloud) fn new(ttl: fn(&E) -> ErrorTtl) -> Self {
        Self { gates: Mutex::default(), ttl, max_keys: usize::MAX }
    }

    /// Limits the number of keys, for keys that may never be requested again.
    pub(in crate::huaweicloud) fn with_max_keys(self, max_keys: usize) -> Self {
        Self { max_keys, ..self }
    }

    /// Returns the cached value if it is usable, and otherwise the result of `fetch`. `timed_out` creates the error of
    /// a reader whose deadline passes while another reader fetches.
    pub(in crate::huaweicloud) async fn get<F: Future<Output = Result<V, E>>>(
        &self,
        key: K,
        deadline: Deadline,
        is_usable: impl Fn(&V) -> bool,
        timed_out: impl FnOnce() -> E,
        fetch: impl FnOnce() -> F,
    ) -> Result<V, E> {
        let gate = self.gate(key);
        match gate.acquire(deadline, is_usable).await {
            AcquireResult::Open(value) => Ok(value),
            AcquireResult::Closed(error) => Err(error),
            AcquireResult::TimedOut => Err(timed_out()),
            AcquireResult::First(_guard) => {
                // Boxed to keep this future small: most reads find a cached value.
                let result = Box::pin(fetch()).await;
                gate.record(
                    deadline,
                    result.clone(),
                    result.as_ref().err().map_or(ErrorTtl::Forever, self.ttl),
                );
                result
            }
        }
    }

    fn gate(&self, key: K) -> Arc<FirstCallGate<V, E>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= self.max_keys && !gates.contains_key(&key) {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        gates.entry(key).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error and its TTL.
    type Error = (&'static str, ErrorTtl);
    type Cache = RefreshingCache<&'static str, &'static str, Error>;

    fn cache() -> Cache {
        RefreshingCache::new(|(_, ttl)| *ttl)
    }

    fn after(seconds: u64) -> Deadline {
        Deadline::from_user(Duration::from_secs(seconds))
    }

    /// Returns the result for a caller: a recorded one, or that of its own call, which takes this many seconds.
    async fn call(
        cache: &Cache,
        timeout: u64,
        seconds: u64,
        result: Result<&'static str, Error>,
    ) -> Result<&'static str, &'static str> {
        let fetch = || async {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            result
        };
        let timed_out = || ("timed out", ErrorTtl::Forever);
        cache.get("key", after(timeout), |_| true, timed_out, fetch).await.map_err(|(error, _)| error)
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_share_the_result_of_the_first_call() {
        for result in [Ok("value"), Err(("rejected", ErrorTtl::Forever))] {
            let (cache, started) = (cache(), Instant::now());
            let expected = result.map_err(|(error, _)| error);
            let other = || call(&cache, 300, 0, Ok("own"));
            let found = tokio::join!(call(&cache, 300, 4, result), other(), other());
            assert_eq!(found, (expected, expected, expected));
            assert_eq!(started.elapsed(), Duration::from_secs(4));
            assert_eq!(other().await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_key_is_fetched_once_until_its_value_is_unusable() {
        let cache = RefreshingCache::<_, _, ()>::new(|()| ErrorTtl::Forever);
        let (fetches, started) = (std::cell::Cell::new(0), Instant::now());
        let read = |key, least: i32, own: i32| {
            let fetches = &fetches;
            let fetch = move || async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                fetches.set(fetches.get() + 1);
                Ok(own)
            };
            cache.get(key, after(300), move |value| *value >= least, || (), fetch)
        };
        let found = tokio::join!(read("a", 0, 1), read("a", 0, 1), read("b", 0, 2), read("a", 0, 1));
        assert_eq!(found, (Ok(1), Ok(1), Ok(2), Ok(1)));
        assert_eq!((fetches.get(), started.elapsed()), (2, Duration::from_secs(1)));
        assert_eq!((read("a", 2, 3).await, read("a", 0, 4).await), (Ok(3), Ok(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn new_key_removes_unused_results_of_a_full_cache() {
        let cache = RefreshingCache::<_, _, ()>::new(|()| ErrorTtl::Forever).with_max_keys(2);
        let read = |key, own: i32, seconds| {
            let fetch = move || async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(own)
            };
            cache.get(key, after(300), |_| true, || (), fetch)
        };
        // The first key is in use when the third key is added. A waiting reader still gets its result.
        let slow = async { tokio::join!(read("a", 1, 10), read("a", 2, 0)) };
        let others = async {
            let second = read("b", 3, 1).await;
            (second, read("b", 4, 1).await, read("c", 5, 1).await, read("b", 6, 1).await)
        };
        let found = tokio::join!(slow, others);
        assert_eq!(found, ((Ok(1), Ok(1)), (Ok(3), Ok(3), Ok(5), Ok(6))));
        assert_eq!((read("a", 7, 0).await, cache.gates.lock().unwrap().len()), (Ok(1), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn error_is_cached_for_its_ttl() {
        let minute = Duration::from_secs(60);
        for (ttl, at_once, later) in [
            (ErrorTtl::Forever, Err("failed"), Err("failed")),
            (ErrorTtl::Fixed(minute), Err("failed"), Ok("own")),
            (ErrorTtl::Transient(minute), Err("failed"), Ok("own")),
            (ErrorTtl::Fixed(Duration::ZERO), Ok("own"), Ok("own")),
        ] {
            let cache = cache();
            let other = || call(&cache, 300, 0, Ok("own"));
            let found = tokio::join!(call(&cache, 300, 1, Err(("failed", ttl))), other());
            assert_eq!(found, (Err("failed"), Err("failed")));
            assert_eq!(other().await, at_once, "{ttl:?}");
            tokio::time::sleep(minute).await;
            assert_eq!(other().await, later, "{ttl:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn next_caller_proceeds_after_a_cancelled_first_call() {
        let cache = cache();
        let first = call(&cache, 300, 3600, Ok("never"));
        let first = tokio::time::timeout(Duration::from_secs(1), first);
        let (next, last) = (call(&cache, 300, 1, Ok("next")), call(&cache, 300, 0, Ok("last")));
        let (first, next, last) = tokio::join!(first, next, last);
        assert_eq!((first.is_err(), next, last), (true, Ok("next"), Ok("next")));
    }

    #[tokio::test(start_paused = true)]
    async fn transient_error_is_not_shared_with_a_later_deadline() {
        for (ttl, expected) in [
            (ErrorTtl::Transient(ENOUGH_TIME), Ok("own")),
            (ErrorTtl::Forever, Err("failed")),
            (ErrorTtl::Fixed(Duration::ZERO), Err("failed")),
        ] {
            let cache = cache();
            let failed = call(&cache, 10, 9, Err(("failed", ttl)));
            let (same_deadline, later_deadline) =
                (call(&cache, 10, 0, Ok("own")), call(&cache, 300, 1, Ok("own")));
            let found = tokio::join!(failed, same_deadline, later_deadline);
            assert_eq!(found, (Err("failed"), Err("failed"), expected), "{ttl:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_shortly_before_the_deadline() {
        let (cache, started) = (cache(), Instant::now());
        let waiter = async { (call(&cache, 60, 0, Ok("own")).await, started.elapsed()) };
        let (_, found) = tokio::join!(call(&cache, 300, 200, Ok("late")), waiter);
        assert_eq!(found, (Err("timed out"), Duration::from_secs(60) - QUEUE_MARGIN));
    }

    #[tokio::test]
    async fn late_success_does_not_reopen_a_closed_gate() {
        let gate = FirstCallGate::default();
        for result in [Ok(()), Err("rejected"), Ok(())] {
            gate.record(after(300), result, ErrorTtl::Forever);
        }
        assert!(matches!(gate.acquire(after(300), |()| true).await, AcquireResult::Closed("rejected")));
        assert!(gate.was_accepted() && !gate.is_open());
    }
}
