//! Tracing events as go-hclog's JSON lines on stderr, which core sorts into its own log.
//!
//! Only the events of this layer and of the crates that the provider names are written: those of HTTP libraries may hold
//! headers, and headers hold secrets.
//! Where no variable asks for a log no subscriber is installed, and every event costs one comparison.

use std::fmt::Debug;
use std::io::Write as _;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::system::secret::redact_long;
use crate::system::{Clock, Environment};
use crate::tfplugin::provider::ProviderInfo;

/// The target of this layer's events, up to the module that is this one.
const LAYER: &str = module_path!();

/// Starts the log that the environment asks for.
pub(super) fn start(environment: &Environment, info: ProviderInfo) {
    let level = level(environment, &info);
    if level != LevelFilter::OFF {
        let lines = Lines { level, info, clock: Clock::default() };
        // Fails only when a subscriber is there already, which then does the work.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(lines));
    }
}

/// The first variable that is not blank decides. Core filters once more by its own rules.
fn level(environment: &Environment, info: &ProviderInfo) -> LevelFilter {
    let own = format!("TF_LOG_PROVIDER_{}", info.log_prefix.to_ascii_uppercase());
    let Some(level) = [&own, "TF_LOG_PROVIDER", "TF_LOG"].iter().find_map(|name| environment.get(name))
    else {
        return LevelFilter::OFF;
    };
    match level.trim().to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        // JSON asks for everything in another form, and core takes a word that it does not know as TRACE.
        _ => LevelFilter::TRACE,
    }
}

struct Lines {
    level: LevelFilter,
    info: ProviderInfo,
    clock: Clock,
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    /// Redacts once more: what a text from outside repeats has been redacted before it comes here.
    fn without_secrets(mut self) -> Self {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                *text = redact_long(text);
            }
        }
        self
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level && module(metadata.target(), &self.info).is_some()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.clone());
            }
        }
        event.record(&mut line);
        let now = self.clock.now().into();
        let line = hclog(line.without_secrets().0, event.metadata(), &self.info, now);
        // Core may be gone; a log that nobody reads is no reason to fail.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// The provider's name for where an event comes from, or None for what is not logged.
fn module(target: &str, info: &ProviderInfo) -> Option<String> {
    let layer = LAYER.strip_suffix("::server::log").unwrap_or(LAYER);
    let named = info.log_targets.iter().find_map(|name| target.strip_prefix(name));
    let rest = named.or_else(|| target.strip_prefix(layer))?;
    Some(format!("{}{}", info.log_prefix, rest.replace("::", ".")))
}

fn hclog(
    mut fields: Map<String, Value>,
    metadata: &Metadata<'_>,
    info: &ProviderInfo,
    now: OffsetDateTime,
) -> String {
    // Core panics over a message, level or time that is no string, and takes a time with any other number of
    // digits for raw text.
    let stamp = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let message = fields.remove("message").unwrap_or_default();
    let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    fields.insert("@level".into(), metadata.level().as_str().to_ascii_lowercase().into());
    fields.insert("@message".into(), message.into());
    fields.insert("@module".into(), module(metadata.target(), info).unwrap_or_default().into());
    fields.insert("@timestamp".into(), now.format(stamp).unwrap_or_default().into());
    Value::Object(fields).to_string() + "\n"
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: ProviderInfo = ProviderInfo {
        log_targets: &["one", "two"],
        ..ProviderInfo::new("greeting", "example/greeting", "1.0.0")
    };

    #[test]
    fn only_named_crates_and_the_layer_are_logged() {
        let named = |target| module(target, &INFO);
        assert_eq!(named("two::client").as_deref(), Some("greeting.client"));
        assert_eq!(named(LAYER).as_deref(), Some("greeting.server.log"));
        assert_eq!(named("h2::codec"), None);
    }

    #[test]
    fn a_secret_in_a_field_is_not_written() {
        let _secrets = ["long-secret", "read"].map(crate::system::secret::SecretString::from);
        let mut fields = Fields::default();
        fields.0.insert("message".into(), "read failed".into());
        fields.0.insert("error".into(), "said \"long-secr\\u0065t\"".into());
        let fields = fields.without_secrets().0;
        assert_eq!((&fields["message"], &fields["error"]), (&"read failed".into(), &"said \"***\"".into()));
    }

    #[test]
    fn the_first_variable_that_is_not_blank_sets_the_level() {
        for (variables, expected) in [
            (vec![], LevelFilter::OFF),
            (vec![("TF_LOG", "json")], LevelFilter::TRACE),
            (vec![("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "warn")], LevelFilter::WARN),
            (vec![("TF_LOG_PROVIDER", "off"), ("TF_LOG_PROVIDER_GREETING", "debug")], LevelFilter::DEBUG),
            (vec![("TF_LOG", "loud"), ("TF_LOG_PROVIDER_GREETING", " ")], LevelFilter::TRACE),
            (vec![("TF_LOG_CORE", "TRACE")], LevelFilter::OFF),
        ] {
            assert_eq!(level(&Environment::given(variables.clone()), &INFO), expected, "{variables:?}");
        }
    }
}
