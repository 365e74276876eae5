//! Measures the resources that the provider needs: `cargo xtask measure`.
//!
//! It prints the size of the executable, the memory after many reads, and three times: from process start to the handshake
//! line, from there to the first response over mutual TLS, and from Shutdown to the end of the process. Times are medians,
//! because other processes disturb single measurements. It also measures the time that the provider adds to a plan, with the
//! program in `TF_CLI` or else `terraform` or `tofu` on the PATH. Check 78 of `tests/README.md` limits this time.

mod compare;
mod throttle;

use std::cmp::Ordering;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Route, Simulator};
use plugin_host::{ClientIdentity, PluginCommand, TlsVersions, build_provider, connect};
use serde_json::{Value, json};
use terraform_runner::{TerraformCli, Workspace};

const STARTS: usize = 51;
const READS: usize = 300;
const MEMORY_RUNS: usize = 5;
/// The default parallelism of Terraform.
const PARALLELISM: usize = 10;
/// Pairs of plans: one with the provider, one without. An additional first pair is ignored.
const PAIRS: usize = 41;
/// The maximum of check 78.
const MAX_PLAN_MS: f64 = 40.0;
const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

/// Runs a measurement in the release build.
pub async fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    if cfg!(debug_assertions) {
        return run_release_build(arguments);
    }
    match arguments {
        [] => measure_provider().await,
        [name, binaries @ ..] if name == "compare" => compare::run(binaries).await,
        [name, binaries @ ..] if name == "throttle" => throttle::run(binaries).await,
        _ => Err(crate::USAGE.into()),
    }
}

/// Runs the same command in the release build, because a debug build is much slower.
fn run_release_build(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let mut cargo = crate::cargo(&["run", "--quiet", "--release", "--locked", "--package", "xtask"]);
    let status = cargo.args(["--", "measure"]).args(arguments).status()?;
    Ok(crate::exit_code(status.success()))
}

async fn measure_provider() -> Result<ExitCode, Box<dyn Error>> {
    let provider = build_provider()?;
    let (mut starts, mut responses, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (start, response, end) = lifecycle(&provider).await?;
        starts.push(start);
        responses.push(response);
        ends.push(end);
    }
    let mut memory = Vec::new();
    for _ in 0..MEMORY_RUNS {
        let cloud = Simulator::start(CloudState::sample());
        memory.push(memory_after_reads(&provider, &cloud, cloud.provider_config()).await?);
    }
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    println!("size of the executable                      {:.1} MiB", mebibytes(provider.metadata()?.len()));
    for (name, times) in [
        ("process start to handshake line", starts),
        ("handshake line to first response, with TLS", responses),
        ("Shutdown to process end", ends),
    ] {
        println!("{name:44}{} (median of {STARTS})", milliseconds(median(times)));
    }
    println!(
        "memory after {READS} reads                      {:.1} MiB (median of {MEMORY_RUNS})",
        mebibytes(median(memory))
    );
    let Some(cli) = TerraformCli::installed()? else {
        println!(
            "check 78                                    not measured: put terraform or tofu on the PATH, or set TF_CLI"
        );
        return Ok(ExitCode::FAILURE);
    };
    measure_plan(&cli, &provider)
}

/// Measures the time that the provider adds to a plan, and compares it with the maximum.
fn measure_plan(cli: &TerraformCli, provider: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let (with_provider, without_provider) =
        plan_workspaces(cli, provider.parent().ok_or("the provider has no directory")?, &cloud);
    let mut differences = Vec::new();
    for pair in 0..=PAIRS {
        // The order alternates, so that other processes disturb both plans equally.
        let (with, without) = if pair % 2 == 0 {
            let without = plan(&without_provider)?;
            (plan(&with_provider)?, without)
        } else {
            (plan(&with_provider)?, plan(&without_provider)?)
        };
        if pair > 0 {
            differences.push((with.as_secs_f64() - without.as_secs_f64()) * 1000.0);
        }
    }
    let reads = cloud.request_count(Route::Links);
    if reads != PAIRS + 1 {
        return Err(format!("{} plans sent {reads} read requests", PAIRS + 1).into());
    }
    let (low, median, high) = interval(&mut differences);
    println!(
        "time that the provider adds to a plan       {median:.1} ms, {low:.1} to {high:.1} (median of {PAIRS} pairs, \
         95 % confidence interval; {cli}, no TLS)"
    );
    let verdict = match (low <= MAX_PLAN_MS, high <= MAX_PLAN_MS) {
        (_, true) => "passed",
        (true, false) => "undecided: other processes disturbed the measurement",
        (false, false) => "failed",
    };
    println!("check 78, at most {MAX_PLAN_MS} ms                     {verdict}");
    Ok(crate::exit_code(verdict == "passed"))
}

