//! Checks of the provider for Windows: by a plugin host, and with Terraform for Windows.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::{PluginCommand, connect_with_tls_session};
use serde_json::json;
use terraform_runner::{TerraformCli, Workspace, without_line_breaks};

use super::super::Result;
use super::super::checks::{
    Checks, TIMEOUT, check_arguments, check_commands, check_read, ensure, read_over_mutual_tls,
    set_access_key, shut_down,
};
use super::wine::Wine;

/// The first line of the provider block in the configuration of the cloud simulator.
const PROVIDER_BLOCK: &str = "provider \"dds\" {\n";

/// A Windows environment with Terraform and the provider.
pub struct Windows {
    pub wine: Wine,
    pub cli: TerraformCli,
    /// A script that starts the provider.
    pub provider: PathBuf,
    /// The directory with the executable of the provider.
    pub provider_directory: PathBuf,
}

/// Runs all checks. Fails if one of them fails.
pub async fn run(windows: &Windows) -> Result<()> {
    let mut checks = Checks::default();
    checks.run("--help, unknown argument", async { check_arguments(&windows.provider) }).await;
    checks.run("read over TCP with mutual TLS, port in the range", read_over_tcp(windows)).await;
    checks.run("validate, plan, apply, second plan, destroy", async { commands(windows) }).await;
    checks.run("error that shows the line of the configuration", async { wrong_id(windows) }).await;
    checks.run("Ctrl-C during a read, which succeeds", interrupted_read(windows)).await;
    checks.run("Ctrl-C during a plan, which ends", async { interrupted_plan(windows) }).await;
    checks.run("credential files in %USERPROFILE%", async { credential_files(windows) }).await;
    checks.run("--debug, two runs with TF_REATTACH_PROVIDERS, Ctrl-C", async { debug_mode(windows) }).await;
    checks.run("proxy", async { proxy(windows) }).await;
    checks.run("HTTPS with cacert_file", async { https(windows) }).await;
    checks.finish()
}

impl Windows {
    /// A workspace with the configuration and the access key of the cloud.
    fn workspace(&self, cloud: &Simulator) -> Workspace {
        let mut workspace = self.workspace_without_key(cloud);
        set_access_key(&mut workspace, cloud);
        workspace
    }

    fn workspace_without_key(&self, cloud: &Simulator) -> Workspace {
        let provider_directory = self.wine.windows_path(&self.provider_directory);
        let mut workspace = Workspace::new(&self.cli, Path::new(&provider_directory));
        let cli_config = self.wine.windows_path(&workspace.file_path("cli.tfrc"));
        workspace.set_env("TF_CLI_CONFIG_FILE", cli_config);
        workspace.write_file("main.tf", &cloud.terraform_configuration());
        workspace
    }

    /// Returns a file and its Windows path. When the file is created, `start.c` sends Ctrl-C.
    fn interrupt_file(&self) -> Result<(PathBuf, String)> {
        let file = self.wine.user_directory.join("interrupt");
        if file.exists() {
            fs::remove_file(&file)?;
        }
        let path = self.wine.windows_path(&file);
        Ok((file, path))
    }
}

/// Runs Terraform and returns its output. Fails for another exit code.
fn run_terraform(workspace: &Workspace, code: i32, arguments: &[&str]) -> Result<String> {
    let output = workspace.run(arguments);
    let text = format!("{}{}", output.stdout, output.stderr);
    ensure(output.code == Some(code), || format!("{arguments:?} ended with {:?}: {text}", output.code))?;
    Ok(text)
}

/// Fails unless the text contains all parts.
fn contains(text: &str, parts: &[&str]) -> Result<()> {
    let text = without_line_breaks(text);
    ensure(parts.iter().all(|part| text.contains(part)), || format!("{parts:?} is missing in {text}"))
}

