//! A provider process and its host: the groups `start` and `reads`.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plugin_host::protocol::tfplugin::diagnostic::Severity;
use plugin_host::protocol::tfplugin::{Diagnostic, DynamicValue};
use plugin_host::{ClientIdentity, Connection, PluginCommand, Process, Protocol, TlsVersions, connect_tls};
use serde_json::Value;

use super::cloud::Cloud;
use super::mapping::Provider;
use super::results::*;
use crate::host::{self, PluginOutput};
use crate::statistics::percentile;

/// How long to wait for the end of a process. Processes under callgrind need so long.
const END_TIMEOUT: Duration = Duration::from_secs(120);

/// An executable to measure.
pub struct Candidate {
    pub title: String,
    pub binary: PathBuf,
    pub provider: Provider,
    /// The configurations without variables.
    pub provider_config: Value,
    pub data_source_config: Value,
}

impl Candidate {
    /// Whether its reads send requests to the cloud.
    pub fn uses_cloud(&self) -> bool {
        self.provider.provider_config.values().any(|value| value.to_string().contains("\"$url"))
    }
}

/// A configured provider process, connected as in Terraform: with mutual TLS and a reader for its output.
pub struct ProviderProcess {
    process: Process,
    connection: Connection,
    output: PluginOutput,
    data_source: String,
    config: DynamicValue,
    /// From the start of the process to the response to the schema call.
    schema: Duration,
    configure: Duration,
}

impl ProviderProcess {
    /// Starts the command, requests the schema and configures the provider.
    pub async fn start(command: PluginCommand, candidate: &Candidate) -> Result<Self, Box<dyn Error>> {
        let Candidate { provider, .. } = candidate;
        let started = Instant::now();
        let offered = provider.protocol.to_string();
        let process = command.lenient().env("PLUGIN_PROTOCOL_VERSIONS", &offered).start().await?;
        let protocol = match process.handshake.protocol_version.as_str() {
            version if version != offered => {
                return Err(format!("the provider uses protocol {version} instead of {offered}").into());
            }
            "5" => Protocol::Five,
            _ => Protocol::Six,
        };
        let stream = connect_tls(&process, ClientIdentity::Expected, TlsVersions::All).await?;
        let connection = Connection::from_stream(stream, protocol).await;
        let mut output = PluginOutput::default();
        output.collect(&connection);
        let provider_schema = connection.provider_schema().await?;
        let schema = started.elapsed();
        let (_, provider_config) =
            host::encode(provider_schema.provider.as_ref(), &candidate.provider_config, "provider_config")?;
        let data_source = provider_schema.data_sources.get(&provider.data_source);
        if data_source.is_none() {
            return Err(format!("the provider has no data source {}", provider.data_source).into());
        }
        let (_, config) = host::encode(data_source, &candidate.data_source_config, "data_source_config")?;
        let started = Instant::now();
        let diagnostics = connection.configure_encoded(Some(provider_config)).await?;
        let configure = started.elapsed();
        check_diagnostics(&diagnostics)?;
        let data_source = provider.data_source.clone();
        Ok(Self { process, connection, output, data_source, config, schema, configure })
    }

    /// Makes the first read, which must succeed. Returns its time.
    pub async fn read_first(&self) -> Result<Duration, Box<dyn Error>> {
        let started = Instant::now();
        let response = self.connection.read_response(&self.data_source, Some(self.config.clone())).await?;
        let time = started.elapsed();
        check_diagnostics(&response.diagnostics)?;
        response.state.ok_or("a read returned no state")?;
        Ok(time)
    }

    /// Makes reads, which all must succeed. Returns the time of each one.
    pub async fn read(&self, count: usize, parallelism: usize) -> Result<Vec<Duration>, Box<dyn Error>> {
        let times = read_many(&self.connection, &self.data_source, &self.config, count, parallelism).await?;
        if times.len() < count {
            return Err(format!("{} of {count} reads failed", count - times.len()).into());
        }
        Ok(times)
    }

