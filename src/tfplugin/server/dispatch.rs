//! What each call of a host does, in plain data: decode, call the provider, encode. It knows no message of any
//! protocol; `v5` and `v6` translate. A fault that a user can mend is a diagnostic, never a gRPC status, because core
//! replaces a status by a fixed sentence.

use std::future::Future;
use std::sync::Arc;

use super::rpc_span::RpcSpan;
use super::stop::{Stop, StopSignal};
use crate::provider::data_sources::DataSource;
use crate::provider::{Provider, ReadOutcome};
use crate::tfplugin::diagnostic::{Diagnostic, Diagnostics};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::{Value, json, msgpack};

pub struct Dispatcher {
    provider: Arc<Provider>,
    stop: Stop,
}

/// The answer to a read: a state in MessagePack unless there are errors.
pub struct ReadAnswer {
    pub state: Option<Vec<u8>>,
    /// The state holds unknown values, because the provider's configuration is not known yet.
    pub deferred: bool,
    pub diagnostics: Diagnostics,
}

/// A block's value as it arrived. Core writes MessagePack, other hosts may write JSON; neither of them is a null.
#[derive(Default)]
pub struct Encoded {
    pub msgpack: Vec<u8>,
    pub json: Vec<u8>,
}

/// The calls, named in the log as in protocol 6 whichever is spoken.
impl Dispatcher {
    pub fn new(provider: Arc<Provider>) -> Self {
        Self { provider, stop: Stop::new() }
    }

    pub fn schema(&self) -> Schema {
        self.provider.schema()
    }

    pub fn data_sources(&self) -> impl Iterator<Item = &'static dyn DataSource> {
        self.provider.data_sources().iter().copied()
    }

    pub fn ephemeral_resources(&self) -> impl Iterator<Item = &'static dyn DataSource> {
        self.provider.ephemeral_resources().iter().copied()
    }

    pub async fn validate(&self, config: Encoded) -> Diagnostics {
        let work = async { Ok(self.provider.validate(&decode(&config, &self.schema())?)) };
        RpcSpan::provider("ValidateProviderConfig").diagnose(work).await
    }

    pub async fn configure(&self, config: Encoded, terraform_version: &str) -> Diagnostics {
        let work =
            async { Ok(self.provider.configure(&decode(&config, &self.schema())?, terraform_version)) };
        RpcSpan::provider("ConfigureProvider").diagnose(work).await
    }

    pub async fn validate_data_source(&self, name: &str, config: Encoded) -> Diagnostics {
        let work = async { self.check(self.data_source(name)?, config) };
        RpcSpan::data_source("ValidateDataResourceConfig", name).diagnose(work).await
    }

    pub async fn read_data_source(
        &self,
        name: &str,
        config: Encoded,
        deferral_allowed: bool,
        stop: StopSignal,
    ) -> ReadAnswer {
        let work = async { self.read(self.data_source(name)?, config, deferral_allowed, stop).await };
        RpcSpan::data_source("ReadDataSource", name).answer(work).await.into()
    }

    pub async fn validate_ephemeral(&self, name: &str, config: Encoded) -> Diagnostics {
        let work = async { self.check(self.ephemeral_resource(name)?, config) };
        RpcSpan::ephemeral_resource("ValidateEphemeralResourceConfig", name).diagnose(work).await
    }

    /// The same as a read, but for what the host does with it. It is never deferred: no later plan would open it.
    pub async fn open_ephemeral(&self, name: &str, config: Encoded, stop: StopSignal) -> ReadAnswer {
        let work = async { self.read(self.ephemeral_resource(name)?, config, false, stop).await };
        RpcSpan::ephemeral_resource("OpenEphemeralResource", name).answer(work).await.into()
    }

    /// Ends the calls in progress. Later ones are not affected.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    fn data_source(&self, name: &str) -> Result<&'static dyn DataSource, Diagnostics> {
        self.provider
            .data_source(name)
            .ok_or_else(|| unknown("Unknown Data Source Type", "data source", name))
    }

    fn ephemeral_resource(&self, name: &str) -> Result<&'static dyn DataSource, Diagnostics> {
        self.provider
            .ephemeral_resource(name)
            .ok_or_else(|| unknown("Unknown Ephemeral Resource Type", "ephemeral resource", name))
    }

    fn check(&self, source: &dyn DataSource, config: Encoded) -> Result<Diagnostics, Diagnostics> {
        Ok(self.provider.validate_data_source(source, &decode(&config, &source.schema())?))
    }

    async fn read(
        &self,
        source: &dyn DataSource,
        config: Encoded,
        deferral_allowed: bool,
        stop: StopSignal,
    ) -> Result<ReadAnswer, Diagnostics> {
        let (name, schema) = (source.name(), source.schema());
        let config = decode(&config, &schema)?;
        let read = self.provider.read(source, &config, deferral_allowed);
        let (state, deferred, diagnostics) = match unless_stopped(name, stop, read).await? {
            ReadOutcome::Complete(reading) => (reading.state, false, reading.warnings),
            ReadOutcome::Deferred(state) => (state, true, Diagnostics::default()),
        };
        let state = encode(&state, &schema, deferred).map_err(|reason| {
            let detail = format!(
                "The provider made a state for {name} that does not fit its schema: {reason}. \
                 Please report this at {}/issues.",
                env!("CARGO_PKG_REPOSITORY")
            );
            Diagnostics::from(Diagnostic::error("Provider Bug", detail))
        })?;
        Ok(ReadAnswer { state: Some(state), deferred, diagnostics })
    }
}

