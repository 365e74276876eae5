//! The provider's RPCs over a pipe: what any host may send, and what data sources may do wrong.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dds_test_support::host::protocol::tfplugin::diagnostic::Severity;
use dds_test_support::host::protocol::tfplugin::{
    Diagnostic, DynamicValue, attribute_path::step::Selector, get_resource_identity_schemas,
    validate_data_resource_config,
};
use dds_test_support::host::protocol::tfplugin6::schema::Attribute as ProtoAttribute;
use dds_test_support::host::{Connection, Protocol, attributes};
use serde_json::{Value as Json, json};
use terraform_provider_dds::api::Client;
use terraform_provider_dds::diagnostic::Diagnostics;
use terraform_provider_dds::outside::Environment;
use terraform_provider_dds::plugin;
use terraform_provider_dds::provider::Provider;
use terraform_provider_dds::provider::data_source::{DATA_SOURCES, DataSource, Read, Reading};
use terraform_provider_dds::schema::{Attribute, Kind, Mode, Schema};
use terraform_provider_dds::value::Value;
use tokio::sync::watch;

const LINKS: &str = "dds_ssl_cert_download_links";

/// A data source that does what its name says.
struct Fake(&'static str);

static FAKES: &[&dyn DataSource] = &[
    &Fake("dds_panics"),
    &Fake("dds_stalls"),
    &Fake("dds_nonsense"),
    &Fake("dds_waits"),
    &Fake("dds_large"),
];

impl DataSource for Fake {
    fn name(&self) -> &'static str {
        self.0
    }

    fn schema(&self) -> Schema {
        const ID: &[Attribute] = &[Attribute::new("id", Kind::String, Mode::OptionalComputed, "An ID.")];
        Schema { description: "A fake.", attributes: Cow::Borrowed(ID), blocks: &[] }
    }

    fn validate(&self, _: &Value) -> Diagnostics {
        assert!(self.0 != "dds_panics", "as it should");
        Diagnostics::default()
    }

    fn read<'a>(&'a self, _: &'a Client, config: &'a Value) -> Read<'a> {
        Box::pin(async move {
            let state = match self.0 {
                "dds_panics" => panic!("with a secret in its message"),
                "dds_stalls" => std::future::pending().await,
                "dds_nonsense" => Value::object([("other", Value::Null)]),
                "dds_large" => Value::object([("id", "x".repeat(70 << 20).into())]),
                _ => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    config.clone()
                }
            };
            Ok(Reading { state, warnings: Diagnostics::default() })
        })
    }
}

const BOTH: [Protocol; 2] = [Protocol::Five, Protocol::Six];

async fn connect(sources: &'static [&'static dyn DataSource]) -> Connection {
    connect_in(Protocol::Six, sources).await
}

pub async fn connect_in(protocol: Protocol, sources: &'static [&'static dyn DataSource]) -> Connection {
    let environment = Environment::given([("HW_AUTH_TOKEN", "token")]);
    let provider = Arc::new(Provider::with_data_sources(environment, sources));
    let (client, server) = tokio::io::duplex(1 << 20);
    let (open, _) = watch::channel(0);
    let incoming = tokio_stream::iter([Ok(plugin::Connection::within(server, &open))]);
    let incoming = tokio_stream::StreamExt::chain(incoming, tokio_stream::pending());
    let spoken = match protocol {
        Protocol::Five => plugin::Protocol::Five,
        Protocol::Six => plugin::Protocol::Six,
    };
    tokio::spawn(plugin::serve(spoken, provider, incoming));
    Connection::over(client, protocol).await
}

async fn configured(sources: &'static [&'static dyn DataSource]) -> Connection {
    configured_in(Protocol::Six, sources).await
}

async fn configured_in(protocol: Protocol, sources: &'static [&'static dyn DataSource]) -> Connection {
    let connection = connect_in(protocol, sources).await;
    assert_eq!(connection.configure(json!({ "region": "cn-north-4" })).await.unwrap(), []);
    connection
}

