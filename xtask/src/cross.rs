//! The provider for other platforms: `cargo xtask cross [TARGET…]`.
//!
//! Every target is checked by clippy, tests included. Then `linux_arm64` is built and runs under qemu, `windows_amd64` is
//! built and runs under Wine, both against the simulated cloud; macOS and FreeBSD have no linker here. Compilers and
//! emulators are Debian's and PyPI's, of exact versions, and are unpacked below `target/cross/`. Nothing is installed.

mod linux_arm64;
mod packages;
mod toolchain;
mod windows;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use cloud_simulator::Simulator;
use serde_json::{Value, json};
use toolchain::Toolchain;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The data source that is read.
const DATA_SOURCE: &str = "dds_ssl_cert_download_links";

/// The name of the provider's executable.
const PROVIDER: &str = "terraform-provider-dds";

/// The targets by their names in the registry, each with what is done for it.
const TARGETS: [&str; 4] = ["windows_amd64", "linux_arm64", "darwin_arm64", "freebsd_amd64"];

/// Builds and checks the named targets, or all of them.
pub async fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| !TARGETS.contains(&argument.as_str())) {
        return Ok(crate::usage_error(&format!("The targets are {}.", TARGETS.join(", "))));
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("The compilers for other platforms run on Linux on amd64 only.".into());
    }
    let home = Path::new(ROOT).join("target/cross");
    std::fs::create_dir_all(&home)?;
    let home = home.canonicalize()?;
    let toolchain = Toolchain::install(&home)?;
    let wanted =
        TARGETS.into_iter().filter(|name| arguments.is_empty() || arguments.iter().any(|it| it == name));
    let mut failures = Vec::new();
    for name in wanted {
        println!("\n== {name}");
        let started = Instant::now();
        let result = match name {
            "windows_amd64" => windows::run(&toolchain).await,
            "linux_arm64" => linux_arm64::run(&toolchain).await,
            "darwin_arm64" => {
                toolchain.clippy(&toolchain::zig(&home, "aarch64-apple-darwin", "aarch64-macos")?)
            }
            _ => toolchain.clippy(&toolchain::zig(&home, "x86_64-unknown-freebsd", "x86_64-freebsd")?),
        };
        match result {
            Ok(()) => println!("{name} is good ({} s)", started.elapsed().as_secs()),
            Err(error) => {
                eprintln!("{name}: {error}");
                failures.push(name);
            }
        }
    }
    if failures.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!("Failed: {}", failures.join(", ")).into())
}

/// Runs a program to its end. An error has what it printed to stderr.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("{program} is not on the PATH. Install it, and run this again.")
        }
        _ => format!("{program}: {error}"),
    })?;
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{program} failed ({}): {} {}", output.status, text(&output.stderr), text(&output.stdout))
        .into())
}

/// Runs a program that shows its progress to the person at the terminal.
fn show(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}").into()),
        Err(error) => Err(format!("{program}: {error}").into()),
    }
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r#"'"'"'"#))
}

/// Fails unless these are the links of the cloud's first instance.
fn has_links(certificates: &Value, cloud: &Simulator) -> Result<()> {
    let expected = cloud.cloud_state().instances[0].certificates.iter();
    let expected: Vec<_> =
        expected.map(|it| json!({ "category": it.category, "download_link": it.download_link })).collect();
    if expected.is_empty() || *certificates != json!(expected) {
        return Err(format!("the links are {certificates}").into());
    }
    Ok(())
}

/// The size of an executable, and where it is.
fn report(executable: &Path) -> Result<PathBuf> {
    let size = std::fs::metadata(executable)?.len();
    println!("built {} ({size} bytes)", executable.display());
    Ok(executable.to_owned())
}
