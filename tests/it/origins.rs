//! Checks the account, project and region in the requests, for every combination of the origins that can set them: the
//! block, three prefixes of variables, and a profile. `model` computes the expected values.

mod model;

use std::collections::BTreeMap;

use cloud_simulator::{AccessKey, Agency, CloudState, Project, RecordedRequest, Route, Simulator};
use model::{AgencySource, CredentialKind, IdAndName, Profile, Reference, Scenario};
use serde_json::{Value as Json, json};
use terraform_provider_dds::huaweicloud::client as api;
use terraform_provider_dds::provider::config::{ResolvedConfig, resolve};
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::Provider as _;
use terraform_provider_dds::tfplugin::config::Config;
use terraform_provider_dds::tfplugin::value::Value;

use crate::in_process;

/// A cloud with one key, one user, and every agency of the scenarios.
fn cloud_state() -> CloudState {
    let sample = CloudState::sample();
    let project = |region: &str| Project {
        id: format!("{region}-id"),
        name: region.into(),
        region: region.into(),
        enabled: true,
    };
    let agency = |origin: &str| Agency {
        name: "x".into(),
        account_id: format!("{origin}-agency-account-id"),
        account_name: format!("{origin}-agency-account-name"),
        trusted_principals: vec!["ak".into()],
        can_read_instances: true,
    };
    CloudState {
        account_id: "looked-up".into(),
        access_keys: vec![AccessKey {
            id: "ak".into(),
            secret: "sk".into(),
            ..sample.access_keys[0].clone()
        }],
        projects: ["r1", "r2", "r3"].map(project).into(),
        agencies: ["block", "HW"].map(agency).into(),
        ..sample
    }
}

impl Scenario {
    /// The requests of one read, and its diagnostics.
    async fn read(&self, cloud: &Simulator) -> (Vec<RecordedRequest>, String) {
        cloud.clear_recorded_requests();
        let session = in_process::session(self.environment());
        let schema = session.provider().schema();
        let url = cloud.regional_url();
        let endpoints = ["dds", "iam", "sts"].map(|name| (name, url.clone().into()));
        let config = schema.null_object().with(self.block());
        let config = config
            .with([("endpoints", Value::object(endpoints)), ("max_retries", Value::String("0".into()))]);
        let diagnostics = session.configure(&schema, &config, "1.11.4").await;
        if diagnostics.has_errors() {
            return (cloud.recorded_requests(), format!("{diagnostics:?}"));
        }
        let error = in_process::read(&session, "i").await.unwrap_or_default();
        (cloud.recorded_requests(), error)
    }
}

/// The part of a request that is compared: method, region, path, and the names in headers and body.
fn summary(recorded: &RecordedRequest) -> Json {
    let request = &recorded.request;
    let target = request.target.strip_prefix(&format!("/{}", request.region)).unwrap_or(&request.target);
    let body: Json = serde_json::from_slice(&request.body).unwrap_or_default();
    let agency = match recorded.route {
        Route::Assume => body["agency_urn"].clone(),
        Route::AgencyKeys => body["auth"]["identity"]["assume_role"]["domain_name"].clone(),
        _ => Json::Null,
    };
    json!({
        "call": format!("{} {} {target}", request.method, request.region),
        "user": body["auth"]["identity"]["password"]["user"],
        "scope": body["auth"]["scope"],
        "agency": agency,
        "caller": request.header("x-domain-id"),
    })
}

/// Compares the first requests of a read, or its error, with the model.
async fn check(scenario: &Scenario, cloud: &Simulator) -> Result<(), String> {
    let (recorded, error) = scenario.read(cloud).await;
    let expected = scenario.expected_requests();
    let sent: Vec<Json> = recorded.iter().map(summary).take(expected.len().max(1)).collect();
    match scenario.expected_error() {
        Some(part) if error.contains(part) && recorded.is_empty() => Ok(()),
        None if sent == expected => Ok(()),
        _ => Err(format!("{scenario:#?}\nsent {sent:#?}\nexpected {expected:#?}\nerror {error}")),
    }
}

/// Checks all scenarios and returns their number.
async fn check_all(scenarios: impl Iterator<Item = Scenario>) -> usize {
    let cloud = Simulator::start(cloud_state());
    let mut count = 0;
    for scenario in scenarios {
        if let Err(difference) = check(&scenario, &cloud).await {
            panic!("scenario {count}:\n{difference}");
        }
        count += 1;
    }
    count
}

