//! What the provider costs: `cargo xtask measure`.
//!
//! Size of the executable; time from the start of the process to its handshake line, over mutual TLS to the first
//! answer, and from Shutdown to its end; memory after many reads. Medians, because a machine has other things to do.
//! And by how much a plan takes longer than one without the provider, with the `terraform` or `tofu` on the PATH, or the
//! program that `TF_CLI` names. That is check 78 of `tests/README.md`, which fails where it is too much.

mod compare;
mod throttle;

use std::cmp::Ordering;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Route, Simulator};
use plugin_host::{Identity, Launch, Tls, build_provider, connect};
use serde_json::{Value, json};
use terraform_runner::{Core, Workspace};

const STARTS: usize = 51;
const READS: usize = 300;
const MEMORY_RUNS: usize = 5;
/// As many as Terraform has under way at once.
const PARALLEL: usize = 10;
/// Pairs of plans, one with the provider and one without. The first pair is not counted.
const PAIRS: usize = 41;
const PLAN_LIMIT_MS: f64 = 40.0;
const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

/// Runs one of the measures in the release build.
pub async fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    if cfg!(debug_assertions) {
        return in_release_build(arguments);
    }
    match arguments {
        [] => cost().await,
        [name, binaries @ ..] if name == "compare" => compare::run(binaries).await,
        [name, binaries @ ..] if name == "throttle" => throttle::run(binaries).await,
        _ => Err(crate::USAGE.into()),
    }
}

/// The same command again, by cargo: figures of a debug build say nothing.
fn in_release_build(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let mut cargo = crate::cargo(&["run", "--quiet", "--release", "--locked", "--package", "xtask"]);
    let status = cargo.args(["--", "measure"]).args(arguments).status()?;
    Ok(crate::code(status.success()))
}

async fn cost() -> Result<ExitCode, Box<dyn Error>> {
    let provider = build_provider()?;
    let (mut starts, mut answers, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (start, answer, end) = lifecycle(&provider).await?;
        starts.push(start);
        answers.push(answer);
        ends.push(end);
    }
    let mut memory = Vec::new();
    for _ in 0..MEMORY_RUNS {
        let cloud = Simulator::start(CloudState::sample());
        memory.push(memory_after(&provider, &cloud, cloud.provider_settings()).await?);
    }
    let mega = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let milli = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    println!("size of the executable                    {:.1} MiB", mega(provider.metadata()?.len()));
    println!("start of the process to handshake line    {} (median of {STARTS})", milli(median(starts)));
    println!("handshake line to first answer, with TLS  {} (median of {STARTS})", milli(median(answers)));
    println!("Shutdown to end of the process            {} (median of {STARTS})", milli(median(ends)));
    println!(
        "memory after {READS} reads                    {:.1} MiB (median of {MEMORY_RUNS})",
        mega(median(memory))
    );
    let Some(core) = Core::find() else {
        println!(
            "check 78                                  needs terraform or tofu on the PATH, or named by TF_CLI"
        );
        return Ok(ExitCode::FAILURE);
    };
    plan_cost(&core, &provider)
}

/// Measures what the provider adds to a plan, and judges the release build by it.
fn plan_cost(core: &Core, provider: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let (with, without) = plans(core, provider.parent().ok_or("no folder")?, &cloud);
    let mut differences = Vec::new();
    for pair in 0..=PAIRS {
        // In changing order, so that neither plan gets the better half of what the machine does beside it.
        let (with, without) = if pair % 2 == 0 {
            let without = plan(&without)?;
            (plan(&with)?, without)
        } else {
            (plan(&with)?, plan(&without)?)
        };
        if pair > 0 {
            differences.push((with.as_secs_f64() - without.as_secs_f64()) * 1000.0);
        }
    }
    let reads = cloud.count(Route::Links);
    if reads != PAIRS + 1 {
        return Err(format!("{} plans read {reads} times", PAIRS + 1).into());
    }
    let (low, middle, high) = interval(&mut differences);
    println!(
        "a plan with the provider and without      {middle:.1} ms more, {low:.1} to {high:.1} (median of {PAIRS} pairs, \
         interval of 95 %; {core}, no TLS)"
    );
    let verdict = match (low <= PLAN_LIMIT_MS, high <= PLAN_LIMIT_MS) {
        (_, true) => "passed",
        (true, false) => "undecided: the machine has too much else to do",
        (false, false) => "failed",
    };
    println!("check 78, at most {PLAN_LIMIT_MS} ms more              {verdict}");
    Ok(crate::code(verdict == "passed"))
}

