//! Any provider, seen from the other side: `cargo run --example host -- BINARY`.
//!
//! Starts the executable as Terraform's core does, with the magic cookie, mutual TLS and both protocols, and shows its
//! handshake, its schema, one read if asked for, and what all that took. Without arguments it says how it is used.
#![allow(clippy::print_stderr, reason = "a program that talks to the person who ran it")]

mod arguments;
mod prints;
mod report;
mod session;
mod sheet;

use std::process::ExitCode;

use arguments::{Arguments, USAGE};
use session::Session;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("{reason}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run(&arguments)),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("\n{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let session = async {
        let mut session = Session::start(arguments).await?;
        let outcome = session.ask(arguments).await;
        // Also after a failure: what was measured until then may be its explanation.
        match (outcome, session.end().await) {
            (Err(reason), Err(end)) => Err(format!("{reason}\n{end}")),
            (outcome, end) => outcome.and(end),
        }
    };
    tokio::select! {
        outcome = session => outcome,
        // The session is dropped, and the provider's process with it.
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
    }
}
