//! Invalid hosts, frames and messages. Each one fails only its own call or connection.

use cloud_simulator::{Fault, Route};
use http_body_util::{BodyExt as _, Full};
use plugin_host::protocol::plugin::StdioData;
use plugin_host::protocol::tfplugin::DynamicValue;
use plugin_host::{connect_socket, connect_tls};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tonic::Code;
use tower::ServiceExt as _;

use super::*;
use crate::conformance::{PROTOCOL_VERSIONS, plugin_command};

/// A connection to the configured provider, and its simulated cloud.
async fn connect_configured(process: &Process) -> (Connection, Simulator) {
    let cloud = Simulator::start(CloudState::sample());
    let connection = connect_as_host(process).await;
    assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
    (connection, cloud)
}

/// Whether a read succeeds.
async fn read_succeeds(connection: &Connection) -> bool {
    read(connection).await.state.is_some()
}

#[tokio::test]
async fn host_without_common_protocol_gets_5_and_the_process_ends() {
    let mut processes = Vec::new();
    for version in ["4", "7", "x"] {
        let process = start(plugin_command(version)).await;
        assert_eq!(process.handshake.protocol_version, "5", "{version}");
        processes.push(process);
    }
    for process in processes {
        let socket = process.socket_path().to_owned();
        assert_eq!(exit_code(process).await, 0);
        assert!(!socket.exists());
    }
}

/// Sends invalid bytes, and waits until the provider closes the connection.
async fn send_until_closed(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) {
    let mut response = Vec::new();
    let exchange = async {
        // The provider may close the connection before all bytes are sent.
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut response).await;
    };
    tokio::time::timeout(DEADLINE, exchange).await.expect("the connection is still open");
}

#[tokio::test]
async fn invalid_frames_end_only_their_own_connection() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let invalid_bytes: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        vec![0xff; 4096],
        // Data for stream 0, a frame that is too large, and invalid headers.
        [PREFACE, b"\0\0\x01\0\0\0\0\0\0x"].concat(),
        [PREFACE, b"\xff\xff\xff\0\0\0\0\0\x01"].concat(),
        [PREFACE, b"\0\0\x02\x01\x05\0\0\0\x01\xff\xff"].concat(),
    ];
    for protocol in PROTOCOL_VERSIONS {
        let plain = start(plugin_command(protocol).without_tls()).await;
        let tls = start(plugin_command(protocol)).await;
        let (plain_connection, _cloud) = connect_configured(&plain).await;
        let (tls_connection, _other_cloud) = connect_configured(&tls).await;
        for bytes in &invalid_bytes {
            for process in [&plain, &tls] {
                send_until_closed(connect_socket(process).await.unwrap(), bytes).await;
            }
            // Invalid bytes from the host itself.
            send_until_closed(
                connect_tls(&tls, ClientIdentity::Expected, TlsVersions::All).await.unwrap(),
                bytes,
            )
            .await;
            assert!(read_succeeds(&plain_connection).await && read_succeeds(&tls_connection).await);
        }
    }
}

/// Posts a body to `ReadDataSource`, and returns the gRPC status.
async fn post(connection: &Connection, service: &str, body: &[u8]) -> Code {
    let request = http::Request::post(format!("http://localhost/{service}.Provider/ReadDataSource"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(Full::from(body.to_vec())))
        .unwrap();
    let response = connection.channel().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    let status = head.headers.get("grpc-status").or(trailers.get("grpc-status")).expect("a status");
    Code::from_bytes(status.as_bytes())
}

#[tokio::test]
async fn invalid_message_fails_only_its_own_call() {
    for protocol in PROTOCOL_VERSIONS {
        let process = start(plugin_command(protocol)).await;
        let (connection, cloud) = connect_configured(&process).await;
        let service = format!("tfplugin{protocol}");
        cloud.inject_once(Route::Links, [Fault::Delayed(Duration::from_millis(500))]);
        let active_read = spawn_read(&connection);
        wait_until(|| cloud.request_count(Route::Links) == 1).await;
        // The length is 300 MiB.
        assert_eq!(post(&connection, &service, &[0, 0x12, 0xc0, 0, 0, 1]).await, Code::OutOfRange);
        // Compressed, shorter than its length, not Protobuf, and empty.
        for body in [&[1, 0, 0, 0, 1, 1][..], &[0, 0, 0, 0, 9, 1], &[0, 0, 0, 0, 1, 0xff], &[]] {
            assert_eq!(post(&connection, &service, body).await, Code::Internal, "{body:?}");
        }
        // The message of another call.
        let other = StdioData { channel: 1, data: vec![0xff] };
        let response: Result<(), _> =
            connection.call(&format!("/{service}.Provider/ReadDataSource"), other).await;
        assert_eq!(response.unwrap_err().code(), Code::Internal);
        assert!(active_read.await.unwrap().unwrap().state.is_some() && read_succeeds(&connection).await);
    }
}

#[tokio::test]
async fn unknown_types_and_invalid_values_are_diagnostics() {
    let dynamic = |msgpack: &[u8]| Some(DynamicValue { msgpack: msgpack.to_vec(), json: Vec::new() });
    for protocol in PROTOCOL_VERSIONS {
        let process = start(plugin_command(protocol)).await;
        let (connection, _cloud) = connect_configured(&process).await;
        let unknown = connection.read_encoded("dds_other", dynamic(b"\x80")).await.unwrap().diagnostics;
        assert_eq!(unknown[0].summary, "Unknown Data Source Type");
        assert_eq!(connection.validate("dds_other", json!({})).await.unwrap(), unknown);
        // A list, a number, an object without an attribute, half an object, and deep nesting.
        for bytes in [&b"\x90"[..], b"\x05", b"\x81\xa2id\xc0", b"\x82\xa2id", &[0x91; 100_000]] {
            let results = [
                connection.read_encoded(TYPE_NAME, dynamic(bytes)).await.unwrap().diagnostics,
                connection.configure_encoded(dynamic(bytes)).await.unwrap(),
            ];
            for diagnostics in results {
                assert_eq!(
                    (diagnostics.len(), diagnostics[0].summary.as_str()),
                    (1, "Unreadable Configuration")
                );
            }
        }
        let number = json!({ "instance_id": 5 });
        assert_eq!(
            connection.validate(TYPE_NAME, number).await.unwrap()[0].summary,
            "Unreadable Configuration"
        );
        let list = json!({ "region": [] });
        let diagnostics = connection.validate_provider(list).await.unwrap();
        assert_eq!(diagnostics[0].summary, "Unreadable Configuration");
        // The valid configuration is still used.
        assert!(read_succeeds(&connection).await);
    }
}
