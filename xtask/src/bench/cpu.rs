//! The CPU times of a plan: of Terraform, of its providers and of the simulated cloud (only on Linux).

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use terraform_runner::{Output, RunningCommand};

/// The pause before it is checked again whether a process has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// CPU times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuTimes {
    pub core: f64,
    /// All provider processes together.
    pub provider: f64,
    /// This process, in which the simulated cloud runs.
    pub cloud: f64,
}

/// Waits for the end of a command. Returns the CPU times, if they can be measured, and the output.
pub fn cpu_times(command: RunningCommand) -> (Option<CpuTimes>, Output) {
    let (id, before) = (command.id().to_string(), ProcessTimes::read("self"));
    let (terraform, output) = thread::scope(|scope| {
        let terraform = scope.spawn(|| ProcessTimes::at_end(&id));
        let output = command.wait();
        (terraform.join().ok().flatten(), output)
    });
    let times = || {
        let (before, after, terraform) = (before?, ProcessTimes::read("self")?, terraform?);
        Some(CpuTimes { core: terraform.own, provider: terraform.children, cloud: after.own - before.own })
    };
    (times(), output)
}

/// The CPU times of a process, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ProcessTimes {
    /// Whether the times are final.
    ended: bool,
    own: f64,
    /// Of all ended children, and of their children.
    children: f64,
}

impl ProcessTimes {
    /// Waits for the end of a process that writes to a pipe. Returns its final times.
    fn at_end(id: &str) -> Option<Self> {
        // Another thread reads the pipe to its end, and then waits for the process, which removes the times. While the pipe
        // is open here, it does not end.
        let _pipe = File::options().write(true).open(format!("/proc/{id}/fd/1")).ok()?;
        loop {
            let times = Self::read(id)?;
            if times.ended {
                return Some(times);
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// The times of the process with this ID, in steps of 10 ms. None if there is no such process.
    fn read(id: &str) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name of the program, in parentheses, can contain spaces. The state is the first field after it, and `utime`, `stime`,
        // `cutime` and `cstime` are the 12th to 15th.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let seconds = |index: usize| Some(fields.get(index)?.parse::<f64>().ok()? / 100.0);
        let (own, children) = (seconds(11)? + seconds(12)?, seconds(13)? + seconds(14)?);
        Some(Self { ended: fields[0] == "Z", own, children })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn times_of_a_process_and_its_children_are_parsed() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 150 9000 0 0 12 3 400 50 20 0 1 0 99 1 2";
        let expected = ProcessTimes { ended: false, own: 0.15, children: 4.5 };
        assert_eq!(ProcessTimes::parse(stat), Some(expected));
        let ended = ProcessTimes::parse(&stat.replace(" S ", " Z "));
        assert_eq!(ended, Some(ProcessTimes { ended: true, ..expected }));
        assert_eq!(ProcessTimes::parse("7 (a) S 1 7"), None);
        assert_eq!(ProcessTimes::read("0"), None);
    }

    #[test]
    fn final_times_contain_a_child_that_ends_last() {
        let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &format!("echo; ({busy}); :")]).stdout(Stdio::piped()).spawn().unwrap();
        let id = shell.id().to_string();
        let waiting = thread::spawn(|| shell.wait_with_output().unwrap());
        let times = ProcessTimes::at_end(&id).unwrap();
        assert!((0.02..10.0).contains(&times.children) && times.own < times.children, "{times:?}");
        assert_eq!(waiting.join().unwrap().stdout, b"\n");
        assert_eq!(ProcessTimes::at_end(&id), None);
    }
}
