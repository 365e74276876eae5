//! The data source `dds_instances` in this process: invalid values, lists that change, and parallel reads. The errors and
//! warnings are those that users see.

mod pages;
mod parallel;

use std::collections::BTreeMap;

use cloud_simulator::{CloudState, Fault, Instance, Route, Simulator};
use serde_json::{Value as Json, json};
use terraform_provider_dds::provider::Dds;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;
use terraform_provider_dds::tfplugin::session::{ReadOutcome, Session};
use terraform_provider_dds::tfplugin::value::{Number, Value};

use crate::in_process;

/// A cloud, and a provider that is configured for it.
struct Fixture {
    cloud: Simulator,
    session: Session<Dds>,
}

/// The instances and the warnings of a read.
#[derive(Debug)]
struct List {
    instances: Vec<Json>,
    warnings: Vec<String>,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(CloudState::sample(), json!({ "max_retries": 0 })).await
    }

    /// A provider with more settings. Null removes one.
    async fn with(cloud_state: CloudState, settings: Json) -> Self {
        let cloud = Simulator::start(cloud_state);
        let key = &cloud.cloud_state().access_keys[0];
        let block = json!({
            "region": "cn-north-4", "access_key": key.id, "secret_key": key.secret, "request_timeout": "5s",
        });
        let mut block = block.as_object().unwrap().clone();
        block.extend(settings.as_object().unwrap().clone());
        block.retain(|_, value| !value.is_null());
        let environment = Environment::Fixed { variables: BTreeMap::new(), files: BTreeMap::new() };
        let session = in_process::session(environment);
        let block = in_process::block(&block, &session);
        let diagnostics = in_process::configure(&session, block, &cloud).await;
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        Self { cloud, session }
    }

    /// Reads a data source. Returns its state and the warnings, or the only error.
    async fn read_source(
        &self,
        name: &str,
        arguments: &[(&str, Value)],
    ) -> Result<(Json, Vec<String>), String> {
        let source = in_process::data_source(&self.session, name);
        let schema = source.schema();
        let config = schema.null_object().with(arguments.iter().cloned());
        match self.session.read(source, &schema, &config, false).await {
            Ok(ReadOutcome::Complete(response)) => Ok((to_json(&response.state), texts(&response.warnings))),
            Ok(ReadOutcome::Deferred(_)) => panic!("a deferred read"),
            Err(errors) => {
                let errors = texts(&errors);
                assert_eq!(errors.len(), 1, "{errors:?}");
                Err(errors[0].clone())
            }
        }
    }

    async fn read_with(&self, arguments: &[(&str, Value)]) -> Result<List, String> {
        let (state, warnings) = self.read_source("dds_instances", arguments).await?;
        Ok(List { instances: state["instances"].as_array().unwrap().clone(), warnings })
    }

    /// Reads all instances.
    async fn read(&self) -> Result<List, String> {
        self.read_with(&[]).await
    }
}

impl List {
    fn ids(&self) -> Vec<&str> {
        self.instances.iter().map(|instance| instance["id"].as_str().unwrap()).collect()
    }
}

fn texts(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.iter().map(|diagnostic| format!("{}: {}", diagnostic.summary, diagnostic.detail)).collect()
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(Number::Signed(number)) => json!(number),
        Value::String(text) => json!(text),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(members) => members.iter().map(|(name, value)| (name.clone(), to_json(value))).collect(),
        value => panic!("{value:?}"),
    }
}

/// The fourth instance of the list, a replica set with SSL.
const FOURTH: &str = crate::process::INSTANCE;

/// Reads with this value at this place of the fourth instance. Returns that instance.
async fn read_with_value(pointer: &str, value: Json) -> Result<Json, String> {
    let fixture = Fixture::new().await;
    let pointer = format!("/instances/3{pointer}");
    fixture.cloud.inject_always(Route::Instances, Fault::Value(pointer.leak(), value));
    let list = fixture.read().await?;
    assert_eq!((list.instances.len(), &list.warnings), (5, &vec![]));
    assert_eq!(fixture.cloud.request_count(Route::Instances), 1);
    Ok(list.instances.into_iter().find(|instance| instance["id"] == FOURTH).unwrap())
}

