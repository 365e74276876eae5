//! Schemas, values, paths and diagnostics to and from protocol 6. Pure.

use super::protocol::tfplugin6 as proto;
use crate::diagnostic::{AttributePath, Diagnostic, Diagnostics, Severity, Step};
use crate::schema::{Attribute, Block, Kind, Mode, Nesting, Schema};
use crate::value::{Error, Type, Value, json, msgpack};

pub fn schema(schema: &Schema) -> proto::Schema {
    proto::Schema {
        version: 0,
        block: Some(proto::schema::Block {
            attributes: schema.attributes.iter().map(attribute).collect(),
            block_types: schema.blocks.iter().map(nested_block).collect(),
            description: schema.description.to_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            ..Default::default()
        }),
    }
}

fn nested_block(from: &Block) -> proto::schema::NestedBlock {
    use proto::schema::nested_block::NestingMode;

    let nesting = match from.nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
    };
    proto::schema::NestedBlock {
        type_name: from.name.to_owned(),
        block: Some(proto::schema::Block {
            attributes: from.attributes.iter().map(attribute).collect(),
            description: from.description.to_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            ..Default::default()
        }),
        nesting: nesting.into(),
        ..Default::default()
    }
}

fn attribute(from: &Attribute) -> proto::schema::Attribute {
    let nested = match from.kind {
        Kind::List(attributes) => Some(proto::schema::Object {
            attributes: attributes.iter().map(attribute).collect(),
            nesting: proto::schema::object::NestingMode::List.into(),
        }),
        Kind::String | Kind::Bool | Kind::Number | Kind::MapOfStrings | Kind::ListOfStrings => None,
    };
    proto::schema::Attribute {
        name: from.name.to_owned(),
        r#type: if nested.is_some() { Vec::new() } else { from.kind.value_type().to_json() },
        nested_type: nested,
        description: from.description.clone().into_owned(),
        description_kind: proto::StringKind::Markdown.into(),
        required: from.mode == Mode::Required,
        optional: matches!(from.mode, Mode::Optional | Mode::OptionalComputed),
        computed: matches!(from.mode, Mode::Computed | Mode::OptionalComputed),
        sensitive: from.sensitive,
        ..Default::default()
    }
}

/// Core writes msgpack; other hosts may write JSON. A message with neither is a null.
pub fn value(from: Option<&proto::DynamicValue>, of: &Type) -> Result<Value, Error> {
    match from {
        Some(dynamic) if !dynamic.json.is_empty() => json::decode(&dynamic.json, of),
        Some(dynamic) if !dynamic.msgpack.is_empty() => msgpack::decode(&dynamic.msgpack, of),
        _ => Ok(Value::Null),
    }
}

pub fn dynamic_value(value: &Value, of: &Type) -> Result<proto::DynamicValue, Error> {
    Ok(proto::DynamicValue { msgpack: msgpack::encode(value, of)?, json: Vec::new() })
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
