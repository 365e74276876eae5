//! The data source `dds_instances` with real Terraform.

mod certificates;
mod filters;

use cloud_simulator::{Fault, Instance};
use serde_json::{Value as Json, json};

use super::*;

/// The replica set without SSL, which was renamed.
const RENAMED_REPLICA_SET: &str = "12e893ef73754465a8bd2e0857bbf13ein02";

const CLUSTER: &str = "9136fd2a9fcd405ea4674276ce36dae8in02";

/// An instance that is being created. It has no port, no user and no nodes.
const NEW_INSTANCE: &str = "5a0c7051faa0471a8e23703f1dc0f458in02";

/// The instances of the first project, sorted by ID.
const ALL: [&str; 5] = [RENAMED_REPLICA_SET, NEW_INSTANCE, CLUSTER, INSTANCE_WITHOUT_CERTIFICATES, INSTANCE];

/// The query for the first page of a list without a filter.
const FIRST_PAGE: &str = "limit=100&offset=0";

/// A data source, and an output with its result.
fn instances(arguments: &str) -> String {
    format!(
        "data \"dds_instances\" \"this\" {{\n  {arguments}\n}}\n\n\
         output \"result\" {{\n  value = data.dds_instances.this\n}}\n"
    )
}

/// A member of each instance in the output `result`.
fn each(fixture: &Fixture, member: &str) -> Json {
    let result = &fixture.workspace.outputs()["result"];
    result["instances"].as_array().unwrap().iter().map(|instance| instance[member].clone()).collect()
}

/// A node as the data source returns it: number, role, private IP address and group. `start` is that of its ID and name.
fn node(start: [&str; 2], (number, role, private_ip, group): (u8, &str, Json, &str)) -> Json {
    let zone = ["a", "b", "c"][usize::from(number % 10) - 1];
    json!({
        "id": format!("{}{number:08}no02", start[0]), "name": format!("{}_node_{}", start[1], number % 10),
        "role": role, "status": "normal", "private_ip": private_ip, "public_ip": null,
        "availability_zone": format!("cn-north-4{zone}"), "group_type": group,
    })
}

#[test]
fn all_attributes_of_a_replica_set_are_returned() {
    for (_, fixture) in both_protocols() {
        fixture
            .configure("", &instances(&format!("instance_id = {INSTANCE:?}")))
            .workspace
            .run_ok(&["validate"]);
        assert_eq!(fixture.cloud.recorded_requests().len(), 0);
        fixture.apply();
        let start = ["e73893ef73754465a8bd2e08", "orders_replica"];
        let expected = json!({
            "id": INSTANCE,
            "name": "orders",
            "status": "normal",
            "mode": "ReplicaSet",
            "engine": "wiredTiger",
            "datastore": { "type": "DDS-Community", "version": "4.0" },
            "ssl_enabled": true,
            "port": 8635,
            "db_user_name": "rwuser",
            "region": "cn-north-4",
            "vpc_id": "674e9b42-cd8d-4d25-a2e6-5abcc565b961",
            "subnet_id": "f1df08c5-71d1-406a-aff0-de435a51007b",
            "security_group_id": "7aa51dbf-5b63-40db-9724-dad3c4828b58",
            "enterprise_project_id": "0",
            "created_at": "2026-01-17T07:05:52",
            "tags": { "env": "prod", "team": "shop", "note": "a=b c&d/ü" },
            "nodes": [
                node(start, (1, "Secondary", json!("192.168.1.1"), "replica")),
                node(start, (2, "Primary", json!("192.168.1.2"), "replica")),
                node(start, (3, "Hidden", json!("192.168.1.3"), "replica")),
            ],
            "hosts": ["192.168.1.1:8635", "192.168.1.2:8635"],
            "connection_string":
                "mongodb://192.168.1.1:8635,192.168.1.2:8635/?authSource=admin&replicaSet=replica&tls=true",
        });
        let result = &fixture.workspace.outputs()["result"];
        assert_eq!(result["instances"], json!([expected]));
        assert_eq!((&result["region"], &result["name"]), (&"cn-north-4".into(), &Json::Null));
        let id = result["id"].clone();
        fixture.assert_no_changes();
        fixture.apply();
        assert_eq!(fixture.workspace.outputs()["result"]["id"], id);
        let query = format!("id={INSTANCE}&{FIRST_PAGE}");
        assert_eq!(fixture.cloud.queries(Route::Instances), vec![query; 3]);
        fixture.workspace.run_ok(&["destroy", "-input=false", "-auto-approve"]);
    }
}

