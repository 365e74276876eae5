//! A simple model of the rules. It shares no code with the provider.

use serde_json::{Value as Json, json};

/// The ID and the name of an account or a project, as one origin sets them.
#[derive(Clone, Debug, Default)]
pub struct IdAndName {
    pub id: Option<String>,
    pub name: Option<String>,
}

/// A reference to an account or a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    Id(String),
    Name(String),
}

/// A profile in the KooCLI config file, next to an access key.
#[derive(Clone, Debug)]
pub struct Profile {
    pub region: Option<&'static str>,
    pub project: Option<&'static str>,
    pub account: Option<&'static str>,
}

/// The kind and the origin of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    BlockKey,
    BlockUserId,
    BlockUserName,
    HwKey,
    HwUserId,
    HwUserName,
    OsUserName,
    OsToken,
    SdkKey,
    Profile,
}

/// The setting that names the agency to assume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgencySource {
    None,
    Block,
    Chain,
    Variables,
}

/// The settings of all origins. Arrays have this order: block, `HW_`, `OS_`, `HUAWEICLOUD_SDK_`.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub credential: CredentialKind,
    pub accounts: [IdAndName; 4],
    pub projects: [IdAndName; 4],
    /// The settings and variables for the ID and the name of the project.
    pub project_settings: [[&'static str; 2]; 4],
    /// `HUAWEICLOUD_SDK_` has no variable for the region.
    pub regions: [Option<&'static str>; 3],
    pub profile: Option<Profile>,
    pub agency: AgencySource,
    /// In the block, and in `HW_ASSUME_ROLE_` variables.
    pub agency_accounts: [IdAndName; 2],
}

impl IdAndName {
    /// No value, only the ID, only the name, and both.
    pub fn combinations(origin: &str, thing: &str) -> [Self; 4] {
        let (id, name) = (format!("{origin}-{thing}-id"), format!("{origin}-{thing}-name"));
        [
            Self::default(),
            Self { id: Some(id.clone()), name: None },
            Self { id: None, name: Some(name.clone()) },
            Self { id: Some(id), name: Some(name) },
        ]
    }

    /// No value, and only the ID.
    pub fn none_or_id(origin: &str, thing: &str) -> [Self; 2] {
        let [none, id, ..] = Self::combinations(origin, thing);
        [none, id]
    }

    /// All combinations for the first pair of settings, and single values for the other pairs.
    pub fn project_combinations(
        origin: &str,
        settings: [[&'static str; 2]; 3],
    ) -> impl Iterator<Item = ([&'static str; 2], Self)> {
        let [none, id, name, both] = Self::combinations(origin, "project");
        let [current, older, delegated] = settings;
        [
            (current, none),
            (current, id.clone()),
            (current, name.clone()),
            (current, both),
            (older, id),
            (older, name.clone()),
            (delegated, name),
        ]
        .into_iter()
    }

    /// The ID if it is set, else the name.
    fn reference(&self) -> Option<Reference> {
        match (&self.id, &self.name) {
            (Some(id), _) => Some(Reference::Id(id.clone())),
            (None, Some(name)) => Some(Reference::Name(name.clone())),
            (None, None) => None,
        }
    }
}

impl Profile {
    /// No profile, and profiles with and without region and project.
    pub fn variants() -> [Option<Self>; 5] {
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

impl CredentialKind {
    /// A different kind for each group of five scenarios, or the profile's key.
    pub fn for_scenario(index: usize, with_profile: bool) -> Self {
        let kinds =
            [Self::BlockKey, Self::HwKey, Self::BlockUserId, Self::OsToken, Self::SdkKey, Self::HwUserId];
        if with_profile { Self::Profile } else { kinds[index / 5 % kinds.len()] }
    }

    fn uses_password(self) -> bool {
        self.uses_user_name() || [Self::BlockUserId, Self::HwUserId].contains(&self)
    }

    fn uses_user_name(self) -> bool {
        [Self::BlockUserName, Self::HwUserName, Self::OsUserName].contains(&self)
    }
}

impl Scenario {
    /// A key in the block, and a region.
    pub fn with_block_key() -> Self {
        Self {
            credential: CredentialKind::BlockKey,
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
            agency: AgencySource::None,
            agency_accounts: Default::default(),
        }
    }

    /// The account of the first origin that sets one. The ID overrides the name of the same origin.
    fn account(&self) -> Option<Reference> {
        let [block, hw, os, sdk] = &self.accounts;
        let profile = self.profile.as_ref().and_then(|profile| profile.account);
        let variables = hw.reference().or(os.reference()).or(sdk.reference());
        block.reference().or(variables).or(profile.map(|id| Reference::Id(id.to_owned())))
    }

    /// The region of the block, else of the variables, else of the profile.
    pub fn region(&self) -> Option<&'static str> {
        let [block, hw, os] = self.regions;
        block.or(hw).or(os).or(self.profile.as_ref().and_then(|profile| profile.region))
    }

    /// The project of the first origin that sets one. Origins that name another region are ignored.
    pub fn project(&self) -> Option<Reference> {
        let region = self.region();
        let names_other_region = |own: Option<&str>| own.is_some() && own != region;
        let [block, hw, os, sdk] = &self.projects;
        if let Some(project) = block.reference() {
            return Some(project);
        }
        if let (Some(project), false) = (hw.reference(), names_other_region(self.regions[1])) {
            return Some(project);
        }
        if let (Some(project), false) = (os.reference(), names_other_region(self.regions[2])) {
            return Some(project);
        }
        if let Some(project) = sdk.reference() {
            return Some(project);
        }
        let profile = self.profile.as_ref()?;
        if names_other_region(profile.region) {
            None
        } else {
            Some(Reference::Id(profile.project?.to_owned()))
        }
    }

    /// The account of the agency. Variables do not complete a chain of blocks.
    fn agency_account(&self) -> Option<Reference> {
        let [block, variables] = &self.agency_accounts;
        match self.agency {
            AgencySource::None => None,
            AgencySource::Block => block.reference().or(variables.reference()),
            AgencySource::Chain => block.reference(),
            AgencySource::Variables => variables.reference(),
        }
    }

    /// A part of the expected error, if the settings are incomplete and no request may be sent.
    pub fn expected_error(&self) -> Option<&'static str> {
        if self.region().is_none() {
            return Some("The provider requires a region");
        }
        if self.credential.uses_user_name() && self.account().is_none() {
            return Some("domain_name");
        }
        if self.agency != AgencySource::None && self.agency_account().is_none() {
            return Some("assume_role requires domain_id");
        }
        None
    }

    /// The first requests of a read: enough to identify the caller, the region and the project.
    pub fn expected_requests(&self) -> Vec<Json> {
        let (Some(region), None) = (self.region(), self.expected_error()) else { return Vec::new() };
        let call = |call: &str, user: Json, scope: Json, agency: Json, caller: Json| {
            let call = call.replace("REGION", region);
            json!({ "call": call, "user": user, "scope": scope, "agency": agency, "caller": caller })
        };
        let without_details = |text: &str| call(text, Json::Null, Json::Null, Json::Null, Json::Null);
        let to_json = |reference: Reference| match reference {
            Reference::Id(id) => json!({ "id": id }),
            Reference::Name(name) => json!({ "name": name }),
        };
        let project = self.project().unwrap_or_else(|| Reference::Name(region.to_owned()));
        if self.credential.uses_password() {
            let mut user = json!({ "password": "pw" });
            if self.credential.uses_user_name() {
                user["name"] = json!("user");
                user["domain"] = self.account().map(to_json).unwrap_or_default();
            } else {
                user["id"] = json!("user");
            }
            let scope = json!({ "project": to_json(project) });
            let tokens = "POST REGION /v3/auth/tokens?nocatalog=any";
            return vec![call(tokens, user, scope, Json::Null, Json::Null)];
        }
        match self.agency_account() {
            Some(Reference::Id(id)) => {
                let agency = json!(format!("iam::{id}:agency:x"));
                vec![call("POST REGION /v5/agencies/assume", Json::Null, Json::Null, agency, Json::Null)]
            }
            Some(Reference::Name(name)) => {
                let keys = "POST REGION /v3.0/OS-CREDENTIAL/securitytokens";
                // IAM requires the ID of the caller's account.
                match self.account() {
                    Some(Reference::Id(id)) => {
                        vec![call(keys, Json::Null, Json::Null, json!(name), json!(id))]
                    }
                    _ => vec![
                        without_details("GET REGION /v3/auth/domains"),
                        call(keys, Json::Null, Json::Null, json!(name), json!("looked-up")),
                    ],
                }
            }
            None => match project {
                Reference::Id(id) => {
                    vec![without_details(&format!("GET REGION /v3/{id}/instances/i/ssl-cert/download-link"))]
                }
                Reference::Name(name) => {
                    vec![without_details(&format!("GET REGION /v3/projects?name={name}"))]
                }
            },
        }
    }
}
