//! A folder with a configuration, and runs in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, io, thread};

use serde_json::Value;
use tempfile::TempDir;

use super::core::Core;

/// Far above what any run here takes; a run that hangs fails its test instead of the whole suite.
const LIMIT: Duration = Duration::from_secs(120);

/// How long the pipes of what was killed may take to close.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The file for the core's own log and that of its plugins.
const LOG: &str = "trace.log";

pub struct Workspace {
    core: Core,
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

/// What a run printed and returned.
#[derive(Debug)]
pub struct Output {
    /// None if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A run under way. Dropping it kills it and its plugins.
pub struct Run {
    group: u32,
    end: mpsc::Receiver<io::Result<process::Output>>,
    over: bool,
    what: String,
}

impl Workspace {
    /// The provider comes from this folder by a development override, so nothing has to be installed. Nothing of the
    /// caller's environment gets in but what a program cannot do without.
    pub fn new(core: &Core, provider: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = folder.path().join("cli.tfrc");
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"terraform-dds/dds\" = {:?}\n  }}\n  direct {{}}\n}}\n",
            provider.display().to_string()
        );
        fs::write(&settings, overrides).expect("a temporary file");
        let mut environment: BTreeMap<String, String> = ["PATH", "SYSTEMROOT"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
            .collect();
        let home = folder.path().display().to_string();
        for (name, value) in [
            ("HOME", home.as_str()),
            ("TMPDIR", home.as_str()),
            ("TF_CLI_CONFIG_FILE", &settings.display().to_string()),
            ("TF_IN_AUTOMATION", "1"),
            ("CHECKPOINT_DISABLE", "1"),
            ("NO_COLOR", "1"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        Self { core: core.clone(), folder, environment }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Has everything logged from now on.
    pub fn trace(&mut self) -> &mut Self {
        let log = self.file(LOG).display().to_string();
        self.set("TF_LOG", "TRACE").set("TF_LOG_PATH", log)
    }

    /// What was logged since [`trace`](Self::trace), by all runs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file(LOG)).unwrap_or_default()
    }

    pub fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.folder.path().join(name), text).expect("a temporary file");
        self
    }

    /// The configuration as `main.tf`, after the block that says where the provider comes from.
    pub fn configure(&self, text: &str) -> &Self {
        let source = "terraform {\n  required_providers {\n    dds = {\n      source = \"terraform-dds/dds\"\n    }\n  }\n}\n";
        self.write("main.tf", &format!("{source}\n{text}\n"))
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).wait()
    }

    /// Fails the test if the run does.
    pub fn must(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.code, Some(0), "{} {arguments:?}\n{}\n{}", self.core, output.stdout, output.stderr);
        output
    }

    pub fn spawn(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(&self.core.program);
        command.args(arguments).arg("-no-color").current_dir(self.folder.path());
        command.env_clear().envs(&self.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, as a shell gives to a job: Ctrl-C reaches it and the plugins it starts.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().expect("a command line");
        Run::new(child, format!("{} {arguments:?}", self.core))
    }

    /// The root module's outputs, by name.
    pub fn outputs(&self) -> Value {
        let text = self.must(&["output", "-json"]).stdout;
        let all: Value = serde_json::from_str(&text).expect("outputs in JSON");
        let members = all.as_object().expect("an object").iter();
        members
            .map(|(name, output)| (name.clone(), output["value"].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    pub fn state(&self) -> String {
        fs::read_to_string(self.folder.path().join("terraform.tfstate")).unwrap_or_default()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Run {
    fn new(child: Child, what: String) -> Self {
        let (group, (sender, end)) = (child.id(), mpsc::channel());
        // After the time limit nobody listens.
        thread::spawn(move || sender.send(child.wait_with_output()).ok());
        Self { group, end, over: false, what }
    }

    /// Ctrl-C in a terminal: the signal for the whole process group.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        assert!(self.signal("-INT"), "{} cannot be interrupted", self.what);
    }

    /// What it printed and returned, once its pipes are closed: its plugins have ended too.
    pub fn wait(mut self) -> Output {
        if let Ok(end) = self.end.recv_timeout(LIMIT) {
            self.over = true;
            return end.expect("the end of a child").into();
        }
        self.signal("-KILL");
        let printed = self.end.recv_timeout(LAST_WORDS).ok().and_then(Result::ok).map(Output::from);
        panic!("{} did not end within {} s: {printed:#?}", self.what, LIMIT.as_secs());
    }

    fn signal(&self, signal: &str) -> bool {
        let sent = Command::new("kill").args([signal, "--", &format!("-{}", self.group)]).output();
        sent.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.over {
            self.signal("-KILL");
        }
    }
}

impl From<process::Output> for Output {
    fn from(output: process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

#[cfg(all(test, unix))]
mod tests;
