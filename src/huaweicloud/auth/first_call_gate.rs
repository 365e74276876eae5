//! A gate that lets one caller through, and then all or none, as the result of its call says.
//!
//! Both the use of a credential (`gates`) and its fetching (`refreshing_cache`) stand behind such gates: a run reads
//! dozens of instances at once, and five refusals in a row lock an access key for five minutes (signing guide).

use std::sync::{Mutex, MutexGuard, PoisonError};
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
}

/// The caller's deadline passed while it waited for another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waited;

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
    ) -> Result<Admission<'_, V, E>, Waited> {
        let before = self.state().recorded;
        if let Some(known) = self.known(deadline, before, &is_usable) {
            return Ok(known);
        }
        let limit = deadline.at.checked_sub(MARGIN).unwrap_or(deadline.at);
        let permit = tokio::time::timeout_at(limit, self.first.lock()).await.map_err(|_| Waited)?;
        Ok(self.known(deadline, before, &is_usable).unwrap_or(Admission::First(permit)))
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

#[cfg(test)]
mod tests {
    use super::*;

    type Gate = FirstCallGate<&'static str, &'static str>;

    fn after(seconds: u64) -> Deadline {
        Deadline::after(Duration::from_secs(seconds))
    }

    /// The result for a caller: a known one, or that of its own call, which takes so many seconds.
    async fn call(
        gate: &Gate,
        limit: u64,
        seconds: u64,
        result: Result<&'static str, &'static str>,
        keep: Keep,
    ) -> Result<&'static str, &'static str> {
        let deadline = after(limit);
        match gate.acquire(deadline, |_| true).await {
            Err(Waited) => Err("waited"),
            Ok(Admission::Open(value)) => Ok(value),
            Ok(Admission::Closed(error)) => Err(error),
            Ok(Admission::First(_permit)) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                gate.record(deadline, result, keep);
                result
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_share_the_result_of_the_first_call() {
        for result in [Ok("value"), Err("refused")] {
            let gate = Gate::default();
            let started = Instant::now();
            let first = call(&gate, 300, 4, result, Keep::Always);
            let other = || call(&gate, 300, 0, Ok("own"), Keep::Always);
            assert_eq!(tokio::join!(first, other(), other()), (result, result, result));
            assert_eq!(started.elapsed(), Duration::from_secs(4));
            assert_eq!(other().await, result);
        }
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
            let gate = Gate::default();
            let first = call(&gate, 300, 1, Err("failed"), keep);
            let waiter = call(&gate, 300, 0, Ok("own"), keep);
            assert_eq!(tokio::join!(first, waiter), (Err("failed"), Err("failed")));
            assert_eq!(call(&gate, 300, 0, Ok("own"), keep).await, at_once, "{keep:?}");
            tokio::time::sleep(minute).await;
            assert_eq!(call(&gate, 300, 0, Ok("own"), keep).await, later, "{keep:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cancelled_first_call_lets_the_next_caller_through() {
        let gate = Gate::default();
        let first = call(&gate, 300, 3600, Ok("never"), Keep::Always);
        let first = tokio::time::timeout(Duration::from_secs(1), first);
        let next = call(&gate, 300, 1, Ok("next"), Keep::Always);
        let last = call(&gate, 300, 0, Ok("last"), Keep::Always);
        let (first, next, last) = tokio::join!(first, next, last);
        assert_eq!((first.is_err(), next, last), (true, Ok("next"), Ok("next")));
    }

    #[tokio::test(start_paused = true)]
    async fn caller_with_more_time_does_not_share_a_hasty_failure() {
        let gate = Gate::default();
        let hasty = call(&gate, 10, 9, Err("too late"), Keep::Fleeting(AMPLE));
        let as_hasty = call(&gate, 10, 0, Ok("own"), Keep::Always);
        let patient = call(&gate, 300, 1, Ok("own"), Keep::Always);
        let found = tokio::join!(hasty, as_hasty, patient);
        assert_eq!(found, (Err("too late"), Err("too late"), Ok("own")));
    }

    #[tokio::test(start_paused = true)]
    async fn other_errors_are_shared_however_little_time_was_left() {
        for keep in [Keep::Always, Keep::For(Duration::ZERO)] {
            let gate = Gate::default();
            let hasty = call(&gate, 10, 9, Err("refused"), keep);
            let patient = call(&gate, 300, 0, Ok("own"), keep);
            assert_eq!(tokio::join!(hasty, patient), (Err("refused"), Err("refused")));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_just_before_the_deadline() {
        let gate = Gate::default();
        let first = call(&gate, 300, 200, Ok("late"), Keep::Always);
        let waiter = async {
            let started = Instant::now();
            (call(&gate, 60, 0, Ok("own"), Keep::Always).await, started.elapsed())
        };
        let (_, (found, elapsed)) = tokio::join!(first, waiter);
        assert_eq!((found, elapsed), (Err("waited"), Duration::from_secs(60) - MARGIN));
    }

    #[tokio::test(start_paused = true)]
    async fn late_success_does_not_reopen_a_closed_gate() {
        let gate = Gate::default();
        gate.record(after(300), Ok("value"), Keep::Always);
        gate.record(after(300), Err("refused"), Keep::Always);
        gate.record(after(300), Ok("value"), Keep::Always);
        assert_eq!(call(&gate, 300, 0, Ok("own"), Keep::Always).await, Err("refused"));
        assert!(gate.was_accepted() && !gate.is_open());
    }
}
