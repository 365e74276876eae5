//! Files of other tools. One that the block asks for goes before the environment.

use std::sync::Arc;

use super::{Answer, Found, Source, ecs_metadata, oidc};
use crate::huaweicloud::auth::profile::{self, Profile, Stored};
use crate::huaweicloud::auth::{AccessKey, Agency, CallerAccount, Credential, Token};
use crate::provider::config::assume_role;
use crate::provider::config::error::{ConfigError, Origin, SkippedFile};
use crate::provider::config::reader::ConfigReader;
use crate::provider::config::settings::{PROFILE, SHARED_CONFIG_FILE};
use crate::system::Clock;

pub(super) const OF_BLOCK: Source = Source {
    place: "file of the hcloud CLI (KooCLI) that the provider block names",
    needs: "`shared_config_file`, `profile`, or both",
    look: of_block,
};

pub(super) const HCLOUD: Source = Source {
    place: "file of the hcloud CLI",
    needs: "`~/.hcloud/config.json`, or what `HW_SHARED_CONFIG_FILE` and `HW_PROFILE` name. \
            `HW_SHARED_CONFIG_FILE=/dev/null` leaves out this file and the next",
    look: hcloud,
};

pub(super) const SDK: Source = Source {
    place: "file of the official SDKs",
    needs: "section `basic` of `~/.huaweicloud/credentials`, or of the file that `HUAWEICLOUD_SDK_CREDENTIALS_FILE` \
            names: `ak` and `sk` (and `security_token`), or `idp_id` and `id_token_file`",
    look: sdk,
};

/// The path that switches off the search in files. It is compared only, so it means the same on every system.
const NO_FILE: &str = "/dev/null";

fn of_block(given: &mut ConfigReader<'_>, before: &[String]) -> Answer {
    let asked = [SHARED_CONFIG_FILE, PROFILE].map(|name| given.text(name));
    if !asked.iter().flatten().any(|(_, origin)| *origin == Origin::Block) {
        let unknown = [SHARED_CONFIG_FILE, PROFILE].iter().any(|name| given.waits_for(name));
        let nothing = format!("the provider block names no {SHARED_CONFIG_FILE} and no {PROFILE}");
        return if unknown { Answer::Stop } else { Answer::Nothing(nothing) };
    }
    if matches!(&asked[1], Some((_, Origin::Block))) && are_off(given) {
        let reason = format!("{PROFILE} names a profile, and {NO_FILE} switches all files off");
        let (path, setting) = (NO_FILE.to_owned(), SHARED_CONFIG_FILE);
        given.faults.push(ConfigError::File { path, setting, reason, encrypted: false });
        return Answer::Stop;
    }
    hcloud(given, before)
}

fn are_off(given: &mut ConfigReader<'_>) -> bool {
    given.text(SHARED_CONFIG_FILE).is_some_and(|(path, _)| path.trim() == NO_FILE)
}

fn off() -> Answer {
    Answer::Nothing(format!("{SHARED_CONFIG_FILE} is {NO_FILE}, which switches files off"))
}

fn hcloud(given: &mut ConfigReader<'_>, _: &[String]) -> Answer {
    let (file, profile) = (given.text(SHARED_CONFIG_FILE), given.text(PROFILE));
    if given.waits_for(SHARED_CONFIG_FILE) || given.waits_for(PROFILE) {
        return Answer::Stop;
    }
    if are_off(given) {
        return off();
    }
    let by = |setting: &'static str, origin: Origin| origin.variable().unwrap_or(setting);
    let named_by = match (&file, &profile) {
        (Some((_, origin)), _) => Some(by(SHARED_CONFIG_FILE, *origin)),
        (None, Some((_, origin))) => Some(by(PROFILE, *origin)),
        (None, None) => None,
    };
    let path = file.map_or_else(|| profile::HCLOUD_PATH.to_owned(), |(path, _)| path);
    let profile = profile.map(|(name, _)| name);
    let read = |text: &str| profile::read_hcloud(text, profile.as_deref(), Clock::default().now()).map(Some);
    look_into(given, File { path, named_by }, read)
}

