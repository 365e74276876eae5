//! A plugin's process: its start, what it prints, and its end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::certificates::ClientCertificate;
use super::connection::Connection;
use super::handshake::Handshake;

/// What core sets for every plugin.
pub const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Core gives a plugin a minute. None of ours takes a second.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The longest line that is waited for, and the most that is kept of what a process prints.
const LONGEST_LINE: u64 = 64 << 10;
const MOST_OUTPUT: usize = 8 << 20;

/// How long a program without a handshake may take to end by itself, so that its exit code can be told.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What to start, and what its process finds around it.
pub struct PluginCommand {
    command: Command,
    certificate: Option<ClientCertificate>,
    limit: Duration,
    lenient: bool,
    folder: TempDir,
}

/// A process that printed no handshake.
#[derive(Debug, Default)]
pub struct StartError {
    pub reason: String,
    /// None if it had to be killed.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
}

/// A plugin that has shown its handshake. Dropping it kills it.
pub struct Process {
    child: Child,
    pub handshake: Handshake,
    /// From the start of the process to the line.
    pub startup_time: Duration,
    pub(super) certificate: Option<ClientCertificate>,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    /// Takes with it what a killed process leaves behind.
    _folder: TempDir,
}

impl PluginCommand {
    /// As core would: the cookie, both protocols, a port range, mutual TLS. Of the caller's environment only what a
    /// process cannot do without.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(binary.into());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // A group of its own, so that a signal can be sent to it alone.
        #[cfg(unix)]
        command.process_group(0);
        let inherited = ["PATH", "HOME", "SYSTEMROOT"].into_iter();
        command.env_clear().envs(inherited.filter_map(|name| Some((name, std::env::var(name).ok()?))));
        command.env("TMPDIR", folder.path()).env(COOKIE.0, COOKIE.1);
        let certificate = Some(ClientCertificate::new());
        let launch = Self { command, certificate, limit: START_LIMIT, lenient: false, folder };
        let launch = launch.env("PLUGIN_PROTOCOL_VERSIONS", "6,5");
        launch.env("PLUGIN_MIN_PORT", "10000").env("PLUGIN_MAX_PORT", "25000")
    }

    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.command.arg(argument.into());
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.command.env(name, value.into());
        self
    }

    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The process's working folder, in place of the caller's.
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.command.current_dir(folder.into());
        self
    }

    /// As with `TF_DISABLE_PLUGIN_TLS`.
    pub fn without_tls(mut self) -> Self {
        self.certificate = None;
        self
    }

    /// The caller's whole environment, as core hands it on, apart from what core sets itself.
    pub fn inherit_env(mut self) -> Self {
        let set: Vec<_> = self.command.as_std().get_envs().map(|(name, _)| name.to_owned()).collect();
        let of_host = |name: &OsStr| name.to_string_lossy().starts_with("PLUGIN_");
        let of_caller = std::env::vars_os().filter(|(name, _)| !set.contains(name) && !of_host(name));
        self.command.envs(of_caller);
        self
    }

    /// How long the handshake line may take.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Takes each handshake line that a host of today takes, rather than what every host takes.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Core hands on its own, which is the user's terminal.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin.into());
        self
    }

    /// Waits for the handshake line.
    pub async fn start(mut self) -> Result<Process, StartError> {
        if let Some(certificate) = &self.certificate {
            self.command.env("PLUGIN_CLIENT_CERT", &certificate.pem);
        }
        let begun = Instant::now();
        let mut child = self.command.spawn().map_err(|error| {
            let binary = Path::new(self.command.as_std().get_program()).display();
            StartError { reason: format!("{binary} cannot be started: {error}"), ..StartError::default() }
        })?;
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (stderr, of_stderr) = collect(child.stderr.take().expect("a pipe"));
        let mut line = Vec::new();
        let mut head = (&mut stdout).take(LONGEST_LINE);
        let read = tokio::time::timeout(self.limit, head.read_until(b'\n', &mut line)).await;
        let startup_time = begun.elapsed();
        let line = String::from_utf8_lossy(&line).into_owned();
        let (rest, of_stdout) = collect(stdout);
        let readers = vec![of_stderr, of_stdout];
        // Empty is unset, for a plugin.
        let mut variables = self.command.as_std().get_envs();
        let asked =
            variables.any(|(name, value)| name == "PLUGIN_MULTIPLEX_GRPC" && value != Some("".as_ref()));
        let handshake = match line.strip_suffix('\n') {
            Some(text) if self.lenient => Handshake::parse_lenient(text),
            Some(text) => Handshake::parse(text, asked),
            None if read.is_err() => Err(format!("no line in {} s", self.limit.as_secs())),
            None if line.len() as u64 >= LONGEST_LINE => Err("the first line does not end".to_owned()),
            None => Err("the output ended before a line did".to_owned()),
        };
        match handshake {
            Ok(handshake) => Ok(Process {
                child,
                handshake,
                startup_time,
                certificate: self.certificate,
                stdout: rest,
                stderr,
                readers,
                _folder: self.folder,
            }),
            Err(reason) => {
                let patience = LAST_WORDS.min(self.limit);
                let status = tokio::time::timeout(patience, child.wait()).await.ok().and_then(Result::ok);
                // Fails only for what has just ended.
                let _ = child.start_kill();
                for reader in readers {
                    // A grandchild may hold the pipes for ever.
                    let _ = tokio::time::timeout(patience, reader).await;
                }
                Err(StartError { reason, status, stdout: line + &text(&rest), stderr: text(&stderr) })
            }
        }
    }
}

