//! `~/.hcloud/config.json` of the hcloud CLI (KooCLI): named profiles, one of them current.

use std::time::SystemTime;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::Account;
use super::{Error, Profile, Stored};
use crate::secret::SecretString;

/// Where the CLI keeps it.
pub const DEFAULT_PATH: &str = "~/.hcloud/config.json";

/// The profile of this name, or the current one.
pub fn read(text: &str, name: Option<&str>, now: SystemTime) -> Result<Profile, Error> {
    let file: Value = serde_json::from_str(text).map_err(|_| Error::Form("JSON"))?;
    let profiles =
        file.get("profiles").and_then(Value::as_array).ok_or(Error::Form("a file of the hcloud CLI"))?;
    let name =
        name.map(str::to_owned).or_else(|| field(&file, "current")).unwrap_or_else(|| "default".to_owned());
    let Some(profile) = profiles.iter().find(|profile| field(profile, "name").as_ref() == Some(&name)) else {
        return Err(Error::NoProfile {
            name,
            known: profiles.iter().filter_map(|it| field(it, "name")).collect(),
        });
    };
    if field(&file, "crypter").is_some() || field(&file, "nonce").is_some() {
        return Err(Error::Encrypted);
    }
    let stored = stored(profile, &name)?;
    let agency = agency(profile, &name)?;
    if let Some(at) = field(profile, "expiresAt")
        && OffsetDateTime::parse(&at, &Rfc3339).is_ok_and(|end| SystemTime::from(end) <= now)
    {
        return Err(Error::Expired { profile: name, at });
    }
    Ok(Profile {
        stored,
        agency,
        region: field(profile, "region"),
        project_id: field(profile, "projectId"),
        domain_id: field(profile, "domainId"),
    })
}

/// The list of modes is an open one; what counts is which parts are there.
fn stored(profile: &Value, name: &str) -> Result<Stored, Error> {
    let mode = field(profile, "mode").unwrap_or_default();
    let temporary = profile.get("ssoAuth").and_then(|sso| sso.get("stsToken"));
    let keys = match mode.to_ascii_lowercase().as_str() {
        "sso" => temporary.unwrap_or(&Value::Null),
        "ecsagency" => return Ok(Stored::Machine),
        _ => profile,
    };
    let lacks = |lacks| Error::Incomplete { profile: name.to_owned(), lacks };
    match (field(keys, "accessKeyId"), field(keys, "secretAccessKey"), field(profile, "xAuthToken")) {
        (Some(id), Some(secret), _) => Ok(Stored::Key {
            id,
            secret: secret.into(),
            security_token: field(keys, "securityToken").map(SecretString::from),
        }),
        (None, None, Some(token)) => Ok(Stored::Token(token.into())),
        (Some(_), None, _) => Err(lacks("secretAccessKey")),
        (None, _, _) => Err(lacks("accessKeyId")),
    }
}

fn agency(profile: &Value, name: &str) -> Result<Option<(String, Account)>, Error> {
    let Some(agency) = field(profile, "agencyName") else { return Ok(None) };
    let id = field(profile, "agencyDomainId").map(Account::Id);
    let account = id.or_else(|| field(profile, "agencyDomainName").map(Account::Name));
    let lacks = Error::Incomplete { profile: name.to_owned(), lacks: "agencyDomainName" };
    account.map(|account| Some((agency, account))).ok_or(lacks)
}

/// A text that says something. Numbers are taken for texts, because the CLI's own versions differ in that.
fn field(object: &Value, name: &str) -> Option<String> {
    let text = match object.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}
