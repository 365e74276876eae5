//! Any provider, seen from the other side: `cargo xtask host BINARY`.
//!
//! Starts the executable as Terraform's core does, with the magic cookie, mutual TLS and both protocols, and shows its
//! handshake, its schema, one read if asked for, and what all that took.

mod report;

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

Starts a provider's executable as Terraform does, and shows what it says of itself.

  --protocol 5|6      offer this protocol only
  --config JSON       configure the provider with this object
  --read TYPE JSON    read a data source of this type, with this object as its configuration
  --limit SECONDS     the longest wait for the handshake line and for each answer (60)";

/// What Terraform gives a plugin to start.
const LIMIT: Duration = Duration::from_secs(60);

struct Arguments {
    /// As a host offers them.
    protocols: &'static str,
    config: Option<Value>,
    read: Option<(String, Value)>,
    limit: Duration,
    binary: PathBuf,
    of_binary: Vec<String>,
}

impl Arguments {
    /// What is wrong with them, if anything is.
    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut next = move |what: &str| given.next().ok_or_else(|| format!("{what} is missing"));
        let (mut protocols, mut config, mut read, mut limit) = ("6,5", None, None, LIMIT);
        let binary = loop {
            match next("BINARY")?.as_str() {
                "--protocol" => {
                    protocols = match next("5 or 6 after --protocol")?.as_str() {
                        "5" => "5",
                        "6" => "6",
                        other => return Err(format!("--protocol takes 5 or 6, not {other}")),
                    }
                }
                "--config" => config = Some(object("--config", &next("JSON after --config")?)?),
                "--read" => {
                    let name = next("TYPE after --read")?;
                    read = Some((name, object("--read", &next("JSON after --read TYPE")?)?));
                }
                "--limit" => {
                    let text = next("SECONDS after --limit")?;
                    let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
                    limit = Duration::from_secs(seconds.ok_or("--limit takes seconds, 1 to 86400")?);
                }
                option if option.starts_with('-') => return Err(format!("{option} is no option")),
                binary => break binary.into(),
            }
        };
        let of_binary = std::iter::from_fn(|| next("no more").ok()).collect();
        // A provider that reads is configured before, if with nothing.
        let config = config.or_else(|| read.as_ref().map(|_| json!({})));
        Ok(Self { protocols, config, read, limit, binary, of_binary })
    }
}

/// Says where it is wrong, and does not repeat it: it may hold a secret.
fn object(option: &str, text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(format!("{option} takes a JSON object")),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(format!("{option} takes JSON, and this is wrong at line {line}, column {column}"))
        }
    }
}

