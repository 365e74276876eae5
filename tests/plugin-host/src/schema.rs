//! Provider schemas of both protocols, in the format of protocol 6.

use serde_json::{Map, Value};

use super::encoding::encode;
use super::protocol::tfplugin::DynamicValue;
use super::protocol::tfplugin5;
use super::protocol::tfplugin6::Schema;
use super::protocol::tfplugin6::schema::nested_block::NestingMode;
use super::protocol::tfplugin6::schema::{Attribute, Block, NestedBlock};

/// The names of a block's attributes.
pub fn attribute_names(schema: &Schema) -> Vec<String> {
    let block = schema.block.as_ref().expect("the schema has a block");
    block.attributes.iter().map(|attribute| attribute.name.clone()).collect()
}

/// The value of a block in which nothing is set.
pub fn null_object(schema: &Schema) -> Map<String, Value> {
    schema.block.as_ref().map(null_block).expect("the schema has a block")
}

fn null_block(block: &Block) -> Map<String, Value> {
    let attributes = block.attributes.iter().map(|attribute| (attribute.name.clone(), Value::Null));
    let blocks = block.block_types.iter().map(|nested| (nested.type_name.clone(), missing_block(nested)));
    attributes.chain(blocks).collect()
}

/// The value of a missing nested block.
pub(super) fn missing_block(nested: &NestedBlock) -> Value {
    match nested.nesting() {
        NestingMode::Single | NestingMode::Invalid => Value::Null,
        NestingMode::List | NestingMode::Set => Value::Array(Vec::new()),
        NestingMode::Map => Value::Object(Map::new()),
        NestingMode::Group => Value::Object(nested.block.as_ref().map(null_block).unwrap_or_default()),
    }
}

/// Encodes a configuration, with null for missing attributes.
pub(super) fn encode_with_nulls(config: Value, schema: Option<&Schema>) -> DynamicValue {
    let Value::Object(members) = config else { panic!("the configuration is not an object") };
    let mut config = schema.map(null_object).unwrap_or_default();
    config.extend(members);
    DynamicValue { msgpack: encode(&Value::Object(config)), json: Vec::new() }
}

impl From<tfplugin5::Schema> for Schema {
    fn from(from: tfplugin5::Schema) -> Self {
        Self { version: from.version, block: from.block.map(Into::into) }
    }
}

impl From<tfplugin5::schema::Block> for Block {
    fn from(from: tfplugin5::schema::Block) -> Self {
        let nested = |block: tfplugin5::schema::NestedBlock| NestedBlock {
            type_name: block.type_name,
            block: block.block.map(Into::into),
            nesting: block.nesting,
            min_items: block.min_items,
            max_items: block.max_items,
        };
        Self {
            version: from.version,
            attributes: from.attributes.into_iter().map(Into::into).collect(),
            block_types: from.block_types.into_iter().map(nested).collect(),
            description: from.description,
            description_kind: from.description_kind,
            deprecated: from.deprecated,
            deprecation_message: from.deprecation_message,
        }
    }
}

impl From<tfplugin5::schema::Attribute> for Attribute {
    fn from(from: tfplugin5::schema::Attribute) -> Self {
        Self {
            name: from.name,
            r#type: from.r#type,
            description: from.description,
            required: from.required,
            optional: from.optional,
            computed: from.computed,
            sensitive: from.sensitive,
            description_kind: from.description_kind,
            deprecated: from.deprecated,
            nested_type: None,
            write_only: from.write_only,
            deprecation_message: from.deprecation_message,
        }
    }
}
