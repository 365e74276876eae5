//! What only OpenTofu has. Under a core without a feature its test asserts that the core refuses the configuration.

use std::fs;

use cloud_simulator::Route;
use serde_json::json;

use super::*;

/// Whether this core is OpenTofu of this minor version or newer.
fn is_opentofu_since(minor: u64) -> bool {
    core().is_at_least(None, Some((1, minor)))
}

/// Asserts that the core refuses the configuration by itself, for this reason, before it asks the cloud.
fn is_refused(scene: &Scene, reason: &str) {
    scene.fails_with(&[reason]);
    assert_eq!(scene.cloud.recorded_requests().len(), 0);
}

#[test]
fn provider_with_for_each_reads_in_each_region() {
    let scene = Scene::new();
    let text = format!(
        "locals {{\n  instances = {{\n    \"cn-north-4\"     = {INSTANCE:?}\n    \"ap-southeast-3\" = {SOUTH:?}\n  }}\n}}\n\n{}\
         data \"dds_ssl_cert_download_links\" \"this\" {{\n  for_each    = local.instances\n  \
         provider    = dds.by_region[each.key]\n  instance_id = each.value\n}}\n\n\
         output \"regions\" {{\n  value = [for link in data.dds_ssl_cert_download_links.this : link.region]\n}}\n",
        scene.second_block("by_region", "for_each = local.instances\n  region = each.key")
    );
    scene.workspace.write_config(&text);
    if !is_opentofu_since(9) {
        return is_refused(&scene, "\"for_each\" is reserved");
    }
    scene.apply();
    assert_eq!(scene.workspace.outputs()["regions"], json!(["ap-southeast-3", "cn-north-4"]));
    let recorded = scene.cloud.recorded_requests();
    for (region, instance) in [("cn-north-4", INSTANCE), ("ap-southeast-3", SOUTH)] {
        let sent = |it: &&cloud_simulator::RecordedRequest| {
            it.route == Route::Links && it.request.region == region && it.request.path.contains(instance)
        };
        assert_eq!(recorded.iter().filter(sent).count(), 1, "{region}");
    }
    scene.is_settled();
}

#[test]
fn encrypted_state_and_plan_contain_no_link() {
    let scene = Scene::new();
    let encryption = "terraform {\n  encryption {\n    key_provider \"pbkdf2\" \"this\" {\n      \
        passphrase = \"correct horse battery staple\"\n      iterations = 200000\n    }\n    method \"aes_gcm\" \"this\" {\n      \
        keys = key_provider.pbkdf2.this\n    }\n    state {\n      method   = method.aes_gcm.this\n      \
        enforced = true\n    }\n    plan {\n      method   = method.aes_gcm.this\n      enforced = true\n    }\n  }\n}\n";
    scene.configure("", &data(INSTANCE)).workspace.write_file("encryption.tf", encryption);
    if !is_opentofu_since(7) {
        return is_refused(&scene, "Blocks of type \"encryption\" are not expected here");
    }
    scene.workspace.run_ok(&["plan", "-input=false", "-out=saved"]);
    scene.workspace.run_ok(&["apply", "-input=false", "saved"]);
    let link = &scene.cloud.cloud_state().instances[0].certificates[0].download_link;
    for file in ["saved", "terraform.tfstate"] {
        let bytes = fs::read(scene.workspace.file_path(file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("encrypted_data") && !text.contains(link.as_str()), "{text:.200}");
        assert!(!text.contains("dds_ssl_cert_download_links"), "{text:.200}");
    }
    // Core can read both, and the provider's values are in them.
    assert!(scene.workspace.run_ok(&["show", "saved"]).stdout.contains(link.as_str()));
    assert_eq!(scene.workspace.outputs()["found"]["certs"][0]["download_link"], link.as_str());
    scene.is_settled();
    // With another passphrase core cannot, so it was encrypted with this one.
    scene.workspace.write_file("encryption.tf", &encryption.replace("horse", "zebra"));
    assert_eq!(scene.plan().code, Some(1));
    scene.workspace.write_file("encryption.tf", encryption);
    scene.workspace.run_ok(&["destroy", "-input=false", "-auto-approve"]);
}

#[test]
fn disabled_data_source_is_not_read() {
    let scene = Scene::new();
    let text = data(INSTANCE)
        .replace("\n}\n\noutput", "\n\n  lifecycle {\n    enabled = var.wanted\n  }\n}\n\noutput");
    assert!(text.contains("enabled"));
    scene.configure("", &format!("variable \"wanted\" {{\n  type = bool\n}}\n\n{text}"));
    if !is_opentofu_since(11) {
        scene.workspace.write_file("terraform.tfvars", "wanted = true\n");
        return is_refused(&scene, "An argument named \"enabled\" is not expected here");
    }
    for (wanted, links) in [(false, 0), (true, 1), (false, 0)] {
        scene.workspace.write_file("terraform.tfvars", &format!("wanted = {wanted}\n"));
        scene.cloud.clear_recorded_requests();
        scene.apply();
        assert_eq!(scene.cloud.request_count(Route::Links), links);
        assert_eq!(scene.workspace.outputs()["found"].is_object(), wanted);
        scene.is_settled();
    }
}
