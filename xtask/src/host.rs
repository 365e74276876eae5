//! Starts any provider as Terraform does: `cargo xtask host BINARY`.
//!
//! It uses the magic cookie, mutual TLS and both protocols. It prints the handshake, the schema, optionally the result of one
//! read, and the time and memory that the provider needed.

pub mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plugin_host::protocol::provider_schema::ProviderSchema;
use plugin_host::protocol::tfplugin::DynamicValue;
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::{Connection, PluginCommand, Process, ValueType, connect_with_tls_session};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use report::show;

const USAGE: &str = "\
usage: cargo xtask host [OPTION…] BINARY [ARGUMENT…]

Starts a provider's executable as Terraform does, and prints its handshake and its schema.

  --protocol 5|6      offer only this protocol
  --config JSON       configure the provider with this JSON object
  --read TYPE JSON    read a data source of this type with this configuration (a JSON object)
  --timeout SECONDS   timeout for the handshake line and for each response (default: 60)";

/// The default timeout, which is the start timeout of Terraform.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

struct Arguments {
    /// The value of `PLUGIN_PROTOCOL_VERSIONS`.
    protocols: &'static str,
    config: Option<Value>,
    read: Option<(String, Value)>,
    timeout: Duration,
    binary: PathBuf,
    binary_arguments: Vec<String>,
}

impl Arguments {
    /// Parses the command line.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut next = move |what: &str| arguments.next().ok_or_else(|| format!("{what} is missing"));
        let (mut protocols, mut config, mut read, mut timeout) = ("6,5", None, None, DEFAULT_TIMEOUT);
        let binary = loop {
            match next("BINARY")?.as_str() {
                "--protocol" => {
                    protocols = match next("5 or 6 after --protocol")?.as_str() {
                        "5" => "5",
                        "6" => "6",
                        other => return Err(format!("--protocol must be 5 or 6, not {other}")),
                    }
                }
                "--config" => config = Some(object("--config", &next("JSON after --config")?)?),
                "--read" => {
                    let name = next("TYPE after --read")?;
                    read = Some((name, object("--read", &next("JSON after --read TYPE")?)?));
                }
                "--timeout" => {
                    let text = next("SECONDS after --timeout")?;
                    let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
                    timeout = Duration::from_secs(
                        seconds.ok_or("--timeout must be a number of seconds from 1 to 86400")?,
                    );
                }
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                binary => break binary.into(),
            }
        };
        let binary_arguments = std::iter::from_fn(|| next("no more").ok()).collect();
        // A read needs a configured provider.
        let config = config.or_else(|| read.as_ref().map(|_| json!({})));
        Ok(Self { protocols, config, read, timeout, binary, binary_arguments })
    }
}

/// Parses a JSON object. Errors do not repeat the text, because it may contain a secret.
fn object(option: &str, text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(format!("{option} must be a JSON object")),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(format!("{option} is invalid JSON at line {line}, column {column}"))
        }
    }
}

