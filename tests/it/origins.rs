//! Which identity, project and region is sent, for every combination of the origins that can name them: the block, the
//! three families of variables, and a profile. What is right is written out plainly in `rule`.

mod rule;

use std::collections::BTreeMap;

use cloud_simulator::{Agency, CloudState, Key, Project, Recorded, Route, Simulator};
use rule::{AgencyFrom, By, Kind, Named, Profile, Situation};
use serde_json::{Value as Json, json};
use terraform_provider_dds::huaweicloud::client as api;
use terraform_provider_dds::provider::config::{ResolvedConfig, resolve};
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::Provider as _;
use terraform_provider_dds::tfplugin::config::Config;
use terraform_provider_dds::tfplugin::value::Value;

use crate::in_process;

/// A cloud that knows one key, one user and every agency that a situation names.
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
        trusts: vec!["ak".into()],
        may_read: true,
    };
    CloudState {
        account_id: "looked-up".into(),
        keys: vec![Key { id: "ak".into(), secret: "sk".into(), ..sample.keys[0].clone() }],
        projects: ["r1", "r2", "r3"].map(project).into(),
        agencies: ["block", "HW"].map(agency).into(),
        ..sample
    }
}

impl Situation {
    /// The requests of one read, and what the user is told.
    async fn read(&self, cloud: &Simulator) -> (Vec<Recorded>, String) {
        cloud.forget();
        let session = in_process::session(self.environment());
        let schema = session.provider().schema();
        let url = cloud.regional_url();
        let endpoints = ["dds", "iam", "sts"].map(|name| (name, url.clone().into()));
        let config = schema.null_object().with(self.block());
        let config = config
            .with([("endpoints", Value::object(endpoints)), ("max_retries", Value::String("0".into()))]);
        let told = session.configure(&schema, &config, "1.11.4").await;
        if told.has_errors() {
            return (cloud.recorded(), format!("{told:?}"));
        }
        let told = in_process::read(&session, "i").await.unwrap_or_default();
        (cloud.recorded(), told)
    }
}

/// What counts of a request: method, region and path; who is named in headers and body.
fn sent(recorded: &Recorded) -> Json {
    let request = &recorded.request;
    let target = request.target.strip_prefix(&format!("/{}", request.region)).unwrap_or(&request.target);
    let body: Json = serde_json::from_slice(&request.body).unwrap_or_default();
    let of_agency = match recorded.route {
        Route::Assume => body["agency_urn"].clone(),
        Route::AgencyKeys => body["auth"]["identity"]["assume_role"]["domain_name"].clone(),
        _ => Json::Null,
    };
    json!({
        "call": format!("{} {} {target}", request.method, request.region),
        "user": body["auth"]["identity"]["password"]["user"],
        "scope": body["auth"]["scope"],
        "agency": of_agency,
        "caller": request.header("x-domain-id"),
    })
}

/// Compares the first requests of a read with what the rule says, all of them if it ends before the instance.
async fn compare(situation: &Situation, cloud: &Simulator) -> Result<(), String> {
    let (recorded, told) = situation.read(cloud).await;
    let expected = situation.requests();
    let found: Vec<Json> = recorded.iter().map(sent).take(expected.len().max(1)).collect();
    let complaint = || format!("{situation:#?}\nsent {found:#?}\nnot {expected:#?}\ntold {told}");
    match situation.lacks() {
        Some(lacks) if told.contains(lacks) && recorded.is_empty() => Ok(()),
        None if found == expected => Ok(()),
        _ => Err(complaint()),
    }
}

async fn all(situations: impl Iterator<Item = Situation>) -> usize {
    let cloud = Simulator::start(cloud_state());
    let mut count = 0;
    for situation in situations {
        if let Err(complaint) = compare(&situation, &cloud).await {
            panic!("after {count} right ones:\n{complaint}");
        }
        count += 1;
    }
    count
}

#[tokio::test]
async fn a_login_names_the_account_of_the_first_origin() {
    let mut situations = Vec::new();
    for kind in [Kind::BlockUserName, Kind::HwUserName, Kind::OsUserName, Kind::BlockUserId, Kind::HwUserId] {
        for block in Named::four("block", "account") {
            for hw in Named::four("HW", "account") {
                for os in Named::four("OS", "account") {
                    for sdk in Named::by_id("SDK", "account") {
                        let accounts = [block.clone(), hw.clone(), os.clone(), sdk];
                        situations.push(Situation { kind, accounts, ..Situation::plain() });
                    }
                }
            }
        }
    }
    assert_eq!(all(situations.into_iter()).await, 640);
}

