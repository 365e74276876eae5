//! Stop, Shutdown, signals, and the end of the host.

use std::time::Instant;

use cloud_simulator::{CloudState, Fault, Route};

use super::*;
use crate::process::{DEADLINE, connect_as_host, read, spawn_read, start, wait_until};
use crate::protocol::summaries;

/// The time limit for Stop and Shutdown, for release and debug builds.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(5);

#[tokio::test]
async fn c25_idle_process_ends_within_5_ms_after_shutdown() {
    for version in PROTOCOL_VERSIONS {
        let attempt = async || {
            let mut process = start(plugin_command(version)).await;
            let connection = connect_as_host(&process).await;
            let (status, duration) =
                process.shut_down(connection, DEADLINE).await.expect("no end before the deadline");
            assert_eq!(status.code(), Some(0));
            duration
        };
        assert_within(SHUTDOWN_LIMIT, attempt).await;
    }
}

#[tokio::test]
async fn c25_process_with_a_read_ends_within_5_ms_after_shutdown() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_secs(30)));
    for version in PROTOCOL_VERSIONS {
        let attempt = async || {
            cloud.clear_recorded_requests();
            let (mut process, connection) = start_configured(version, &cloud).await;
            let read = spawn_read(&connection);
            wait_until(|| cloud.request_count(Route::Links) == 1).await;
            let start = Instant::now();
            connection.shutdown().await;
            let status = process.wait(DEADLINE).await.expect("no end before the deadline");
            let duration = start.elapsed();
            assert_eq!(status.code(), Some(0));
            assert!(read.await.unwrap().is_err());
            duration
        };
        assert_within(SHUTDOWN_LIMIT, attempt).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn c26_interrupt_is_ignored_and_sigterm_ends_the_process() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_millis(300)));
    for version in PROTOCOL_VERSIONS {
        cloud.clear_recorded_requests();
        let (mut process, connection) = start_configured(version, &cloud).await;
        let socket = process.socket_path().to_owned();
        let read = spawn_read(&connection);
        wait_until(|| cloud.request_count(Route::Links) == 1).await;
        process.signal("INT");
        assert!(read.await.unwrap().unwrap().state.is_some());
        connection.schema().await.unwrap();
        process.signal("TERM");
        let status = process.wait(DEADLINE).await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
        assert!(!socket.exists());
    }
}

#[tokio::test]
async fn c27_process_ends_within_15_s_without_its_host() {
    for version in PROTOCOL_VERSIONS {
        let mut process = start(plugin_command(version)).await;
        let socket = process.socket_path().to_owned();
        drop(connect_as_host(&process).await);
        // The provider waits 2 s for a new connection. A busy machine needs more time.
        let status = process.wait(Duration::from_secs(15)).await.expect("no end before the deadline");
        assert_eq!(status.code(), Some(0));
        assert!(!socket.exists());
    }
}

#[tokio::test]
async fn c28_stop_returns_within_5_ms_and_cancels_active_reads() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        // In the first case the cloud does not respond. In the second case the provider waits for a retry: after the first
        // 429 no other read is sent before the delay ends.
        for (fault, count) in
            [(Fault::Delayed(Duration::from_secs(30)), 3), (Fault::Throttled { retry_after: Some("50") }, 1)]
        {
            let attempt = async || {
                // A new configuration ends the delay of `Retry-After`. After the first read, the others are sent
                // concurrently.
                assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
                assert!(read(&connection).await.state.is_some());
                cloud.clear_recorded_requests();
                cloud.inject_once(Route::Links, std::iter::repeat_n(fault.clone(), count));
                let reads: Vec<_> = (0..count).map(|_| spawn_read(&connection)).collect();
                wait_until(|| cloud.request_count(Route::Links) == count).await;
                let start = Instant::now();
                assert_eq!(connection.stop().await.unwrap(), "");
                let duration = start.elapsed();
                for read in reads {
                    let response = tokio::time::timeout(DEADLINE, read)
                        .await
                        .expect("no end before the deadline")
                        .unwrap()
                        .unwrap();
                    assert_eq!(summaries(&response.diagnostics), ["Operation Cancelled"]);
                    assert_eq!(response.bytes, None);
                }
                duration
            };
            assert_within(SHUTDOWN_LIMIT, attempt).await;
        }
    }
}

#[tokio::test]
async fn c29_new_read_works_after_stop() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in configure_both(&cloud).await {
        for _ in 0..2 {
            connection.stop().await.unwrap();
            let response = read(&connection).await;
            assert!(response.state.is_some(), "{:?}", response.diagnostics);
        }
    }
}