#[tokio::test]
async fn password_request_names_the_account_of_the_first_origin() {
    let mut scenarios = Vec::new();
    for credential in [
        CredentialKind::BlockUserName,
        CredentialKind::HwUserName,
        CredentialKind::OsUserName,
        CredentialKind::BlockUserId,
        CredentialKind::HwUserId,
    ] {
        for block in IdAndName::combinations("block", "account") {
            for hw in IdAndName::combinations("HW", "account") {
                for os in IdAndName::combinations("OS", "account") {
                    for sdk in IdAndName::none_or_id("SDK", "account") {
                        let accounts = [block.clone(), hw.clone(), os.clone(), sdk];
                        scenarios.push(Scenario { credential, accounts, ..Scenario::with_block_key() });
                    }
                }
            }
        }
    }
    assert_eq!(check_all(scenarios.into_iter()).await, 640);
}

#[tokio::test]
async fn agency_account_comes_from_the_first_origin() {
    let mut scenarios = Vec::new();
    let profile = |account| Some(Profile { region: None, project: None, account });
    let keys = [
        (CredentialKind::BlockKey, None),
        (CredentialKind::Profile, profile(None)),
        (CredentialKind::Profile, profile(Some("profile-account-id"))),
    ];
    for agency in [AgencySource::Block, AgencySource::Chain, AgencySource::Variables] {
        for of_block in IdAndName::combinations("block", "agency-account") {
            for of_variables in IdAndName::combinations("HW", "agency-account") {
                for block in IdAndName::combinations("block", "account") {
                    for os in IdAndName::combinations("OS", "account") {
                        // The three keys alternate, so each key occurs with every value of the other dimensions.
                        let (credential, profile) = keys[scenarios.len() % keys.len()].clone();
                        scenarios.push(Scenario {
                            credential,
                            profile,
                            agency,
                            agency_accounts: [of_block.clone(), of_variables.clone()],
                            accounts: [block.clone(), IdAndName::default(), os, IdAndName::default()],
                            ..Scenario::with_block_key()
                        });
                    }
                }
            }
        }
    }
    assert_eq!(check_all(scenarios.into_iter()).await, 768);
}

/// All combinations of project, region and profile, each with a kind of credential.
fn project_scenarios() -> impl Iterator<Item = Scenario> {
    let settings = [["project_id", "project_name"], ["tenant_id", "tenant_name"], ["", "delegated_project"]];
    let variables = [
        ["OS_PROJECT_ID", "OS_PROJECT_NAME"],
        ["OS_TENANT_ID", "OS_TENANT_NAME"],
        ["", "OS_DELEGATED_PROJECT"],
    ];
    let (one_region, two_regions) = ([None, Some("r1")], [None, Some("r1"), Some("r2")]);
    let mut scenarios = Vec::new();
    for (block_setting, block) in IdAndName::project_combinations("block", settings) {
        for (os_setting, os) in IdAndName::project_combinations("OS", variables) {
            for hw in IdAndName::combinations("HW", "project") {
                for sdk in IdAndName::none_or_id("SDK", "project") {
                    for regions in one_region
                        .iter()
                        .flat_map(|a| two_regions.iter().flat_map(|b| two_regions.map(|c| [*a, *b, c])))
                    {
                        for profile in Profile::variants() {
                            scenarios.push(Scenario {
                                credential: CredentialKind::for_scenario(scenarios.len(), profile.is_some()),
                                projects: [block.clone(), hw.clone(), os.clone(), sdk.clone()],
                                project_settings: [
                                    block_setting,
                                    ["HW_PROJECT_ID", "HW_PROJECT_NAME"],
                                    os_setting,
                                    ["HUAWEICLOUD_SDK_PROJECT_ID", ""],
                                ],
                                regions,
                                profile,
                                ..Scenario::with_block_key()
                            });
                        }
                    }
                }
            }
        }
    }
    scenarios.into_iter()
}

#[test]
fn every_combination_resolves_to_the_expected_project() {
    let schema = in_process::session(Environment::given([])).provider().schema();
    let mut count = 0;
    for scenario in project_scenarios() {
        let block = schema.null_object().with(scenario.block());
        let resolved = resolve(&Config::new(&schema, &block), &scenario.environment(), "");
        let actual = match resolved {
            Ok(ResolvedConfig::Settings(settings, _)) => {
                let project = match settings.project {
                    api::ProjectSelector::Id(id) => Some(Reference::Id(id)),
                    api::ProjectSelector::Name(name) => Some(Reference::Name(name)),
                    api::ProjectSelector::RegionDefault => None,
                };
                Some((settings.region, project))
            }
            Ok(ResolvedConfig::UnknownSettings(paths)) => panic!("unknown settings: {paths:?}"),
            Err(_) => None,
        };
        let expected = scenario.region().map(|region| (region.to_owned(), scenario.project()));
        assert_eq!(actual, expected, "{scenario:#?}");
        count += 1;
    }
    assert_eq!(count, 35_280);
}

#[tokio::test]
async fn requests_use_the_expected_region_and_project() {
    // 61 shares no factor with the size of any dimension, so each value of each dimension occurs.
    assert_eq!(check_all(project_scenarios().step_by(61)).await, 579);
}

const PROFILE_FILE: &str = "/profile.json";

