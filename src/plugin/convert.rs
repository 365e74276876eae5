//! Values, paths and diagnostics to and from the messages that both protocols share. Pure.

use super::engine::Encoded;
use super::protocol::tfplugin as proto;
use crate::diagnostic::{AttributePath, Diagnostic, Diagnostics, Severity, Step};

pub fn encoded(from: Option<proto::DynamicValue>) -> Encoded {
    from.map(|value| Encoded { msgpack: value.msgpack, json: value.json }).unwrap_or_default()
}

pub fn dynamic_value(msgpack: Vec<u8>) -> proto::DynamicValue {
    proto::DynamicValue { msgpack, json: Vec::new() }
}

pub fn capabilities() -> proto::ServerCapabilities {
    // Each process answers any call without having been asked for its schema first.
    proto::ServerCapabilities { get_provider_schema_optional: true, ..Default::default() }
}

pub fn metadata<'a>(names: impl Iterator<Item = &'a str>) -> proto::get_metadata::Response {
    let data_source = |name: &str| proto::get_metadata::DataSourceMetadata { type_name: name.to_owned() };
    proto::get_metadata::Response {
        server_capabilities: Some(capabilities()),
        diagnostics: Vec::new(),
        data_sources: names.map(data_source).collect(),
    }
}

pub fn diagnostics(diagnostics: Diagnostics) -> Vec<proto::Diagnostic> {
    diagnostics.into_iter().map(diagnostic).collect()
}

fn diagnostic(from: Diagnostic) -> proto::Diagnostic {
    let severity = match from.severity {
        Severity::Error => proto::diagnostic::Severity::Error,
        Severity::Warning => proto::diagnostic::Severity::Warning,
    };
    proto::Diagnostic {
        severity: severity.into(),
        summary: from.summary.to_owned(),
        detail: from.detail,
        attribute: from.path.as_ref().map(path),
    }
}

fn path(from: &AttributePath) -> proto::AttributePath {
    use proto::attribute_path::step::Selector;

    let steps = from.steps().iter().map(|step| {
        let selector = match step {
            Step::Attribute(name) => Selector::AttributeName(name.clone()),
            Step::Key(key) => Selector::ElementKeyString(key.clone()),
            Step::Index(index) => Selector::ElementKeyInt(*index),
        };
        proto::attribute_path::Step { selector: Some(selector) }
    });
    proto::AttributePath { steps: steps.collect() }
}
