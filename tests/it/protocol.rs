//! The provider's RPCs over a pipe, with all messages that a host may send.

use std::sync::Arc;

use plugin_host::protocol::tfplugin::{Diagnostic, DynamicValue, attribute_path::step::Selector};
use plugin_host::{Connection, Protocol};
use serde_json::json;
use terraform_provider_dds::provider::Dds;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::{Provider, server};
use tokio::sync::watch;

use crate::conformance::fake;

/// The provider of this package, with a token in the environment.
pub fn provider_with_token() -> Dds {
    Dds::new(Environment::given([("HW_AUTH_TOKEN", "token")]))
}

/// Serves the provider in this process, and connects to it.
pub async fn connect_in_process(protocol: Protocol, provider: impl Provider) -> Connection {
    let (client, server_end) = tokio::io::duplex(1 << 20);
    let (open, _) = watch::channel(0);
    let incoming = tokio_stream::iter([Ok(server::Connection::new(server_end, &open))]);
    let incoming = tokio_stream::StreamExt::chain(incoming, tokio_stream::pending());
    let server_protocol = match protocol {
        Protocol::Five => server::Protocol::Five,
        Protocol::Six => server::Protocol::Six,
    };
    tokio::spawn(server::serve_connections(server_protocol, Arc::new(provider), incoming));
    Connection::from_stream(client, protocol).await
}

/// The summaries of the diagnostics.
pub fn summaries(diagnostics: &[Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

/// The path of the diagnostic, with dots between its steps.
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
async fn json_is_accepted_and_a_missing_configuration_is_all_null() {
    for connection in fake::connect_both().await {
        let dynamic = |json: &str| Some(DynamicValue { msgpack: vec![], json: json.into() });
        let state = |text| json!({ "text": text, "number": null, "flag": null, "texts": null, "single": null, "several": [] });
        let response =
            connection.read_encoded("dds_echo", dynamic(&state(json!("x")).to_string())).await.unwrap();
        assert_eq!(response.state, Some(state(json!("x"))));
        for missing in [None, dynamic("")] {
            let response = connection.read_encoded("dds_echo", missing).await.unwrap();
            assert_eq!(response.state, Some(state(json!(null))));
        }
    }
}

#[tokio::test]
async fn invalid_configuration_fails_only_its_own_call() {
    for connection in fake::connect_both().await {
        for bytes in [&[0x81, 0xa2, b'i', b'd', 0x05][..], &[0x80], &[0xc1], &[0xde, 0xff, 0xff], b"\xa1"] {
            let config = Some(DynamicValue { msgpack: bytes.to_vec(), json: vec![] });
            let response = connection.read_encoded("dds_echo", config).await.unwrap();
            assert_eq!(summaries(&response.diagnostics), ["Unreadable Configuration"], "{bytes:?}");
        }
        assert!(connection.read("dds_echo", json!({})).await.unwrap().state.is_some());
    }
}

#[tokio::test]
async fn invalid_provider_block_reports_all_errors_at_once() {
    let connection = connect_in_process(Protocol::Six, provider_with_token()).await;
    let config = json!({
        "region": "Not A Region", "access_key": "a", "auth_url": "ftp://x", "max_retries": -1, "cloud": "https://x",
        "endpoints": { "ddds": "https://x", "iam": "x" },
    });
    let diagnostics = connection.validate_provider(config).await.unwrap();
    let paths: Vec<_> = diagnostics.iter().map(path).collect();
    let expected =
        ["region", "access_key", "cloud", "auth_url", "endpoints.ddds", "endpoints.iam", "max_retries"];
    assert_eq!(paths, expected, "{diagnostics:?}");
    // An invalid configuration does not change the last valid one.
    assert_eq!(connection.configure(json!({ "region": "a" })).await.unwrap(), []);
    assert_eq!(summaries(&connection.configure(json!({})).await.unwrap()), ["Missing Provider Setting"]);
}
