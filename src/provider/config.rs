//! From what the user wrote to what we mean: the block and the environment in, the client's settings out.
//!
//! Per setting the block goes before the environment, and that before the default. The parts of a credential stay
//! together: where the block gives any, the environment gives none.

mod agency;
mod blocks;
mod fault;
mod foreign;
mod form;
mod given;
mod network;
mod parts;
mod place;
mod setting;
mod source;
#[cfg(test)]
mod tests;

use crate::api::{Endpoints, Project, Settings};
use crate::auth::Algorithm;
use crate::diagnostic::AttributePath;
use crate::outside::{Clock, Environment};
use crate::provider::duration;
use crate::schema::Schema;
use crate::value::Value;

pub use fault::{Fault, Origin};
pub use form::is_region;
use form::{ALGORITHMS, BASE_URL, is_base_url, is_domain, is_identifier, parse_retries};
use given::Given;
use setting::{
    AUTH_URL, CLOUD, DELEGATED_PROJECT, MAX_RETRIES, PROJECT_ID, PROJECT_NAME, REGION, REQUEST_TIMEOUT,
    SETTINGS, SIGNING_ALGORITHM, Setting, TENANT_ID, TENANT_NAME,
};
pub use source::table as sources;

pub fn schema() -> Schema {
    Schema {
        description: "Reads the TLS certificates of Huawei Cloud DDS (Document Database Service) instances.",
        attributes: SETTINGS
            .iter()
            .map(Setting::attribute)
            .chain(foreign::ATTRIBUTES.iter().cloned())
            .collect(),
        blocks: blocks::BLOCKS,
    }
}

/// The environment variables of a setting, in their order.
pub fn variables(name: &str) -> &'static [&'static str] {
    SETTINGS.iter().find(|setting| setting.name == name).map_or(&[], |setting| setting.variables)
}

pub enum Resolution {
    /// With what the block holds that has no effect.
    Settings(Box<Settings>, Vec<String>),
    /// These are set, but to values that are not known before apply.
    Waiting(Vec<AttributePath>),
}

/// All faults at once, so that they are mended in one go.
pub fn resolve(
    config: &Value,
    environment: &Environment,
    terraform_version: &str,
) -> Result<Resolution, Vec<Fault>> {
    let mut given = Given::new(config, environment);
    let algorithm = given.parsed(SIGNING_ALGORITHM, ALGORITHMS, Algorithm::named).unwrap_or_default();
    given.algorithm = algorithm;
    let region = given.checked(REGION, "a region code such as cn-north-4", is_region);
    let found = source::choose(&mut given);
    // What a profile says of region and project serves where nothing else does.
    let (credential, of_profile) = match found {
        Some(found) => (agency::take_on(&mut given, found.credential), (found.region, found.project_id)),
        None => (None, (None, None)),
    };
    let region = region.or_else(|| of_profile.0.filter(|region| is_region(region)));
    if region.is_none() && !given.waits_for(REGION) && !given.is_faulty(REGION) {
        given.faults.insert(0, Fault::Missing(REGION));
    }
    const ID: &str = "an ID of letters, digits, \"-\" and \"_\"";
    let id =
        given.checked(PROJECT_ID, ID, is_identifier).or_else(|| given.checked(TENANT_ID, ID, is_identifier));
    let name = [PROJECT_NAME, TENANT_NAME, DELEGATED_PROJECT].into_iter().find_map(|name| given.text(name));
    let project = match (id, name, of_profile.1) {
        (Some(id), _, _) | (None, None, Some(id)) => Project::Id(id),
        (None, Some((name, _)), _) => Project::Name(name),
        (None, None, None) => Project::OfRegion,
    };
    let cloud =
        given.checked(CLOUD, "a domain such as myhuaweicloud.com, without scheme and path", is_domain);
    let auth = given.checked(AUTH_URL, BASE_URL, is_base_url);
    let mut endpoints = given.endpoints();
    let tls = given.tls();
    let max_retries = given.parsed(MAX_RETRIES, "a whole number from 0 to 100", parse_retries).unwrap_or(0);

    let request_timeout = given.parsed(REQUEST_TIMEOUT, duration::FORM, duration::parse).unwrap_or_default();

    if !given.faults.is_empty() {
        return Err(given.faults);
    }
    let (true, Some(region), Some(credential)) = (given.unknown.is_empty(), region, credential) else {
        return Ok(Resolution::Waiting(given.unknown));
    };
    let without_effect = foreign::given(&given);
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
    Ok(Resolution::Settings(Box::new(settings), without_effect))
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
