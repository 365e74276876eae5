//! What the process does to its environment.

use std::fs;
use std::io::{Read as _, Write as _};
use std::time::Instant;

use cloud_simulator::{CloudState, Fault, Route};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::process::{DEADLINE, connect_as_host, exit_code, read, spawn_read, start, wait_until};
use crate::protocol::summaries;

#[tokio::test]
async fn c67_request_without_response_ends_at_its_timeout() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_with_both_protocols().await {
        let mut settings = cloud.provider_config();
        settings["request_timeout"] = "1s".into();
        settings["max_retries"] = 0.into();
        connection.configure(settings).await.unwrap();
        cloud.inject_once(Route::Links, [Fault::NoResponse]);
        let begun = Instant::now();
        let reading = read(&connection).await;
        assert!(!reading.diagnostics.is_empty());
        let time = begun.elapsed();
        assert!(time >= Duration::from_secs(1) && time < Duration::from_secs(10), "{time:?}");
    }
}

#[tokio::test]
async fn c67_stop_cancels_the_request() {
    for offered in PROTOCOL_VERSIONS {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let (_process, connection) = connect_with_protocol(offered).await;
        let settings = json!({ "region": "r", "token": "t", "project_id": "p", "endpoints": { "dds": url } });
        assert_eq!(connection.configure(settings).await.unwrap(), []);
        let read = spawn_read(&connection);
        let (mut stream, _) = silent.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        connection.stop().await.unwrap();
        assert_eq!(summaries(&read.await.unwrap().unwrap().diagnostics), ["Operation Cancelled"]);
        // The end of the connection is seen here.
        let end = tokio::time::timeout(DEADLINE, stream.read(&mut [0; 4096])).await.expect("an end");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
}

#[tokio::test]
async fn c68_stdin_is_not_read() {
    let cloud = Simulator::start(CloudState::sample());
    for offered in PROTOCOL_VERSIONS {
        let (mut kept, mut terminal) = std::io::pipe().unwrap();
        terminal.write_all(b"typed ahead").unwrap();
        drop(terminal);
        let process = start(launch(offered).stdin(kept.try_clone().unwrap())).await;
        let connection = connect_as_host(&process).await;
        connection.configure(cloud.provider_config()).await.unwrap();
        let reading = read(&connection).await;
        assert!(reading.state.is_some());
        connection.shutdown().await;
        assert_eq!(exit_code(process).await, 0);
        let mut text = String::new();
        kept.read_to_string(&mut text).unwrap();
        assert_eq!(text, "typed ahead");
    }
}

/// That none is ever started is a rule of `clippy.toml`; here is one moment in which there is none.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn c68_process_has_no_child_during_a_read() {
    let parent = |stat: &str| {
        // Behind the name in brackets: state and parent.
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok())
    };
    let children = |id: u32| {
        let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            // A process can end meanwhile.
            fs::read_to_string(entry.unwrap().path().join("stat")).ok()
        });
        stats.filter(|stat| parent(stat) == Some(id)).count()
    };
    let cloud = Simulator::start(CloudState::sample());
    for offered in PROTOCOL_VERSIONS {
        cloud.clear_recorded_requests();
        cloud.inject_once(Route::Links, [Fault::NoResponse]);
        let (process, connection) = connect_and_configure(offered, &cloud).await;
        let read = spawn_read(&connection);
        wait_until(|| cloud.request_count(Route::Links) == 1).await;
        assert_eq!(children(process.id()), 0);
        // It would be seen: the process itself is a child of this one.
        assert!(children(std::process::id()) > 0);
        connection.stop().await.unwrap();
        read.await.unwrap().unwrap();
    }
}
