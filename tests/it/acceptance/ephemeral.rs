//! The ephemeral resource: links that no plan and no state keeps. Older cores know no such thing and say so.

use cloud_simulator::{RecordedRequest, Route};

use super::*;

/// Opens the links and checks them.
fn opened(instance: &str) -> String {
    format!(
        "ephemeral \"dds_ssl_cert_download_links\" \"this\" {{\n  instance_id = {instance}\n\n  lifecycle {{\n    \
         postcondition {{\n      condition     = self.certs[0].category == \"international\" && \
         startswith(self.certs[0].download_link, \"https://\")\n      error_message = \"other links\"\n    }}\n  }}\n}}\n"
    )
}

/// Uses them in the block of a second provider, which reads an instance without certificates at apply. OpenTofu since 1.12
/// does not open at apply what nothing uses then.
fn used(fixture: &Fixture) -> String {
    let settings = "region = \"cn-north-4\"\n  \
                    max_retries = length(ephemeral.dds_ssl_cert_download_links.this.certs)";
    let block = fixture.aliased_provider_block("second", settings);
    format!(
        "{block}data \"dds_ssl_cert_download_links\" \"second\" {{\n  provider = dds.second\n  \
         instance_id = {INSTANCE_WITHOUT_CERTIFICATES:?}\n  depends_on = [terraform_data.id]\n}}\n"
    )
}

/// Whether this core knows ephemeral resources; if not, that it refuses them in its own words.
fn knows_them() -> bool {
    let newer = core().is_at_least(Some((1, 10)), Some((1, 11)));
    if !newer {
        let fixture = Fixture::new();
        fixture.configure("", &opened(&format!("{INSTANCE:?}"))).plan_fails_with(&["Unsupported block type"]);
    }
    newer
}

#[test]
fn links_are_opened_in_plan_and_apply_and_never_stored() {
    if !knows_them() {
        return;
    }
    let opens = |fixture: &Fixture| {
        let of_links = |it: &RecordedRequest| it.route == Route::Links && it.request.path.contains(INSTANCE);
        fixture.cloud.recorded_requests().iter().filter(|it| of_links(it)).count()
    };
    let fixture = Fixture::new();
    let id = format!("resource \"terraform_data\" \"id\" {{\n  input = {INSTANCE:?}\n}}\n");
    let uses = format!("{id}{}", used(&fixture));
    fixture.configure("", &format!("{uses}{}", opened(&format!("{INSTANCE:?}"))));
    fixture.workspace.run_ok(&["plan", "-input=false", "-out=plan"]);
    assert_eq!(opens(&fixture), 1);
    fixture.workspace.run_ok(&["apply", "-input=false", "plan"]);
    assert_eq!(opens(&fixture), 2);
    fixture.assert_no_changes();
    let link = &fixture.cloud.cloud_state().instances[0].certificates[0].download_link;
    // Not as JSON: Terraform 1.11 crashes where the postcondition is an ephemeral resource's.
    let plan = fixture.workspace.run_ok(&["show", "plan"]).stdout;
    let state = std::fs::read_to_string(fixture.workspace.file_path("terraform.tfstate")).unwrap();
    for kept in [plan, state] {
        assert!(!kept.contains(link.as_str()) && kept.contains("e73893ef"), "{kept}");
    }
    // With an ID that only the apply knows, only the apply opens them.
    let fixture = Fixture::new();
    let uses = format!("{id}{}", used(&fixture));
    fixture.configure("", &format!("{uses}{}", opened("terraform_data.id.output")));
    fixture.workspace.run_ok(&["plan", "-input=false"]);
    assert_eq!(opens(&fixture), 0);
    fixture.apply();
    assert_eq!(opens(&fixture), 1);
}

#[test]
fn errors_show_the_line_or_the_address() {
    if !knows_them() {
        return;
    }
    let fixture = Fixture::new();
    fixture.configure("", &opened("\"../x\""));
    fixture.plan_fails_with(&["Error: Invalid Attribute Value", "instance_id = \"../x\""]);
    fixture
        .configure("", &opened("\"absent\""))
        .plan_fails_with(&["Error: Instance Not Found", "ephemeral.dds_ssl"]);
}

#[test]
fn ephemeral_example_applies() {
    if !knows_them() {
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
