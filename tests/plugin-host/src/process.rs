//! Starts a plugin process, collects its output, and waits for its end.

#[cfg(all(test, unix))]
mod tests;

use std::ffi::OsStr;
use std::fmt;
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

/// The magic cookie that Terraform sets for every plugin.
pub const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Timeout for the handshake line. Terraform waits 60 s.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum length of the handshake line, in bytes.
const MAX_LINE: u64 = 64 << 10;

/// Maximum size of the output that is kept, in bytes.
const MAX_OUTPUT: usize = 8 << 20;

/// How long to wait for the exit code of a program that printed no handshake line.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds the command line and the environment of a plugin process.
pub struct PluginCommand {
    command: Command,
    certificate: Option<ClientCertificate>,
    start_timeout: Duration,
    lenient: bool,
    directory: TempDir,
}

/// The plugin could not be started, or it printed no valid handshake line.
#[derive(Debug, Default)]
pub struct StartError {
    pub reason: String,
    /// None if it had to be killed.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.reason, self.stderr)
    }
}

impl std::error::Error for StartError {}

/// A plugin that has printed its handshake line. Dropping it kills the process.
pub struct Process {
    child: Child,
    pub handshake: Handshake,
    /// Time from the start of the process to the handshake line.
    pub startup_time: Duration,
    pub(super) certificate: Option<ClientCertificate>,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    /// Contains the files of the process. Dropping it removes them, even if the process was killed.
    _directory: TempDir,
}

impl PluginCommand {
    /// A command that starts the plugin as Terraform does: with the cookie, both protocols, a port range and mutual TLS. It
    /// inherits only `PATH`, `HOME` and `SYSTEMROOT`.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let directory = tempfile::tempdir().expect("create a temporary directory");
        let mut command = Command::new(binary.into());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // A separate process group, so that signals reach only the plugin.
        #[cfg(unix)]
        command.process_group(0);
        let inherited = ["PATH", "HOME", "SYSTEMROOT"].into_iter();
        command.env_clear().envs(inherited.filter_map(|name| Some((name, std::env::var(name).ok()?))));
        command.env("TMPDIR", directory.path()).env(COOKIE.0, COOKIE.1);
        let certificate = Some(ClientCertificate::new());
        Self { command, certificate, start_timeout: START_TIMEOUT, lenient: false, directory }
            .env("PLUGIN_PROTOCOL_VERSIONS", "6,5")
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
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

    /// Sets the working directory.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.command.current_dir(directory.into());
        self
    }

    /// Disables TLS, like `TF_DISABLE_PLUGIN_TLS`.
    pub fn without_tls(mut self) -> Self {
        self.certificate = None;
        self
    }

    /// Inherits the whole environment, as Terraform does, except for variables of the plugin protocol.
    pub fn inherit_env(mut self) -> Self {
        let set: Vec<_> = self.command.as_std().get_envs().map(|(name, _)| name.to_owned()).collect();
        let is_of_plugin_protocol = |name: &OsStr| name.to_string_lossy().starts_with("PLUGIN_");
        let inherited =
            std::env::vars_os().filter(|(name, _)| !set.contains(name) && !is_of_plugin_protocol(name));
        self.command.envs(inherited);
        self
    }

    /// Sets the timeout for the handshake line.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// Accepts every handshake line that current hosts accept. The default accepts only what all hosts accept.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Sets stdin. Terraform passes its own stdin, which is the user's terminal.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin.into());
        self
    }

    /// Starts the process and waits for the handshake line.
    pub async fn start(mut self) -> Result<Process, StartError> {
        if let Some(certificate) = &self.certificate {
            self.command.env("PLUGIN_CLIENT_CERT", &certificate.pem);
        }
        let started = Instant::now();
        let mut child = self.command.spawn().map_err(|error| {
            let binary = Path::new(self.command.as_std().get_program()).display();
            StartError { reason: format!("{binary} cannot be started: {error}"), ..StartError::default() }
        })?;
        let mut stdout = BufReader::new(child.stdout.take().expect("piped output"));
        let (stderr, stderr_reader) = collect(child.stderr.take().expect("piped output"));
        let mut line = Vec::new();
        let mut head = (&mut stdout).take(MAX_LINE);
        let read = tokio::time::timeout(self.start_timeout, head.read_until(b'\n', &mut line)).await;
        let startup_time = started.elapsed();
        let line = String::from_utf8_lossy(&line).into_owned();
        let (rest, stdout_reader) = collect(stdout);
        let readers = vec![stderr_reader, stdout_reader];
        // A plugin treats an empty variable as not set.
        let mut variables = self.command.as_std().get_envs();
        let multiplexing_requested =
            variables.any(|(name, value)| name == "PLUGIN_MULTIPLEX_GRPC" && value != Some("".as_ref()));
        let handshake = match line.strip_suffix('\n') {
            Some(line) if self.lenient => Handshake::parse_lenient(line),
            Some(line) => Handshake::parse(line, multiplexing_requested),
            None if read.is_err() => {
                Err(format!("no handshake line within {} s", self.start_timeout.as_secs()))
            }
            None if line.len() as u64 >= MAX_LINE => Err("the first line is too long".to_owned()),
            None => Err("the output ended before the first line was complete".to_owned()),
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
                _directory: self.directory,
            }),
            Err(reason) => {
                let timeout = EXIT_TIMEOUT.min(self.start_timeout);
                let status = tokio::time::timeout(timeout, child.wait()).await.ok().and_then(Result::ok);
                // Fails only if the process has ended.
                let _ = child.start_kill();
                for reader in readers {
                    // A child of the plugin may keep the pipes open.
                    let _ = tokio::time::timeout(timeout, reader).await;
                }
                Err(StartError { reason, status, stdout: line + &text(&rest), stderr: text(&stderr) })
            }
        }
    }
}

