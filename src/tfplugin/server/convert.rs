//! Values, paths and diagnostics to and from the messages that both protocols share. Pure.

use tonic::Request;

use super::dispatch::{Dispatcher, Encoded, ReadAnswer};
use super::protocol::shared::{self as proto, get_metadata, open_ephemeral_resource, read_data_source};
use super::shutdown::StopSignal;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Diagnostics, PathStep, Severity};
use crate::tfplugin::provider::Provider;

/// A function `schemas` for the messages of one protocol: the same fields in both, in two packages.
macro_rules! schemas_with {
    ($proto:ident) => {
        fn schemas<P: Provider>(dispatcher: &Dispatcher<P>) -> $proto::get_provider_schema::Response {
            let provider = dispatcher.provider();
            let (data_sources, ephemeral) = (provider.data_sources(), provider.ephemeral_resources());
            $proto::get_provider_schema::Response {
                provider: Some(schema(&provider.schema())),
                data_source_schemas: data_sources
                    .iter()
                    .map(|source| (source.name().to_owned(), schema(&source.schema())))
                    .collect(),
                ephemeral_resource_schemas: ephemeral
                    .iter()
                    .map(|resource| (resource.name().to_owned(), schema(&resource.schema())))
                    .collect(),
                server_capabilities: Some($crate::tfplugin::server::convert::capabilities()),
                ..Default::default()
            }
        }

        fn schema(from: &$crate::tfplugin::schema::Schema) -> $proto::Schema {
            $proto::Schema { version: 0, block: Some(block(from.description, &from.attributes, from.blocks)) }
        }

        fn block(
            description: &str,
            attributes: &[$crate::tfplugin::schema::Attribute],
            blocks: &[$crate::tfplugin::schema::Block],
        ) -> $proto::schema::Block {
            $proto::schema::Block {
                attributes: attributes.iter().map(attribute).collect(),
                block_types: blocks.iter().map(nested_block).collect(),
                description: description.to_owned(),
                description_kind: $crate::tfplugin::server::protocol::shared::StringKind::Markdown.into(),
                ..Default::default()
            }
        }

        fn nested_block(from: &$crate::tfplugin::schema::Block) -> $proto::schema::NestedBlock {
            use $crate::tfplugin::schema::Nesting;
            use $proto::schema::nested_block::NestingMode;

            let nesting = match from.nesting {
                Nesting::Single => NestingMode::Single,
                Nesting::List => NestingMode::List,
                Nesting::Set => NestingMode::Set,
            };
            $proto::schema::NestedBlock {
                type_name: from.name.to_owned(),
                block: Some(block(from.description, from.attributes, from.blocks)),
                nesting: nesting.into(),
                ..Default::default()
            }
        }

        fn attribute(from: &$crate::tfplugin::schema::Attribute) -> $proto::schema::Attribute {
            use $crate::tfplugin::schema::Behavior;

            $proto::schema::Attribute {
                name: from.name.to_owned(),
                r#type: from.ty.value_type().to_json(),
                description: from.documentation(),
                description_kind: $crate::tfplugin::server::protocol::shared::StringKind::Markdown.into(),
                required: from.behavior == Behavior::Required,
                optional: matches!(from.behavior, Behavior::Optional | Behavior::OptionalComputed),
                computed: matches!(from.behavior, Behavior::Computed | Behavior::OptionalComputed),
                sensitive: from.sensitive,
                ..Default::default()
            }
        }
    };
}
pub(super) use schemas_with;

pub(super) fn encoded(from: Option<proto::DynamicValue>) -> Encoded {
    from.map(|value| Encoded { msgpack: value.msgpack, json: value.json }).unwrap_or_default()
}

fn dynamic_value(msgpack: Vec<u8>) -> proto::DynamicValue {
    proto::DynamicValue { msgpack, json: Vec::new() }
}

/// False for the many hosts that say nothing of it.
pub(super) fn deferral_allowed(client: Option<proto::ClientCapabilities>) -> bool {
    client.is_some_and(|client| client.deferral_allowed)
}

/// The signal that the request took when it arrived.
pub(super) fn stop_signal<T, P: Provider>(request: &Request<T>, dispatcher: &Dispatcher<P>) -> StopSignal {
    request.extensions().get().cloned().unwrap_or_else(|| dispatcher.stop.signal())
}

pub(super) fn read(answer: ReadAnswer) -> read_data_source::Response {
    let reason = proto::deferred::Reason::ProviderConfigUnknown.into();
    read_data_source::Response {
        state: answer.state.map(dynamic_value),
        diagnostics: diagnostics(answer.diagnostics),
        deferred: answer.deferred.then_some(proto::Deferred { reason }),
    }
}

pub(super) fn open(answer: ReadAnswer) -> open_ephemeral_resource::Response {
    open_ephemeral_resource::Response {
        result: answer.state.map(dynamic_value),
        diagnostics: diagnostics(answer.diagnostics),
        private: answer.private,
    }
}

pub(super) fn capabilities() -> proto::ServerCapabilities {
    // Each process answers any call without having been asked for its schema first.
    proto::ServerCapabilities { get_provider_schema_optional: true, ..Default::default() }
}

pub(super) fn metadata<P: Provider>(dispatcher: &Dispatcher<P>) -> get_metadata::Response {
    use get_metadata::{DataSourceMetadata, EphemeralResourceMetadata};

    let data_sources = dispatcher.provider().data_sources().iter().map(|source| source.name().to_owned());
    let ephemeral = dispatcher.provider().ephemeral_resources().iter();
    let ephemeral = ephemeral.map(|resource| resource.name().to_owned());
    get_metadata::Response {
        server_capabilities: Some(capabilities()),
        diagnostics: Vec::new(),
        data_sources: data_sources.map(|type_name| DataSourceMetadata { type_name }).collect(),
        ephemeral_resources: ephemeral.map(|type_name| EphemeralResourceMetadata { type_name }).collect(),
    }
}

pub(super) fn diagnostics(diagnostics: Diagnostics) -> Vec<proto::Diagnostic> {
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
            PathStep::AttributeName(name) => Selector::AttributeName(name.clone()),
            PathStep::MapKey(key) => Selector::ElementKeyString(key.clone()),
            PathStep::ListIndex(index) => Selector::ElementKeyInt(*index),
        };
        proto::attribute_path::Step { selector: Some(selector) }
    });
    proto::AttributePath { steps: steps.collect() }
}
