//! Credential files of other tools: the config file of KooCLI (hcloud) and the credentials file of the official SDKs.
//!
//! This module does no I/O: the caller reads the file.

use std::fmt;
use std::time::SystemTime;

use configparser::ini::{Ini, IniDefault};
use serde_json::Value;

use super::{Account, parse_time};
use crate::huaweicloud::strings::{is_ascii_graphic, is_identifier, is_single_line};
use crate::system::secret::SecretString;

/// A profile in one of these files. Its region, project and account are defaults.
#[derive(Debug)]
pub struct Profile {
    /// The credential.
    pub credential: ProfileCredential,
    /// The agency to assume with it: its name and the account that owns it.
    pub agency: Option<(String, Account)>,
    /// The region's code.
    pub region: Option<String>,
    /// The project's ID.
    pub project_id: Option<String>,
    /// The ID of the caller's account.
    pub domain_id: Option<String>,
}

/// The credential of a profile.
pub enum ProfileCredential {
    /// An access key.
    Key {
        /// The key's ID.
        id: String,
        /// Its secret.
        secret: SecretString,
        /// The security token of a temporary key.
        security_token: Option<SecretString>,
    },
    /// An IAM token.
    Token(SecretString),
    /// An OIDC ID token in a separate file.
    IdToken {
        /// The identity provider's name in IAM.
        provider: String,
        /// The file's path.
        file: String,
    },
    /// The agency of this ECS, from the ECS metadata service.
    EcsMetadata,
}

/// The reason why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file does not have the expected format.
    #[error("it is not {0}")]
    InvalidFormat(&'static str),
    /// The file has no profile with this name.
    #[error("it has no profile {name:?} (its profiles: {})", list_names(.known))]
    NoProfile {
        /// The requested name.
        name: String,
        /// The names of the profiles in the file.
        known: Vec<String>,
    },
    /// The secrets in the file are encrypted.
    #[error("its secrets are encrypted, and only KooCLI (hcloud) can read them")]
    Encrypted,
    /// A required field is missing.
    #[error("the profile {profile:?} has no {missing}")]
    Incomplete {
        /// The profile's name.
        profile: String,
        /// The field's name.
        missing: &'static str,
    },
    /// A field has an invalid value, which is not shown because it may be a secret.
    #[error(
        "the {field} of the profile {profile:?} contains whitespace or other characters that cannot be sent"
    )]
    InvalidValue {
        /// The profile's name.
        profile: String,
        /// The field's name.
        field: &'static str,
    },
    /// The credential has expired.
    #[error("the profile {profile:?} expired at {expired_at}")]
    Expired {
        /// The profile's name.
        profile: String,
        /// The expiry time as written in the file.
        expired_at: String,
    },
}

fn list_names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl fmt::Debug for ProfileCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key { .. } => "Key",
            Self::Token(_) => "Token",
            Self::IdToken { .. } => "IdToken",
            Self::EcsMetadata => "EcsMetadata",
        })
    }
}

/// The default path of the KooCLI config file, which has named profiles.
pub const HCLOUD_PATH: &str = "~/.hcloud/config.json";

/// Parses a KooCLI config file, and returns the profile with this name or the current one.
pub fn parse_hcloud(text: &str, name: Option<&str>, now: SystemTime) -> Result<Profile, Error> {
    let file: Value = serde_json::from_str(text).map_err(|_| Error::InvalidFormat("JSON"))?;
    let profiles = file
        .get("profiles")
        .and_then(Value::as_array)
        .ok_or(Error::InvalidFormat("a KooCLI (hcloud) config file"))?;
    let name =
        name.map(str::to_owned).or_else(|| field(&file, "current")).unwrap_or_else(|| "default".to_owned());
    let Some(profile) = profiles.iter().find(|profile| field(profile, "name").as_ref() == Some(&name)) else {
        let known = profiles.iter().filter_map(|profile| field(profile, "name")).collect();
        return Err(Error::NoProfile { name, known });
    };
    let credential = match field(profile, "mode") {
        // This mode uses no secret from the file, so encrypted or expired secrets do not matter.
        Some(mode) if mode.eq_ignore_ascii_case("ecsAgency") => ProfileCredential::EcsMetadata,
        _ if field(&file, "crypter").is_some() || field(&file, "nonce").is_some() => {
            return Err(Error::Encrypted);
        }
        mode => credential(profile, &name, mode)?,
    };
    let agency = agency(profile, &name)?;
    if let Some(expired_at) = field(profile, "expiresAt")
        && !matches!(credential, ProfileCredential::EcsMetadata)
        && parse_time(&expired_at).is_some_and(|time| time <= now)
    {
        return Err(Error::Expired { profile: name, expired_at });
    }
    Ok(Profile {
        credential,
        agency,
        region: field(profile, "region"),
        project_id: valid_field(profile, &name, "projectId", is_identifier)?,
        domain_id: valid_field(profile, &name, "domainId", is_ascii_graphic)?,
    })
}

