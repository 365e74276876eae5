//! `~/.hcloud/config.json` of the hcloud CLI (KooCLI): named profiles, one of them current.

use std::time::SystemTime;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::Account;
use super::{Error, Profile, Stored};
use crate::huaweicloud::text_form::{is_identifier, is_one_line, is_token};
use crate::system::secret::SecretString;

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
    let stored = match field(profile, "mode") {
        // No secret of the file is used, so it does not matter whether they are encrypted or expired.
        Some(mode) if mode.eq_ignore_ascii_case("ecsAgency") => Stored::Machine,
        _ if field(&file, "crypter").is_some() || field(&file, "nonce").is_some() => {
            return Err(Error::Encrypted);
        }
        mode => stored(profile, &name, mode)?,
    };
    let agency = agency(profile, &name)?;
    if let Some(at) = field(profile, "expiresAt")
        && !matches!(stored, Stored::Machine)
        && OffsetDateTime::parse(&at, &Rfc3339).is_ok_and(|end| SystemTime::from(end) <= now)
    {
        return Err(Error::Expired { profile: name, at });
    }
    Ok(Profile {
        stored,
        agency,
        region: field(profile, "region"),
        project_id: checked(profile, &name, "projectId", is_identifier)?,
        domain_id: checked(profile, &name, "domainId", is_token)?,
    })
}

/// The list of modes is an open one; what counts is which parts are there.
fn stored(profile: &Value, name: &str, mode: Option<String>) -> Result<Stored, Error> {
    let temporary = profile.get("ssoAuth").and_then(|sso| sso.get("stsToken"));
    let keys = match mode {
        Some(mode) if mode.eq_ignore_ascii_case("SSO") => temporary.unwrap_or(&Value::Null),
        _ => profile,
    };
    let lacks = |lacks| Error::Incomplete { profile: name.to_owned(), lacks };
    let id = checked(keys, name, "accessKeyId", is_token)?;
    let secret = checked(keys, name, "secretAccessKey", is_token)?;
    match (id, secret, checked(profile, name, "xAuthToken", is_token)?) {
        (Some(id), Some(secret), _) => Ok(Stored::Key {
            id,
            secret: secret.into(),
            security_token: checked(keys, name, "securityToken", is_token)?.map(SecretString::from),
        }),
        (None, None, Some(token)) => Ok(Stored::Token(token.into())),
        (Some(_), None, _) => Err(lacks("secretAccessKey")),
        (None, _, _) => Err(lacks("accessKeyId")),
    }
}

fn agency(profile: &Value, name: &str) -> Result<Option<(String, Account)>, Error> {
    let Some(agency) = checked(profile, name, "agencyName", is_one_line)? else { return Ok(None) };
    let account = match checked(profile, name, "agencyDomainId", is_token)? {
        Some(id) => Some(Account::Id(id)),
        None => checked(profile, name, "agencyDomainName", is_one_line)?.map(Account::Name),
    };
    let lacks = Error::Incomplete { profile: name.to_owned(), lacks: "agencyDomainName" };
    account.map(|account| Some((agency, account))).ok_or(lacks)
}

/// A field that is sent, if its text can be.
fn checked(
    object: &Value,
    profile: &str,
    name: &'static str,
    fits: fn(&str) -> bool,
) -> Result<Option<String>, Error> {
    match field(object, name) {
        Some(text) if !fits(&text) => Err(Error::Unsendable { profile: profile.to_owned(), field: name }),
        field => Ok(field),
    }
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
