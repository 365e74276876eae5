//! Development tasks of this repository: `cargo xtask COMMAND`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "programs that print to the terminal")]

mod bench;
mod cross;
mod docs;
mod host;
mod install;
mod matrix;
mod package;
mod pymongo;
mod python;
mod signer;
#[cfg(target_os = "linux")]
mod soak;
mod statistics;
mod throttle;

use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  bench [BINARY…]            measure providers side by side: times, memory, reads, instructions and plans (bench --help: print
                             the options)
  cross [TARGET…]            check this provider for other platforms with clippy, QEMU and Wine
  docs                       generate the documentation of this provider in docs/
  docs BINARY [DIRECTORY]    generate the documentation of any provider in DIRECTORY (default: target/docs/NAME),
                             with the examples/ and templates/ in that directory
  host BINARY                start any provider as Terraform does, and print its schema (without BINARY: print the options)
  install                    install this provider for this user, so that `terraform init` finds it
  matrix [VERSION…]          test this provider with several versions of Terraform
  oci [DIRECTORY]            check the OCI image layout of the package in DIRECTORY, or else of a debug build: push it to a
                             docker-registry on this machine, and read it back
  package [OPTION…]          build a release package (package --help: print the options)
  pymongo                    verify TLS servers with PyMongo and the certificates that this provider returns
  signer                     compare the request signer with the official Python SDK
  soak [OPTION…]             run this provider for a long time, and kill and interrupt Terraform at random moments (soak --help:
                             print the options)
  throttle [BINARY]          measure reads from a cloud with a rate limit";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Option<Vec<String>> =
        std::env::args_os().skip(1).map(|argument| argument.into_string().ok()).collect();
    let arguments = arguments.unwrap_or_default();
    let Some((command, arguments)) = arguments.split_first() else { return usage_error(USAGE) };
    let result = match command.as_str() {
        "bench" => bench::run(arguments).await,
        "cross" => cross::run(arguments).await,
        "docs" => docs::run(arguments).await.map(|()| ExitCode::SUCCESS),
        "host" => Ok(host::run(arguments).await),
        "install" => install::run(arguments).map(|()| ExitCode::SUCCESS),
        "matrix" => matrix::run(arguments),
        #[cfg(target_os = "linux")]
        "oci" => package::registry::run(arguments).await.map(|()| ExitCode::SUCCESS),
        "package" => package::run(arguments).map(|()| ExitCode::SUCCESS),
        "pymongo" => pymongo::run(),
        "signer" => signer::run(),
        #[cfg(target_os = "linux")]
        "soak" => soak::run(arguments).await,
        "throttle" => throttle::run(arguments).await,
        _ => return usage_error(USAGE),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

/// A cargo command for this workspace, with the cargo that runs this program.
fn cargo(command: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(command).args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    cargo
}

/// Runs the same command in the release build, because a debug build is much slower.
fn run_release_build(command: &str, arguments: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut cargo = cargo(&["run", "--quiet", "--release", "--locked", "--package", "xtask"]);
    let status = cargo.args(["--", command]).args(arguments).status()?;
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(u8::try_from(code).unwrap_or(1))))
}

fn exit_code(success: bool) -> ExitCode {
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Parses the options of a command. Prints `usage` with `--help` and with invalid options, and then returns an exit code.
fn options<T>(
    arguments: &[String],
    usage: &str,
    parse: fn(&[String]) -> Result<T, String>,
) -> Result<T, ExitCode> {
    if arguments == ["--help"] {
        println!("{usage}");
        return Err(ExitCode::SUCCESS);
    }
    parse(arguments).map_err(|reason| usage_error(&format!("{reason}\n\n{usage}")))
}

fn usage_error(usage: &str) -> ExitCode {
    eprintln!("{usage}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    #[test]
    fn default_build_has_no_features_for_tests() {
        let mut cargo =
            super::cargo(&["tree", "--offline", "--locked", "--package", "terraform-provider-dds"]);
        let output = cargo.args(["--edges", "features,no-dev", "--prefix", "none"]).output().unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.contains("tonic feature \"server\""), "{}", String::from_utf8_lossy(&output.stderr));
        for feature in
            ["tokio feature \"process\"", "tokio feature \"test-util\"", "tonic feature \"channel\""]
        {
            assert!(!tree.contains(feature), "{feature}");
        }
    }
}
