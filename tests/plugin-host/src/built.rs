//! The provider's executable, built for an example.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Builds the provider in the profile of the running example, with the same features, so that nothing is built twice.
pub fn provider(example: &str) -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let folder =
        program.parent().and_then(|examples| examples.parent()).ok_or("an example in no build folder")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--bin", "terraform-provider-dds", "--example", example]);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    match command.status() {
        Ok(status) if status.success() => {
            Ok(folder.join("terraform-provider-dds").with_extension(env::consts::EXE_EXTENSION))
        }
        Ok(status) => Err(format!("cargo build failed: {status}")),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}
