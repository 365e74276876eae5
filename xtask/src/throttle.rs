//! Measures reads from a cloud with a rate limit: `cargo xtask throttle [BINARY]`.
//!
//! Provider processes read over HTTP from the simulated cloud, which has a latency of 4 ms and limits the requests in each
//! window. The results are medians of five runs that start at different times of the window. `BINARY` is another build of the
//! provider. `cargo xtask bench` measures reads per second without a rate limit.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::{ClientIdentity, Connection, PluginCommand, Process, TlsVersions, build_provider, connect};
use serde_json::json;

use crate::bench::read_many;
use crate::statistics::percentile;

const RUNS: u32 = 5;
const LATENCY: Duration = Duration::from_millis(4);
const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

/// A rate limit and the reads to make.
struct Scenario {
    limit: u32,
    /// In seconds.
    window: u64,
    plans: usize,
    reads: usize,
    parallelism: usize,
}

/// The results of one run.
struct Run {
    seconds: f64,
    /// The shortest time that the rate limit allows. For a long window: the rest of the window, plus the interval of probes.
    ideal_seconds: f64,
    requests: usize,
    failed: usize,
}

/// Runs the measurement with the release build.
pub async fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    if cfg!(debug_assertions) {
        return crate::run_release_build("throttle", arguments);
    }
    let provider = match arguments {
        [] => build_provider()?,
        [binary] => PathBuf::from(binary),
        _ => return Err(crate::USAGE.into()),
    };
    println!("| rate limit | reads | parallelism | time | ideal time | requests | retried | failed |");
    println!("|---|---|---|---|---|---|---|---|");
    for (limit, window, plans, reads, parallelism) in [
        (10, 1, 1, 200, 10),
        (200, 60, 1, 250, 10),
        (100, 1, 1, 1000, 10),
        (100, 1, 1, 1000, 100),
        (40, 1, 4, 100, 10),
    ] {
        Scenario { limit, window, plans, reads, parallelism }.print(&provider).await?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Scenario {
    async fn print(&self, provider: &Path) -> Result<(), Box<dyn Error>> {
        let runs = futures_util::future::try_join_all((0..RUNS).map(|number| self.run(provider, number)));
        let runs = runs.await?;
        let median = |value: fn(&Run) -> f64| {
            percentile(&runs.iter().map(value).collect::<Vec<_>>(), 0.5).unwrap_or_default()
        };
        let reads = self.plans * self.reads;
        let requests = median(|run| run.requests as f64);
        let per = if self.window == 1 { "s".to_owned() } else { format!("{} s", self.window) };
        println!(
            "| {} / {per} | {} x {} | {} | {:.1} s ({:.2} of ideal) | {:.1} s | {requests:.0} | {:.1} % | {} |",
            self.limit,
            self.plans,
            self.reads,
            self.parallelism,
            median(|run| run.seconds),
            median(|run| run.seconds / run.ideal_seconds),
            median(|run| run.ideal_seconds),
            (requests - reads as f64) / requests * 100.0,
            runs.iter().map(|run| run.failed).sum::<usize>(),
        );
        Ok(())
    }

    async fn run(&self, provider: &Path, number: u32) -> Result<Run, Box<dyn Error>> {
        let cloud = Simulator::start(CloudState::sample());
        cloud.inject_always(Route::Links, Fault::Delayed(LATENCY));
        let window = Duration::from_secs(self.window);
        let mut plans = Vec::new();
        for _ in 0..self.plans {
            plans.push(Plan::start(provider, &cloud).await?);
        }
        cloud.set_rate_limit(Route::Links, self.limit, window);
        let offset = window * number / RUNS;
        tokio::time::sleep(offset).await;
        let started = Instant::now();
        let reads = plans.iter().map(|plan| plan.read(&cloud, self.reads, self.parallelism));
        let failed = futures_util::future::try_join_all(reads).await?.into_iter().sum();
        let seconds = started.elapsed().as_secs_f64();
        let reads = self.plans * self.reads;
        let ideal_seconds = if self.window > 1 {
            let windows = reads.div_ceil(self.limit as usize) - 1;
            windows as f64 * window.as_secs_f64() - offset.as_secs_f64() + 5.0
        } else {
            reads as f64 / f64::from(self.limit)
        };
        Ok(Run { seconds, ideal_seconds, requests: cloud.request_count(Route::Links), failed })
    }
}

/// A configured provider process, as in one plan.
struct Plan {
    connection: Connection,
    _process: Process,
}

impl Plan {
    async fn start(provider: &Path, cloud: &Simulator) -> Result<Self, Box<dyn Error>> {
        let process = PluginCommand::new(provider).start().await?;
        let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
        let mut config = cloud.provider_config();
        config["project_id"] = json!(cloud.cloud_state().projects[0].id);
        connection.configure(config).await?;
        Ok(Self { connection, _process: process })
    }

    /// Returns how many reads failed.
    async fn read(
        &self,
        cloud: &Simulator,
        reads: usize,
        parallelism: usize,
    ) -> Result<usize, Box<dyn Error>> {
        let config = json!({ "instance_id": cloud.cloud_state().instances[0].id });
        let config = self.connection.encode_config(DATA_SOURCE, config).await?;
        let times = read_many(&self.connection, DATA_SOURCE, &config, reads, parallelism).await?;
        Ok(reads - times.len())
    }
}
