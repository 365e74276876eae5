//! Builds and checks the provider for other platforms: `cargo xtask cross [TARGET…]`.
//!
//! Clippy checks all members of the workspace and their tests for each target. The provider for `linux_arm64` also runs
//! under QEMU, and the one for `windows_amd64` under Wine, with the cloud simulator and real Terraform. The compilers and
//! emulators are packages of exact versions. They are unpacked in `target/cross/`, and nothing is installed.

mod checks;
mod linux_arm64;
mod packages;
mod toolchain;
mod windows;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::package::dependencies::output;
use toolchain::Toolchain;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The root directory of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The targets, named as in registries.
const TARGETS: [&str; 4] = ["linux_arm64", "windows_amd64", "darwin_arm64", "freebsd_amd64"];

/// Checks these targets, or all of them.
pub async fn run(targets: &[String]) -> Result<ExitCode> {
    if targets.iter().any(|target| !TARGETS.contains(&target.as_str())) {
        return Ok(crate::usage_error(&format!("The targets are {}.", TARGETS.join(", "))));
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(
            "The compilers for other platforms run only on Linux on amd64. Use such a computer.".into()
        );
    }
    let directory = Path::new(ROOT).join("target/cross");
    std::fs::create_dir_all(&directory)?;
    let toolchain = Toolchain::unpack(&directory.canonicalize()?)?;
    let mut failed = Vec::new();
    for target in TARGETS {
        if !targets.is_empty() && !targets.iter().any(|name| name == target) {
            continue;
        }
        println!("\n== {target}");
        let start = Instant::now();
        let result = match target {
            "linux_arm64" => linux_arm64::run(&toolchain).await,
            "windows_amd64" => windows::run(&toolchain).await,
            "darwin_arm64" => toolchain
                .zig("aarch64-apple-darwin", "aarch64-macos")
                .and_then(|target| toolchain.clippy(&target)),
            _ => toolchain
                .zig("x86_64-unknown-freebsd", "x86_64-freebsd")
                .and_then(|target| toolchain.clippy(&target)),
        };
        let time = start.elapsed().as_secs();
        match result {
            Ok(()) => println!("passed  {target} ({time} s)"),
            Err(error) => {
                println!("FAILED  {target} ({time} s): {error}");
                failed.push(target);
            }
        }
    }
    Ok(crate::exit_code(failed.is_empty()))
}

/// Quotes a path for a shell.
fn quote(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r#"'"'"'"#))
}