fn summaries(diagnostics: &[Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

fn path(diagnostic: &Diagnostic) -> String {
    let steps =
        diagnostic.attribute.iter().flat_map(|path| &path.steps).filter_map(|step| step.selector.as_ref());
    let steps = steps.map(|step| match step {
        Selector::AttributeName(name) | Selector::ElementKeyString(name) => name.clone(),
        Selector::ElementKeyInt(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

#[tokio::test]
async fn a_panic_is_a_diagnostic_and_the_provider_lives_on() {
    for protocol in BOTH {
        let connection = configured_in(protocol, FAKES).await;
        let reading = connection.read("dds_panics", json!({})).await.unwrap();
        assert_eq!(summaries(&reading.diagnostics), ["Provider Bug"]);
        let detail = &reading.diagnostics[0].detail;
        assert!(
            detail.contains("dds_panics") && detail.contains("/issues") && !detail.contains("secret"),
            "{detail}"
        );
        assert_eq!(reading.state, None);
        let found = connection.validate("dds_panics", json!({})).await.unwrap();
        assert_eq!(summaries(&found), ["Provider Bug"]);
        let reading = connection.read("dds_waits", json!({ "id": "x" })).await.unwrap();
        assert_eq!(reading.state, Some(json!({ "id": "x" })));
    }
}

#[tokio::test]
async fn a_state_that_does_not_fit_its_schema_never_reaches_core() {
    let reading = configured(FAKES).await.read("dds_nonsense", json!({})).await.unwrap();
    assert_eq!((summaries(&reading.diagnostics), reading.state), (vec!["Provider Bug"], None));
}

#[tokio::test]
async fn stop_ends_what_is_under_way_and_nothing_later() {
    for protocol in BOTH {
        let connection = configured_in(protocol, FAKES).await;
        let stalled = (0..3).map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.read("dds_stalls", json!({})).await })
        });
        let stalled: Vec<_> = stalled.collect();
        // A read that the server answers after the stalled ones have begun.
        connection.read("dds_waits", json!({})).await.unwrap();
        assert_eq!(connection.stop().await.unwrap(), "");
        for read in stalled {
            let reading = tokio::time::timeout(Duration::from_secs(5), read).await.unwrap().unwrap().unwrap();
            assert_eq!(summaries(&reading.diagnostics), ["Operation Cancelled"]);
        }
        assert_eq!(connection.read("dds_waits", json!({})).await.unwrap().diagnostics, []);
    }
}

#[tokio::test]
async fn ten_reads_take_as_long_as_one() {
    let connection = configured(FAKES).await;
    let started = std::time::Instant::now();
    let reads: Vec<_> = (0..10)
        .map(|_| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.read("dds_waits", json!({})).await.unwrap() })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap().diagnostics, []);
    }
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn large_messages_go_both_ways() {
    for protocol in BOTH {
        let connection = configured_in(protocol, FAKES).await;
        let long = "y".repeat(5 << 20);
        let reading = connection.read("dds_waits", json!({ "id": long })).await.unwrap();
        assert_eq!(reading.state, Some(json!({ "id": long })));
        let reading = connection.read("dds_large", json!({})).await.unwrap();
        assert_eq!(reading.state.unwrap()["id"].as_str().unwrap().len(), 70 << 20);
    }
}

#[tokio::test]
async fn an_unknown_type_is_a_diagnostic_that_names_it() {
    for protocol in BOTH {
        let connection = configured_in(protocol, DATA_SOURCES).await;
        for found in [
            connection.read_raw("dds_other", None).await.unwrap().diagnostics,
            connection.validate("dds_other", json!({})).await.unwrap(),
        ] {
            assert_eq!(summaries(&found), ["Unknown Data Source Type"]);
            assert!(found[0].detail.contains("\"dds_other\""));
        }
    }
}

#[tokio::test]
async fn a_read_before_configure_is_a_diagnostic() {
    for protocol in BOTH {
        let reading = connect_in(protocol, FAKES).await.read("dds_waits", json!({})).await.unwrap();
        assert_eq!(summaries(&reading.diagnostics), ["Provider Not Configured"]);
    }
}

