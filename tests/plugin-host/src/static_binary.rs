//! Builds the provider of this repository as a static executable, which needs no shared library.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the provider for this machine, linked statically with the C library, and returns its path.
///
/// The build has a separate directory below the target directory of the caller, so that it does not invalidate other builds.
/// It uses the dev profile, which is faster to build and is linked in the same way, without debug information: packages of
/// it are a quarter of the size.
pub fn build_static_provider() -> Result<PathBuf, String> {
    let environment = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let target = format!("{}-unknown-linux-{environment}", env::consts::ARCH);
    let directory = target_directory()?.join("static");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--locked", "--bin", "terraform-provider-dds", "--target", &target]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")]);
    command.arg("--target-dir").arg(&directory);
    command.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static").env_remove("RUSTFLAGS");
    command.env("CARGO_PROFILE_DEV_DEBUG", "none").env("CARGO_PROFILE_DEV_STRIP", "symbols");
    match command.status() {
        Ok(status) if status.success() => {
            Ok(directory.join(target).join("debug").join("terraform-provider-dds"))
        }
        Ok(status) => Err(format!(
            "the static build failed ({status}): install the static C library, which is in the package libc6-dev or glibc-static"
        )),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

/// The target directory of the running program.
fn target_directory() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let is_profile = |directory: &&Path| directory.join("deps").is_dir() && directory.join("build").is_dir();
    let profile = program.ancestors().skip(1).find(is_profile);
    let directory = profile.and_then(Path::parent);
    directory.map(Path::to_owned).ok_or_else(|| format!("{} is not in a target directory", program.display()))
}
