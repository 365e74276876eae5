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

/// The memory of all processes in a group, except for its first one, which is Terraform (only on Linux).
fn plugin_memory(group: u32) -> Memory {
    let mut memory = Memory::default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes.filter(|process| process.file_name() != group.to_string().as_str()) {
        if process_group(&process.path()) == Some(group) {
            // A process can end at any time.
            let rollup = fs::read_to_string(process.path().join("smaps_rollup")).unwrap_or_default();
            let bytes = |key: &str| {
                let line = rollup.lines().find_map(|line| line.strip_prefix(key));
                let number = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
                number.unwrap_or_default() * 1024
            };
            memory.resident += bytes("Rss:");
            memory.proportional += bytes("Pss:");
        }
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
    use super::*;

    #[test]
    fn memory_is_that_of_the_other_processes_in_the_group() {
        use std::os::unix::process::CommandExt as _;

        // The shell has two children, and writes a line when both run.
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "sleep 60 & sleep 60 & echo; wait"]).process_group(0);
        let mut shell = shell.stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let memory = plugin_memory(shell.id());
        let group = format!("-{}", shell.id());
        let kill = std::process::Command::new("kill").args(["-KILL", "--", &group]).status();
        assert!(kill.unwrap().success());
        // The pipe ends when all have ended.
        let rest = std::io::read_to_string(shell.stdout.take().unwrap());
        shell.wait().unwrap();
        assert_eq!((rest.unwrap().as_str(), plugin_memory(shell.id()).resident), ("", 0));
        assert!((500_000..20_000_000).contains(&memory.resident), "{memory:?}");
        assert!(0 < memory.proportional && memory.proportional < memory.resident, "{memory:?}");
    }
}
