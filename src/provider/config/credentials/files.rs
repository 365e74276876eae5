//! Credentials in files of other tools. A file that the block names takes precedence over the environment.

use std::io::ErrorKind;
use std::sync::Arc;

use super::{FoundCredential, ProfileDefaults, SourceError, SourceResult, metadata_service};
use crate::huaweicloud::auth::profile::{self, Profile, ProfileCredential};
use crate::huaweicloud::auth::{AccessKey, Agency, CallerAccount, Credential, Token};
use crate::provider::config::assume_role::{assume_by_key, oidc_token};
use crate::provider::config::error::{ConfigError, Origin, SkippedFile};
use crate::provider::config::reader::ConfigReader;
use crate::provider::config::settings::{PROFILE, SHARED_CONFIG_FILE};
use crate::system::Clock;

/// The path that disables the search in files. It is only compared, so it works on every operating system.
pub(in crate::provider) const NO_FILE: &str = "/dev/null";

pub(super) fn find_in_named_file(reader: &mut ConfigReader<'_>, reasons: &[String]) -> SourceResult {
    let [file, profile] = [SHARED_CONFIG_FILE, PROFILE]
        .map(|name| reader.read(name).is_some_and(|value| value.origin == Origin::Block));
    if !file && !profile {
        if reader.any_unknown(&[SHARED_CONFIG_FILE, PROFILE]) {
            return Err(SourceError::Unresolved);
        }
        let reason = format!("{SHARED_CONFIG_FILE} and {PROFILE} are not set in the provider block");
        return Err(SourceError::NotConfigured(reason));
    }
    if profile && files_are_off(reader) {
        let reason = format!("it disables the search in files, but {PROFILE} is set");
        let (path, setting) = (NO_FILE.to_owned(), SHARED_CONFIG_FILE);
        reader.errors.push(ConfigError::File { path, setting, reason, encrypted: false });
        return Err(SourceError::Unresolved);
    }
    find_in_hcloud_file(reader, reasons)
}

pub(super) fn find_in_hcloud_file(reader: &mut ConfigReader<'_>, _: &[String]) -> SourceResult {
    let [file, profile] = [SHARED_CONFIG_FILE, PROFILE].map(|name| reader.read(name));
    if reader.any_unknown(&[SHARED_CONFIG_FILE, PROFILE]) {
        return Err(SourceError::Unresolved);
    }
    if files_are_off(reader) {
        return Err(files_off());
    }
    let named_by = file.as_ref().or(profile.as_ref());
    let named_by = named_by.map(|value| value.origin.variable().unwrap_or(value.setting));
    let path = file.map_or_else(|| profile::HCLOUD_PATH.to_owned(), |file| file.text);
    let profile = profile.map(|profile| profile.text);
    let parse =
        |text: &str| profile::parse_hcloud(text, profile.as_deref(), Clock::default().now()).map(Some);
    find_in_file(reader, File { path, named_by }, parse)
}

pub(super) fn find_in_sdk_file(reader: &mut ConfigReader<'_>, _: &[String]) -> SourceResult {
    const VARIABLE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";
    if files_are_off(reader) {
        return Err(files_off());
    }
    let path = reader.environment.get(VARIABLE);
    let named_by = path.as_ref().map(|_| VARIABLE);
    let path = path.unwrap_or_else(|| profile::SDK_PATH.to_owned());
    find_in_file(reader, File { path, named_by }, profile::parse_sdk)
}

fn files_are_off(reader: &mut ConfigReader<'_>) -> bool {
    reader.read(SHARED_CONFIG_FILE).is_some_and(|value| value.text.trim() == NO_FILE)
}

fn files_off() -> SourceError {
    SourceError::NotConfigured(format!(
        "{SHARED_CONFIG_FILE} is {NO_FILE}, which disables the search in files"
    ))
}

/// A credentials file to read.
struct File {
    path: String,
    /// The setting or variable that names the file. None for the default path.
    named_by: Option<&'static str>,
}

impl File {
    /// Returns the error for an invalid file. A file at the default path is skipped, any other ends the search.
    fn invalid(self, reader: &mut ConfigReader<'_>, reason: String, encrypted: bool) -> SourceError {
        let path = self.path;
        let Some(setting) = self.named_by else {
            return SourceError::SkippedFile(SkippedFile { path, reason, encrypted });
        };
        reader.errors.push(ConfigError::File { path, setting, reason, encrypted });
        SourceError::Unresolved
    }
}

fn find_in_file(
    reader: &mut ConfigReader<'_>,
    file: File,
    parse: impl Fn(&str) -> Result<Option<Profile>, profile::Error>,
) -> SourceResult {
    let path = &file.path;
    if file.named_by.is_none() && reader.environment.home().is_none() {
        return Err(SourceError::NotConfigured(format!("there is no home directory for {path}")));
    }
    let text = match reader.environment.read(path) {
        Ok(text) => text,
        Err(error) if file.named_by.is_none() && error.kind() == ErrorKind::NotFound => {
            return Err(SourceError::NotConfigured(format!("the file {path} does not exist")));
        }
        Err(error) => return Err(file.invalid(reader, format!("it cannot be read ({error})"), false)),
    };
    match parse(&text) {
        Ok(Some(profile)) => match unreadable_token(reader, &profile).filter(|_| file.named_by.is_none()) {
            Some(reason) => Err(file.invalid(reader, reason, false)),
            None => Ok(found(reader, profile, path)),
        },
        Ok(None) => {
            Err(SourceError::NotConfigured(format!("the file {path} has no section for regional services")))
        }
        Err(error) => {
            let encrypted = error == profile::Error::Encrypted;
            Err(file.invalid(reader, error.to_string(), encrypted))
        }
    }
}

/// Returns the reason why the profile's ID token cannot be read. None if it can, or if the profile has none.
fn unreadable_token(reader: &ConfigReader<'_>, profile: &Profile) -> Option<String> {
    let ProfileCredential::IdToken { file, .. } = &profile.credential else { return None };
    match reader.environment.read(file) {
        Ok(text) if text.trim().is_empty() => Some(format!("its id_token_file {file} is empty")),
        Ok(_) => None,
        Err(error) => Some(format!("its id_token_file {file} cannot be read ({error})")),
    }
}

fn found(reader: &ConfigReader<'_>, profile: Profile, path: &str) -> FoundCredential {
    let origin = format!("the file {path}");
    let base = match profile.credential {
        ProfileCredential::Key { id, secret, security_token } => {
            let key = AccessKey::new(id, secret, security_token, origin);
            Credential::Key(Arc::new(key.with_algorithm(reader.algorithm)))
        }
        ProfileCredential::Token(token) => Credential::Token(Arc::new(Token::new(token, origin))),
        ProfileCredential::IdToken { provider, file } => {
            oidc_token(provider, file, &format!("idp_id and id_token_file in {origin}"))
        }
        ProfileCredential::EcsMetadata => metadata_service(Vec::new()),
    };
    let found = match profile.agency {
        Some((name, account)) => {
            let caller_account = CallerAccount::new(profile.domain_id.clone());
            FoundCredential::agency(assume_by_key(
                base,
                Agency { name, account, duration: None, caller_account },
            ))
        }
        None => FoundCredential::user(base),
    };
    let (account_id, region, project_id) = (profile.domain_id, profile.region, profile.project_id);
    FoundCredential { profile: ProfileDefaults { account_id, region, project_id }, ..found }
}
