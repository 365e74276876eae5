//! The situations of `tests/data/credentials` up to their first read: which requests each credential takes. The
//! simulated cloud knows everything that the situations name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cloud_simulator::{Agency, Certificate, CloudState, Instance, Key, Metadata, Project, Route, Simulator};
use serde::Deserialize;
use serde_json::Value as Json;
use terraform_provider_dds::provider::Provider;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::schema::{Nesting, Schema};
use terraform_provider_dds::tfplugin::value::{Number, Value};

use crate::golden;

const INSTANCE: &str = "instance";

#[derive(Deserialize)]
struct Case {
    block: BTreeMap<String, Json>,
    env: BTreeMap<String, String>,
    files: BTreeMap<String, Option<String>>,
    #[serde(default)]
    cloud: Cloud,
    expect: Expect,
}

/// What is not as it should be there.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cloud {
    metadata: Option<String>,
    id_token: Option<String>,
    pod_token: Option<String>,
    /// Seconds by which its clock is ahead of ours.
    ahead: i64,
    /// Agencies that nobody may take on.
    closed: Vec<String>,
}

#[derive(Deserialize)]
struct Expect {
    /// By route. None where the settings are at fault and nothing is sent.
    requests: Option<BTreeMap<String, usize>>,
    credential: Option<String>,
    /// A part of what the read ends with, if it does not get there.
    error: Option<String>,
    /// Parts of what is told while the provider is configured.
    #[serde(default)]
    warnings: Vec<String>,
}

/// A cloud in which all that a case names is right.
fn cloud_state(case: &Case) -> CloudState {
    let text = format!("{:?}{:?}{:?}", case.block, case.env, case.files).to_lowercase();
    let temporary = ["security_token", "sso"].iter().any(|word| text.contains(word));
    let key = |(id, secret): (&str, &str)| Key {
        id: id.into(),
        secret: secret.into(),
        security_token: temporary.then(|| "t".into()),
        may_list: true,
        may_read: true,
    };
    let keys = [
        ("a", "s"),
        ("ea", "es"),
        ("1", "2"),
        ("12345", "67890"),
        ("file-ak", "file-sk"),
        ("sdk-ak", "sdk-sk"),
    ];
    let project = |(id, name, region): (&str, &str, &str)| Project {
        id: id.into(),
        name: name.into(),
        region: region.into(),
        enabled: true,
    };
    let projects = [
        ("11111111111111111111111111111111", "r", "r"),
        ("55555555555555555555555555555555", "p", "r"),
        ("22222222222222222222222222222222", "er", "er"),
        ("33333333333333333333333333333333", "home-region", "home-region"),
        ("44444444444444444444444444444444", "other", "file-region"),
        ("66666666666666666666666666666666", "file-region", "file-region"),
    ];
    let agency = |name: &str| Agency {
        name: name.into(),
        account_id: "d".into(),
        account_name: "d".into(),
        trusts: ["a", "ea", "file-ak", "u", "i", "x", "y", "sample-machine"].map(Into::into).to_vec(),
        may_read: true,
    };
    let open = |agency: Agency| match case.cloud.closed.contains(&agency.name) {
        true => Agency { trusts: Vec::new(), ..agency },
        false => agency,
    };
    let sample = CloudState::sample();
    let machine =
        sample.agencies.iter().find(|agency| agency.name == sample.machine_agency).cloned().unwrap();
    let own = |agency: Agency| Agency { account_id: "d".into(), account_name: "d".into(), ..agency };
    let pod = sample.agencies.iter().find(|agency| agency.name == sample.pod.agency).cloned().unwrap();
    let mut identity_provider = sample.identity_provider.clone();
    identity_provider.idp_id = "i".into();
    identity_provider.provider_urn = "u".into();
    identity_provider.id_token = "t".into();
    let instance = |project: &Project| Instance {
        id: INSTANCE.into(),
        project_id: project.id.clone(),
        certificates: vec![Certificate {
            category: "international".into(),
            download_link: "https://x".into(),
        }],
        gone: None,
    };
    let projects: Vec<Project> = projects.into_iter().map(project).collect();
    CloudState {
        account_id: "d".into(),
        account_name: "d".into(),
        user_id: "u".into(),
        user_name: "u".into(),
        password: "p".into(),
        keys: keys.into_iter().map(key).collect(),
        token: "t".into(),
        instances: projects.iter().map(instance).collect(),
        projects,
        agencies: vec![open(agency("x")), open(agency("y")), own(machine), own(pod)],
        metadata: case.cloud.metadata.as_deref().map_or(sample.metadata, metadata),
        identity_provider,
        ..sample
    }
}

