//! The ephemeral resource. It stores the links neither in the plan nor in the state. Older versions of Terraform reject it.

use cloud_simulator::{RecordedRequest, Route};

use super::*;

/// An ephemeral resource with a condition on its links. `instance` is an expression.
fn ephemeral_resource(instance: &str) -> String {
    format!(
        "ephemeral \"dds_ssl_cert_download_links\" \"this\" {{\n  instance_id = {instance}\n\n  lifecycle {{\n    \
         postcondition {{\n      condition     = self.certs[0].category == \"international\" && \
         startswith(self.certs[0].download_link, \"https://\")\n      error_message = \"other links\"\n    }}\n  }}\n}}\n"
    )
}

/// A second provider block that uses the links, with a data source that is read during apply. Without it, OpenTofu
/// since 1.12 does not open the resource during apply.
fn provider_that_uses_links(fixture: &Fixture) -> String {
    let settings = "region = \"cn-north-4\"\n  \
                    max_retries = length(ephemeral.dds_ssl_cert_download_links.this.certs)";
    let block = fixture.aliased_provider_block("second", settings);
    format!(
        "{block}data \"dds_ssl_cert_download_links\" \"second\" {{\n  provider = dds.second\n  \
         instance_id = {INSTANCE_WITHOUT_CERTIFICATES:?}\n  depends_on = [terraform_data.id]\n}}\n"
    )
}

/// Whether this Terraform supports ephemeral resources. Asserts that an older one rejects them.
fn ephemeral_resources_are_supported() -> bool {
    let is_supported = TerraformCli::required().is_at_least(Some((1, 10)), Some((1, 11)));
    if !is_supported {
        let fixture = Fixture::new();
        fixture
            .configure("", &ephemeral_resource(&format!("{INSTANCE:?}")))
            .plan_fails_with(&["Unsupported block type"]);
    }
    is_supported
}

#[test]
fn links_are_opened_in_plan_and_apply_and_never_stored() {
    if !ephemeral_resources_are_supported() {
        return;
    }
    let open_count = |fixture: &Fixture| {
        let is_open = |recorded: &RecordedRequest| {
            recorded.route == Route::Links && recorded.request.path.contains(INSTANCE)
        };
        fixture.cloud.recorded_requests().iter().filter(|recorded| is_open(recorded)).count()
    };
    let fixture = Fixture::new();
    let id = format!("resource \"terraform_data\" \"id\" {{\n  input = {INSTANCE:?}\n}}\n");
    let uses = format!("{id}{}", provider_that_uses_links(&fixture));
    fixture.configure("", &format!("{uses}{}", ephemeral_resource(&format!("{INSTANCE:?}"))));
    fixture.workspace.run_ok(&["plan", "-input=false", "-out=plan"]);
    assert_eq!(open_count(&fixture), 1);
    fixture.workspace.run_ok(&["apply", "-input=false", "plan"]);
    assert_eq!(open_count(&fixture), 2);
    fixture.assert_no_changes();
    let link = &fixture.cloud.cloud_state().instances[0].certificates[0].download_link;
    // Not `show -json`: Terraform 1.11 crashes there if an ephemeral resource has a postcondition.
    let plan = fixture.workspace.run_ok(&["show", "plan"]).stdout;
    let state = std::fs::read_to_string(fixture.workspace.file_path("terraform.tfstate")).unwrap();
    for stored in [plan, state] {
        assert!(!stored.contains(link.as_str()) && stored.contains("e73893ef"), "{stored}");
    }
    // With an ID that is known after apply, only the apply opens the resource.
    let fixture = Fixture::new();
    let uses = format!("{id}{}", provider_that_uses_links(&fixture));
    fixture.configure("", &format!("{uses}{}", ephemeral_resource("terraform_data.id.output")));
    fixture.workspace.run_ok(&["plan", "-input=false"]);
    assert_eq!(open_count(&fixture), 0);
    fixture.apply();
    assert_eq!(open_count(&fixture), 1);
}

#[test]
fn errors_show_the_line_or_the_address() {
    if !ephemeral_resources_are_supported() {
        return;
    }
    let fixture = Fixture::new();
    fixture.configure("", &ephemeral_resource("\"../x\""));
    fixture.plan_fails_with(&["Error: Invalid Attribute Value", "instance_id = \"../x\""]);
    fixture
        .configure("", &ephemeral_resource("\"missing\""))
        .plan_fails_with(&["Error: Instance Not Found", "ephemeral.dds_ssl"]);
}

#[test]
fn ephemeral_example_applies() {
    if !ephemeral_resources_are_supported() {
        return;
    }
    let file = "examples/ephemeral-resources/dds_ssl_cert_download_links/ephemeral-resource.tf";
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let fixture = Fixture::new();
    fixture.configure("", "").workspace.write_file("example.tf", &text);
    fixture.apply();
    fixture.assert_no_changes();
    fixture.workspace.run_ok(&["fmt", "-check", "example.tf"]);
}
