//! Values, paths and diagnostics to and from the messages that both protocols share. Pure.

use tonic::Request;

use super::dispatch::{Dispatcher, Encoded, ReadAnswer};
use super::protocol::tfplugin::{self as proto, get_metadata, open_ephemeral_resource, read_data_source};
use super::stop::StopSignal;
use crate::provider::data_sources::DataSource;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Diagnostics, Severity, Step};

/// A function `schema` for the messages of one protocol: the same fields in both, in two packages.
macro_rules! schema_with {
    ($proto:ident) => {
        fn schema(from: &$crate::tfplugin::schema::Schema) -> $proto::Schema {
            $proto::Schema {
                version: 0,
                block: Some($proto::schema::Block {
                    attributes: from.attributes.iter().map(attribute).collect(),
                    block_types: from.blocks.iter().map(nested_block).collect(),
                    description: from.description.to_owned(),
                    description_kind: $crate::tfplugin::server::protocol::tfplugin::StringKind::Markdown
                        .into(),
                    ..Default::default()
                }),
            }
        }

        fn nested_block(from: &$crate::tfplugin::schema::Block) -> $proto::schema::NestedBlock {
            use $proto::schema::nested_block::NestingMode;

            let nesting = match from.nesting {
                $crate::tfplugin::schema::Nesting::Single => NestingMode::Single,
                $crate::tfplugin::schema::Nesting::List => NestingMode::List,
            };
            $proto::schema::NestedBlock {
                type_name: from.name.to_owned(),
                block: Some($proto::schema::Block {
                    attributes: from.attributes.iter().map(attribute).collect(),
                    description: from.description.to_owned(),
                    description_kind: $crate::tfplugin::server::protocol::tfplugin::StringKind::Markdown
                        .into(),
                    ..Default::default()
                }),
                nesting: nesting.into(),
                ..Default::default()
            }
        }

        fn attribute(from: &$crate::tfplugin::schema::Attribute) -> $proto::schema::Attribute {
            use $crate::tfplugin::schema::Mode;

            $proto::schema::Attribute {
                name: from.name.to_owned(),
                r#type: from.kind.value_type().to_json(),
                description: from.description.clone().into_owned(),
                description_kind: $crate::tfplugin::server::protocol::tfplugin::StringKind::Markdown.into(),
                required: from.mode == Mode::Required,
                optional: matches!(from.mode, Mode::Optional | Mode::OptionalComputed),
                computed: matches!(from.mode, Mode::Computed | Mode::OptionalComputed),
                sensitive: from.sensitive,
                ..Default::default()
            }
        }
    };
}
pub(super) use schema_with;

pub fn encoded(from: Option<proto::DynamicValue>) -> Encoded {
    from.map(|value| Encoded { msgpack: value.msgpack, json: value.json }).unwrap_or_default()
}

fn dynamic_value(msgpack: Vec<u8>) -> proto::DynamicValue {
    proto::DynamicValue { msgpack, json: Vec::new() }
}

/// False for the many hosts that say nothing of it.
pub fn deferral_allowed(client: Option<proto::ClientCapabilities>) -> bool {
    client.is_some_and(|client| client.deferral_allowed)
}

/// The signal that the request took when it arrived.
pub fn stop_signal<T>(request: &Request<T>, engine: &Dispatcher) -> StopSignal {
    request.extensions().get().cloned().unwrap_or_else(|| engine.stop().signal())
}

pub fn read(answer: ReadAnswer) -> read_data_source::Response {
    let reason = proto::deferred::Reason::ProviderConfigUnknown.into();
    read_data_source::Response {
        state: answer.state.map(dynamic_value),
        diagnostics: diagnostics(answer.diagnostics),
        deferred: answer.deferred.then_some(proto::Deferred { reason }),
    }
}

pub fn open(answer: ReadAnswer) -> open_ephemeral_resource::Response {
    open_ephemeral_resource::Response {
        result: answer.state.map(dynamic_value),
        diagnostics: diagnostics(answer.diagnostics),
    }
}

pub fn capabilities() -> proto::ServerCapabilities {
    // Each process answers any call without having been asked for its schema first.
    proto::ServerCapabilities { get_provider_schema_optional: true, ..Default::default() }
}

pub fn metadata(engine: &Dispatcher) -> get_metadata::Response {
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
