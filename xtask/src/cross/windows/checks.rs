//! What the executable for Windows must do: under a plugin host, and under a real core for Windows.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::{
    ClientIdentity, Connection, PluginCommand, Process, TlsVersions, connect, connect_with_tls_session,
};
use serde_json::{Value, json};
use terraform_runner::{TerraformCli, Workspace};

use super::super::{DATA_SOURCE, Result, has_links};
use super::wine::Wine;

/// Longer than any single step takes under Wine on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// How long the cloud lets a read wait that is interrupted meanwhile.
const SLOW: Duration = Duration::from_secs(4);

/// A Windows with a core and the provider.
pub(super) struct Scene {
    pub(super) wine: Wine,
    pub(super) core: TerraformCli,
    /// A Unix program that starts the provider.
    pub(super) provider: PathBuf,
    /// The folder with the provider's executable.
    pub(super) plugins: PathBuf,
}

type Check<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Runs all checks and fails if one does.
pub(super) async fn run(scene: &Scene) -> Result<()> {
    let checks: [(&str, Check<'_>); 9] = [
        ("--help and an unknown argument", Box::pin(async { help(scene) })),
        ("handshake over TCP, in the port range, with mutual TLS", Box::pin(handshake(scene))),
        ("validate, plan, apply, second plan, destroy", Box::pin(async { lifecycle(scene) })),
        ("error at its place in the configuration", Box::pin(async { wrong_id(scene) })),
        ("Ctrl-C during a read, which succeeds", Box::pin(interrupted_read(scene))),
        ("Ctrl-C during a plan, which ends", Box::pin(async { interrupted_plan(scene) })),
        ("files below %USERPROFILE%", Box::pin(async { user_files(scene) })),
        ("--debug, a plan by TF_REATTACH_PROVIDERS, Ctrl-C", Box::pin(async { debug(scene) })),
        ("proxy, https with cacert_file", Box::pin(async { network(scene) })),
    ];
    let mut failed = 0;
    for (name, check) in checks {
        let started = Instant::now();
        let result = check.await;
        let time = started.elapsed().as_secs_f32();
        match result {
            Ok(()) => println!("ok      {name} ({time:.1} s)"),
            Err(error) => {
                failed += 1;
                println!("FAILED  {name} ({time:.1} s): {error}");
            }
        }
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} checks failed under Wine").into()) }
}

/// An error with the text unless the condition holds.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

impl Scene {
    fn launch(&self) -> PluginCommand {
        PluginCommand::new(&self.provider).start_timeout(LIMIT)
    }

    async fn start(&self, launch: PluginCommand) -> Result<Process> {
        launch.start().await.map_err(|failed| format!("{}: {}", failed.reason, failed.stderr).into())
    }

    /// A folder for the core, with the key of the cloud in the environment.
    fn workspace(&self, cloud: &Simulator) -> Workspace {
        let mut workspace = self.workspace_without_key();
        let key = &cloud.cloud_state().access_keys[0];
        workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret);
        workspace.write_file("main.tf", &cloud.terraform_configuration());
        workspace
    }

    fn workspace_without_key(&self) -> Workspace {
        let mut workspace = Workspace::new(&self.core, Path::new(&self.wine.windows_path(&self.plugins)));
        let settings = self.wine.windows_path(&workspace.file_path("cli.tfrc"));
        workspace.set_env("TF_CLI_CONFIG_FILE", settings);
        workspace
    }

    /// A file whose appearance presses Ctrl-C, and its path for Windows.
    fn interrupt_file(&self) -> Result<(PathBuf, String)> {
        let file = self.wine.user_folder().join("interrupt");
        if file.exists() {
            fs::remove_file(&file)?;
        }
        let path = self.wine.windows_path(&file);
        Ok((file, path))
    }
}

fn help(scene: &Scene) -> Result<()> {
    let run = |argument: &str| Command::new(&scene.provider).arg(argument).output();
    let output = run("--help")?;
    let text = String::from_utf8(output.stdout)?;
    ensure(output.status.success() && text.contains("--debug"), || format!("--help printed {text:?}"))?;
    let output = run("--unknown")?;
    let text = String::from_utf8(output.stderr)?;
    ensure(output.status.code() == Some(2) && text.contains("--unknown"), || format!("it printed {text:?}"))
}

async fn handshake(scene: &Scene) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    // The first port is taken, so that the next one has to be found.
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let first = taken.local_addr()?.port();
    let last = first.saturating_add(50);
    let launch =
        scene.launch().env("PLUGIN_MIN_PORT", first.to_string()).env("PLUGIN_MAX_PORT", last.to_string());
    let mut process = scene.start(launch).await?;
    let shown = &process.handshake;
    let port = shown.address.strip_prefix("127.0.0.1:").and_then(|port| port.parse().ok()).unwrap_or(0);
    ensure(shown.network == "tcp" && (first + 1..=last).contains(&port), || format!("it printed {shown:?}"))?;
    for identity in [ClientIdentity::NoCertificate, ClientIdentity::OtherCertificate] {
        let refused = connect(&process, identity, TlsVersions::All).await.is_err();
        ensure(refused, || format!("a client with the identity {identity:?} was served"))?;
    }
    let (connection, session) = connect_with_tls_session(&process).await?;
    let version = session.map(|session| session.version).unwrap_or_default();
    ensure(version == "TLSv1_3", || format!("TLS of version {version:?}"))?;
    connection.configure(cloud.provider_config()).await?;
    reads(&connection, &cloud).await?;
    let end = process.shut_down(connection, LIMIT).await.ok_or("the process did not end")?;
    ensure(end.0.success(), || format!("the process ended with {}", end.0))
}

