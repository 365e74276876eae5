//! Stop, shutdown, signals, and the end of the host.

use std::time::Instant;

use cloud_simulator::{CloudState, Fault, Route};

use super::*;
use crate::process::{DEADLINE, connect_as_host, read, spawn_read, start, wait_until};
use crate::protocol::summaries;

/// What the release build is measured to do. A debug build takes no longer: the work is the kernel's.
const AT_ONCE: Duration = Duration::from_millis(5);

#[tokio::test]
async fn c25_idle_process_ends_within_5_ms_after_shutdown() {
    for offered in PROTOCOL_VERSIONS {
        let attempt = async || {
            let mut process = start(launch(offered)).await;
            let connection = connect_as_host(&process).await;
            let (status, time) = process.shut_down(connection, DEADLINE).await.expect("an end");
            assert_eq!(status.code(), Some(0));
            time
        };
        assert_within(AT_ONCE, attempt).await;
    }
}

#[tokio::test]
async fn c25_process_with_a_read_ends_within_5_ms_after_shutdown() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_secs(30)));
    for offered in PROTOCOL_VERSIONS {
        let attempt = async || {
            cloud.clear_recorded_requests();
            let (mut process, connection) = connect_and_configure(offered, &cloud).await;
            let read = spawn_read(&connection);
            wait_until(|| cloud.request_count(Route::Links) == 1).await;
            let begun = Instant::now();
            connection.shutdown().await;
            let status = process.wait(DEADLINE).await.expect("an end");
            let time = begun.elapsed();
            assert_eq!(status.code(), Some(0));
            assert!(read.await.unwrap().is_err());
            time
        };
        assert_within(AT_ONCE, attempt).await;
    }
}

#[tokio::test]
async fn c26_interrupt_is_ignored_and_sigterm_ends_the_process() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_millis(300)));
    for offered in PROTOCOL_VERSIONS {
        cloud.clear_recorded_requests();
        let (mut process, connection) = connect_and_configure(offered, &cloud).await;
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
    for offered in PROTOCOL_VERSIONS {
        let mut process = start(launch(offered)).await;
        let socket = process.socket_path().to_owned();
        drop(connect_as_host(&process).await);
        // It waits 2 s for core to come back, and a busy machine makes more of that.
        let status = process.wait(Duration::from_secs(15)).await.expect("an end");
        assert_eq!(status.code(), Some(0));
        assert!(!socket.exists());
    }
}

#[tokio::test]
async fn c28_stop_returns_within_5_ms_and_cancels_active_reads() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        // The cloud does not answer; the provider waits for its next try.
        // After the first 429 no further read is sent before the pause is over.
        for (fault, count) in
            [(Fault::Delayed(Duration::from_secs(30)), 3), (Fault::Throttled { retry_after: Some("50") }, 1)]
        {
            let attempt = async || {
                // A pause that the cloud has asked for holds for one configuration. Before a first answer reads go one
                // at a time.
                assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
                assert!(read(&connection).await.state.is_some());
                cloud.clear_recorded_requests();
                cloud.inject_once(Route::Links, std::iter::repeat_n(fault.clone(), count));
                let reads: Vec<_> = (0..count).map(|_| spawn_read(&connection)).collect();
                wait_until(|| cloud.request_count(Route::Links) == count).await;
                let begun = Instant::now();
                assert_eq!(connection.stop().await.unwrap(), "");
                let time = begun.elapsed();
                for read in reads {
                    let reading =
                        tokio::time::timeout(DEADLINE, read).await.expect("an end").unwrap().unwrap();
                    assert_eq!(summaries(&reading.diagnostics), ["Operation Cancelled"]);
                    assert_eq!(reading.bytes, None);
                }
                time
            };
            assert_within(AT_ONCE, attempt).await;
        }
    }
}

#[tokio::test]
async fn c29_new_read_works_after_stop() {
    let cloud = Simulator::start(CloudState::sample());
    for (_process, connection) in connect_and_configure_both(&cloud).await {
        for _ in 0..2 {
            connection.stop().await.unwrap();
            let reading = read(&connection).await;
            assert!(reading.state.is_some(), "{:?}", reading.diagnostics);
        }
    }
}
