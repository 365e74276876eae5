//! linux_arm64: linked statically with Debian's glibc, and run under qemu against the simulated cloud.

use std::fs;
use std::time::Duration;

use cloud_simulator::{CloudState, Simulator};
use plugin_host::{PluginCommand, connect_with_tls_session};
use serde_json::json;
use terraform_runner::{TerraformCli, Workspace, write_script};

use super::toolchain::{self, Toolchain};
use super::{DATA_SOURCE, PROVIDER, Result, has_links, packages, quoted};

/// Emulated code is some ten times slower.
const LIMIT: Duration = Duration::from_secs(60);

/// Checks the sources by clippy, builds the executable, and runs it under a plugin host and a real core.
pub(super) async fn run(toolchain: &Toolchain) -> Result<()> {
    let target = toolchain::arm64(&toolchain.home)?;
    toolchain.clippy(&target)?;
    let executable = toolchain.build(&target)?;
    let header = fs::read(&executable)?;
    // No name of an interpreter: the executable is static.
    if header.windows(9).any(|bytes| bytes == b"/ld-linux") {
        return Err("the executable needs a dynamic linker".into());
    }
    let emulator = packages::debian(&toolchain.home, "qemu")?.join("usr/bin/qemu-aarch64-static");
    let plugins = toolchain.home.join("programs/linux_arm64");
    fs::create_dir_all(&plugins)?;
    let provider = plugins.join(PROVIDER);
    write_script(&provider, &format!("exec {} {} \"$@\"", quoted(&emulator), quoted(&executable)))?;

    let cloud = Simulator::start(CloudState::sample());
    let launch = PluginCommand::new(&provider).start_timeout(LIMIT);
    let mut process =
        launch.start().await.map_err(|failed| format!("{}: {}", failed.reason, failed.stderr))?;
    let (connection, session) = connect_with_tls_session(&process).await?;
    connection.configure(cloud.provider_config()).await?;
    for instance in &cloud.cloud_state().instances[..1] {
        let answer = connection.read(DATA_SOURCE, json!({ "instance_id": instance.id })).await?;
        let state = answer.state.ok_or_else(|| format!("no state, but {:?}", answer.diagnostics))?;
        has_links(&state["certs"], &cloud)?;
    }
    let (status, _) = process.shut_down(connection, LIMIT).await.ok_or("the process did not end")?;
    if !status.success() {
        return Err(format!("the process ended with {status}").into());
    }
    println!(
        "ok      handshake, {}, read, shutdown",
        session.map(|session| session.version).unwrap_or_default()
    );

    let core = TerraformCli::find_or_install()?;
    let mut workspace = Workspace::new(&core, &plugins);
    let key = &cloud.cloud_state().access_keys[0];
    workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret);
    workspace.write_file("main.tf", &cloud.terraform_configuration());
    for (arguments, code) in [
        (&["plan", "-input=false", "-detailed-exitcode", "-out=saved"][..], 2),
        (&["apply", "-input=false", "saved"], 0),
        (&["plan", "-input=false", "-detailed-exitcode"], 0),
    ] {
        let output = workspace.run(arguments);
        if output.code != Some(code) {
            return Err(format!("{core} {arguments:?}: {output:?}").into());
        }
    }
    has_links(&workspace.outputs()["certs"], &cloud)?;
    println!("ok      plan, apply, second plan with {core}");
    Ok(())
}
