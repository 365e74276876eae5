//! What every call of the provider gets: a span that marks its log lines, and a net under it, so that a panic
//! becomes a diagnostic and the process lives on.

use std::cell::Cell;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span, debug, error, error_span};
use uuid::Uuid;

use crate::tfplugin::diagnostic::{Diagnostic, Diagnostics, Severity};

/// One call of a host.
pub(super) struct RpcSpan<'a> {
    /// What the call concerns, for the report of a panic.
    subject: &'a str,
    issue_url: &'static str,
    span: Span,
}

impl<'a> RpcSpan<'a> {
    /// A call that concerns the provider's own configuration.
    pub(super) fn provider(rpc: &'static str, issue_url: &'static str) -> Self {
        let span = error_span!("call", tf_rpc = rpc, tf_req_id = %request_id());
        Self { subject: rpc, issue_url, span }
    }

    pub(super) fn data_source(rpc: &'static str, name: &'a str, issue_url: &'static str) -> Self {
        let span = error_span!("call", tf_rpc = rpc, tf_req_id = %request_id(), tf_data_source_type = name);
        Self { subject: name, issue_url, span }
    }

    pub(super) fn ephemeral_resource(rpc: &'static str, name: &'a str, issue_url: &'static str) -> Self {
        let span =
            error_span!("call", tf_rpc = rpc, tf_req_id = %request_id(), tf_ephemeral_resource_type = name);
        Self { subject: name, issue_url, span }
    }

    /// Carries the work out. A panic in it is an error of ours, told as such.
    pub(super) async fn answer<T>(
        self,
        work: impl Future<Output = Result<T, Diagnostics>>,
    ) -> Result<T, Diagnostics> {
        let Self { subject, issue_url, span } = self;
        async {
            debug!("Received request");
            let result = AssertUnwindSafe(work).catch_unwind().await;
            let result = result.unwrap_or_else(|_| Err(bug(subject, issue_url).into()));
            if let Err(diagnostics) = &result {
                report(diagnostics);
            }
            debug!("Served request");
            result
        }
        .instrument(span)
        .await
    }

    /// For work whose whole outcome are diagnostics.
    pub(super) async fn diagnose(
        self,
        work: impl Future<Output = Result<Diagnostics, Diagnostics>>,
    ) -> Diagnostics {
        let reported =
            async { work.await.and_then(|found| if found.has_errors() { Err(found) } else { Ok(found) }) };
        self.answer(reported).await.unwrap_or_else(|diagnostics| diagnostics)
    }
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

fn request_id() -> Uuid {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid()
}

thread_local! {
    /// Where the last panic of this thread was, for the diagnostic that follows it on the same thread.
    static LAST_PANIC: Cell<String> = const { Cell::new(String::new()) };
}

/// Makes panics known to the log instead of as raw text on stderr, which core would take for a crash. The message
/// stays out of both: it may hold a value of the configuration.
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
    Diagnostic::error("Provider Bug", detail)
}