/// Fails unless the cloud's certificates are read.
async fn reads(connection: &Connection, cloud: &Simulator) -> Result<()> {
    let instance = &cloud.cloud_state().instances[0];
    let answer = connection.read(DATA_SOURCE, json!({ "instance_id": instance.id })).await?;
    let state = answer.state.ok_or_else(|| format!("no state, but {:?}", answer.diagnostics))?;
    has_links(&state["certs"], cloud)
}

/// Runs the core, which must end with the code, and returns all that it printed.
fn ends_with(workspace: &Workspace, code: i32, arguments: &[&str]) -> Result<String> {
    let output = workspace.run(arguments);
    let text = format!("{}{}", output.stdout, output.stderr);
    ensure(output.code == Some(code), || format!("{arguments:?} ended with {:?}: {text}", output.code))?;
    Ok(text)
}

/// Fails unless the text has all the parts. Core breaks lines.
fn has(text: &str, parts: &[&str]) -> Result<()> {
    let flat = text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let missing: Vec<_> = parts.iter().filter(|part| !flat.contains(**part)).collect();
    ensure(missing.is_empty(), || format!("{missing:?} is not in {text}"))
}

fn lifecycle(scene: &Scene) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let workspace = scene.workspace(&cloud);
    ends_with(&workspace, 0, &["validate"])?;
    ends_with(&workspace, 2, &["plan", "-input=false", "-detailed-exitcode", "-out=saved"])?;
    ends_with(&workspace, 0, &["apply", "-input=false", "saved"])?;
    let outputs: Value = serde_json::from_str(&ends_with(&workspace, 0, &["output", "-json"])?)?;
    has_links(&outputs["certs"]["value"], &cloud)?;
    ends_with(&workspace, 0, &["plan", "-input=false", "-detailed-exitcode"])?;
    ends_with(&workspace, 0, &["destroy", "-input=false", "-auto-approve"]).map(drop)
}

fn wrong_id(scene: &Scene) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let workspace = scene.workspace(&cloud);
    let known = &cloud.cloud_state().instances[0].id;
    workspace.write_file(
        "main.tf",
        &cloud.terraform_configuration().replace(known, "00000000000000000000000000000000in02"),
    );
    let text = ends_with(&workspace, 1, &["plan", "-input=false"])?;
    has(&text, &["Instance Not Found", "on main.tf line", "instance_id"])
}

async fn interrupted_read(scene: &Scene) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(SLOW));
    let (file, path) = scene.interrupt_file()?;
    let mut process = scene.start(scene.launch().env("CHECK_INTERRUPT_FILE", path)).await?;
    let (connection, _) = connect_with_tls_session(&process).await?;
    connection.configure(cloud.provider_config()).await?;
    let interrupt = async {
        reached(&cloud, Route::Links).await?;
        Ok(fs::write(file, "")?)
    };
    let (read, interrupted) = tokio::join!(reads(&connection, &cloud), interrupt);
    interrupted.and(read)?;
    // Nor does the process end afterwards.
    reads(&connection, &cloud).await?;
    let end = process.shut_down(connection, LIMIT).await.ok_or("the process did not end")?;
    ensure(end.0.success(), || format!("the process ended with {}", end.0))
}

async fn reached(cloud: &Simulator, route: Route) -> Result<()> {
    let started = Instant::now();
    while cloud.request_count(route) == 0 {
        ensure(started.elapsed() < LIMIT, || format!("no request arrived at {route:?}"))?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn interrupted_plan(scene: &Scene) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::NoResponse);
    let mut workspace = scene.workspace(&cloud);
    let (file, path) = scene.interrupt_file()?;
    workspace.set_env("CHECK_INTERRUPT_FILE", path);
    let run = workspace.spawn(&["plan", "-input=false"]);
    let started = Instant::now();
    while cloud.request_count(Route::Links) == 0 {
        ensure(started.elapsed() < LIMIT, || "the read never began".to_owned())?;
        std::thread::sleep(Duration::from_millis(10));
    }
    let interrupted = Instant::now();
    fs::write(file, "")?;
    let output = run.wait();
    let time = interrupted.elapsed();
    ensure(output.code == Some(1) && time < Duration::from_secs(10), || {
        format!("after {time:?}: {output:?}")
    })?;
    has(&output.stderr, &["Operation Cancelled"])
}

