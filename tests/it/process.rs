//! The built executable under a plugin host.
//!
//! - `debug`: started with `--debug`, by a person.
//! - `old`: a host of 2019.

pub mod debug;
mod old;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use dds_test_support::host::protocol::plugin::{ConnInfo, Empty};
use dds_test_support::host::protocol::tfplugin::DynamicValue;
use dds_test_support::host::protocol::tfplugin6::Schema;
use dds_test_support::host::{
    Connection, Identity, Launch, Process, Protocol, Tls, blank, connect, tls_stream,
};
use dds_test_support::simulator::{Fault, Route, Simulator, World};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

pub const PROVIDER: &str = env!("CARGO_BIN_EXE_terraform-provider-dds");
pub const LINKS: &str = "dds_ssl_cert_download_links";
pub const INSTANCE: &str = "e73893ef73754465a8bd2e0857bbf13ein02";

/// Generous: these tests are about whether, not about how fast.
const SOON: Duration = Duration::from_secs(5);

pub async fn start(launch: Launch) -> Process {
    launch.start().await.expect("a handshake")
}

pub async fn right(process: &Process) -> Connection {
    connect(process, Identity::Right, Tls::Any).await.expect("a connection")
}

/// A provider block for the simulated cloud.
pub fn settings(cloud: &Simulator) -> Value {
    let (world, url) = (cloud.world(), cloud.url());
    json!({
        "region": "cn-north-4",
        "access_key": world.keys[0].id,
        "secret_key": world.keys[0].secret,
        "endpoints": { "dds": url, "iam": url },
    })
}

async fn ended(mut process: Process) -> i32 {
    let status = process.wait(SOON).await.expect("an end");
    status.code().expect("an exit code")
}

#[test]
fn run_by_hand_it_explains_itself() {
    let run = |arguments: &[&str], cookie: Option<&str>| {
        let mut command = Command::new(PROVIDER);
        command.args(arguments).env_clear();
        cookie.map(|cookie| command.env("TF_PLUGIN_MAGIC_COOKIE", cookie));
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for cookie in [None, Some("wrong")] {
        let (code, stdout, stderr) = run(&[], cookie);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        for word in ["terraform-provider-dds 0.1.0", "terraform-dds/dds", "required_providers"] {
            assert!(stderr.contains(word), "{stderr}");
        }
    }
    assert_eq!(run(&["--version"], None), (Some(0), "terraform-provider-dds 0.1.0\n".into(), String::new()));
    let (code, stdout, stderr) = run(&["--help"], None);
    assert!(code == Some(0) && stdout.contains("--version") && stderr.is_empty());
    let (code, _, stderr) = run(&["--unknown"], None);
    assert!(code == Some(2) && stderr.contains("--unknown"));
}

#[tokio::test]
async fn the_handshake_line_is_what_every_host_reads() {
    for (versions, protocol) in [("5,6", "6"), ("6,5", "6"), ("6", "6"), ("5", "5"), ("", "5")] {
        let process = start(Launch::new(PROVIDER).set("PLUGIN_PROTOCOL_VERSIONS", versions)).await;
        let line = &process.handshake;
        assert_eq!(
            (line.core.as_str(), line.protocol.as_str(), line.kind.as_str()),
            ("1", protocol, "grpc"),
            "{versions}"
        );
        assert!(line.certificate.is_some() && line.multiplexing.is_none());
    }
    let process = start(Launch::new(PROVIDER).set("PLUGIN_MULTIPLEX_GRPC", "true")).await;
    assert_eq!(process.handshake.multiplexing.as_deref(), Some("false"));
}

#[tokio::test]
async fn an_unusable_host_is_told_so_instead_of_served() {
    for (launch, word) in [
        (Launch::new(PROVIDER).without_tls().set("PLUGIN_CLIENT_CERT", "no PEM"), "PLUGIN_CLIENT_CERT"),
        (Launch::new(PROVIDER).set("PLUGIN_MIN_PORT", "many"), "PLUGIN_MIN_PORT"),
    ] {
        let failed = launch.start().await.err().expect("no handshake");
        assert_eq!((failed.status.unwrap().code(), failed.stdout.as_str()), (Some(1), ""));
        assert!(failed.stderr.contains(word) && !failed.stderr.contains("panic"), "{}", failed.stderr);
    }
}

#[tokio::test]
async fn the_socket_is_private_and_goes_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    for variable in ["TMPDIR", "PLUGIN_UNIX_SOCKET_DIR"] {
        let process = start(Launch::new(PROVIDER).set(variable, folder.path().to_str().unwrap())).await;
        let socket = process.socket().to_owned();
        assert_eq!(socket.parent(), Some(folder.path()), "{variable}");
        assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        right(&process).await.shutdown().await;
        assert_eq!(ended(process).await, 0);
        assert!(!socket.exists());
    }
}

