//! The executable in debug mode: a developer starts it, and any number of hosts use it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::Instant;

use tokio::net::UnixStream;

use super::*;

/// A provider in debug mode. Dropping it kills the process.
pub struct DebugProcess {
    child: Child,
    /// The printed shell command that sets the variable.
    assignment: String,
    /// Kept open, as by a terminal.
    _stdout: BufReader<ChildStdout>,
    /// The quote in its name must be escaped in the shell command.
    _temp_dir: tempfile::TempDir,
}

impl DebugProcess {
    pub fn start(variables: &[(&str, &str)]) -> Self {
        let temp_dir = short_temp_dir("it's");
        let mut command = Command::new(PROVIDER_PATH);
        command.arg("--debug").env_clear().env("TMPDIR", temp_dir.path()).envs(variables.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut assignment = String::new();
        while !assignment.starts_with('\t') {
            assignment.clear();
            assert!(stdout.read_line(&mut assignment).unwrap() > 0, "the process ended");
        }
        Self { child, assignment, _stdout: stdout, _temp_dir: temp_dir }
    }

    /// The value of `TF_REATTACH_PROVIDERS` after a shell has run the command.
    pub fn reattach_providers(&self) -> String {
        let script = format!("{}; printf %s \"$TF_REATTACH_PROVIDERS\"", self.assignment.trim());
        let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < DEADLINE, "the process is still running");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for DebugProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The socket path in the value of `TF_REATTACH_PROVIDERS`.
pub fn socket_path(reattach_providers: &str) -> String {
    let providers: Value = serde_json::from_str(reattach_providers).unwrap();
    providers["terraform-dds/dds"]["Addr"]["String"].as_str().unwrap().to_owned()
}

/// Connects without TLS.
pub async fn connect_without_tls(socket: &str, protocol: Protocol) -> Connection {
    Connection::from_stream(UnixStream::connect(socket).await.unwrap(), protocol).await
}

#[tokio::test]
async fn each_connection_has_its_own_configuration() {
    let cloud = Simulator::start(CloudState::sample());
    let process = DebugProcess::start(&[]);
    let socket = socket_path(&process.reattach_providers());
    let (first, second) = (
        connect_without_tls(&socket, Protocol::Six).await,
        connect_without_tls(&socket, Protocol::Six).await,
    );
    assert_eq!(first.configure(cloud.provider_config()).await.unwrap(), []);
    let response = read(&second).await;
    assert_eq!(response.diagnostics[0].summary, "Provider Not Configured");
    let response = read(&first).await;
    assert!(response.state.is_some(), "{:?}", response.diagnostics);
}

#[tokio::test]
async fn debug_process_outlives_its_hosts_until_an_interrupt() {
    let mut process = DebugProcess::start(&[]);
    let socket = socket_path(&process.reattach_providers());
    let connection = connect_without_tls(&socket, Protocol::Six).await;
    connection.schema().await.unwrap();
    connection.shutdown().await;
    drop(connection);
    // Without --debug a process waits only 2 s for a new connection.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(process.is_running());
    connect_without_tls(&socket, Protocol::Six).await.schema().await.unwrap();
    process.interrupt();
    assert_eq!(process.wait().code(), Some(0));
    assert!(!Path::new(&socket).exists());
}

#[tokio::test]
async fn sigterm_ends_the_debug_process_and_removes_the_socket() {
    let mut process = DebugProcess::start(&[]);
    let socket = socket_path(&process.reattach_providers());
    process.signal("-TERM");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&process.wait()), Some(15));
    assert!(!Path::new(&socket).exists());
}
