//! The group `instructions`: counts instructions with callgrind, a tool of Valgrind.
//!
//! Unlike a time, a number of instructions hardly depends on other processes.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plugin_host::PluginCommand;
use tempfile::TempDir;

use super::process::{Candidate, ProviderProcess};
use super::results::{HANDSHAKE_INSTRUCTIONS, READ_INSTRUCTIONS, Results};

/// A provider is up to a hundred times slower under callgrind.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The numbers of reads in two processes. The difference of their instructions belongs to the additional reads.
const READS: [usize; 2] = [20, 120];

const MILLION: f64 = 1e6;

/// Returns the version of Valgrind, or how to install it.
pub fn valgrind_version() -> Result<String, String> {
    let output = Command::new("valgrind").arg("--version").output().map_err(|_| {
        "install Valgrind (Debian and Ubuntu: apt install valgrind; Fedora: dnf install valgrind; FreeBSD: pkg install \
         valgrind). It does not run on Windows and on Macs with Apple silicon."
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Measures the start and the reads of one provider.
pub async fn measure(
    results: &mut Results,
    index: usize,
    candidate: &Candidate,
) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let handshake = until_handshake(candidate, &directory).await?;
    let mut with_reads = [0.0; 2];
    for (instructions, reads) in with_reads.iter_mut().zip(READS) {
        let (command, counts) = callgrind(candidate, &directory);
        let process = ProviderProcess::start(command, candidate).await?;
        process.read_first().await?;
        process.read(reads, 1).await?;
        process.end().await?;
        *instructions = total(&counts)?;
    }
    results.record(HANDSHAKE_INSTRUCTIONS, index, handshake / MILLION);
    let per_read = (with_reads[1] - with_reads[0]) / (READS[1] - READS[0]) as f64;
    results.record(READ_INSTRUCTIONS, index, per_read / MILLION);
    Ok(())
}

/// The instructions until the provider waits for a connection.
async fn until_handshake(candidate: &Candidate, directory: &TempDir) -> Result<f64, Box<dyn Error>> {
    let (command, counts) = callgrind(candidate, directory);
    let protocol = candidate.provider.protocol.to_string();
    let mut process = command.lenient().env("PLUGIN_PROTOCOL_VERSIONS", protocol).start().await?;
    // Callgrind writes its file when the process ends.
    process.signal("TERM");
    process.wait(TIMEOUT).await.ok_or("the process did not end after SIGTERM")?;
    total(&counts)
}

/// A command that runs the provider under callgrind, and the path of the file with the counts.
fn callgrind(candidate: &Candidate, directory: &TempDir) -> (PluginCommand, std::path::PathBuf) {
    let counts = directory.path().join("callgrind.out");
    let command = PluginCommand::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(candidate.binary.display().to_string())
        // Programs in Go interrupt their threads with signals, at which callgrind fails.
        .env("GODEBUG", "asyncpreemptoff=1")
        .start_timeout(TIMEOUT);
    (command, counts)
}

/// Reads the total of all threads from a file of callgrind.
fn total(path: &Path) -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("callgrind wrote no file: {error}"))?;
    Ok(parse_total(&text).ok_or("the file of callgrind has no total")?)
}

fn parse_total(text: &str) -> Option<f64> {
    text.lines().rev().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_of_a_callgrind_file_is_parsed() {
        let text = "# callgrind format\nversion: 1\nevents: Ir\nsummary: 2123213\n\nfn=(1)\n0 5\n\ntotals: 2124404\n";
        assert_eq!(parse_total(text), Some(2_124_404.0));
        assert_eq!(parse_total("events: Ir\nsummary: 7\n"), None);
    }
}