#[tokio::test]
async fn a_folder_that_is_too_long_or_missing_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(120));
    std::fs::create_dir(&long).unwrap();
    for unusable in [long, folder.path().join("missing")] {
        let process = start(Launch::new(PROVIDER).set("TMPDIR", unusable.to_str().unwrap())).await;
        assert_eq!(process.socket().parent().unwrap().to_str(), Some("/tmp"));
        right(&process).await;
    }
}

#[tokio::test]
async fn without_a_unix_socket_it_is_a_loopback_port_in_the_range() {
    let launch = Launch::new(PROVIDER).set("PLUGIN_UNIX_SOCKET_DIR", "/nowhere");
    let process = start(launch.set("PLUGIN_MIN_PORT", "23000").set("PLUGIN_MAX_PORT", "24000")).await;
    assert_eq!(process.handshake.network, "tcp");
    let address: std::net::SocketAddr = process.handshake.address.parse().unwrap();
    assert!(address.ip().is_loopback() && (23000..=24000).contains(&address.port()));
    let connection = right(&process).await;
    connection.shutdown().await;
    assert_eq!(ended(process).await, 0);
}

#[tokio::test]
async fn both_versions_of_tls_work_and_h2_is_agreed_on() {
    let process = start(Launch::new(PROVIDER)).await;
    for (tls, version) in [(Tls::Only12, "TLSv1_2"), (Tls::Only13, "TLSv1_3")] {
        let stream = tls_stream(&process, Identity::Right, tls).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(format!("{:?}", session.protocol_version().unwrap()), version);
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(session.peer_certificates().map(<[_]>::len), Some(1));
        connect(&process, Identity::Right, tls).await.expect("a connection");
    }
}

#[tokio::test]
async fn the_server_s_key_is_one_that_every_host_knows() {
    let process = start(Launch::new(PROVIDER)).await;
    let der = process.handshake.certificate.clone().unwrap();
    // The object identifier of the curve P-256, and the name that core asks for.
    let has = |part: &[u8]| der.windows(part.len()).any(|window| window == part);
    assert!(has(&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]) && has(b"localhost"));
}

async fn refused(identity: Identity) {
    let process = start(Launch::new(PROVIDER)).await;
    for tls in [Tls::Only12, Tls::Only13] {
        let error = connect(&process, identity, tls).await.err();
        assert!(error.is_some(), "{identity:?} came in with {tls:?}");
    }
    // The host itself is not kept out by that.
    right(&process).await;
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    refused(Identity::None).await;
}

#[tokio::test]
async fn a_client_with_another_certificate_is_refused() {
    refused(Identity::Other).await;
}