/// Returns the credential of a profile. Its type depends on the fields that are set, because KooCLI may add modes.
fn credential(profile: &Value, name: &str, mode: Option<String>) -> Result<ProfileCredential, Error> {
    let temporary = profile.get("ssoAuth").and_then(|sso| sso.get("stsToken"));
    let keys = match mode {
        Some(mode) if mode.eq_ignore_ascii_case("SSO") => temporary.unwrap_or(&Value::Null),
        _ => profile,
    };
    let missing = |field| Error::Incomplete { profile: name.to_owned(), missing: field };
    let id = valid_field(keys, name, "accessKeyId", is_ascii_graphic)?;
    let secret = valid_field(keys, name, "secretAccessKey", is_ascii_graphic)?;
    match (id, secret, valid_field(profile, name, "xAuthToken", is_ascii_graphic)?) {
        (Some(id), Some(secret), _) => Ok(ProfileCredential::Key {
            id,
            secret: secret.into(),
            security_token: valid_field(keys, name, "securityToken", is_ascii_graphic)?
                .map(SecretString::from),
        }),
        (None, None, Some(token)) => Ok(ProfileCredential::Token(token.into())),
        (Some(_), None, _) => Err(missing("secretAccessKey")),
        (None, _, _) => Err(missing("accessKeyId")),
    }
}

fn agency(profile: &Value, name: &str) -> Result<Option<(String, Account)>, Error> {
    let Some(agency) = valid_field(profile, name, "agencyName", is_single_line)? else { return Ok(None) };
    let account = match valid_field(profile, name, "agencyDomainId", is_ascii_graphic)? {
        Some(id) => Some(Account::Id(id)),
        None => valid_field(profile, name, "agencyDomainName", is_single_line)?.map(Account::Name),
    };
    let missing = Error::Incomplete { profile: name.to_owned(), missing: "agencyDomainName" };
    account.map(|account| Some((agency, account))).ok_or(missing)
}

/// Returns a field, or an error if it cannot be sent.
fn valid_field(
    object: &Value,
    profile: &str,
    name: &'static str,
    is_valid: fn(&str) -> bool,
) -> Result<Option<String>, Error> {
    match field(object, name) {
        Some(text) if !is_valid(&text) => {
            Err(Error::InvalidValue { profile: profile.to_owned(), field: name })
        }
        field => Ok(field),
    }
}