#[tokio::test]
async fn configurations_come_as_json_too_and_an_absent_one_is_blank() {
    for protocol in BOTH {
        let connection = configured_in(protocol, FAKES).await;
        let dynamic = |json: &str| Some(DynamicValue { msgpack: vec![], json: json.into() });
        let reading = connection.read_raw("dds_waits", dynamic(r#"{"id":"x"}"#)).await.unwrap();
        assert_eq!(reading.state, Some(json!({ "id": "x" })));
        for absent in [None, dynamic("")] {
            let reading = connection.read_raw("dds_waits", absent).await.unwrap();
            assert_eq!(reading.state, Some(json!({ "id": null })));
        }
    }
}

#[tokio::test]
async fn a_configuration_of_another_shape_is_a_diagnostic_for_that_call_only() {
    for protocol in BOTH {
        let connection = configured_in(protocol, FAKES).await;
        for bytes in [&[0x81, 0xa2, b'i', b'd', 0x05][..], &[0x80], &[0xc1], &[0xde, 0xff, 0xff], b"\xa1"] {
            let config = Some(DynamicValue { msgpack: bytes.to_vec(), json: vec![] });
            let reading = connection.read_raw("dds_waits", config).await.unwrap();
            assert_eq!(summaries(&reading.diagnostics), ["Unreadable Configuration"], "{bytes:?}");
        }
        assert!(connection.read("dds_waits", json!({})).await.unwrap().state.is_some());
    }
}

#[tokio::test]
async fn the_schema_keeps_every_rule_that_core_checks() {
    let connection = connect(DATA_SOURCES).await;
    let schema = connection.schema().await.unwrap();
    assert!(schema.server_capabilities.unwrap().get_provider_schema_optional);
    assert_eq!(schema.diagnostics, []);
    let provider = schema.provider.unwrap();
    let source = &schema.data_source_schemas[LINKS];
    let reserved = [
        "count",
        "for_each",
        "provider",
        "depends_on",
        "lifecycle",
        "locals",
        "connection",
        "provisioner",
        "alias",
        "version",
        "source",
    ];
    for schema in [&provider, source] {
        assert_eq!(schema.version, 0);
        let names = attributes(schema);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| !reserved.contains(&name.as_str())));
        let block = schema.block.as_ref().unwrap();
        assert!(!block.description.is_empty());
        block.attributes.iter().for_each(lint);
    }
    let sensitive: Vec<_> =
        provider.block.unwrap().attributes.into_iter().filter(|it| it.sensitive).collect();
    let sensitive: BTreeSet<_> = sensitive.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(sensitive, ["key", "password", "secret_key", "security_token", "token"].into());
}

