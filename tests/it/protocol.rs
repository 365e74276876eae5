//! The provider's RPCs over a pipe: what any host may send.

use std::borrow::Cow;
use std::sync::Arc;

use dds_test_support::host::protocol::tfplugin::{Diagnostic, DynamicValue, attribute_path::step::Selector};
use dds_test_support::host::{Connection, Protocol};
use serde_json::json;
use terraform_provider_dds::huaweicloud::Client;
use terraform_provider_dds::provider::Provider;
use terraform_provider_dds::provider::data_sources::{DATA_SOURCES, DataSource, Read, ReadResponse};
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;
use terraform_provider_dds::tfplugin::schema::{Attribute, Kind, Mode, Schema};
use terraform_provider_dds::tfplugin::server as plugin;
use terraform_provider_dds::tfplugin::value::Value;
use tokio::sync::watch;

/// A data source that gives its configuration back.
struct Fake(&'static str);

static FAKES: &[&dyn DataSource] = &[&Fake("dds_echoes")];

impl DataSource for Fake {
    fn name(&self) -> &'static str {
        self.0
    }

    fn schema(&self) -> Schema {
        const ID: &[Attribute] = &[Attribute::new("id", Kind::String, Mode::OptionalComputed, "An ID.")];
        Schema { description: "A fake.", attributes: Cow::Borrowed(ID), blocks: &[] }
    }

    fn validate(&self, _: &Value) -> Diagnostics {
        Diagnostics::default()
    }

    fn read<'a>(&'a self, _: &'a Client, config: &'a Value) -> Read<'a> {
        Box::pin(async { Ok(ReadResponse { state: config.clone(), warnings: Diagnostics::default() }) })
    }
}

const BOTH: [Protocol; 2] = [Protocol::Five, Protocol::Six];

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

async fn configured_in(protocol: Protocol, sources: &'static [&'static dyn DataSource]) -> Connection {
    let connection = connect_in(protocol, sources).await;
    assert_eq!(connection.configure(json!({ "region": "cn-north-4" })).await.unwrap(), []);
    connection
}

pub fn summaries(diagnostics: &[Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

pub fn path(diagnostic: &Diagnostic) -> String {
    let steps =
        diagnostic.attribute.iter().flat_map(|path| &path.steps).filter_map(|step| step.selector.as_ref());
    let steps = steps.map(|step| match step {
        Selector::AttributeName(name) | Selector::ElementKeyString(name) => name.clone(),
        Selector::ElementKeyInt(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

#[tokio::test]
async fn configurations_come_as_json_too_and_an_absent_one_is_blank() {
    for protocol in BOTH {
        let connection = configured_in(protocol, FAKES).await;
        let dynamic = |json: &str| Some(DynamicValue { msgpack: vec![], json: json.into() });
        let reading = connection.read_raw("dds_echoes", dynamic(r#"{"id":"x"}"#)).await.unwrap();
        assert_eq!(reading.state, Some(json!({ "id": "x" })));
        for absent in [None, dynamic("")] {
            let reading = connection.read_raw("dds_echoes", absent).await.unwrap();
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
            let reading = connection.read_raw("dds_echoes", config).await.unwrap();
            assert_eq!(summaries(&reading.diagnostics), ["Unreadable Configuration"], "{bytes:?}");
        }
        assert!(connection.read("dds_echoes", json!({})).await.unwrap().state.is_some());
    }
}

#[tokio::test]
async fn a_bad_provider_block_has_all_its_faults_told() {
    let connection = connect_in(Protocol::Six, DATA_SOURCES).await;
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
