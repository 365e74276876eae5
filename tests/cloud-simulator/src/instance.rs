//! DDS instances: what the list of instances contains, and samples of all modes.

use serde_json::{Value, json};

use super::cloud_state::Certificate;

/// A DDS instance.
#[derive(Clone, Debug)]
pub struct Instance {
    pub id: String,
    pub project_id: String,
    /// The object in the list of instances. `id` and `region` are added. JSON, so that a test can make it invalid.
    pub attributes: Value,
    /// Only for replica sets.
    pub replica_set_name: String,
    pub certificates: Vec<Certificate>,
    /// Status and code, if requests for this instance get a "not found" error.
    pub not_found_error: Option<(u16, &'static str)>,
}

impl Instance {
    /// A cluster with SSL. The nodes of its shards and of its configuration have no addresses. `network` is the start of
    /// an IPv4 address.
    pub fn cluster(id: &str, project_id: &str, name: &str, network: &str) -> Self {
        let router = |number: usize| {
            let mut node =
                node(id, 10 + number, &format!("{name}_mongos"), "master", &format!("{network}.{number}"));
            node["public_ip"] = json!(if number == 1 { "203.0.113.17" } else { "" });
            node
        };
        let group = |kind: &str, first: usize, suffix: &str| {
            let nodes = members(id, first, &format!("{name}_{suffix}"), |_| String::new());
            json!({
                "type": kind, "id": child_id(id, first, "gr02"), "name": suffix, "status": "normal",
                "volume": { "size": "10", "used": "0.33" }, "nodes": nodes,
            })
        };
        let groups = json!([
            { "type": "mongos", "nodes": [router(2), router(1)] },
            group("shard", 20, "shard_1"), group("shard", 30, "shard_2"), group("config", 40, "config"),
        ]);
        Self::new(id, project_id, name, "Sharding", groups)
    }

    /// A replica set with SSL and a hidden node. `network` is the start of an IPv4 address.
    pub fn replica_set(id: &str, project_id: &str, name: &str, network: &str) -> Self {
        let nodes = members(id, 0, &format!("{name}_replica"), |number| format!("{network}.{number}"));
        let volume = json!({ "size": "20", "used": "0.003" });
        let groups = json!([{ "type": "replica", "volume": volume, "nodes": nodes }]);
        Self::new(id, project_id, name, "ReplicaSet", groups)
    }

    /// A single node with SSL. `network` is the start of an IPv4 address.
    pub fn single(id: &str, project_id: &str, name: &str, network: &str) -> Self {
        let node = node(id, 1, &format!("{name}_single"), "Primary", &format!("{network}.1"));
        let volume = json!({ "size": "10", "used": "0.33" });
        let groups = json!([{ "type": "single", "volume": volume, "nodes": [node] }]);
        Self::new(id, project_id, name, "Single", groups)
    }

    fn new(id: &str, project_id: &str, name: &str, mode: &str, groups: Value) -> Self {
        let attributes = json!({
            "name": name,
            "remark": "",
            "status": "normal",
            "port": "8635",
            "mode": mode,
            "datastore": {
                "type": "DDS-Community", "version": "4.0", "patch_available": false, "whole_version": "4.0.3.1",
            },
            "engine": "wiredTiger",
            "created": "2026-01-17T07:05:52",
            "updated": "2026-01-18T07:05:47",
            "db_user_name": "rwuser",
            "ssl": 1,
            "vpc_id": "674e9b42-cd8d-4d25-a2e6-5abcc565b961",
            "subnet_id": "f1df08c5-71d1-406a-aff0-de435a51007b",
            "security_group_id": "7aa51dbf-5b63-40db-9724-dad3c4828b58",
            "backup_strategy": { "start_time": "16:00-17:00", "keep_days": 7 },
            "pay_mode": "0",
            "maintenance_window": "02:00-06:00",
            "groups": groups,
            "disk_encryption_id": "",
            "enterprise_project_id": "0",
            "time_zone": "",
            "actions": [],
            "tags": [],
        });
        Self {
            id: id.into(),
            project_id: project_id.into(),
            attributes,
            replica_set_name: "replica".into(),
            certificates: Vec::new(),
            not_found_error: None,
        }
    }

    /// Sets attributes, which `changes` contains by name.
    pub fn with(mut self, changes: Value) -> Self {
        for (name, value) in changes.as_object().into_iter().flatten() {
            self.attributes[name] = value.clone();
        }
        self
    }

    /// Sets the tags.
    pub fn with_tags(self, tags: &[(&str, &str)]) -> Self {
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        self.with(json!({ "tags": tags }))
    }

