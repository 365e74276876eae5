//! The command line of the executable, and its output for a user who runs it directly.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::ExitCode;

use super::handshake::{self, HandshakeRequest};
use super::{Error, debug, run, serve_host};
use crate::system::Environment;
use crate::tfplugin::diagnostic::error_chain;
use crate::tfplugin::platform;
use crate::tfplugin::provider::{Provider, ProviderInfo};

/// Runs the provider process. Call it in `main` and return its exit code.
pub fn serve<P: Provider>(provider: P) -> ExitCode {
    let (info, environment) = (provider.info(), &Environment::Process);
    // `std::env::args` panics if an argument is not valid Unicode.
    let argument = std::env::args_os().nth(1);
    match argument.as_deref().map(OsStr::to_string_lossy).as_deref() {
        None => exit_code(info, || {
            let request = HandshakeRequest::from_environment(environment)?;
            run(info, environment, serve_host(&request, environment, provider))
        }),
        Some("--debug" | "-debug") => {
            exit_code(info, || run(info, environment, debug::serve_reattached(environment, provider)))
        }
        Some("--version" | "-V") => {
            // `println!` panics if a pager has closed the pipe.
            let _ = writeln!(std::io::stdout(), "{}", info.program());
            ExitCode::SUCCESS
        }
        Some("--help" | "-h") => {
            let _ = writeln!(std::io::stdout(), "{}", help(&info));
            ExitCode::SUCCESS
        }
        Some(argument) => {
            print_to_stderr(&format!("unknown argument {argument:?}\n\n{}", help(&info)));
            ExitCode::from(2)
        }
    }
}

fn exit_code(info: ProviderInfo, run: impl FnOnce() -> Result<(), Error>) -> ExitCode {
    // Exits without unwinding, which waits for other threads. Replaced by `dispatch::set_panic_hook`.
    std::panic::set_hook(Box::new(move |_| std::process::exit(report_crash(&info).into())));
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            let is_run_directly = matches!(error, Error::Handshake(handshake::Error::InvalidMagicCookie));
            print_to_stderr(&if is_run_directly { help(&info) } else { error_chain(&error) });
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::from(report_crash(&info)),
    }
}

/// Prints the crash message and returns the exit code. Terraform detects a crash by the prefix "panic: ".
fn report_crash(info: &ProviderInfo) -> u8 {
    print_to_stderr(&format!("panic: {} cannot continue", info.program()));
    101
}

/// Writes a line to stderr. An error is ignored, because the host may have been killed.
fn print_to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The output of `--help`.
fn help(info: &ProviderInfo) -> String {
    let major_minor = info.version.rsplit_once('.').map_or(info.version, |(major_minor, _)| major_minor);
    let example =
        info.example.trim().lines().fold(String::new(), |example, line| format!("{example}\n  {line}"));
    // One of the directories in which Terraform and OpenTofu search without any configuration.
    let user_directory = if cfg!(windows) { "%APPDATA%/terraform.d" } else { "~/.terraform.d" };
    let (address, version, platform) = (info.address, info.version, platform());
    let directory = format!("{user_directory}/plugins/registry.terraform.io/{address}/{version}/{platform}");
    format!(
        r#"{program}
{description}

This program is a plugin. Do not run it directly: Terraform or OpenTofu starts it.

To install it, copy it to this directory. For OpenTofu, replace registry.terraform.io with registry.opentofu.org.

  {directory}

Then add this to your configuration, and run "terraform init" (or "tofu init"):

  terraform {{
    required_providers {{
      {name} = {{
        source  = "{address}"
        version = "~> {major_minor}"
      }}
    }}
  }}
{example}

Options:
  --debug    wait for connections from Terraform or OpenTofu, for use with a debugger
  --version  print the name and the version
  --help     print this help

Documentation: {repository}"#,
        program = info.program(),
        description = info.description,
        name = info.name,
        directory = directory.replace('/', std::path::MAIN_SEPARATOR_STR),
        repository = info.repository,
    )
}