/// Waits until the condition is true.
fn wait_until(mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        ensure(start.elapsed() < TIMEOUT, || "the condition is still false".to_owned())?;
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

async fn read_over_tcp(windows: &Windows) -> Result<()> {
    // The first port of the range is in use, so the provider must use another one.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let first = listener.local_addr()?.port();
    let last = first.saturating_add(50);
    let command = PluginCommand::new(&windows.provider)
        .env("PLUGIN_MIN_PORT", first.to_string())
        .env("PLUGIN_MAX_PORT", last.to_string());
    let is_in_range = |address: &str| {
        let port = address.strip_prefix("127.0.0.1:").and_then(|port| port.parse::<u16>().ok());
        port.is_some_and(|port| first < port && port <= last)
    };
    read_over_mutual_tls(command, is_in_range).await
}

fn commands(windows: &Windows) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    check_commands(&windows.cli, &windows.workspace(&cloud), &cloud)
}

fn wrong_id(windows: &Windows) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let workspace = windows.workspace(&cloud);
    let id = &cloud.cloud_state().instances[0].id;
    let config = cloud.terraform_configuration().replace(id, "00000000000000000000000000000000in02");
    workspace.write_file("main.tf", &config);
    let text = run_terraform(&workspace, 1, &["plan", "-input=false"])?;
    contains(&text, &["Instance Not Found", "on main.tf line", "instance_id"])
}

async fn interrupted_read(windows: &Windows) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_secs(4)));
    let (file, path) = windows.interrupt_file()?;
    let command =
        PluginCommand::new(&windows.provider).start_timeout(TIMEOUT).env("START_INTERRUPT_FILE", path);
    let process = command.start().await?;
    let (connection, _) = connect_with_tls_session(&process).await?;
    connection.configure(cloud.provider_config()).await?;
    let interrupt = async {
        while cloud.request_count(Route::Links) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fs::write(file, "")
    };
    let (read, interrupt) =
        tokio::join!(check_read(&connection, &cloud), tokio::time::timeout(TIMEOUT, interrupt));
    interrupt??;
    read?;
    // The process still runs.
    check_read(&connection, &cloud).await?;
    shut_down(process, connection).await
}

fn interrupted_plan(windows: &Windows) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::NoResponse);
    let mut workspace = windows.workspace(&cloud);
    let (file, path) = windows.interrupt_file()?;
    workspace.set_env("START_INTERRUPT_FILE", path);
    let plan = workspace.spawn(&["plan", "-input=false"]);
    wait_until(|| Ok(cloud.request_count(Route::Links) > 0))?;
    let start = Instant::now();
    fs::write(file, "")?;
    let (output, time) = (plan.wait(), start.elapsed());
    ensure(output.code == Some(1) && time < Duration::from_secs(10), || {
        format!("after {time:?}: {output:?}")
    })?;
    contains(&output.stderr, &["Operation Cancelled"])
}

fn credential_files(windows: &Windows) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let key = &cloud.cloud_state().access_keys[0];
    let profile =
        json!({ "profiles": [{ "name": "default", "accessKeyId": key.id, "secretAccessKey": key.secret }] });
    for (directory, name, text) in [
        (".hcloud", "config.json", profile.to_string()),
        (".huaweicloud", "credentials", format!("[basic]\r\nak = {}\r\nsk = {}\r\n", key.id, key.secret)),
    ] {
        let directory = windows.wine.user_directory.join(directory);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(name), text)?;
        cloud.clear_recorded_requests();
        let workspace = windows.workspace_without_key(&cloud);
        let result = run_terraform(&workspace, 0, &["plan", "-input=false"]);
        fs::remove_dir_all(directory)?;
        result?;
        let is_signed = cloud.recorded_requests().iter().any(|request| {
            request.request.header("authorization").is_some_and(|header| header.contains(&key.id))
        });
        ensure(is_signed, || format!("no request has a signature with the key in {name}"))?;
    }
    Ok(())
}

