//! What the program does for its arguments, and says to the person who runs it by hand.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to the person who ran it"
)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::ExitCode;

use super::handshake::{self, HandshakeRequest};
use super::{Error, debug, run, serve_host};
use crate::system::Environment;
use crate::tfplugin::diagnostic::error_chain;
use crate::tfplugin::provider::{Provider, ProviderInfo};

/// Serves the provider as the arguments of the process say: all of a `main`.
pub fn serve<P: Provider>(provider: P) -> ExitCode {
    let (info, environment) = (provider.info(), &Environment::Process);
    // `std::env::args` would panic on an argument that is not valid Unicode.
    let argument = std::env::args_os().nth(1);
    match argument.as_deref().map(OsStr::to_string_lossy).as_deref() {
        None => exit_code(info, || {
            let host = HandshakeRequest::from_environment(environment)?;
            run(info, environment, serve_host(&host, environment, provider))
        }),
        Some("--debug" | "-debug") => {
            exit_code(info, || run(info, environment, debug::serve_all(environment, provider)))
        }
        Some("--version" | "-V") => {
            println!("{}", info.program());
            ExitCode::SUCCESS
        }
        Some("--help" | "-h") => {
            println!("{}", help(&info));
            ExitCode::SUCCESS
        }
        Some(argument) => {
            eprintln!("unknown argument {argument:?}\n\n{}", help(&info));
            ExitCode::from(2)
        }
    }
}

fn exit_code(info: ProviderInfo, run: impl FnOnce() -> Result<(), Error>) -> ExitCode {
    // Until calls are served. Where no thread can be started, unwinding would wait for those that were.
    std::panic::set_hook(Box::new(move |_| std::process::exit(crashed(&info).into())));
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            let is_person = matches!(error, Error::Handshake(handshake::Error::NoHost));
            say(&if is_person { help(&info) } else { error_chain(&error) });
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::from(crashed(&info)),
    }
}

/// Core looks for the first word to tell the user that the plugin crashed.
fn crashed(info: &ProviderInfo) -> u8 {
    say(&format!("panic: {} cannot go on", info.program()));
    101
}

/// Writes to stderr, whether anybody reads it or not: the host may have been killed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What the program is and how to use it from Terraform.
fn help(info: &ProviderInfo) -> String {
    let major_minor = info.version.rsplit_once('.').map_or(info.version, |(major_minor, _)| major_minor);
    let example = info.example.trim().lines().fold(String::new(), |text, line| format!("{text}\n  {line}"));
    format!(
        r#"{program}
{description}

This program is a plugin: Terraform or OpenTofu starts it. To use it, put this into your configuration
and run "terraform init":

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
  --debug    serve runs of Terraform or OpenTofu that did not start this process, until it is interrupted
  --version  print name and version
  --help     print this text

Documentation: {repository}"#,
        program = info.program(),
        description = info.description,
        name = info.name,
        address = info.address,
        repository = info.repository,
    )
}
