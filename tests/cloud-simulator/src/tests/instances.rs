//! The list of instances and the names of replica sets.

use super::*;

fn list(cloud: &Simulator, query: &str) -> ClientResponse {
    let target = format!("/v3/{}/instances{query}", cloud.cloud_state().projects[0].id);
    get_with_token(cloud, &cloud.cloud_state().token, &target)
}

/// The first two characters of each ID.
fn ids(cloud: &Simulator, query: &str) -> Vec<String> {
    let response = list(cloud, query);
    assert_eq!(response.status, 200, "{query} {}", response.body);
    let instances = response.json()["instances"].as_array().unwrap().clone();
    instances.iter().map(|instance| instance["id"].as_str().unwrap()[..2].to_owned()).collect()
}

#[test]
fn list_has_the_instances_of_its_project_newest_first() {
    let cloud = Simulator::start(CloudState::sample());
    assert_eq!(ids(&cloud, ""), ["5a", "cc", "91", "e7", "12"]);
    assert_eq!(list(&cloud, "?limit=2").json()["total_count"], 5);
    let [first, second, third] =
        ["?limit=2", "?limit=2&offset=2", "?limit=2&offset=4"].map(|q| ids(&cloud, q));
    assert_eq!([first, second, third].concat(), ids(&cloud, ""));
    assert!(ids(&cloud, "?offset=5").is_empty());
    let cluster = &list(&cloud, "?mode=Sharding").json()["instances"][0];
    let groups: Vec<_> =
        cluster["groups"].as_array().unwrap().iter().map(|group| group["type"].clone()).collect();
    assert_eq!(groups, ["mongos", "shard", "shard", "config"]);
    assert_eq!((&cluster["region"], &cluster["port"]), (&json!("cn-north-4"), &json!("8635")));
    assert_eq!(cluster["groups"][1]["nodes"][1]["private_ip"], "");
    assert_eq!(cluster["groups"][0].get("volume"), None);
}

#[test]
fn each_filter_selects_instances() {
    let cloud = Simulator::start(CloudState::sample());
    for (query, expected) in [
        ("?id=9136fd2a9fcd405ea4674276ce36dae8in02", &["91"][..]),
        ("?id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaain02", &[]),
        ("?name=orders", &["e7", "12"]),
        ("?name=order", &[]),
        ("?name=*rder", &["5a", "e7", "12"]),
        ("?name=%2Arder", &["5a", "e7", "12"]),
        ("?mode=Single", &["5a", "cc"]),
        ("?datastore_type=DDS-Enhanced", &["12"]),
        ("?vpc_id=11111111-cd8d-4d25-a2e6-5abcc565b961", &["cc"]),
        ("?subnet_id=22222222-71d1-406a-aff0-de435a51007b", &["12"]),
        ("?tags=env%3Dtest", &["cc", "12"]),
        ("?tags=env%3Dtest%2Cteam%3Dshop", &["12"]),
        ("?tags=team%3D", &["cc"]),
        ("?name=orders&tags=env%3Dprod", &["e7"]),
    ] {
        assert_eq!(ids(&cloud, query), expected, "{query}");
    }
    let last = cloud.queries(Route::Instances).pop();
    assert_eq!(last.unwrap(), "name=orders&tags=env%3Dprod");
}

