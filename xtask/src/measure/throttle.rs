//! How reads get along with a cloud that limits them: `cargo xtask measure throttle [BINARY [BINARY]]`.
//!
//! Real processes of the provider read over real HTTP from the simulated cloud, which is 4 ms away and lets only so many
//! requests through in each window. Medians of five runs, which begin at different times of the window. `BINARY` is the provider of
//! another build. With two of them the program compares their reads in a second without a limit instead, in turns.

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
const ROUND_TRIP: Duration = Duration::from_millis(4);
/// Rounds of a comparison, and the length of each one.
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_secs(2);

/// What is asked of the policy.
struct Case {
    limit: u32,
    window: u64,
    plans: usize,
    reads: usize,
    parallelism: usize,
}

struct Run {
    seconds: f64,
    /// What the limit allows. Of a long window what is left of it, with the pause between two probes.
    ideal: f64,
    calls: usize,
    failed: usize,
}

pub async fn run(binaries: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let provider = match binaries {
        [] => build_provider()?,
        [binary] => PathBuf::from(binary),
        [one, other, ..] => return compare(Path::new(one), Path::new(other)).await,
    };
    println!("| limit | reads | parallelism | time | ideal | calls | wasted | failed |");
    println!("|---|---|---|---|---|---|---|---|");
    for (limit, window, plans, reads, parallelism) in [
        (10, 1, 1, 200, 10),
        (200, 60, 1, 250, 10),
        (100, 1, 1, 1000, 10),
        (100, 1, 1, 1000, 100),
        (40, 1, 4, 100, 10),
    ] {
        Case { limit, window, plans, reads, parallelism }.print(&provider).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads in a second without a limit. The ratio is the median of those of the rounds.
async fn compare(one: &Path, other: &Path) -> Result<ExitCode, Box<dyn Error>> {
    println!("| in flight | {} | {} | ratio |\n|---|---|---|---|", one.display(), other.display());
    for parallelism in [1, 10, 100] {
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            let mut rate = [0.0; 2];
            // Neither is always the first.
            for turn in [round % 2, (round + 1) % 2] {
                rate[turn] = unthrottled([one, other][turn], parallelism).await?;
            }
            for (rates, rate) in rates.iter_mut().zip([rate[0], rate[1], rate[1] / rate[0]]) {
                rates.push(rate);
            }
        }
        let [one, other, ratio] = rates.map(median);
        println!("| {parallelism} | {one:.0} | {other:.0} | {ratio:.3} |");
    }
    Ok(ExitCode::SUCCESS)
}

impl Case {
    async fn print(&self, provider: &Path) -> Result<(), Box<dyn Error>> {
        let runs = futures_util::future::try_join_all((0..RUNS).map(|number| self.run(provider, number)));
        let runs = runs.await?;
        let median = |value: fn(&Run) -> f64| median(runs.iter().map(value).collect::<Vec<_>>());
        let reads = self.plans * self.reads;
        let calls = median(|run| run.calls as f64);
        let per = if self.window == 1 { "s".to_owned() } else { format!("{} s", self.window) };
        println!(
            "| {} / {per} | {} x {} | {} | {:.1} s ({:.2} of ideal) | {:.1} s | {calls:.0} | {:.1} % | {} |",
            self.limit,
            self.plans,
            self.reads,
            self.parallelism,
            median(|run| run.seconds),
            median(|run| run.seconds / run.ideal),
            median(|run| run.ideal),
            (calls - reads as f64) / calls * 100.0,
            runs.iter().map(|run| run.failed).sum::<usize>(),
        );
        Ok(())
    }

    async fn run(&self, provider: &Path, number: u32) -> Result<Run, Box<dyn Error>> {
        let cloud = Simulator::start(CloudState::sample());
        cloud.inject_always(Route::Links, Fault::Delayed(ROUND_TRIP));
        let window = Duration::from_secs(self.window);
        let mut plans = Vec::new();
        for _ in 0..self.plans {
            plans.push(Plan::start(provider, &cloud).await?);
        }
        cloud.set_rate_limit(Route::Links, self.limit, window);
        let begun = window * number / RUNS;
        tokio::time::sleep(begun).await;
        let started = Instant::now();
        let all = plans.iter().map(|plan| plan.read(&cloud, self.reads, self.parallelism));
        let failed = futures_util::future::try_join_all(all).await?.into_iter().sum();
        let seconds = started.elapsed().as_secs_f64();
        let reads = self.plans * self.reads;
        let ideal = if self.window > 1 {
            let windows = reads.div_ceil(self.limit as usize) - 1;
            windows as f64 * window.as_secs_f64() - begun.as_secs_f64() + 5.0
        } else {
            reads as f64 / f64::from(self.limit)
        };
        Ok(Run { seconds, ideal, calls: cloud.request_count(Route::Links), failed })
    }
}

/// One process of the provider.
struct Plan {
    connection: Connection,
    _process: Process,
}

impl Plan {
    async fn start(provider: &Path, cloud: &Simulator) -> Result<Self, Box<dyn Error>> {
        let process = PluginCommand::new(provider).start().await.map_err(|failed| failed.stderr)?;
        let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
        let mut settings = cloud.provider_config();
        settings["project_id"] = json!(cloud.cloud_state().projects[0].id);
        connection.configure(settings).await?;
        Ok(Self { connection, _process: process })
    }

    /// Reads as Terraform does: so many at once, the next one when one is done. Gives how many failed.
    async fn read(
        &self,
        cloud: &Simulator,
        reads: usize,
        parallelism: usize,
    ) -> Result<usize, Box<dyn Error>> {
        let (left, failed) = (Arc::new(AtomicUsize::new(reads)), Arc::new(AtomicUsize::new(0)));
        let workers = (0..parallelism).map(|_| {
            let (left, failed) = (left.clone(), failed.clone());
            let connection = self.connection.clone();
            let config = json!({ "instance_id": cloud.cloud_state().instances[0].id });
            tokio::spawn(async move {
                let take = |left: usize| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    let read = connection.read(DATA_SOURCE, config.clone()).await;
                    let good = read.is_ok_and(|read| read.state.is_some());
                    failed.fetch_add(usize::from(!good), Ordering::Relaxed);
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await?;
        }
        Ok(failed.load(Ordering::Relaxed))
    }
}

async fn unthrottled(provider: &Path, parallelism: usize) -> Result<f64, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(ROUND_TRIP));
    let plan = Plan::start(provider, &cloud).await?;
    plan.read(&cloud, 500, parallelism).await?;
    let (started, mut reads) = (Instant::now(), 0);
    while started.elapsed() < ROUND {
        plan.read(&cloud, 20 * parallelism, parallelism).await?;
        reads += 20 * parallelism;
    }
    Ok(reads as f64 / started.elapsed().as_secs_f64())
}
