//! What the provider costs: `cargo run --release --example measure`.
//!
//! Size of the executable; time from the start of the process to its handshake line, over mutual TLS to the first
//! answer, and from Shutdown to its end; memory after many reads. Medians, because a machine has other things to do.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to the person who ran it"
)]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use dds_test_support::built;
use dds_test_support::host::{Identity, Launch, Tls, connect};
use dds_test_support::simulator::{Simulator, World};
use serde_json::json;

const STARTS: usize = 51;
const READS: usize = 300;
const MEMORY_RUNS: usize = 5;
/// As many as Terraform has under way at once.
const PARALLEL: usize = 10;
const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = built::provider("measure")?;
    let (mut starts, mut answers, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (start, answer, end) = life(&provider).await?;
        starts.push(start);
        answers.push(answer);
        ends.push(end);
    }
    let mut memory = Vec::new();
    for _ in 0..MEMORY_RUNS {
        memory.push(memory_after_reads(&provider).await?);
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
    Ok(())
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

async fn life(provider: &Path) -> Result<(Duration, Duration, Duration), Box<dyn Error>> {
    let mut process = Launch::new(provider).start().await.map_err(|failed| failed.stderr)?;
    let begun = Instant::now();
    let connection = connect(&process, Identity::Right, Tls::Any).await?;
    let answer = begun.elapsed();
    let begun = Instant::now();
    connection.shutdown().await;
    process.wait(Duration::from_secs(10)).await.ok_or("the process did not end")?;
    Ok((process.start, answer, begun.elapsed()))
}

async fn memory_after_reads(provider: &Path) -> Result<u64, Box<dyn Error>> {
    let cloud = Simulator::start(World::sample());
    let process = Launch::new(provider).start().await.map_err(|failed| failed.stderr)?;
    let connection = connect(&process, Identity::Right, Tls::Any).await?;
    let key = &cloud.world().keys[0];
    let settings = json!({
        "region": "cn-north-4", "access_key": key.id, "secret_key": key.secret,
        "endpoints": { "dds": cloud.url(), "iam": cloud.url() },
    });
    connection.configure(settings).await?;
    for _ in 0..READS / PARALLEL {
        let reads = (0..PARALLEL).map(|_| {
            let (connection, config) =
                (connection.clone(), json!({ "instance_id": cloud.world().instances[0].id }));
            tokio::spawn(async move { connection.read(DATA_SOURCE, config).await })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await??.state.ok_or("a read without a state")?;
        }
    }
    process.resident_memory().ok_or_else(|| "memory is only known on Linux".into())
}
