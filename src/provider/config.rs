//! From what the user wrote to what we mean: the block and the environment in, the client's settings out.
//!
//! Per setting the block goes before the environment, and that before the default. Settings that name the same thing,
//! such as an account's ID and name, count as one. The parts of a credential stay together: where the block gives any,
//! the environment gives none.

mod alternatives;
mod assume_role;
mod assume_role_config;
mod blocks;
mod compat;
mod credentials;
mod error;
mod network;
mod partial_credential;
mod reader;
mod settings;
#[cfg(test)]
mod tests;
mod validate;

use crate::huaweicloud::auth::Algorithm;
use crate::huaweicloud::client::{Endpoints, Project, Settings};
use crate::provider::duration;
use crate::system::{Clock, Environment};
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::Value;

pub use crate::huaweicloud::text::is_identifier;
use alternatives::OriginGroup;
pub use credentials::table as sources;
pub use error::{ConfigError, DECRYPT, Origin, SkippedFile, may_come_alone};
use reader::ConfigReader;
use settings::{
    AUTH_URL, CLOUD, MAX_RETRIES, PROJECT_ID, REGION, REQUEST_TIMEOUT, SETTINGS, SIGNING_ALGORITHM, Setting,
    TENANT_ID,
};
pub use validate::is_region;
use validate::{ALGORITHMS, BASE_URL, is_base_url, is_domain, parse_retries};

pub fn schema() -> Schema {
    Schema {
        description: "Reads the TLS certificates of Huawei Cloud DDS (Document Database Service) instances.",
        attributes: SETTINGS
            .iter()
            .map(Setting::attribute)
            .chain(compat::ATTRIBUTES.iter().cloned())
            .collect(),
        blocks: blocks::BLOCKS,
    }
}

/// The environment variables of a setting, in their order.
pub fn variables(name: &str) -> &'static [&'static str] {
    SETTINGS.iter().find(|setting| setting.name == name).map_or(&[], |setting| setting.variables)
}

pub enum Resolution {
    Settings(Box<Settings>, Notices),
    /// These are set, but to values that are not known before apply.
    Waiting(Vec<AttributePath>),
}

/// What the user should know although nothing failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// What the block holds that has no effect.
    pub without_effect: Vec<String>,
    /// Faulty files that the search for a credential skipped.
    pub skipped: Vec<SkippedFile>,
}

/// All faults at once, so that they are mended in one go.
pub fn resolve(
    config: &Value,
    environment: &Environment,
    terraform_version: &str,
) -> Result<Resolution, Vec<ConfigError>> {
    let mut given = ConfigReader::new(config, environment);
    let algorithm = given.parsed(SIGNING_ALGORITHM, ALGORITHMS, Algorithm::named).unwrap_or_default();
    given.algorithm = algorithm;
    let region = given.checked(REGION, "a region code such as cn-north-4", is_region);
    let found = credentials::choose(&mut given);
    // What is not known yet may name the profile that says the region.
    let may_name_region = found.is_none() && !given.unknown.is_empty();
    let of_profile = found.as_ref().map(|found| (found.region.clone(), found.project_id.clone()));
    let (profile_region, profile_project) = of_profile.unwrap_or_default();
    let credential = found.and_then(|found| assume_role::take_on(&mut given, found));
    // What a profile says of region and project is used where nothing else does.
    let region = region.or_else(|| profile_region.clone().filter(|region| is_region(region)));
    if region.is_none() && !may_name_region && !given.waits_for(REGION) && !given.is_faulty(REGION) {
        given.faults.insert(0, ConfigError::Missing(REGION));
    }
    let project = given.project(region.as_deref()).and_then(|chosen| given.sendable(chosen));
    let project = match project {
        Some(chosen) if [PROJECT_ID, TENANT_ID].contains(&chosen.setting) => Project::Id(chosen.text),
        Some(chosen) => Project::Name(chosen.text),
        // A project lies in one region: that of its profile.
        None => profile_project
            .filter(|_| profile_region.is_none() || profile_region == region)
            .map_or(Project::OfRegion, Project::Id),
    };
    let cloud =
        given.checked(CLOUD, "a domain such as myhuaweicloud.com, without scheme and path", is_domain);
    let auth = given.checked(AUTH_URL, BASE_URL, is_base_url);
    let mut endpoints = given.endpoints();
    // Both say where IAM is, so the block's goes before a variable.
    let auth = auth
        .filter(|_| !endpoints.contains_key("iam") || given.text_in(OriginGroup::Block, AUTH_URL).is_some());
    let tls = given.tls();
    let max_retries = given.parsed(MAX_RETRIES, "a whole number from 0 to 100", parse_retries).unwrap_or(0);

    let request_timeout = given.parsed(REQUEST_TIMEOUT, duration::FORM, duration::parse).unwrap_or_default();

    if !given.faults.is_empty() {
        if let (Some(credential), false) = (credential, given.skipped.is_empty()) {
            let used = credential.origin().to_owned();
            given.faults.push(ConfigError::Skipped { files: given.skipped, used });
        }
        return Err(given.faults);
    }
    let (true, Some(region), Some(credential)) = (given.unknown.is_empty(), region, credential) else {
        return Ok(Resolution::Waiting(given.unknown));
    };
    let notices = Notices { without_effect: compat::given(&given), skipped: given.skipped };
    let settings = Settings {
        cloud: cloud.unwrap_or_else(|| default_cloud(&region).to_owned()),
        region,
        endpoints: Endpoints {
            dds: endpoints.remove("dds"),
            iam: endpoints.remove("iam"),
            sts: endpoints.remove("sts"),
            metadata: endpoints.remove("metadata"),
            auth,
        },
        project,
        credential,
        tls,
        max_retries,
        request_timeout,
        user_agent: user_agent(terraform_version),
        clock: Clock::default(),
        environment: environment.clone(),
        algorithm,
    };
    Ok(Resolution::Settings(Box::new(settings), notices))
}

fn user_agent(terraform_version: &str) -> String {
    // The version is the host's word; a header takes printable ASCII only.
    let version: String = terraform_version.chars().filter(char::is_ascii_graphic).collect();
    format!("{}/{} Terraform/{version}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

/// The European site has a domain of its own.
fn default_cloud(region: &str) -> &'static str {
    if region.starts_with("eu-west-1") { "myhuaweicloud.eu" } else { "myhuaweicloud.com" }
}