/// The variables for the ID and the name of the account, by prefix.
const ACCOUNT_VARIABLES: [[&str; 2]; 3] = [
    ["HW_DOMAIN_ID", "HW_DOMAIN_NAME"],
    ["OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME"],
    ["HUAWEICLOUD_SDK_DOMAIN_ID", ""],
];

impl Scenario {
    /// The arguments of the provider block.
    pub fn block(&self) -> Vec<(&str, Value)> {
        let mut block: Vec<(&str, Value)> = Vec::new();
        let mut set = |name: &'static str, value: Option<String>| {
            block.extend(value.map(|value| (name, value.into())));
        };
        set("domain_id", self.accounts[0].id.clone());
        set("domain_name", self.accounts[0].name.clone());
        let [id, name] = self.project_settings[0];
        set(id, self.projects[0].id.clone());
        set(name, self.projects[0].name.clone());
        set("region", self.regions[0].map(Into::into));
        set("shared_config_file", self.profile.as_ref().map(|_| PROFILE_FILE.into()));
        let if_kind = |kind, value: &str| (self.credential == kind).then(|| value.to_owned());
        set("user_name", if_kind(CredentialKind::BlockUserName, "user"));
        set("user_id", if_kind(CredentialKind::BlockUserId, "user"));
        set(
            "password",
            if_kind(CredentialKind::BlockUserName, "pw").or(if_kind(CredentialKind::BlockUserId, "pw")),
        );
        set("access_key", if_kind(CredentialKind::BlockKey, "ak"));
        set("secret_key", if_kind(CredentialKind::BlockKey, "sk"));
        let role = || {
            Value::object([
                ("agency_name", "x".into()),
                ("domain_id", self.agency_accounts[0].id.clone().map_or(Value::Null, Into::into)),
                ("domain_name", self.agency_accounts[0].name.clone().map_or(Value::Null, Into::into)),
                ("duration", Value::Null),
            ])
        };
        match self.agency {
            AgencySource::None | AgencySource::Variables => {}
            AgencySource::Block => block.push(("assume_role", Value::List(vec![role()]))),
            AgencySource::Chain => block.push(("assume_role", Value::List(vec![role(), role()]))),
        }
        block
    }

    /// The environment variables and files.
    pub fn environment(&self) -> Environment {
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: Option<String>| {
            variables.extend(value.map(|value| (name.to_owned(), value)));
        };
        for (index, [id, name]) in ACCOUNT_VARIABLES.iter().enumerate() {
            set(id, self.accounts[index + 1].id.clone());
            set(name, self.accounts[index + 1].name.clone());
        }
        for (index, [id, name]) in self.project_settings.iter().enumerate().skip(1) {
            set(id, self.projects[index].id.clone());
            set(name, self.projects[index].name.clone());
        }
        set("HW_REGION_NAME", self.regions[1].map(Into::into));
        set("OS_REGION_NAME", self.regions[2].map(Into::into));
        let credential: &[(&str, &str)] = match self.credential {
            CredentialKind::HwUserName => &[("HW_USER_NAME", "user"), ("HW_USER_PASSWORD", "pw")],
            CredentialKind::OsUserName => &[("OS_USERNAME", "user"), ("OS_PASSWORD", "pw")],
            CredentialKind::HwUserId => &[("HW_USER_ID", "user"), ("HW_USER_PASSWORD", "pw")],
            CredentialKind::HwKey => &[("HW_ACCESS_KEY", "ak"), ("HW_SECRET_KEY", "sk")],
            CredentialKind::SdkKey => &[("HUAWEICLOUD_SDK_AK", "ak"), ("HUAWEICLOUD_SDK_SK", "sk")],
            CredentialKind::OsToken => &[("OS_AUTH_TOKEN", "token")],
            CredentialKind::BlockKey
            | CredentialKind::BlockUserId
            | CredentialKind::BlockUserName
            | CredentialKind::Profile => &[],
        };
        for (name, value) in credential {
            set(name, Some((*value).into()));
        }
        set("HW_ASSUME_ROLE_DOMAIN_ID", self.agency_accounts[1].id.clone());
        set("HW_ASSUME_ROLE_DOMAIN_NAME", self.agency_accounts[1].name.clone());
        set("HW_ASSUME_ROLE_AGENCY_NAME", (self.agency == AgencySource::Variables).then(|| "x".into()));
        let mut files = BTreeMap::new();
        if let Some(Profile { region, project, account }) = &self.profile {
            let profile = json!({
                "name": "default", "mode": "AKSK", "accessKeyId": "ak", "secretAccessKey": "sk",
                "region": region, "projectId": project, "domainId": account,
            });
            files.insert(PROFILE_FILE.to_owned(), Some(json!({ "profiles": [profile] }).to_string()));
        }
        Environment::Fixed { variables, files }
    }
}
