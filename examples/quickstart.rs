//! The provider's main job, without a cloud: `cargo run --example quickstart`.
//!
//! Builds the provider, starts a simulated cloud on loopback and applies a configuration with the `terraform` or `tofu`
//! on the PATH, or the program that `TF_CLI` names. Where there is none, a plugin host of our own starts the provider as
//! Terraform would.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to the person who ran it"
)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use cloud_simulator::{CloudState, Simulator};
use plugin_host::{ClientIdentity, PluginCommand, TlsVersions, build_provider_and_example, connect};
use serde_json::{Value, json};
use terraform_runner::{TerraformCli, Workspace};

type Outcome = Result<(), Box<dyn Error>>;

const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe quick start failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    step("Building the provider");
    let (provider, _) = build_provider_and_example("quickstart")?;
    println!("{}", provider.display());
    step("Starting a simulated cloud");
    let cloud = Simulator::start(CloudState::sample());
    println!("{} serves IAM and DDS, and checks every signature.", cloud.url());
    match TerraformCli::find() {
        Some(core) => with_terraform(&core, &provider, &cloud),
        None => {
            step("Neither terraform nor tofu is on the PATH: a plugin host of our own takes its place");
            tokio::runtime::Runtime::new()?.block_on(with_host(&provider, &cloud))
        }
    }?;
    step("Done");
    println!(
        "The cloud was asked {} times. Next: `cargo run --example simulator` starts it for you to play with,\n\
         and README.md shows how to use the provider with your own account.",
        cloud.recorded_requests().len()
    );
    Ok(())
}

fn with_terraform(core: &TerraformCli, provider: &Path, cloud: &Simulator) -> Outcome {
    let mut workspace = Workspace::new(core, provider.parent().ok_or("no folder")?);
    // The key is in the environment, as it should be.
    let key = &cloud.cloud_state().access_keys[0];
    workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret);
    let text = cloud.terraform_configuration();
    step("The configuration");
    println!("{text}");
    workspace.write_config(&text);
    for (title, arguments) in [
        ("terraform plan", &["plan", "-input=false"][..]),
        ("terraform apply", &["apply", "-input=false", "-auto-approve"]),
        ("terraform output", &["output"]),
        ("terraform plan, once more: nothing has changed", &["plan", "-input=false", "-detailed-exitcode"]),
    ] {
        step(&format!("{title} ({core})"));
        let output = workspace.run(arguments);
        // The warning about the override says the same each time.
        let start = output.stdout.find("data.").or_else(|| output.stdout.find("certs =")).unwrap_or(0);
        println!("{}", output.stdout[start..].trim());
        if output.code != Some(0) {
            return Err(output.stderr.into());
        }
    }
    Ok(())
}

async fn with_host(provider: &Path, cloud: &Simulator) -> Outcome {
    let (url, key) = (cloud.url(), &cloud.cloud_state().access_keys[0]);
    let launch = PluginCommand::new(provider).env("HW_ACCESS_KEY", &key.id).env("HW_SECRET_KEY", &key.secret);
    let process = launch.start().await.map_err(|failed| failed.stderr)?;
    let host = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
    println!("Started in {:.1} ms, over mutual TLS.", process.startup_time.as_secs_f64() * 1000.0);
    let settings = json!({ "region": "cn-north-4", "endpoints": { "dds": url, "iam": url } });
    step("The provider's settings");
    println!("{settings:#}");
    let mut diagnostics = host.configure(settings).await?;
    let config = json!({ "instance_id": cloud.cloud_state().instances[0].id });
    let mut states: Vec<Option<Value>> = Vec::new();
    for title in ["Read", "Read once more: nothing has changed"] {
        step(&format!("{title}: data \"{DATA_SOURCE}\" {config}"));
        let reading = host.read(DATA_SOURCE, config.clone()).await?;
        diagnostics.extend(reading.diagnostics);
        println!("{:#}", reading.state.as_ref().unwrap_or(&Value::Null));
        states.push(reading.state);
    }
    host.shutdown().await;
    if let Some(diagnostic) = diagnostics.first() {
        return Err(format!("{}: {}", diagnostic.summary, diagnostic.detail).into());
    }
    if states[0] != states[1] { Err("two reads differ".into()) } else { Ok(()) }
}

fn step(title: &str) {
    println!("\n== {title}");
}
