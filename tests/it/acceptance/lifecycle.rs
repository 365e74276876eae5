//! From validate to destroy, and how configurations use a data source.

use std::fs;
use std::time::{Duration, Instant};

use cloud_simulator::{Fault, Route};

use super::*;

#[test]
fn a_configuration_lives_from_validate_to_destroy() {
    let scene = Scene::new();
    scene.configure("", &data(INSTANCE));
    scene.workspace.must(&["validate"]);
    assert_eq!(scene.cloud.recorded().len(), 0, "validate calls nobody");
    let plan = scene.workspace.run(&["plan", "-input=false", "-detailed-exitcode", "-out=saved"]);
    assert_eq!(plan.code, Some(2), "{}", plan.stderr);
    assert!(plan.stdout.contains(&format!("Read complete after 0s [id={INSTANCE}]")), "{}", plan.stdout);
    scene.workspace.must(&["apply", "-input=false", "saved"]);
    assert_eq!(scene.cloud.count(Route::Links), 1, "a saved plan is not read again");
    assert_eq!(scene.cloud.count(Route::Projects), 1);

    let found = &scene.workspace.outputs()["found"];
    assert_eq!(found["id"], INSTANCE);
    assert_eq!(found["instance_id"], INSTANCE);
    assert_eq!(found["region"], "cn-north-4");
    let expected = &scene.cloud.cloud_state().instances[0].certificates;
    let certs = found["certs"].as_array().unwrap();
    assert_eq!(certs.len(), 2);
    for (cert, expected) in certs.iter().zip(expected) {
        assert_eq!(cert["category"], expected.category.as_str());
        assert_eq!(cert["download_link"], expected.download_link.as_str());
    }

    scene.is_settled();
    scene.workspace.must(&["apply", "-refresh-only", "-input=false", "-auto-approve"]);
    scene.workspace.must(&["destroy", "-input=false", "-auto-approve"]);
    assert!(!scene.workspace.state().contains("ca-dds.crt"));
}

#[test]
fn the_newest_protocol_is_spoken_unless_another_is_wanted() {
    let mut scene = Scene::new();
    scene.workspace.trace();
    scene.configure("", &data(INSTANCE)).plan();
    assert_eq!(
        terraform_runner::negotiated_protocols(&scene.workspace.log()),
        [protocol().unwrap_or(6)].into()
    );
}

#[test]
fn with_a_project_id_a_plan_is_one_request() {
    let scene = Scene::new();
    let project = scene.cloud.cloud_state().projects[0].id.clone();
    scene.configure(&format!("project_id = {project:?}"), &data(INSTANCE));
    scene.workspace.must(&["plan", "-input=false"]);
    assert_eq!(scene.cloud.recorded().len(), 1);
    let recorded = &scene.cloud.recorded()[0];
    let agent = recorded.request.header("user-agent").unwrap();
    let version = core().version.to_string();
    assert!(agent.starts_with("terraform-provider-dds/0.1.0 Terraform/"), "{agent}");
    // OpenTofu gives a number that is not its own.
    assert!(agent.ends_with(&version) || core().product == Product::OpenTofu, "{agent}");
}

#[test]
fn fifty_instances_share_one_look_up() {
    let scene = Scene::new();
    scene.configure("", &many(50)).apply();
    let found = scene.workspace.outputs()["found"].clone();
    let links = found.as_array().unwrap().iter().map(|found| found["certs"].as_array().unwrap().len());
    assert_eq!(links.sum::<usize>(), 100);
    assert_eq!(scene.counts([Route::Projects, Route::Links]), [1, 50]);
    // Core reads ten at a time, and connections are kept and used again. On a busy machine a read may begin before the
    // last one has given its connection back, and opens another.
    assert!(scene.cloud.connections() <= 20, "{} connections", scene.cloud.connections());
    scene.is_settled();
}

#[test]
fn two_providers_read_in_two_regions_and_so_does_one_with_an_override() {
    let scene = Scene::new();
    let rest = format!(
        "{}data \"dds_ssl_cert_download_links\" \"alias\" {{\n  provider = dds.south\n  instance_id = {SOUTH:?}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"override\" {{\n  region = \"ap-southeast-3\"\n  instance_id = {SOUTH:?}\n}}\n\n\
         output \"same\" {{\n  value = data.dds_ssl_cert_download_links.alias == data.dds_ssl_cert_download_links.override\n}}\n\n\
         output \"region\" {{\n  value = data.dds_ssl_cert_download_links.override.region\n}}\n{}",
        scene.second_block("south", "region = \"ap-southeast-3\""),
        data(INSTANCE)
    );
    scene.configure("", &rest).apply();
    let outputs = scene.workspace.outputs();
    assert_eq!((&outputs["same"], &outputs["region"]), (&true.into(), &"ap-southeast-3".into()));
    assert_eq!(outputs["found"]["region"], "cn-north-4");
    scene.is_settled();
}

