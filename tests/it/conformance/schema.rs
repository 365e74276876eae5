//! The schema response. Core checks only some of these rules and crashes if others are violated.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plugin_host::attribute_names;
use plugin_host::protocol::provider_schema::ProviderSchema5;
use plugin_host::protocol::tfplugin::{get_provider_schema, get_resource_identity_schemas};
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::protocol::tfplugin6::schema::nested_block::NestingMode;
use plugin_host::protocol::tfplugin6::schema::{Attribute, Block};
use plugin_host::{Protocol, ProviderSchema};
use serde_json::{Value, json};
use terraform_provider_dds::tfplugin::provider::{
    ConfigureRequest, ConfigureResponse, DataSource, Provider, ProviderInfo,
};
use terraform_provider_dds::tfplugin::{diagnostic::Diagnostics, schema};

use super::*;
use crate::process::TYPE_NAME;
use crate::protocol::connect_in_process;

async fn schemas() -> [ProviderSchema; 2] {
    let [(_five, five), (_six, six)] = connect_both().await;
    [five.schema().await.unwrap(), six.schema().await.unwrap()]
}

/// The schemas of the provider block, the data sources and the ephemeral resources.
fn all_schemas(response: &ProviderSchema) -> impl Iterator<Item = &Schema> {
    let sources = response.data_sources.values();
    response.provider.iter().chain(sources).chain(response.ephemeral_resources.values())
}

/// The block and its nested blocks.
fn blocks(block: &Block) -> Vec<&Block> {
    let inner = block.block_types.iter().filter_map(|nested| nested.block.as_ref()).flat_map(blocks);
    std::iter::once(block).chain(inner).collect()
}

/// All attributes of a response.
fn all_attributes(response: &ProviderSchema) -> Vec<&Attribute> {
    let blocks = all_schemas(response).flat_map(|schema| blocks(schema.block.as_ref().unwrap()));
    blocks.flat_map(|block| &block.attributes).collect()
}

/// Whether the JSON is a valid type constraint.
fn is_type(json: &Value) -> bool {
    match json {
        Value::String(name) => ["string", "number", "bool", "dynamic"].contains(&name.as_str()),
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(kind), element] if ["list", "set", "map"].contains(&kind.as_str()) => {
                is_type(element)
            }
            [Value::String(kind), Value::Object(members)] if kind == "object" => {
                members.values().all(is_type)
            }
            [Value::String(kind), Value::Array(items)] if kind == "tuple" => items.iter().all(is_type),
            _ => false,
        },
        _ => false,
    }
}

#[tokio::test]
async fn c30_schema_has_a_provider_block() {
    for schema in schemas().await {
        assert_eq!(schema.diagnostics, []);
        assert!(schema.provider.unwrap().block.is_some());
    }
}

