//! Runs the RPCs for both protocol versions: decodes the configuration, calls the provider, encodes the state.
//!
//! Each error is a diagnostic and not a gRPC status, because Terraform does not show the message of a status.

use std::cell::Cell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use tracing::{Instrument as _, debug, error, error_span};

use super::protocol::shared::get_provider_schema;
use super::shutdown::{StopSender, StopSignal};
use crate::tfplugin::diagnostic::{self, Diagnostic, Diagnostics, Severity};
use crate::tfplugin::provider::{OpenResponse, Provider, ProviderInfo, ReadResponse};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::session::{ReadOutcome, Session, validate};
use crate::tfplugin::value::{Value, json, msgpack};

/// Runs the RPCs of one host. Each RPC has a separate log span.
pub(super) struct Dispatcher<P: Provider> {
    session: Session<P>,
    /// The schemas in the protocol version of the host, encoded at the first call.
    pub(super) schemas: OnceLock<get_provider_schema::Response>,
    /// Cancels the running RPCs.
    pub(super) stop: StopSender,
}

/// The response to a request to read a data source or open an ephemeral resource.
#[derive(Default)]
pub(super) struct EncodedResponse {
    /// The state as MessagePack. `None` if there are errors.
    pub(super) state: Option<Vec<u8>>,
    /// Whether a provider setting is not known yet, so that the state contains unknown values.
    pub(super) deferred: bool,
    pub(super) diagnostics: Diagnostics,
    /// The private data that the host passes to the close of an ephemeral resource.
    pub(super) private: Option<Vec<u8>>,
}

/// An encoded configuration. Terraform sends MessagePack, other hosts may send JSON. If both are empty, it is null.
#[derive(Default)]
pub(super) struct EncodedConfig {
    pub(super) msgpack: Vec<u8>,
    pub(super) json: Vec<u8>,
}