#[tokio::test]
async fn new_values_and_other_types_of_numbers_are_accepted() {
    for (pointer, value, member, expected) in [
        ("/status", json!("hibernating"), "/status", json!("hibernating")),
        ("/mode", json!("Galaxy"), "/mode", json!("Galaxy")),
        ("/groups/0/nodes/0/role", json!("Arbiter"), "/nodes/0/role", json!("Arbiter")),
        ("/groups/0/nodes/0/status", json!("?"), "/nodes/0/status", json!("?")),
        ("/groups/0/type", json!("readonly"), "/nodes/0/group_type", json!("readonly")),
        ("/groups/0/type", json!("readonly"), "/hosts", json!([])),
        ("/groups/0/type", json!("readonly"), "/connection_string", json!(null)),
        ("/engine", json!("memory"), "/engine", json!("memory")),
        ("/datastore/type", json!("DDS-Next"), "/datastore/type", json!("DDS-Next")),
        ("/port", json!(8636), "/port", json!(8636)),
        ("/port", json!("8636"), "/hosts/0", json!("192.168.1.1:8636")),
        ("/ssl", json!(0), "/ssl_enabled", json!(false)),
        ("/ssl", json!("1"), "/ssl_enabled", json!(true)),
        ("/ssl", json!(true), "/ssl_enabled", json!(true)),
        ("/ssl", json!(false), "/ssl_enabled", json!(false)),
        ("/pay_mode", json!(1), "/id", json!(FOURTH)),
        ("/remark", json!(5), "/id", json!(FOURTH)),
        ("/groups/0/volume", json!({ "size": 10 }), "/id", json!(FOURTH)),
        ("/tags/0/value", json!(null), "/tags/env", json!("")),
    ] {
        let instance = read_with_value(pointer, value.clone()).await.unwrap();
        assert_eq!(instance.pointer(member), Some(&expected), "{pointer} {value}");
    }
}

#[tokio::test]
async fn null_and_empty_values_are_null_or_an_empty_list() {
    let texts = [
        "name",
        "status",
        "mode",
        "engine",
        "db_user_name",
        "vpc_id",
        "subnet_id",
        "security_group_id",
        "enterprise_project_id",
        "region",
    ];
    let texts = texts.into_iter().map(|name| (name, name));
    for empty in [json!(null), json!("")] {
        for (from, to) in
            texts.clone().chain([("created", "created_at"), ("ssl", "ssl_enabled"), ("port", "port")])
        {
            let instance = read_with_value(&format!("/{from}"), empty.clone()).await.unwrap();
            assert_eq!(instance[to], Json::Null, "{from} {empty}");
        }
        let instance = read_with_value("/port", empty.clone()).await.unwrap();
        assert_eq!((&instance["hosts"], &instance["connection_string"]), (&json!([]), &json!(null)));
        let instance = read_with_value("/groups/0/nodes/0/private_ip", empty.clone()).await.unwrap();
        assert_eq!(
            (&instance["hosts"], &instance["nodes"][0]["private_ip"]),
            (&json!(["192.168.1.2:8635"]), &json!(null))
        );
        let instance = read_with_value("/ssl", empty).await.unwrap();
        assert!(!instance["connection_string"].as_str().unwrap().contains("tls"), "{instance}");
    }
    for (pointer, value, member, expected) in [
        ("/tags", json!(null), "/tags", json!({})),
        ("/groups", json!(null), "/nodes", json!([])),
        ("/groups", json!([]), "/hosts", json!([])),
        ("/groups/0/nodes", json!(null), "/nodes", json!([])),
        ("/datastore", json!(null), "/datastore", json!({ "type": null, "version": null })),
        ("/actions", json!(null), "/id", json!(FOURTH)),
    ] {
        let instance = read_with_value(pointer, value.clone()).await.unwrap();
        assert_eq!(instance.pointer(member), Some(&expected), "{pointer} {value}");
    }
    // Members that are missing altogether.
    let fixture = Fixture::new().await;
    let mut first = fixture.cloud.cloud_state().instances[0].clone();
    first.attributes = json!({ "region": null });
    fixture.cloud.set_instances(vec![first]);
    let list = fixture.read().await.unwrap();
    let mut others = list.instances[0].as_object().unwrap().clone();
    assert_eq!(others.remove("id"), Some(json!(FOURTH)));
    assert_eq!(others.remove("datastore"), Some(json!({ "type": null, "version": null })));
    for (name, value) in others {
        let expected = match name.as_str() {
            "nodes" | "hosts" => json!([]),
            "tags" => json!({}),
            _ => json!(null),
        };
        assert_eq!(value, expected, "{name}");
    }
}