fn lint(attribute: &ProtoAttribute) {
    let name = &attribute.name;
    assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{name}");
    assert!(attribute.description.ends_with('.') && attribute.description_kind == 1, "{name}");
    assert!(attribute.required != (attribute.optional || attribute.computed), "{name}");
    assert!(!attribute.write_only && !attribute.deprecated, "{name}");
    match &attribute.nested_type {
        Some(nested) => {
            assert!(attribute.r#type.is_empty() && nested.nesting == 2, "{name}");
            nested.attributes.iter().for_each(lint);
        }
        None => drop(serde_json::from_slice::<Json>(&attribute.r#type).unwrap()),
    }
}

#[tokio::test]
async fn metadata_and_identities_agree_with_the_schema() {
    let connection = connect(DATA_SOURCES).await;
    let metadata = connection.metadata().await.unwrap();
    let names: Vec<_> = metadata.data_sources.iter().map(|source| source.type_name.as_str()).collect();
    assert_eq!(names, [LINKS]);
    let request = get_resource_identity_schemas::Request {};
    let identities =
        connection.protocol6().get_resource_identity_schemas(request).await.unwrap().into_inner();
    assert!(identities.identity_schemas.is_empty() && identities.diagnostics.is_empty());
}

#[tokio::test]
async fn what_core_leaves_to_the_provider_is_checked_with_its_place() {
    let connection = connect(DATA_SOURCES).await;
    let check = async |config| {
        let found = connection.validate(LINKS, config).await.unwrap();
        assert!(found.iter().all(|diagnostic| diagnostic.severity() == Severity::Error));
        found.iter().map(|diagnostic| (diagnostic.summary.clone(), path(diagnostic))).collect::<Vec<_>>()
    };
    let expect = |summary: &str, path: &str| (summary.to_owned(), path.to_owned());
    assert_eq!(check(json!({ "instance_id": "i" })).await, []);
    assert_eq!(check(json!({})).await, [expect("Missing Required Attribute", "instance_id")]);
    assert_eq!(
        check(json!({ "instance_id": "i", "id": "x" })).await,
        [expect("Read-Only Attribute Set", "id")]
    );
    assert_eq!(
        check(json!({ "instance_id": "i", "certs": [{ "category": "c", "download_link": null }] })).await,
        [expect("Read-Only Attribute Set", "certs")]
    );
    assert_eq!(check(json!({ "instance_id": "../x" })).await, [expect("Invalid Instance ID", "instance_id")]);
    assert_eq!(
        check(json!({ "instance_id": "i", "region": "" })).await,
        [expect("Invalid Region", "region")]
    );
}

#[tokio::test]
async fn unknown_values_fail_neither_validate_nor_configure() {
    let connection = connect(DATA_SOURCES).await;
    for unknown in [json!({ "$unknown": "plain" }), json!({ "$unknown": "refined" })] {
        assert_eq!(
            connection.validate(LINKS, json!({ "instance_id": unknown, "region": unknown })).await.unwrap(),
            []
        );
        let config = json!({
            "region": unknown, "access_key": unknown, "secret_key": "s", "endpoints": { "dds": unknown },
            "insecure": unknown, "max_retries": unknown, "project_id": unknown,
        });
        assert_eq!(connection.validate_provider(config.clone()).await.unwrap(), []);
        assert_eq!(connection.configure(config).await.unwrap(), []);
        let found = connection.read(LINKS, json!({ "instance_id": "i" })).await.unwrap().diagnostics;
        assert!(found.iter().all(|it| it.summary == "Provider Setting Not Known Yet"), "{found:?}");
        let places: BTreeSet<_> = found.iter().map(path).collect();
        let expected = ["access_key", "endpoints.dds", "insecure", "max_retries", "project_id", "region"];
        assert_eq!(places, expected.map(str::to_owned).into());
    }
}

#[tokio::test]
async fn an_empty_provider_block_is_valid_and_a_bad_one_has_all_its_faults_told() {
    let connection = connect(DATA_SOURCES).await;
    assert_eq!(connection.validate_provider(json!({})).await.unwrap(), []);
    let config = json!({
        "region": "Not A Region", "access_key": "a", "auth_url": "ftp://x", "max_retries": -1, "cloud": "https://x",
        "endpoints": { "ddds": "https://x", "iam": "x" },
    });
    let found = connection.validate_provider(config).await.unwrap();
    let places: Vec<_> = found.iter().map(path).collect();
    let expected =
        ["region", "access_key", "cloud", "auth_url", "endpoints.ddds", "endpoints.iam", "max_retries"];
    assert_eq!(places, expected, "{found:?}");
    // The last good configuration counts, and a bad one changes nothing.
    assert_eq!(connection.configure(json!({ "region": "a" })).await.unwrap(), []);
    assert_eq!(summaries(&connection.configure(json!({})).await.unwrap()), ["Missing Provider Setting"]);
}

#[tokio::test]
async fn a_method_that_is_not_served_leaves_the_connection_usable() {
    let connection = connect(DATA_SOURCES).await;
    for method in ["/tfplugin6.Provider/CallFunction", "/tfplugin5.Provider/GetSchema", "/x.Y/Z"] {
        let mut grpc = tonic::client::Grpc::new(connection.channel());
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<validate_data_resource_config::Request, ()>::default();
        let request = tonic::Request::new(validate_data_resource_config::Request::default());
        let status = grpc.unary(request, method.parse().unwrap(), codec).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unimplemented, "{method}");
    }
    assert!(connection.schema().await.is_ok());
}