/// The target of an RPC, with its type name.
enum RpcTarget<'a> {
    Provider,
    DataSource(&'a str),
    EphemeralResource(&'a str),
}

/// The log contains the RPC names of protocol 6 for both versions.
impl<P: Provider> Dispatcher<P> {
    pub(super) fn new(provider: Arc<P>) -> Self {
        Self { session: Session::new(provider), schemas: OnceLock::new(), stop: StopSender::new() }
    }

    pub(super) fn provider(&self) -> &P {
        self.session.provider()
    }

    pub(super) async fn validate(&self, config: EncodedConfig) -> Diagnostics {
        let work = async {
            let schema = self.provider().schema();
            Ok(self.session.validate(&schema, &decode(&config, &schema)?))
        };
        self.run_diagnostics_rpc("ValidateProviderConfig", RpcTarget::Provider, work).await
    }

    pub(super) async fn configure(&self, config: EncodedConfig, terraform_version: &str) -> Diagnostics {
        let work = async {
            let schema = self.provider().schema();
            Ok(self.session.configure(&schema, &decode(&config, &schema)?, terraform_version).await)
        };
        self.run_diagnostics_rpc("ConfigureProvider", RpcTarget::Provider, work).await
    }

    pub(super) async fn validate_data_source(&self, name: &str, config: EncodedConfig) -> Diagnostics {
        let work = async {
            let (source, schema) = self.session.data_source(name)?;
            Ok(validate(schema, &decode(&config, schema)?, |config| source.validate(config)))
        };
        self.run_diagnostics_rpc("ValidateDataResourceConfig", RpcTarget::DataSource(name), work).await
    }

    pub(super) async fn read_data_source(
        &self,
        name: &str,
        config: EncodedConfig,
        deferral_allowed: bool,
        stop: StopSignal,
    ) -> EncodedResponse {
        let work = async {
            let (source, schema) = self.session.data_source(name)?;
            let config = decode(&config, schema)?;
            let read = self.session.read(source, schema, &config, deferral_allowed);
            let (state, deferred, diagnostics) = match unless_stopped(name, stop, read).await? {
                ReadOutcome::Complete(ReadResponse { state, warnings }) => (state, false, warnings),
                ReadOutcome::Deferred(state) => (state, true, Diagnostics::default()),
            };
            let state = Some(self.encode(name, &state, schema, deferred)?);
            Ok(EncodedResponse { state, deferred, diagnostics, private: None })
        };
        self.run_rpc("ReadDataSource", RpcTarget::DataSource(name), work).await.into()
    }

    pub(super) async fn validate_ephemeral(&self, name: &str, config: EncodedConfig) -> Diagnostics {
        let work = async {
            let resource = self.session.ephemeral_resource(name)?;
            let schema = resource.schema();
            Ok(validate(&schema, &decode(&config, &schema)?, |config| resource.validate(config)))
        };
        self.run_diagnostics_rpc("ValidateEphemeralResourceConfig", RpcTarget::EphemeralResource(name), work)
            .await
    }

    pub(super) async fn open_ephemeral(
        &self,
        name: &str,
        config: EncodedConfig,
        stop: StopSignal,
    ) -> EncodedResponse {
        let work = async {
            let resource = self.session.ephemeral_resource(name)?;
            let schema = resource.schema();
            let config = decode(&config, &schema)?;
            let open = self.session.open(resource, &schema, &config);
            let OpenResponse { result, warnings, private } = unless_stopped(name, stop, open).await?;
            let state = Some(self.encode(name, &result, &schema, false)?);
            let private = (!private.is_empty()).then_some(private);
            Ok(EncodedResponse { state, deferred: false, diagnostics: warnings, private })
        };
        self.run_rpc("OpenEphemeralResource", RpcTarget::EphemeralResource(name), work).await.into()
    }

    /// StopProvider does not cancel it, because an open resource must be closed.
    pub(super) async fn close_ephemeral(&self, name: &str, private: &[u8]) -> Diagnostics {
        let work = async { self.session.close(self.session.ephemeral_resource(name)?, private).await };
        self.run_diagnostics_rpc("CloseEphemeralResource", RpcTarget::EphemeralResource(name), work).await
    }

    /// Encodes a state. Null is an error, and so is an unknown value unless the read is deferred.
    fn encode(
        &self,
        name: &str,
        state: &Value,
        schema: &Schema,
        deferred: bool,
    ) -> Result<Vec<u8>, Diagnostics> {
        let encoded = match state {
            Value::Null => Err("an object is required".to_owned()),
            state if !deferred && !state.is_wholly_known() => Err("it contains an unknown value".to_owned()),
            state => msgpack::encode(state, schema.value_type()).map_err(|error| error.to_string()),
        };
        encoded.map_err(|reason| {
            let detail = format!(
                "The provider returned a state for {name} that does not match its schema: {reason}. {}",
                report_bug(&self.provider().info())
            );
            diagnostic::PROVIDER_BUG.error(detail).into()
        })
    }

    /// Runs an RPC in a log span. A panic becomes an error, and the process continues.
    async fn run_rpc<T>(
        &self,
        rpc: &'static str,
        target: RpcTarget<'_>,
        work: impl Future<Output = Result<T, Diagnostics>>,
    ) -> Result<T, Diagnostics> {
        let id = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
        let (name, span) = match target {
            RpcTarget::Provider => (rpc, error_span!("call", tf_rpc = rpc, tf_req_id = %id)),
            RpcTarget::DataSource(name) => {
                (name, error_span!("call", tf_rpc = rpc, tf_req_id = %id, tf_data_source_type = name))
            }
            RpcTarget::EphemeralResource(name) => {
                (name, error_span!("call", tf_rpc = rpc, tf_req_id = %id, tf_ephemeral_resource_type = name))
            }
        };
        async {
            debug!("Received request");
            let result = AssertUnwindSafe(work).catch_unwind().await;
            let result = result.unwrap_or_else(|_| Err(panic_error(name, &self.provider().info()).into()));
            if let Err(diagnostics) = &result {
                log_errors(diagnostics);
            }
            debug!("Served request");
            result
        }
        .instrument(span)
        .await
    }

    /// Runs an RPC that returns diagnostics only.
    async fn run_diagnostics_rpc(
        &self,
        rpc: &'static str,
        target: RpcTarget<'_>,
        work: impl Future<Output = Result<Diagnostics, Diagnostics>>,
    ) -> Diagnostics {
        let result = async {
            let diagnostics = work.await?;
            if diagnostics.has_errors() { Err(diagnostics) } else { Ok(diagnostics) }
        };
        self.run_rpc(rpc, target, result).await.unwrap_or_else(|diagnostics| diagnostics)
    }
}

/// Runs a read until StopProvider. Then the read is dropped with all its requests.
async fn unless_stopped<T>(
    name: &str,
    stop: StopSignal,
    read: impl Future<Output = Result<T, Diagnostics>>,
) -> Result<T, Diagnostics> {
    tokio::select! {
        // Checked first, so that a read that is already cancelled sends no request.
        biased;
        () = stop.stopped() => {
            let detail = format!("The read of {name} ended early because the run was interrupted. Run the command again.");
            Err(diagnostic::OPERATION_CANCELLED.error(detail).into())
        }
        result = read => result,
    }
}

impl From<Result<EncodedResponse, Diagnostics>> for EncodedResponse {
    fn from(result: Result<EncodedResponse, Diagnostics>) -> Self {
        result.unwrap_or_else(|diagnostics| Self { diagnostics, ..Self::default() })
    }
}

fn decode(config: &EncodedConfig, schema: &Schema) -> Result<Value, Diagnostics> {
    let ty = schema.value_type();
    let value = match config {
        EncodedConfig { json, .. } if !json.is_empty() => json::decode(json, ty),
        EncodedConfig { msgpack, .. } if !msgpack.is_empty() => msgpack::decode(msgpack, ty),
        _ => Ok(Value::Null),
    };
    let value = value.map_err(|error| {
        let detail = format!(
            "The configuration that the provider received does not match its schema: {error}. \
             Use the same version of the provider in each step of the run."
        );
        Diagnostics::from(diagnostic::UNREADABLE_CONFIGURATION.error(detail))
    })?;
    // A missing configuration is a block without any argument.
    Ok(if value == Value::Null { schema.null_object() } else { value })
}

fn log_errors(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let attribute = diagnostic.path.as_ref().map(ToString::to_string).unwrap_or_default();
        debug!(
            diagnostic_summary = diagnostic.summary,
            diagnostic_detail = diagnostic.detail,
            diagnostic_attribute = attribute,
            "Response contains error diagnostic"
        );
    }
}

thread_local! {
    /// The location of the last panic in this thread, for the diagnostic.
    static LAST_PANIC: Cell<String> = const { Cell::new(String::new()) };
}

/// Logs the location of panics. The default hook prints to stderr, and Terraform reports that as a crash.
///
/// The log does not contain the message, because it may contain a value of the configuration.
pub(super) fn set_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(location, "panic");
        LAST_PANIC.set(location);
    }));
}

fn panic_error(target: &str, info: &ProviderInfo) -> Diagnostic {
    let location = LAST_PANIC.take();
    let detail = format!(
        "The provider crashed at {location} while it handled {target}. This is a bug in the provider and not in your \
         configuration. {}",
        report_bug(info)
    );
    diagnostic::PROVIDER_BUG.error(detail)
}

fn report_bug(info: &ProviderInfo) -> String {
    let address = if info.issue_url.is_empty() {
        "to the developers of the provider"
    } else {
        &format!("at {}", info.issue_url)
    };
    format!("Report it {address}, with the log that TF_LOG=TRACE writes.")
}
