//! Runs the simulated cloud until Ctrl-C: `cargo run --example simulator [-- --port PORT]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints to the terminal")]

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
    let cloud = match Simulator::start_on(port, CloudState::sample(), Some(print_request)) {
        Ok(cloud) => cloud,
        Err(error) => {
            eprintln!(
                "The simulated cloud cannot listen on port {port}: {error}. Set another port with --port."
            );
            return ExitCode::FAILURE;
        }
    };
    // The links lead to certificates over HTTP, so that no CA needs to be trusted.
    let downloads = cloud.serve_downloads();
    cloud.set_link_base(&downloads.http_url(), false);
    print_instructions(&cloud);
    loop {
        std::thread::park();
    }
}

fn print_instructions(cloud: &Simulator) {
    let cloud_state = cloud.cloud_state();
    let CloudState { user_name, password, account_name, token, pod_identity, .. } = cloud_state;
    let IdentityProvider { idp_id, provider_urn, id_token } = &cloud_state.identity_provider;
    let AccessKey { id, secret, .. } = &cloud_state.access_keys[0];
    let (url, regional_url, pod_identity_url) = (cloud.url(), cloud.regional_url(), cloud.pod_identity_url());
    let (instance, pod_token) = (&cloud_state.instances[0].id, &pod_identity.token);
    let agency = |agency: &Agency| {
        let Agency { name, account_name, trusted_principals: trusted, .. } = agency;
        let trusted = if trusted.is_empty() { "nobody".to_owned() } else { trusted.join(", ") };
        format!("  {name} (account {account_name}) can be assumed by: {trusted}\n")
    };
    let agencies: String = cloud_state.agencies.iter().map(agency).collect();
    println!(
        r#"The simulated cloud runs at {url}. All names and keys are invented. Press Ctrl-C to stop it.

Set the access key in your shell:

  export HW_ACCESS_KEY={id} HW_SECRET_KEY={secret}

Install the provider as README.md describes, save this configuration as main.tf, and run terraform init and terraform apply.

  terraform {{
    required_providers {{
      dds = {{
        source = "terraform-dds/dds"
      }}
    }}
  }}

  provider "dds" {{
    region    = "cn-north-4"
    endpoints = {{ dds = "{regional_url}", iam = "{url}", sts = "{url}", metadata = "{url}" }}
  }}

  data "dds_ssl_cert_download_links" "this" {{
    instance_id = "{instance}"
  }}

  output "certs" {{
    value     = data.dds_ssl_cert_download_links.this.certs
    sensitive = true # show it with: terraform output -json certs
  }}

The data source dds_ssl_certificates can read the same instance, and dds_instances returns all instances of the project.

Other credentials for the provider block:

  user_name = "{user_name}", password = "{password}", domain_name = "{account_name}"
  token = "{token}"

Agencies:

{agencies}
OIDC identity provider:

  idp_id = "{idp_id}", provider_urn = "{provider_urn}", id_token = "{id_token}"

Temporary access keys:

  of the ECS:  GET {url}/openstack/latest/securitykey
  of the pod:  POST {pod_identity_url} with the header "Authorization: {pod_token}"

Instances:
"#
    );
    for instance in &cloud_state.instances {
        let project = cloud_state.projects.iter().find(|project| project.id == instance.project_id);
        let project = project.map_or("", |project| project.name.as_str());
        let result = match instance.not_found_error {
            Some((status, code)) => format!("not found (HTTP {status}, code {code})"),
            None => match instance.certificates.len() {
                1 => "1 certificate".to_owned(),
                count => format!("{count} certificates"),
            },
        };
        println!("  {} in project {project}: {result}", instance.id);
    }
    println!("\nRequests (region, method, path, status):\n");
}

fn print_request(recorded: &RecordedRequest) {
    let status = recorded.status.map_or("no response".to_owned(), |status| status.to_string());
    let request = &recorded.request;
    let query = Some(request.raw_query()).filter(|query| !query.is_empty());
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    println!("  {} {} {}{query} {status}", request.region, request.method, request.path);
}