/// Dropping the read ends whatever it waits for: an answer, a pause between two tries, another's token.
async fn unless_stopped<T>(
    name: &str,
    stop: StopSignal,
    read: impl Future<Output = Result<T, Diagnostics>>,
) -> Result<T, Diagnostics> {
    tokio::select! {
        // First, so that a read which was stopped while its request was decoded sends nothing.
        biased;
        () = stop.stopped() => {
            let detail = format!("The read of {name} was ended early because the run was interrupted.");
            Err(Diagnostic::error("Operation Cancelled", detail).into())
        }
        result = read => result,
    }
}

impl From<Result<ReadAnswer, Diagnostics>> for ReadAnswer {
    fn from(result: Result<ReadAnswer, Diagnostics>) -> Self {
        result.unwrap_or_else(|diagnostics| Self { state: None, deferred: false, diagnostics })
    }
}

fn unknown(summary: &'static str, kind: &str, name: &str) -> Diagnostics {
    let detail = format!(
        "This version of the provider has no {kind} of the type {name:?}. \
         Check the spelling, or the provider's version in required_providers."
    );
    Diagnostic::error(summary, detail).into()
}

fn decode(config: &Encoded, schema: &Schema) -> Result<Value, Diagnostics> {
    let of = schema.value_type();
    let value = match config {
        Encoded { json, .. } if !json.is_empty() => json::decode(json, &of),
        Encoded { msgpack, .. } if !msgpack.is_empty() => msgpack::decode(msgpack, &of),
        _ => Ok(Value::Null),
    };
    let value = value.map_err(|error| {
        let detail = format!(
            "The configuration arrived in a form that does not fit the schema: {error}. \
             Run the same version of the provider in every step of the run."
        );
        Diagnostics::from(Diagnostic::error("Unreadable Configuration", detail))
    })?;
    // A host that sends nothing for a block means one in which nothing is set.
    Ok(if value == Value::Null { schema.blank() } else { value })
}

/// Core fails over a state that is null, or not wholly known unless it is deferred.
fn encode(state: &Value, schema: &Schema, deferred: bool) -> Result<Vec<u8>, String> {
    match state {
        Value::Null => Err("an object is required".to_owned()),
        state if !deferred && !state.is_wholly_known() => Err("a value in it is not known".to_owned()),
        state => msgpack::encode(state, &schema.value_type()).map_err(|error| error.to_string()),
    }
}