#[test]
fn instances_of_all_modes_are_returned_in_order() {
    for (_, fixture) in both_protocols() {
        fixture.configure("", &instances("")).apply();
        assert_eq!(each(&fixture, "id"), json!(ALL));
        assert_eq!(each(&fixture, "name"), json!(["orders", "orders-new", "events", "test", "orders"]));
        assert_eq!(
            each(&fixture, "mode"),
            json!(["ReplicaSet", "Single", "Sharding", "Single", "ReplicaSet"])
        );
        assert_eq!(each(&fixture, "status"), json!(["normal", "creating", "normal", "normal", "normal"]));
        assert_eq!(each(&fixture, "ssl_enabled"), json!([false, false, true, false, true]));
        assert_eq!(each(&fixture, "port"), json!([2100, null, 8635, 8635, 8635]));
        assert_eq!(each(&fixture, "db_user_name"), json!(["rwuser", null, "rwuser", "rwuser", "rwuser"]));
        assert_eq!(
            each(&fixture, "connection_string"),
            json!([
                "mongodb://192.168.6.1:2100,192.168.6.2:2100/?authSource=admin&replicaSet=replica",
                null,
                "mongodb://192.168.5.1:8635,192.168.5.2:8635/?authSource=admin&tls=true",
                "mongodb://192.168.4.1:8635/?authSource=admin",
                "mongodb://192.168.1.1:8635,192.168.1.2:8635/?authSource=admin&replicaSet=replica&tls=true",
            ])
        );
        assert_eq!(each(&fixture, "hosts")[1], json!([]));
        assert_eq!(
            (each(&fixture, "tags")[1].clone(), each(&fixture, "nodes")[1].clone()),
            (json!({}), json!([]))
        );
        fixture.assert_no_changes();
        assert_eq!(fixture.cloud.queries(Route::Instances), [FIRST_PAGE; 2]);
    }
}

#[test]
fn nodes_of_all_groups_of_a_cluster_are_returned() {
    let fixture = Fixture::new();
    fixture.configure("", &instances("mode = \"Sharding\"")).apply();
    let mut expected = Vec::new();
    for (number, role, group, suffix) in [
        (11, "master", "mongos", "mongos"),
        (12, "master", "mongos", "mongos"),
        (21, "Secondary", "shard", "shard_1"),
        (22, "Primary", "shard", "shard_1"),
        (23, "Hidden", "shard", "shard_1"),
        (31, "Secondary", "shard", "shard_2"),
        (32, "Primary", "shard", "shard_2"),
        (33, "Hidden", "shard", "shard_2"),
        (41, "Secondary", "config", "config"),
        (42, "Primary", "config", "config"),
        (43, "Hidden", "config", "config"),
    ] {
        let address = match number {
            11 | 12 => json!(format!("192.168.5.{}", number - 10)),
            _ => Json::Null,
        };
        let start = ["9136fd2a9fcd405ea4674276", &format!("events_{suffix}")];
        expected.push(node(start, (number, role, address, group)));
    }
    expected[0]["public_ip"] = json!("203.0.113.17");
    assert_eq!(each(&fixture, "nodes"), json!([expected]));
}

#[test]
fn failover_changes_neither_hosts_nor_connection_string() {
    for (_, fixture) in both_protocols() {
        let outputs = "output \"hosts\" {\n  value = { for found in data.dds_instances.this.instances : found.id => found.hosts }\n}\n\n\
             output \"connections\" {\n  value = data.dds_instances.this.instances[*].connection_string\n}\n";
        let rest = instances("")
            .replace("value = data.dds_instances.this\n", "value = data.dds_instances.this.id\n");
        fixture.configure("", &(rest + outputs)).apply();
        let before = fixture.workspace.outputs();
        let after = fixture.cloud.cloud_state().instances.iter().cloned().map(Instance::after_failover);
        fixture.cloud.set_instances(after.collect());
        fixture.assert_no_changes();
        fixture.apply();
        assert_eq!(fixture.workspace.outputs(), before);
        // The roles did change.
        fixture.configure("", &instances(&format!("instance_id = {INSTANCE:?}"))).apply();
        let roles: Vec<_> =
            each(&fixture, "nodes")[0].as_array().unwrap().iter().map(|node| node["role"].clone()).collect();
        assert_eq!(roles, ["Primary", "Secondary", "Hidden"]);
        assert_eq!(before["hosts"][INSTANCE], json!(["192.168.1.1:8635", "192.168.1.2:8635"]));
    }
}

