//! Runs the provider for a long time and in bad moments: `cargo xtask soak`.
//!
//! - `reads`: many reads with one process, while the token expires several times. Its memory and its descriptors must not
//!   grow.
//! - `signals`: Terraform is killed or interrupted at random moments of a plan. No process and no socket may remain.
//! - `processes`: processes, memory, descriptors and sockets.

mod processes;
mod reads;
mod signals;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use plugin_host::build_provider;
use terraform_runner::TerraformCli;

const USAGE: &str = "\
usage: cargo xtask soak [OPTION…]

Tests the release build of this provider with the simulated cloud. The exit code is 1 if a limit is exceeded.

  --reads N          reads with one provider process (default: 200000; 0: none)
  --tokens N         how often the token expires during the reads (default: 20)
  --parallelism N    reads at the same time (default: 10)
  --kills N          plans in which Terraform is killed (default: 200; 0: none)
  --interrupts N     plans that are interrupted like with Ctrl-C (default: 100; 0: none)
  --seed N           the seed of all random moments (default: a random one, which is printed)
  --binary FILE      test this executable instead, which must be named terraform-provider-dds

Plans run with the program in TF_CLI, or else with terraform or tofu on the PATH.";

struct Options {
    reads: usize,
    tokens: usize,
    parallelism: usize,
    kills: usize,
    interrupts: usize,
    seed: u64,
    binary: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            reads: 200_000,
            tokens: 20,
            parallelism: 10,
            kills: 200,
            interrupts: 100,
            seed: fastrand::u64(..),
            binary: None,
        };
        let mut arguments = arguments.iter();
        while let Some(option) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{option} has no value"))?;
            let number = || value.parse().map_err(|_| format!("{option} must be a number, not {value}"));
            match option.as_str() {
                "--reads" => options.reads = number()?,
                "--tokens" => options.tokens = number()?,
                "--parallelism" => options.parallelism = number()?.max(1),
                "--kills" => options.kills = number()?,
                "--interrupts" => options.interrupts = number()?,
                "--seed" => {
                    options.seed =
                        value.parse().map_err(|_| format!("--seed must be a number, not {value}"))?
                }
                "--binary" => {
                    options.binary = Some(std::path::absolute(value).map_err(|error| error.to_string())?)
                }
                _ => return Err(format!("unknown option {option}")),
            }
        }
        Ok(options)
    }
}

/// A measured value and its limit.
struct Check {
    name: String,
    measured: String,
    limit: String,
    passed: bool,
}

pub async fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let options = match crate::options(arguments, USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return Ok(code),
    };
    let provider = match &options.binary {
        Some(binary) => binary.clone(),
        None if cfg!(debug_assertions) => return crate::run_release_build("soak", arguments),
        None => build_provider()?,
    };
    println!("provider   {}\nseed       {}", provider.display(), options.seed);
    let mut checks = Vec::new();
    if options.reads > 0 {
        checks.extend(reads::run(&provider, &options).await?);
    }
    if options.kills + options.interrupts > 0 {
        let cli = TerraformCli::find_or_install()?;
        println!("plans      {cli}");
        checks.extend(tokio::task::block_in_place(|| signals::run(&cli, &provider, &options))?);
    }
    println!("\n| check | measured | limit | result |\n|---|---|---|---|");
    for Check { name, measured, limit, passed } in &checks {
        println!("| {name} | {measured} | {limit} | {} |", if *passed { "passed" } else { "failed" });
    }
    Ok(crate::exit_code(checks.iter().all(|check| check.passed)))
}
