//! The simulated cloud by itself, to play with: `cargo run --example simulator [-- --port PORT]`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to the person who ran it"
)]

use std::process::ExitCode;

use cloud_simulator::{AccessKey, Agency, CloudState, IdentityProvider, RecordedRequest, Simulator};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Some(0),
        ["--port", port] => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: cargo run --example simulator [-- --port PORT]");
        return ExitCode::from(2);
    };
    let cloud = match Simulator::start_on(port, CloudState::sample(), Some(log)) {
        Ok(cloud) => cloud,
        Err(error) => {
            eprintln!("port {port} cannot be used: {error}");
            return ExitCode::FAILURE;
        }
    };
    introduce(&cloud);
    loop {
        // Until Ctrl-C.
        std::thread::park();
    }
}

fn introduce(cloud: &Simulator) {
    let cloud_state = cloud.cloud_state();
    let CloudState { user_name, password, account_name, token, pod_identity, .. } = cloud_state;
    let IdentityProvider { idp_id, provider_urn, id_token } = &cloud_state.identity_provider;
    let AccessKey { id, secret, .. } = &cloud_state.access_keys[0];
    let (url, regional, pod_identity_url) = (cloud.url(), cloud.regional_url(), cloud.pod_identity_url());
    let (instance, pod_token) = (&cloud_state.instances[0].id, &pod_identity.token);
    let agency = |it: &Agency| {
        let trusts = if it.trusted_principals.is_empty() {
            "nobody".to_owned()
        } else {
            it.trusted_principals.join(", ")
        };
        format!("  {} (of {}): {trusts}\n", it.name, it.account_name)
    };
    let agencies: String = cloud_state.agencies.iter().map(agency).collect();
    println!(
        r#"A simulated cloud at {url}. All names and keys are invented. End it with Ctrl-C.

For the shell:

  export HW_ACCESS_KEY={id} HW_SECRET_KEY={secret}

For the configuration:

  provider "dds" {{
    region    = "cn-north-4"
    endpoints = {{ dds = "{regional}", iam = "{url}" }}
  }}

  data "dds_ssl_cert_download_links" "this" {{
    instance_id = "{instance}"
  }}

Other credentials:

  user_name = "{user_name}", password = "{password}", domain_name = "{account_name}"
  token = "{token}"

Agencies, and who may assume each:

{agencies}
ClientIdentity provider {idp_id}, {provider_urn}, whose token is {id_token}

Keys of a machine: GET {url}/openstack/latest/securitykey
Keys of a pod: POST {pod_identity_url} with "Authorization: {pod_token}"

Instances:
"#
    );
    for instance in &cloud_state.instances {
        let project = cloud_state.projects.iter().find(|project| project.id == instance.project_id);
        let project = project.map_or("", |project| project.name.as_str());
        let what = match instance.not_found_error {
            Some((status, code)) => format!("denied with {status} {code}"),
            None => format!("{} certificates", instance.certificates.len()),
        };
        println!("  {} in project {project}: {what}", instance.id);
    }
    println!("\nRequests:\n");
}

fn log(recorded: &RecordedRequest) {
    let status = recorded.status.map_or("closed".to_owned(), |status| status.to_string());
    println!("  {} {} {} {status}", recorded.request.region, recorded.request.method, recorded.request.path);
}