#[test]
fn replica_set_names_are_read_only_on_request() {
    for (_, fixture) in both_protocols() {
        fixture.configure("", &instances("read_replica_set_name = true")).apply();
        let connections = each(&fixture, "connection_string");
        assert_eq!(
            connections[0],
            "mongodb://192.168.6.1:2100,192.168.6.2:2100/?authSource=admin&replicaSet=orders_rs"
        );
        assert!(connections[4].as_str().unwrap().contains("&replicaSet=replica&"), "{connections}");
        assert!(!connections[2].as_str().unwrap().contains("replicaSet"), "{connections}");
        let recorded = fixture.cloud.recorded_requests().into_iter();
        let names = recorded.filter(|recorded| recorded.route == Route::ReplicaSetName);
        let mut paths: Vec<_> = names.map(|recorded| recorded.request.target).collect();
        paths.sort();
        let project = &fixture.cloud.cloud_state().projects[0].id;
        let path = |id: &str| format!("/cn-north-4/v3/{project}/instances/{id}/replica-set/name");
        assert_eq!(paths, [path(RENAMED_REPLICA_SET), path(INSTANCE)]);
        fixture.assert_no_changes();
        // An instance can be deleted after the list was read.
        let deleted =
            Fault::ErrorResponse { status: 404, code: "DBS.200002", message: "The instance does not exist." };
        fixture.cloud.inject_always(Route::ReplicaSetName, deleted);
        fixture.plan_fails_with(&["HTTP 404, code DBS.200002", "Error: "]);
        fixture.configure("", &instances("read_replica_set_name = false")).apply();
        assert!(each(&fixture, "connection_string")[0].as_str().unwrap().ends_with("&replicaSet=replica"));
    }
}

#[test]
fn region_argument_reads_the_list_of_that_region() {
    for (_, fixture) in both_protocols() {
        fixture.configure("", &instances("region = \"ap-southeast-3\"")).apply();
        assert_eq!(each(&fixture, "id"), json!([OTHER_REGION_INSTANCE]));
        assert_eq!(each(&fixture, "region"), json!(["ap-southeast-3"]));
        let recorded = fixture.cloud.recorded_requests();
        let list = recorded.iter().find(|recorded| recorded.route == Route::Instances).unwrap();
        let project = &fixture.cloud.cloud_state().projects[4].id;
        assert_eq!(list.request.target, format!("/ap-southeast-3/v3/{project}/instances?{FIRST_PAGE}"));
        let id = fixture.workspace.outputs()["result"]["id"].clone();
        fixture.assert_no_changes();
        fixture.configure("", &instances("")).apply();
        assert_ne!(fixture.workspace.outputs()["result"]["id"], id);
        // The region of the provider block gives the same ID as the argument.
        fixture.configure("", &instances("region = \"cn-north-4\"")).apply();
        let explicit = fixture.workspace.outputs()["result"]["id"].clone();
        fixture.configure("", &instances("")).apply();
        assert_eq!(fixture.workspace.outputs()["result"]["id"], explicit);
    }
}

#[test]
fn no_matching_instance_gives_an_empty_list() {
    let fixture = Fixture::new();
    fixture.configure("", &instances("name = \"absent\"")).apply();
    assert_eq!(fixture.workspace.outputs()["result"]["instances"], json!([]));
    assert_eq!(fixture.cloud.queries(Route::Instances), [format!("name=absent&{FIRST_PAGE}")]);
    fixture.assert_no_changes();
}

#[test]
fn denied_list_error_names_the_permission() {
    let fixture = Fixture::new();
    fixture.configure_with(&key_args(fixture.cloud.cloud_state(), 3), &instances(""));
    fixture.plan_fails_with(&["Error: Access Denied", "HTTP 403, code DBS.280063", "dds:instance:list"]);
}

