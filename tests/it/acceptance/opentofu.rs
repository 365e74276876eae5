//! Features of OpenTofu. With a program that has no such feature, the tests assert that it rejects the configuration.

use std::fs;

use cloud_simulator::Route;
use serde_json::json;

use super::*;

/// Whether the program is OpenTofu 1.`minor` or newer.
fn is_opentofu_since(minor: u64) -> bool {
    TerraformCli::required().is_at_least(None, Some((1, minor)))
}

/// Asserts that the program rejects the configuration with this error and without a request.
fn assert_rejected(fixture: &Fixture, reason: &str) {
    fixture.plan_fails_with(&[reason]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
}

#[test]
fn provider_with_for_each_reads_in_each_region() {
    let fixture = Fixture::new();
    let configuration = format!(
        "locals {{\n  instances = {{\n    \"cn-north-4\"     = {INSTANCE:?}\n    \"ap-southeast-3\" = {OTHER_REGION_INSTANCE:?}\n  }}\n}}\n\n{}\
         data \"dds_ssl_cert_download_links\" \"this\" {{\n  for_each    = local.instances\n  \
         provider    = dds.by_region[each.key]\n  instance_id = each.value\n}}\n\n\
         output \"regions\" {{\n  value = [for link in data.dds_ssl_cert_download_links.this : link.region]\n}}\n",
        fixture.aliased_provider_block("by_region", "for_each = local.instances\n  region = each.key")
    );
    fixture.workspace.write_config(&configuration);
    if !is_opentofu_since(9) {
        return assert_rejected(&fixture, "\"for_each\" is reserved");
    }
    fixture.apply();
    assert_eq!(fixture.workspace.outputs()["regions"], json!(["ap-southeast-3", "cn-north-4"]));
    let recorded = fixture.cloud.recorded_requests();
    for (region, instance) in [("cn-north-4", INSTANCE), ("ap-southeast-3", OTHER_REGION_INSTANCE)] {
        let is_read = |recorded: &&cloud_simulator::RecordedRequest| {
            recorded.route == Route::Links
                && recorded.request.region == region
                && recorded.request.path.contains(instance)
        };
        assert_eq!(recorded.iter().filter(is_read).count(), 1, "{region}");
    }
    fixture.assert_no_changes();
}

#[test]
fn guide_example_reads_from_each_account() {
    let guide =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/guides/opentofu.md")).unwrap();
    let configuration = migration::code(&guide, "terraform");
    let mut fixture = Fixture::with_cloud_state(migration::cloud_state());
    fixture.workspace.set_env("HW_ACCESS_KEY", "my-access-key").set_env("HW_SECRET_KEY", "my-secret-key");
    fixture
        .workspace
        .write_config("")
        .write_file("example.tf", &configuration)
        .write_file("cloud_override.tf", &fixture.provider_block("alias = \"by_account\""));
    fixture.workspace.run_ok(&["fmt", "-check", "example.tf"]);
    if !is_opentofu_since(9) {
        return assert_rejected(&fixture, "\"for_each\" is reserved");
    }
    fixture.apply();
    assert_eq!(fixture.request_counts([Route::Links]), [1]);
    fixture.assert_no_changes();
}

#[test]
fn encrypted_state_and_plan_contain_no_link() {
    let fixture = Fixture::new();
    let encryption = "terraform {\n  encryption {\n    key_provider \"pbkdf2\" \"this\" {\n      \
        passphrase = \"correct horse battery staple\"\n      iterations = 200000\n    }\n    method \"aes_gcm\" \"this\" {\n      \
        keys = key_provider.pbkdf2.this\n    }\n    state {\n      method   = method.aes_gcm.this\n      \
        enforced = true\n    }\n    plan {\n      method   = method.aes_gcm.this\n      enforced = true\n    }\n  }\n}\n";
    fixture.configure("", &data_source(INSTANCE)).workspace.write_file("encryption.tf", encryption);
    if !is_opentofu_since(7) {
        return assert_rejected(&fixture, "Blocks of type \"encryption\" are not expected here");
    }
    fixture.workspace.run_ok(&["plan", "-input=false", "-out=saved"]);
    fixture.workspace.run_ok(&["apply", "-input=false", "saved"]);
    let link = &fixture.cloud.cloud_state().instances[0].certificates[0].download_link;
    for file in ["saved", "terraform.tfstate"] {
        let bytes = fs::read(fixture.workspace.file_path(file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("encrypted_data") && !text.contains(link.as_str()), "{text:.200}");
        assert!(!text.contains("dds_ssl_cert_download_links"), "{text:.200}");
    }
    // OpenTofu can decrypt both, and they contain the links.
    assert!(fixture.workspace.run_ok(&["show", "saved"]).stdout.contains(link.as_str()));
    assert_eq!(fixture.workspace.outputs()["result"]["certs"][0]["download_link"], link.as_str());
    fixture.assert_no_changes();
    // With another passphrase the plan fails, so the files are encrypted.
    fixture.workspace.write_file("encryption.tf", &encryption.replace("horse", "zebra"));
    assert_eq!(fixture.plan().code, Some(1));
    fixture.workspace.write_file("encryption.tf", encryption);
    fixture.workspace.run_ok(&["destroy", "-input=false", "-auto-approve"]);
}

#[test]
fn disabled_data_source_is_not_read() {
    let fixture = Fixture::new();
    let configuration = data_source(INSTANCE)
        .replace("\n}\n\noutput", "\n\n  lifecycle {\n    enabled = var.enabled\n  }\n}\n\noutput");
    assert!(configuration.contains("enabled"));
    fixture.configure("", &format!("variable \"enabled\" {{\n  type = bool\n}}\n\n{configuration}"));
    if !is_opentofu_since(11) {
        fixture.workspace.write_file("terraform.tfvars", "enabled = true\n");
        return assert_rejected(&fixture, "An argument named \"enabled\" is not expected here");
    }
    for (enabled, links) in [(false, 0), (true, 1), (false, 0)] {
        fixture.workspace.write_file("terraform.tfvars", &format!("enabled = {enabled}\n"));
        fixture.cloud.clear_recorded_requests();
        fixture.apply();
        assert_eq!(fixture.cloud.request_count(Route::Links), links);
        assert_eq!(fixture.workspace.outputs()["result"].is_object(), enabled);
        fixture.assert_no_changes();
    }
}
