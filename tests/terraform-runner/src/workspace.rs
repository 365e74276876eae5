//! A temporary directory with a configuration, and commands that run in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, io, thread};

use serde_json::Value;
use tempfile::TempDir;

use super::cli::TerraformCli;

/// The default timeout of a command, so that a command that hangs fails only its own test.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);

/// How long to wait until the pipes of a killed command are closed.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The file with the log of Terraform and its plugins.
const LOG_FILE: &str = "trace.log";

/// A working directory with a configuration and environment variables.
pub struct Workspace {
    cli: TerraformCli,
    directory: TempDir,
    environment: BTreeMap<String, String>,
    timeout: Duration,
}

/// The exit code and the output of a command.
#[derive(Debug)]
pub struct Output {
    /// None if a signal ended the command.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running command. Dropping it kills the command and its plugins.
pub struct RunningCommand {
    process_group: u32,
    output: mpsc::Receiver<io::Result<process::Output>>,
    finished: bool,
    description: String,
    timeout: Duration,
}

impl Workspace {
    /// Creates a workspace that uses the provider in this directory, by a development override.
    pub fn new(cli: &TerraformCli, provider: &Path) -> Self {
        Self::with_provider(cli, provider, "terraform-dds/dds")
    }

    /// Creates a workspace for a provider with another registry address. Write its configuration with `write_file`.
    pub fn with_provider(cli: &TerraformCli, provider: &Path, address: &str) -> Self {
        let mut workspace = Self::without_cli_config(cli);
        workspace.set_cli_config(&format!(
            "provider_installation {{\n  dev_overrides {{\n    {address:?} = {:?}\n  }}\n  direct {{}}\n}}\n",
            provider.display().to_string()
        ));
        workspace
    }

    /// Creates a workspace without a CLI configuration, so that `init` installs the provider. Its directory is the home
    /// directory. Inherits only `PATH` and `SYSTEMROOT` from the environment.
    pub fn without_cli_config(cli: &TerraformCli) -> Self {
        let directory = tempfile::tempdir().expect("create a temporary directory");
        let home = directory.path().display().to_string();
        let inherited = ["PATH", "SYSTEMROOT"].into_iter();
        let inherited = inherited.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
        let mut workspace =
            Self { cli: cli.clone(), directory, environment: inherited.collect(), timeout: COMMAND_TIMEOUT };
        workspace
            .set_env("TF_IN_AUTOMATION", "1")
            .set_env("HOME", home.clone())
            .set_env("TMPDIR", home)
            .set_env("CHECKPOINT_DISABLE", "1")
            .set_env("NO_COLOR", "1");
        workspace
    }

    /// Writes a CLI configuration, and uses it for all later commands.
    pub fn set_cli_config(&mut self, text: &str) -> &mut Self {
        let path = self.write_file("cli.tfrc", text).file_path("cli.tfrc").display().to_string();
        self.set_env("TF_CLI_CONFIG_FILE", path)
    }

    /// Sets an environment variable for all later commands.
    pub fn set_env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the timeout of all later commands.
    pub fn set_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.timeout = timeout;
        self
    }

    /// Writes a trace log of all later commands.
    pub fn enable_trace_log(&mut self) -> &mut Self {
        let log = self.file_path(LOG_FILE).display().to_string();
        self.set_env("TF_LOG", "TRACE").set_env("TF_LOG_PATH", log)
    }

    /// The trace log of all commands since [`enable_trace_log`](Self::enable_trace_log).
    pub fn trace_log(&self) -> String {
        fs::read_to_string(self.file_path(LOG_FILE)).unwrap_or_default()
    }

    /// Writes a file in the working directory.
    pub fn write_file(&self, name: &str, text: &str) -> &Self {
        fs::write(self.file_path(name), text).expect("write a temporary file");
        self
    }

    /// Writes `main.tf`: the `terraform` block with the source of the provider, and this configuration.
    pub fn write_config(&self, text: &str) -> &Self {
        let terraform_block = "terraform {\n  required_providers {\n    dds = {\n      source = \"terraform-dds/dds\"\n    }\n  }\n}\n";
        self.write_file("main.tf", &format!("{terraform_block}\n{text}\n"))
    }