#[test]
fn unknown_filters_defer_the_read_until_apply() {
    for (_, fixture) in both_protocols() {
        let resource =
            |value: &str| format!("resource \"terraform_data\" \"filter\" {{\n  input = {value}\n}}\n\n");
        for (value, arguments) in [
            ("\"orders\"", "name = terraform_data.filter.output"),
            ("\"shop\"", "tags = { team = terraform_data.filter.output }"),
            ("{ team = \"shop\" }", "tags = terraform_data.filter.output"),
            ("\"cn-north-4\"", "region = terraform_data.filter.output"),
            ("true", "read_replica_set_name = terraform_data.filter.output"),
        ] {
            fixture.cloud.clear_recorded_requests();
            fixture.configure("", &(resource(value) + &instances(arguments)));
            fixture.workspace.run_ok(&["validate"]);
            let plan = fixture.plan();
            assert_eq!(plan.code, Some(0), "{}", plan.stderr);
            assert!(plan.stdout.contains("(known after apply)"), "{arguments}: {}", plan.stdout);
            assert_eq!(fixture.cloud.recorded_requests().len(), 0, "{arguments}");
            fixture.apply();
            let ids = each(&fixture, "id");
            assert!(ids.as_array().unwrap().contains(&INSTANCE.into()), "{arguments}: {ids}");
            fixture.assert_no_changes();
            fixture.workspace.run_ok(&["destroy", "-input=false", "-auto-approve"]);
        }
    }
}

#[test]
fn invalid_value_and_changed_list_are_shown() {
    for (_, fixture) in both_protocols() {
        fixture.configure("", &instances(""));
        fixture.cloud.inject_once(Route::Instances, [Fault::Value("/instances/3/port", json!("many"))]);
        fixture.plan_fails_with(&[
            "Error: Invalid Response",
            "with data.dds_instances.this",
            "Reading the list of instances failed in region cn-north-4",
            "instances[3].port is not a valid number",
        ]);
        fixture.cloud.clear_recorded_requests();
        fixture.cloud.inject_always(Route::Instances, Fault::Value("/total_count", json!(6)));
        let output = fixture.apply();
        assert_contains(
            &without_line_breaks(&output.stdout),
            &["Warning: Instance List Changed", "It has 5 instances, and the cloud counts 6."],
        );
        assert_eq!(fixture.cloud.queries(Route::Instances), [FIRST_PAGE, "limit=100&offset=5"].repeat(3));
        assert_eq!(each(&fixture, "id"), json!(ALL));
        fixture.assert_no_changes();
    }
}

#[test]
fn two_thousand_instances_are_in_the_state_once() {
    for (_, fixture) in both_protocols() {
        let project = fixture.cloud.cloud_state().projects[0].id.clone();
        let instance =
            |index: u32| Instance::replica_set(&format!("{index:032x}in02"), &project, "same", "192.168.1");
        fixture.cloud.set_instances((0..2_000).rev().map(instance).collect());
        // Not an output with all attributes: Terraform compares the elements of a list with each other, which takes minutes.
        let outputs = "data \"dds_instances\" \"this\" {}\n\n\
             output \"ids\" {\n  value = data.dds_instances.this.instances[*].id\n}\n\n\
             output \"connections\" {\n  value = { for instance in data.dds_instances.this.instances : instance.id => instance.connection_string }\n}\n";
        fixture.configure("", outputs).apply();
        let ids: Vec<_> = (0..2_000).map(|index| format!("{index:032x}in02")).collect();
        let outputs = fixture.workspace.outputs();
        assert_eq!(
            (&outputs["ids"], outputs["connections"].as_object().unwrap().len()),
            (&json!(ids), 2_000)
        );
        assert_eq!(fixture.cloud.request_count(Route::Instances), 20);
        fixture.assert_no_changes();
    }
}

/// A test file for `terraform test`.
const TESTS: &str = r#"
mock_provider "dds" {
  mock_data "dds_instances" {
    defaults = {
      instances = [{
        id = "mock", name = "mock", status = "normal", mode = "Single", engine = "wiredTiger", ssl_enabled = true, port = 8635,
        datastore = { type = "DDS-Community", version = "4.0" }, db_user_name = "rwuser", region = "r", vpc_id = "v",
        subnet_id = "s", security_group_id = "g", enterprise_project_id = "0", created_at = "t", tags = { env = "prod" },
        nodes = [], hosts = ["192.168.0.1:8635"], connection_string = "mongodb://192.168.0.1:8635/"
      }]
    }
  }
}

run "mock_data" {
  assert {
    condition     = output.result.instances[0].hosts[0] == "192.168.0.1:8635" && output.result.instances[0].port == 8635
    error_message = "the mock must have an instance"
  }
}
"#;

#[test]
fn instances_can_be_set_by_mock_data() {
    let fixture = Fixture::new();
    fixture.workspace.write_config(&instances("")).write_file("instances.tftest.hcl", TESTS);
    lifecycle::assert_mocked_runs_pass(&fixture, &["mock_data"]);
}
