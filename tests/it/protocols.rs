//! Protocols 5 and 6 side by side: the same provider, told apart only by what the protocols themselves differ in.

use dds_test_support::host::protocol::tfplugin::Diagnostic;
use dds_test_support::host::protocol::tfplugin6::Schema;
use dds_test_support::host::protocol::tfplugin6::get_provider_schema::Response;
use dds_test_support::host::protocol::tfplugin6::schema::{Attribute, object::NestingMode};
use dds_test_support::host::{Connection, Launch, Process, Protocol};
use dds_test_support::simulator::{Fault, Route, Simulator, World};
use serde_json::{Map, Value, json};
use terraform_provider_dds::provider::data_source::DATA_SOURCES;

use crate::process::{INSTANCE, LINKS, PROVIDER, right, settings, start};
use crate::protocol::connect_in;

/// A process for a host that offers these protocols only.
pub async fn speaking(offered: &str) -> (Process, Connection) {
    let process = start(Launch::new(PROVIDER).set("PLUGIN_PROTOCOL_VERSIONS", offered)).await;
    assert_eq!(process.handshake.protocol, offered);
    let connection = right(&process).await;
    (process, connection)
}

#[tokio::test]
async fn a_read_gives_the_same_bytes_and_the_same_messages_in_both() {
    let cloud = Simulator::start(World::sample());
    let mut told = Vec::new();
    for offered in ["5", "6"] {
        let (_process, connection) = speaking(offered).await;
        assert_eq!(connection.configure(settings(&cloud)).await.unwrap(), []);
        let good = connection.read(LINKS, json!({ "instance_id": INSTANCE })).await.unwrap();
        assert_eq!(good.diagnostics, []);
        let absent = connection.read(LINKS, json!({ "instance_id": "absent" })).await.unwrap();
        assert_eq!(absent.bytes, None);
        cloud.next(Route::Links, [Fault::Html { status: 400 }]);
        let broken = connection.read(LINKS, json!({ "instance_id": INSTANCE })).await.unwrap();
        let invalid = connection.validate(LINKS, json!({ "instance_id": "../x" })).await.unwrap();
        assert!(absent.diagnostics[0].detail.contains("request ID") && !broken.diagnostics.is_empty());
        assert!(invalid[0].attribute.is_some(), "{invalid:?}");
        let provider = connection.validate_provider(json!({ "region": "Not A Region" })).await.unwrap();
        assert_eq!(provider.len(), 1);
        let absent: Vec<_> = absent.diagnostics.into_iter().map(without_request_id).collect();
        told.push((good.bytes.unwrap(), absent, broken.diagnostics, invalid, provider));
    }
    assert_eq!(told[0], told[1]);
}

/// The simulated cloud gives each request another.
fn without_request_id(mut diagnostic: Diagnostic) -> Diagnostic {
    let (before, after) = diagnostic.detail.split_once("request ID ").unwrap();
    let end = after.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap();
    diagnostic.detail = format!("{before}request ID{}", &after[end..]);
    diagnostic
}

#[tokio::test]
async fn the_schemas_say_the_same() {
    let five = connect_in(Protocol::Five, DATA_SOURCES).await.schema().await.unwrap();
    let mut six = connect_in(Protocol::Six, DATA_SOURCES).await.schema().await.unwrap();
    assert!(six.data_source_schemas.values().flat_map(attributes).any(|it| it.nested_type.is_some()));
    for schema in all(&mut six) {
        let block = schema.block.as_mut().unwrap();
        let nested =
            block.block_types.iter_mut().flat_map(|nested| &mut nested.block.as_mut().unwrap().attributes);
        for attribute in block.attributes.iter_mut().chain(nested) {
            attribute.r#type = as_type(attribute).to_string().into_bytes();
            attribute.nested_type = None;
        }
    }
    // Objects in JSON have no order; the texts do.
    let normal = |mut response: Response| {
        for schema in all(&mut response) {
            for attribute in &mut schema.block.as_mut().unwrap().attributes {
                let of: Value = serde_json::from_slice(&attribute.r#type).unwrap();
                attribute.r#type = of.to_string().into_bytes();
            }
        }
        response
    };
    assert_eq!(normal(five), normal(six));
}

fn all(response: &mut Response) -> impl Iterator<Item = &mut Schema> {
    let sources = response.data_source_schemas.values_mut();
    response.provider.iter_mut().chain(sources).chain(response.ephemeral_resource_schemas.values_mut())
}

/// A nested attribute's type, as a host that has none has to be told it.
fn as_type(attribute: &Attribute) -> Value {
    match &attribute.nested_type {
        None => serde_json::from_slice(&attribute.r#type).unwrap(),
        Some(nested) => {
            assert_eq!(nested.nesting(), NestingMode::List);
            let members: Map<_, _> =
                nested.attributes.iter().map(|member| (member.name.clone(), as_type(member))).collect();
            json!(["list", ["object", members]])
        }
    }
}

fn attributes(schema: &Schema) -> &[Attribute] {
    &schema.block.as_ref().unwrap().attributes
}

#[tokio::test]
async fn only_the_protocol_that_was_agreed_on_is_served() {
    for (offered, other) in [("5", Protocol::Six), ("6", Protocol::Five)] {
        let (_process, connection) = speaking(offered).await;
        let status = connection.speaking(other).schema().await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unimplemented, "{offered}");
        assert!(connection.schema().await.is_ok());
    }
}

/// Registries take from it which cores may install the provider.
#[tokio::test]
async fn the_manifest_names_the_protocols_that_are_served() {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("terraform-registry-manifest.json");
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(manifest).unwrap()).unwrap();
    assert_eq!(manifest["version"], 1);
    let versions = manifest["metadata"]["protocol_versions"].as_array().unwrap();
    let mut served = Vec::new();
    for major in 4..=7 {
        let offered = major.to_string();
        let process = start(Launch::new(PROVIDER).set("PLUGIN_PROTOCOL_VERSIONS", &offered)).await;
        if process.handshake.protocol == offered {
            served.push(json!(format!("{major}.0")));
        }
    }
    assert_eq!(*versions, served);
}
