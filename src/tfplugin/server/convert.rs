//! Converts between the types of the plugin framework and the protobuf messages.

use tonic::Request;

use super::dispatch::{Dispatcher, EncodedConfig, EncodedResponse};
use super::protocol::shared::{
    self as proto, get_metadata, get_provider_schema, open_ephemeral_resource, read_data_source,
};
use super::shutdown::StopSignal;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Diagnostics, PathStep, Severity};
use crate::tfplugin::provider::Provider;
use crate::tfplugin::schema::Schema;

/// Defines the function `schema` for one protocol version. Both versions have the same fields in different packages.
macro_rules! define_schema {
    ($proto:ident) => {
        fn schema(schema: &$crate::tfplugin::schema::Schema) -> Vec<u8> {
            let block = block(schema.description, &schema.attributes, schema.blocks);
            prost::Message::encode_to_vec(&$proto::Schema { version: 0, block: Some(block) })
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

        fn nested_block(nested: &$crate::tfplugin::schema::Block) -> $proto::schema::NestedBlock {
            use $crate::tfplugin::schema::Nesting;
            use $proto::schema::nested_block::NestingMode;

            let nesting = match nested.nesting {
                Nesting::Single => NestingMode::Single,
                Nesting::List => NestingMode::List,
                Nesting::Set => NestingMode::Set,
            };
            $proto::schema::NestedBlock {
                type_name: nested.name.to_owned(),
                block: Some(block(nested.description, nested.attributes, nested.blocks)),
                nesting: nesting.into(),
                ..Default::default()
            }
        }

        fn attribute(attribute: &$crate::tfplugin::schema::Attribute) -> $proto::schema::Attribute {
            use $crate::tfplugin::schema::Behavior;

            $proto::schema::Attribute {
                name: attribute.name.to_owned(),
                r#type: attribute.ty.value_type().to_json(),
                description: attribute.documentation(),
                description_kind: $crate::tfplugin::server::protocol::shared::StringKind::Markdown.into(),
                required: attribute.behavior == Behavior::Required,
                optional: matches!(attribute.behavior, Behavior::Optional | Behavior::OptionalComputed),
                computed: matches!(attribute.behavior, Behavior::Computed | Behavior::OptionalComputed),
                sensitive: attribute.sensitive,
                ..Default::default()
            }
        }
    };
}
pub(super) use define_schema;

/// All schemas. `encode` encodes one for the protocol version, at the first call.
pub(super) fn schemas<P: Provider>(
    dispatcher: &Dispatcher<P>,
    encode: fn(&Schema) -> Vec<u8>,
) -> get_provider_schema::Response {
    let provider = dispatcher.provider();
    let encode_all = || {
        let (data_sources, ephemeral) = (provider.data_sources(), provider.ephemeral_resources());
        get_provider_schema::Response {
            provider: encode(&provider.schema()),
            data_source_schemas: data_sources
                .iter()
                .map(|source| (source.name().to_owned(), encode(&source.schema())))
                .collect(),
            ephemeral_resource_schemas: ephemeral
                .iter()
                .map(|resource| (resource.name().to_owned(), encode(&resource.schema())))
                .collect(),
            server_capabilities: Some(capabilities()),
        }
    };
    dispatcher.schemas.get_or_init(encode_all).clone()
}

pub(super) fn encoded_config(config: Option<proto::DynamicValue>) -> EncodedConfig {
    config.map(|value| EncodedConfig { msgpack: value.msgpack, json: value.json }).unwrap_or_default()
}

fn dynamic_value(msgpack: Vec<u8>) -> proto::DynamicValue {
    proto::DynamicValue { msgpack, json: Vec::new() }
}

/// Whether the host allows deferral. False if it sends no capabilities.
pub(super) fn deferral_allowed(client: Option<proto::ClientCapabilities>) -> bool {
    client.is_some_and(|client| client.deferral_allowed)
}

/// The stop signal to which the request subscribed on arrival.
pub(super) fn stop_signal<T, P: Provider>(request: &Request<T>, dispatcher: &Dispatcher<P>) -> StopSignal {
    request.extensions().get().cloned().unwrap_or_else(|| dispatcher.stop.subscribe())
}

pub(super) fn read_response(response: EncodedResponse) -> read_data_source::Response {
    let reason = proto::deferred::Reason::ProviderConfigUnknown.into();
    read_data_source::Response {
        state: response.state.map(dynamic_value),
        diagnostics: encode_diagnostics(response.diagnostics),
        deferred: response.deferred.then_some(proto::Deferred { reason }),
    }
}

pub(super) fn open_response(response: EncodedResponse) -> open_ephemeral_resource::Response {
    open_ephemeral_resource::Response {
        result: response.state.map(dynamic_value),
        diagnostics: encode_diagnostics(response.diagnostics),
        private: response.private,
    }
}

fn capabilities() -> proto::ServerCapabilities {
    // A process handles each RPC without an earlier GetProviderSchema.
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

pub(super) fn encode_diagnostics(diagnostics: Diagnostics) -> Vec<proto::Diagnostic> {
    diagnostics.into_iter().map(encode_diagnostic).collect()
}

fn encode_diagnostic(diagnostic: Diagnostic) -> proto::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => proto::diagnostic::Severity::Error,
        Severity::Warning => proto::diagnostic::Severity::Warning,
    };
    proto::Diagnostic {
        severity: severity.into(),
        summary: diagnostic.summary.to_owned(),
        detail: diagnostic.detail,
        attribute: diagnostic.path.as_ref().map(encode_path),
    }
}

fn encode_path(path: &AttributePath) -> proto::AttributePath {
    use proto::attribute_path::step::Selector;

    let steps = path.steps().iter().map(|step| {
        let selector = match step {
            PathStep::AttributeName(name) => Selector::AttributeName(name.clone()),
            PathStep::MapKey(key) => Selector::ElementKeyString(key.clone()),
            PathStep::ListIndex(index) => Selector::ElementKeyInt(*index),
        };
        proto::attribute_path::Step { selector: Some(selector) }
    });
    proto::AttributePath { steps: steps.collect() }
}
