//! The log on stderr: writes tracing events as JSON lines in the format of go-hclog, which Terraform parses.
//!
//! It contains only events of this module tree and of the log targets of the provider. Events of HTTP libraries may
//! contain secrets. If logging is disabled, there is no subscriber.

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

/// The target of this module's events.
const MODULE: &str = module_path!();

/// Starts the log if an environment variable enables it.
pub(super) fn start(environment: &Environment, info: ProviderInfo) {
    let level = log_level(environment, &info);
    if level != LevelFilter::OFF {
        let layer = HclogLayer { level, info, clock: Clock::default() };
        // Fails if the process has a subscriber already. That one is used.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(layer));
    }
}

/// The log level from the first variable that is set and not empty. Terraform filters the log again.
fn log_level(environment: &Environment, info: &ProviderInfo) -> LevelFilter {
    let provider_variable = format!("TF_LOG_PROVIDER_{}", info.log_prefix.to_ascii_uppercase());
    let Some(level) =
        [&provider_variable, "TF_LOG_PROVIDER", "TF_LOG"].iter().find_map(|name| environment.get(name))
    else {
        return LevelFilter::OFF;
    };
    match level.trim().to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        // The value JSON means TRACE. Terraform also interprets an unknown value as TRACE.
        _ => LevelFilter::TRACE,
    }
}

/// The tracing layer that writes the log lines.
struct HclogLayer {
    level: LevelFilter,
    info: ProviderInfo,
    clock: Clock,
}

/// The fields of a span or an event.
#[derive(Default)]
struct LogFields(Map<String, Value>);

impl LogFields {
    /// Redacts long secrets in the strings. Callers already redact all secrets in strings from other systems.
    fn redacted(mut self) -> Self {
        for value in self.0.values_mut() {
            if let Value::String(string) = value {
                *string = redact_long(string);
            }
        }
        self
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for HclogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level && hclog_module(metadata.target(), &self.info).is_some()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = LogFields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = LogFields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<LogFields>() {
                line.0.extend(fields.0.clone());
            }
        }
        event.record(&mut line);
        let now = self.clock.now().into();
        let line = hclog_line(line.redacted().0, event.metadata(), &self.info, now);
        // An error is ignored, because the host may have exited.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// The `@module` of an event, or `None` if its target is not logged.
fn hclog_module(target: &str, info: &ProviderInfo) -> Option<String> {
    let framework = MODULE.strip_suffix("::server::log").unwrap_or(MODULE);
    let in_provider = info.log_targets.iter().find_map(|prefix| target.strip_prefix(prefix));
    let module = in_provider.or_else(|| target.strip_prefix(framework))?;
    Some(format!("{}{}", info.log_prefix, module.replace("::", ".")))
}

/// Formats a log line.
fn hclog_line(
    mut fields: Map<String, Value>,
    metadata: &Metadata<'_>,
    info: &ProviderInfo,
    now: OffsetDateTime,
) -> String {
    // Terraform crashes if message, level or timestamp is not a string. It requires six digits after the second.
    let timestamp =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let message = fields.remove("message").unwrap_or_default();
    let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    fields.insert("@level".into(), metadata.level().as_str().to_ascii_lowercase().into());
    fields.insert("@message".into(), message.into());
    fields.insert("@module".into(), hclog_module(metadata.target(), info).unwrap_or_default().into());
    fields.insert("@timestamp".into(), now.format(timestamp).unwrap_or_default().into());
    Value::Object(fields).to_string() + "\n"
}

impl Visit for LogFields {
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
    fn only_log_targets_and_the_framework_are_logged() {
        let module = |target| hclog_module(target, &INFO);
        assert_eq!(module("two::client").as_deref(), Some("greeting.client"));
        assert_eq!(module(MODULE).as_deref(), Some("greeting.server.log"));
        assert_eq!(module("h2::codec"), None);
    }

    #[test]
    fn secret_in_a_field_is_redacted() {
        let _secrets = ["long-secret", "read"].map(crate::system::secret::SecretString::from);
        let mut fields = LogFields::default();
        fields.0.insert("message".into(), "read failed".into());
        fields.0.insert("error".into(), "response \"long-secr\\u0065t\"".into());
        let fields = fields.redacted().0;
        assert_eq!(
            (&fields["message"], &fields["error"]),
            (&"read failed".into(), &"response \"***\"".into())
        );
    }

    #[test]
    fn first_variable_that_is_not_empty_sets_the_level() {
        for (variables, expected) in [
            (vec![], LevelFilter::OFF),
            (vec![("TF_LOG", "json")], LevelFilter::TRACE),
            (vec![("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "warn")], LevelFilter::WARN),
            (vec![("TF_LOG_PROVIDER", "off"), ("TF_LOG_PROVIDER_GREETING", "debug")], LevelFilter::DEBUG),
            (vec![("TF_LOG", "loud"), ("TF_LOG_PROVIDER_GREETING", " ")], LevelFilter::TRACE),
            (vec![("TF_LOG_CORE", "TRACE")], LevelFilter::OFF),
        ] {
            assert_eq!(log_level(&Environment::given(variables.clone()), &INFO), expected, "{variables:?}");
        }
    }
}
