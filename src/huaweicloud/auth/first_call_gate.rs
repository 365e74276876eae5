//! A gate that lets one caller through, and then all or none, as the result of its call says, and a cache of such gates.
//!
//! The gates of `gates` control the use of a credential, those of the cache its fetching: a run reads dozens of instances
//! at once, and five refusals in a row lock an access key for five minutes (signing guide).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::huaweicloud::transport::Deadline;

/// The longest pause between two tries. A call that failed with less time left may have failed for lack of time.
const AMPLE: Duration = Duration::from_secs(30);

/// Two callers whose deadlines differ by less than this have the same time.
const CLOSE: Duration = Duration::from_secs(5);

/// How long before its deadline a caller stops waiting, so that the error can say what it waited for.
const MARGIN: Duration = Duration::from_millis(20);

/// One call at a time until a call succeeds. Keeps the value or the error of the last call.
///
/// - If a caller is dropped during its call, nothing is recorded, and the next caller makes its own call.
/// - A waiting caller shares the error of the call that it waited for. If that call may have failed for lack of time, a
///   caller that has more time makes its own call.
/// - Waiting ends at the waiting caller's own deadline.
pub(super) struct FirstCallGate<V, E> {
    state: Mutex<State<V, E>>,
    /// Held by the caller whose call is under way.
    first: tokio::sync::Mutex<()>,
}

struct State<V, E> {
    last: Option<Outcome<V, E>>,
    /// The number of recorded calls.
    recorded: u64,
    accepted: bool,
}

struct Outcome<V, E> {
    result: Result<V, E>,
    keep: Keep,
    at: Instant,
    /// The deadline of a call that failed with little time left.
    cut: Option<Instant>,
}

/// The callers for which an error counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::huaweicloud) enum Keep {
    /// All that waited for it or come later.
    Always,
    /// Those that waited for it or come within this time.
    For(Duration),
    /// The same, but not a caller that has more time than the failed call had: more time might have helped.
    Fleeting(Duration),
}