/// The exit code is 1 if something was wrong with the provider, and 2 if the command line was.
pub async fn run(arguments: &[String]) -> ExitCode {
    let arguments = match Arguments::parse(arguments.iter().cloned()) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("{reason}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match follow(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("\n{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn follow(arguments: &Arguments) -> Result<(), String> {
    let session = async {
        let mut session = Session::start(arguments).await?;
        let outcome = session.ask(arguments).await;
        // Also after a failure: what was measured until then may be its explanation.
        match (outcome, session.end().await) {
            (Err(reason), Err(end)) => Err(format!("{reason}\n{end}")),
            (outcome, end) => outcome.and(end),
        }
    };
    tokio::select! {
        outcome = session => outcome,
        // The session is dropped, and the provider's process with it.
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
    }
}

/// What core waits for a plugin after Shutdown before it kills it.
const GRACE: Duration = Duration::from_secs(2);

/// One provider's process, step by step, each with a limit and a time.
struct Session {
    process: Process,
    connection: Option<Connection>,
    prints: Prints,
    limit: Duration,
    times: Vec<(&'static str, Duration)>,
}

impl Session {
    async fn start(arguments: &Arguments) -> Result<Self, String> {
        let mut launch = PluginCommand::new(&arguments.binary).inherit_env().lenient();
        launch = launch.env("PLUGIN_PROTOCOL_VERSIONS", arguments.protocols).start_timeout(arguments.limit);
        for argument in &arguments.of_binary {
            launch = launch.arg(argument);
        }
        let process = launch.start().await.map_err(|failed| {
            let status = failed.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let said = report::said("stdout", &failed.stdout) + &report::said("stderr", &failed.stderr);
            format!("This is no provider that Terraform can start: {}{status}.{said}", failed.reason)
        })?;
        let times = vec![("start of the process to handshake line", process.startup_time)];
        let mut session =
            Self { process, connection: None, prints: Prints::default(), limit: arguments.limit, times };
        show("Handshake", &report::handshake(&session.process.handshake));
        if !arguments
            .protocols
            .split(',')
            .any(|offered| offered == session.process.handshake.protocol_version)
        {
            let spoken = &session.process.handshake.protocol_version;
            return Err(format!("It speaks protocol {spoken}, and was offered {}.", arguments.protocols));
        }
        let begun = Instant::now();
        let opening = tokio::time::timeout(arguments.limit, connect_with_tls_session(&session.process)).await;
        let (connection, agreed) = opening
            .map_err(|_| session.failure(&silence("the connection", arguments.limit)))?
            .map_err(|reason| session.failure(&format!("It cannot be connected to: {reason}")))?;
        session.times.push(("connection and first answer", begun.elapsed()));
        show("Connection", &report::channel(agreed.as_ref()));
        session.prints.follow(&connection);
        session.connection = Some(connection);
        Ok(session)
    }

    /// The schema, and what else was asked for.
    async fn ask(&mut self, arguments: &Arguments) -> Result<(), String> {
        let connection = self.connection.clone().ok_or("no connection")?;
        let schema = self.step("schema", connection.provider_schema()).await?;
        show("Schema", &report::listing(schema));
        report::diagnostics(&schema.diagnostics)?;
        let Some(config) = &arguments.config else { return Ok(()) };
        let (_, config) = value(schema.provider.as_ref(), config, "--config")?;
        let found =
            self.step("validation", connection.validate_provider_encoded(Some(config.clone()))).await?;
        report::diagnostics(&found)?;
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
        let schema =
            schema.data_sources.get(name).ok_or_else(|| format!("It has no data source {name:?}."))?;
        let (kind, config) = value(Some(schema), config, "--read")?;
        let found = connection.validate_encoded(name, Some(config.clone()));
        report::diagnostics(&self.step("validation of the read", found).await?)?;
        let answer = self.step("read", connection.read_response(name, Some(config))).await?;
        report::diagnostics(&answer.diagnostics)?;
        let state = answer.state.ok_or("It gave neither a state nor an error.")?;
        let state =
            kind.to_redacted_json(&state).map_err(|reason| format!("Its state cannot be read: {reason}."))?;
        show(&format!("Data source {name}"), &format!("{state:#}\n"));
        Ok(())
    }

    async fn step<T>(
        &mut self,
        name: &'static str,
        call: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Result<T, String> {
        let begun = Instant::now();
        let answer = tokio::time::timeout(self.limit, call).await.map_err(|_| silence(name, self.limit))?;
        self.times.push((name, begun.elapsed()));
        answer.map_err(|status| format!("{name} failed: {}: {}", status.code(), status.message()))
    }

    /// Ends the process as core does, and shows what all of it took.
    async fn end(mut self) -> Result<(), String> {
        let (resident, peak) = (self.process.resident_memory(), self.process.peak_memory());
        let connection = self.connection.take().ok_or("no connection")?;
        self.prints.leave();
        let end = self.process.shut_down(connection, GRACE);
        let end = tokio::time::timeout(self.limit.min(2 * GRACE), end).await.ok().flatten();
        if let Some((_, time)) = end {
            self.times.push(("Shutdown to end of the process", time));
        }
        let times = self.times.iter();
        let times = times.map(|(name, time)| format!("{name:40}{:9.2} ms\n", time.as_secs_f64() * 1000.0));
        show("Times", &times.collect::<String>());
        let memory = [("before Shutdown", resident), ("at most", peak)];
        let memory = memory.map(|(name, bytes)| format!("{name:40}{}\n", report::mega(bytes)));
        show("Memory", &memory.concat());
        for (title, text) in [("Printed", self.prints.text()), ("Stderr", self.process.stderr())] {
            if !text.is_empty() {
                show(title, &text);
            }
        }
        match end {
            Some((status, _)) if status.success() => Ok(()),
            Some((status, _)) => Err(format!("It ended with {status}.")),
            None => Err("It did not end after Shutdown, and was killed.".to_owned()),
        }
    }

    /// With what the process has said meanwhile.
    fn failure(&self, reason: &str) -> String {
        format!("{reason}{}", report::said("stderr", &self.process.stderr()))
    }
}

fn silence(step: &str, limit: Duration) -> String {
    format!("No answer in {} s: {step}.", limit.as_secs())
}

fn value(schema: Option<&Schema>, given: &Value, option: &str) -> Result<(ValueType, DynamicValue), String> {
    let block = schema.and_then(|schema| schema.block.as_ref()).ok_or("Its schema has no block.")?;
    let kind = ValueType::from_block(block).map_err(|reason| format!("Its schema is wrong: {reason}."))?;
    let config = kind.encode_config(given).map_err(|reason| format!("{option}: {reason}."))?;
    Ok((kind, config))
}

/// What a plugin's code prints while it is called. It comes by a stream of its own, which a host has to read: a plugin
/// of go-plugin waits else, once the pipe behind it is full.
#[derive(Default)]
struct Prints {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Prints {
    fn follow(&mut self, connection: &Connection) {
        let (mut stdio, text) = (connection.stdio(), self.text.clone());
        self.reader = Some(tokio::spawn(async move {
            // Old plugins have no such stream.
            let Ok(answer) = stdio.stream_stdio(()).await else { return };
            let mut stream = answer.into_inner();
            while let Ok(Some(printed)) = stream.message().await {
                let printed = String::from_utf8_lossy(&printed.data).into_owned();
                text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&printed);
            }
        }));
    }

    /// It holds the connection open.
    fn leave(&mut self) {
        self.reader.take().iter().for_each(JoinHandle::abort);
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
