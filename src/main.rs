//! The executable that Terraform and OpenTofu start. Run by hand it says what it is.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to the person who ran it"
)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::ExitCode;

use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::command_line;
use terraform_provider_dds::tfplugin::diagnostic::chain;
use terraform_provider_dds::tfplugin::server::{self, Error, HandshakeError};

fn main() -> ExitCode {
    // `std::env::args` would panic on an argument that is not valid Unicode.
    let argument = std::env::args_os().nth(1);
    match argument.as_deref().map(OsStr::to_string_lossy).as_deref() {
        None => serve(server::run),
        Some("--debug" | "-debug") => serve(server::debug),
        Some("--version" | "-V") => {
            println!("{}", command_line::VERSION);
            ExitCode::SUCCESS
        }
        Some("--help" | "-h") => {
            println!("{}", command_line::help());
            ExitCode::SUCCESS
        }
        Some(argument) => {
            eprintln!("unknown argument {argument:?}\n\n{}", command_line::help());
            ExitCode::from(2)
        }
    }
}

fn serve(run: fn(Environment) -> Result<(), Error>) -> ExitCode {
    // Until calls are served. Where a thread is not to be had unwinding would wait for those that are there already.
    std::panic::set_hook(Box::new(|_| std::process::exit(crashed().into())));
    match std::panic::catch_unwind(|| run(Environment::Process)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(Error::Handshake(HandshakeError::NoHost))) => {
            say(&command_line::help());
            ExitCode::FAILURE
        }
        Ok(Err(error)) => {
            say(&chain(&error));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::from(crashed()),
    }
}

/// Core looks for the first word to tell the user that the plugin crashed.
fn crashed() -> u8 {
    say(&format!("panic: {} cannot go on", command_line::VERSION));
    101
}

/// Writes to stderr, whether anybody reads it or not: the host may have been killed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
