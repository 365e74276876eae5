//! The command line of the host.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

pub const USAGE: &str = "\
usage: cargo run --example host -- [OPTION…] BINARY [ARGUMENT…]

Starts a provider's executable as Terraform does, and shows what it says of itself.

  --protocol 5|6      offer this protocol only
  --config JSON       configure the provider with this object
  --read TYPE JSON    read a data source of this type, with this object as its configuration
  --limit SECONDS     the longest wait for the handshake line and for each answer (60)";

/// What Terraform gives a plugin to start.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Arguments {
    /// As a host offers them.
    pub protocols: &'static str,
    pub config: Option<Value>,
    pub read: Option<(String, Value)>,
    pub limit: Duration,
    pub binary: PathBuf,
    pub of_binary: Vec<String>,
}

impl Arguments {
    /// What is wrong with them, if anything is.
    pub fn parse(given: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut given = given.map(|it| it.into_string().map_err(|it| format!("{} is no text", it.display())));
        let mut next = move |what: &str| given.next().unwrap_or_else(|| Err(format!("{what} is missing")));
        let (mut protocols, mut config, mut read, mut limit) = ("6,5", None, None, LIMIT);
        let binary = loop {
            match next("BINARY")?.as_str() {
                "--protocol" => {
                    protocols = match next("5 or 6 after --protocol")?.as_str() {
                        "5" => "5",
                        "6" => "6",
                        other => return Err(format!("--protocol takes 5 or 6, not {other}")),
                    }
                }
                "--config" => config = Some(object("--config", &next("JSON after --config")?)?),
                "--read" => {
                    let name = next("TYPE after --read")?;
                    read = Some((name, object("--read", &next("JSON after --read TYPE")?)?));
                }
                "--limit" => {
                    let text = next("SECONDS after --limit")?;
                    let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
                    limit = Duration::from_secs(seconds.ok_or("--limit takes seconds, 1 to 86400")?);
                }
                option if option.starts_with('-') => return Err(format!("{option} is no option")),
                binary => break binary.into(),
            }
        };
        let mut of_binary = Vec::new();
        while let Ok(argument) = next("no more") {
            of_binary.push(argument);
        }
        // A provider that reads is configured before, if with nothing.
        let config = config.or_else(|| read.as_ref().map(|_| json!({})));
        Ok(Self { protocols, config, read, limit, binary, of_binary })
    }
}

/// Says where it is wrong, and does not repeat it: it may hold a secret.
fn object(option: &str, text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(format!("{option} takes a JSON object")),
        Err(error) => Err(format!(
            "{option} takes JSON, and this is wrong at line {}, column {}",
            error.line(),
            error.column()
        )),
    }
}
