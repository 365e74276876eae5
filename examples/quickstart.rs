//! The quick start: reads certificate links from a simulated cloud. Run it with `cargo run --example quickstart`.
//!
//! It builds the provider, starts a simulated cloud and applies a configuration with Terraform or OpenTofu: the program in
//! `TF_CLI`, or else `terraform` or `tofu` on the `PATH`. If there is none, or if it does not run, a built-in plugin host
//! starts the provider instead.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints to the terminal")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use cloud_simulator::{CloudState, Simulator};
use plugin_host::{ClientIdentity, PluginCommand, TlsVersions, build_provider_and_example, connect};
use serde_json::{Value, json};
use terraform_runner::{TerraformCli, Workspace};

type Result = std::result::Result<(), Box<dyn Error>>;

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

fn run() -> Result {
    step("Building the provider");
    let (provider, _) = build_provider_and_example("quickstart")?;
    println!("{}", provider.display());
    step("Starting a simulated cloud");
    let cloud = Simulator::start(CloudState::sample());
    println!("{} simulates IAM and DDS, and verifies every signature.", cloud.url());
    match TerraformCli::installed() {
        Ok(Some(cli)) => run_terraform(&cli, &provider, &cloud),
        Ok(None) => run_plugin_host("terraform and tofu are not on the PATH.", &provider, &cloud),
        Err(error) => run_plugin_host(&format!("{error}."), &provider, &cloud),
    }?;
    step("Done");
    println!(
        "The cloud received {} requests. Next: run `cargo run --example simulator` to try your own configurations.\n\
         README.md describes how to use the provider with your account.",
        cloud.recorded_requests().len()
    );
    Ok(())
}

fn run_terraform(cli: &TerraformCli, provider: &Path, cloud: &Simulator) -> Result {
    let mut workspace = Workspace::new(cli, provider.parent().ok_or("the provider has no directory")?);
    // The access key is in the environment, not in the configuration.
    let key = &cloud.cloud_state().access_keys[0];
    workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret);
    let config = cloud.terraform_configuration();
    step("Configuration (main.tf)");
    print!("{config}");
    workspace.write_file("main.tf", &config);
    let command = cli.command_name();
    for (title, arguments) in [
        ("plan", &["plan", "-input=false"][..]),
        ("apply", &["apply", "-input=false", "-auto-approve"]),
        ("output -json certs", &["output", "-json", "certs"]),
        ("plan (second time: no changes)", &["plan", "-input=false", "-detailed-exitcode"]),
    ] {
        step(&format!("{command} {title}, {cli}"));
        let output = workspace.run(arguments);
        // Leaves out the warning about the development override, which every command prints.
        let start = output.stdout.find("data.").unwrap_or(0);
        println!("{}", output.stdout[start..].trim());
        if output.code != Some(0) {
            return Err(format!("{command} {} failed.\n{}", arguments.join(" "), output.stderr).into());
        }
    }
    Ok(())
}

fn run_plugin_host(reason: &str, provider: &Path, cloud: &Simulator) -> Result {
    step("Using the built-in plugin host instead of Terraform");
    println!("{reason}");
    tokio::runtime::Runtime::new()?.block_on(read_twice(provider, cloud))
}

async fn read_twice(provider: &Path, cloud: &Simulator) -> Result {
    let (url, key) = (cloud.url(), &cloud.cloud_state().access_keys[0]);
    let command =
        PluginCommand::new(provider).env("HW_ACCESS_KEY", &key.id).env("HW_SECRET_KEY", &key.secret);
    let process = command.start().await?;
    let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await?;
    println!(
        "The provider started in {:.1} ms. The connection uses mutual TLS.",
        process.startup_time.as_secs_f64() * 1000.0
    );
    let provider_config = json!({ "region": "cn-north-4", "endpoints": { "dds": url, "iam": url } });
    step("Provider configuration");
    println!("{provider_config:#}");
    let mut diagnostics = connection.configure(provider_config).await?;
    let config = json!({ "instance_id": cloud.cloud_state().instances[0].id });
    let mut states: Vec<Option<Value>> = Vec::new();
    for title in ["First read", "Second read: no changes"] {
        step(&format!("{title} (data \"{DATA_SOURCE}\" {config})"));
        let response = connection.read(DATA_SOURCE, config.clone()).await?;
        diagnostics.extend(response.diagnostics);
        println!("{:#}", response.state.as_ref().unwrap_or(&Value::Null));
        states.push(response.state);
    }
    connection.shutdown().await;
    if let Some(diagnostic) = diagnostics.first() {
        return Err(format!("{}: {}", diagnostic.summary, diagnostic.detail).into());
    }
    if states[0] != states[1] { Err("the two reads returned different states".into()) } else { Ok(()) }
}

fn step(title: &str) {
    println!("\n== {title}");
}
