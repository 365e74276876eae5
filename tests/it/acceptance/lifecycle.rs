//! Commands from validate to destroy, and configurations that use the data source.

use std::fs;
use std::time::{Duration, Instant};

use cloud_simulator::{Fault, Route};

use super::*;

#[test]
fn configuration_passes_validate_plan_apply_and_destroy() {
    let fixture = Fixture::new();
    fixture.configure("", &data_source(INSTANCE));
    fixture.workspace.run_ok(&["validate"]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 0, "validate must send no request");
    let plan = fixture.workspace.run(&["plan", "-input=false", "-detailed-exitcode", "-out=saved"]);
    assert_eq!(plan.code, Some(2), "{}", plan.stderr);
    // Terraform prints whole seconds: 0s, or 1s on a busy machine.
    assert_contains(&plan.stdout, &["Read complete after", &format!("[id={INSTANCE}]")]);
    fixture.workspace.run_ok(&["apply", "-input=false", "saved"]);
    assert_eq!(fixture.cloud.request_count(Route::Links), 1, "apply of a saved plan must not read again");
    assert_eq!(fixture.cloud.request_count(Route::Projects), 1);

    let result = &fixture.workspace.outputs()["result"];
    assert_eq!(result["id"], INSTANCE);
    assert_eq!(result["instance_id"], INSTANCE);
    assert_eq!(result["region"], "cn-north-4");
    let expected = &fixture.cloud.cloud_state().instances[0].certificates;
    let certs = result["certs"].as_array().unwrap();
    assert_eq!(certs.len(), 2);
    for (cert, expected) in certs.iter().zip(expected) {
        assert_eq!(cert["category"], expected.category.as_str());
        assert_eq!(cert["download_link"], expected.download_link.as_str());
    }

    fixture.assert_no_changes();
    fixture.workspace.run_ok(&["apply", "-refresh-only", "-input=false", "-auto-approve"]);
    fixture.workspace.run_ok(&["destroy", "-input=false", "-auto-approve"]);
    assert!(!fixture.workspace.state().contains("ca-dds.crt"));
}

#[test]
fn newest_common_protocol_is_used_unless_one_is_set() {
    let mut fixture = Fixture::new();
    fixture.workspace.enable_trace_log();
    fixture.configure("", &data_source(INSTANCE)).plan();
    assert_eq!(
        terraform_runner::negotiated_protocols(&fixture.workspace.trace_log()),
        [requested_protocol().unwrap_or(6)].into()
    );
}

#[test]
fn plan_with_project_id_sends_one_request() {
    let fixture = Fixture::new();
    let project = fixture.cloud.cloud_state().projects[0].id.clone();
    fixture.configure(&format!("project_id = {project:?}"), &data_source(INSTANCE));
    fixture.workspace.run_ok(&["plan", "-input=false"]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 1);
    let recorded = &fixture.cloud.recorded_requests()[0];
    let agent = recorded.request.header("user-agent").unwrap();
    let version = TerraformCli::required().version.to_string();
    assert!(agent.starts_with("terraform-provider-dds/0.1.0 Terraform/"), "{agent}");
    // OpenTofu sends a version that is not its own.
    assert!(agent.ends_with(&version) || TerraformCli::required().product == Product::OpenTofu, "{agent}");
}

#[test]
fn fifty_reads_share_one_project_lookup() {
    let fixture = Fixture::new();
    fixture.configure("", &data_sources(50)).apply();
    let results = fixture.workspace.outputs()["result"].clone();
    let links = results.as_array().unwrap().iter().map(|result| result["certs"].as_array().unwrap().len());
    assert_eq!(links.sum::<usize>(), 100);
    assert_eq!(fixture.request_counts([Route::Projects, Route::Links]), [1, 50]);
    // Core runs ten reads at a time, and the provider reuses connections. On a busy machine a read can start before the
    // previous one has returned its connection, so more than ten are allowed.
    assert!(fixture.cloud.connection_count() <= 20, "{} connections", fixture.cloud.connection_count());
    fixture.assert_no_changes();
}