/// The exit code is 1 if the provider fails, and 2 if the command line is invalid.
pub async fn run(arguments: &[String]) -> ExitCode {
    let arguments = match Arguments::parse(arguments.iter().cloned()) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("{reason}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run_session(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("\n{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run_session(arguments: &Arguments) -> Result<(), String> {
    let session = async {
        let mut session = Session::start(arguments).await?;
        let result = session.call(arguments).await;
        // Shown even after a failure: the measured times may explain it.
        match (result, session.shut_down().await) {
            (Err(reason), Err(shutdown)) => Err(format!("{reason}\n{shutdown}")),
            (result, shutdown) => result.and(shutdown),
        }
    };
    tokio::select! {
        result = session => result,
        // Dropping the session kills the provider process.
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
    }
}

/// How long Terraform waits after Shutdown before it kills a plugin.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// A provider process and the measured time of each step.
struct Session {
    process: Process,
    connection: Option<Connection>,
    output: PluginOutput,
    timeout: Duration,
    times: Vec<(&'static str, Duration)>,
}

impl Session {
    async fn start(arguments: &Arguments) -> Result<Self, String> {
        let mut command = PluginCommand::new(&arguments.binary).inherit_env().lenient();
        command =
            command.env("PLUGIN_PROTOCOL_VERSIONS", arguments.protocols).start_timeout(arguments.timeout);
        for argument in &arguments.binary_arguments {
            command = command.arg(argument);
        }
        let process = command.start().await.map_err(|error| {
            let status = error.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let output = report::output("stdout", &error.stdout) + &report::output("stderr", &error.stderr);
            format!("Terraform cannot start this program: {}{status}.{output}", error.reason)
        })?;
        let times = vec![("process start to handshake line", process.startup_time)];
        let mut session = Self {
            process,
            connection: None,
            output: PluginOutput::default(),
            timeout: arguments.timeout,
            times,
        };
        show("Handshake", &report::handshake(&session.process.handshake));
        let version = &session.process.handshake.protocol_version;
        if !arguments.protocols.split(',').any(|offered| offered == version) {
            return Err(format!(
                "The provider uses protocol {version}, but the host offered {}.",
                arguments.protocols
            ));
        }
        let started = Instant::now();
        let connecting =
            tokio::time::timeout(arguments.timeout, connect_with_tls_session(&session.process)).await;
        let (connection, tls_session) = connecting
            .map_err(|_| session.with_stderr(&timed_out("connection", arguments.timeout)))?
            .map_err(|reason| session.with_stderr(&format!("Cannot connect to the provider: {reason}")))?;
        session.times.push(("connection and first response", started.elapsed()));
        show("Connection", &report::channel(tls_session.as_ref()));
        session.output.collect(&connection);
        session.connection = Some(connection);
        Ok(session)
    }

    /// Requests the schema. Configures the provider and reads a data source if `--config` or `--read` is set.
    async fn call(&mut self, arguments: &Arguments) -> Result<(), String> {
        let connection = self.connection.clone().ok_or("no connection")?;
        let schema = self.step("schema", connection.provider_schema()).await?;
        show("Schema", &report::listing(schema));
        report::diagnostics(&schema.diagnostics)?;
        let Some(config) = &arguments.config else { return Ok(()) };
        let (_, config) = encode(schema.provider.as_ref(), config, "--config")?;
        let diagnostics =
            self.step("validation", connection.validate_provider_encoded(Some(config.clone()))).await?;
        report::diagnostics(&diagnostics)?;
        report::diagnostics(&self.step("configure", connection.configure_encoded(Some(config))).await?)?;
        match &arguments.read {
            Some((name, config)) => self.read(&connection, schema, name, config).await,
            None => Ok(()),
        }
    }

    async fn read(
        &mut self,
        connection: &Connection,
        schema: &ProviderSchema,
        name: &str,
        config: &Value,
    ) -> Result<(), String> {
        let schema = schema
            .data_sources
            .get(name)
            .ok_or_else(|| format!("The provider has no data source {name:?}."))?;
        let (value_type, config) = encode(Some(schema), config, "--read")?;
        let validation = connection.validate_encoded(name, Some(config.clone()));
        report::diagnostics(&self.step("validation of the read", validation).await?)?;
        let response = self.step("read", connection.read_response(name, Some(config))).await?;
        report::diagnostics(&response.diagnostics)?;
        let state = response.state.ok_or("The provider returned neither a state nor an error.")?;
        let state = value_type
            .to_redacted_json(&state)
            .map_err(|reason| format!("The state cannot be decoded: {reason}."))?;
        show(&format!("Data source {name}"), &format!("{state:#}\n"));
        Ok(())
    }

    async fn step<T>(
        &mut self,
        name: &'static str,
        call: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Result<T, String> {
        let started = Instant::now();
        let response =
            tokio::time::timeout(self.timeout, call).await.map_err(|_| timed_out(name, self.timeout))?;
        self.times.push((name, started.elapsed()));
        response.map_err(|status| format!("{name} failed: {}: {}", status.code(), status.message()))
    }

    /// Shuts the process down as Terraform does, and prints the times and the memory.
    async fn shut_down(mut self) -> Result<(), String> {
        let (resident, peak) = (self.process.resident_memory(), self.process.peak_memory());
        let connection = self.connection.take().ok_or("no connection")?;
        self.output.stop();
        let end = self.process.shut_down(connection, SHUTDOWN_TIMEOUT);
        let end = tokio::time::timeout(self.timeout.min(2 * SHUTDOWN_TIMEOUT), end).await.ok().flatten();
        if let Some((_, time)) = end {
            self.times.push(("Shutdown to process end", time));
        }
        let times = self.times.iter();
        let times = times.map(|(name, time)| format!("{name:40}{:9.2} ms\n", time.as_secs_f64() * 1000.0));
        show("Times", &times.collect::<String>());
        let memory = [("before Shutdown", resident), ("peak", peak)];
        let memory = memory.map(|(name, bytes)| format!("{name:40}{}\n", report::mebibytes(bytes)));
        show("Memory", &memory.concat());
        for (title, text) in [("Output during calls", self.output.text()), ("Stderr", self.process.stderr())]
        {
            if !text.is_empty() {
                show(title, &text);
            }
        }
        match end {
            Some((status, _)) if status.success() => Ok(()),
            Some((status, _)) => Err(format!("The provider ended with {status}.")),
            None => Err("The provider did not end after Shutdown and was killed.".to_owned()),
        }
    }

    /// Appends the output on stderr to an error.
    fn with_stderr(&self, reason: &str) -> String {
        format!("{reason}{}", report::output("stderr", &self.process.stderr()))
    }
}

fn timed_out(step: &str, timeout: Duration) -> String {
    format!("{step}: no response within {} s.", timeout.as_secs())
}

/// Encodes a configuration by the schema of its block.
pub fn encode(
    schema: Option<&Schema>,
    config: &Value,
    option: &str,
) -> Result<(ValueType, DynamicValue), String> {
    let block = schema.and_then(|schema| schema.block.as_ref()).ok_or("The schema has no block.")?;
    let value_type =
        ValueType::from_block(block).map_err(|reason| format!("The schema is invalid: {reason}."))?;
    let config = value_type.encode_config(config).map_err(|reason| format!("{option}: {reason}."))?;
    Ok((value_type, config))
}

/// The output of a plugin during calls. It arrives on a gRPC stream that hosts must read: otherwise a go-plugin plugin blocks
/// when its pipe is full.
#[derive(Default)]
pub struct PluginOutput {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl PluginOutput {
    /// Starts to read the output.
    pub fn collect(&mut self, connection: &Connection) {
        let (mut stdio, text) = (connection.stdio(), self.text.clone());
        self.reader = Some(tokio::spawn(async move {
            // Old plugins do not have this stream.
            let Ok(response) = stdio.stream_stdio(()).await else { return };
            let mut stream = response.into_inner();
            while let Ok(Some(message)) = stream.message().await {
                let output = String::from_utf8_lossy(&message.data).into_owned();
                text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&output);
            }
        }));
    }

    /// Stops the reader, which keeps the connection open.
    pub fn stop(&mut self) {
        self.reader.take().iter().for_each(JoinHandle::abort);
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