    /// Ends the process as Terraform does. Returns the time.
    pub async fn end(mut self) -> Result<Duration, Box<dyn Error>> {
        self.output.stop();
        let ended = self.process.shut_down(self.connection, END_TIMEOUT).await;
        let (status, time) = ended.ok_or("the process did not end after Shutdown")?;
        if status.success() { Ok(time) } else { Err(format!("the process ended with {status}").into()) }
    }
}

fn check_diagnostics(diagnostics: &[Diagnostic]) -> Result<(), String> {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error);
    host::report::diagnostics(&errors.cloned().collect::<Vec<_>>())
}

/// Makes reads with this parallelism. Returns the times of those that returned a state and no error.
pub async fn read_many(
    connection: &Connection,
    name: &str,
    config: &DynamicValue,
    count: usize,
    parallelism: usize,
) -> Result<Vec<Duration>, tokio::task::JoinError> {
    let remaining = Arc::new(AtomicUsize::new(count));
    let workers = (0..parallelism.min(count)).map(|_| {
        let (remaining, connection, name, config) =
            (remaining.clone(), connection.clone(), name.to_owned(), config.clone());
        tokio::spawn(async move {
            let take = |remaining: usize| remaining.checked_sub(1);
            let mut times = Vec::new();
            while remaining.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let started = Instant::now();
                let response = connection.read_response(&name, Some(config.clone())).await;
                let time = started.elapsed();
                if response.is_ok_and(|response| {
                    response.state.is_some() && check_diagnostics(&response.diagnostics).is_ok()
                }) {
                    times.push(time);
                }
            }
            times
        })
    });
    let mut times = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        times.extend(worker.await?);
    }
    Ok(times)
}

/// Measures one process from its start to its end.
pub async fn measure_start(
    results: &mut Results,
    index: usize,
    candidate: &Candidate,
) -> Result<(), Box<dyn Error>> {
    let process = ProviderProcess::start(PluginCommand::new(&candidate.binary), candidate).await?;
    results.record(HANDSHAKE, index, milliseconds(process.process.startup_time));
    results.record(SCHEMA, index, milliseconds(process.schema));
    results.record(CONFIGURE, index, milliseconds(process.configure));
    results.record_if_known(IDLE_RESIDENT, index, process.process.resident_memory().map(mebibytes));
    results.record(END, index, milliseconds(process.end().await?));
    Ok(())
}

/// Measures many reads in one process: a tenth of them one at a time, four tenths with 10 in flight, and half with 100.
pub async fn measure_reads(
    results: &mut Results,
    index: usize,
    candidate: &Candidate,
    cloud: &Cloud,
    reads: usize,
) -> Result<(), Box<dyn Error>> {
    let process = ProviderProcess::start(PluginCommand::new(&candidate.binary), candidate).await?;
    results.record(FIRST_READ, index, milliseconds(process.read_first().await?));
    let (cpu_before, mut total) = (process.process.cpu_time(), 0);
    for (parallelism, share, [per_second, p50, p99], resident) in [
        (1, 0.1, [READS_1, READS_1_P50, READS_1_P99], None),
        (10, 0.4, [READS_10, READS_10_P50, READS_10_P99], Some(READS_10_RESIDENT)),
        (100, 0.5, [READS_100, READS_100_P50, READS_100_P99], Some(READS_100_RESIDENT)),
    ] {
        let count = (reads as f64 * share).ceil() as usize;
        total += count;
        let started = Instant::now();
        let times = process.read(count, parallelism).await?;
        results.record(per_second, index, count as f64 / started.elapsed().as_secs_f64());
        let times: Vec<f64> = times.into_iter().map(milliseconds).collect();
        results.record_if_known(p50, index, percentile(&times, 0.5));
        results.record_if_known(p99, index, percentile(&times, 0.99));
        if let Some(resident) = resident {
            results.record_if_known(resident, index, process.process.resident_memory().map(mebibytes));
        }
    }
    // With the first read.
    cloud.check_requests(candidate, 1 + total)?;
    let cpu = cpu_before.zip(process.process.cpu_time());
    let cpu = cpu.map(|(before, after)| (after - before).as_secs_f64() * 1000.0 / total as f64);
    results.record_if_known(CPU, index, cpu);
    process.end().await.map(drop)
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
