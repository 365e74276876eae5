//! What it means to be within a time, on machines that have other things to do.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::Mutex;

/// How often a time is taken.
const TRIES: usize = 20;

/// How many of them have to be within the limit.
const IN_TIME: usize = TRIES * 3 / 4;

/// Every try has to be within this many limits.
const WORST: u32 = 10;

/// A busy machine may stop a process for this long, so a single try may take it whatever the limit is.
const STALL: Duration = Duration::from_millis(200);

/// The longest time of the control on an idle machine. The limits hold for an idle machine.
const CONTROL: Duration = Duration::from_millis(3);

/// Tests that take times take them one after another.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Asserts that three quarters of the tries are within the limit, and that the worst is within ten limits or 200 ms.
///
/// Before each try a control is timed that has nothing to do with the provider. Where that is slower than on an idle
/// machine, the limit is longer in proportion: the machine is busy or slow, and not the provider.
pub async fn within(limit: Duration, attempt: impl AsyncFn() -> Duration) {
    let _alone = ALONE.lock().await;
    let (mut times, mut controls) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        controls.push(control().await);
        times.push(attempt().await);
    }
    if let Err(told) = judge(limit, times, controls) {
        panic!("{told}");
    }
}

/// The time from the start of a program that does nothing to its end and that of its output.
async fn control() -> Duration {
    let begun = Instant::now();
    let child = Command::new("/bin/sh").args(["-c", ":"]).env_clear().stdin(Stdio::null()).output();
    assert!(child.await.expect("a shell").status.success());
    begun.elapsed()
}

fn judge(limit: Duration, mut times: Vec<Duration>, mut controls: Vec<Duration>) -> Result<(), String> {
    times.sort_unstable();
    controls.sort_unstable();
    let busy = controls[IN_TIME - 1].div_duration_f64(CONTROL).max(1.0);
    let stalled = controls[TRIES - 1].div_duration_f64(CONTROL).max(1.0);
    let (quartile, worst) = (limit.mul_f64(busy), (limit * WORST).max(STALL).mul_f64(stalled));
    if times[IN_TIME - 1] <= quartile && times[TRIES - 1] <= worst {
        return Ok(());
    }
    Err(format!(
        "{IN_TIME} of {TRIES} tries have to be within {quartile:?}, and all within {worst:?} (the limit is {limit:?}, the \
         control took {busy:.1} times as long as on an idle machine): {times:?}"
    ))
}

/// As many milliseconds as in the list, each so many times.
fn milliseconds<const N: usize>(list: [(u64, usize); N]) -> Vec<Duration> {
    list.into_iter().flat_map(|(time, count)| vec![Duration::from_millis(time); count]).collect()
}

#[test]
fn one_fast_attempt_of_many_is_not_enough() {
    let (limit, idle) = (Duration::from_millis(5), || milliseconds([(1, TRIES)]));
    assert!(judge(limit, milliseconds([(6, 19), (1, 1)]), idle()).is_err());
    assert!(judge(limit, milliseconds([(6, 6), (1, 14)]), idle()).is_err());
    assert_eq!(judge(limit, milliseconds([(6, 5), (1, 15)]), idle()), Ok(()));
}

#[test]
fn one_hanging_attempt_exceeds_the_limit() {
    let (limit, idle) = (Duration::from_millis(5), || milliseconds([(1, TRIES)]));
    assert!(judge(limit, milliseconds([(201, 1), (1, 19)]), idle()).is_err());
    assert_eq!(judge(limit, milliseconds([(200, 1), (1, 19)]), idle()), Ok(()));
    assert!(judge(limit * 10, milliseconds([(501, 1), (1, 19)]), idle()).is_err());
}

#[test]
fn busy_machine_gets_longer_limits_in_proportion() {
    let limit = Duration::from_millis(5);
    let busy = || milliseconds([(6, 18), (30, 2)]);
    assert_eq!(judge(limit, milliseconds([(10, 19), (2000, 1)]), busy()), Ok(()));
    assert!(judge(limit, milliseconds([(11, 20)]), busy()).is_err());
    assert!(judge(limit, milliseconds([(10, 19), (2001, 1)]), busy()).is_err());
}
