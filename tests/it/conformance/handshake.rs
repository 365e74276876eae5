//! From the start of the process to its handshake line.

use std::process::Command;
use std::time::Instant;

#[cfg(unix)]
use plugin_host::Protocol;
use plugin_host::connect_socket;
#[cfg(unix)]
use serde_json::{Value, json};

use super::*;
#[cfg(unix)]
use crate::process::debug::{DebugProcess, connect_without_tls, socket_path};
use crate::process::start;

#[tokio::test]
async fn c01_missing_cookie_prints_an_explanation_and_exits_at_once() {
    for cookie in [None, Some(""), Some("wrong")] {
        let attempt = async || {
            let mut command = Command::new(PROVIDER_PATH);
            command.env_clear();
            cookie.map(|cookie| command.env("TF_PLUGIN_MAGIC_COOKIE", cookie));
            let start = Instant::now();
            let output = command.output().unwrap();
            let duration = start.elapsed();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{cookie:?}");
            assert!(!output.stderr.is_empty());
            duration
        };
        assert_within(Duration::from_millis(100), attempt).await;
    }
}

#[tokio::test]
async fn c02_handshake_line_has_six_valid_fields() {
    for versions in PROTOCOL_VERSIONS {
        for (command, tls) in
            [(plugin_command(versions), true), (plugin_command(versions).without_tls(), false)]
        {
            // The host parses the line strictly: known networks and protocols, no spaces, no padding.
            let line = start(command).await.handshake.clone();
            assert_eq!((line.core_protocol.as_str(), line.protocol_version.as_str()), ("1", versions));
            assert_eq!(
                (line.network.as_str(), line.rpc_type.as_str()),
                (if cfg!(unix) { "unix" } else { "tcp" }, "grpc")
            );
            assert_eq!((line.certificate.is_some(), line.multiplexing), (tls, None));
        }
    }
}

#[tokio::test]
async fn c03_multiplexing_request_adds_a_seventh_field() {
    for versions in PROTOCOL_VERSIONS {
        for requested in ["true", "1", "false"] {
            let process = start(plugin_command(versions).env("PLUGIN_MULTIPLEX_GRPC", requested)).await;
            assert_eq!(process.handshake.multiplexing.as_deref(), Some("false"), "{requested}");
        }
        let process = start(plugin_command(versions).env("PLUGIN_MULTIPLEX_GRPC", "")).await;
        assert_eq!(process.handshake.multiplexing, None);
    }
}

#[tokio::test]
async fn c04_newest_common_version_is_chosen_in_any_order() {
    for versions in ["5,6", "6,5", "6", "4,5,6,7"] {
        assert_eq!(start(plugin_command(versions)).await.handshake.protocol_version, "6", "{versions}");
    }
}

#[tokio::test]
async fn c05_host_with_only_protocol_5_gets_protocol_5() {
    for versions in ["5", "4,5"] {
        assert_eq!(start(plugin_command(versions)).await.handshake.protocol_version, "5", "{versions}");
    }
}

#[tokio::test]
async fn c06_without_common_version_the_oldest_is_chosen() {
    for (versions, chosen) in [("7", "5"), ("", "5"), ("x", "5"), ("x,6", "6"), (" 6 ,x", "6")] {
        assert_eq!(start(plugin_command(versions)).await.handshake.protocol_version, chosen, "{versions:?}");
    }
    let process = start(PluginCommand::new(PROVIDER_PATH).env_remove("PLUGIN_PROTOCOL_VERSIONS")).await;
    assert_eq!(process.handshake.protocol_version, "5");
}

#[tokio::test]
async fn c07_socket_accepts_connections_once_the_line_is_readable() {
    for versions in PROTOCOL_VERSIONS {
        for _ in 0..5 {
            let process = start(plugin_command(versions)).await;
            connect_socket(&process).await.expect("a listener");
        }
    }
}

#[tokio::test]
async fn c08_handshake_line_is_printed_within_20_ms() {
    for versions in PROTOCOL_VERSIONS {
        assert_within(Duration::from_millis(20), async || start(plugin_command(versions)).await.startup_time)
            .await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn c69_debug_mode_needs_no_cookie_and_prints_reattach_settings() {
    for protocol in [Protocol::Five, Protocol::Six] {
        let versions = if protocol == Protocol::Five { "5" } else { "6" };
        let process = DebugProcess::start(&[("PLUGIN_PROTOCOL_VERSIONS", versions)]);
        let reattach_providers = process.reattach_providers();
        let providers: Value = serde_json::from_str(&reattach_providers).unwrap();
        let provider = &providers["terraform-dds/dds"];
        assert_eq!((&provider["Protocol"], &provider["Test"]), (&json!("grpc"), &json!(true)));
        assert_eq!(provider["ProtocolVersion"].to_string(), versions);
        assert_eq!((&provider["Pid"], &provider["Addr"]["Network"]), (&json!(process.id()), &json!("unix")));
        let socket = socket_path(&reattach_providers);
        assert!(socket.contains('\''), "{socket}");
        // Hosts first open a connection to check that the provider is running.
        drop(tokio::net::UnixStream::connect(&socket).await.unwrap());
        assert!(connect_without_tls(&socket, protocol).await.schema().await.is_ok());
    }
    let without_versions = DebugProcess::start(&[]);
    let providers: Value = serde_json::from_str(&without_versions.reattach_providers()).unwrap();
    assert_eq!(providers["terraform-dds/dds"]["ProtocolVersion"], 6);
}
