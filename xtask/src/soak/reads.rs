//! Many reads with one provider process, while the token expires several times.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, Reply, Route, Simulator};
use fastrand::Rng;
use plugin_host::{ClientIdentity, Connection, PluginCommand, TlsVersions, connect};
use serde_json::{Value, json};

use super::processes::descriptor_count;
use super::{Check, Options};

/// The number of batches. Between them, no read runs and the process is sampled.
const BATCHES: usize = 1000;

/// One batch in this many begins with a burst, and has a request that gets a server error and is retried.
const BATCHES_PER_BURST: usize = 10;

/// How long the responses of a burst take, so that its requests run at the same time. In the first one, the provider opens
/// all connections.
const BURST_LATENCY: Duration = Duration::from_millis(50);
const FIRST_BURST_LATENCY: Duration = Duration::from_millis(500);

/// By how much memory and descriptors may differ between the first and the last tenth of the reads, in percent.
const TOLERANCE: f64 = 5.0;

/// Longer than a token of the simulated cloud is valid, in seconds.
const MORE_THAN_A_DAY: i64 = 25 * 3600;

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// What a read requests, and what it must return.
#[derive(Clone, Copy)]
enum Read {
    Links,
    Certificates,
    Instances,
    MissingInstance,
}

impl Read {
    /// Most reads are reads of links. Some have large results, and some fail.
    fn random(rng: &mut Rng) -> Self {
        match rng.u8(..100) {
            0..5 => Self::Certificates,
            5..10 => Self::Instances,
            10..15 => Self::MissingInstance,
            _ => Self::Links,
        }
    }

    /// Sends the read and checks its result.
    async fn run(self, connection: Connection, instance: String) -> Result<(), String> {
        let (data_source, arguments) = match self {
            Self::Links => ("dds_ssl_cert_download_links", json!({ "instance_id": instance })),
            Self::Certificates => ("dds_ssl_certificates", json!({ "instance_id": instance })),
            Self::Instances => ("dds_instances", json!({})),
            Self::MissingInstance => ("dds_ssl_cert_download_links", json!({ "instance_id": "missing" })),
        };
        let response = connection.read(data_source, arguments).await.map_err(|status| status.to_string())?;
        let state = response.state.unwrap_or_default();
        let count = |list: &str| state[list].as_array().map(Vec::len);
        let is_expected = match self {
            Self::Links => count("certs") == Some(2),
            Self::Certificates => count("bundles") == Some(2),
            Self::Instances => count("instances") == Some(5),
            Self::MissingInstance => {
                response.diagnostics.iter().any(|diagnostic| diagnostic.summary == "Instance Not Found")
            }
        };
        if is_expected {
            Ok(())
        } else {
            Err(format!("unexpected result of {data_source}: {state} {:?}", response.diagnostics))
        }
    }
}

pub(super) async fn run(provider: &Path, options: &Options) -> Result<Vec<Check>, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let downloads = cloud.serve_downloads();
    // Each response has other links, as if they were signed.
    cloud.set_link_base(&downloads.http_url(), true);
    let mut process = PluginCommand::new(provider).start().await?;
    let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
    let diagnostics = connection.configure(provider_config(&cloud)).await?;
    if !diagnostics.is_empty() {
        return Err(format!("the configuration failed: {diagnostics:?}").into());
    }
    let instance = cloud.cloud_state().instances[0].id.clone();
    let batch_size = options.reads.div_ceil(BATCHES).max(options.parallelism);
    let batches = options.reads.div_ceil(batch_size);
    let mut expirations =
        (1..=options.tokens).map(|number| number * batches / (options.tokens + 1)).peekable();
    let (mut rng, mut requests) = (Rng::with_seed(options.seed), Requests::default());
    let (mut memory, mut descriptors): (Vec<u64>, Vec<u64>) = Default::default();
    let (started, mut reads, mut skew) = (Instant::now(), 0, 0);
    for batch in 0..batches {
        // The tokens expire alternately because they are revoked, and because their lifetime ends.
        while expirations.next_if_eq(&batch).is_some() {
            if requests.tokens % 2 == 1 {
                cloud.revoke_tokens();
            } else {
                skew += MORE_THAN_A_DAY;
                cloud.set_clock_skew(skew);
            }
        }
        if batch.is_multiple_of(BATCHES_PER_BURST) {
            // All connections that this parallelism needs are opened, and stay in use. Otherwise their number would depend on
            // which reads run at the same time.
            let latency = if batch == 0 { FIRST_BURST_LATENCY } else { BURST_LATENCY };
            cloud.set_latency(latency);
            downloads.reply_once("international", vec![Reply::Delayed(latency); options.parallelism]);
            let burst = vec![Read::Certificates; options.parallelism];
            run_batch(&connection, &instance, options.parallelism, burst).await?;
            cloud.set_latency(Duration::ZERO);
            reads += options.parallelism;
            cloud.inject_once(Route::Links, [Fault::Html { status: 502 }]);
        }
        let mixed = (0..batch_size).map(|_| Read::random(&mut rng)).collect();
        run_batch(&connection, &instance, options.parallelism, mixed).await?;
        reads += batch_size;
        requests.count(&cloud);
        memory.push(process.resident_memory().ok_or("the memory is unknown")? >> 10);
        descriptors.push(descriptor_count(process.id())?.try_into()?);
    }
    let time = started.elapsed();
    let protocol = process.handshake.protocol_version.clone();
    println!(
        "reads      {reads} in {:.0} s ({:.0}/s), {} at a time, protocol {protocol}, {} API requests, {} of them with an expired token",
        time.as_secs_f64(),
        reads as f64 / time.as_secs_f64(),
        options.parallelism,
        requests.all,
        requests.rejected,
    );
    let socket = process.socket_path().to_owned();
    let (status, _) =
        process.shut_down(connection, SHUTDOWN_TIMEOUT).await.ok_or("the process did not end")?;
    let stderr = process.stderr();
    Ok(vec![
        flat("memory", "KiB", &memory),
        flat("open files", "descriptors", &descriptors),
        Check {
            name: format!("new tokens after {} expirations", options.tokens),
            measured: format!("{} fetched", requests.tokens.saturating_sub(1)),
            limit: format!("{} fetched", options.tokens),
            passed: requests.tokens == options.tokens + 1,
        },
        Check {
            name: "end of the process".to_owned(),
            measured: format!(
                "{status}, {} bytes on stderr, socket {}",
                stderr.len(),
                if socket.exists() { "left" } else { "removed" }
            ),
            limit: "no error, no output, no socket".to_owned(),
            passed: status.success() && stderr.is_empty() && !socket.exists(),
        },
    ])
}

