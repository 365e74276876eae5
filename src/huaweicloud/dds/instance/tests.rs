//! Tests of decoding, with a table of invalid values.

use serde_json::json;

use super::*;

fn decode(members: Value) -> Result<Instance, String> {
    let mut item = json!({ "id": "i" });
    item.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    instance(&item).map_err(|error| error.to_string())
}

fn group(kind: &str, roles_and_addresses: &[(&str, &str)]) -> Value {
    let node = |(role, address): &(&str, &str)| json!({ "role": role, "private_ip": address });
    json!({ "type": kind, "nodes": roles_and_addresses.iter().map(node).collect::<Vec<_>>() })
}

#[test]
fn values_keep_their_names_and_get_their_types() {
    let item = json!({
        "id": "8436a91546294036b75931e879882200in02", "name": "orders", "status": "normal", "port": "8635",
        "mode": "ReplicaSet", "region": "cn-north-4", "engine": "wiredTiger", "created": "2019-01-17T07:05:52",
        "updated": "2019-01-17T07:05:47", "db_user_name": "rwuser", "ssl": 1, "vpc_id": "v", "subnet_id": "s",
        "datastore": { "type": "DDS-Community", "version": "4.0", "patch_available": false },
        "security_group_id": "g", "enterprise_project_id": "0", "pay_mode": "0", "actions": [],
        "tags": [{ "key": "env", "value": "test" }, { "key": "empty", "value": "" }],
        "groups": [{ "type": "replica", "volume": { "size": "20", "used": "0.003" }, "nodes": [
            { "id": "n2", "name": "b", "status": "normal", "role": "Primary", "private_ip": "192.168.0.2",
              "public_ip": "203.0.113.1", "spec_code": "x", "availability_zone": "cn-north-4a" },
            { "id": "n1", "name": "a", "status": "reboot", "role": "Secondary", "private_ip": "192.168.0.1",
              "public_ip": "", "availability_zone": "cn-north-4b" },
        ] }],
    });
    let text = |text: &str| Some(text.to_owned());
    let node = |number: &str, name, role, status, public_ip, zone| Node {
        id: text(&format!("n{number}")),
        name: text(name),
        role: text(role),
        status: text(status),
        private_ip: text(&format!("192.168.0.{number}")),
        public_ip,
        availability_zone: text(zone),
        group_type: text("replica"),
    };
    let expected = Instance {
        id: "8436a91546294036b75931e879882200in02".into(),
        name: text("orders"),
        status: text("normal"),
        mode: text("ReplicaSet"),
        engine: text("wiredTiger"),
        datastore_type: text("DDS-Community"),
        datastore_version: text("4.0"),
        ssl_enabled: Some(true),
        port: Some(8635),
        db_user_name: text("rwuser"),
        region: text("cn-north-4"),
        vpc_id: text("v"),
        subnet_id: text("s"),
        security_group_id: text("g"),
        enterprise_project_id: text("0"),
        created_at: text("2019-01-17T07:05:52"),
        tags: [("env", "test"), ("empty", "")].map(|(key, value)| (key.into(), value.into())).into(),
        nodes: vec![
            node("1", "a", "Secondary", "reboot", None, "cn-north-4b"),
            node("2", "b", "Primary", "normal", text("203.0.113.1"), "cn-north-4a"),
        ],
        replica_set_name: None,
    };
    assert_eq!(instance(&item), Ok(expected));
}

