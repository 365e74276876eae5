//! A folder with a configuration, and runs in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, io, thread};

use serde_json::Value;
use tempfile::TempDir;

use super::core::TerraformCli;

/// Far above what any run here takes; a run that hangs fails its test instead of the whole suite.
const LIMIT: Duration = Duration::from_secs(120);

/// How long the pipes of what was killed may take to close.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The file for the core's own log and that of its plugins.
const LOG: &str = "trace.log";

pub struct Workspace {
    core: TerraformCli,
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
pub struct RunningCommand {
    group: u32,
    end: mpsc::Receiver<io::Result<process::Output>>,
    over: bool,
    what: String,
}

impl Workspace {
    /// The provider comes from this folder by a development override, so nothing has to be installed. Nothing of the
    /// caller's environment gets in but what a program cannot do without.
    pub fn new(core: &TerraformCli, provider: &Path) -> Self {
        Self::with_provider(core, provider, "terraform-dds/dds")
    }

    /// For a provider with another registry address. The configuration is written with `write`.
    pub fn with_provider(core: &TerraformCli, provider: &Path, address: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = folder.path().join("cli.tfrc");
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    {address:?} = {:?}\n  }}\n  direct {{}}\n}}\n",
            provider.display().to_string()
        );
        fs::write(&settings, overrides).expect("a temporary file");
        let home = folder.path().display().to_string();
        let inherited = ["PATH", "SYSTEMROOT"].into_iter();
        let inherited = inherited.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let mut workspace = Self { core: core.clone(), folder, environment: inherited.collect() };
        workspace
            .set_env("TF_CLI_CONFIG_FILE", settings.display().to_string())
            .set_env("TF_IN_AUTOMATION", "1");
        workspace
            .set_env("HOME", home.clone())
            .set_env("TMPDIR", home)
            .set_env("CHECKPOINT_DISABLE", "1")
            .set_env("NO_COLOR", "1");
        workspace
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn set_env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Has everything logged from now on.
    pub fn enable_trace_log(&mut self) -> &mut Self {
        let log = self.file_path(LOG).display().to_string();
        self.set_env("TF_LOG", "TRACE").set_env("TF_LOG_PATH", log)
    }

    /// What was logged since [`trace`](Self::trace), by all runs.
    pub fn trace_log(&self) -> String {
        fs::read_to_string(self.file_path(LOG)).unwrap_or_default()
    }

    pub fn write_file(&self, name: &str, text: &str) -> &Self {
        fs::write(self.folder.path().join(name), text).expect("a temporary file");
        self
    }

    /// The configuration as `main.tf`, after the block that says where the provider comes from.
    pub fn write_config(&self, text: &str) -> &Self {
        let source = "terraform {\n  required_providers {\n    dds = {\n      source = \"terraform-dds/dds\"\n    }\n  }\n}\n";
        self.write_file("main.tf", &format!("{source}\n{text}\n"))
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).wait()
    }

    /// Fails the test if the run does.
    pub fn run_ok(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.code, Some(0), "{} {arguments:?}\n{}\n{}", self.core, output.stdout, output.stderr);
        output
    }

    pub fn spawn(&self, arguments: &[&str]) -> RunningCommand {
        let mut command = Command::new(&self.core.program);
        command.args(arguments).arg("-no-color").current_dir(self.folder.path());
        command.env_clear().envs(&self.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, as a shell gives to a job: Ctrl-C reaches it and the plugins it starts.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().expect("a command line");
        RunningCommand::new(child, format!("{} {arguments:?}", self.core))
    }

    /// The root module's outputs, by name.
    pub fn outputs(&self) -> Value {
        let text = self.run_ok(&["output", "-json"]).stdout;
        let all: Value = serde_json::from_str(&text).expect("outputs in JSON");
        let members = all.as_object().expect("an object").iter();
        members.map(|(name, output)| (name.as_str(), output["value"].clone())).collect()
    }

    pub fn state(&self) -> String {
        fs::read_to_string(self.folder.path().join("terraform.tfstate")).unwrap_or_default()
    }

    pub fn file_path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl RunningCommand {
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

impl Drop for RunningCommand {
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
mod tests {
    // With a shell script in the command line's place.
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::super::core::Product;
    use super::*;

    fn scene(script: &str) -> (TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("terraform");
        // By a shell: a file that this process has open for writing, or that another thread's new child has, cannot be run.
        let text = format!("#!/bin/sh\n{script}\n");
        let write =
            Command::new("sh").args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &text]).arg(&program).status();
        assert!(write.unwrap().success());
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let core =
            TerraformCli { program, product: Product::Terraform, version: semver::Version::new(1, 2, 3) };
        let workspace = Workspace::new(&core, Path::new("/built/here"));
        (folder, workspace)
    }

    #[test]
    fn the_code_and_both_texts_come_back() {
        let (_program, workspace) = scene("echo out; echo err >&2; exit 2");
        let output = workspace.run(&["plan"]);
        assert_eq!((output.code, &*output.stdout, &*output.stderr), (Some(2), "out\n", "err\n"));
    }

    #[test]
    fn nothing_of_the_caller_s_environment_gets_in_but_the_path() {
        let (_program, mut workspace) = scene("env");
        let text = workspace.set_env("HW_REGION_NAME", "here").run(&["show"]).stdout;
        // A shell sets some by itself.
        let own = ["PWD", "SHLVL", "_", "OLDPWD"];
        let names = text.lines().filter_map(|line| Some(line.split_once('=')?.0));
        let mut names: Vec<_> = names.filter(|name| !own.contains(name)).collect();
        names.sort_unstable();
        let expected =
            "CHECKPOINT_DISABLE HOME HW_REGION_NAME NO_COLOR PATH TF_CLI_CONFIG_FILE TF_IN_AUTOMATION TMPDIR";
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn the_settings_point_to_the_provider_that_was_built() {
        let (_program, workspace) = scene("cat \"$TF_CLI_CONFIG_FILE\"");
        assert!(workspace.run(&["show"]).stdout.contains("\"terraform-dds/dds\" = \"/built/here\""));
    }

    #[test]
    fn a_trace_collects_what_every_run_logs() {
        let (_program, mut workspace) = scene("[ -z \"$TF_LOG\" ] || echo \"$TF_LOG\" >> \"$TF_LOG_PATH\"");
        workspace.run_ok(&["plan"]);
        assert_eq!(workspace.trace_log(), "");
        workspace.enable_trace_log();
        workspace.run_ok(&["plan"]);
        workspace.run_ok(&["apply"]);
        assert_eq!(workspace.trace_log(), "TRACE\nTRACE\n");
    }

    #[test]
    fn outputs_are_values_by_name() {
        let (_program, workspace) =
            scene(r#"echo '{"a": {"sensitive": false, "type": "number", "value": 1}}'"#);
        assert_eq!(workspace.outputs(), json!({ "a": 1 }));
    }

    /// A run of which a child says that it is there, in a pipe that the test reads.
    fn with_a_child(script: &str) -> (TempDir, Workspace, RunningCommand) {
        let (program, workspace) = scene(script);
        assert!(Command::new("mkfifo").arg(workspace.file_path("ready")).status().unwrap().success());
        let run = workspace.spawn(&["apply"]);
        fs::read_to_string(workspace.file_path("ready")).unwrap();
        (program, workspace, run)
    }

    /// The variable that makes this program a parent with a child, which the test below interrupts. No shell will do, which
    /// cannot trap what its caller ignores.
    const ROLE: &str = "DDS_TEST_ROLE";

    /// A parent that waits for its child, or the child. Both end by the interrupt, with a code of their own.
    async fn interrupted(role: &str) {
        let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).unwrap();
        if role == "child" {
            fs::write("ready", "").unwrap();
            signal.recv().await;
            process::exit(3);
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(INTERRUPTED).env(ROLE, "child").stdout(Stdio::null());
        let mut child = child.spawn().unwrap();
        signal.recv().await;
        process::exit(if child.wait().unwrap().code() == Some(3) { 7 } else { 1 });
    }

    const INTERRUPTED: [&str; 2] = ["--exact", "workspace::tests::an_interrupt_reaches_the_whole_group"];

    #[tokio::test]
    async fn an_interrupt_reaches_the_whole_group() {
        if let Ok(role) = std::env::var(ROLE) {
            return interrupted(&role).await;
        }
        let program = std::env::current_exe().unwrap();
        let script = format!("exec env {ROLE}=parent '{}' {} >&2", program.display(), INTERRUPTED.join(" "));
        let (_program, _workspace, run) = with_a_child(&script);
        run.interrupt();
        let output = run.wait();
        assert_eq!(output.code, Some(7), "{}", output.stderr);
    }

    #[test]
    fn a_run_that_is_given_up_leaves_nobody_behind() {
        // The child holds the other end of a second pipe: its end is the child's end.
        let (_program, workspace, run) =
            with_a_child("mkfifo held; sh -c 'exec 9<> held; echo > ready; exec sleep 600'");
        let held = fs::File::options().read(true).open(workspace.file_path("held"));
        drop(run);
        assert_eq!(io::read_to_string(held.unwrap()).unwrap(), "");
    }
}
