//! The rule, as plainly as it can be written. It shares nothing with the provider.

use serde_json::{Value as Json, json};

/// What one origin says of a thing.
#[derive(Clone, Debug, Default)]
pub struct Named {
    pub id: Option<String>,
    pub name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    Id(String),
    Name(String),
}

#[derive(Clone, Debug)]
pub struct Profile {
    pub region: Option<&'static str>,
    pub project: Option<&'static str>,
    pub account: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    BlockKey,
    BlockUserId,
    BlockUserName,
    HwKey,
    HwUserId,
    HwUserName,
    OsUserName,
    OsToken,
    SdkKey,
    File,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgencyFrom {
    Nowhere,
    Block,
    Chain,
    Variables,
}

/// The origins in their order: block, `HW_`, `OS_`, `HUAWEICLOUD_SDK_`.
#[derive(Clone, Debug)]
pub struct Situation {
    pub kind: Kind,
    pub accounts: [Named; 4],
    pub projects: [Named; 4],
    /// By which settings and variables the projects are named: ID and name.
    pub project_settings: [[&'static str; 2]; 4],
    /// The last family has no variable for it.
    pub regions: [Option<&'static str>; 3],
    pub profile: Option<Profile>,
    pub agency: AgencyFrom,
    /// In the block, and in the variables that stand in for it.
    pub agency_accounts: [Named; 2],
}

impl Named {
    pub fn four(origin: &str, thing: &str) -> [Self; 4] {
        let (id, name) = (format!("{origin}-{thing}-id"), format!("{origin}-{thing}-name"));
        [
            Self::default(),
            Self { id: Some(id.clone()), name: None },
            Self { id: None, name: Some(name.clone()) },
            Self { id: Some(id), name: Some(name) },
        ]
    }

    pub fn by_id(origin: &str, thing: &str) -> [Self; 2] {
        let [none, id, ..] = Self::four(origin, thing);
        [none, id]
    }

    /// With the first pair of settings all four, with the others one of both.
    pub fn seven(
        origin: &str,
        settings: [[&'static str; 2]; 3],
    ) -> impl Iterator<Item = ([&'static str; 2], Self)> {
        let [none, id, name, both] = Self::four(origin, "project");
        let [first, older, delegated] = settings;
        [
            (first, none),
            (first, id.clone()),
            (first, name.clone()),
            (first, both),
            (older, id),
            (older, name.clone()),
            (delegated, name),
        ]
        .into_iter()
    }

    fn by(&self) -> Option<By> {
        match (&self.id, &self.name) {
            (Some(id), _) => Some(By::Id(id.clone())),
            (None, Some(name)) => Some(By::Name(name.clone())),
            (None, None) => None,
        }
    }
}

impl Profile {
    pub fn five() -> [Option<Self>; 5] {
        let profile = |region, project| Some(Self { region, project, account: None });
        [
            None,
            profile(None, Some("profile-project")),
            profile(Some("r1"), Some("profile-project")),
            profile(Some("r3"), Some("profile-project")),
            profile(Some("r3"), None),
        ]
    }
}

impl Kind {
    /// One after another.
    pub fn any(index: usize, with_profile: bool) -> Self {
        let kinds =
            [Self::BlockKey, Self::HwKey, Self::BlockUserId, Self::OsToken, Self::SdkKey, Self::HwUserId];
        if with_profile { Self::File } else { kinds[index / 5 % kinds.len()] }
    }

    fn is_login(self) -> bool {
        self.is_by_name() || [Self::BlockUserId, Self::HwUserId].contains(&self)
    }

    fn is_by_name(self) -> bool {
        [Self::BlockUserName, Self::HwUserName, Self::OsUserName].contains(&self)
    }
}

impl Situation {
    pub fn plain() -> Self {
        Self {
            kind: Kind::BlockKey,
            accounts: Default::default(),
            projects: Default::default(),
            project_settings: [
                ["project_id", "project_name"],
                ["HW_PROJECT_ID", "HW_PROJECT_NAME"],
                ["OS_PROJECT_ID", "OS_PROJECT_NAME"],
                ["HUAWEICLOUD_SDK_PROJECT_ID", ""],
            ],
            regions: [Some("r1"), None, None],
            profile: None,
            agency: AgencyFrom::Nowhere,
            agency_accounts: Default::default(),
        }
    }

    /// The account of the first origin that names one, by its ID if that origin has both. Else the profile's.
    fn account(&self) -> Option<By> {
        let [block, hw, os, sdk] = &self.accounts;
        let profile = self.profile.as_ref().and_then(|profile| profile.account);
        block.by().or(hw.by()).or(os.by()).or(sdk.by()).or(profile.map(|id| By::Id(id.to_owned())))
    }

    /// The block's, else the variables', else the profile's.
    pub fn region(&self) -> Option<&'static str> {
        let [block, hw, os] = self.regions;
        block.or(hw).or(os).or(self.profile.as_ref().and_then(|profile| profile.region))
    }

    /// The project of the first origin that names one, unless that origin's variables name another region.
    pub fn project(&self) -> Option<By> {
        let region = self.region();
        let elsewhere = |own: Option<&str>| own.is_some() && own != region;
        let [block, hw, os, sdk] = &self.projects;
        if let Some(project) = block.by() {
            return Some(project);
        }
        if let (Some(project), false) = (hw.by(), elsewhere(self.regions[1])) {
            return Some(project);
        }
        if let (Some(project), false) = (os.by(), elsewhere(self.regions[2])) {
            return Some(project);
        }
        if let Some(project) = sdk.by() {
            return Some(project);
        }
        let profile = self.profile.as_ref()?;
        if elsewhere(profile.region) { None } else { Some(By::Id(profile.project?.to_owned())) }
    }

    /// With a chain nobody could say which agency the variables mean.
    fn agency_account(&self) -> Option<By> {
        let [block, variables] = &self.agency_accounts;
        match self.agency {
            AgencyFrom::Nowhere => None,
            AgencyFrom::Block => block.by().or(variables.by()),
            AgencyFrom::Chain => block.by(),
            AgencyFrom::Variables => variables.by(),
        }
    }

    /// The error of a situation in which nothing may be sent.
    pub fn lacks(&self) -> Option<&'static str> {
        if self.region().is_none() {
            return Some("The provider requires a region");
        }
        if self.kind.is_by_name() && self.account().is_none() {
            return Some("domain_name");
        }
        if self.agency != AgencyFrom::Nowhere && self.agency_account().is_none() {
            return Some("assume_role requires domain_id");
        }
        None
    }

    /// The first requests of a read, as far as they tell who reads what.
    pub fn requests(&self) -> Vec<Json> {
        let (Some(region), None) = (self.region(), self.lacks()) else { return Vec::new() };
        let call = |call: &str, user: Json, scope: Json, agency: Json, caller: Json| {
            let call = call.replace("REGION", region);
            json!({ "call": call, "user": user, "scope": scope, "agency": agency, "caller": caller })
        };
        let plain = |text: &str| call(text, Json::Null, Json::Null, Json::Null, Json::Null);
        let reference = |by: By| match by {
            By::Id(id) => json!({ "id": id }),
            By::Name(name) => json!({ "name": name }),
        };
        let project = self.project().unwrap_or_else(|| By::Name(region.to_owned()));
        if self.kind.is_login() {
            let mut user = json!({ "password": "pw" });
            if self.kind.is_by_name() {
                user["name"] = json!("user");
                user["domain"] = self.account().map(reference).unwrap_or_default();
            } else {
                user["id"] = json!("user");
            }
            let scope = json!({ "project": reference(project) });
            let login = "POST REGION /v3/auth/tokens?nocatalog=any";
            return vec![call(login, user, scope, Json::Null, Json::Null)];
        }
        match self.agency_account() {
            Some(By::Id(id)) => {
                let agency = json!(format!("iam::{id}:agency:x"));
                vec![call("POST REGION /v5/agencies/assume", Json::Null, Json::Null, agency, Json::Null)]
            }
            Some(By::Name(name)) => {
                let keys = "POST REGION /v3.0/OS-CREDENTIAL/securitytokens";
                // IAM wants to know the caller's account by its ID.
                match self.account() {
                    Some(By::Id(id)) => vec![call(keys, Json::Null, Json::Null, json!(name), json!(id))],
                    _ => vec![
                        plain("GET REGION /v3/auth/domains"),
                        call(keys, Json::Null, Json::Null, json!(name), json!("looked-up")),
                    ],
                }
            }
            None => match project {
                By::Id(id) => vec![plain(&format!("GET REGION /v3/{id}/instances/i/ssl-cert/download-link"))],
                By::Name(name) => vec![plain(&format!("GET REGION /v3/projects?name={name}"))],
            },
        }
    }
}
