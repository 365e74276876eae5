//! Programs for the developers of this repository: `cargo xtask COMMAND`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "programs that talk to the person who ran them"
)]

mod docs;
mod host;
mod matrix;
mod measure;
mod package;
mod signer;

use std::process::{Command, ExitCode};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  docs                       write docs/ anew: the pages of this provider
  docs BINARY [FOLDER]       write the pages of any provider below FOLDER, with the examples/ and templates/ there
                             (target/docs/NAME)
  host BINARY                start any provider as Terraform does, and show what it says; without BINARY its options
  matrix [VERSION…]          run this provider with one real Terraform after another
  measure                    print what this provider costs: size, start, memory, and by how much a plan takes longer
  measure compare BINARY BINARY
                             compare two builds of the provider: size, start, memory, plans
  measure throttle [BINARY [BINARY]]
                             read from a cloud that limits requests, or compare two builds without a limit
  package [OPTION…]          build a release package: zip, sums, signature, SBOM, OCI layout; `package --help` lists
                             its options
  signer                     compare the request signer with the official Python SDK";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Option<Vec<String>> =
        std::env::args_os().skip(1).map(|it| it.into_string().ok()).collect();
    let arguments = arguments.unwrap_or_default();
    let Some((command, arguments)) = arguments.split_first() else { return wrong(USAGE) };
    let outcome = match command.as_str() {
        "docs" => docs::run(arguments).await.map(|()| ExitCode::SUCCESS),
        "host" => Ok(host::run(arguments).await),
        "matrix" => matrix::run(arguments),
        "measure" => measure::run(arguments).await,
        "package" => package::run(arguments).map(|()| ExitCode::SUCCESS),
        "signer" => signer::run(),
        _ => return wrong(USAGE),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

/// Cargo for this workspace: the one that runs this program.
fn cargo(command: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(command).args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")]);
    cargo
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wrong(usage: &str) -> ExitCode {
    eprintln!("{usage}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    #[test]
    fn plain_build_has_no_features_that_only_tests_need() {
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
