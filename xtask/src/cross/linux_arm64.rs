//! Builds the provider for `linux_arm64` as a static executable and runs it under QEMU.

use std::fs;

use cloud_simulator::{CloudState, Simulator};
use plugin_host::PluginCommand;
use terraform_runner::{TerraformCli, Workspace, write_script};

use super::checks::{Checks, check_arguments, check_commands, read_over_mutual_tls, set_access_key};
use super::toolchain::Toolchain;
use super::{Result, packages, quote};
use crate::package::build::check_executable;
use crate::package::platform::Platform;

/// Runs clippy, builds the provider and checks it.
pub async fn run(toolchain: &Toolchain) -> Result<()> {
    let target = toolchain.debian_arm64()?;
    toolchain.clippy(&target)?;
    let executable = toolchain.build(&target)?;
    check_executable(&fs::read(&executable)?, &executable, &Platform::from_triple(target.triple)?)?;

    // Terraform for this computer starts the script like a provider.
    let qemu = packages::debian(&toolchain.directory, "qemu")?.join("usr/bin/qemu-aarch64-static");
    let directory = toolchain.scripts("linux_arm64")?;
    let provider = directory.join(crate::package::NAME);
    write_script(&provider, &format!("exec {} {} \"$@\"", quote(&qemu), quote(&executable)))?;
    let cli = TerraformCli::find_or_install()?;
    println!("{cli} for this computer");

    let mut checks = Checks::default();
    checks.run("--help, unknown argument", async { check_arguments(&provider) }).await;
    let read = read_over_mutual_tls(PluginCommand::new(&provider), |address| address.starts_with('/'));
    checks.run("read over a Unix socket with mutual TLS", read).await;
    let lifecycle = async {
        let cloud = Simulator::start(CloudState::sample());
        let mut workspace = Workspace::new(&cli, &directory);
        set_access_key(&mut workspace, &cloud);
        check_commands(&cli, &workspace, &cloud)
    };
    checks.run("validate, plan, apply, second plan, destroy", lifecycle).await;
    checks.finish()
}
