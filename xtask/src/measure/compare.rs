//! Compares the cost of two builds of the provider: `cargo xtask measure compare BINARY BINARY`.
//!
//! Size, start, memory after many reads over http and over https, and the difference of their plans in pairs, measured in turns. The
//! `terraform` or `tofu` on the PATH plans, or the program that `TF_CLI` names.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cloud_simulator::{CloudState, Simulator};
use serde_json::Value;
use terraform_runner::Core;

use super::{MEMORY_RUNS, PAIRS, READS, STARTS, interval, lifecycle, median, memory_after, plan, plans};

const PROVIDER: &str = "terraform-provider-dds";

/// Prints a table of both builds.
pub async fn run(binaries: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let [one, other] = binaries else { return Err(crate::USAGE.into()) };
    let both = [Path::new(one), Path::new(other)];
    println!("| | {one} | {other} |\n|---|---|---|");
    let sizes = [fs::metadata(one)?.len(), fs::metadata(other)?.len()];
    println!("| size, bytes | {} | {} |", sizes[0], sizes[1]);
    let mut starts = [Vec::new(), Vec::new()];
    let mut answers = [Vec::new(), Vec::new()];
    for round in 0..STARTS {
        for turn in in_turns(round) {
            let (start, answer, _) = lifecycle(both[turn]).await?;
            starts[turn].push(start);
            answers[turn].push(answer);
        }
    }
    let milli = |time: Duration| time.as_secs_f64() * 1000.0;
    let [one, other] = starts.map(|times| milli(median(times)));
    println!("| start to handshake line, ms (median of {STARTS}) | {one:.2} | {other:.2} |");
    let [one, other] = answers.map(|times| milli(median(times)));
    println!("| handshake line to first answer with TLS, ms | {one:.2} | {other:.2} |");
    for scheme in ["http", "https"] {
        let mut memory = [Vec::new(), Vec::new()];
        for round in 0..MEMORY_RUNS {
            for turn in in_turns(round) {
                memory[turn].push(memory_over(scheme, both[turn]).await?);
            }
        }
        let mebi = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let [one, other] = memory.map(|bytes| mebi(median(bytes)));
        println!("| resident after {READS} reads over {scheme}, MiB | {one:.2} | {other:.2} |");
    }
    let core = Core::find().ok_or("plans need terraform or tofu on the PATH, or named by TF_CLI")?;
    compare_plans(&core, both)?;
    Ok(ExitCode::SUCCESS)
}

/// Neither is always the first.
fn in_turns(round: usize) -> [usize; 2] {
    [round % 2, (round + 1) % 2]
}

/// Over https the system's certificates are loaded, too: `cacert_file` adds one to them.
async fn memory_over(scheme: &str, provider: &Path) -> Result<u64, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let mut settings = cloud.provider_settings();
    let front = cloud.tls();
    if scheme == "https" {
        let url = front.url();
        settings["endpoints"] = serde_json::json!({ "dds": url, "iam": url });
        settings["cacert_file"] = Value::from(front.authority());
    }
    memory_after(provider, &cloud, settings).await
}

fn compare_plans(core: &Core, both: [&Path; 2]) -> Result<(), Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let folder = tempfile::tempdir()?;
    let mut workspaces = Vec::new();
    for (index, binary) in both.into_iter().enumerate() {
        let own = folder.path().join(index.to_string());
        fs::create_dir(&own)?;
        fs::copy(binary, own.join(PROVIDER))?;
        workspaces.push(plans(core, &own, &cloud).0);
    }
    let (mut times, mut differences) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..=PAIRS {
        let mut pair = [0.0; 2];
        for turn in in_turns(round) {
            pair[turn] = plan(&workspaces[turn])?.as_secs_f64() * 1000.0;
        }
        if round > 0 {
            differences.push(pair[1] - pair[0]);
            for (times, time) in times.iter_mut().zip(pair) {
                times.push(time);
            }
        }
    }
    let [one, other] = times.map(median);
    println!("| plan with {core}, ms (median of {PAIRS}) | {one:.1} | {other:.1} |");
    let (low, middle, high) = interval(&mut differences);
    println!(
        "\nA plan with the second takes {middle:.1} ms more, {low:.1} to {high:.1} (median of {PAIRS} pairs, interval of \
         95 %)."
    );
    Ok(())
}