#[tokio::test]
async fn value_of_a_wrong_type_is_an_error_that_names_it() {
    for (pointer, value, problem) in [
        ("", json!(null), "instances[3] is not an object"),
        ("", json!("x"), "instances[3] is not an object"),
        ("/id", json!(null), "instances[3].id is missing"),
        ("/id", json!(""), "instances[3].id is missing"),
        ("/id", json!(5), "instances[3].id is not a string"),
        ("/name", json!(5), "instances[3].name is not a string"),
        ("/status", json!({}), "instances[3].status is not a string"),
        ("/mode", json!(["Single"]), "instances[3].mode is not a string"),
        ("/created", json!(1_700_000_000), "instances[3].created is not a string"),
        ("/port", json!([]), "instances[3].port is not a valid number"),
        ("/port", json!("many"), "instances[3].port is not a valid number"),
        ("/port", json!(70_000), "instances[3].port is not a valid number"),
        ("/port", json!(-1), "instances[3].port is not a valid number"),
        ("/port", json!(8635.5), "instances[3].port is not a valid number"),
        ("/port", json!(true), "instances[3].port is not a valid number"),
        ("/ssl", json!(2), "instances[3].ssl is not 0 or 1"),
        ("/ssl", json!("on"), "instances[3].ssl is not 0 or 1"),
        ("/ssl", json!({}), "instances[3].ssl is not 0 or 1"),
        ("/datastore", json!("DDS"), "instances[3].datastore is not an object"),
        ("/datastore/version", json!(4.0), "instances[3].datastore.version is not a string"),
        ("/tags", json!({}), "instances[3].tags is not a list"),
        ("/tags/1", json!("a=b"), "instances[3].tags[1] is not an object"),
        ("/tags/1/key", json!(null), "instances[3].tags[1].key is missing"),
        ("/tags/1/value", json!(5), "instances[3].tags[1].value is not a string"),
        ("/groups", json!("x"), "instances[3].groups is not a list"),
        ("/groups/0", json!(null), "instances[3].groups[0] is not an object"),
        ("/groups/0/nodes", json!({}), "instances[3].groups[0].nodes is not a list"),
        ("/groups/0/nodes/2", json!(7), "instances[3].groups[0].nodes[2] is not an object"),
        ("/groups/0/nodes/2/role", json!(7), "instances[3].groups[0].nodes[2].role is not a string"),
        (
            "/groups/0/nodes/2/private_ip",
            json!([]),
            "instances[3].groups[0].nodes[2].private_ip is not a string",
        ),
    ] {
        let error = read_with_value(pointer, value.clone()).await.unwrap_err();
        assert!(error.starts_with("Invalid Response: "), "{pointer} {value}: {error}");
        assert!(error.contains(problem), "{pointer} {value}: {error}");
        assert!(
            error.contains("Reading the list of instances failed in region cn-north-4, project 0123"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn body_without_a_list_is_an_error_that_says_what_it_is() {
    for (fault, problem) in [
        (Fault::Body(""), "the body is empty"),
        (Fault::Body("null"), "instances is missing"),
        (Fault::Body("[]"), "instances is missing"),
        (Fault::Body("{}"), "instances is missing"),
        (Fault::Body(r#"{"total_count":0}"#), "instances is missing"),
        (Fault::Body(r#"{"instances":{},"total_count":0}"#), "instances is not a list"),
        (Fault::Html { status: 200 }, "an HTML page titled 200 Simulated Failure"),
        (Fault::InvalidJson, "the body is not JSON"),
        (Fault::Value("/total_count", json!("five")), "total_count is not a valid number"),
        (Fault::Value("/total_count", json!(-1)), "total_count is not a valid number"),
        (Fault::Value("/total_count", json!([])), "total_count is not a valid number"),
        (Fault::Body(r#"{"error_code":"DBS.280001","error_msg":"Parameter error."}"#), "code DBS.280001"),
        (Fault::Body(r#"{"instances":null,"error_code":"DBS.280005","error_msg":"x"}"#), "code DBS.280005"),
    ] {
        let fixture = Fixture::new().await;
        fixture.cloud.inject_always(Route::Instances, fault.clone());
        let error = fixture.read().await.unwrap_err();
        assert!(error.contains(problem), "{fault:?}: {error}");
        assert_eq!(fixture.cloud.request_count(Route::Instances), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn ipv6_hosts_are_in_brackets() {
    let address = "/groups/0/nodes/0/private_ip";
    let instance = read_with_value(address, json!("2001:db8::17")).await.unwrap();
    assert_eq!(instance["hosts"], json!(["192.168.1.2:8635", "[2001:db8::17]:8635"]));
    assert_eq!(
        instance["connection_string"],
        "mongodb://192.168.1.2:8635,[2001:db8::17]:8635/?authSource=admin&replicaSet=replica&tls=true"
    );
    assert_eq!(instance["nodes"][0]["private_ip"], "2001:db8::17");
}

#[tokio::test]
async fn invalid_replica_set_name_is_an_error_with_the_instance() {
    for (fault, problem) in [
        (Fault::Body("{}"), "name is missing"),
        (Fault::Value("/name", json!(null)), "name is missing"),
        (Fault::Value("/name", json!("")), "name is missing"),
        (Fault::Value("/name", json!(5)), "name is not a string"),
        (
            Fault::ErrorResponse { status: 406, code: "DBS.280328", message: "not supported" },
            "HTTP 406, code DBS.280328",
        ),
    ] {
        let fixture = Fixture::new().await;
        let only = fixture.cloud.cloud_state().instances[..1].to_vec();
        fixture.cloud.set_instances(only);
        fixture.cloud.inject_always(Route::ReplicaSetName, fault.clone());
        let error = fixture.read_with(&[("read_replica_set_name", Value::Bool(true))]).await.unwrap_err();
        assert!(error.contains(problem) && error.contains(FOURTH), "{fault:?}: {error}");
    }
    let fixture = Fixture::new().await;
    fixture.cloud.inject_always(Route::ReplicaSetName, Fault::Value("/name", json!("a&b/ü")));
    let list = fixture.read_with(&[("read_replica_set_name", Value::Bool(true))]).await.unwrap();
    let connection = list.instances[4]["connection_string"].as_str().unwrap();
    assert!(connection.contains("&replicaSet=a%26b%2F%C3%BC&"), "{connection}");
}
