//! Compares two builds of the provider: `cargo xtask measure compare BINARY BINARY`.
//!
//! It compares the size, the start time, the memory after many reads over HTTP and HTTPS, and the time of a plan. The two builds
//! are measured in turns. The plans use the program in `TF_CLI`, or else `terraform` or `tofu` on the PATH.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cloud_simulator::{CloudState, Simulator};
use serde_json::Value;
use terraform_runner::TerraformCli;

use super::{
    MEMORY_RUNS, PAIRS, READS, STARTS, interval, lifecycle, median, memory_after_reads, plan, plan_workspaces,
};

const PROVIDER: &str = "terraform-provider-dds";

/// Prints a table with both builds.
pub async fn run(binaries: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let [first, second] = binaries else { return Err(crate::USAGE.into()) };
    let builds = [Path::new(first), Path::new(second)];
    println!("| | {first} | {second} |\n|---|---|---|");
    let sizes = [fs::metadata(first)?.len(), fs::metadata(second)?.len()];
    println!("| size, bytes | {} | {} |", sizes[0], sizes[1]);
    let mut starts = [Vec::new(), Vec::new()];
    let mut responses = [Vec::new(), Vec::new()];
    for round in 0..STARTS {
        for index in alternating_order(round) {
            let (start, response, _) = lifecycle(builds[index]).await?;
            starts[index].push(start);
            responses[index].push(response);
        }
    }
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let [first, second] = starts.map(|times| milliseconds(median(times)));
    println!("| start to handshake line, ms (median of {STARTS}) | {first:.2} | {second:.2} |");
    let [first, second] = responses.map(|times| milliseconds(median(times)));
    println!("| handshake line to first response with TLS, ms | {first:.2} | {second:.2} |");
    for scheme in ["http", "https"] {
        let mut memory = [Vec::new(), Vec::new()];
        for round in 0..MEMORY_RUNS {
            for index in alternating_order(round) {
                memory[index].push(memory_over(scheme, builds[index]).await?);
            }
        }
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let [first, second] = memory.map(|bytes| mebibytes(median(bytes)));
        println!("| resident after {READS} reads over {scheme}, MiB | {first:.2} | {second:.2} |");
    }
    let cli = TerraformCli::installed()?.ok_or("put terraform or tofu on the PATH, or set TF_CLI")?;
    compare_plans(&cli, builds)?;
    Ok(ExitCode::SUCCESS)
}

/// The indexes of the two builds. The first one alternates.
fn alternating_order(round: usize) -> [usize; 2] {
    [round % 2, (round + 1) % 2]
}

/// The memory after many reads. Over HTTPS it includes the CA certificates of the operating system.
async fn memory_over(scheme: &str, provider: &Path) -> Result<u64, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let mut settings = cloud.provider_config();
    let proxy = cloud.tls_proxy();
    if scheme == "https" {
        let url = proxy.url();
        settings["endpoints"] = serde_json::json!({ "dds": url, "iam": url });
        settings["cacert_file"] = Value::from(proxy.ca_certificate());
    }
    memory_after_reads(provider, &cloud, settings).await
}

fn compare_plans(cli: &TerraformCli, builds: [&Path; 2]) -> Result<(), Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let directory = tempfile::tempdir()?;
    let mut workspaces = Vec::new();
    for (index, binary) in builds.into_iter().enumerate() {
        let provider_dir = directory.path().join(index.to_string());
        fs::create_dir(&provider_dir)?;
        fs::copy(binary, provider_dir.join(PROVIDER))?;
        workspaces.push(plan_workspaces(cli, &provider_dir, &cloud).0);
    }
    let (mut times, mut differences) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..=PAIRS {
        let mut pair = [0.0; 2];
        for index in alternating_order(round) {
            pair[index] = plan(&workspaces[index])?.as_secs_f64() * 1000.0;
        }
        if round > 0 {
            differences.push(pair[1] - pair[0]);
            for (times, time) in times.iter_mut().zip(pair) {
                times.push(time);
            }
        }
    }
    let [first, second] = times.map(median);
    println!("| plan with {cli}, ms (median of {PAIRS}) | {first:.1} | {second:.1} |");
    let (low, middle, high) = interval(&mut differences);
    println!(
        "\nA plan with the second build takes {middle:.1} ms longer ({low:.1} to {high:.1} ms: median of {PAIRS} pairs, 95 % \
         confidence interval)."
    );
    Ok(())
}