/// A workspace that reads with the provider, and one that uses only Terraform's built-in provider.
fn plan_workspaces(cli: &TerraformCli, provider: &Path, cloud: &Simulator) -> (Workspace, Workspace) {
    let (mut with, without) = (Workspace::new(cli, provider), Workspace::new(cli, provider));
    let (cloud_state, url) = (cloud.cloud_state(), cloud.url());
    with.set_env("HW_ACCESS_KEY", &cloud_state.access_keys[0].id)
        .set_env("HW_SECRET_KEY", &cloud_state.access_keys[0].secret);
    // With TLS, Terraform creates a P-521 key and certificate for each of the three provider processes. That takes longer than
    // everything that the provider does.
    with.set_env("TF_DISABLE_PLUGIN_TLS", "1");
    with.write_config(&format!(
        "provider \"dds\" {{\n  region     = \"cn-north-4\"\n  project_id = {:?}\n  \
         endpoints  = {{ dds = {url:?}, iam = {url:?} }}\n}}\n\n\
         data {DATA_SOURCE:?} \"this\" {{\n  instance_id = {:?}\n}}\n",
        cloud_state.projects[0].id, cloud_state.instances[0].id
    ));
    without.write_config("resource \"terraform_data\" \"this\" {\n  input = 1\n}\n");
    (with, without)
}

fn plan(workspace: &Workspace) -> Result<Duration, String> {
    let started = Instant::now();
    let output = workspace.run(&["plan", "-input=false"]);
    let time = started.elapsed();
    if output.code == Some(0) { Ok(time) } else { Err(format!("the plan failed: {}", output.stderr)) }
}

/// Returns the median and its 95 % confidence interval, computed from ranks: (low, median, high).
fn interval(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    // The binomial distribution gives the ranks of the interval: 2.5 % of the probability is below it, and 2.5 % above it.
    let spread = 0.98 * (count as f64).sqrt();
    let rank = (count as f64 / 2.0 - spread).max(0.0) as usize;
    (values[rank], values[count / 2], values[count - 1 - rank])
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|left, right| left.partial_cmp(right).unwrap_or(Ordering::Equal));
    values[values.len() / 2]
}

async fn lifecycle(provider: &Path) -> Result<(Duration, Duration, Duration), Box<dyn Error>> {
    let mut process = PluginCommand::new(provider).start().await?;
    let started = Instant::now();
    let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
    let response = started.elapsed();
    let started = Instant::now();
    connection.shutdown().await;
    process.wait(Duration::from_secs(10)).await.ok_or("the process did not end")?;
    Ok((process.startup_time, response, started.elapsed()))
}

/// The memory of a process of the provider after many reads with these settings.
async fn memory_after_reads(
    provider: &Path,
    cloud: &Simulator,
    settings: Value,
) -> Result<u64, Box<dyn Error>> {
    let process = PluginCommand::new(provider).start().await?;
    let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
    connection.configure(settings).await?;
    for _ in 0..READS / PARALLELISM {
        let reads = (0..PARALLELISM).map(|_| {
            let (connection, config) =
                (connection.clone(), json!({ "instance_id": cloud.cloud_state().instances[0].id }));
            tokio::spawn(async move { connection.read(DATA_SOURCE, config).await })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await??.state.ok_or("a read returned no state")?;
        }
    }
    process.resident_memory().ok_or_else(|| "memory can be measured only on Linux".into())
}
