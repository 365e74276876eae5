//! Values, paths and diagnostics to and from the messages that both protocols share. Pure.

use super::engine::{Encoded, Engine};
use super::protocol::tfplugin::{self as proto, get_metadata};
use crate::diagnostic::{AttributePath, Diagnostic, Diagnostics, Severity, Step};
use crate::provider::data_source::DataSource;

/// A function `schema` for the messages of one protocol. What an attribute is they say differently, the rest alike.
macro_rules! schema_with {
    ($attribute:ident, $proto:ident) => {
        fn schema(from: &$crate::schema::Schema) -> $proto::Schema {
            $proto::Schema {
                version: 0,
                block: Some($proto::schema::Block {
                    attributes: from.attributes.iter().map($attribute).collect(),
                    block_types: from.blocks.iter().map(nested_block).collect(),
                    description: from.description.to_owned(),
                    description_kind: $crate::plugin::protocol::tfplugin::StringKind::Markdown.into(),
                    ..Default::default()
                }),
            }
        }

        fn nested_block(from: &$crate::schema::Block) -> $proto::schema::NestedBlock {
            use $proto::schema::nested_block::NestingMode;

            let nesting = match from.nesting {
                $crate::schema::Nesting::Single => NestingMode::Single,
                $crate::schema::Nesting::List => NestingMode::List,
            };
            $proto::schema::NestedBlock {
                type_name: from.name.to_owned(),
                block: Some($proto::schema::Block {
                    attributes: from.attributes.iter().map($attribute).collect(),
                    description: from.description.to_owned(),
                    description_kind: $crate::plugin::protocol::tfplugin::StringKind::Markdown.into(),
                    ..Default::default()
                }),
                nesting: nesting.into(),
                ..Default::default()
            }
        }
    };
}
pub(super) use schema_with;

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

pub fn metadata(engine: &Engine) -> get_metadata::Response {
    let name = |source: &dyn DataSource| source.name().to_owned();
    let data_source = |source| get_metadata::DataSourceMetadata { type_name: name(source) };
    let ephemeral_resource = |source| get_metadata::EphemeralResourceMetadata { type_name: name(source) };
    get_metadata::Response {
        server_capabilities: Some(capabilities()),
        diagnostics: Vec::new(),
        data_sources: engine.data_sources().map(data_source).collect(),
        ephemeral_resources: engine.ephemeral_resources().map(ephemeral_resource).collect(),
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
