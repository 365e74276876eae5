//! Files of other tools. One that the block asks for goes before the environment.

use std::sync::Arc;

use super::{Answer, Found, Source, federation, machine};
use crate::auth::profile::{self, Profile, Stored};
use crate::auth::{AccessKey, Agency, Credential, Home, Token};
use crate::outside::Clock;
use crate::provider::config::agency;
use crate::provider::config::fault::{Fault, Origin};
use crate::provider::config::given::Given;
use crate::provider::config::setting::{PROFILE, SHARED_CONFIG_FILE};

pub(super) const OF_BLOCK: Source = Source {
    place: "file of the hcloud CLI (KooCLI) that the provider block names",
    needs: "`shared_config_file`, `profile`, or both",
    look: of_block,
};

pub(super) const HCLOUD: Source = Source {
    place: "file of the hcloud CLI",
    needs: "`~/.hcloud/config.json`, or what `HW_SHARED_CONFIG_FILE` and `HW_PROFILE` name",
    look: hcloud,
};

pub(super) const SDK: Source = Source {
    place: "file of the official SDKs",
    needs: "section `basic` of `~/.huaweicloud/credentials`, or of the file that `HUAWEICLOUD_SDK_CREDENTIALS_FILE` \
            names: `ak` and `sk` (and `security_token`), or `idp_id` and `id_token_file`",
    look: sdk,
};

fn of_block(given: &mut Given<'_>, before: &[String]) -> Answer {
    let asked = [SHARED_CONFIG_FILE, PROFILE].map(|name| given.text(name));
    if !asked.iter().flatten().any(|(_, origin)| *origin == Origin::Block) {
        let unknown = [SHARED_CONFIG_FILE, PROFILE].iter().any(|name| given.waits_for(name));
        let nothing = format!("the provider block names no {SHARED_CONFIG_FILE} and no {PROFILE}");
        return if unknown { Answer::Stop } else { Answer::Nothing(nothing) };
    }
    hcloud(given, before)
}

fn hcloud(given: &mut Given<'_>, _: &[String]) -> Answer {
    let (file, profile) = (given.text(SHARED_CONFIG_FILE), given.text(PROFILE));
    if given.waits_for(SHARED_CONFIG_FILE) || given.waits_for(PROFILE) {
        return Answer::Stop;
    }
    let asked = file.as_ref().map(|_| SHARED_CONFIG_FILE).or(profile.as_ref().map(|_| PROFILE));
    let path = file.map_or_else(|| profile::hcloud::DEFAULT_PATH.to_owned(), |(path, _)| path);
    let profile = profile.map(|(name, _)| name);
    let text = match read(given, &path, asked) {
        Ok(text) => text,
        Err(answer) => return answer,
    };
    let read = profile::hcloud::read(&text, profile.as_deref(), Clock::default().now());
    found(given, read, path, asked.unwrap_or(SHARED_CONFIG_FILE))
}

fn sdk(given: &mut Given<'_>, _: &[String]) -> Answer {
    const VARIABLE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";
    let asked = given.environment.get(VARIABLE);
    let path = asked.clone().unwrap_or_else(|| profile::sdk::DEFAULT_PATH.to_owned());
    let text = match read(given, &path, asked.map(|_| VARIABLE)) {
        Ok(text) => text,
        Err(answer) => return answer,
    };
    match profile::sdk::read(&text).transpose() {
        Some(read) => found(given, read, path, VARIABLE),
        None => Answer::Nothing(format!("{path} has no section for services like DDS")),
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
    read: Result<Profile, profile::Error>,
    path: String,
    setting: &'static str,
) -> Answer {
    let profile = match read {
        Ok(profile) => profile,
        Err(error) => {
            let encrypted = error == profile::Error::Encrypted;
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
        Stored::Machine => machine::credential(Vec::new()),
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