/// Returns a string without surrounding whitespace, or `None` if nothing is left. Numbers are converted, because some
/// versions of KooCLI write numbers.
fn field(object: &Value, name: &str) -> Option<String> {
    let text = match object.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The default path of the SDK credentials file, in INI format.
pub const SDK_PATH: &str = "~/.huaweicloud/credentials";

/// The section for regional services such as DDS.
const SDK_SECTION: &str = "basic";

/// Parses an SDK credentials file. Returns `None` if the file has no section for regional services.
pub fn parse_sdk(text: &str) -> Result<Option<Profile>, Error> {
    let mut syntax = IniDefault::default();
    // Only the first `=` of a line separates name and value, because a secret may contain any other character.
    (syntax.case_sensitive, syntax.enable_inline_comments, syntax.delimiters) = (true, false, vec!['=']);
    let not_ini = Error::InvalidFormat("an INI file");
    let mut sections = Ini::new_from_defaults(syntax).read(text.to_owned()).map_err(|_| not_ini.clone())?;
    if sections.values().flat_map(|section| section.values()).any(Option::is_none) {
        return Err(not_ini);
    }
    let Some(section) = sections.remove(SDK_SECTION) else { return Ok(None) };
    let missing = |name| Error::Incomplete { profile: SDK_SECTION.to_owned(), missing: name };
    let field = |name: &str| section.get(name).cloned().flatten().filter(|text| !text.is_empty());
    for name in ["ak", "sk", "security_token", "idp_id", "project_id"] {
        let is_valid = if name == "project_id" { is_identifier } else { is_ascii_graphic };
        if field(name).is_some_and(|text| !is_valid(&text)) {
            return Err(Error::InvalidValue { profile: SDK_SECTION.to_owned(), field: name });
        }
    }
    // Like the SDKs, prefer the ID token to a key.
    let credential = match (field("idp_id"), field("id_token_file")) {
        (None, None) => ProfileCredential::Key {
            id: field("ak").ok_or_else(|| missing("ak"))?,
            secret: field("sk").ok_or_else(|| missing("sk"))?.into(),
            security_token: field("security_token").map(SecretString::from),
        },
        (provider, file) => ProfileCredential::IdToken {
            provider: provider.ok_or_else(|| missing("idp_id"))?,
            file: file.ok_or_else(|| missing("id_token_file"))?,
        },
    };
    Ok(Some(Profile {
        credential,
        agency: None,
        region: None,
        project_id: field("project_id"),
        domain_id: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn hcloud(profile: &str, name: Option<&str>) -> Result<Profile, String> {
        let file = format!(
            r#"{{"language":"en","current":"work","profiles":[{{"name":"work","region":"cn-north-4",{profile}}}]}}"#
        );
        parse_hcloud(&file, name, NOW).map_err(|error| error.to_string())
    }

    fn values(credential: &ProfileCredential) -> Vec<&str> {
        match credential {
            ProfileCredential::Key { id, secret, security_token } => {
                let token = security_token.as_ref().map(|token| token.expose_secret());
                [Some(id.as_str()), Some(secret.expose_secret()), token].into_iter().flatten().collect()
            }
            ProfileCredential::Token(token) => vec![token.expose_secret()],
            ProfileCredential::IdToken { provider, file } => vec![provider, file],
            ProfileCredential::EcsMetadata => vec![],
        }
    }

    #[test]
    fn every_mode_of_an_hcloud_profile_is_parsed() {
        let key = r#""accessKeyId":"a","secretAccessKey":"s""#;
        let sso = format!(
            r#""mode":"SSO","accessKeyId":"x","ssoAuth":{{"stsToken":{{{key},"securityToken":"t"}}}}"#
        );
        for (profile, expected) in [
            (&*format!(r#""mode":"AKSK",{key},"securityToken":"""#), vec!["a", "s"]),
            (&*format!(r#""mode":"AKSK",{key},"securityToken":"t""#), vec!["a", "s", "t"]),
            (r#""accessKeyId":1,"secretAccessKey":2,"readTimeout":"10""#, vec!["1", "2"]),
            (&*sso, vec!["a", "s", "t"]),
            (r#""mode":"token","xAuthToken":"t","accessKeyId":"""#, vec!["t"]),
            (r#""mode":"ecsAgency""#, vec![]),
        ] {
            let found = hcloud(profile, None).unwrap();
            assert_eq!(values(&found.credential), expected, "{profile}");
            assert_eq!(found.region.as_deref(), Some("cn-north-4"));
        }
    }

    #[test]
    fn invalid_hcloud_profile_returns_the_reason() {
        let keys = r#""accessKeyId":"a","secretAccessKey":"s""#;
        let home = hcloud(keys, Some("home")).unwrap_err();
        assert_eq!(home, r#"it has no profile "home" (its profiles: work)"#);
        for (profile, expected) in [
            (r#""accessKeyId":"a""#, "has no secretAccessKey"),
            (r#""secretAccessKey":"s""#, "has no accessKeyId"),
            (r#""mode":"SSO""#, "has no accessKeyId"),
            (&format!(r#"{keys},"expiresAt":"1969-12-31T23:59:59Z""#), "expired at 1969-12-31T23:59:59Z"),
            (&format!(r#"{keys},"agencyName":"x""#), "has no agencyDomainName"),
        ] {
            assert_eq!(hcloud(profile, None).unwrap_err(), format!(r#"the profile "work" {expected}"#));
        }
        assert!(hcloud(&format!(r#"{keys},"expiresAt":"2100-01-01T00:00:00Z""#), Some("work")).is_ok());
        let read = |text| parse_hcloud(text, None, NOW).map(drop);
        assert_eq!(read("<html>"), Err(Error::InvalidFormat("JSON")));
        assert_eq!(read("[]"), Err(Error::InvalidFormat("a KooCLI (hcloud) config file")));
        let encrypted = r#"{"profiles":[{"name":"default","accessKeyId":"x","secretAccessKey":"y"}],"crypter":"c","nonce":"n"}"#;
        assert_eq!(read(encrypted), Err(Error::Encrypted));
    }

    #[test]
    fn basic_section_of_an_sdk_file_is_parsed() {
        let text = "# mine\n[global]\nak = g\n\n[ basic ]\nak=a\n sk = s=1 \nproject_id = p\n; end\n";
        let found = parse_sdk(text).unwrap().unwrap();
        assert_eq!((values(&found.credential), found.project_id.as_deref()), (vec!["a", "s=1"], Some("p")));
        let federated =
            parse_sdk("[basic]\nak = a\nsk = s\nidp_id = i\nid_token_file = /t\n").unwrap().unwrap();
        assert_eq!(values(&federated.credential), ["i", "/t"]);
        assert!(parse_sdk("[global]\nak = g\n").unwrap().is_none());
        assert!(parse_sdk("").unwrap().is_none());
        let special = "[basic]\nak=a:1\nsk = \"s\\n#1;%(ak)s\" \n[other]\nak=z\n[basic]\nAK=x\n";
        assert_eq!(values(&parse_sdk(special).unwrap().unwrap().credential), ["a:1", r#""s\n#1;%(ak)s""#]);
        let error = |text| parse_sdk(text).unwrap_err().to_string();
        assert_eq!(error("[basic]\nak = a\nsk =\n"), r#"the profile "basic" has no sk"#);
        assert_eq!(error("[basic]\nsk = s\n"), r#"the profile "basic" has no ak"#);
        assert_eq!(error("[basic]\nidp_id = i\n"), r#"the profile "basic" has no id_token_file"#);
        assert_eq!(error("{}"), "it is not an INI file");
    }

    #[test]
    fn ecs_agency_profile_ignores_encrypted_and_expired_secrets() {
        for mode in ["ecsAgency", "ECSAGENCY"] {
            let file = format!(
                r#"{{"profiles":[{{"name":"default","mode":"{mode}","accessKeyId":"\u0001","expiresAt":"1969-01-01T00:00:00Z",
                "region":"r","agencyName":"x","agencyDomainId":"d"}}],"crypter":"c","nonce":"n"}}"#
            );
            let found = parse_hcloud(&file, None, NOW).unwrap();
            assert!(matches!(found.credential, ProfileCredential::EcsMetadata) && found.agency.is_some());
            assert_eq!(found.region.as_deref(), Some("r"));
        }
    }

    #[test]
    fn invalid_field_is_named_but_not_shown() {
        let key = r#""accessKeyId":"a","secretAccessKey":"s""#;
        let hcloud_cases = [
            (r#""accessKeyId":"bro ken","secretAccessKey":"s""#.to_owned(), "accessKeyId"),
            (r#""accessKeyId":"a","secretAccessKey":"bro\nken""#.to_owned(), "secretAccessKey"),
            (format!(r#"{key},"securityToken":"bro\tken""#), "securityToken"),
            (r#""xAuthToken":"brökén""#.to_owned(), "xAuthToken"),
            (format!(r#"{key},"projectId":"bro/ken""#), "projectId"),
            (format!(r#"{key},"domainId":"bro ken""#), "domainId"),
            (format!(r#"{key},"agencyName":"bro\nken""#), "agencyName"),
            (format!(r#"{key},"agencyName":"x","agencyDomainId":"bro ken""#), "agencyDomainId"),
            (format!(r#"{key},"agencyName":"x","agencyDomainName":"bro\nken""#), "agencyDomainName"),
        ];
        let hcloud_cases = hcloud_cases.map(|(profile, field)| (hcloud(&profile, None).unwrap_err(), field));
        let sdk_cases = [
            ("ak = bro ken\nsk = s", "ak"),
            ("ak = a\nsk = bro ken", "sk"),
            ("ak = a\nsk = s\nsecurity_token = brökén", "security_token"),
            ("ak = a\nsk = s\nproject_id = bro/ken", "project_id"),
            ("idp_id = bro ken\nid_token_file = /t", "idp_id"),
        ];
        let sdk_cases = sdk_cases
            .map(|(text, field)| (parse_sdk(&format!("[basic]\n{text}\n")).unwrap_err().to_string(), field));
        for (message, field) in hcloud_cases.into_iter().chain(sdk_cases) {
            assert!(
                message.contains(&format!("the {field} of the profile")) && !message.contains("bro"),
                "{message}"
            );
        }
    }

    #[test]
    fn debug_output_of_a_profile_shows_no_secret() {
        let found = hcloud(r#""accessKeyId":"hidden-id","secretAccessKey":"hidden-secret""#, None).unwrap();
        assert!(!format!("{found:?}").contains("hidden"));
    }
}