/// Collects in the background what comes through a pipe.
fn collect(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let sink = Arc::new(Mutex::new(Vec::new()));
    let shared = sink.clone();
    let reader = tokio::spawn(async move {
        let mut chunk = [0; 8192];
        while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
            let mut sink = shared.lock().expect("no panic");
            // The rest is read, so that nobody waits for room in the pipe, and dropped.
            let room = MOST_OUTPUT.saturating_sub(sink.len());
            sink.extend_from_slice(&chunk[..count.min(room)]);
        }
    });
    (sink, reader)
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().expect("no panic")).into_owned()
}

impl Process {
    /// What came on stdout after the handshake: nothing, from a good plugin.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    pub fn id(&self) -> u32 {
        self.child.id().expect("a process that has not been waited for")
    }

    /// What the host shows, PEM, unless there is no TLS.
    pub fn client_certificate(&self) -> Option<&str> {
        self.certificate.as_ref().map(|certificate| certificate.pem.as_str())
    }

    /// The path of the unix socket.
    pub fn socket_path(&self) -> &Path {
        Path::new(&self.handshake.address)
    }

    /// Waits as core does: for the ends of both pipes, then for the process.
    pub async fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = async {
            // One by one, so that a wait that was too short can be taken up again.
            while let Some(reader) = self.readers.last_mut() {
                let _ = reader.await;
                self.readers.pop();
            }
            self.child.wait().await.ok()
        };
        tokio::time::timeout(limit, end).await.ok().flatten()
    }

    /// `INT` and the like.
    pub fn signal(&self, name: &str) {
        let kill =
            std::process::Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(kill.expect("the kill command").success());
    }

    /// Ends the plugin as core does, and says how long that took: from the call to the ends of both pipes and of the
    /// process.
    pub async fn shut_down(
        &mut self,
        connection: Connection,
        limit: Duration,
    ) -> Option<(ExitStatus, Duration)> {
        let begun = Instant::now();
        connection.shutdown().await;
        drop(connection);
        Some((self.wait(limit).await?, begun.elapsed()))
    }

    /// Bytes that the process holds in memory (Linux).
    pub fn resident_memory(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    /// The most bytes that it ever held (Linux).
    pub fn peak_memory(&self) -> Option<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, key: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}

#[cfg(all(test, unix))]
mod tests {
    // With a shell in the plugin's place.
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    const LINE: &str = "echo '1|6|unix|/nobody.sock|grpc|'";

    fn shell(script: &str) -> PluginCommand {
        PluginCommand::new("/bin/sh").arg("-c").arg(script)
    }

    #[tokio::test]
    async fn a_plugin_sees_what_core_sets_and_little_else() {
        let mut process =
            shell(&format!("{LINE}; env")).env("A", "b").env_remove("PLUGIN_MIN_PORT").start().await.unwrap();
        process.wait(LAST_WORDS).await.unwrap();
        let text = process.stdout();
        let has = |start: &str| text.lines().any(|line| line.starts_with(start));
        assert!(has("A=b") && has("PLUGIN_MAX_PORT=25000"), "{text}");
        assert!(has("PLUGIN_PROTOCOL_VERSIONS=6,5") && has("PLUGIN_CLIENT_CERT=-----BEGIN CERT"), "{text}");
        // Cargo sets it for every test.
        assert!(!has("CARGO_MANIFEST_DIR") && !has("PLUGIN_MIN_PORT"));
    }