#[tokio::test]
async fn a_client_with_the_certificate_but_not_its_key_is_refused() {
    refused(Identity::RightCertificateOtherKey).await;
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_is_refused() {
    let process = start(Launch::new(PROVIDER)).await;
    let stream = tokio::net::UnixStream::connect(process.socket()).await.unwrap();
    let plain = tokio::spawn(async { Connection::over(stream, Protocol::Six).await.schema().await });
    assert!(!matches!(plain.await, Ok(Ok(_))));
    right(&process).await;
}

#[tokio::test]
async fn without_a_client_certificate_the_channel_is_plain() {
    let process = start(Launch::new(PROVIDER).without_tls()).await;
    assert_eq!(process.handshake.certificate, None);
    assert!(right(&process).await.schema().await.is_ok());
}

#[tokio::test]
async fn connections_that_say_nothing_disturb_nobody() {
    let process = start(Launch::new(PROVIDER)).await;
    drop(tokio::net::UnixStream::connect(process.socket()).await.unwrap());
    let _silent = tokio::net::UnixStream::connect(process.socket()).await.unwrap();
    right(&process).await;
}

#[tokio::test]
async fn the_side_streams_stay_open_and_silent() {
    let process = start(Launch::new(PROVIDER)).await;
    let connection = right(&process).await;
    let mut stdio = connection.stdio().stream_stdio(()).await.unwrap().into_inner();
    let outgoing = tokio_stream::iter([ConnInfo::default()]).chain(tokio_stream::pending());
    let mut broker = connection.broker().start_stream(outgoing).await.unwrap().into_inner();
    let silence = Duration::from_millis(200);
    assert!(tokio::time::timeout(silence, stdio.message()).await.is_err());
    assert!(tokio::time::timeout(silence, broker.message()).await.is_err());
    connection.schema().await.unwrap();
}

#[tokio::test]
async fn a_ping_is_answered() {
    use dds_test_support::host::protocol::health::health_check_response::ServingStatus;
    use dds_test_support::host::protocol::health::{HealthCheckRequest, health_client::HealthClient};

    let process = start(Launch::new(PROVIDER)).await;
    let mut client = HealthClient::new(right(&process).await.channel());
    let mut check = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        client.check(request).await.map(|answer| answer.into_inner().status())
    };
    assert_eq!(check("plugin").await.unwrap(), ServingStatus::Serving);
    assert_eq!(check("").await.unwrap(), ServingStatus::Serving);
    assert_eq!(check("other").await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn a_whole_life_leaves_no_byte_on_stdout_and_stderr() {
    let cloud = Simulator::start(World::sample());
    let mut process = start(Launch::new(PROVIDER)).await;
    let connection = right(&process).await;
    connection.schema().await.unwrap();
    assert_eq!(connection.configure(settings(&cloud)).await.unwrap(), []);
    let reading = connection.read(LINKS, json!({ "instance_id": INSTANCE })).await.unwrap();
    assert_eq!(reading.state.unwrap()["certs"].as_array().unwrap().len(), 2);
    assert!(
        !connection.read(LINKS, json!({ "instance_id": "absent" })).await.unwrap().diagnostics.is_empty()
    );
    connection.shutdown().await;
    assert!(process.wait(SOON).await.unwrap().success());
    assert_eq!((process.stdout(), process.stderr()), (String::new(), String::new()));
}

#[tokio::test]
async fn shutdown_ends_the_process_in_the_midst_of_a_read() {
    let cloud = Simulator::start(World::sample());
    cloud.always(Route::Links, Fault::Slow(Duration::from_secs(30)));
    let process = start(Launch::new(PROVIDER)).await;
    let connection = right(&process).await;
    connection.configure(settings(&cloud)).await.unwrap();
    let reader = connection.clone();
    let read = tokio::spawn(async move { reader.read(LINKS, json!({ "instance_id": INSTANCE })).await });
    until(|| cloud.count(Route::Links) == 1).await;
    let mut controller = connection.controller();
    let _ = controller.shutdown(Empty {}).await;
    assert_eq!(ended(process).await, 0);
    assert!(read.await.unwrap().is_err());
}

#[tokio::test]
async fn stop_ends_a_read_that_waits_for_the_cloud_or_for_its_next_try() {
    let cloud = Simulator::start(World::sample());
    let process = start(Launch::new(PROVIDER)).await;
    let connection = right(&process).await;
    connection.configure(settings(&cloud)).await.unwrap();
    for fault in [Fault::Slow(Duration::from_secs(30)), Fault::Throttled { retry_after: Some("50") }] {
        cloud.forget();
        cloud.next(Route::Links, [fault]);
        let reader = connection.clone();
        let read = tokio::spawn(async move { reader.read(LINKS, json!({ "instance_id": INSTANCE })).await });
        until(|| cloud.count(Route::Links) == 1).await;
        connection.stop().await.unwrap();
        let reading = tokio::time::timeout(SOON, read).await.expect("an end").unwrap().unwrap();
        assert_eq!(reading.diagnostics[0].summary, "Operation Cancelled");
    }
    let reading = connection.read(LINKS, json!({ "instance_id": INSTANCE })).await.unwrap();
    assert!(reading.state.is_some());
}

/// Looks again until the other side has got there.
async fn until(there: impl Fn() -> bool) {
    let wait = async {
        while !there() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("never got there");
}

#[tokio::test]
async fn an_interrupt_is_ignored_and_a_termination_is_not() {
    let mut process = start(Launch::new(PROVIDER)).await;
    let connection = right(&process).await;
    process.signal("INT");
    connection.schema().await.unwrap();
    process.signal("TERM");
    let status = process.wait(SOON).await.unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
}

#[tokio::test]
async fn without_core_the_process_ends_by_itself() {
    let process = start(Launch::new(PROVIDER)).await;
    let socket = process.socket().to_owned();
    drop(right(&process).await);
    assert_eq!(ended(process).await, 0);
    assert!(!socket.exists());
}

#[tokio::test]
async fn every_call_works_in_a_process_that_was_never_asked_for_its_schema() {
    let cloud = Simulator::start(World::sample());
    // What the host knows of the schema is from another process.
    let schema = right(&start(Launch::new(PROVIDER)).await).await.schema().await.unwrap();
    let process = start(Launch::new(PROVIDER).set("HW_REGION_NAME", "cn-north-4")).await;
    let connection = right(&process).await;
    let config = |schema: &Schema, given: Value| {
        let mut block = blank(schema);
        block.extend(given.as_object().unwrap().clone());
        Some(DynamicValue { msgpack: vec![], json: Value::Object(block).to_string().into_bytes() })
    };
    let block = config(schema.provider.as_ref().unwrap(), settings(&cloud));
    assert_eq!(connection.configure_raw(block).await.unwrap(), []);
    let block = config(&schema.data_source_schemas[LINKS], json!({ "instance_id": INSTANCE }));
    let reading = connection.read_raw(LINKS, block).await.unwrap();
    assert_eq!(reading.state.unwrap()["region"], "cn-north-4");
}

#[tokio::test]
async fn log_lines_are_what_core_reads_and_hold_no_secret() {
    let cloud = Simulator::start(World::sample());
    cloud.next(Route::Links, [Fault::Html { status: 502 }]);
    let mut process = start(Launch::new(PROVIDER).set("TF_LOG", "TRACE")).await;
    let connection = right(&process).await;
    connection.configure(settings(&cloud)).await.unwrap();
    connection.read(LINKS, json!({ "instance_id": INSTANCE })).await.unwrap();
    connection.read(LINKS, json!({ "instance_id": "absent" })).await.unwrap();
    connection.shutdown().await;
    process.wait(SOON).await.unwrap();
    let log = process.stderr();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for key in ["@level", "@message", "@module", "@timestamp"] {
            assert!(line[key].is_string(), "{line}");
        }
        let stamp = line["@timestamp"].as_str().unwrap();
        assert!(stamp.len() == "2026-01-02T03:04:05.123456Z".len() && stamp.ends_with('Z'), "{stamp}");
    }
    let of_reads: Vec<_> = lines.iter().filter(|line| line["tf_rpc"] == "ReadDataSource").collect();
    assert!(of_reads.len() >= 6);
    assert!(
        of_reads.iter().all(|line| line["tf_data_source_type"] == LINKS && line["tf_req_id"].is_string())
    );
    let ids: std::collections::BTreeSet<_> = of_reads.iter().map(|line| line["tf_req_id"].as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(log.contains("HTTP request will be tried again") && log.contains("\"@level\":\"error\""));
    let key = &cloud.world().keys[0];
    for secret in
        [key.id.as_str(), &key.secret, "Signature", "SDK-HMAC", dds_test_support::simulator::LINK_SIGNATURE]
    {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_level_of_the_log_is_the_provider_s_own_first() {
    for (variable, level, silent) in [
        ("TF_LOG_PROVIDER_DDS", "ERROR", true),
        ("TF_LOG_PROVIDER", "OFF", true),
        ("TF_LOG_PROVIDER", "DEBUG", false),
        ("TF_LOG_CORE", "OFF", false),
    ] {
        let mut process = start(Launch::new(PROVIDER).set("TF_LOG", "TRACE").set(variable, level)).await;
        let connection = right(&process).await;
        connection.validate(LINKS, json!({ "instance_id": "i" })).await.unwrap();
        connection.shutdown().await;
        process.wait(SOON).await.unwrap();
        assert_eq!(process.stderr().is_empty(), silent, "{variable}={level}: {}", process.stderr());
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_and_the_process_lives() {
    let process = start(Launch::new(PROVIDER).without_tls()).await;
    let connection = right(&process).await;
    let status =
        connection.validate(LINKS, json!({ "instance_id": "x".repeat(300 << 20) })).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::OutOfRange);
    connection.schema().await.unwrap();
}
