//! The executable that Terraform and OpenTofu start. Run by hand it says what it is.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to the person who ran it"
)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::ExitCode;

use terraform_provider_dds::about;
use terraform_provider_dds::diagnostic::chain;
use terraform_provider_dds::outside::Environment;
use terraform_provider_dds::plugin::{self, Error, HandshakeError};

fn main() -> ExitCode {
    // `std::env::args` would panic on an argument that is not valid Unicode.
    let argument = std::env::args_os().nth(1);
    match argument.as_deref().map(OsStr::to_string_lossy).as_deref() {
        None => serve(plugin::run),
        Some("--debug" | "-debug") => serve(plugin::debug),
        Some("--version" | "-V") => {
            println!("{}", about::VERSION);
            ExitCode::SUCCESS
        }
        Some("--help" | "-h") => {
            println!("{}", about::help());
            ExitCode::SUCCESS
        }
        Some(argument) => {
            eprintln!("unknown argument {argument:?}\n\n{}", about::help());
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
            say(&about::help());
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
    say(&format!("panic: {} cannot go on", about::VERSION));
    101
}

/// Writes to stderr, whether anybody reads it or not: the host may have been killed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