    /// Runs a command and returns its output.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).wait()
    }

    /// Runs a command and panics if it fails.
    pub fn run_ok(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.code, Some(0), "{} {arguments:?}\n{}\n{}", self.cli, output.stdout, output.stderr);
        output
    }

    /// Starts a command.
    pub fn spawn(&self, arguments: &[&str]) -> RunningCommand {
        let mut command = Command::new(&self.cli.program);
        command.args(arguments).arg("-no-color").current_dir(self.directory.path());
        command.env_clear().envs(&self.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A separate process group, like a job in a shell: a signal reaches the command and its plugins.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.spawn().expect("start the command");
        RunningCommand::new(child, format!("{} {arguments:?}", self.cli), self.timeout)
    }

    /// The output values of the root module, by name.
    pub fn outputs(&self) -> Value {
        let text = self.run_ok(&["output", "-json"]).stdout;
        let all: Value = serde_json::from_str(&text).expect("outputs are JSON");
        let members = all.as_object().expect("outputs are an object").iter();
        members.map(|(name, output)| (name.as_str(), output["value"].clone())).collect()
    }

    /// The content of the state file. Empty if there is none.
    pub fn state(&self) -> String {
        fs::read_to_string(self.file_path("terraform.tfstate")).unwrap_or_default()
    }

    /// The path of a file in the working directory.
    pub fn file_path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl RunningCommand {
    fn new(child: Child, description: String, timeout: Duration) -> Self {
        let (process_group, (sender, output)) = (child.id(), mpsc::channel());
        // After the timeout, nothing receives the output.
        thread::spawn(move || sender.send(child.wait_with_output()).ok());
        Self { process_group, output, finished: false, description, timeout }
    }

    /// The ID of the process group, which is also the ID of the command's own process.
    pub fn process_group(&self) -> u32 {
        self.process_group
    }

    /// The process ID of the command, which is also the ID of the process group.
    pub fn id(&self) -> u32 {
        self.process_group
    }

    /// Sends an interrupt to the whole process group, like Ctrl-C in a terminal.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        assert!(self.signal("-INT"), "{} cannot be interrupted", self.description);
    }

    /// Waits until the command and its plugins have ended. Panics after the timeout.
    pub fn wait(mut self) -> Output {
        if let Ok(output) = self.output.recv_timeout(self.timeout) {
            self.finished = true;
            return output.expect("wait for the command").into();
        }
        self.signal("-KILL");
        let output = self.output.recv_timeout(KILL_TIMEOUT).ok().and_then(Result::ok).map(Output::from);
        panic!("{} did not end within {} s: {output:#?}", self.description, self.timeout.as_secs());
    }

    fn signal(&self, signal: &str) -> bool {
        let sent = Command::new("kill").args([signal, "--", &format!("-{}", self.process_group)]).output();
        sent.is_ok_and(|output| output.status.success())
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        if !self.finished {
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
    // These tests use a shell script instead of Terraform.
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::super::cli::Product;
    use super::*;

    fn workspace_with(script: &str) -> (TempDir, Workspace) {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("terraform");
        // Written by a shell: this process or a child of another thread could still have the file open for writing, and then
        // it cannot be executed.
        let text = format!("#!/bin/sh\n{script}\n");
        let write =
            Command::new("sh").args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &text]).arg(&program).status();
        assert!(write.unwrap().success());
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let cli =
            TerraformCli { program, product: Product::Terraform, version: semver::Version::new(1, 2, 3) };
        let workspace = Workspace::new(&cli, Path::new("/built/here"));
        (directory, workspace)
    }

    #[test]
    fn exit_code_and_both_outputs_are_returned() {
        let (_program, workspace) = workspace_with("echo out; echo err >&2; exit 2");
        let output = workspace.run(&["plan"]);
        assert_eq!((output.code, &*output.stdout, &*output.stderr), (Some(2), "out\n", "err\n"));
    }

    #[test]
    fn only_path_is_inherited_from_the_environment() {
        let (_program, mut workspace) = workspace_with("env");
        let text = workspace.set_env("HW_REGION_NAME", "here").run(&["show"]).stdout;
        // The shell sets these variables.
        let shell_variables = ["PWD", "SHLVL", "_", "OLDPWD"];
        let names = text.lines().filter_map(|line| Some(line.split_once('=')?.0));
        let mut names: Vec<_> = names.filter(|name| !shell_variables.contains(name)).collect();
        names.sort_unstable();
        let expected =
            "CHECKPOINT_DISABLE HOME HW_REGION_NAME NO_COLOR PATH TF_CLI_CONFIG_FILE TF_IN_AUTOMATION TMPDIR";
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn cli_configuration_overrides_the_provider() {
        let (_program, workspace) = workspace_with("cat \"$TF_CLI_CONFIG_FILE\"");
        assert!(workspace.run(&["show"]).stdout.contains("\"terraform-dds/dds\" = \"/built/here\""));
    }

    #[test]
    fn trace_log_contains_all_later_commands() {
        let (_program, mut workspace) =
            workspace_with("[ -z \"$TF_LOG\" ] || echo \"$TF_LOG\" >> \"$TF_LOG_PATH\"");
        workspace.run_ok(&["plan"]);
        assert_eq!(workspace.trace_log(), "");
        workspace.enable_trace_log();
        workspace.run_ok(&["plan"]);
        workspace.run_ok(&["apply"]);
        assert_eq!(workspace.trace_log(), "TRACE\nTRACE\n");
    }

    #[test]
    fn outputs_are_returned_by_name() {
        let (_program, workspace) =
            workspace_with(r#"echo '{"a": {"sensitive": false, "type": "number", "value": 1}}'"#);
        assert_eq!(workspace.outputs(), json!({ "a": 1 }));
    }

    /// Starts a script and waits until its child has written to the pipe `ready`.
    fn start_with_child(script: &str) -> (TempDir, Workspace, RunningCommand) {
        let (program, workspace) = workspace_with(script);
        assert!(Command::new("mkfifo").arg(workspace.file_path("ready")).status().unwrap().success());
        let run = workspace.spawn(&["apply"]);
        fs::read_to_string(workspace.file_path("ready")).unwrap();
        (program, workspace, run)
    }

    /// If this variable is set, the test program acts as the parent or the child that the test interrupts. A shell cannot be
    /// used, because it cannot trap a signal that its caller ignores.
    const ROLE: &str = "DDS_TEST_ROLE";

    /// Runs as the parent or the child. Both end after an interrupt, with different exit codes.
    async fn run_as(role: &str) {
        let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).unwrap();
        if role == "child" {
            fs::write("ready", "").unwrap();
            signal.recv().await;
            process::exit(3);
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(TEST_ARGUMENTS).env(ROLE, "child").stdout(Stdio::null());
        let mut child = child.spawn().unwrap();
        signal.recv().await;
        process::exit(if child.wait().unwrap().code() == Some(3) { 7 } else { 1 });
    }

    const TEST_ARGUMENTS: [&str; 2] =
        ["--exact", "workspace::tests::interrupt_reaches_the_whole_process_group"];

    #[tokio::test]
    async fn interrupt_reaches_the_whole_process_group() {
        if let Ok(role) = std::env::var(ROLE) {
            return run_as(&role).await;
        }
        let program = std::env::current_exe().unwrap();
        let script =
            format!("exec env {ROLE}=parent '{}' {} >&2", program.display(), TEST_ARGUMENTS.join(" "));
        let (_program, _workspace, run) = start_with_child(&script);
        run.interrupt();
        let output = run.wait();
        assert_eq!(output.code, Some(7), "{}", output.stderr);
    }

    #[test]
    #[should_panic(expected = "Terraform v1.2.3 [\"plan\"] did not end within 0 s")]
    fn command_is_killed_after_the_timeout() {
        let (_program, mut workspace) = workspace_with("exec sleep 600");
        workspace.set_timeout(Duration::from_millis(100)).run(&["plan"]);
    }

    #[test]
    fn dropped_command_leaves_no_process_behind() {
        // The child keeps a second pipe open, so the pipe closes when the child ends.
        let (_program, workspace, run) =
            start_with_child("mkfifo held; sh -c 'exec 9<> held; echo > ready; exec sleep 600'");
        let held = fs::File::options().read(true).open(workspace.file_path("held"));
        drop(run);
        assert_eq!(io::read_to_string(held.unwrap()).unwrap(), "");
    }
}