/// Password authentication, so that the provider fetches tokens.
fn provider_config(cloud: &Simulator) -> Value {
    let CloudState { user_name, password, account_name, .. } = cloud.cloud_state();
    let mut config = json!({ "user_name": user_name, "password": password, "domain_name": account_name });
    for name in ["region", "endpoints"] {
        config[name] = cloud.provider_config()[name].clone();
    }
    config
}

/// Runs the reads with this parallelism, and fails if one of them has an unexpected result.
async fn run_batch(
    connection: &Connection,
    instance: &str,
    parallelism: usize,
    reads: Vec<Read>,
) -> Result<(), String> {
    use futures_util::StreamExt as _;

    let tasks = reads.into_iter().map(|read| tokio::spawn(read.run(connection.clone(), instance.to_owned())));
    let mut results = futures_util::stream::iter(tasks).buffer_unordered(parallelism);
    while let Some(result) = results.next().await {
        result.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// The requests that the cloud received.
#[derive(Default)]
struct Requests {
    all: usize,
    tokens: usize,
    rejected: usize,
}

impl Requests {
    /// Counts the requests since the last call. The cloud would need too much memory for all of them.
    fn count(&mut self, cloud: &Simulator) {
        let recorded = cloud.recorded_requests();
        cloud.clear_recorded_requests();
        self.all += recorded.len();
        self.tokens += recorded.iter().filter(|request| request.route == Route::Tokens).count();
        self.rejected += recorded.iter().filter(|request| request.status == Some(401)).count();
    }
}

/// Prints the medians of all tenths of the samples, and compares the first with the last one.
fn flat(name: &str, unit: &str, samples: &[u64]) -> Check {
    let tenths = samples.chunks(samples.len().div_ceil(10)).map(|tenth| {
        let mut sorted = tenth.to_vec();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    });
    let tenths: Vec<u64> = tenths.collect();
    println!("{name:<11}{tenths:?} {unit} (medians of the tenths)");
    let (first, last) = (tenths[0], tenths[tenths.len() - 1]);
    let difference = (last as f64 - first as f64) / first as f64 * 100.0;
    Check {
        name: format!("{name} in the first and the last tenth of the reads"),
        measured: format!("{first} and {last} {unit} ({difference:+.1} %)"),
        limit: format!("{TOLERANCE} %"),
        passed: difference.abs() <= TOLERANCE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_samples_that_stay_within_the_tolerance_are_flat() {
        let passed = |samples: Vec<u64>| flat("memory", "KiB", &samples).passed;
        assert!(passed(vec![100; 50]));
        // A peak in the middle, and a single outlier.
        assert!(passed((0..50).map(|index| if (20..30).contains(&index) { 200 } else { 100 }).collect()));
        assert!(passed((0..50).map(|index| if index == 49 { 200 } else { 100 }).collect()));
        assert!(passed((0..50).map(|index| 1000 + index).collect()));
        assert!(!passed((0..50).map(|index| 1000 + 2 * index).collect()));
        assert!(!passed((0..50).map(|index| 1000 - 2 * index).collect()));
    }
}