#[test]
fn an_id_that_becomes_known_at_apply_is_read_then() {
    let scene = Scene::new();
    let rest = format!(
        "resource \"terraform_data\" \"id\" {{\n  input = {INSTANCE:?}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"this\" {{\n  instance_id = terraform_data.id.output\n}}\n\n\
         output \"categories\" {{\n  value = data.dds_ssl_cert_download_links.this.certs[*].category\n}}\n"
    );
    let plan = scene.configure("", &rest).plan();
    assert!(
        plan.code == Some(0) && plan.stdout.contains("(known after apply)"),
        "{}\n{}",
        plan.stdout,
        plan.stderr
    );
    assert_eq!(scene.cloud.recorded().len(), 0);
    scene.apply();
    assert_eq!(scene.workspace.outputs()["categories"], serde_json::json!(["international", "national"]));
    scene.is_settled();
}

#[test]
fn a_sub_project_is_reached_by_name_and_by_id() {
    let scene = Scene::new();
    let team = scene.cloud.cloud_state().projects[1].clone();
    for setting in [format!("project_name = {:?}", team.name), format!("project_id = {:?}", team.id)] {
        scene.configure(&setting, &data(TEAM)).apply();
        assert_eq!(scene.workspace.outputs()["found"]["certs"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn an_instance_without_certificates_is_an_empty_list_with_a_warning() {
    let scene = Scene::new();
    let output = scene.configure("", &data(EMPTY)).apply();
    assert!(output.stdout.contains("Warning: No Certificates"), "{}", output.stdout);
    assert_eq!(scene.workspace.outputs()["found"]["certs"], serde_json::json!([]));
    scene.is_settled();
}

#[test]
fn a_passing_fault_is_not_noticed() {
    let scene = Scene::new();
    scene.cloud.next(Route::Projects, [Fault::Html { status: 503 }]);
    scene.cloud.next(Route::Links, [Fault::Throttled { retry_after: Some("0") }, Fault::Cut, Fault::Closed]);
    scene.configure("", &data(INSTANCE)).apply();
    assert_eq!(scene.counts([Route::Projects, Route::Links]), [2, 4]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_during_a_slow_read_or_a_slow_login_ends_the_run_within_two_seconds() {
    for route in [Route::Links, Route::Tokens] {
        let scene = Scene::new();
        scene.cloud.always(route, Fault::Silent);
        scene.configure_as(&login(scene.cloud.cloud_state()), &data(INSTANCE));
        let run = scene.workspace.spawn(&["plan", "-input=false"]);
        let started = Instant::now();
        while scene.cloud.count(route) == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "{route:?} never began");
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
    let folder = root.join("data-sources/dds_ssl_cert_download_links");
    files.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    assert!(files.len() >= 3);
    for file in files {
        let mut scene = Scene::new();
        let text = fs::read_to_string(&file).unwrap();
        // As a user would have it beside the example: where the provider comes from, and here also where the cloud is.
        let own = text.contains("provider \"dds\"");
        let block = scene.block("");
        if own {
            scene.workspace.write("main.tf", &text).write("cloud_override.tf", &block);
        } else {
            scene.workspace.configure(&block).write("example.tf", &text);
        }
        let key = scene.cloud.cloud_state().keys[0].clone();
        scene
            .workspace
            .set("HW_ACCESS_KEY", key.id)
            .set("HW_SECRET_KEY", key.secret)
            .set("HW_REGION_NAME", "cn-north-4");
        scene.apply();
        scene.is_settled();
        let name = if own { "main.tf" } else { "example.tf" };
        scene.workspace.must(&["fmt", "-check", name]);
    }
}

#[test]
fn a_read_and_a_request_end_at_the_limits_that_the_user_sets() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Slow(Duration::from_secs(60)));
    let started = Instant::now();
    scene.configure("", &limited("1s")).fails_with(&["Error: Read Timed Out", "1 s (timeouts.read)"]);
    scene.configure("max_retries = 0\n  request_timeout = \"1s\"", &data(INSTANCE));
    scene.fails_with(&["Error: Request Timed Out"]);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());

    let scene = Scene::new();
    scene.configure("", &limited("90s")).apply();
    assert_eq!(scene.workspace.outputs()["found"]["timeouts"]["read"], "90s");
    scene.is_settled();
}

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
