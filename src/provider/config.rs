//! Turns the provider block and the environment into the client's settings.
//!
//! The block overrides the environment, and that the default. Settings that name the same thing, such as an account's
//! ID and name, count as one. A credential comes from one source as a whole: if the block has a part of one, the
//! environment is not searched.

mod assume_role;
mod credentials;
mod error;
mod network;
mod reader;
mod settings;
#[cfg(test)]
mod tests;
mod validate;

use crate::huaweicloud::auth::Algorithm;
use crate::huaweicloud::client::{Endpoints, ProjectSelector, Settings};
use crate::system::{Clock, Environment};
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::validator::parse_duration;

pub(in crate::provider) use crate::huaweicloud::strings::is_identifier;
pub use credentials::table as sources;
pub use error::{ConfigError, Origin, SkippedFile};
pub(in crate::provider) use error::{DECRYPT, may_come_alone};
use reader::{ConfigReader, OriginGroup};
use settings::{
    AUTH_URL, CLOUD, MAX_RETRIES, PROJECT_ID, REGION, REQUEST_TIMEOUT, SIGNING_ALGORITHM, TENANT_ID,
};
pub(in crate::provider) use settings::{schema, variables};
pub(in crate::provider) use validate::is_region;

/// The result of a configuration without errors.
pub enum Resolution {
    /// Everything is known. The client's settings, and what the user should know.
    Settings(Box<Settings>, Warnings),
    /// The values of these settings are not known before apply.
    UnknownSettings(Vec<AttributePath>),
}

/// What the user should know although nothing failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    /// The arguments of the block that have no effect.
    pub without_effect: Vec<String>,
    /// Invalid files that the search for a credential skipped.
    pub skipped: Vec<SkippedFile>,
}

/// Resolves the provider's settings. Returns all errors at once, so that they can be corrected together.
pub fn resolve(
    config: &Config<'_>,
    environment: &Environment,
    terraform_version: &str,
) -> Result<Resolution, Vec<ConfigError>> {
    let mut reader = ConfigReader::new(config, environment);
    let algorithm = reader.parsed(SIGNING_ALGORITHM, Algorithm::named).unwrap_or_default();
    reader.algorithm = algorithm;
    let region = reader.checked(REGION);
    let found = credentials::find(&mut reader);
    // An unknown value may turn out to name a profile, and that the region.
    let may_name_region = found.is_none() && !reader.unknown.is_empty();
    let profile = found.as_ref().map(|found| found.profile.clone()).unwrap_or_default();
    let credential = found.and_then(|found| assume_role::assume(&mut reader, found).ok());
    // The profile's region and project are used only where nothing else names one.
    let region = region.or_else(|| profile.region.clone().filter(|region| is_region(region)));
    if region.is_none() && !may_name_region && !reader.is_unknown(REGION) && !reader.has_error(REGION) {
        reader.errors.insert(0, ConfigError::Missing(REGION));
    }
    let project = reader.project(region.as_deref()).filter(|project| reader.is_valid(project));
    let project = match project {
        Some(project) if [PROJECT_ID, TENANT_ID].contains(&project.setting) => {
            ProjectSelector::Id(project.text)
        }
        Some(project) => ProjectSelector::Name(project.text),
        // A project lies in one region: that of its profile.
        None => profile
            .project_id
            .filter(|_| profile.region.is_none() || profile.region == region)
            .map_or(ProjectSelector::RegionDefault, ProjectSelector::Id),
    };
    let cloud = reader.checked(CLOUD);
    let auth = reader.checked(AUTH_URL);
    let mut endpoints = reader.endpoints();
    // Both are the address of IAM, so that of the block overrides a variable.
    let auth = auth.filter(|_| {
        !endpoints.contains_key("iam") || reader.read_group(OriginGroup::Block, AUTH_URL).is_some()
    });
    let tls = reader.tls();
    let max_retries = reader.parsed(MAX_RETRIES, |text| text.parse().ok()).unwrap_or(0);
    let request_timeout = reader.parsed(REQUEST_TIMEOUT, parse_duration).unwrap_or_default();

    let ConfigReader { mut errors, unknown, skipped, ignored_endpoints, .. } = reader;
    if !errors.is_empty() {
        if let (Some(credential), false) = (credential, skipped.is_empty()) {
            errors.push(ConfigError::Skipped { files: skipped, used: credential.origin().to_owned() });
        }
        return Err(errors);
    }
    let (true, Some(region), Some(credential)) = (unknown.is_empty(), region, credential) else {
        return Ok(Resolution::UnknownSettings(unknown));
    };
    let without_effect =
        settings::ignored(config.value()).map(str::to_owned).chain(ignored_endpoints).collect();
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
    Ok(Resolution::Settings(Box::new(settings), Warnings { without_effect, skipped }))
}

fn user_agent(terraform_version: &str) -> String {
    // The host may send any text as its version; a header may have printable ASCII only.
    let version: String = terraform_version.chars().filter(char::is_ascii_graphic).collect();
    format!("{}/{} Terraform/{version}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

/// Returns the domain of the site that the region belongs to. The European site has its own.
fn default_cloud(region: &str) -> &'static str {
    if region.starts_with("eu-west-1") { "myhuaweicloud.eu" } else { "myhuaweicloud.com" }
}