fn metadata(name: &str) -> Metadata {
    use Metadata::{Html, NoAgency, Off, Silent, V1Only, V2, V2Only};

    let known = [Off, V1Only, V2, V2Only, NoAgency, Html, Silent];
    known.into_iter().find(|it| format!("{it:?}") == name).unwrap_or_else(|| panic!("no metadata {name}"))
}

/// As core would send it: a block inside has all its attributes.
pub(super) fn value(schema: &Schema, name: &str, json: &Json) -> Value {
    match json {
        Json::Number(number) => Value::Number(Number::Text(number.to_string())),
        Json::Array(items) => Value::List(items.iter().map(|item| value(schema, name, item)).collect()),
        Json::Object(members) => {
            let block = schema
                .blocks
                .iter()
                .find(|block| block.name == name && block.nesting == Nesting::List)
                .unwrap();
            let blank = Value::object(block.attributes.iter().map(|attribute| (attribute.name, Value::Null)));
            blank.with(members.iter().map(|(name, json)| (name.as_str(), value(schema, name, json))))
        }
        json => json.as_str().unwrap().into(),
    }
}

/// The requests by route, whether DDS believed the credential, and what the user is told. A project that only the
/// situation knows is refused by DDS itself, after that.
async fn read(case: &Case) -> (BTreeMap<String, usize>, bool, String, Vec<String>) {
    let cloud = Simulator::start(cloud_state(case));
    let (url, token) = (cloud.url(), cloud.cloud_state().pod.token.clone());
    cloud.set_clock_ahead(case.cloud.ahead);
    if let Some(token) = &case.cloud.id_token {
        cloud.set_id_token(token);
    }
    if let Some(token) = &case.cloud.pod_token {
        cloud.set_pod_token(token);
    }
    let mut variables = case.env.clone();
    if let Some(address) = variables.get_mut("HC_CONTAINER_CREDENTIALS_FULL_URI") {
        *address = cloud.pod_url();
    }
    let mut files = case.files.clone();
    files.extend([("/t".to_owned(), Some("t".to_owned())), ("/token".to_owned(), Some(token))]);
    let provider = Provider::new(Environment::Given { variables, files });
    let schema = provider.schema();
    let endpoints = ["dds", "iam", "sts", "metadata"];
    let endpoints =
        endpoints.map(|name| (name, if name == "dds" { cloud.regional_url() } else { url.clone() }.into()));
    let given = case.block.iter().map(|(name, json)| (name.as_str(), value(&schema, name, json)));
    let config = schema.blank().with(given).with([("endpoints", Value::object(endpoints))]);
    let told = match provider.configure(&config, "1.11.4") {
        faults if faults.has_errors() => format!("{faults:?}"),
        warnings => {
            let warnings: Vec<_> =
                warnings.iter().map(|it| format!("{}: {}", it.summary, it.detail)).collect();
            assert_eq!(warnings.len(), case.expect.warnings.len(), "{warnings:?}");
            for (warning, expected) in warnings.iter().zip(&case.expect.warnings) {
                assert!(warning.contains(expected), "{warning} lacks {expected}");
            }
            let source = provider.data_sources()[0];
            let config = source.schema().blank().with([("instance_id", INSTANCE.into())]);
            format!("{:?}", provider.read(source, &config, false).await.err())
        }
    };
    let (mut requests, mut believed) = (BTreeMap::new(), false);
    for recorded in cloud.recorded() {
        *requests.entry(format!("{:?}", recorded.route)).or_default() += 1;
        believed |= recorded.route == Route::Links && recorded.status != Some(401);
    }
    let sent = cloud.recorded().iter().map(golden::sent).collect();
    (requests, believed, told, sent)
}

#[tokio::test]
async fn every_credential_reads_with_the_expected_requests_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/credentials");
    let (mut read_cases, mut failures, mut all_sent) = (0, Vec::new(), serde_json::Map::new());
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let case: Case =
            serde_json::from_str(&fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
        let (requests, believed, told, sent) = read(&case).await;
        all_sent.insert(name.clone(), sent.into());
        let Expect { requests: expected, credential, error, .. } = case.expect;
        let right = credential.is_some() && error.is_none() == believed || credential.is_none() && !believed;
        if !right || error.is_some_and(|error| !told.contains(&error)) {
            failures.push(format!("{name}: {told}"));
        }
        if requests != expected.unwrap_or_default() {
            failures.push(format!("{name}: {requests:?}"));
        }
        read_cases += usize::from(believed);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    golden::check("requests.json", &all_sent.into());
    assert!(read_cases >= 50, "{read_cases} cases were read");
}
