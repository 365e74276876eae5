//! The built executable, started by a plugin host.
//!
//! - `invalid_input`: hosts and messages that violate the protocol.
//! - `debug`: a provider that a developer starts with `--debug`.
//! - `home`: home directories that do not exist, or belong to another user.
//! - `orphans`: processes and sockets after the host is killed.
//! - `resources`: threads and files before the first read.
//! - `stop`: Stop and timeouts while a credential is fetched.

#[cfg(unix)]
pub mod debug;
#[cfg(unix)]
mod home;
mod invalid_input;
#[cfg(target_os = "linux")]
mod orphans;
#[cfg(target_os = "linux")]
mod resources;
pub mod stop;

use std::process::Command;
use std::time::Duration;

use cloud_simulator::{CloudState, Simulator};
use plugin_host::{
    ClientIdentity, Connection, PluginCommand, Process, Protocol, ReadResponse, TlsVersions, connect,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// The path of the built provider.
pub const PROVIDER_PATH: &str = env!("CARGO_BIN_EXE_terraform-provider-dds");
/// The type name of the data source and of the ephemeral resource.
pub const TYPE_NAME: &str = "dds_ssl_cert_download_links";
/// An instance of the simulated cloud in `cn-north-4`, with two certificates.
pub const INSTANCE: &str = "e73893ef73754465a8bd2e0857bbf13ein02";

/// A long deadline, for tests that do not measure time.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Starts the provider and reads its handshake line.
pub async fn start(command: PluginCommand) -> Process {
    command.start().await.expect("a handshake")
}

/// Connects with the certificate of the host that started the process.
pub async fn connect_as_host(process: &Process) -> Connection {
    connect(process, ClientIdentity::Expected, TlsVersions::All).await.expect("a connection")
}

/// Reads the sample instance.
pub async fn read(connection: &Connection) -> ReadResponse {
    connection.read(TYPE_NAME, json!({ "instance_id": INSTANCE })).await.unwrap()
}

/// Starts a read of the sample instance in another task.
pub fn spawn_read(connection: &Connection) -> JoinHandle<Result<ReadResponse, tonic::Status>> {
    let connection = connection.clone();
    tokio::spawn(async move { connection.read(TYPE_NAME, json!({ "instance_id": INSTANCE })).await })
}

/// Waits for the end of the process and returns its exit code.
pub async fn exit_code(mut process: Process) -> i32 {
    let status = process.wait(DEADLINE).await.expect("no end before the deadline");
    status.code().expect("ended by a signal")
}

#[test]
fn start_without_a_host_prints_an_explanation() {
    let run = |arguments: &[&str], cookie: Option<&str>| {
        let mut command = Command::new(PROVIDER_PATH);
        command.args(arguments).env_clear();
        cookie.map(|cookie| command.env("TF_PLUGIN_MAGIC_COOKIE", cookie));
        let output = command.output().unwrap();
        let to_string = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), to_string(output.stdout), to_string(output.stderr))
    };
    for cookie in [None, Some("wrong")] {
        let (code, stdout, stderr) = run(&[], cookie);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        let directory =
            concat!("plugins/registry.terraform.io/terraform-dds/dds/", env!("CARGO_PKG_VERSION"));
        for word in ["terraform-provider-dds 0.1.0", directory, "required_providers", "terraform init"] {
            assert!(stderr.contains(word), "{stderr}");
        }
    }
    assert_eq!(run(&["--version"], None), (Some(0), "terraform-provider-dds 0.1.0\n".into(), String::new()));
    let (code, stdout, stderr) = run(&["--help"], None);
    assert!(code == Some(0) && stdout.contains("--version") && stderr.is_empty());
    let (code, _, stderr) = run(&["--unknown"], None);
    assert!(code == Some(2) && stderr.contains("--unknown"));
}

#[test]
fn help_and_version_do_not_crash_if_the_pipe_is_closed() {
    for argument in ["--help", "--version"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(PROVIDER_PATH).arg(argument).stdout(writer).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{argument}");
    }
}

#[cfg(unix)]
#[test]
fn argument_that_is_not_utf_8_is_unknown() {
    use std::os::unix::ffi::OsStrExt as _;

    let output = Command::new(PROVIDER_PATH).arg(std::ffi::OsStr::from_bytes(b"\xff")).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && stderr.contains("unknown argument"), "{stderr}");
}

#[tokio::test]
async fn invalid_host_variables_end_the_process_with_an_error() {
    for (command, variable) in [
        (
            PluginCommand::new(PROVIDER_PATH).without_tls().env("PLUGIN_CLIENT_CERT", "not PEM"),
            "PLUGIN_CLIENT_CERT",
        ),
        (PluginCommand::new(PROVIDER_PATH).env("PLUGIN_MIN_PORT", "many"), "PLUGIN_MIN_PORT"),
    ] {
        let error = command.start().await.err().expect("an error");
        assert_eq!((error.status.unwrap().code(), error.stdout.as_str()), (Some(1), ""));
        assert!(error.stderr.contains(variable) && !error.stderr.contains("panic"), "{}", error.stderr);
    }
}

#[tokio::test]
async fn client_without_tls_is_rejected() {
    let process = start(PluginCommand::new(PROVIDER_PATH)).await;
    let stream = plugin_host::connect_socket(&process).await.unwrap();
    let plain = tokio::spawn(async { Connection::from_stream(stream, Protocol::Six).await.schema().await });
    assert!(!matches!(plain.await, Ok(Ok(_))));
    connect_as_host(&process).await;
}

/// A temporary directory with a path that is short enough for a socket.
#[cfg(unix)]
pub fn short_temp_dir(prefix: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").unwrap()
}

/// Waits until the condition is true.
pub async fn wait_until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the condition is still false");
}

#[tokio::test]
async fn too_large_message_is_rejected_and_the_process_continues() {
    let process = start(PluginCommand::new(PROVIDER_PATH).without_tls()).await;
    let connection = connect_as_host(&process).await;
    let status =
        connection.validate(TYPE_NAME, json!({ "instance_id": "x".repeat(300 << 20) })).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::OutOfRange);
    connection.schema().await.unwrap();
}
