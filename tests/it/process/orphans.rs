//! Checks that a killed host leaves neither provider processes nor sockets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

use cloud_simulator::{Fault, Route};
use plugin_host::COOKIE;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use super::*;

/// The number of hosts for each kill point.
const HOSTS_PER_KILL_POINT: usize = 9;

/// The time in which all providers must end after the last host is killed.
const LIMIT: Duration = Duration::from_secs(5);

/// The point at which a host is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum KillPoint {
    /// The provider has been started.
    Started,
    /// The provider has printed its handshake line.
    HandshakeLine,
    /// The handshake line is printed, and a shell between host and provider waits for the provider.
    HandshakeLineInShell,
    /// The host has sent the first bytes of the TLS handshake.
    TlsHandshake,
    /// The host is connected and idle.
    Idle,
    /// The host waits for a read that gets no response.
    Read,
}

const KILL_POINTS: [KillPoint; 6] = [
    KillPoint::Started,
    KillPoint::HandshakeLine,
    KillPoint::HandshakeLineInShell,
    KillPoint::TlsHandshake,
    KillPoint::Idle,
    KillPoint::Read,
];

/// The settings of a host. They are passed in a variable, because the test program has its own arguments.
#[derive(Serialize, Deserialize)]
struct HostSettings {
    kill_point: KillPoint,
    provider_config: Value,
    /// The host writes the process ID of the provider to this file when it reaches the kill point.
    pid_file: PathBuf,
}

/// The variable with the settings of a host.
const HOST_SETTINGS: &str = "DDS_TEST_HOST";

/// The settings of this process, if the test below has started it as a host.
#[expect(clippy::disallowed_methods, reason = "a variable of the tests, not of the provider")]
fn host_settings() -> Option<HostSettings> {
    Some(serde_json::from_str(&std::env::var(HOST_SETTINGS).ok()?).unwrap())
}

/// Starts a provider, writes its process ID, and waits to be killed.
async fn run_host(settings: HostSettings) {
    let write_pid = |id: u32| {
        let partial = settings.pid_file.with_extension("partial");
        std::fs::write(&partial, id.to_string()).unwrap();
        std::fs::rename(partial, &settings.pid_file).unwrap();
    };
    if settings.kill_point == KillPoint::Started {
        let mut command = Command::new(PROVIDER_PATH);
        command.env(COOKIE.0, COOKIE.1).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        write_pid(child.id());
        child.wait().unwrap();
        return;
    }
    let process = start(match settings.kill_point {
        KillPoint::HandshakeLineInShell => {
            PluginCommand::new("/bin/sh").arg("-c").arg(format!("'{PROVIDER_PATH}'; exit $?"))
        }
        _ => PluginCommand::new(PROVIDER_PATH),
    });
    let process = process.await;
    let mut stream = None;
    if settings.kill_point == KillPoint::TlsHandshake {
        let mut opened = UnixStream::connect(process.socket_path()).await.unwrap();
        // Only the header of a record of 512 bytes.
        opened.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
        stream = Some(opened);
    }
    let mut connection = None;
    if matches!(settings.kill_point, KillPoint::Idle | KillPoint::Read) {
        let opened = connect_as_host(&process).await;
        opened.configure(settings.provider_config).await.unwrap();
        connection = Some(opened);
    }
    write_pid(process.id());
    if let (KillPoint::Read, Some(connection)) = (settings.kill_point, &connection) {
        let _ = connection.read(TYPE_NAME, json!({ "instance_id": INSTANCE })).await;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop((stream, connection));
}

/// A running host. Dropping it kills the process.
struct Host {
    kill_point: KillPoint,
    child: Child,
    pid_file: PathBuf,
}

impl Host {
    fn start(kill_point: KillPoint, dir: &Path, provider_config: &Value) -> Self {
        std::fs::create_dir(dir).unwrap();
        let pid_file = dir.join("pid");
        let settings =
            HostSettings { kill_point, provider_config: provider_config.clone(), pid_file: pid_file.clone() };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "process::orphans::killed_host_leaves_no_provider_and_no_socket",
            "--nocapture",
        ]);
        command.env(HOST_SETTINGS, serde_json::to_string(&settings).unwrap()).env("TMPDIR", dir);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        Self { kill_point, child, pid_file }
    }

    /// The process ID of the provider, or of the shell that waits for it.
    fn provider_id(&self) -> u32 {
        std::fs::read_to_string(&self.pid_file).unwrap().parse().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the process has ended. A zombie process counts as ended.
fn has_ended(id: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

/// The number of provider sockets below a directory.
fn socket_count(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let count = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => socket_count(&entry.path()),
        _ => usize::from(entry.file_name().to_string_lossy().starts_with("plugin-dds-")),
    };
    entries.map(count).sum()
}

/// Waits until the condition is true, or panics with the message after the limit.
async fn wait(limit: Duration, message: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < limit, "{message}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn killed_host_leaves_no_provider_and_no_socket() {
    // Each host is this test program, which runs only this test.
    if let Some(settings) = host_settings() {
        return run_host(settings).await;
    }
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::NoResponse);
    let (dir, provider_config) = (tempfile::tempdir().unwrap(), cloud.provider_config());
    let mut hosts = Vec::new();
    for kill_point in KILL_POINTS {
        for number in 0..HOSTS_PER_KILL_POINT {
            let host_dir = dir.path().join(format!("{kill_point:?}-{number}"));
            hosts.push(Host::start(kill_point, &host_dir, &provider_config));
        }
    }
    let ready = Duration::from_secs(60);
    wait(ready, "a host is not ready", || hosts.iter().all(|host| host.pid_file.exists())).await;
    wait(ready, "a read was not sent", || cloud.request_count(Route::Links) == HOSTS_PER_KILL_POINT).await;
    // By now the providers of the first kill point have printed their handshake lines. So more hosts are started here, and
    // killed immediately.
    for number in 0..HOSTS_PER_KILL_POINT {
        let host_dir = dir.path().join(format!("early-{number}"));
        let host = Host::start(KillPoint::Started, &host_dir, &provider_config);
        wait(ready, "an early host is not ready", || host.pid_file.exists()).await;
        hosts.push(host);
        hosts.last_mut().unwrap().child.kill().unwrap();
    }
    let providers: Vec<_> = hosts.iter().map(|host| (host.kill_point, host.provider_id())).collect();
    drop(hosts);
    let killed = Instant::now();
    while killed.elapsed() < LIMIT {
        if providers.iter().all(|(_, id)| has_ended(*id)) && socket_count(dir.path()) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut running = BTreeMap::new();
    for (kill_point, id) in providers.iter().filter(|(_, id)| !has_ended(*id)) {
        *running.entry(kill_point).or_insert(0) += 1;
        let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
    }
    panic!(
        "after {LIMIT:?} these providers are running: {running:?}, and there are {} sockets",
        socket_count(dir.path())
    );
}
