//! Asserts that an operation is within a time limit, also on a busy machine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::Mutex;

/// How often the time is measured.
const ATTEMPTS: usize = 20;

/// How many attempts must be within the limit.
const IN_TIME: usize = ATTEMPTS * 3 / 4;

/// Every attempt must be within this many times the limit.
const WORST: u32 = 10;

/// The time for which a busy machine may suspend a process. One attempt may always take this long.
const STALL: Duration = Duration::from_millis(200);

/// The longest duration of the reference command on an idle machine.
const IDLE_REFERENCE: Duration = Duration::from_millis(3);

/// Locked during a measurement, so that no two tests measure at the same time.
static MEASURING: Mutex<()> = Mutex::const_new(());

/// Asserts that 15 of 20 attempts are within the limit, and all within ten times the limit or 200 ms.
///
/// Before each attempt a reference command is measured. If it is slower than on an idle machine, the limits grow in
/// proportion.
pub async fn assert_within(limit: Duration, attempt: impl AsyncFn() -> Duration) {
    let _measuring = MEASURING.lock().await;
    let (mut durations, mut references) = (Vec::new(), Vec::new());
    for _ in 0..ATTEMPTS {
        references.push(reference_duration().await);
        durations.push(attempt().await);
    }
    if let Err(error) = check(limit, durations, references) {
        panic!("{error}");
    }
}

/// How long a shell takes to run an empty command.
async fn reference_duration() -> Duration {
    let start = Instant::now();
    let child = Command::new("/bin/sh").args(["-c", ":"]).env_clear().stdin(Stdio::null()).output();
    assert!(child.await.expect("a shell").status.success());
    start.elapsed()
}

fn check(limit: Duration, mut durations: Vec<Duration>, mut references: Vec<Duration>) -> Result<(), String> {
    durations.sort_unstable();
    references.sort_unstable();
    let factor = references[IN_TIME - 1].div_duration_f64(IDLE_REFERENCE).max(1.0);
    let worst_factor = references[ATTEMPTS - 1].div_duration_f64(IDLE_REFERENCE).max(1.0);
    let (usual, worst) = (limit.mul_f64(factor), (limit * WORST).max(STALL).mul_f64(worst_factor));
    if durations[IN_TIME - 1] <= usual && durations[ATTEMPTS - 1] <= worst {
        return Ok(());
    }
    Err(format!(
        "{IN_TIME} of {ATTEMPTS} attempts must be within {usual:?}, and all within {worst:?} (the limit is {limit:?}, the \
         reference command took {factor:.1} times as long as on an idle machine): {durations:?}"
    ))
}

/// Durations from pairs of milliseconds and a count.
fn milliseconds<const N: usize>(list: [(u64, usize); N]) -> Vec<Duration> {
    list.into_iter().flat_map(|(duration, count)| vec![Duration::from_millis(duration); count]).collect()
}

#[test]
fn one_fast_attempt_of_many_is_not_enough() {
    let (limit, idle) = (Duration::from_millis(5), || milliseconds([(1, ATTEMPTS)]));
    assert!(check(limit, milliseconds([(6, 19), (1, 1)]), idle()).is_err());
    assert!(check(limit, milliseconds([(6, 6), (1, 14)]), idle()).is_err());
    assert_eq!(check(limit, milliseconds([(6, 5), (1, 15)]), idle()), Ok(()));
}

#[test]
fn one_very_slow_attempt_exceeds_the_limit() {
    let (limit, idle) = (Duration::from_millis(5), || milliseconds([(1, ATTEMPTS)]));
    assert!(check(limit, milliseconds([(201, 1), (1, 19)]), idle()).is_err());
    assert_eq!(check(limit, milliseconds([(200, 1), (1, 19)]), idle()), Ok(()));
    assert!(check(limit * 10, milliseconds([(501, 1), (1, 19)]), idle()).is_err());
}

#[test]
fn busy_machine_gets_longer_limits_in_proportion() {
    let limit = Duration::from_millis(5);
    let busy = || milliseconds([(6, 18), (30, 2)]);
    assert_eq!(check(limit, milliseconds([(10, 19), (2000, 1)]), busy()), Ok(()));
    assert!(check(limit, milliseconds([(11, 20)]), busy()).is_err());
    assert!(check(limit, milliseconds([(10, 19), (2001, 1)]), busy()).is_err());
}
