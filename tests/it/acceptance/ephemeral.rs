//! The ephemeral resource: links that no plan and no state keeps. Older cores know no such thing and say so.

use dds_test_support::simulator::Route;

use super::*;

/// Opens the links, checks them, and hands them to a second provider's block, where an ephemeral value may go.
fn opened(instance: &str) -> String {
    format!(
        "ephemeral \"dds_ssl_cert_download_links\" \"this\" {{\n  instance_id = {instance}\n\n  lifecycle {{\n    \
         postcondition {{\n      condition     = self.certs[0].category == \"international\" && \
         startswith(self.certs[0].download_link, \"https://\")\n      error_message = \"other links\"\n    }}\n  }}\n}}\n"
    )
}

/// Whether this core knows ephemeral resources; if not, that it refuses them in its own words.
fn knows_them() -> bool {
    let newer = core().is_since(Some((1, 10)), Some((1, 11)));
    if !newer {
        let scene = Scene::new();
        let output = scene.configure("", &opened(&format!("{INSTANCE:?}"))).plan();
        assert!(
            output.code == Some(1) && output.stderr.contains("Unsupported block type"),
            "{}",
            output.stderr
        );
    }
    newer
}

#[test]
fn links_are_opened_for_plan_and_apply_and_kept_nowhere() {
    if !knows_them() {
        return;
    }
    let scene = Scene::new();
    let uses =
        "resource \"terraform_data\" \"id\" {\n  input = \"e73893ef73754465a8bd2e0857bbf13ein02\"\n}\n";
    scene.configure("", &format!("{uses}{}", opened(&format!("{INSTANCE:?}"))));
    scene.workspace.must(&["plan", "-input=false", "-out=plan"]);
    assert_eq!(scene.cloud.count(Route::Links), 1);
    scene.workspace.must(&["apply", "-input=false", "plan"]);
    assert_eq!(scene.cloud.count(Route::Links), 2);
    scene.is_settled();
    let link = &scene.cloud.world().instances[0].certificates[0].download_link;
    // Not as JSON: Terraform 1.11 crashes where the postcondition is an ephemeral resource's.
    let plan = scene.workspace.must(&["show", "-no-color", "plan"]).stdout;
    let state = std::fs::read_to_string(scene.workspace.file("terraform.tfstate")).unwrap();
    for kept in [plan, state] {
        assert!(!kept.contains(link.as_str()) && kept.contains("e73893ef"), "{kept}");
    }
    // With an ID that only the apply knows, only the apply opens them.
    let scene = Scene::new();
    scene.configure("", &format!("{uses}{}", opened("terraform_data.id.output")));
    scene.workspace.must(&["plan", "-input=false"]);
    assert_eq!(scene.cloud.count(Route::Links), 0);
    scene.apply();
    assert_eq!(scene.cloud.count(Route::Links), 1);
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    if !knows_them() {
        return;
    }
    let scene = Scene::new();
    let text = joined(&scene.configure("", &opened("\"../x\"")).plan().stderr);
    assert!(text.contains("Error: Invalid Instance ID") && text.contains("instance_id = \"../x\""), "{text}");
    let text = joined(&scene.configure("", &opened("\"absent\"")).plan().stderr);
    assert!(text.contains("Error: Instance Not Found") && text.contains("ephemeral.dds_ssl"), "{text}");
}

#[test]
fn its_example_applies() {
    if !knows_them() {
        return;
    }
    let file = "examples/ephemeral-resources/dds_ssl_cert_download_links/ephemeral-resource.tf";
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let scene = Scene::new();
    scene.configure("", "").workspace.write("example.tf", &text);
    scene.apply();
    scene.is_settled();
    scene.workspace.must(&["fmt", "-check", "example.tf"]);
}
