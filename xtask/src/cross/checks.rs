//! Checks of the provider for another platform, with the cloud simulator.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cloud_simulator::{CloudState, Simulator};
use plugin_host::{
    ClientIdentity, Connection, PluginCommand, TlsVersions, connect, connect_with_tls_session,
};
use serde_json::json;
use terraform_runner::{TerraformCli, Workspace};

use super::Result;
use crate::matrix;

/// The type name of the data source.
const TYPE_NAME: &str = "dds_ssl_cert_download_links";

/// A timeout that is long enough for emulated programs on a busy computer.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs checks and counts failures.
#[derive(Default)]
pub struct Checks {
    failed: usize,
}

impl Checks {
    /// Runs a check and prints its result.
    pub async fn run(&mut self, name: &str, check: impl Future<Output = Result<()>>) {
        let start = Instant::now();
        let result = check.await;
        let time = start.elapsed().as_secs_f32();
        match result {
            Ok(()) => println!("ok      {name} ({time:.1} s)"),
            Err(error) => {
                self.failed += 1;
                println!("FAILED  {name} ({time:.1} s): {error}");
            }
        }
    }

    /// Fails if a check failed.
    pub fn finish(self) -> Result<()> {
        ensure(self.failed == 0, || format!("{} checks failed", self.failed))
    }
}

/// Returns an error with the message if the condition is false.
pub fn ensure(condition: bool, message: impl FnOnce() -> String) -> Result<()> {
    if condition { Ok(()) } else { Err(message().into()) }
}

/// Checks the output and exit code of `--help` and of an unknown argument.
pub fn check_arguments(provider: &Path) -> Result<()> {
    for (argument, code) in [("--help", 0), ("--unknown", 2)] {
        let output = Command::new(provider).arg(argument).output()?;
        let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        let text = if code == 0 { &stdout } else { &stderr };
        ensure(output.status.code() == Some(code) && text.contains(argument), || {
            format!("{argument}: {}, {stdout:?}, {stderr:?}", output.status)
        })?;
    }
    Ok(())
}

/// Reads with mutual TLS as a plugin host. Clients without the certificate of the host must be rejected.
pub async fn read_over_mutual_tls(
    command: PluginCommand,
    is_expected_address: impl Fn(&str) -> bool,
) -> Result<()> {
    let cloud = Simulator::start(CloudState::sample());
    let process = command.start_timeout(TIMEOUT).start().await?;
    let address = &process.handshake.address;
    ensure(is_expected_address(address), || format!("the address is {address}"))?;
    for identity in [ClientIdentity::NoCertificate, ClientIdentity::OtherCertificate] {
        let accepted = connect(&process, identity, TlsVersions::All).await.is_ok();
        ensure(!accepted, || format!("a client with {identity:?} was accepted"))?;
    }
    let (connection, session) = connect_with_tls_session(&process).await?;
    let version = session.map(|session| session.version).unwrap_or_default();
    ensure(version == "TLSv1_3", || format!("the TLS version is {version:?}"))?;
    connection.configure(cloud.provider_config()).await?;
    check_read(&connection, &cloud).await?;
    shut_down(process, connection).await
}

/// Reads the first instance and compares the result with the cloud.
pub async fn check_read(connection: &Connection, cloud: &Simulator) -> Result<()> {
    let instance = &cloud.cloud_state().instances[0];
    let response = connection.read(TYPE_NAME, json!({ "instance_id": instance.id })).await?;
    let state = response.state.ok_or_else(|| format!("no state, but {:?}", response.diagnostics))?;
    ensure(state["certs"] == matrix::expected_certificates(cloud), || format!("the state is {state}"))
}

/// Ends the process as Terraform does. Fails if its exit code is not 0.
pub async fn shut_down(mut process: plugin_host::Process, connection: Connection) -> Result<()> {
    let (status, _) = process.shut_down(connection, TIMEOUT).await.ok_or("the process did not end")?;
    ensure(status.success(), || format!("the process ended with {status}"))
}

/// Runs all commands of Terraform from validate to destroy.
pub fn check_commands(cli: &TerraformCli, workspace: &Workspace, cloud: &Simulator) -> Result<()> {
    for result in matrix::run_commands(cli, workspace, cloud) {
        result?;
    }
    Ok(())
}

/// Sets the access key of the cloud.
pub fn set_access_key(workspace: &mut Workspace, cloud: &Simulator) {
    let key = &cloud.cloud_state().access_keys[0];
    workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret);
}
