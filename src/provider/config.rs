//! From what the user wrote to what we mean: the block and the environment in, the client's settings out.
//!
//! Per setting the block goes before the environment, and that before the default. The parts of a credential stay
//! together: where the block gives any, the environment gives none.

mod agency;
mod credential;
mod fault;
mod foreign;
mod parts;
mod setting;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::api::{Endpoints, Project, Settings, Tls};
use crate::auth::Algorithm;
use crate::diagnostic::{AttributePath, Step};
use crate::outside::{Clock, Environment};
use crate::provider::duration;
use crate::schema::Schema;
use crate::value::{Field, Value};

pub use fault::{Fault, Origin};
use setting::{
    AUTH_URL, CACERT_FILE, CERT, CLOUD, ENDPOINTS, INSECURE, KEY, MAX_RETRIES, PROJECT_ID, PROJECT_NAME,
    REGION, REQUEST_TIMEOUT, SETTINGS, SIGNING_ALGORITHM, Setting, TENANT_ID, TENANT_NAME,
};

/// The services whose address can be set.
const SERVICES: [&str; 4] = ["dds", "iam", "sts", "metadata"];

/// Back-off makes ten tries take about two minutes already; more would outlast any read.
const MOST_RETRIES: i64 = 100;

pub fn schema() -> Schema {
    Schema {
        description: "Reads the TLS certificates of Huawei Cloud DDS (Document Database Service) instances.",
        attributes: SETTINGS
            .iter()
            .map(Setting::attribute)
            .chain(foreign::ATTRIBUTES.iter().cloned())
            .collect(),
        blocks: agency::BLOCKS,
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
    let found = credential::choose(&mut given);
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
    let project = match (id, given.text(PROJECT_NAME).or_else(|| given.text(TENANT_NAME)), of_profile.1) {
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

/// What the user gave, setting by setting, and what was wrong with it so far.
struct Given<'a> {
    config: &'a Value,
    environment: &'a Environment,
    faults: Vec<Fault>,
    unknown: Vec<AttributePath>,
    /// How keys sign.
    algorithm: Algorithm,
}

impl<'a> Given<'a> {
    fn new(config: &'a Value, environment: &'a Environment) -> Self {
        let algorithm = Algorithm::default();
        Self { config, environment, faults: Vec::new(), unknown: Vec::new(), algorithm }
    }
}

impl Given<'_> {
    /// The block's value. An unknown one is noted, and stands in no variable's way to be looked at.
    fn block(&mut self, name: &'static str) -> Field<String> {
        // Numbers and booleans take the form that they have in a variable, so that one parser serves both.
        let field = self.config.attribute(name).map_or(Field::Null, Value::scalar);
        if matches!(field, Field::Unknown) {
            let path = AttributePath::attribute(name);
            if !self.unknown.contains(&path) {
                self.unknown.push(path);
            }
        }
        field
    }

    fn variable(&self, name: &str) -> Option<(String, Origin)> {
        variables(name)
            .iter()
            .find_map(|variable| Some((self.environment.get(variable)?, Origin::Variable(variable))))
    }

    /// The setting's text and where it came from. A blank one in the block counts as unset, like a blank variable.
    fn text(&mut self, name: &'static str) -> Option<(String, Origin)> {
        match self.block(name) {
            Field::Known(text) if !text.trim().is_empty() => Some((text, Origin::Block)),
            Field::Known(_) | Field::Null => self.variable(name),
            Field::Unknown => None,
        }
    }

    fn checked(
        &mut self,
        name: &'static str,
        expected: &'static str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.parsed(name, expected, |text| fits(text).then(|| text.to_owned()))
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let default =
            SETTINGS.iter().find(|setting| setting.name == name).and_then(|setting| setting.default);
        let Some((text, origin)) = self.text(name) else {
            return default.and_then(parse);
        };
        let value = parse(&text);
        if value.is_none() {
            self.faults.push(Fault::Malformed { path: AttributePath::attribute(name), origin, expected });
        }
        value
    }

    fn tls(&mut self) -> Tls {
        let insecure = self.parsed(INSECURE, "true or false", parse_bool).unwrap_or(false);
        let mut tls = Tls::new(insecure);
        if let Some(pem) = self.pem(CACERT_FILE) {
            tls = self.fits(CACERT_FILE, tls, |tls| tls.trusting(&pem));
        }
        match (self.pem(CERT), self.pem(KEY)) {
            (Some(certificate), Some(key)) => {
                tls = self.fits(CERT, tls, |tls| tls.showing(&certificate, &key));
            }
            (None, None) => {}
            (certificate, _) => {
                let (has, lacks) = if certificate.is_some() { (CERT, KEY) } else { (KEY, CERT) };
                if !self.waits_for(lacks) && !self.is_faulty(lacks) {
                    let origin = self.text(has).map_or(Origin::Block, |(_, origin)| origin);
                    self.faults.push(Fault::Incomplete { given: has, origin, lacks });
                }
            }
        }
        tls
    }

    /// A text in PEM, or that of the file at this path.
    fn pem(&mut self, name: &'static str) -> Option<String> {
        let (text, origin) = self.text(name)?;
        if text.trim_start().starts_with("-----BEGIN") {
            return Some(text);
        }
        let read = self.environment.read(&text);
        if read.is_err() {
            let path = AttributePath::attribute(name);
            self.faults.push(Fault::Malformed { path, origin, expected: PEM });
        }
        read.ok()
    }

    fn fits(&mut self, name: &'static str, tls: Tls, make: impl FnOnce(Tls) -> Option<Tls>) -> Tls {
        make(tls).unwrap_or_else(|| {
            let origin = self.text(name).map_or(Origin::Block, |(_, origin)| origin);
            self.faults.push(Fault::Malformed {
                path: AttributePath::attribute(name),
                origin,
                expected: PEM,
            });
            Tls::default()
        })
    }

    fn endpoints(&mut self) -> BTreeMap<String, String> {
        let Some(Value::Map(entries)) = self.config.attribute(ENDPOINTS) else {
            self.block(ENDPOINTS);
            return BTreeMap::new();
        };
        let mut endpoints = BTreeMap::new();
        for (key, value) in entries {
            let path = AttributePath::attribute(ENDPOINTS).then(Step::Key(key.clone()));
            if foreign::is_service(key) {
                continue;
            }
            if !SERVICES.contains(&key.as_str()) {
                self.faults.push(Fault::UnknownEndpoint { key: key.clone(), meant: similar_service(key) });
                continue;
            }
            match value.scalar() {
                Field::Known(url) if is_base_url(&url) => drop(endpoints.insert(key.clone(), url)),
                Field::Known(_) => {
                    self.faults.push(Fault::Malformed { path, origin: Origin::Block, expected: BASE_URL });
                }
                Field::Unknown => self.unknown.push(path),
                Field::Null => {}
            }
        }
        endpoints
    }

    fn waits_for(&self, name: &str) -> bool {
        self.unknown.contains(&AttributePath::attribute(name))
    }

    fn is_faulty(&self, name: &str) -> bool {
        let attribute = AttributePath::attribute(name);
        self.faults.iter().any(|fault| matches!(fault, Fault::Malformed { path, .. } if *path == attribute))
    }
}

const PEM: &str = "a certificate or key in PEM, or the path of a readable file with it";

const ALGORITHMS: &str = "HmacSHA256, HmacSM3, EcdsaP256SHA256 or SM2SM3";

/// New regions appear often, so only the form of a code is checked.
pub fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_identifier(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

const BASE_URL: &str = "a URL such as https://dds.example.com, without credentials, query and fragment";

fn is_base_url(text: &str) -> bool {
    let Ok(url) = url::Url::parse(&text.trim().replace("{region}", "region")) else {
        return false;
    };
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// The words that Go's `strconv.ParseBool` takes: the official provider reads its variables with it.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn parse_retries(text: &str) -> Option<u32> {
    let retries: i64 = text.parse().ok()?;
    (0..=MOST_RETRIES).contains(&retries).then(|| retries.try_into().ok()).flatten()
}

/// The European site has a domain of its own.
fn default_cloud(region: &str) -> &'static str {
    if region.starts_with("eu-west-1") { "myhuaweicloud.eu" } else { "myhuaweicloud.com" }
}

fn similar_service(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    SERVICES.into_iter().find(|service| key.starts_with(service) || key.ends_with(service))
}

fn user_agent(terraform_version: &str) -> String {
    // The version is the host's word; a header takes printable ASCII only.
    let version: String = terraform_version.chars().filter(char::is_ascii_graphic).collect();
    format!("{}/{} Terraform/{version}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}
