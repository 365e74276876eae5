//! A folder with a configuration, and runs in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;
use tempfile::TempDir;

use super::core::Core;

/// Far above what any run here takes; a run that hangs fails its test instead of the whole suite.
const LIMIT: Duration = Duration::from_secs(120);

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

/// A run under way.
pub struct Run {
    child: Child,
    end: mpsc::Receiver<(String, String)>,
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
            ("TF_CLI_CONFIG_FILE", &settings.display().to_string()),
            ("TF_IN_AUTOMATION", "1"),
            ("CHECKPOINT_DISABLE", "1"),
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
        assert_eq!(
            output.code,
            Some(0),
            "{} {arguments:?}\n{}\n{}",
            self.core.version,
            output.stdout,
            output.stderr
        );
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
        let mut child = command.spawn().expect("a command line");
        let (stdout, stderr) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let (sender, end) = mpsc::channel();
        thread::spawn(move || {
            let errors = thread::spawn(move || std::io::read_to_string(stderr).unwrap_or_default());
            let output = std::io::read_to_string(stdout).unwrap_or_default();
            let _ = sender.send((output, errors.join().unwrap_or_default()));
        });
        Run { child, end, what: format!("{} {arguments:?}", self.core.version) }
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
    /// Ctrl-C in a terminal: the signal for the whole process group.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let group = format!("-{}", self.child.id());
        let status = Command::new("kill").args(["-INT", "--", &group]).status();
        assert!(status.expect("the kill command").success());
    }

    pub fn wait(mut self) -> Output {
        let deadline = Instant::now() + LIMIT;
        let Ok((stdout, stderr)) = self.end.recv_timeout(LIMIT) else { self.give_up() };
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Output { code: status.code(), stdout, stderr };
            }
            thread::yield_now();
        }
        self.give_up()
    }

    fn give_up(&mut self) -> ! {
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let printed = self.end.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
        panic!("{} did not end within {} s\n{}\n{}", self.what, LIMIT.as_secs(), printed.0, printed.1);
    }
}