#[test]
fn alias_and_region_argument_read_in_another_region() {
    let fixture = Fixture::new();
    let rest = format!(
        "{}data \"dds_ssl_cert_download_links\" \"alias\" {{\n  provider = dds.other_region\n  instance_id = {OTHER_REGION_INSTANCE:?}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"override\" {{\n  region = \"ap-southeast-3\"\n  instance_id = {OTHER_REGION_INSTANCE:?}\n}}\n\n\
         output \"same\" {{\n  value = data.dds_ssl_cert_download_links.alias == data.dds_ssl_cert_download_links.override\n}}\n\n\
         output \"region\" {{\n  value = data.dds_ssl_cert_download_links.override.region\n}}\n{}",
        fixture.aliased_provider_block("other_region", "region = \"ap-southeast-3\""),
        data_source(INSTANCE)
    );
    fixture.configure("", &rest).apply();
    let outputs = fixture.workspace.outputs();
    assert_eq!((&outputs["same"], &outputs["region"]), (&true.into(), &"ap-southeast-3".into()));
    assert_eq!(outputs["result"]["region"], "cn-north-4");
    fixture.assert_no_changes();
}

#[test]
fn instance_id_known_after_apply_is_read_during_apply() {
    let fixture = Fixture::new();
    let rest = format!(
        "resource \"terraform_data\" \"id\" {{\n  input = {INSTANCE:?}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"this\" {{\n  instance_id = terraform_data.id.output\n}}\n\n\
         output \"categories\" {{\n  value = data.dds_ssl_cert_download_links.this.certs[*].category\n}}\n"
    );
    let plan = fixture.configure("", &rest).plan();
    assert!(
        plan.code == Some(0) && plan.stdout.contains("(known after apply)"),
        "{}\n{}",
        plan.stdout,
        plan.stderr
    );
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
    fixture.apply();
    assert_eq!(fixture.workspace.outputs()["categories"], serde_json::json!(["international", "national"]));
    fixture.assert_no_changes();
}

