//! Builds this repository's provider, for programs and tests that start it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the provider in the profile of the running program, as `cargo build` does, and returns its path.
pub fn build_provider() -> Result<PathBuf, String> {
    let folder = profile_folder()?;
    build(&folder, &["--bin", "terraform-provider-dds"])?;
    Ok(executable(folder.join("terraform-provider-dds")))
}

/// Builds the provider and an example beside it, and returns the paths of both.
///
/// The features are those of the tests: within a test run nothing is built again.
pub fn build_provider_and_example(example: &str) -> Result<(PathBuf, PathBuf), String> {
    let folder = profile_folder()?;
    build(&folder, &["--bin", "terraform-provider-dds", "--example", example])?;
    Ok((executable(folder.join("terraform-provider-dds")), executable(folder.join("examples").join(example))))
}

fn build(folder: &Path, targets: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--locked"]).args(targets);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")]);
    command.arg("--target-dir").arg(folder.parent().unwrap_or(folder));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build failed: {status}")),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

/// The folder of the profile that the running program was built in. Tests and examples are one level below it.
fn profile_folder() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let folder = program.parent().unwrap_or(&program);
    let below = folder.ends_with("deps") || folder.ends_with("examples");
    let folder = if below { folder.parent() } else { Some(folder) };
    folder.map(Path::to_owned).ok_or_else(|| format!("{} is in no build folder", program.display()))
}

fn executable(path: PathBuf) -> PathBuf {
    path.with_extension(env::consts::EXE_EXTENSION)
}
