//! Tests the provider with several versions of Terraform: `cargo xtask matrix [VERSION…]`.
//!
//! Without arguments, these are the program in `TF_CLI` (or else `terraform` or `tofu` on the PATH) and the versions in
//! [`VERSIONS`], which are installed from Python packages into `target/`. Each one runs all commands from validate to destroy
//! with a simulated cloud, and then the acceptance tests, in both plugin protocols. The table at the end shows the results.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use cloud_simulator::{CloudState, Simulator};
use plugin_host::build_provider;
use serde_json::{Value, json};
use terraform_runner::{TerraformCli, Workspace, negotiated_protocols, restrict_to_protocol};

/// The oldest and the newest version with a package, and two between them. Each one added an optional call to the protocol.
const VERSIONS: [&str; 4] = ["1.6.6", "1.9.8", "1.12.2", "1.15.5"];

/// The protocols of the provider. Terraform negotiates the first one by default.
const PROTOCOLS: [u16; 2] = [6, 5];

const COLUMNS: [&str; 8] =
    ["version", "protocol", "validate", "plan", "apply", "second plan", "destroy", "acceptance tests"];

/// A row of the table: a result for each column after the first.
struct Row {
    version: String,
    results: Vec<Result<String, String>>,
}

/// Runs the matrix. Fails if a row fails.
pub fn run(versions: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let success = rows(versions).map_err(|error| format!("\nThe matrix failed: {error}"))?;
    Ok(crate::exit_code(success))
}

fn rows(versions: &[String]) -> Result<bool, Box<dyn Error>> {
    let provider = build_provider()?;
    let mut rows = Vec::new();
    for (name, cli) in clis(versions) {
        for protocol in PROTOCOLS {
            let row = match &cli {
                Ok(cli) => row(cli, &provider, protocol)?,
                Err(error) => Row { version: name.clone(), results: vec![Err(format!("{name}: {error}"))] },
            };
            for error in row.results.iter().filter_map(|result| result.as_ref().err()) {
                println!("{error}");
            }
            rows.push(row);
        }
    }
    print!("\n{}", table(&rows));
    Ok(rows.iter().flat_map(|row| &row.results).all(Result::is_ok))
}

fn clis(versions: &[String]) -> Vec<(String, Result<TerraformCli, String>)> {
    let packaged = |version: &str| (format!("Terraform v{version}"), TerraformCli::packaged_version(version));
    if !versions.is_empty() {
        return versions.iter().map(|version| packaged(version)).collect();
    }
    let installed = TerraformCli::installed().transpose().map(|cli| ("installed".to_owned(), cli));
    installed.into_iter().chain(VERSIONS.map(packaged)).collect()
}

fn row(cli: &TerraformCli, provider: &Path, protocol: u16) -> Result<Row, Box<dyn Error>> {
    println!("\n== {cli}, protocol {protocol}");
    let is_default = protocol == PROTOCOLS[0];
    let provider = if is_default { provider.to_owned() } else { restrict_to_protocol(provider, protocol)? };
    let mut results = lifecycle(cli, provider.parent().ok_or("the provider has no directory")?, protocol);
    results.push(acceptance(cli, (!is_default).then_some(protocol)));
    Ok(Row { version: cli.to_string(), results })
}

/// Runs all commands from validate to destroy. The first result is the negotiated protocol.
fn lifecycle(cli: &TerraformCli, provider: &Path, protocol: u16) -> Vec<Result<String, String>> {
    let cloud = Simulator::start(CloudState::sample());
    let key = &cloud.cloud_state().access_keys[0];
    let mut workspace = Workspace::new(cli, provider);
    workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret).enable_trace_log();
    let mut results = run_commands(cli, &workspace, &cloud);
    let negotiated = negotiated_protocols(&workspace.trace_log());
    let versions = negotiated.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    results.insert(
        0,
        if negotiated == [protocol].into() {
            Ok(versions)
        } else {
            Err(format!("{cli} negotiated protocol {versions:?} instead of {protocol}"))
        },
    );
    results
}

