//! What each call of a host does, in plain data: decode, call the provider, encode. It knows no message of any
//! protocol; `v5` and `v6` translate. A fault that a user can fix is a diagnostic, never a gRPC status, because core
//! replaces a status by a fixed sentence.

use std::cell::Cell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tracing::{Instrument as _, debug, error, error_span};

use super::shutdown::{Stop, StopSignal};
use crate::tfplugin::diagnostic::{self, Diagnostic, Diagnostics, Severity};
use crate::tfplugin::provider::{OpenResponse, Provider, ReadResponse};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::session::{ReadOutcome, Session, validate};
use crate::tfplugin::value::{Value, json, msgpack};

/// Runs the calls of one host, each in a span of its own.
pub(super) struct Dispatcher<P: Provider> {
    session: Session<P>,
    /// Ends the calls in progress. Later ones are not affected.
    pub(super) stop: Stop,
}

/// The answer to a read or an opening: a state in MessagePack unless there are errors.
#[derive(Default)]
pub(super) struct ReadAnswer {
    pub(super) state: Option<Vec<u8>>,
    /// The state holds unknown values, because the provider's configuration is not known yet.
    pub(super) deferred: bool,
    pub(super) diagnostics: Diagnostics,
    /// What the host gives back when it closes an ephemeral resource.
    pub(super) private: Option<Vec<u8>>,
}

/// A block's value as it arrived. Core writes MessagePack, other hosts may write JSON; neither of them is a null.
#[derive(Default)]
pub(super) struct Encoded {
    pub(super) msgpack: Vec<u8>,
    pub(super) json: Vec<u8>,
}

/// What a call concerns, by its type's name.
enum Subject<'a> {
    Provider,
    DataSource(&'a str),
    EphemeralResource(&'a str),
}

/// The calls, named in the log as in protocol 6 whichever is spoken.
impl<P: Provider> Dispatcher<P> {
    pub(super) fn new(provider: Arc<P>) -> Self {
        Self { session: Session::new(provider), stop: Stop::new() }
    }

    pub(super) fn provider(&self) -> &P {
        self.session.provider()
    }

    pub(super) async fn validate(&self, config: Encoded) -> Diagnostics {
        let work = async {
            let schema = self.provider().schema();
            Ok(self.session.validate(&schema, &decode(&config, &schema)?))
        };
        self.diagnose("ValidateProviderConfig", Subject::Provider, work).await
    }

    pub(super) async fn configure(&self, config: Encoded, terraform_version: &str) -> Diagnostics {
        let work = async {
            let schema = self.provider().schema();
            Ok(self.session.configure(&schema, &decode(&config, &schema)?, terraform_version).await)
        };
        self.diagnose("ConfigureProvider", Subject::Provider, work).await
    }

    pub(super) async fn validate_data_source(&self, name: &str, config: Encoded) -> Diagnostics {
        let work = async {
            let source = self.session.data_source(name)?;
            let schema = source.schema();
            Ok(validate(&schema, &decode(&config, &schema)?, |config| source.validate(config)))
        };
        self.diagnose("ValidateDataResourceConfig", Subject::DataSource(name), work).await
    }

    pub(super) async fn read_data_source(
        &self,
        name: &str,
        config: Encoded,
        deferral_allowed: bool,
        stop: StopSignal,
    ) -> ReadAnswer {
        let work = async {
            let source = self.session.data_source(name)?;
            let schema = source.schema();
            let config = decode(&config, &schema)?;
            let read = self.session.read(source, &schema, &config, deferral_allowed);
            let (state, deferred, diagnostics) = match unless_stopped(name, stop, read).await? {
                ReadOutcome::Complete(ReadResponse { state, warnings }) => (state, false, warnings),
                ReadOutcome::Deferred(state) => (state, true, Diagnostics::default()),
            };
            let state = Some(self.encode(name, &state, &schema, deferred)?);
            Ok(ReadAnswer { state, deferred, diagnostics, private: None })
        };
        self.answer("ReadDataSource", Subject::DataSource(name), work).await.into()
    }

    pub(super) async fn validate_ephemeral(&self, name: &str, config: Encoded) -> Diagnostics {
        let work = async {
            let resource = self.session.ephemeral_resource(name)?;
            let schema = resource.schema();
            Ok(validate(&schema, &decode(&config, &schema)?, |config| resource.validate(config)))
        };
        self.diagnose("ValidateEphemeralResourceConfig", Subject::EphemeralResource(name), work).await
    }

    pub(super) async fn open_ephemeral(&self, name: &str, config: Encoded, stop: StopSignal) -> ReadAnswer {
        let work = async {
            let resource = self.session.ephemeral_resource(name)?;
            let schema = resource.schema();
            let config = decode(&config, &schema)?;
            let open = self.session.open(resource, &schema, &config);
            let OpenResponse { result, warnings, private } = unless_stopped(name, stop, open).await?;
            let state = Some(self.encode(name, &result, &schema, false)?);
            let private = (!private.is_empty()).then_some(private);
            Ok(ReadAnswer { state, deferred: false, diagnostics: warnings, private })
        };
        self.answer("OpenEphemeralResource", Subject::EphemeralResource(name), work).await.into()
    }

    /// A stop does not end it: what is open must be closed.
    pub(super) async fn close_ephemeral(&self, name: &str, private: &[u8]) -> Diagnostics {
        let work = async { self.session.close(self.session.ephemeral_resource(name)?, private).await };
        self.diagnose("CloseEphemeralResource", Subject::EphemeralResource(name), work).await
    }

    /// Core fails over a state that is null, or not wholly known unless it is deferred.
    fn encode(
        &self,
        name: &str,
        state: &Value,
        schema: &Schema,
        deferred: bool,
    ) -> Result<Vec<u8>, Diagnostics> {
        let encoded = match state {
            Value::Null => Err("an object is required".to_owned()),
            state if !deferred && !state.is_wholly_known() => Err("a value in it is not known".to_owned()),
            state => msgpack::encode(state, &schema.value_type()).map_err(|error| error.to_string()),
        };
        encoded.map_err(|reason| {
            let detail = format!(
                "The provider made a state for {name} that does not fit its schema: {reason}. Please report this at {}.",
                self.provider().info().issue_url
            );
            diagnostic::PROVIDER_BUG.error(detail).into()
        })
    }

    /// Runs the work of one call, in a span that marks its log lines. A panic in it becomes an error that says whose fault
    /// it is, and the process lives on.
    async fn answer<T>(
        &self,
        rpc: &'static str,
        subject: Subject<'_>,
        work: impl Future<Output = Result<T, Diagnostics>>,
    ) -> Result<T, Diagnostics> {
        let id = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
        let (name, span) = match subject {
            Subject::Provider => (rpc, error_span!("call", tf_rpc = rpc, tf_req_id = %id)),
            Subject::DataSource(name) => {
                (name, error_span!("call", tf_rpc = rpc, tf_req_id = %id, tf_data_source_type = name))
            }
            Subject::EphemeralResource(name) => {
                (name, error_span!("call", tf_rpc = rpc, tf_req_id = %id, tf_ephemeral_resource_type = name))
            }
        };
        async {
            debug!("Received request");
            let result = AssertUnwindSafe(work).catch_unwind().await;
            let result = result.unwrap_or_else(|_| Err(bug(name, self.provider().info().issue_url).into()));
            if let Err(diagnostics) = &result {
                report(diagnostics);
            }
            debug!("Served request");
            result
        }
        .instrument(span)
        .await
    }

    /// Runs work that only returns diagnostics.
    async fn diagnose(
        &self,
        rpc: &'static str,
        subject: Subject<'_>,
        work: impl Future<Output = Result<Diagnostics, Diagnostics>>,
    ) -> Diagnostics {
        let reported =
            async { work.await.and_then(|found| if found.has_errors() { Err(found) } else { Ok(found) }) };
        self.answer(rpc, subject, reported).await.unwrap_or_else(|diagnostics| diagnostics)
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
            let detail = format!("The read of {name} ended early because the run was interrupted. Run the command again.");
            Err(diagnostic::OPERATION_CANCELLED.error(detail).into())
        }
        result = read => result,
    }
}

