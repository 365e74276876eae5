//! The socket, and the services of go-plugin on it.

use plugin_host::protocol::plugin::ConnInfo;
use plugin_host::{ClientIdentity, TlsVersions, connect_socket, connect_with_authority};
use tokio_stream::StreamExt as _;

use super::*;
use crate::process::{connect_as_host, exit_code, start};

/// How long a stream must stay empty.
const EMPTY_STREAM_TIME: Duration = Duration::from_millis(200);

#[cfg(unix)]
#[tokio::test]
async fn c19_socket_is_private_in_the_named_directory_and_removed() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = crate::process::short_temp_dir("dds");
    for version in PROTOCOL_VERSIONS {
        for variable in ["TMPDIR", "PLUGIN_UNIX_SOCKET_DIR"] {
            let process = start(plugin_command(version).env(variable, dir.path().to_str().unwrap())).await;
            let socket = process.socket_path().to_owned();
            assert_eq!(socket.parent(), Some(dir.path()), "{variable}");
            assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            connect_as_host(&process).await.shutdown().await;
            assert_eq!(exit_code(process).await, 0);
            assert!(!socket.exists());
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn directory_name_that_breaks_the_handshake_line_is_ignored() {
    let dir = crate::process::short_temp_dir("dds");
    for name in ["a|b", "a\nb"] {
        let unusable = dir.path().join(name);
        std::fs::create_dir(&unusable).unwrap();
        let process = start(plugin_command("6").env("TMPDIR", unusable.to_str().unwrap())).await;
        assert_eq!(process.socket_path().parent(), Some(std::path::Path::new("/tmp")), "{name:?}");
        connect_as_host(&process).await.schema().await.unwrap();
    }
}

#[tokio::test]
async fn c20_without_unix_socket_a_loopback_port_in_range_is_used() {
    for version in PROTOCOL_VERSIONS {
        let command = plugin_command(version).env("PLUGIN_UNIX_SOCKET_DIR", "/nowhere");
        let process = start(command.env("PLUGIN_MIN_PORT", "23000").env("PLUGIN_MAX_PORT", "24000")).await;
        assert_eq!(process.handshake.network, "tcp");
        let address: std::net::SocketAddr = process.handshake.address.parse().unwrap();
        assert!(address.ip().is_loopback() && (23000..=24000).contains(&address.port()));
        connect_as_host(&process).await.shutdown().await;
        assert_eq!(exit_code(process).await, 0);
    }
}

#[tokio::test]
async fn c21_idle_connections_do_not_block_others() {
    for process in start_both().await {
        drop(connect_socket(&process).await.unwrap());
        let _idle = connect_socket(&process).await.unwrap();
        connect_as_host(&process).await.schema().await.unwrap();
    }
}

#[tokio::test]
async fn c22_every_authority_is_accepted() {
    for version in PROTOCOL_VERSIONS {
        for command in [plugin_command(version), plugin_command(version).without_tls()] {
            let process = start(command).await;
            for authority in ["localhost", "unused", "other.example:1"] {
                let connection =
                    connect_with_authority(&process, ClientIdentity::Expected, TlsVersions::All, authority)
                        .await;
                assert!(connection.is_ok(), "{authority}: {:?}", connection.err());
            }
        }
    }
}

#[tokio::test]
async fn c23_stdio_stream_is_open_and_empty_until_shutdown() {
    for process in start_both().await {
        let connection = connect_as_host(&process).await;
        let mut stdio = connection.stdio().stream_stdio(()).await.unwrap().into_inner();
        connection.schema().await.unwrap();
        assert!(tokio::time::timeout(EMPTY_STREAM_TIME, stdio.message()).await.is_err());
        connection.shutdown().await;
        assert_eq!(exit_code(process).await, 0);
        assert!(matches!(stdio.message().await, Err(_) | Ok(None)));
    }
}

#[tokio::test]
async fn c24_broker_stream_is_accepted_and_stays_open() {
    for process in start_both().await {
        let connection = connect_as_host(&process).await;
        let outgoing = tokio_stream::iter([ConnInfo::default()]).chain(tokio_stream::pending());
        let mut broker = connection.broker().start_stream(outgoing).await.unwrap().into_inner();
        assert!(tokio::time::timeout(EMPTY_STREAM_TIME, broker.message()).await.is_err());
        connection.schema().await.unwrap();
    }
}
