//! Builds this repository's provider for tests and programs that start it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the provider with `cargo build`, in the profile of the running program. Returns the path of the executable.
pub fn build_provider() -> Result<PathBuf, String> {
    let directory = profile_directory()?;
    build(&directory, &["--bin", "terraform-provider-dds"])?;
    Ok(executable(directory.join("terraform-provider-dds")))
}

/// Builds the providers that `cargo xtask bench` measures without BINARY. Returns their paths.
///
/// They have the features of the tests, like the example in [`build_provider_and_example`].
pub fn build_bench_providers() -> Result<[PathBuf; 3], String> {
    let directory = profile_directory()?;
    let packages = ["--package", "terraform-provider-dds", "--package", "bench-floors"];
    let binaries = ["--bin", "terraform-provider-dds", "--bin", "constant_provider"];
    build(&directory, &[&packages[..], &binaries, &["--example", "minimal_provider"]].concat())?;
    let names = ["terraform-provider-dds", "examples/minimal_provider", "constant_provider"];
    Ok(names.map(|name| executable(directory.join(name))))
}

/// Builds the provider and an example. Returns the paths of both.
///
/// The build uses the features of the tests, so that nothing is built again during a test run.
pub fn build_provider_and_example(example: &str) -> Result<(PathBuf, PathBuf), String> {
    let directory = profile_directory()?;
    build(&directory, &["--bin", "terraform-provider-dds", "--example", example])?;
    Ok((
        executable(directory.join("terraform-provider-dds")),
        executable(directory.join("examples").join(example)),
    ))
}

/// Builds the development tasks (`cargo xtask`) and an example. Returns the paths of both.
///
/// Both are built together, so that they have the features of the tests.
pub fn build_xtask_and_example(example: &str) -> Result<(PathBuf, PathBuf), String> {
    let directory = profile_directory()?;
    let packages = ["--package", "xtask", "--package", "terraform-provider-dds"];
    build(&directory, &[packages.as_slice(), &["--bin", "xtask", "--example", example]].concat())?;
    Ok((executable(directory.join("xtask")), executable(directory.join("examples").join(example))))
}

fn build(directory: &Path, targets: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--locked"]).args(targets);
    command.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")]);
    command.arg("--target-dir").arg(directory.parent().unwrap_or(directory));
    if directory.ends_with("release") {
        command.arg("--release");
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build failed: {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}

/// The directory of the build profile, such as `target/debug`. Tests and examples are one level below it.
fn profile_directory() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let directory = program.parent().unwrap_or(&program);
    let is_below = directory.ends_with("deps") || directory.ends_with("examples");
    let directory = if is_below { directory.parent() } else { Some(directory) };
    directory.map(Path::to_owned).ok_or_else(|| format!("{} is not in a build directory", program.display()))
}

fn executable(path: PathBuf) -> PathBuf {
    path.with_extension(env::consts::EXE_EXTENSION)
}
