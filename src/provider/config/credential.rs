//! Where credentials are looked for, in order. A place that has nothing leaves it to the next; a place that has
//! something broken ends the search, because the user meant it.

use std::sync::Arc;

use super::fault::{Fault, Origin};
use super::form::parse_bool;
use super::given::Given;
use super::parts::{Parts, WAYS};
use super::setting::{PROFILE, SHARED_CONFIG_FILE, SKIP_METADATA};
use super::{agency, federation};
use crate::auth::profile::{Profile, Stored, hcloud, sdk};
use crate::auth::temporary::Source;
use crate::auth::{AccessKey, Agency, Credential, Home, Temporary, Token};
use crate::outside::Clock;

/// A credential, and what the place that had it says of region and project.
pub(super) struct Found {
    pub(super) credential: Credential,
    pub(super) region: Option<String>,
    pub(super) project_id: Option<String>,
}

impl Found {
    fn of(credential: Credential) -> Self {
        Self { credential, region: None, project_id: None }
    }
}

enum Answer {
    Found(Box<Found>),
    /// Why there is nothing here.
    Nothing(String),
    /// A fault was noted, or a value is not known yet.
    Stop,
}

/// A new place is one line here.
const SOURCES: [fn(&mut Given<'_>) -> Answer; 6] =
    [block, file_of_block, environment, hcloud_file, sdk_file, container];

pub(super) fn choose(given: &mut Given<'_>) -> Option<Found> {
    let mut reasons = Vec::new();
    for source in SOURCES {
        match source(given) {
            Answer::Found(found) => return Some(*found),
            Answer::Nothing(reason) => reasons.push(reason),
            Answer::Stop => return None,
        }
    }
    metadata(given, reasons)
}

/// The last resort. Whether there is anything shows when the first read asks.
fn metadata(given: &mut Given<'_>, mut reasons: Vec<String>) -> Option<Found> {
    if given.waits_for(SKIP_METADATA) {
        return None;
    }
    if given.parsed(SKIP_METADATA, "true or false", parse_bool)? {
        reasons.push(format!("{SKIP_METADATA} leaves the ECS metadata service out"));
        given.faults.push(Fault::NoCredentials(reasons));
        return None;
    }
    Some(Found::of(machine(reasons)))
}

fn machine(others: Vec<String>) -> Credential {
    Credential::Temporary(Temporary::new(Source::Metadata { others }, "the ECS metadata service".to_owned()))
}

fn block(given: &mut Given<'_>) -> Answer {
    let Ok(federation) = federation::federation(given, true) else { return Answer::Stop };
    let mut ways: Vec<Parts> = WAYS.iter().filter_map(|way| Parts::in_block(given, way)).collect();
    if ways.len() > 1 {
        let conflict = |other: &Parts| Fault::Conflict { first: ways[0].name(), second: other.name() };
        given.faults.extend(ways[1..].iter().map(conflict));
        return Answer::Stop;
    }
    match (federation, ways.pop()) {
        (Some(_), Some(parts)) => {
            given.faults.push(Fault::Conflict { first: "assume_role_with_oidc", second: parts.name() });
            Answer::Stop
        }
        (Some(credential), None) => Answer::Found(Box::new(Found::of(credential))),
        (None, Some(parts)) => whole(parts, given),
        (None, None) => Answer::Nothing("the provider block has no credential".to_owned()),
    }
}

fn whole(parts: Parts, given: &mut Given<'_>) -> Answer {
    match parts.assemble(given) {
        Some(credential) => Answer::Found(Box::new(Found::of(credential))),
        None => Answer::Stop,
    }
}

/// The families of variables: the provider's own, those of OpenStack, those of the official SDKs.
const FAMILIES: [&str; 3] = ["HW_", "OS_", "HUAWEICLOUD_SDK_"];

fn environment(given: &mut Given<'_>) -> Answer {
    match federation::federation(given, false) {
        Ok(Some(credential)) => return Answer::Found(Box::new(Found::of(credential))),
        Ok(None) => {}
        Err(()) => return Answer::Stop,
    }
    for family in FAMILIES {
        // The SDKs take it before a key.
        if family == "HUAWEICLOUD_SDK_" {
            match federation::token_of_sdk(given) {
                Ok(Some(credential)) => return Answer::Found(Box::new(Found::of(credential))),
                Ok(None) => {}
                Err(()) => return Answer::Stop,
            }
        }
        if let Some(parts) = WAYS.iter().find_map(|way| Parts::in_environment(given, way, family)) {
            return whole(parts, given);
        }
    }
    Answer::Nothing(format!("no variable {} gives one", FAMILIES.map(|it| format!("{it}*")).join(", ")))
}

/// A file that the block asks for goes before the environment.
fn file_of_block(given: &mut Given<'_>) -> Answer {
    let asked = [SHARED_CONFIG_FILE, PROFILE].map(|name| given.text(name));
    if !asked.iter().flatten().any(|(_, origin)| *origin == Origin::Block) {
        let unknown = [SHARED_CONFIG_FILE, PROFILE].iter().any(|name| given.waits_for(name));
        let nothing = format!("the provider block names no {SHARED_CONFIG_FILE} and no {PROFILE}");
        return if unknown { Answer::Stop } else { Answer::Nothing(nothing) };
    }
    hcloud_file(given)
}

fn hcloud_file(given: &mut Given<'_>) -> Answer {
    let (file, profile) = (given.text(SHARED_CONFIG_FILE), given.text(PROFILE));
    if given.waits_for(SHARED_CONFIG_FILE) || given.waits_for(PROFILE) {
        return Answer::Stop;
    }
    let asked = file.as_ref().map(|_| SHARED_CONFIG_FILE).or(profile.as_ref().map(|_| PROFILE));
    let path = file.map_or_else(|| hcloud::DEFAULT_PATH.to_owned(), |(path, _)| path);
    let profile = profile.map(|(name, _)| name);
    let text = match read(given, &path, asked) {
        Ok(text) => text,
        Err(answer) => return answer,
    };
    let read = hcloud::read(&text, profile.as_deref(), Clock::default().now());
    found(given, read, path, asked.unwrap_or(SHARED_CONFIG_FILE))
}

fn sdk_file(given: &mut Given<'_>) -> Answer {
    const VARIABLE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";
    let asked = given.environment.get(VARIABLE);
    let path = asked.clone().unwrap_or_else(|| sdk::DEFAULT_PATH.to_owned());
    let text = match read(given, &path, asked.map(|_| VARIABLE)) {
        Ok(text) => text,
        Err(answer) => return answer,
    };
    match sdk::read(&text).transpose() {
        Some(read) => found(given, read, path, VARIABLE),
        None => Answer::Nothing(format!("{path} has no section for services like DDS")),
    }
}

/// The agent beside a container announces itself by two variables.
fn container(given: &mut Given<'_>) -> Answer {
    const URL: &str = "HC_CONTAINER_CREDENTIALS_FULL_URI";
    const TOKEN_FILE: &str = "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    match [URL, TOKEN_FILE].map(|name| given.environment.get(name)) {
        [None, None] => Answer::Nothing(format!("there is no variable {URL}")),
        [Some(url), Some(token_file)] => {
            let origin = "the container's identity service".to_owned();
            let temporary = Temporary::new(Source::Container { url, token_file }, origin);
            Answer::Found(Box::new(Found::of(Credential::Temporary(temporary))))
        }
        [url, _] => {
            let (has, lacks) = if url.is_some() { (URL, TOKEN_FILE) } else { (TOKEN_FILE, URL) };
            given.faults.push(Fault::HalfVariables { has, lacks });
            Answer::Stop
        }
    }
}

/// A file that nobody asked for may be missing.
fn read(given: &mut Given<'_>, path: &str, asked: Option<&'static str>) -> Result<String, Answer> {
    given.environment.read(path).map_err(|error| match asked {
        None if error.kind() == std::io::ErrorKind::NotFound => {
            Answer::Nothing(format!("there is no file {path}"))
        }
        _ => {
            let (path, reason) = (path.to_owned(), format!("it cannot be read ({error})"));
            let setting = asked.unwrap_or(SHARED_CONFIG_FILE);
            given.faults.push(Fault::File { path, setting, reason, encrypted: false });
            Answer::Stop
        }
    })
}

fn found(
    given: &mut Given<'_>,
    read: Result<Profile, crate::auth::profile::Error>,
    path: String,
    setting: &'static str,
) -> Answer {
    let profile = match read {
        Ok(profile) => profile,
        Err(error) => {
            let encrypted = error == crate::auth::profile::Error::Encrypted;
            given.faults.push(Fault::File { path, setting, reason: error.to_string(), encrypted });
            return Answer::Stop;
        }
    };
    let origin = format!("the file {path}");
    let credential = match profile.stored {
        Stored::Key { id, secret, security_token } => {
            let key = AccessKey::new(id, secret, security_token, origin);
            Credential::Key(Arc::new(key.with_algorithm(given.algorithm)))
        }
        Stored::Token(token) => Credential::Token(Arc::new(Token::new(token, origin))),
        Stored::IdToken { provider, file } => {
            federation::token(provider, file, &format!("idp_id and id_token_file in {origin}"))
        }
        Stored::Machine => machine(Vec::new()),
    };
    let credential = match profile.agency {
        Some((name, account)) => agency::on_top(
            credential,
            Agency { name, account, duration: None, home: Home::known(profile.domain_id) },
        ),
        None => credential,
    };
    Answer::Found(Box::new(Found { credential, region: profile.region, project_id: profile.project_id }))
}