fn debug_mode(windows: &Windows) -> Result<()> {
    let (interrupt_file, path) = windows.interrupt_file()?;
    let mut provider = Command::new(&windows.provider)
        .arg("--debug")
        .env("START_INTERRUPT_FILE", path)
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = BufReader::new(provider.stdout.take().ok_or("no stdout")?);
    let reattach_providers = stdout.lines().map_while(std::result::Result::ok).find_map(|line| {
        let value = line.trim().strip_prefix("Command Prompt:\tset \"TF_REATTACH_PROVIDERS=")?;
        Some(value.trim_end_matches('"').to_owned())
    });
    let reattach_providers = reattach_providers.ok_or("the output has no TF_REATTACH_PROVIDERS")?;
    for run in ["first", "second"] {
        let cloud = Simulator::start(CloudState::sample());
        let mut workspace = windows.workspace_without_key(&cloud);
        workspace.set_env("TF_REATTACH_PROVIDERS", &reattach_providers).set_env("TF_CLI_CONFIG_FILE", "");
        // The provider does not inherit the environment of Terraform.
        let key = &cloud.cloud_state().access_keys[0];
        let arguments = format!("  access_key = {:?}\n  secret_key = {:?}\n", key.id, key.secret);
        workspace.write_file("main.tf", &with_arguments(&cloud.terraform_configuration(), &arguments));
        run_terraform(&workspace, 0, &["apply", "-input=false", "-auto-approve"])
            .map_err(|error| format!("{run} run: {error}"))?;
        ensure(cloud.request_count(Route::Links) > 0, || format!("the {run} run read nothing"))?;
    }
    fs::write(interrupt_file, "")?;
    wait_until(|| Ok(provider.try_wait()?.is_some()))?;
    let status = provider.wait()?;
    ensure(status.success(), || format!("the process ended with {status}"))
}

/// Adds arguments to the provider block.
fn with_arguments(config: &str, arguments: &str) -> String {
    config.replace(PROVIDER_BLOCK, &format!("{PROVIDER_BLOCK}{arguments}"))
}

/// The configuration of the cloud with a project ID. Then the first request is the read.
fn config_with_project(cloud: &Simulator) -> String {
    let project = format!("  project_id = {:?}\n", cloud.cloud_state().projects[0].id);
    with_arguments(&cloud.terraform_configuration(), &project)
}

fn proxy(windows: &Windows) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let mut workspace = windows.workspace(&cloud);
    let config = config_with_project(&cloud).replace(&cloud.url(), "http://dds.example.com");
    workspace.write_file("main.tf", &config);
    workspace.set_env("HTTP_PROXY", cloud.url());
    // The simulator is not a proxy. The target of the request shows that the provider uses it as a proxy.
    let text = run_terraform(&workspace, 1, &["plan", "-input=false"])?;
    contains(&text, &["API Not Found"])?;
    let requests = cloud.recorded_requests();
    let target = requests.first().map(|request| request.request.target.as_str()).unwrap_or_default();
    ensure(target.starts_with("http://dds.example.com/v3/"), || format!("the target is {target:?}"))
}

fn https(windows: &Windows) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let tls_proxy = cloud.tls_proxy();
    let workspace = windows.workspace(&cloud);
    // Wine finds names in certificates, but no IP addresses.
    let url = tls_proxy.url().replace("127.0.0.1", "localhost");
    let config = config_with_project(&cloud).replace(&cloud.url(), &url);
    workspace.write_file("main.tf", &config);
    let text = run_terraform(&workspace, 1, &["plan", "-input=false"])?;
    contains(&text, &["Untrusted Certificate", "cacert_file"])?;
    ensure(cloud.request_count(Route::Links) == 0, || "an unknown CA was trusted".to_owned())?;
    let ca_file = workspace.file_path("ca.pem");
    workspace.write_file("ca.pem", tls_proxy.ca_certificate());
    let argument = format!("  cacert_file = {:?}\n", windows.wine.windows_path(&ca_file));
    workspace.write_file("main.tf", &with_arguments(&config, &argument));
    run_terraform(&workspace, 0, &["apply", "-input=false", "-auto-approve"])?;
    Ok(())
}