/// Runs all commands from validate to destroy with the configuration of the cloud, and checks the outputs.
pub fn run_commands(
    cli: &TerraformCli,
    workspace: &Workspace,
    cloud: &Simulator,
) -> Vec<Result<String, String>> {
    workspace.write_file("main.tf", &cloud.terraform_configuration());
    let step = |arguments: &[&str], code: i32| {
        let output = workspace.run(arguments);
        if output.code == Some(code) {
            return Ok("ok".to_owned());
        }
        let reason =
            output.code.map_or("ended by a signal".to_owned(), |code| format!("ended with code {code}"));
        Err(format!("{cli} {arguments:?} {reason}\n{}\n{}", output.stdout, output.stderr))
    };
    let certificates = || {
        let outputs = workspace.outputs();
        if outputs["certs"] == expected_certificates(cloud) {
            Ok("ok".to_owned())
        } else {
            Err(format!("{cli}: the outputs are {outputs}"))
        }
    };
    // With -detailed-exitcode, 2 means changes and 0 means no changes.
    vec![
        step(&["validate"], 0),
        step(&["plan", "-input=false", "-detailed-exitcode", "-out=saved"], 2),
        step(&["apply", "-input=false", "saved"], 0).and_then(|_| certificates()),
        step(&["plan", "-input=false", "-detailed-exitcode"], 0),
        step(&["destroy", "-input=false", "-auto-approve"], 0),
    ]
}

/// The certificates of the cloud's first instance, as the data source returns them.
pub fn expected_certificates(cloud: &Simulator) -> Value {
    let certificates = cloud.cloud_state().instances[0].certificates.iter();
    certificates
        .map(|certificate| json!({ "category": certificate.category, "download_link": certificate.download_link }))
        .collect()
}

/// Runs the acceptance tests with cargo.
fn acceptance(cli: &TerraformCli, protocol: Option<u16>) -> Result<String, String> {
    let mut cargo = crate::cargo(&["test", "--quiet", "--test", "it", "acceptance::"]);
    // The installation does not depend on the protocol.
    if protocol.is_none() {
        cargo.args(["--test", "installation"]);
    }
    // The tests spend most of their time waiting for delays, timeouts and the start of Terraform.
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get() * 2);
    cargo.args(["--", "--test-threads", &threads.to_string()]);
    cargo
        .env("TF_CLI", &cli.program)
        .env("TF_PROTOCOL", protocol.map(|protocol| protocol.to_string()).unwrap_or_default());
    let output = cargo.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // A line for each test program.
    let results =
        text.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split_once(" passed"));
    let passed: u32 = results.filter_map(|(passed, _)| passed.parse::<u32>().ok()).sum();
    match passed {
        1.. if output.status.success() => Ok(format!("{passed} passed")),
        _ => Err(format!("{cli}: {text}\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn table(rows: &[Row]) -> String {
    let head = COLUMNS.map(str::to_owned).to_vec();
    let separator = Vec::from([const { String::new() }; COLUMNS.len()]);
    let body = rows.iter().map(|row| {
        let cells = row.results.iter().map(|result| result.clone().unwrap_or_else(|_| "FAILED".to_owned()));
        let mut cells: Vec<_> = [row.version.clone()].into_iter().chain(cells).collect();
        cells.resize(COLUMNS.len(), String::new());
        cells
    });
    let lines: Vec<Vec<String>> = [head, separator].into_iter().chain(body).collect();
    let mut text = String::new();
    for (number, cells) in lines.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let width = lines.iter().map(|cells| cells[column].len()).max().unwrap_or_default();
            let fill = if number == 1 { "-" } else { " " };
            text.push_str(&format!("| {cell}{} ", fill.repeat(width - cell.len())));
        }
        text.push_str("|\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::VERSIONS;

    #[test]
    fn readme_and_ci_have_the_oldest_and_the_newest_version() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
        let (oldest, newest) = (VERSIONS[0], VERSIONS[VERSIONS.len() - 1]);
        let row = format!("Terraform {oldest} and {newest} in both protocols");
        assert!(text("README.md").contains(&row), "README.md does not contain: {row}");
        let step = format!("xtask matrix {oldest} {newest}\n");
        assert!(text(".ci/run").contains(&step), ".ci/run does not contain: {step}");
    }
}