fn sdk(given: &mut ConfigReader<'_>, _: &[String]) -> Answer {
    const VARIABLE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";
    if are_off(given) {
        return off();
    }
    let asked = given.environment.get(VARIABLE);
    let named_by = asked.as_ref().map(|_| VARIABLE);
    let path = asked.unwrap_or_else(|| profile::SDK_PATH.to_owned());
    look_into(given, File { path, named_by }, profile::read_sdk)
}

struct File {
    path: String,
    /// The setting or variable by which the user asks for it.
    named_by: Option<&'static str>,
}

impl File {
    /// A fault of a file that the user named ends the search. Any other is skipped.
    fn faulty(self, given: &mut ConfigReader<'_>, reason: String, encrypted: bool) -> Answer {
        let path = self.path;
        match self.named_by {
            Some(setting) => {
                given.faults.push(ConfigError::File { path, setting, reason, encrypted });
                Answer::Stop
            }
            None => Answer::Skipped(SkippedFile { path, reason, encrypted }),
        }
    }
}

fn look_into(
    given: &mut ConfigReader<'_>,
    file: File,
    profile: impl Fn(&str) -> Result<Option<Profile>, profile::Error>,
) -> Answer {
    let path = &file.path;
    if file.named_by.is_none() && given.environment.home().is_none() {
        return Answer::Nothing(format!("there is no home folder for {path}"));
    }
    let text = match given.environment.read(path) {
        Ok(text) => text,
        Err(error) if file.named_by.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Answer::Nothing(format!("there is no file {path}"));
        }
        Err(error) => return file.faulty(given, format!("it cannot be read ({error})"), false),
    };
    match profile(&text) {
        Ok(Some(profile)) => match unreadable_token(given, &profile).filter(|_| file.named_by.is_none()) {
            Some(reason) => file.faulty(given, reason, false),
            None => found(given, profile, path),
        },
        Ok(None) => Answer::Nothing(format!("{path} has no section for services like DDS")),
        Err(error) => {
            let encrypted = error == profile::Error::Encrypted;
            file.faulty(given, error.to_string(), encrypted)
        }
    }
}

/// Why the token that a profile names cannot be read. Each fetch reads it anew.
fn unreadable_token(given: &ConfigReader<'_>, profile: &Profile) -> Option<String> {
    let Stored::IdToken { file, .. } = &profile.stored else { return None };
    match given.environment.read(file) {
        Ok(text) if text.trim().is_empty() => Some(format!("its id_token_file {file} is empty")),
        Ok(_) => None,
        Err(error) => Some(format!("its id_token_file {file} cannot be read ({error})")),
    }
}

fn found(given: &ConfigReader<'_>, profile: Profile, path: &str) -> Answer {
    let origin = format!("the file {path}");
    let credential = match profile.stored {
        Stored::Key { id, secret, security_token } => {
            let key = AccessKey::new(id, secret, security_token, origin);
            Credential::Key(Arc::new(key.with_algorithm(given.algorithm)))
        }
        Stored::Token(token) => Credential::Token(Arc::new(Token::new(token, origin))),
        Stored::IdToken { provider, file } => {
            oidc::token(provider, file, &format!("idp_id and id_token_file in {origin}"))
        }
        Stored::EcsMetadata => ecs_metadata::credential(Vec::new()),
    };
    let is_agency = profile.agency.is_some();
    let credential = match profile.agency {
        Some((name, account)) => assume_role::on_top(
            credential,
            Agency {
                name,
                account,
                duration: None,
                caller_account: CallerAccount::known(profile.domain_id.clone()),
            },
        ),
        None => credential,
    };
    Answer::Found(Box::new(Found {
        credential,
        is_agency,
        account_id: profile.domain_id,
        region: profile.region,
        project_id: profile.project_id,
    }))
}
