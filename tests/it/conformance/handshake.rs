//! From the start of the process to its line on stdout.

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::*;
use crate::process::debug::{Debugged, plain, socket};
use crate::process::start;

#[tokio::test]
async fn c01_without_the_cookie_it_explains_itself_and_fails_at_once() {
    for cookie in [None, Some(""), Some("wrong")] {
        let attempt = async || {
            let mut command = Command::new(PROVIDER);
            command.env_clear();
            cookie.map(|cookie| command.env("TF_PLUGIN_MAGIC_COOKIE", cookie));
            let begun = Instant::now();
            let output = command.output().unwrap();
            let time = begun.elapsed();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{cookie:?}");
            assert!(!output.stderr.is_empty());
            time
        };
        within(Duration::from_millis(100), attempt).await;
    }
}

#[tokio::test]
async fn c02_the_line_has_six_fields_and_each_is_one_that_hosts_know() {
    for offered in BOTH {
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
async fn c03_a_host_that_asks_for_multiplexing_gets_a_seventh_field() {
    for offered in BOTH {
        for asked in ["true", "1", "false"] {
            let process = start(launch(offered).env("PLUGIN_MULTIPLEX_GRPC", asked)).await;
            assert_eq!(process.handshake.multiplexing.as_deref(), Some("false"), "{asked}");
        }
        let process = start(launch(offered).env("PLUGIN_MULTIPLEX_GRPC", "")).await;
        assert_eq!(process.handshake.multiplexing, None);
    }
}

#[tokio::test]
async fn c04_the_newest_common_version_is_chosen_whatever_the_order() {
    for offered in ["5,6", "6,5", "6", "4,5,6,7"] {
        assert_eq!(start(launch(offered)).await.handshake.protocol_version, "6", "{offered}");
    }
}

#[tokio::test]
async fn c05_a_host_that_knows_only_protocol_5_gets_it() {
    for offered in ["5", "4,5"] {
        assert_eq!(start(launch(offered)).await.handshake.protocol_version, "5", "{offered}");
    }
}

#[tokio::test]
async fn c06_without_a_common_version_it_is_the_oldest_and_what_is_no_number_is_passed_over() {
    for (offered, chosen) in [("7", "5"), ("", "5"), ("x", "5"), ("x,6", "6"), (" 6 ,x", "6")] {
        assert_eq!(start(launch(offered)).await.handshake.protocol_version, chosen, "{offered:?}");
    }
    let process = start(PluginCommand::new(PROVIDER).env_remove("PLUGIN_PROTOCOL_VERSIONS")).await;
    assert_eq!(process.handshake.protocol_version, "5");
}

#[tokio::test]
async fn c07_the_socket_takes_a_connection_the_moment_the_line_is_there() {
    for offered in BOTH {
        for _ in 0..5 {
            let process = start(launch(offered)).await;
            UnixStream::connect(process.socket_path()).expect("a listener");
        }
    }
}

#[tokio::test]
async fn c08_the_line_is_there_within_20_ms() {
    for offered in BOTH {
        within(Duration::from_millis(20), async || start(launch(offered)).await.startup_time).await;
    }
}

#[tokio::test]
async fn c69_it_needs_no_cookie_and_says_how_to_connect() {
    for protocol in PROTOCOLS {
        let offered = if protocol == Protocol::Five { "5" } else { "6" };
        let debugged = Debugged::start(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]);
        let reattach = debugged.reattach();
        let told: Value = serde_json::from_str(&reattach).unwrap();
        let told = &told["terraform-dds/dds"];
        assert_eq!((&told["Protocol"], &told["Test"]), (&json!("grpc"), &json!(true)));
        assert_eq!(told["ProtocolVersion"].to_string(), offered);
        assert_eq!((&told["Pid"], &told["Addr"]["Network"]), (&json!(debugged.id()), &json!("unix")));
        let socket = socket(&reattach);
        assert!(socket.contains('\''), "{socket}");
        // Hosts look first whether anybody is there.
        drop(tokio::net::UnixStream::connect(&socket).await.unwrap());
        assert!(plain(&socket, protocol).await.schema().await.is_ok());
    }
    let unasked = Debugged::start(&[]);
    let told: Value = serde_json::from_str(&unasked.reattach()).unwrap();
    assert_eq!(told["terraform-dds/dds"]["ProtocolVersion"], 6);
}
