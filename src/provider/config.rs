//! Turns the provider block and the environment into the client's settings.
//!
//! The block overrides the environment, and the environment overrides defaults. Settings that name the same thing, such
//! as the ID and the name of an account, count as one setting. All parts of a credential come from the same source: if
//! the block has one part, the environment is not searched.

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
pub(in crate::provider) use credentials::NO_FILE;
pub use credentials::table as credential_sources;
pub use error::{ConfigError, Origin, SkippedFile};
pub(in crate::provider) use error::{DECRYPT, is_client_certificate, may_come_from_environment};
use reader::{ConfigReader, ConfigSource};
use settings::{
    AUTH_URL, CLOUD, MAX_RETRIES, PROJECT_ID, REGION, REQUEST_TIMEOUT, SIGNING_ALGORITHM, TENANT_ID,
};
pub(in crate::provider) use settings::{WITH_OIDC, schema, variables};
pub(in crate::provider) use validate::is_region;

/// The settings of a configuration without errors.
pub enum ResolvedConfig {
    /// The client's settings and the warnings. All values are known.
    Settings(Box<Settings>, ConfigWarnings),
    /// The paths of the settings that are unknown until apply.
    UnknownSettings(Vec<AttributePath>),
}

/// Warnings of a configuration without errors.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConfigWarnings {
    /// The arguments of the block that are ignored.
    pub ignored: Vec<String>,
    /// Invalid credentials files that were skipped.
    pub skipped_files: Vec<SkippedFile>,
}

/// Resolves the provider's settings. Returns all errors at once, so that the user can correct them together.
pub fn resolve(
    config: &Config<'_>,
    environment: &Environment,
    terraform_version: &str,
) -> Result<ResolvedConfig, Vec<ConfigError>> {
    let mut reader = ConfigReader::new(config, environment);
    let algorithm = reader.parsed(SIGNING_ALGORITHM, Algorithm::from_name).unwrap_or_default();
    reader.algorithm = algorithm;
    let region = reader.checked(REGION);
    let found = credentials::find(&mut reader);
    // An unknown value may name a profile later, and the profile may contain a region.
    let profile_may_set_region = found.is_none() && !reader.unknown.is_empty();
    let profile = found.as_ref().map(|found| found.profile.clone()).unwrap_or_default();
    let credential = found.and_then(|found| assume_role::assume(&mut reader, found).ok());
    // Any other setting overrides the region and the project of the profile.
    let region = region.or_else(|| profile.region.clone().filter(|region| is_region(region)));
    if region.is_none() && !profile_may_set_region && !reader.is_unknown(REGION) && !reader.has_error(REGION)
    {
        reader.errors.insert(0, ConfigError::Missing(REGION));
    }
    let project = reader.project(region.as_deref()).filter(|project| reader.is_valid(project));
    let project = match project {
        Some(project) if [PROJECT_ID, TENANT_ID].contains(&project.setting) => {
            ProjectSelector::Id(project.text)
        }
        Some(project) => ProjectSelector::Name(project.text),
        // A project belongs to one region: the region of its profile.
        None => profile
            .project_id
            .filter(|_| profile.region.is_none() || profile.region == region)
            .map_or(ProjectSelector::RegionDefault, ProjectSelector::Id),
    };
    let cloud = reader.checked(CLOUD);
    let auth = reader.checked(AUTH_URL);
    let mut endpoints = reader.endpoints();
    // Both settings are the URL of IAM, so `endpoints.iam` of the block overrides a variable for `auth_url`.
    let auth = auth.filter(|_| {
        !endpoints.contains_key("iam") || reader.read_from(ConfigSource::Block, AUTH_URL).is_some()
    });
    let tls = reader.tls();
    let max_retries = reader.parsed(MAX_RETRIES, |text| text.parse().ok()).unwrap_or(0);
    let request_timeout = reader.parsed(REQUEST_TIMEOUT, parse_duration).unwrap_or_default();

    let ConfigReader { mut errors, unknown, skipped_files, ignored_endpoints, .. } = reader;
    if !errors.is_empty() {
        if let (Some(credential), false) = (credential, skipped_files.is_empty()) {
            errors.push(ConfigError::SkippedFiles {
                files: skipped_files,
                used: credential.origin().to_owned(),
            });
        }
        return Err(errors);
    }
    let (true, Some(region), Some(credential)) = (unknown.is_empty(), region, credential) else {
        return Ok(ResolvedConfig::UnknownSettings(unknown));
    };
    let ignored =
        settings::ignored_settings(config.value()).map(str::to_owned).chain(ignored_endpoints).collect();
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
    Ok(ResolvedConfig::Settings(Box::new(settings), ConfigWarnings { ignored, skipped_files }))
}

fn user_agent(terraform_version: &str) -> String {
    // The version may be any string, but a header must be printable ASCII.
    let version: String = terraform_version.chars().filter(char::is_ascii_graphic).collect();
    format!("{}/{} Terraform/{version}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

/// Returns the domain of the region's site. The European site has a separate one.
fn default_cloud(region: &str) -> &'static str {
    if region.starts_with("eu-west-1") { "myhuaweicloud.eu" } else { "myhuaweicloud.com" }
}