impl From<Result<ReadAnswer, Diagnostics>> for ReadAnswer {
    fn from(result: Result<ReadAnswer, Diagnostics>) -> Self {
        result.unwrap_or_else(|diagnostics| Self { diagnostics, ..Self::default() })
    }
}

fn decode(config: &Encoded, schema: &Schema) -> Result<Value, Diagnostics> {
    let ty = schema.value_type();
    let value = match config {
        Encoded { json, .. } if !json.is_empty() => json::decode(json, &ty),
        Encoded { msgpack, .. } if !msgpack.is_empty() => msgpack::decode(msgpack, &ty),
        _ => Ok(Value::Null),
    };
    let value = value.map_err(|error| {
        let detail = format!(
            "The configuration that the provider received does not match its schema: {error}. \
             Use the same version of the provider in each step of the run."
        );
        Diagnostics::from(diagnostic::UNREADABLE_CONFIGURATION.error(detail))
    })?;
    // A host that sends nothing for a block means one in which nothing is set.
    Ok(if value == Value::Null { schema.null_object() } else { value })
}

fn report(diagnostics: &Diagnostics) {
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
    /// Where the last panic of this thread was, for the diagnostic that follows it on the same thread.
    static LAST_PANIC: Cell<String> = const { Cell::new(String::new()) };
}

/// Writes panics to the log instead of as raw text to stderr, which core would take for a crash. The message is left
/// out: it may hold a value of the configuration.
pub(super) fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(location, "panic");
        LAST_PANIC.set(location);
    }));
}

fn bug(subject: &str, issue_url: &str) -> Diagnostic {
    let location = LAST_PANIC.take();
    let detail = format!(
        "The provider failed at {location} while it worked on {subject}. This is a fault of the provider, not of \
         your configuration. Please report it at {issue_url} with the log that TF_LOG=TRACE writes."
    );
    diagnostic::PROVIDER_BUG.error(detail)
}