    #[tokio::test]
    async fn what_was_said_before_an_early_end_is_told() {
        let failed = shell("printf half; echo why >&2; exit 3").start().await.err().unwrap();
        assert_eq!(failed.status.unwrap().code(), Some(3));
        assert_eq!((failed.stdout.as_str(), failed.stderr.as_str()), ("half", "why\n"));
    }

    #[tokio::test]
    async fn any_other_first_line_is_no_handshake() {
        let failed = shell(&format!("echo welcome; {LINE}")).start().await.err().unwrap();
        assert!(failed.reason.contains("welcome"), "{failed:?}");
        assert!(failed.stdout.starts_with("welcome\n1|6|"), "{failed:?}");
    }

    #[tokio::test]
    async fn what_is_no_plugin_at_all_is_a_failure_like_others() {
        let soon = Duration::from_millis(300);
        let missing = PluginCommand::new("/nowhere/plugin").start().await.err().unwrap();
        assert!(missing.reason.starts_with("/nowhere/plugin cannot be started"), "{missing:?}");
        let silent = shell("exec sleep 60").start_timeout(soon).start().await.err().unwrap();
        assert!(silent.reason.starts_with("no line in") && silent.status.is_none(), "{silent:?}");
        let endless = shell("exec tr '\\0' x < /dev/zero").start_timeout(soon).start().await.err().unwrap();
        assert_eq!(endless.reason, "the first line does not end");
        assert!(endless.stdout.len() <= LONGEST_LINE as usize + MOST_OUTPUT);
        let binary = shell("printf '\\377\\n'").start().await.err().unwrap();
        assert!(binary.reason.contains("1 fields"), "{binary:?}");
    }

    #[tokio::test]
    async fn the_caller_s_environment_is_handed_on_when_asked_for() {
        let launch = shell(&format!("{LINE}; env")).env("HOME", "/mine").inherit_env();
        let mut process = launch.start().await.unwrap();
        process.wait(LAST_WORDS).await.unwrap();
        let text = process.stdout();
        // Cargo sets it for every test.
        assert!(text.contains("\nCARGO_MANIFEST_DIR=") || text.starts_with("CARGO_MANIFEST_DIR="), "{text}");
        assert!(text.contains("HOME=/mine") && text.contains("PLUGIN_PROTOCOL_VERSIONS=6,5"), "{text}");
    }

    #[tokio::test]
    async fn a_tolerant_host_takes_the_line_that_a_strict_one_refuses() {
        let script = "echo ' 1|6|unix|/nobody.sock|grpc||false '";
        assert!(shell(script).start().await.is_err());
        let process = shell(script).lenient().start().await.unwrap();
        assert_eq!(process.handshake.multiplexing.as_deref(), Some("false"));
    }

    #[tokio::test]
    async fn a_seventh_field_counts_only_where_multiplexing_was_asked_for() {
        let script = "echo '1|6|unix|/nobody.sock|grpc||false'";
        assert!(shell(script).start().await.is_err());
        assert!(shell(script).env("PLUGIN_MULTIPLEX_GRPC", "").start().await.is_err());
        assert!(shell(script).env("PLUGIN_MULTIPLEX_GRPC", "true").start().await.is_ok());
    }

    #[tokio::test]
    async fn a_process_shows_its_memory_and_obeys_signals() {
        // Without `exec`, in the midst of which a process holds next to nothing.
        let mut process = shell(&format!("{LINE}; while :; do sleep 0.1; done")).start().await.unwrap();
        if cfg!(target_os = "linux") {
            // The kernel counts the two apart and not to the page, so they are not compared with each other.
            let memory = [process.peak_memory(), process.resident_memory()];
            assert!(memory.iter().all(|bytes| bytes.unwrap() > 10_000));
        }
        assert!(process.wait(Duration::ZERO).await.is_none());
        process.signal("TERM");
        assert_eq!(process.wait(LAST_WORDS).await.unwrap().signal(), Some(15));
    }
}
