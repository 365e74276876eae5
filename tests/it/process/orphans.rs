//! What is left of a provider whose host was killed: neither the process nor its socket.

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

/// Hosts killed at each stage.
const HOSTS: usize = 9;

/// For all providers, from the death of the last host.
const LIMIT: Duration = Duration::from_secs(5);

/// How far a host gets before it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Stage {
    /// The provider's process has begun.
    Started,
    /// Its handshake line is there, and nobody has connected.
    Announced,
    /// The same, with a shell between the two that waits for the provider.
    AnnouncedToShell,
    /// The first bytes of the TLS handshake are sent.
    Handshake,
    /// Connected, with nothing to do.
    Idle,
    /// In a read that gets no answer.
    Read,
}

const STAGES: [Stage; 6] =
    [Stage::Started, Stage::Announced, Stage::AnnouncedToShell, Stage::Handshake, Stage::Idle, Stage::Read];

/// What a host is to do. It comes in a variable, because the test program has its own arguments.
#[derive(Serialize, Deserialize)]
struct Task {
    stage: Stage,
    settings: Value,
    /// Takes the ID of the started process, once the stage is reached.
    report: PathBuf,
}

const TASK: &str = "DDS_TEST_HOST";

/// The task of this process, if the test below has started it as a host.
#[expect(clippy::disallowed_methods, reason = "the variable of the test, not one of the provider")]
fn task() -> Option<Task> {
    Some(serde_json::from_str(&std::env::var(TASK).ok()?).unwrap())
}

/// A host that starts a provider, reports it, and waits to be killed.
async fn host(task: Task) {
    let report = |id: u32| {
        let partial = task.report.with_extension("partial");
        std::fs::write(&partial, id.to_string()).unwrap();
        std::fs::rename(partial, &task.report).unwrap();
    };
    if task.stage == Stage::Started {
        let mut command = Command::new(PROVIDER_EXECUTABLE);
        command.env(COOKIE.0, COOKIE.1).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        report(child.id());
        child.wait().unwrap();
        return;
    }
    let process = start(match task.stage {
        Stage::AnnouncedToShell => {
            PluginCommand::new("/bin/sh").arg("-c").arg(format!("'{PROVIDER_EXECUTABLE}'; exit $?"))
        }
        _ => PluginCommand::new(PROVIDER_EXECUTABLE),
    });
    let process = process.await;
    let mut stream = None;
    if task.stage == Stage::Handshake {
        let mut opened = UnixStream::connect(process.socket_path()).await.unwrap();
        // The head of a record of 512 bytes, and no more.
        opened.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
        stream = Some(opened);
    }
    let mut connection = None;
    if matches!(task.stage, Stage::Idle | Stage::Read) {
        let opened = connect_as_host(&process).await;
        opened.configure(task.settings).await.unwrap();
        connection = Some(opened);
    }
    report(process.id());
    if let (Stage::Read, Some(connection)) = (task.stage, &connection) {
        let _ = connection.read(TYPE_NAME, json!({ "instance_id": INSTANCE })).await;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop((stream, connection));
}

/// A host under way. Dropping it kills it.
struct Host {
    stage: Stage,
    child: Child,
    report: PathBuf,
}

impl Host {
    fn start(stage: Stage, folder: &Path, settings: &Value) -> Self {
        std::fs::create_dir(folder).unwrap();
        let report = folder.join("report");
        let task = Task { stage, settings: settings.clone(), report: report.clone() };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "process::orphans::killed_host_leaves_no_provider_and_no_socket",
            "--nocapture",
        ]);
        command.env(TASK, serde_json::to_string(&task).unwrap()).env("TMPDIR", folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        Self { stage, child, report }
    }

    /// The provider's process, or the shell's that waits for it.
    fn provider(&self) -> u32 {
        std::fs::read_to_string(&self.report).unwrap().parse().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the process has ended. One that nobody has waited for counts as ended.
fn is_gone(id: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

/// The sockets of providers below a folder.
fn sockets(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let count = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => sockets(&entry.path()),
        _ => usize::from(entry.file_name().to_string_lossy().starts_with("plugin-dds-")),
    };
    entries.map(count).sum()
}

async fn wait(limit: Duration, what: &str, there: impl Fn() -> bool) {
    let started = Instant::now();
    while !there() {
        assert!(started.elapsed() < limit, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn killed_host_leaves_no_provider_and_no_socket() {
    // Its hosts are this program once more, with this test alone.
    if let Some(task) = task() {
        return host(task).await;
    }
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::NoResponse);
    let (folder, settings) = (tempfile::tempdir().unwrap(), cloud.provider_config());
    let mut hosts = Vec::new();
    for stage in STAGES {
        for number in 0..HOSTS {
            hosts.push(Host::start(stage, &folder.path().join(format!("{stage:?}-{number}")), &settings));
        }
    }
    let ready = Duration::from_secs(60);
    wait(ready, "a host is not ready", || hosts.iter().all(|host| host.report.exists())).await;
    wait(ready, "a read never began", || cloud.request_count(Route::Links) == HOSTS).await;
    // Those at the first stage had time to reach the second one, so these are killed at once.
    for number in 0..HOSTS {
        let folder = folder.path().join(format!("early-{number}"));
        let host = Host::start(Stage::Started, &folder, &settings);
        wait(ready, "an early host is not ready", || host.report.exists()).await;
        hosts.push(host);
        hosts.last_mut().unwrap().child.kill().unwrap();
    }
    let providers: Vec<_> = hosts.iter().map(|host| (host.stage, host.provider())).collect();
    drop(hosts);
    let killed = Instant::now();
    let mut last = BTreeMap::new();
    while killed.elapsed() < LIMIT {
        let left: Vec<_> = providers.iter().filter(|(_, id)| !is_gone(*id)).collect();
        if left.is_empty() && sockets(folder.path()) == 0 {
            return;
        }
        last = left.iter().fold(BTreeMap::new(), |mut stages, (stage, _)| {
            *stages.entry(*stage).or_insert(0) += 1;
            stages
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (_, id) in providers.iter().filter(|(_, id)| !is_gone(*id)) {
        let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
    }
    panic!("after {LIMIT:?} there are {last:?} and {} sockets", sockets(folder.path()));
}
