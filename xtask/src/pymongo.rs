//! Verifies TLS servers with PyMongo and the certificates that the provider returns: `cargo xtask pymongo`.
//!
//! A server has a certificate that the CA of the simulated cloud issued. PyMongo must accept it with the PEM of the right
//! category in a Terraform output, and refuse it with that of another one. PyMongo is downloaded at the first run.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};

use cloud_simulator::{CloudState, KeyAlgorithm, Simulator};
use plugin_host::build_provider;
use terraform_runner::{TerraformCli, Workspace};

use crate::python::{interpreter, output};

const CATEGORIES: [&str; 2] = ["international", "national"];

/// Runs the verification. Fails if PyMongo accepts a wrong server, or refuses the right one.
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let python = interpreter("pymongo")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("pymongo/verify.py");
    let provider = build_provider()?;
    let directory = provider.parent().ok_or("the provider is in no directory")?;
    let cloud = Simulator::start(CloudState::sample());
    let downloads = cloud.serve_downloads();
    let mut workspace = Workspace::new(&TerraformCli::find_or_install()?, directory);
    workspace.write_file("downloads.pem", downloads.ca_certificate());
    workspace.set_env("OS_CACERT", workspace.file_path("downloads.pem").display().to_string());
    workspace.write_config(&configuration(&cloud));
    workspace.run_ok(&["apply", "-input=false", "-auto-approve"]);
    let mut all_right = true;
    for algorithm in [KeyAlgorithm::Rsa, KeyAlgorithm::Ecdsa] {
        let server = downloads.issue(algorithm);
        workspace.write_file("server.pem", &server.certificate).write_file("server.key", &server.key);
        for category in CATEGORIES {
            workspace.write_file("ca.pem", &workspace.run_ok(&["output", "-raw", category]).stdout);
            let files = ["ca.pem", "server.pem", "server.key"].map(|name| workspace.file_path(name));
            let result = output(Command::new(&python).arg("-I").arg(&script).args(files), "")?;
            let result = result.trim();
            println!("{algorithm:?} server, certificates of the category {category}: {}", shorten(result));
            all_right &= match category {
                "international" => result == "verified",
                _ => result.starts_with("refused") && result.contains("CERTIFICATE_VERIFY_FAILED"),
            };
        }
    }
    Ok(crate::exit_code(all_right))
}

/// A configuration with an output for each category.
fn configuration(cloud: &Simulator) -> String {
    let (state, url) = (cloud.cloud_state(), cloud.url());
    let (key, project, instance) = (&state.access_keys[0], &state.projects[0], &state.instances[0]);
    let outputs = CATEGORIES.map(|category| {
        format!(
            "output {category:?} {{\n  value = one([for bundle in data.dds_ssl_certificates.this.bundles : bundle.pem if \
             bundle.category == {category:?}])\n}}\n"
        )
    });
    format!(
        "provider \"dds\" {{\n  region = {:?}\n  access_key = {:?}\n  secret_key = {:?}\n  endpoints = {{ dds = {url:?}, iam = \
         {url:?} }}\n}}\n\ndata \"dds_ssl_certificates\" \"this\" {{\n  instance_id = {:?}\n}}\n\n{}",
        project.region,
        key.id,
        key.secret,
        instance.id,
        outputs.concat()
    )
}

/// Returns the result without the details that PyMongo repeats.
fn shorten(result: &str) -> &str {
    result.split(" (").next().unwrap_or(result)
}
