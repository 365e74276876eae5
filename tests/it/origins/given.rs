//! A situation as a provider block, variables and a file.

use std::collections::BTreeMap;

use serde_json::json;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::value::Value;

use super::rule::{AgencyFrom, Kind, Profile, Situation};

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
        Environment::Given { variables, files }
    }
}