#[tokio::test]
async fn an_agency_is_that_of_the_account_of_the_first_origin() {
    let mut situations = Vec::new();
    let profile = |account| Some(Profile { region: None, project: None, account });
    let keys = [
        (Kind::BlockKey, None),
        (Kind::File, profile(None)),
        (Kind::File, profile(Some("profile-account-id"))),
    ];
    for agency in [AgencyFrom::Block, AgencyFrom::Chain, AgencyFrom::Variables] {
        for own in Named::four("block", "agency-account") {
            for of_variables in Named::four("HW", "agency-account") {
                for block in Named::four("block", "account") {
                    for os in Named::four("OS", "account") {
                        // Three in turn meet all combinations of the others, of which there are four each.
                        let (kind, profile) = keys[situations.len() % keys.len()].clone();
                        situations.push(Situation {
                            kind,
                            profile,
                            agency,
                            agency_accounts: [own.clone(), of_variables.clone()],
                            accounts: [block.clone(), Named::default(), os, Named::default()],
                            ..Situation::plain()
                        });
                    }
                }
            }
        }
    }
    assert_eq!(all(situations.into_iter()).await, 768);
}

/// All combinations of project, region and profile, with a kind of credential for each.
fn projects() -> impl Iterator<Item = Situation> {
    let settings = [["project_id", "project_name"], ["tenant_id", "tenant_name"], ["", "delegated_project"]];
    let variables = [
        ["OS_PROJECT_ID", "OS_PROJECT_NAME"],
        ["OS_TENANT_ID", "OS_TENANT_NAME"],
        ["", "OS_DELEGATED_PROJECT"],
    ];
    let (region, two) = ([None, Some("r1")], [None, Some("r1"), Some("r2")]);
    let mut all = Vec::new();
    for (block_setting, block) in Named::seven("block", settings) {
        for (os_setting, os) in Named::seven("OS", variables) {
            for hw in Named::four("HW", "project") {
                for sdk in Named::by_id("SDK", "project") {
                    for regions in
                        region.iter().flat_map(|a| two.iter().flat_map(|b| two.map(|c| [*a, *b, c])))
                    {
                        for profile in Profile::five() {
                            all.push(Situation {
                                kind: Kind::any(all.len(), profile.is_some()),
                                projects: [block.clone(), hw.clone(), os.clone(), sdk.clone()],
                                project_settings: [
                                    block_setting,
                                    ["HW_PROJECT_ID", "HW_PROJECT_NAME"],
                                    os_setting,
                                    ["HUAWEICLOUD_SDK_PROJECT_ID", ""],
                                ],
                                regions,
                                profile,
                                ..Situation::plain()
                            });
                        }
                    }
                }
            }
        }
    }
    all.into_iter()
}

#[test]
fn every_combination_resolves_region_and_project_by_the_rule() {
    let schema = in_process::session(Environment::given([])).provider().schema();
    let mut count = 0;
    for situation in projects() {
        let block = schema.null_object().with(situation.block());
        let resolved = resolve(&Config::new(&schema, &block), &situation.environment(), "");
        let found = match resolved {
            Ok(ResolvedConfig::Settings(settings, _)) => {
                let project = match settings.project {
                    api::Project::Id(id) => Some(By::Id(id)),
                    api::Project::Name(name) => Some(By::Name(name)),
                    api::Project::OfRegion => None,
                };
                Some((settings.region, project))
            }
            Ok(ResolvedConfig::UnknownSettings(paths)) => panic!("waits for {paths:?}"),
            Err(_) => None,
        };
        let expected = situation.region().map(|region| (region.to_owned(), situation.project()));
        assert_eq!(found, expected, "{situation:#?}");
        count += 1;
    }
    assert_eq!(count, 35_280);
}

#[tokio::test]
async fn requests_go_to_the_region_and_project_of_the_rule() {
    // A stride that shares no factor with any of the table's dimensions meets all their values.
    assert_eq!(all(projects().step_by(61)).await, 579);
}