/// Collects the output of a pipe in the background.
fn collect(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let sink = Arc::new(Mutex::new(Vec::new()));
    let shared = sink.clone();
    let reader = tokio::spawn(async move {
        let mut chunk = [0; 8192];
        while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
            let mut sink = shared.lock().expect("lock");
            // Further output is read and dropped, so that the process does not block on a full pipe.
            let free = MAX_OUTPUT.saturating_sub(sink.len());
            sink.extend_from_slice(&chunk[..count.min(free)]);
        }
    });
    (sink, reader)
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().expect("lock")).into_owned()
}

impl Process {
    /// The output on stdout after the handshake line. A correct plugin prints nothing there.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    pub fn id(&self) -> u32 {
        self.child.id().expect("the process is running")
    }

    /// The client certificate of the host as PEM. None without TLS.
    pub fn client_certificate(&self) -> Option<&str> {
        self.certificate.as_ref().map(|certificate| certificate.pem.as_str())
    }

    /// The path of the unix socket.
    pub fn socket_path(&self) -> &Path {
        Path::new(&self.handshake.address)
    }

    /// Waits as Terraform does: for the end of both pipes, then for the process. None after the timeout.
    pub async fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let end = async {
            // Removed one by one, so that `wait` can be called again after a timeout.
            while let Some(reader) = self.readers.last_mut() {
                let _ = reader.await;
                self.readers.pop();
            }
            self.child.wait().await.ok()
        };
        tokio::time::timeout(timeout, end).await.ok().flatten()
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        let kill =
            std::process::Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(kill.expect("run kill").success());
    }

    /// Shuts the plugin down as Terraform does. Returns the time from the call to the end of both pipes and the process.
    pub async fn shut_down(
        &mut self,
        connection: Connection,
        timeout: Duration,
    ) -> Option<(ExitStatus, Duration)> {
        let started = Instant::now();
        connection.shutdown().await;
        drop(connection);
        Some((self.wait(timeout).await?, started.elapsed()))
    }

    /// The resident memory in bytes (only on Linux).
    pub fn resident_memory(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    /// The peak resident memory in bytes (only on Linux).
    pub fn peak_memory(&self) -> Option<u64> {
        self.memory("VmHWM:")
    }

    /// The CPU time of all threads so far, in steps of 10 ms (only on Linux).
    pub fn cpu_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).ok()?;
        // The name of the program, in parentheses, can contain spaces. `utime` and `stime` are the 12th and 13th field after it.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
    }

    fn memory(&self, key: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }
}