fn user_files(scene: &Scene) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let key = &cloud.cloud_state().access_keys[0];
    let profile =
        json!({ "profiles": [{ "name": "default", "accessKeyId": key.id, "secretAccessKey": key.secret }] });
    for (folder, name, text) in [
        (".hcloud", "config.json", profile.to_string()),
        (".huaweicloud", "credentials", format!("[basic]\r\nak = {}\r\nsk = {}\r\n", key.id, key.secret)),
    ] {
        let folder = scene.wine.user_folder().join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), text)?;
        cloud.clear_recorded_requests();
        let workspace = scene.workspace_without_key();
        workspace.write_file("main.tf", &cloud.terraform_configuration());
        let result = ends_with(&workspace, 0, &["plan", "-input=false"]);
        fs::remove_dir_all(folder)?;
        result?;
        let signed = cloud.recorded_requests().iter().any(|request| {
            request.request.header("authorization").is_some_and(|header| header.contains(&key.id))
        });
        ensure(signed, || format!("no request was signed with the key of {name}"))?;
    }
    Ok(())
}

fn debug(scene: &Scene) -> Result<()> {
    let (file, path) = scene.interrupt_file()?;
    let mut command = Command::new(&scene.provider);
    command.arg("--debug").env("CHECK_INTERRUPT_FILE", path).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut provider = command.spawn()?;
    let result = reattached(scene, &mut provider, &file);
    if result.is_err() {
        provider.kill()?;
    }
    result
}

fn reattached(scene: &Scene, provider: &mut Child, interrupt: &Path) -> Result<()> {
    let stdout = provider.stdout.take().ok_or("no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let assignment = loop {
        let line = lines.next().ok_or("it printed no assignment")??;
        if let Some(text) = line.trim().strip_prefix("Command Prompt:\tset \"TF_REATTACH_PROVIDERS=") {
            break text.trim_end_matches('"').to_owned();
        }
    };
    for run in ["first", "second"] {
        let cloud = Simulator::start(CloudState::sample());
        let mut workspace = scene.workspace_without_key();
        workspace.set_env("TF_REATTACH_PROVIDERS", &assignment).set_env("TF_CLI_CONFIG_FILE", "");
        // The provider does not see the environment of the core.
        let key = &cloud.cloud_state().access_keys[0];
        let key =
            format!("provider \"dds\" {{\n  access_key = {:?}\n  secret_key = {:?}\n", key.id, key.secret);
        workspace
            .write_file("main.tf", &cloud.terraform_configuration().replace("provider \"dds\" {\n", &key));
        ends_with(&workspace, 0, &["apply", "-input=false", "-auto-approve"])
            .map_err(|it| format!("{run}: {it}"))?;
        ensure(cloud.request_count(Route::Links) > 0, || format!("the {run} run read nothing"))?;
    }
    fs::write(interrupt, "")?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = provider.try_wait()? {
            break status;
        }
        ensure(started.elapsed() < LIMIT, || "Ctrl-C did not end it".to_owned())?;
        std::thread::sleep(Duration::from_millis(20));
    };
    ensure(status.success(), || format!("it ended with {status}"))
}

fn network(scene: &Scene) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let project = format!("provider \"dds\" {{\n  project_id = {:?}\n", cloud.cloud_state().projects[0].id);
    let configuration = cloud.terraform_configuration().replace("provider \"dds\" {\n", &project);
    let mut workspace = scene.workspace(&cloud);
    workspace.write_file("main.tf", &configuration.replace(&cloud.url(), "http://dds.example.com"));
    workspace.set_env("HTTP_PROXY", cloud.url());
    // The simulated cloud is no proxy. What it is asked for shows that it was taken for one.
    let text = ends_with(&workspace, 1, &["plan", "-input=false"])?;
    has(&text, &["API Not Found"])?;
    let target = cloud.recorded_requests().first().map(|it| it.request.target.clone()).unwrap_or_default();
    ensure(target.starts_with("http://dds.example.com/v3/"), || {
        format!("the proxy was asked for {target:?}")
    })?;

    cloud.clear_recorded_requests();
    let front = cloud.tls_proxy();
    let workspace = scene.workspace(&cloud);
    // Wine looks for names in certificates, but not for addresses.
    let behind = configuration.replace(&cloud.url(), &front.url().replace("127.0.0.1", "localhost"));
    workspace.write_file("main.tf", &behind);
    let text = ends_with(&workspace, 1, &["plan", "-input=false"])?;
    has(&text, &["Untrusted Certificate", "cacert_file"])?;
    ensure(cloud.request_count(Route::Links) == 0, || {
        "a server of an unknown authority was trusted".to_owned()
    })?;
    let authority = workspace.file_path("authority.pem");
    workspace.write_file("authority.pem", front.ca_certificate());
    let trusted = format!("provider \"dds\" {{\n  cacert_file = {:?}\n", scene.wine.windows_path(&authority));
    workspace.write_file("main.tf", &behind.replace("provider \"dds\" {\n", &trusted));
    ends_with(&workspace, 0, &["apply", "-input=false", "-auto-approve"]).map(drop)
}
