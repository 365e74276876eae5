//! From the start of the process to its line on stdout.

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::*;
use crate::process::debug::{DebugProcess, plain, socket};
use crate::process::start;

#[tokio::test]
async fn c01_missing_cookie_prints_an_explanation_and_exits_at_once() {
    for cookie in [None, Some(""), Some("wrong")] {
        let attempt = async || {
            let mut command = Command::new(PROVIDER_EXECUTABLE);
            command.env_clear();
            cookie.map(|cookie| command.env("TF_PLUGIN_MAGIC_COOKIE", cookie));
            let begun = Instant::now();
            let output = command.output().unwrap();
            let time = begun.elapsed();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{cookie:?}");
            assert!(!output.stderr.is_empty());
            time
        };
        assert_within(Duration::from_millis(100), attempt).await;
    }
}

#[tokio::test]
async fn c02_handshake_line_has_six_valid_fields() {
    for offered in PROTOCOL_VERSIONS {
        for (launch, tls) in [(launch(offered), true), (launch(offered).without_tls(), false)] {
            // The host reads the line as the strictest one does: the kinds of network and plugin, no blank, no padding.
            let line = start(launch).await.handshake.clone();
            assert_eq!((line.core_protocol.as_str(), line.protocol_version.as_str()), ("1", offered));
            assert_eq!((line.network.as_str(), line.rpc_type.as_str()), ("unix", "grpc"));
            assert_eq!((line.certificate.is_some(), line.multiplexing), (tls, None));
        }
    }
}

#[tokio::test]
async fn c03_multiplexing_request_adds_a_seventh_field() {
    for offered in PROTOCOL_VERSIONS {
        for asked in ["true", "1", "false"] {
            let process = start(launch(offered).env("PLUGIN_MULTIPLEX_GRPC", asked)).await;
            assert_eq!(process.handshake.multiplexing.as_deref(), Some("false"), "{asked}");
        }
        let process = start(launch(offered).env("PLUGIN_MULTIPLEX_GRPC", "")).await;
        assert_eq!(process.handshake.multiplexing, None);
    }
}

#[tokio::test]
async fn c04_newest_common_version_is_chosen_in_any_order() {
    for offered in ["5,6", "6,5", "6", "4,5,6,7"] {
        assert_eq!(start(launch(offered)).await.handshake.protocol_version, "6", "{offered}");
    }
}

#[tokio::test]
async fn c05_host_with_only_protocol_5_gets_protocol_5() {
    for offered in ["5", "4,5"] {
        assert_eq!(start(launch(offered)).await.handshake.protocol_version, "5", "{offered}");
    }
}

#[tokio::test]
async fn c06_without_common_version_the_oldest_is_chosen() {
    for (offered, chosen) in [("7", "5"), ("", "5"), ("x", "5"), ("x,6", "6"), (" 6 ,x", "6")] {
        assert_eq!(start(launch(offered)).await.handshake.protocol_version, chosen, "{offered:?}");
    }
    let process = start(PluginCommand::new(PROVIDER_EXECUTABLE).env_remove("PLUGIN_PROTOCOL_VERSIONS")).await;
    assert_eq!(process.handshake.protocol_version, "5");
}

#[tokio::test]
async fn c07_socket_accepts_connections_once_the_line_is_readable() {
    for offered in PROTOCOL_VERSIONS {
        for _ in 0..5 {
            let process = start(launch(offered)).await;
            UnixStream::connect(process.socket_path()).expect("a listener");
        }
    }
}

#[tokio::test]
async fn c08_handshake_line_is_printed_within_20_ms() {
    for offered in PROTOCOL_VERSIONS {
        assert_within(Duration::from_millis(20), async || start(launch(offered)).await.startup_time).await;
    }
}

#[tokio::test]
async fn c69_debug_mode_needs_no_cookie_and_prints_reattach_settings() {
    for protocol in PROTOCOLS {
        let offered = if protocol == Protocol::Five { "5" } else { "6" };
        let process = DebugProcess::start(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]);
        let reattach = process.reattach();
        let told: Value = serde_json::from_str(&reattach).unwrap();
        let told = &told["terraform-dds/dds"];
        assert_eq!((&told["Protocol"], &told["Test"]), (&json!("grpc"), &json!(true)));
        assert_eq!(told["ProtocolVersion"].to_string(), offered);
        assert_eq!((&told["Pid"], &told["Addr"]["Network"]), (&json!(process.id()), &json!("unix")));
        let socket = socket(&reattach);
        assert!(socket.contains('\''), "{socket}");
        // Hosts look first whether anybody is there.
        drop(tokio::net::UnixStream::connect(&socket).await.unwrap());
        assert!(plain(&socket, protocol).await.schema().await.is_ok());
    }
    let unasked = DebugProcess::start(&[]);
    let told: Value = serde_json::from_str(&unasked.reattach()).unwrap();
    assert_eq!(told["terraform-dds/dds"]["ProtocolVersion"], 6);
}