    /// Sets the certificates, one for each category.
    pub fn with_certificates(self, categories: &[&str]) -> Self {
        Self {
            certificates: categories.iter().map(|category| Certificate::sample(category)).collect(),
            ..self
        }
    }

    /// The first two nodes of each group have swapped their roles, and their places in the list.
    pub fn after_failover(mut self) -> Self {
        for group in self.attributes["groups"].as_array_mut().into_iter().flatten() {
            if let [first, second, ..] = group["nodes"].as_array_mut().expect("nodes").as_mut_slice() {
                let role = first["role"].take();
                first["role"] = second["role"].take();
                second["role"] = role;
                std::mem::swap(first, second);
            }
        }
        self
    }
}

/// The nodes of a replica set. The last one is hidden.
fn members(instance_id: &str, first: usize, name: &str, private_ip: impl Fn(usize) -> String) -> [Value; 3] {
    [(1, "Secondary"), (2, "Primary"), (3, "Hidden")]
        .map(|(number, role)| node(instance_id, first + number, name, role, &private_ip(number)))
}

fn node(instance_id: &str, number: usize, name: &str, role: &str, private_ip: &str) -> Value {
    json!({
        "id": child_id(instance_id, number, "no02"),
        "name": format!("{name}_node_{}", number % 10),
        "status": "normal",
        "role": role,
        "private_ip": private_ip,
        "public_ip": "",
        "spec_code": "dds.mongodb.s6.medium.4.repset",
        "availability_zone": format!("cn-north-4{}", ["c", "a", "b"][number % 10 % 3]),
    })
}

/// The ID of a node or a group: the start of the instance ID, a number, and the suffix of its type.
fn child_id(instance_id: &str, number: usize, suffix: &str) -> String {
    format!("{instance_id:.24}{number:08}{suffix}")
}

/// Instances for the tests. The first project has all modes, two instances with the same name, instances without SSL,
/// one that is being created, and two that DDS does not find.
pub(super) fn sample_instances(north: &str, team: &str, south: &str) -> Vec<Instance> {
    let both = ["international", "national"];
    let missing = |id: &str, status, code| Instance {
        not_found_error: Some((status, code)),
        ..Instance::single(id, north, "missing", "192.168.9")
    };
    vec![
        Instance::replica_set("e73893ef73754465a8bd2e0857bbf13ein02", north, "orders", "192.168.1")
            .with_tags(&[("env", "prod"), ("team", "shop"), ("note", "a=b c&d/ü")])
            .with_certificates(&both),
        Instance::single("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaain02", south, "orders", "192.168.2")
            .with_certificates(&both[..1]),
        Instance::single("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbin02", team, "team", "192.168.3")
            .with_certificates(&both[..1]),
        Instance::single("ccccccccccccccccccccccccccccccccin02", north, "test", "192.168.4")
            .with(json!({
                "ssl": 0, "created": "2026-03-01T00:00:00", "vpc_id": "11111111-cd8d-4d25-a2e6-5abcc565b961",
            }))
            .with_tags(&[("env", "test"), ("team", "")]),
        missing("ddddddddddddddddddddddddddddddd1in02", 403, "DBS.201028"),
        missing("ddddddddddddddddddddddddddddddd2in02", 400, "DBS.280110"),
        Instance::cluster("9136fd2a9fcd405ea4674276ce36dae8in02", north, "events", "192.168.5")
            .with(json!({
                "created": "2026-02-01T00:00:00", "enterprise_project_id": "b2f2bd7b-2a4f-4a0a-9c0b-0d0f3f2a1c11",
            }))
            .with_tags(&[("env", "prod")])
            .with_certificates(&both[..1]),
        Instance {
            replica_set_name: "orders_rs".into(),
            ..Instance::replica_set("12e893ef73754465a8bd2e0857bbf13ein02", north, "orders", "192.168.6")
        }
        .with(json!({
            "ssl": 0, "port": "2100", "engine": "rocksDB", "created": "2025-12-24T18:00:00",
            "datastore": {
                "type": "DDS-Enhanced", "version": "4.4", "patch_available": true, "whole_version": "4.4.9",
            },
            "subnet_id": "22222222-71d1-406a-aff0-de435a51007b",
        }))
        .with_tags(&[("env", "test"), ("team", "shop")]),
        Instance::single("5a0c7051faa0471a8e23703f1dc0f458in02", north, "orders-new", "192.168.7").with(json!({
            "status": "creating", "port": "", "ssl": 0, "created": "2026-04-01T12:30:00", "groups": [],
            "db_user_name": "", "actions": ["CREATE"],
        })),
    ]
}
