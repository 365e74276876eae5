//! The memory of the provider processes that Terraform starts (only on Linux).

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use terraform_runner::{Output, RunningCommand};

/// The pause between two measurements.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(5);

/// The memory of several processes, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub resident: u64,
    /// Each shared page counts once.
    pub proportional: u64,
}

/// Waits for the end of a command. Returns the peak of the memory of all its plugins together, and the output.
pub fn peak_memory(command: RunningCommand) -> Result<(Memory, Output), String> {
    let group = command.process_group();
    thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut peak = Memory::default();
            // Terraform remains in this directory until it has ended.
            while Path::new("/proc").join(group.to_string()).exists() {
                let now = plugin_memory(group);
                peak.resident = peak.resident.max(now.resident);
                peak.proportional = peak.proportional.max(now.proportional);
                thread::sleep(SAMPLE_INTERVAL);
            }
            peak
        });
        let output = command.wait();
        let peak = sampler.join().map_err(|_| "the memory could not be measured")?;
        Ok((peak, output))
    })
}

/// The memory of all processes in a group that do not run the same program as its first one, which is Terraform. Before a new
/// process runs the provider, it shares the memory of Terraform.
fn plugin_memory(group: u32) -> Memory {
    let mut memory = Memory::default();
    let program = |process: &Path| fs::read_link(process.join("exe")).ok();
    let terraform = Path::new("/proc").join(group.to_string());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|process| process.path());
    for process in processes.filter(|process| *process != terraform && process_group(process) == Some(group))
    {
        // A process can end at any time.
        let Some(provider) = program(&process) else { continue };
        // Read afterwards, because Terraform itself starts in the same way.
        if Some(provider) == program(&terraform) {
            continue;
        }
        let rollup = fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
        let bytes = |key: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
            number.unwrap_or_default() * 1024
        };
        memory.resident += bytes("Rss:");
        memory.proportional += bytes("Pss:");
    }
    memory
}

/// The process group of a process, from its directory in `/proc`.
fn process_group(process: &Path) -> Option<u32> {
    // The name of the program, in parentheses, can contain spaces. Behind it are the state, the parent and the group.
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};
    use std::time::Instant;

    use super::*;

    /// Starts a shell script as the first process of a group. It ends when its input ends.
    fn start(script: &str) -> Child {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        shell.spawn().unwrap()
    }

    #[test]
    fn memory_is_that_of_the_other_programs_in_the_group() {
        let mut shell = start("cat | cat; :");
        let started = Instant::now();
        // Each cat has more than half a MiB.
        let memory = loop {
            let memory = plugin_memory(shell.id());
            if memory.resident > 1 << 20 || started.elapsed() > Duration::from_secs(10) {
                break memory;
            }
        };
        assert!((1 << 20..20 << 20).contains(&memory.resident), "{memory:?}");
        assert!(0 < memory.proportional && memory.proportional < memory.resident, "{memory:?}");
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!(plugin_memory(shell.id()).resident, 0);
    }

    #[test]
    fn process_before_it_runs_another_program_does_not_count() {
        // The parentheses start a second shell.
        let mut shell = start("(echo; read line); :");
        shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let processes = fs::read_dir("/proc").unwrap().map(|process| process.unwrap().path());
        assert_eq!(processes.filter(|process| process_group(process) == Some(shell.id())).count(), 2);
        assert_eq!(plugin_memory(shell.id()).resident, 0);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