#[test]
fn sub_project_is_found_by_name_and_by_id() {
    let fixture = Fixture::new();
    let sub_project = fixture.cloud.cloud_state().projects[1].clone();
    for setting in
        [format!("project_name = {:?}", sub_project.name), format!("project_id = {:?}", sub_project.id)]
    {
        fixture.configure(&setting, &data_source(SUB_PROJECT_INSTANCE)).apply();
        assert_eq!(fixture.workspace.outputs()["result"]["certs"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn instance_without_certificates_has_empty_list_and_warning() {
    let fixture = Fixture::new();
    let output = fixture.configure("", &data_source(INSTANCE_WITHOUT_CERTIFICATES)).apply();
    assert!(output.stdout.contains("Warning: No Certificates"), "{}", output.stdout);
    assert_eq!(fixture.workspace.outputs()["result"]["certs"], serde_json::json!([]));
    fixture.assert_no_changes();
}

#[test]
fn temporary_errors_are_retried() {
    let fixture = Fixture::new();
    fixture.cloud.inject_once(Route::Projects, [Fault::Html { status: 503 }]);
    fixture.cloud.inject_once(
        Route::Links,
        [Fault::Throttled { retry_after: Some("0") }, Fault::Truncated, Fault::ConnectionClosed],
    );
    fixture.configure("", &data_source(INSTANCE)).apply();
    assert_eq!(fixture.request_counts([Route::Projects, Route::Links]), [2, 4]);
}

#[cfg(unix)]
#[test]
fn interrupt_ends_a_slow_read_or_token_request_in_two_seconds() {
    for route in [Route::Links, Route::Tokens] {
        let fixture = Fixture::new();
        fixture.cloud.inject_always(route, Fault::NoResponse);
        fixture.configure_with(&user_id_args(fixture.cloud.cloud_state()), &data_source(INSTANCE));
        let run = fixture.workspace.spawn(&["plan", "-input=false"]);
        let started = Instant::now();
        while fixture.cloud.request_count(route) == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "no request for {route:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let interrupted = Instant::now();
        run.interrupt();
        let output = run.wait();
        assert!(interrupted.elapsed() < Duration::from_secs(2), "{route:?} {:?}", interrupted.elapsed());
        assert_eq!(output.code, Some(1));
        assert!(output.stderr.contains("Operation Cancelled"), "{}", output.stderr);
    }
}

#[test]
fn every_example_applies_and_is_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files = vec![root.join("provider/provider.tf")];
    let directories = fs::read_dir(root.join("data-sources")).unwrap();
    files.extend(directories.map(|entry| entry.unwrap().path().join("data-source.tf")));
    assert!(files.len() > 2);
    for file in files {
        let mut fixture = Fixture::new();
        let _downloads = certificates::serve_downloads(&mut fixture);
        let text = fs::read_to_string(&file).unwrap();
        // Adds the source of the provider and the endpoints of the simulated cloud.
        let has_provider_block = text.contains("provider \"dds\"");
        let block = fixture.provider_block("");
        if has_provider_block {
            fixture.workspace.write_file("main.tf", &text).write_file("cloud_override.tf", &block);
        } else {
            fixture.workspace.write_config(&block).write_file("example.tf", &text);
        }
        let key = fixture.cloud.cloud_state().access_keys[0].clone();
        fixture
            .workspace
            .set_env("HW_ACCESS_KEY", key.id)
            .set_env("HW_SECRET_KEY", key.secret)
            .set_env("HW_REGION_NAME", "cn-north-4");
        fixture.apply();
        fixture.assert_no_changes();
        let name = if has_provider_block { "main.tf" } else { "example.tf" };
        fixture.workspace.run_ok(&["fmt", "-check", name]);
    }
}

#[test]
fn read_and_request_end_at_the_configured_timeouts() {
    let fixture = Fixture::new();
    fixture.cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_secs(60)));
    let started = Instant::now();
    fixture
        .configure("", &data_source_with_read_timeout("1s"))
        .plan_fails_with(&["Error: Read Timed Out", "1 s (timeouts.read)"]);
    fixture.configure("max_retries = 0\n  request_timeout = \"1s\"", &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Request Timed Out"]);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());

    let fixture = Fixture::new();
    fixture.configure("", &data_source_with_read_timeout("90s")).apply();
    assert_eq!(fixture.workspace.outputs()["result"]["timeouts"]["read"], "90s");
    fixture.assert_no_changes();
}

/// The configuration under test.
const MODULE: &str = "data \"dds_ssl_cert_download_links\" \"this\" {\n  instance_id = \"any\"\n}\n\n\
     output \"links\" {\n  value = { for cert in data.dds_ssl_cert_download_links.this.certs : cert.category => cert.download_link }\n}\n";

/// A test file for `terraform test`.
const TESTS: &str = r#"
mock_provider "dds" {
  mock_data "dds_ssl_cert_download_links" {
    defaults = {
      certs = [
        { category = "international", download_link = "https://mock.example/ca.crt" },
        { category = "national", download_link = "https://mock.example/sm.crt" },
      ]
    }
  }
}

run "mock_data" {
  assert {
    condition     = length(data.dds_ssl_cert_download_links.this.certs) == 2
    error_message = "the mock must have two certificates"
  }
  assert {
    condition     = output.links["national"] == "https://mock.example/sm.crt"
    error_message = "the mock must have the link"
  }
}

run "override_data" {
  override_data {
    target = data.dds_ssl_cert_download_links.this
    values = {
      certs = [{ category = "international", download_link = "https://override.example/ca.crt" }]
    }
  }
  assert {
    condition     = data.dds_ssl_cert_download_links.this.certs[0].download_link == "https://override.example/ca.crt"
    error_message = "the override must have its own link"
  }
  assert {
    condition     = length(output.links) == 1
    error_message = "the override must have one certificate"
  }
}
"#;

#[test]
fn certs_can_be_set_by_mock_data_and_override_data() {
    let fixture = Fixture::new();
    fixture.workspace.write_config(MODULE).write_file("certs.tftest.hcl", TESTS);
    assert_mocked_runs_pass(&fixture, &["mock_data", "override_data"]);
}

/// Runs `terraform test`, and asserts that these runs pass and send no request. Older versions have no mocks.
pub fn assert_mocked_runs_pass(fixture: &Fixture, runs: &[&str]) {
    let cli = TerraformCli::required();
    let output = fixture.workspace.run(&["test"]);
    if cli.is_at_least(Some((1, 7)), Some((1, 8))) {
        let output_text = format!("{cli}\n{}\n{}", output.stdout, output.stderr);
        assert_eq!(output.code, Some(0), "{output_text}");
        for run in runs {
            assert!(output.stdout.contains(&format!("run {run:?}... pass")), "{output_text}");
        }
        assert!(output.stdout.contains(&format!("{} passed, 0 failed", runs.len())), "{output_text}");
        assert_eq!(fixture.cloud.recorded_requests().len(), 0, "a mocked provider must send no request");
    } else if cli.is_at_least(Some((1, 6)), Some((1, 6))) {
        // This version has `test`, but no mocks.
        assert_ne!(output.code, Some(0), "{}", output.stdout);
        assert!(without_line_breaks(&output.stderr).contains("Unsupported block type"), "{}", output.stderr);
    } else {
        // This version has no `test` command, or an experimental one that ignores the file.
        assert!(!output.stdout.contains("passed"), "{}\n{}", output.stdout, output.stderr);
    }
}
