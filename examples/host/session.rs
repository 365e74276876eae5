//! The life of one provider's process, step by step, each with a limit and a time.

use std::time::{Duration, Instant};

use plugin_host::protocol::provider_schema::ProviderSchema;
use plugin_host::protocol::tfplugin::DynamicValue;
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::{Connection, Launch, Process, ValueType, open};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::prints::Prints;
use crate::report::{self, show};
use crate::sheet;

/// What core waits for a plugin after Shutdown before it kills it.
const GRACE: Duration = Duration::from_secs(2);

pub struct Session {
    process: Process,
    connection: Option<Connection>,
    prints: Prints,
    limit: Duration,
    times: Vec<(&'static str, Duration)>,
}

impl Session {
    pub async fn start(arguments: &Arguments) -> Result<Self, String> {
        let mut launch = Launch::new(&arguments.binary).in_environment_of_caller().tolerant();
        launch = launch.set("PLUGIN_PROTOCOL_VERSIONS", arguments.protocols).within(arguments.limit);
        for argument in &arguments.of_binary {
            launch = launch.arg(argument);
        }
        let process = launch.start().await.map_err(|failed| {
            let status = failed.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let said = report::said("stdout", &failed.stdout) + &report::said("stderr", &failed.stderr);
            format!("This is no provider that Terraform can start: {}{status}.{said}", failed.reason)
        })?;
        let times = vec![("start of the process to handshake line", process.start)];
        let mut session =
            Self { process, connection: None, prints: Prints::default(), limit: arguments.limit, times };
        show("Handshake", &report::handshake(&session.process.handshake));
        if !arguments.protocols.split(',').any(|offered| offered == session.process.handshake.protocol) {
            let spoken = &session.process.handshake.protocol;
            return Err(format!("It speaks protocol {spoken}, and was offered {}.", arguments.protocols));
        }
        let begun = Instant::now();
        let opening = tokio::time::timeout(arguments.limit, open(&session.process)).await;
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
    pub async fn ask(&mut self, arguments: &Arguments) -> Result<(), String> {
        let connection = self.connection.clone().ok_or("no connection")?;
        let schema = self.step("schema", connection.provider_schema()).await?;
        show("Schema", &sheet::listing(schema));
        report::diagnostics(&schema.diagnostics)?;
        let Some(config) = &arguments.config else { return Ok(()) };
        let (_, config) = value(schema.provider.as_ref(), config, "--config")?;
        let found = self.step("validation", connection.validate_provider_raw(Some(config.clone()))).await?;
        report::diagnostics(&found)?;
        report::diagnostics(&self.step("configure", connection.configure_raw(Some(config))).await?)?;
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
        let found = connection.validate_raw(name, Some(config.clone()));
        report::diagnostics(&self.step("validation of the read", found).await?)?;
        let answer = self.step("read", connection.read_undecoded(name, Some(config))).await?;
        report::diagnostics(&answer.diagnostics)?;
        let state = answer.state.ok_or("It gave neither a state nor an error.")?;
        let state = kind.shown(&state).map_err(|reason| format!("Its state cannot be read: {reason}."))?;
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
    pub async fn end(mut self) -> Result<(), String> {
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
        show(
            "Memory",
            &format!(
                "{:40}{}\n{:40}{}\n",
                "before Shutdown",
                report::mega(resident),
                "at most",
                report::mega(peak)
            ),
        );
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
    let kind = ValueType::of_block(block).map_err(|reason| format!("Its schema is wrong: {reason}."))?;
    let config = kind.configuration(given).map_err(|reason| format!("{option}: {reason}."))?;
    Ok((kind, config))
}
