//! Runs the simulated cloud by itself, for people who want to play: `cargo run --example simulator [-- --port N]`.
//!
//! Prints its address, sample credentials and a configuration to paste, then a line for each request, until Ctrl-C.
#![expect(
    clippy::print_stdout,
    reason = "this is a command, and what it prints is its purpose"
)]

use std::process::ExitCode;

use dds_test_support::simulator::{Key, Recorded, Simulator, World};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some(port) = port(&arguments) else {
        println!("Usage: cargo run --example simulator [-- --port N]");
        return ExitCode::FAILURE;
    };
    let simulator = match Simulator::start_on(port, World::sample(), Some(log)) {
        Ok(simulator) => simulator,
        Err(error) => {
            println!("Port {port} of 127.0.0.1 cannot be used: {error}");
            return ExitCode::FAILURE;
        }
    };
    introduce(&simulator);
    match tokio::signal::ctrl_c().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// 0, which is any port, unless one is given.
fn port(arguments: &[String]) -> Option<u16> {
    match arguments {
        [] => Some(0),
        [flag, port] if flag == "--port" => port.parse().ok(),
        _ => None,
    }
}

fn log(recorded: &Recorded) {
    let status = recorded
        .status
        .map_or("closed".into(), |status| status.to_string());
    println!("{} {} {status}", recorded.request.method, recorded.request.target);
}

fn introduce(simulator: &Simulator) {
    let (url, world) = (simulator.url(), simulator.world());
    println!("The simulated cloud listens on {url} (Ctrl-C ends it). It accepts:\n");
    for key in &world.keys {
        println!("  key    {} / {}{}", key.id, key.secret, remark(key));
    }
    let (user, password) = (&world.user_name, &world.password);
    println!("  user   {user} / {password} of account {}", world.account_name);
    println!("  token  {}\n\nInstances:\n", world.token);
    for instance in &world.instances {
        let project = world
            .projects
            .iter()
            .find(|project| project.id == instance.project_id);
        let categories: Vec<_> = instance
            .certificates
            .iter()
            .map(|certificate| &*certificate.category)
            .collect();
        let content = match &instance.gone {
            Some((status, code)) => format!("answers {status} {code}"),
            None if categories.is_empty() => "no certificates".into(),
            None => categories.join(", "),
        };
        println!(
            "  {}  {}: {content}",
            instance.id,
            project.map_or("", |project| &project.name)
        );
    }
    let (project, key, instance) = (&world.projects[0], &world.keys[0], &world.instances[0]);
    println!(
        r#"
Configuration:

provider "dds" {{
  region     = "{}"
  access_key = "{}"
  secret_key = "{}"

  endpoints = {{
    dds = "{}"
    iam = "{url}"
  }}
}}

data "dds_ssl_cert_download_links" "sample" {{
  instance_id = "{}"
}}

output "certs" {{
  value = data.dds_ssl_cert_download_links.sample.certs
}}

Requests:
"#,
        project.region,
        key.id,
        key.secret,
        simulator.regional_url(),
        instance.id
    );
}

/// What is special about a key.
fn remark(key: &Key) -> String {
    match &key.security_token {
        Some(token) => format!(" / security token {token}"),
        None if !key.may_list => " (may not list projects)".into(),
        None if !key.may_read => " (may not read instances)".into(),
        None => String::new(),
    }
}
