//! Requests of the process, its stdin, and child processes.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use cloud_simulator::{CloudState, Fault, Route};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::process::{DEADLINE, connect_as_host, exit_code, read, spawn_read, start};
use crate::protocol::summaries;

#[tokio::test]
async fn c67_request_without_response_ends_at_its_timeout() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_both().await {
        let mut settings = cloud.provider_config();
        settings["request_timeout"] = "1s".into();
        settings["max_retries"] = 0.into();
        connection.configure(settings).await.unwrap();
        cloud.inject_once(Route::Links, [Fault::NoResponse]);
        let start = Instant::now();
        let response = read(&connection).await;
        assert!(!response.diagnostics.is_empty());
        let duration = start.elapsed();
        assert!(duration >= Duration::from_secs(1) && duration < Duration::from_secs(10), "{duration:?}");
    }
}

#[tokio::test]
async fn c67_stop_cancels_the_request() {
    for version in PROTOCOL_VERSIONS {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let (_process, connection) = start_and_connect(version).await;
        let settings = json!({ "region": "r", "token": "t", "project_id": "p", "endpoints": { "dds": url } });
        assert_eq!(connection.configure(settings).await.unwrap(), []);
        let read = spawn_read(&connection);
        let (mut stream, _) = server.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        connection.stop().await.unwrap();
        assert_eq!(summaries(&read.await.unwrap().unwrap().diagnostics), ["Operation Cancelled"]);
        // The provider closes the connection.
        let end = tokio::time::timeout(DEADLINE, stream.read(&mut [0; 4096]))
            .await
            .expect("no end before the deadline");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
}

#[tokio::test]
async fn c68_stdin_is_not_read() {
    let cloud = Simulator::start(CloudState::sample());
    for version in PROTOCOL_VERSIONS {
        let (mut stdin, mut terminal) = std::io::pipe().unwrap();
        terminal.write_all(b"typed ahead").unwrap();
        drop(terminal);
        let process = start(plugin_command(version).stdin(stdin.try_clone().unwrap())).await;
        let connection = connect_as_host(&process).await;
        connection.configure(cloud.provider_config()).await.unwrap();
        let response = read(&connection).await;
        assert!(response.state.is_some());
        connection.shutdown().await;
        assert_eq!(exit_code(process).await, 0);
        let mut text = String::new();
        stdin.read_to_string(&mut text).unwrap();
        assert_eq!(text, "typed ahead");
    }
}

/// A rule in `clippy.toml` forbids child processes. This test checks one moment during a read.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn c68_process_has_no_child_during_a_read() {
    let parent = |stat: &str| {
        // The state and the parent follow the name in parentheses.
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok())
    };
    let children = |id: u32| {
        let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            // A process can end in the meantime.
            std::fs::read_to_string(entry.unwrap().path().join("stat")).ok()
        });
        stats.filter(|stat| parent(stat) == Some(id)).count()
    };
    let cloud = Simulator::start(CloudState::sample());
    for version in PROTOCOL_VERSIONS {
        cloud.clear_recorded_requests();
        cloud.inject_once(Route::Links, [Fault::NoResponse]);
        let (process, connection) = start_configured(version, &cloud).await;
        let read = spawn_read(&connection);
        crate::process::wait_until(|| cloud.request_count(Route::Links) == 1).await;
        assert_eq!(children(process.id()), 0);
        // The function finds children: the provider is a child of this process.
        assert!(children(std::process::id()) > 0);
        connection.stop().await.unwrap();
        read.await.unwrap().unwrap();
    }
}