#[tokio::test]
async fn c31_every_block_has_content_and_every_attribute_a_type() {
    for schema in schemas().await {
        for block in all_schemas(&schema).flat_map(|schema| blocks(schema.block.as_ref().expect("a block"))) {
            assert!(block.block_types.iter().all(|nested| nested.block.is_some()));
        }
        for attribute in all_attributes(&schema) {
            // `terraform test` cannot mock a list of nested attributes.
            assert_eq!(attribute.nested_type, None, "{}", attribute.name);
            let json = serde_json::from_slice(&attribute.r#type).unwrap();
            assert!(is_type(&json), "{}: {json}", attribute.name);
        }
    }
}

/// The names that Core reserves in data blocks and provider blocks.
const RESERVED: &str =
    "alias connection count depends_on for_each lifecycle locals provider provisioner source version _";

#[tokio::test]
async fn c32_schemas_pass_the_checks_of_core() {
    for schema in schemas().await {
        let types = schema.data_sources.keys().chain(schema.ephemeral_resources.keys());
        assert!(types.into_iter().all(|name| name.starts_with("dds_") && is_name(name)));
        for root in all_schemas(&schema) {
            assert_eq!(root.version, 0);
            let root = root.block.as_ref().unwrap();
            assert!(names(root).iter().all(|name| !RESERVED.split(' ').any(|reserved| reserved == *name)));
            for block in blocks(root) {
                assert_valid_block(block);
            }
        }
    }
}

/// The names of the attributes and nested blocks of a block.
fn names(block: &Block) -> Vec<&String> {
    let attributes = block.attributes.iter().map(|attribute| &attribute.name);
    attributes.chain(block.block_types.iter().map(|nested| &nested.type_name)).collect()
}

/// Asserts the rules for one block.
fn assert_valid_block(block: &Block) {
    let names = names(block);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    assert!(!block.description.is_empty() && block.description_kind == 1);
    for attribute in &block.attributes {
        let name = &attribute.name;
        assert!(is_name(name), "{name}");
        assert!(attribute.description.ends_with('.') && attribute.description_kind == 1, "{name}");
        assert!(attribute.required != (attribute.optional || attribute.computed), "{name}");
    }
    for nested in &block.block_types {
        let (name, nesting) = (&nested.type_name, nested.nesting());
        assert!(is_name(name), "{name}");
        assert!(matches!(nesting, NestingMode::Single | NestingMode::List), "{name}: {nesting:?}");
        assert_eq!((nested.min_items, nested.max_items), (0, 0), "{name}");
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

#[tokio::test]
async fn c33_only_deprecated_items_have_a_deprecation_message() {
    for schema in schemas().await {
        assert!(
            all_attributes(&schema)
                .iter()
                .all(|attribute| attribute.deprecated || attribute.deprecation_message.is_empty())
        );
        let blocks = all_schemas(&schema).flat_map(|schema| blocks(schema.block.as_ref().unwrap()));
        assert!(blocks.into_iter().all(|block| block.deprecated || block.deprecation_message.is_empty()));
    }
}

#[tokio::test]
async fn c35_identity_schemas_are_empty_without_an_error() {
    for version in PROTOCOL_VERSIONS {
        let (_process, connection) = start_and_connect(version).await;
        let path = format!("/tfplugin{version}.Provider/GetResourceIdentitySchemas");
        let request = get_resource_identity_schemas::Request {};
        let response: get_resource_identity_schemas::Response =
            connection.call(&path, request).await.unwrap();
        assert!(response.identity_schemas.is_empty() && response.diagnostics.is_empty());
    }
}

#[tokio::test]
async fn c58_no_attribute_is_deprecated() {
    for schema in schemas().await {
        assert!(all_attributes(&schema).iter().all(|attribute| !attribute.deprecated));
    }
}

#[tokio::test]
async fn c71_protocol_5_schema_has_types_and_its_field_numbers() {
    let (_process, connection) = start_and_connect("5").await;
    // Field 10 is a bool in protocol 5 and a message in protocol 6, so decoding fails if the numbers are wrong.
    let request = get_provider_schema::Request {};
    let schema: ProviderSchema5 = connection.call("/tfplugin5.Provider/GetSchema", request).await.unwrap();
    let block = schema.data_sources[TYPE_NAME].block.clone().unwrap();
    let certs = block.attributes.iter().find(|attribute| attribute.name == "certs").unwrap();
    let ty: Value = serde_json::from_slice(&certs.r#type).unwrap();
    assert_eq!(ty, json!(["list", ["object", { "category": "string", "download_link": "string" }]]));
    assert!(certs.computed && !certs.optional);
    let provider = schema.provider.and_then(|provider| provider.block).unwrap();
    for attribute in block.attributes.iter().chain(&provider.attributes) {
        assert!(!attribute.r#type.is_empty(), "{}", attribute.name);
        assert!(!attribute.write_only && attribute.deprecation_message.is_empty(), "{}", attribute.name);
    }
}

#[tokio::test]
async fn certs_is_a_list_of_objects_with_a_type_and_a_description() {
    for schema in schemas().await {
        for schema in [&schema.data_sources[TYPE_NAME], &schema.ephemeral_resources[TYPE_NAME]] {
            let attributes = &schema.block.as_ref().unwrap().attributes;
            let certs = attributes.iter().find(|attribute| attribute.name == "certs").unwrap();
            let ty: Value = serde_json::from_slice(&certs.r#type).unwrap();
            assert_eq!(ty, json!(["list", ["object", { "category": "string", "download_link": "string" }]]));
            // The description of the list describes the members.
            for word in ["`category`", "`international`", "`national`", "`download_link`"] {
                assert!(certs.description.contains(word), "{word}: {}", certs.description);
            }
        }
    }
}

#[tokio::test]
async fn c76_no_attribute_is_write_only() {
    for schema in schemas().await {
        assert!(all_attributes(&schema).iter().all(|attribute| !attribute.write_only));
    }
}

#[tokio::test]
async fn only_secret_attributes_are_sensitive() {
    for schema in schemas().await {
        let provider = schema.provider.as_ref().unwrap();
        assert!(attribute_names(provider).contains(&"token".to_owned()));
        let attributes =
            blocks(provider.block.as_ref().unwrap()).into_iter().flat_map(|block| &block.attributes);
        let sensitive: BTreeSet<_> = attributes
            .filter(|attribute| attribute.sensitive)
            .map(|attribute| attribute.name.as_str())
            .collect();
        assert_eq!(
            sensitive,
            ["id_token", "key", "password", "secret_key", "security_token", "token"].into()
        );
    }
}

/// A provider that counts the calls of `schema`.
#[derive(Clone, Default)]
struct CountingProvider(Arc<AtomicUsize>);

impl Provider for CountingProvider {
    type Client = ();

    fn info(&self) -> ProviderInfo {
        ProviderInfo::new("counting", "example/counting", "1.0.0")
    }

    fn schema(&self) -> schema::Schema {
        self.0.fetch_add(1, Ordering::Relaxed);
        schema::Schema::new("", vec![schema::Attribute::string("name", "A name.")])
    }

    async fn configure(&self, _: ConfigureRequest<'_>) -> Result<ConfigureResponse<()>, Diagnostics> {
        Ok(().into())
    }

    fn data_sources(&self) -> &[&dyn DataSource<()>] {
        &[]
    }
}

#[tokio::test]
async fn schema_is_encoded_only_at_the_first_call() {
    for protocol in [Protocol::Five, Protocol::Six] {
        let provider = CountingProvider::default();
        let connection = connect_in_process(protocol, provider.clone()).await;
        let (first, second) = (connection.schema().await.unwrap(), connection.schema().await.unwrap());
        assert_eq!(attribute_names(first.provider.as_ref().unwrap()), ["name"]);
        assert_eq!(first, second);
        assert_eq!(provider.0.load(Ordering::Relaxed), 1, "{protocol:?}");
    }
}