const PROFILE_FILE: &str = "/profile.json";

/// The variables for account and project, by family: ID and name.
const ACCOUNTS: [[&str; 2]; 3] = [
    ["HW_DOMAIN_ID", "HW_DOMAIN_NAME"],
    ["OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME"],
    ["HUAWEICLOUD_SDK_DOMAIN_ID", ""],
];

impl Situation {
    pub fn block(&self) -> Vec<(&str, Value)> {
        let mut block: Vec<(&str, Value)> = Vec::new();
        let mut set = |name: &'static str, text: Option<String>| {
            block.extend(text.map(|text| (name, text.into())));
        };
        set("domain_id", self.accounts[0].id.clone());
        set("domain_name", self.accounts[0].name.clone());
        let [id, name] = self.project_settings[0];
        set(id, self.projects[0].id.clone());
        set(name, self.projects[0].name.clone());
        set("region", self.regions[0].map(Into::into));
        set("shared_config_file", self.profile.as_ref().map(|_| PROFILE_FILE.into()));
        let own = |kind, text: &str| (self.kind == kind).then(|| text.to_owned());
        set("user_name", own(Kind::BlockUserName, "user"));
        set("user_id", own(Kind::BlockUserId, "user"));
        set("password", own(Kind::BlockUserName, "pw").or(own(Kind::BlockUserId, "pw")));
        set("access_key", own(Kind::BlockKey, "ak"));
        set("secret_key", own(Kind::BlockKey, "sk"));
        let role = || {
            Value::object([
                ("agency_name", "x".into()),
                ("domain_id", self.agency_accounts[0].id.clone().map_or(Value::Null, Into::into)),
                ("domain_name", self.agency_accounts[0].name.clone().map_or(Value::Null, Into::into)),
                ("duration", Value::Null),
            ])
        };
        match self.agency {
            AgencyFrom::Nowhere | AgencyFrom::Variables => {}
            AgencyFrom::Block => block.push(("assume_role", Value::List(vec![role()]))),
            AgencyFrom::Chain => block.push(("assume_role", Value::List(vec![role(), role()]))),
        }
        block
    }

    pub fn environment(&self) -> Environment {
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, text: Option<String>| {
            variables.extend(text.map(|text| (name.to_owned(), text)));
        };
        for (family, [id, name]) in ACCOUNTS.iter().enumerate() {
            set(id, self.accounts[family + 1].id.clone());
            set(name, self.accounts[family + 1].name.clone());
        }
        for (family, [id, name]) in self.project_settings.iter().enumerate().skip(1) {
            set(id, self.projects[family].id.clone());
            set(name, self.projects[family].name.clone());
        }
        set("HW_REGION_NAME", self.regions[1].map(Into::into));
        set("OS_REGION_NAME", self.regions[2].map(Into::into));
        let credential: &[(&str, &str)] = match self.kind {
            Kind::HwUserName => &[("HW_USER_NAME", "user"), ("HW_USER_PASSWORD", "pw")],
            Kind::OsUserName => &[("OS_USERNAME", "user"), ("OS_PASSWORD", "pw")],
            Kind::HwUserId => &[("HW_USER_ID", "user"), ("HW_USER_PASSWORD", "pw")],
            Kind::HwKey => &[("HW_ACCESS_KEY", "ak"), ("HW_SECRET_KEY", "sk")],
            Kind::SdkKey => &[("HUAWEICLOUD_SDK_AK", "ak"), ("HUAWEICLOUD_SDK_SK", "sk")],
            Kind::OsToken => &[("OS_AUTH_TOKEN", "token")],
            Kind::BlockKey | Kind::BlockUserId | Kind::BlockUserName | Kind::File => &[],
        };
        for (name, text) in credential {
            set(name, Some((*text).into()));
        }
        set("HW_ASSUME_ROLE_DOMAIN_ID", self.agency_accounts[1].id.clone());
        set("HW_ASSUME_ROLE_DOMAIN_NAME", self.agency_accounts[1].name.clone());
        set("HW_ASSUME_ROLE_AGENCY_NAME", (self.agency == AgencyFrom::Variables).then(|| "x".into()));
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
