//! `dds_instances` and `dds_ssl_certificates` in one configuration.

use std::collections::BTreeMap;

use super::super::certificates::{pem, serve_downloads};
use super::*;

/// The certificates of each instance with SSL.
const CONFIGURATION: &str = r#"
data "dds_instances" "all" {}

data "dds_ssl_certificates" "each" {
  for_each = { for instance in data.dds_instances.all.instances : instance.id => instance if instance.ssl_enabled }

  instance_id = each.key
  category    = "international"
}

output "connections" {
  value = {
    for id, certificates in data.dds_ssl_certificates.each : id => {
      ca                = certificates.bundle_pem
      connection_string = one([for instance in data.dds_instances.all.instances : instance.connection_string if instance.id == id])
    }
  }
}
"#;

/// The requests by target, each of which is sent once.
fn assert_each_request_is_sent_once(fixture: &Fixture, routes: &[(Route, usize)]) {
    let recorded = fixture.cloud.recorded_requests();
    let mut targets = BTreeMap::<&str, usize>::new();
    for recorded in &recorded {
        *targets.entry(&recorded.request.target).or_default() += 1;
    }
    assert!(targets.values().all(|count| *count == 1), "{targets:#?}");
    let total: usize = routes.iter().map(|(_, count)| count).sum();
    for (route, count) in routes {
        assert_eq!(fixture.cloud.request_count(*route), *count, "{route:?}");
    }
    assert_eq!(recorded.len(), total, "{targets:#?}");
}

#[test]
fn certificates_of_instances_with_ssl_are_read() {
    for (_, mut fixture) in both_protocols() {
        let downloads = serve_downloads(&mut fixture);
        fixture.configure("", CONFIGURATION).workspace.run_ok(&["validate"]);
        fixture.workspace.run_ok(&["plan", "-input=false", "-out=saved"]);
        let expected = [(Route::Projects, 1), (Route::Instances, 1), (Route::Links, 2)];
        assert_each_request_is_sent_once(&fixture, &expected);
        fixture.workspace.run_ok(&["apply", "-input=false", "saved"]);
        // The apply of a saved plan reads nothing again.
        assert_each_request_is_sent_once(&fixture, &expected);
        assert_eq!(downloads.requests().len(), 1);
        let ca = pem(&downloads.certificates("international"));
        assert_eq!(
            fixture.workspace.outputs()["connections"],
            json!({
                CLUSTER: {
                    "ca": ca,
                    "connection_string": "mongodb://192.168.5.1:8635,192.168.5.2:8635/?authSource=admin&tls=true",
                },
                INSTANCE: {
                    "ca": ca,
                    "connection_string":
                        "mongodb://192.168.1.1:8635,192.168.1.2:8635/?authSource=admin&replicaSet=replica&tls=true",
                },
            })
        );
        fixture.assert_no_changes();
        fixture.workspace.run_ok(&["destroy", "-input=false", "-auto-approve"]);
    }
}

/// A cloud with 250 instances, every fifth of them without SSL.
fn large_cloud() -> CloudState {
    let mut cloud_state = CloudState::sample();
    let project = cloud_state.projects[0].id.clone();
    let instance = |index: usize| {
        let id = format!("{index:032x}in02");
        let instance = Instance::replica_set(&id, &project, &format!("db-{index}"), "192.168.1");
        instance
            .with(json!({ "ssl": u8::from(!index.is_multiple_of(5)), "created": format!("2026-01-01T{index:08}") }))
            .with_certificates(&["international"])
    };
    cloud_state.instances = (0..250).map(instance).collect();
    cloud_state
}

#[test]
fn no_call_is_sent_twice_for_200_of_250_instances() {
    let mut fixture = Fixture::with_cloud_state(large_cloud());
    let downloads = serve_downloads(&mut fixture);
    // All links differ, as if they were signed.
    fixture.cloud.set_link_base(&downloads.url(), true);
    fixture.configure("", CONFIGURATION).apply();
    assert_each_request_is_sent_once(
        &fixture,
        &[(Route::Projects, 1), (Route::Instances, 3), (Route::Links, 200)],
    );
    let pages = ["limit=100&offset=0", "limit=100&offset=100", "limit=100&offset=200"];
    assert_eq!(fixture.cloud.queries(Route::Instances), pages);
    assert_eq!(downloads.requests().len(), 200);
    assert_eq!(fixture.workspace.outputs()["connections"].as_object().unwrap().len(), 200);
    fixture.assert_no_changes();
}

/// Lists and certificates of 25 instances each. Terraform runs ten reads at a time.
const FIFTY_READS: &str = r#"
locals {
  ids = toset([for index in range(25) : format("%032xin02", index)])
}

data "dds_instances" "each" {
  for_each    = local.ids
  instance_id = each.key
}

data "dds_ssl_certificates" "each" {
  for_each    = local.ids
  instance_id = each.key
}

output "names" {
  value = { for id, list in data.dds_instances.each : id => one(list.instances).name }
}

output "certificates" {
  value = { for id, result in data.dds_ssl_certificates.each : id => length(result.bundles[0].certificates) }
}
"#;

#[test]
fn one_failure_in_fifty_reads_is_one_error() {
    for (_, mut fixture) in both_protocols() {
        fixture.cloud.set_instances(large_cloud().instances);
        let downloads = serve_downloads(&mut fixture);
        fixture.cloud.set_link_base(&downloads.url(), true);
        fixture.configure("max_retries = 0", FIFTY_READS);
        let failure = Fault::ErrorResponse { status: 500, code: "DBS.280005", message: "Server error." };
        for (route, text) in [
            (Route::Instances, "Reading the list of instances failed"),
            (Route::Links, "Reading the certificates of the instance failed"),
        ] {
            fixture.cloud.clear_recorded_requests();
            let normal = std::iter::repeat_n(Fault::Delayed(std::time::Duration::ZERO), 13);
            fixture.cloud.inject_once(route, normal.chain([failure.clone()]));
            let errors = fixture.plan_fails_with(&["Error: Server Error", text, "HTTP 500, code DBS.280005"]);
            assert_eq!(errors.matches("Error: ").count(), 1, "{errors}");
            assert_eq!(
                fixture.request_counts([Route::Projects, Route::Instances, Route::Links]),
                [1, 25, 25]
            );
        }
        fixture.apply();
        let outputs = fixture.workspace.outputs();
        let names = outputs["names"].as_object().unwrap();
        assert!(
            names.len() == 25
                && names.values().enumerate().all(|(index, name)| *name == format!("db-{index}")),
            "{names:?}"
        );
        let certificates = outputs["certificates"].as_object().unwrap();
        assert!(
            certificates.len() == 25 && certificates.values().all(|count| *count == 2),
            "{certificates:?}"
        );
        assert_eq!(downloads.requests().len(), 25 + 24 + 25);
        fixture.assert_no_changes();
    }
}