#[test]
fn absent_null_and_empty_values_are_equal() {
    let nothing = Instance { id: "i".into(), ..Instance::default() };
    let names = [
        "name",
        "status",
        "port",
        "mode",
        "region",
        "engine",
        "created",
        "db_user_name",
        "ssl",
        "vpc_id",
        "subnet_id",
        "security_group_id",
        "enterprise_project_id",
    ];
    let lists = ["tags", "groups"];
    let all = |names: &[&str], value: Value| -> Value {
        names.iter().map(|name| ((*name).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>().into()
    };
    for members in [
        json!({}),
        all(&names, Value::Null),
        all(&names, "".into()),
        all(&lists, Value::Null),
        all(&lists, json!([])),
        json!({ "datastore": null }),
        json!({ "datastore": {} }),
        json!({ "datastore": { "type": null, "version": "" } }),
        json!({ "groups": [{ "type": "replica", "nodes": null }, {}] }),
        json!({ "port": "0" }),
    ] {
        assert_eq!(decode(members.clone()), Ok(nothing.clone()), "{members}");
    }
    let nodes =
        decode(json!({ "groups": [{ "nodes": [{}, { "private_ip": null, "role": "" }] }] })).unwrap().nodes;
    assert_eq!(nodes, [Node::default(), Node::default()]);
}

#[test]
fn new_values_and_both_forms_of_numbers_are_accepted() {
    let new = decode(
        json!({ "status": "hibernated", "mode": "Serverless", "groups": [group("router", &[("Arbiter", "a")])] }),
    );
    let new = new.unwrap();
    assert_eq!((new.status.as_deref(), new.mode.as_deref()), (Some("hibernated"), Some("Serverless")));
    assert_eq!(new.nodes[0].role.as_deref(), Some("Arbiter"));
    // The only group may be an object.
    let group = group("single", &[("Primary", "a")]);
    assert_eq!(decode(json!({ "groups": group })), decode(json!({ "groups": [group] })));
    for port in [json!("8635"), json!(8635)] {
        assert_eq!(decode(json!({ "port": port })).unwrap().port, Some(8635));
    }
    for (ssl, expected) in [
        (json!(1), true),
        (json!(true), true),
        (json!("1"), true),
        (json!("true"), true),
        (json!(0), false),
        (json!(false), false),
        (json!("0"), false),
        (json!("false"), false),
    ] {
        assert_eq!(decode(json!({ "ssl": ssl })).unwrap().ssl_enabled, Some(expected), "{ssl}");
    }
}

#[test]
fn wrong_type_is_an_error_with_its_path() {
    for (members, expected) in [
        (json!({ "id": null }), "id is missing"),
        (json!({ "id": "" }), "id is missing"),
        (json!({ "id": 7 }), "id is not a string"),
        (json!({ "name": ["a"] }), "name is not a string"),
        (json!({ "status": true }), "status is not a string"),
        (json!({ "enterprise_project_id": 0 }), "enterprise_project_id is not a string"),
        (json!({ "created": 1547708752 }), "created is not a string"),
        (json!({ "port": { "tcp": 8635 } }), "port is not a valid number"),
        (json!({ "port": "tcp" }), "port is not a valid number"),
        (json!({ "port": 65536 }), "port is not a valid number"),
        (json!({ "port": 8635.5 }), "port is not a valid number"),
        (json!({ "port": -1 }), "port is not a valid number"),
        (json!({ "port": [] }), "port is not a valid number"),
        (json!({ "ssl": 2 }), "ssl is not 0 or 1"),
        (json!({ "ssl": "on" }), "ssl is not 0 or 1"),
        (json!({ "ssl": {} }), "ssl is not 0 or 1"),
        (json!({ "datastore": "DDS-Community" }), "datastore is not an object"),
        (json!({ "datastore": { "version": 4.0 } }), "datastore.version is not a string"),
        (json!({ "tags": { "env": "test" } }), "tags is not a list"),
        (json!({ "tags": [{ "key": "a" }, { "value": "b" }] }), "tags[1].key is missing"),
        (json!({ "tags": [{ "key": "a", "value": 1 }] }), "tags[0].value is not a string"),
        (json!({ "tags": ["a=b"] }), "tags[0] is not an object"),
        (json!({ "groups": "none" }), "groups is not a list"),
        (json!({ "groups": [null] }), "groups[0] is not an object"),
        (json!({ "groups": [{}, { "nodes": {} }] }), "groups[1].nodes is not a list"),
        (json!({ "groups": [{ "nodes": [{}, 1] }] }), "groups[0].nodes[1] is not an object"),
        (
            json!({ "groups": [{ "nodes": [{ "private_ip": ["10.0.0.1"] }] }] }),
            "groups[0].nodes[0].private_ip is not a string",
        ),
    ] {
        assert_eq!(decode(members.clone()), Err(expected.to_owned()), "{members}");
    }
}

#[test]
fn clients_connect_to_routers_and_visible_members_only() {
    let hidden =
        [("Hidden", "10.0.0.9"), ("Secondary", "10.0.0.10"), ("Primary", "10.0.0.2"), ("unknown", "")];
    for (members, hosts, connection_string) in [
        (
            json!({ "mode": "ReplicaSet", "port": "8635", "groups": [group("replica", &hidden)], "ssl": 1 }),
            "10.0.0.10:8635,10.0.0.2:8635",
            Some("mongodb://10.0.0.10:8635,10.0.0.2:8635/?authSource=admin&replicaSet=replica&tls=true"),
        ),
        (
            json!({ "mode": "Sharding", "port": 8635, "ssl": 0, "groups": [
                group("shard", &[("Primary", "10.0.0.1")]), group("config", &[("Primary", "10.0.0.2")]),
                group("mongos", &[("master", "10.0.0.4"), ("master", "10.0.0.3")]),
            ] }),
            "10.0.0.3:8635,10.0.0.4:8635",
            Some("mongodb://10.0.0.3:8635,10.0.0.4:8635/?authSource=admin"),
        ),
        (
            json!({ "mode": "Single", "port": "2100", "ssl": 1, "groups": [group("single", &[("Primary", "2001:db8::1")])] }),
            "[2001:db8::1]:2100",
            Some("mongodb://[2001:db8::1]:2100/?authSource=admin&tls=true"),
        ),
        (json!({ "mode": "ReplicaSet", "port": "", "groups": [group("replica", &hidden)] }), "", None),
        (
            json!({ "mode": "ReplicaSet", "port": "8635", "groups": [group("replica", &[("Primary", "")])] }),
            "",
            None,
        ),
        (json!({ "mode": "Sharding", "port": "8635", "groups": null, "ssl": 1 }), "", None),
        (
            json!({ "mode": "New", "port": "1", "groups": [group("new", &[("Primary", "10.0.0.1")])] }),
            "",
            None,
        ),
    ] {
        let instance = decode(members.clone()).unwrap();
        assert_eq!(instance.hosts().join(","), hosts, "{members}");
        assert_eq!(instance.connection_string().as_deref(), connection_string, "{members}");
    }
}