/// A workspace that reads with the provider, and one that uses no provider but core's own.
fn plans(core: &Core, provider: &Path, cloud: &Simulator) -> (Workspace, Workspace) {
    let (mut with, without) = (Workspace::new(core, provider), Workspace::new(core, provider));
    let (cloud_state, url) = (cloud.cloud_state(), cloud.url());
    with.set("HW_ACCESS_KEY", &cloud_state.keys[0].id).set("HW_SECRET_KEY", &cloud_state.keys[0].secret);
    // For an encrypted channel core makes a key and a certificate on P-521 before it starts each of the three processes,
    // which takes it longer than all that the provider does.
    with.set("TF_DISABLE_PLUGIN_TLS", "1");
    with.configure(&format!(
        "provider \"dds\" {{\n  region     = \"cn-north-4\"\n  project_id = {:?}\n  \
         endpoints  = {{ dds = {url:?}, iam = {url:?} }}\n}}\n\n\
         data {DATA_SOURCE:?} \"this\" {{\n  instance_id = {:?}\n}}\n",
        cloud_state.projects[0].id, cloud_state.instances[0].id
    ));
    without.configure("resource \"terraform_data\" \"this\" {\n  input = 1\n}\n");
    (with, without)
}

fn plan(workspace: &Workspace) -> Result<Duration, String> {
    let begun = Instant::now();
    let output = workspace.run(&["plan", "-input=false"]);
    let time = begun.elapsed();
    if output.code == Some(0) { Ok(time) } else { Err(format!("the plan failed: {}", output.stderr)) }
}

/// The median of some values between the ends of its confidence interval of 95 %, which the values' ranks give.
fn interval(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    // Of so many coins, as many heads at least as this rank come up but once in forty times.
    let spread = 0.98 * (count as f64).sqrt();
    let rank = (count as f64 / 2.0 - spread).max(0.0) as usize;
    (values[rank], values[count / 2], values[count - 1 - rank])
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    values[values.len() / 2]
}

async fn lifecycle(provider: &Path) -> Result<(Duration, Duration, Duration), Box<dyn Error>> {
    let mut process = Launch::new(provider).start().await.map_err(|failed| failed.stderr)?;
    let begun = Instant::now();
    let connection = connect(&process, Identity::Right, Tls::Any).await?;
    let answer = begun.elapsed();
    let begun = Instant::now();
    connection.shutdown().await;
    process.wait(Duration::from_secs(10)).await.ok_or("the process did not end")?;
    Ok((process.start, answer, begun.elapsed()))
}

/// The memory of a process of the provider after many reads with these settings.
async fn memory_after(provider: &Path, cloud: &Simulator, settings: Value) -> Result<u64, Box<dyn Error>> {
    let process = Launch::new(provider).start().await.map_err(|failed| failed.stderr)?;
    let connection = connect(&process, Identity::Right, Tls::Any).await?;
    connection.configure(settings).await?;
    for _ in 0..READS / PARALLEL {
        let reads = (0..PARALLEL).map(|_| {
            let (connection, config) =
                (connection.clone(), json!({ "instance_id": cloud.cloud_state().instances[0].id }));
            tokio::spawn(async move { connection.read(DATA_SOURCE, config).await })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await??.state.ok_or("a read without a state")?;
        }
    }
    process.resident_memory().ok_or_else(|| "memory is only known on Linux".into())
}
