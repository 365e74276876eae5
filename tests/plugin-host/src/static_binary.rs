//! Builds this repository's provider as a static executable, which runs without any library of the system.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the provider for this machine with its C library linked statically, and returns its path.
///
/// It has a target folder of its own, below the caller's: nothing of another build is built again. The dev profile is
/// enough for what only depends on how it is linked.
pub fn build_static_provider() -> Result<PathBuf, String> {
    let environment = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let target = format!("{}-unknown-linux-{environment}", env::consts::ARCH);
    let folder = target_folder()?.join("static");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--locked", "--bin", "terraform-provider-dds", "--target", &target]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")]);
    command.arg("--target-dir").arg(&folder);
    command.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static").env_remove("RUSTFLAGS");
    match command.status() {
        Ok(status) if status.success() => {
            Ok(folder.join(target).join("debug").join("terraform-provider-dds"))
        }
        Ok(status) => Err(format!(
            "the static build failed ({status}): it needs the C library's static part, from libc6-dev or glibc-static"
        )),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

/// The folder that the running test or program was built in, above that of its profile.
fn target_folder() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let is_profile = |folder: &&Path| folder.join("deps").is_dir() && folder.join("build").is_dir();
    let profile = program.ancestors().skip(1).find(is_profile);
    let folder = profile.and_then(Path::parent);
    folder.map(Path::to_owned).ok_or_else(|| format!("{} is in no build folder", program.display()))
}