#[test]
fn invalid_query_is_rejected_with_its_code() {
    let cloud = Simulator::start(CloudState::sample());
    let tags = |count| (0..count).map(|number| format!("k{number}%3Dv")).collect::<Vec<_>>().join("%2C");
    assert_eq!(list(&cloud, &format!("?tags={}", tags(20))).status, 200);
    for (query, code) in [
        ("?limit=0", "DBS.280439"),
        ("?limit=101", "DBS.280439"),
        ("?limit=-1", "DBS.280439"),
        ("?limit=ten", "DBS.280439"),
        ("?offset=-1", "DBS.280440"),
        (&format!("?tags={}", tags(21)), "DBS.280441"),
        ("?tags=env", "DBS.280441"),
        ("?tags=%3Dprod", "DBS.280441"),
        ("?tags=a%3D1%2Ca%3D1", "DBS.280441"),
        ("?name=*", "DBS.280001"),
        ("?name=%2A", "DBS.280001"),
        ("?name=", "DBS.280001"),
        ("?name=a&name=a", "DBS.280001"),
        ("?mode=single", "DBS.280001"),
        ("?datastore_type=MySQL", "DBS.280001"),
        ("?vpc_id=1", "DBS.280001"),
        ("?page=1", "DBS.280001"),
        ("?name", "DBS.280001"),
        ("?name=a+b", "APIGW.0201"),
        ("?tags=a=b", "APIGW.0201"),
    ] {
        assert_eq!(list(&cloud, query).code(), (400, code.to_owned()), "{query}");
    }
}

#[test]
fn list_requires_the_permission_and_a_project_of_its_region() {
    let cloud = Simulator::start(CloudState::sample());
    let cloud_state = cloud.cloud_state();
    let target = |project: usize| format!("/v3/{}/instances", cloud_state.projects[project].id);
    let powerless = get_signed(&cloud, &cloud_state.access_keys[3], &target(0));
    assert_eq!(powerless.code(), (403, "DBS.280063".to_owned()));
    assert!(powerless.body.contains("dds:instance:list"), "{}", powerless.body);
    let key = &cloud_state.access_keys[0];
    assert_eq!(get_signed(&cloud, key, &target(4)).code(), (403, "DBS.200604".to_owned()));
    assert_eq!(get_signed(&cloud, key, &target(2)).code(), (403, "APIGW.0310".to_owned()));
    let south = get_signed(&cloud, key, &format!("/ap-southeast-3{}", target(4))).json();
    assert_eq!(south["instances"][0]["region"], "ap-southeast-3");
    assert_eq!(send(&cloud, "GET", &target(0), &[], "").status, 401);
}

#[test]
fn replica_set_name_requires_a_replica_set() {
    let cloud = Simulator::start(CloudState::sample());
    let name = |instance: usize| {
        let target =
            links(cloud.cloud_state(), instance).replace("ssl-cert/download-link", "replica-set/name");
        get_signed(&cloud, &cloud.cloud_state().access_keys[0], &target)
    };
    assert_eq!(name(0).json(), json!({ "name": "replica" }));
    assert_eq!(name(7).json(), json!({ "name": "orders_rs" }));
    for instance in [3, 6] {
        assert_eq!(name(instance).code(), (406, "DBS.280328".to_owned()));
    }
    assert_eq!(name(4).code(), (403, "DBS.201028".to_owned()));
}

#[test]
fn instances_change_before_each_list_or_at_once() {
    let cloud = Simulator::start(CloudState::sample());
    let all = cloud.cloud_state().instances.clone();
    cloud.set_instances_before_lists([all[..1].to_vec(), all[3..4].to_vec()]);
    assert_eq!([0; 3].map(|_| ids(&cloud, "").concat()), ["e7", "cc", "cc"]);
    cloud.set_instances(vec![all[0].clone().after_failover()]);
    let response = list(&cloud, "").json();
    let nodes = response["instances"][0]["groups"][0]["nodes"].as_array().unwrap();
    let nodes: Vec<_> = nodes.iter().map(|node| (&node["private_ip"], &node["role"])).collect();
    let expected = [("192.168.1.2", "Secondary"), ("192.168.1.1", "Primary"), ("192.168.1.3", "Hidden")];
    assert_eq!(json!(nodes), json!(expected));
    cloud.inject_once(Route::Instances, [Fault::Value("/total_count", json!(7))]);
    assert_eq!([0; 2].map(|_| list(&cloud, "").json()["total_count"].clone()), [7, 1]);
}