/// The answer of a gate to a caller.
pub(super) enum Admission<'a, V, E> {
    /// An earlier call succeeded.
    Open(V),
    /// An earlier call failed, and its error counts for this caller.
    Closed(E),
    /// The caller makes its call while it holds this, and records the result.
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
    /// Returns the known result, or waits until the caller may make its own call. Only a usable value counts.
    pub(super) async fn acquire(
        &self,
        deadline: Deadline,
        is_usable: impl Fn(&V) -> bool,
    ) -> Admission<'_, V, E> {
        let before = self.state().recorded;
        if let Some(known) = self.known(deadline, before, &is_usable) {
            return known;
        }
        let limit = deadline.at.checked_sub(MARGIN).unwrap_or(deadline.at);
        match tokio::time::timeout_at(limit, self.first.lock()).await {
            Ok(permit) => self.known(deadline, before, &is_usable).unwrap_or(Admission::First(permit)),
            Err(_) => Admission::TimedOut,
        }
    }

    /// Records the result of a call. An error that counts always is never replaced.
    pub(super) fn record(&self, deadline: Deadline, result: Result<V, E>, keep: Keep) {
        let mut state = self.state();
        if matches!(&state.last, Some(Outcome { result: Err(_), keep: Keep::Always, .. })) {
            return;
        }
        let cut = (matches!(keep, Keep::Fleeting(_)) && deadline.remaining() < AMPLE).then_some(deadline.at);
        state.accepted |= result.is_ok();
        state.recorded += 1;
        state.last = Some(Outcome { result, keep, at: Instant::now(), cut });
    }

    /// Whether any call has succeeded so far.
    pub(super) fn was_accepted(&self) -> bool {
        self.state().accepted
    }

    /// Whether the last recorded call succeeded.
    pub(super) fn is_open(&self) -> bool {
        matches!(&self.state().last, Some(Outcome { result: Ok(_), .. }))
    }

    fn known(
        &self,
        deadline: Deadline,
        before: u64,
        is_usable: &impl Fn(&V) -> bool,
    ) -> Option<Admission<'_, V, E>> {
        let state = self.state();
        let Outcome { result, keep, at, cut } = state.last.as_ref()?;
        match result {
            Ok(value) => is_usable(value).then(|| Admission::Open(value.clone())),
            Err(error) => {
                let counts = match keep {
                    Keep::Always => true,
                    Keep::For(time) | Keep::Fleeting(time) => {
                        state.recorded != before || at.elapsed() < *time
                    }
                };
                let has_more_time = cut.is_some_and(|cut| deadline.at > cut + CLOSE);
                (counts && !has_more_time).then(|| Admission::Closed(error.clone()))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<V, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cache whose values are fetched by the first reader, shared by all that wait for it, and fetched again later.
pub(in crate::huaweicloud) struct RefreshingCache<K, V, E> {
    gates: Mutex<HashMap<K, Arc<FirstCallGate<V, E>>>>,
    /// How long a failure is kept.
    keep: fn(&E) -> Keep,
}

impl<K: Eq + Hash, V: Clone, E: Clone> RefreshingCache<K, V, E> {
    pub(in crate::huaweicloud) fn new(keep: fn(&E) -> Keep) -> Self {
        Self { gates: Mutex::default(), keep }
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
        let gate = self.gates.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        match gate.acquire(deadline, is_usable).await {
            Admission::Open(value) => Ok(value),
            Admission::Closed(error) => Err(error),
            Admission::TimedOut => Err(waited()),
            Admission::First(_permit) => {
                // Boxed, because most reads find a value and should not carry the fetch with them.
                let result = Box::pin(fetch()).await;
                gate.record(deadline, result.clone(), result.as_ref().err().map_or(Keep::Always, self.keep));
                result
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each error says how long it is kept.
    type Error = (&'static str, Keep);
    type Cache = RefreshingCache<&'static str, &'static str, Error>;

    fn cache() -> Cache {
        RefreshingCache::new(|(_, keep)| *keep)
    }

    fn after(seconds: u64) -> Deadline {
        Deadline::after(Duration::from_secs(seconds))
    }

    /// The result for a caller: a known one, or that of its own call, which takes so many seconds.
    async fn call(
        cache: &Cache,
        limit: u64,
        seconds: u64,
        result: Result<&'static str, Error>,
    ) -> Result<&'static str, &'static str> {
        let fetch = || async {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            result
        };
        let waited = || ("waited", Keep::Always);
        cache.get("key", after(limit), |_| true, waited, fetch).await.map_err(|(error, _)| error)
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_share_the_result_of_the_first_call() {
        for result in [Ok("value"), Err(("refused", Keep::Always))] {
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
        let cache = RefreshingCache::<_, _, ()>::new(|()| Keep::Always);
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
    async fn error_counts_as_long_as_its_recorder_says() {
        let minute = Duration::from_secs(60);
        for (keep, at_once, later) in [
            (Keep::Always, Err("failed"), Err("failed")),
            (Keep::For(minute), Err("failed"), Ok("own")),
            (Keep::Fleeting(minute), Err("failed"), Ok("own")),
            (Keep::For(Duration::ZERO), Ok("own"), Ok("own")),
        ] {
            let cache = cache();
            let other = || call(&cache, 300, 0, Ok("own"));
            let found = tokio::join!(call(&cache, 300, 1, Err(("failed", keep))), other());
            assert_eq!(found, (Err("failed"), Err("failed")));
            assert_eq!(other().await, at_once, "{keep:?}");
            tokio::time::sleep(minute).await;
            assert_eq!(other().await, later, "{keep:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cancelled_first_call_lets_the_next_caller_through() {
        let cache = cache();
        let first = call(&cache, 300, 3600, Ok("never"));
        let first = tokio::time::timeout(Duration::from_secs(1), first);
        let (next, last) = (call(&cache, 300, 1, Ok("next")), call(&cache, 300, 0, Ok("last")));
        let (first, next, last) = tokio::join!(first, next, last);
        assert_eq!((first.is_err(), next, last), (true, Ok("next"), Ok("next")));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_hasty_failure_is_not_shared_with_more_time() {
        for (keep, expected) in [
            (Keep::Fleeting(AMPLE), Ok("own")),
            (Keep::Always, Err("failed")),
            (Keep::For(Duration::ZERO), Err("failed")),
        ] {
            let cache = cache();
            let hasty = call(&cache, 10, 9, Err(("failed", keep)));
            let (as_hasty, patient) = (call(&cache, 10, 0, Ok("own")), call(&cache, 300, 1, Ok("own")));
            let found = tokio::join!(hasty, as_hasty, patient);
            assert_eq!(found, (Err("failed"), Err("failed"), expected), "{keep:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_just_before_the_deadline() {
        let (cache, started) = (cache(), Instant::now());
        let waiter = async { (call(&cache, 60, 0, Ok("own")).await, started.elapsed()) };
        let (_, found) = tokio::join!(call(&cache, 300, 200, Ok("late")), waiter);
        assert_eq!(found, (Err("waited"), Duration::from_secs(60) - MARGIN));
    }

    #[tokio::test]
    async fn late_success_does_not_reopen_a_closed_gate() {
        let gate = FirstCallGate::default();
        for result in [Ok(()), Err("refused"), Ok(())] {
            gate.record(after(300), result, Keep::Always);
        }
        assert!(matches!(gate.acquire(after(300), |()| true).await, Admission::Closed("refused")));
        assert!(gate.was_accepted() && !gate.is_open());
    }
}
