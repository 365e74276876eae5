//! Measures reads from a cloud with a rate limit: `cargo xtask measure throttle [BINARY [BINARY]]`.
//!
//! Provider processes read over HTTP from the simulated cloud, which has a latency of 4 ms and limits the requests in each
//! window. The results are medians of five runs that start at different times of the window. `BINARY` is another build of the
//! provider. With two of them, the program compares their reads per second without a rate limit.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::{ClientIdentity, Connection, PluginCommand, Process, TlsVersions, build_provider, connect};
use serde_json::json;

use super::{DATA_SOURCE, median};

const RUNS: u32 = 5;
const LATENCY: Duration = Duration::from_millis(4);
/// Number of rounds of a comparison.
const ROUNDS: usize = 15;
/// Length of each round.
const ROUND_TIME: Duration = Duration::from_secs(2);

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

pub async fn run(binaries: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let provider = match binaries {
        [] => build_provider()?,
        [binary] => PathBuf::from(binary),
        [first, second, ..] => return compare(Path::new(first), Path::new(second)).await,
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

/// Compares reads per second without a rate limit. The ratio is the median of the ratios of all rounds.
async fn compare(first: &Path, second: &Path) -> Result<ExitCode, Box<dyn Error>> {
    println!("| parallelism | {} | {} | ratio |\n|---|---|---|---|", first.display(), second.display());
    for parallelism in [1, 10, 100] {
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            let mut rate = [0.0; 2];
            // The order alternates.
            for index in [round % 2, (round + 1) % 2] {
                rate[index] = reads_per_second([first, second][index], parallelism).await?;
            }
            for (rates, rate) in rates.iter_mut().zip([rate[0], rate[1], rate[1] / rate[0]]) {
                rates.push(rate);
            }
        }
        let [first, second, ratio] = rates.map(median);
        println!("| {parallelism} | {first:.0} | {second:.0} | {ratio:.3} |");
    }
    Ok(ExitCode::SUCCESS)
}

impl Scenario {
    async fn print(&self, provider: &Path) -> Result<(), Box<dyn Error>> {
        let runs = futures_util::future::try_join_all((0..RUNS).map(|number| self.run(provider, number)));
        let runs = runs.await?;
        let median = |value: fn(&Run) -> f64| median(runs.iter().map(value).collect::<Vec<_>>());
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

    /// Reads with this parallelism, as Terraform does. Returns how many reads failed.
    async fn read(
        &self,
        cloud: &Simulator,
        reads: usize,
        parallelism: usize,
    ) -> Result<usize, Box<dyn Error>> {
        let (remaining, failed) = (Arc::new(AtomicUsize::new(reads)), Arc::new(AtomicUsize::new(0)));
        let workers = (0..parallelism).map(|_| {
            let (remaining, failed) = (remaining.clone(), failed.clone());
            let connection = self.connection.clone();
            let config = json!({ "instance_id": cloud.cloud_state().instances[0].id });
            tokio::spawn(async move {
                let take = |remaining: usize| remaining.checked_sub(1);
                while remaining.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    let read = connection.read(DATA_SOURCE, config.clone()).await;
                    let success = read.is_ok_and(|read| read.state.is_some());
                    failed.fetch_add(usize::from(!success), Ordering::Relaxed);
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await?;
        }
        Ok(failed.load(Ordering::Relaxed))
    }
}

async fn reads_per_second(provider: &Path, parallelism: usize) -> Result<f64, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(LATENCY));
    let plan = Plan::start(provider, &cloud).await?;
    plan.read(&cloud, 500, parallelism).await?;
    let (started, mut reads) = (Instant::now(), 0);
    while started.elapsed() < ROUND_TIME {
        plan.read(&cloud, 20 * parallelism, parallelism).await?;
        reads += 20 * parallelism;
    }
    Ok(reads as f64 / started.elapsed().as_secs_f64())
}
