//! `terraform test` with mocked results: what a module's author has instead of a cloud.

use super::*;

const MODULE: &str = "data \"dds_ssl_cert_download_links\" \"this\" {\n  instance_id = \"any\"\n}\n\n\
     output \"links\" {\n  value = { for it in data.dds_ssl_cert_download_links.this.certs : it.category => it.download_link }\n}\n";

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
    error_message = "the mock has two certificates"
  }
  assert {
    condition     = output.links["national"] == "https://mock.example/sm.crt"
    error_message = "the mock has the link"
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
    error_message = "the override has another link"
  }
  assert {
    condition     = length(output.links) == 1
    error_message = "the override has one certificate"
  }
}
"#;

#[test]
fn certs_can_be_set_by_mock_data_and_override_data() {
    let core = core();
    let scene = Scene::new();
    scene.workspace.configure(MODULE).write("certs.tftest.hcl", TESTS);
    let output = scene.workspace.run(&["test"]);
    if core.is_since(Some((1, 7)), Some((1, 8))) {
        let told = format!("{core}\n{}\n{}", output.stdout, output.stderr);
        assert_eq!(output.code, Some(0), "{told}");
        for run in ["run \"mock_data\"... pass", "run \"override_data\"... pass", "2 passed, 0 failed"] {
            assert!(output.stdout.contains(run), "{told}");
        }
        assert_eq!(scene.cloud.recorded().len(), 0, "a mocked provider calls nobody");
    } else if core.is_since(Some((1, 6)), Some((1, 6))) {
        // It has the command, but no mocks.
        assert_ne!(output.code, Some(0), "{}", output.stdout);
        assert!(joined(&output.stderr).contains("Unsupported block type"), "{}", output.stderr);
    } else {
        // It has no such command, or an experiment under its name, which reads other files.
        assert!(!output.stdout.contains("passed"), "{}\n{}", output.stdout, output.stderr);
    }
}
