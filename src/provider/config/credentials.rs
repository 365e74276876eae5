//! The sources of credentials, in order. If a source has no credential, the next one is tried. An error in what the user
//! named ends the search; an invalid file in its usual place is skipped, with a warning. The documentation shows the list.

mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assume_role::{oidc, oidc_of_sdks};
use super::error::{ConfigError, Origin, SkippedFile};
use super::reader::{ACCOUNT, ConfigReader, OriginGroup, SettingValue, Stop};
use super::settings::{
    ACCESS_KEY, DOMAIN_NAME, PASSWORD, SECRET_KEY, SECURITY_TOKEN, SKIP_METADATA, TOKEN, USER_ID, USER_NAME,
    WITH_OIDC,
};
use super::validate::parse_bool;
use crate::huaweicloud::auth::temporary_key::KeySource;
use crate::huaweicloud::auth::{
    AccessKey, Account, Credential, KeyProvider, Token, TokenGrant, TokenProvider, User,
};
use crate::system::secret::SecretString;

/// A new source is one function and one entry here.
const SOURCES: [CredentialSource; 9] = [
    CredentialSource {
        name: "provider block",
        needs: "one of `assume_role_with_oidc`; `token`; `access_key` and `secret_key` (and `security_token` for \
                temporary keys); `password` with `user_id`, or with `user_name` and `domain_name` or `domain_id`",
        find: find_in_block,
    },
    CredentialSource {
        name: "file of the hcloud CLI (KooCLI) that the provider block names",
        needs: "`shared_config_file`, `profile`, or both",
        find: files::find_in_named_file,
    },
    CredentialSource {
        name: "environment, the provider's own variables",
        needs: "`HW_ASSUME_ROLE_IDP_ID` with `HW_ASSUME_ROLE_ID_TOKEN` or `HW_ASSUME_ROLE_ID_TOKEN_FILE`; \
                `HW_AUTH_TOKEN`; `HW_ACCESS_KEY` and `HW_SECRET_KEY` (and `HW_SECURITY_TOKEN`); `HW_USER_PASSWORD` \
                with `HW_USER_ID`, or with `HW_USER_NAME` and an account",
        find: |reader, _| find_in_variables(reader, "HW_", |reader| oidc(reader, false)),
    },
    CredentialSource {
        name: "environment, variables of OpenStack",
        needs: "`OS_AUTH_TOKEN`; `OS_ACCESS_KEY` and `OS_SECRET_KEY`; `OS_PASSWORD` with `OS_USER_ID`, or with \
                `OS_USERNAME` and an account",
        find: |reader, _| find_in_variables(reader, "OS_", |_| Ok(None)),
    },
    CredentialSource {
        name: "environment, variables of the official SDKs",
        needs: "`HUAWEICLOUD_OIDC_PROVIDER_URN` and `HUAWEICLOUD_OIDC_AGENCY_URN` with `HUAWEICLOUD_OIDC_ID_TOKEN` or \
                `HUAWEICLOUD_OIDC_TOKEN_FILE`; `HUAWEICLOUD_SDK_IDP_ID` and `HUAWEICLOUD_SDK_ID_TOKEN_FILE`; \
                `HUAWEICLOUD_SDK_AK` and `HUAWEICLOUD_SDK_SK` (and `HUAWEICLOUD_SDK_SECURITY_TOKEN`)",
        find: |reader, _| find_in_variables(reader, "HUAWEICLOUD_SDK_", oidc_of_sdks),
    },
    CredentialSource {
        name: "file of the hcloud CLI",
        needs: "`~/.hcloud/config.json`, or what `HW_SHARED_CONFIG_FILE` and `HW_PROFILE` name. \
                `HW_SHARED_CONFIG_FILE=/dev/null` leaves out this file and the next",
        find: files::find_in_hcloud_file,
    },
    CredentialSource {
        name: "file of the official SDKs",
        needs: "section `basic` of `~/.huaweicloud/credentials`, or of the file that \
                `HUAWEICLOUD_SDK_CREDENTIALS_FILE` names: `ak` and `sk` (and `security_token`), or `idp_id` and \
                `id_token_file`",
        find: files::find_in_sdk_file,
    },
    CredentialSource {
        name: "container",
        needs: "`HC_CONTAINER_CREDENTIALS_FULL_URI` and `HC_CONTAINER_AUTHORIZATION_TOKEN_FILE`, as the cloud sets them \
                for a pod with an identity",
        find: find_container,
    },
    CredentialSource {
        name: "ECS metadata service",
        needs: "a machine with an agency; asked for 3 s at most, without a proxy, and only if nothing else is there. \
                `skip_metadata` leaves it out",
        find: find_metadata_service,
    },
];

struct CredentialSource {
    name: &'static str,
    /// What must be set for the source to be used.
    needs: &'static str,
    /// Takes the reasons for the sources tried before.
    find: fn(&mut ConfigReader<'_>, &[String]) -> Search,
}

type Search = Result<Found, NotFound>;

/// A credential, with what else its source knows.
pub(super) struct Found {
    pub(super) credential: Credential,
    /// Whether the credential is that of an agency, rather than of a user.
    pub(super) is_agency: bool,
    pub(super) profile: ProfileDefaults,
}

/// What a profile says beside its credential.
#[derive(Clone, Default)]
pub(super) struct ProfileDefaults {
    pub(super) account_id: Option<String>,
    pub(super) region: Option<String>,
    pub(super) project_id: Option<String>,
}

/// Why a source returned no credential.
enum NotFound {
    /// It has none, for this reason.
    Absent(String),
    /// It is an invalid file that the user did not name.
    Skipped(SkippedFile),
    /// An error was added, or a value is unknown: the search ends.
    Stop,
}

impl From<Stop> for NotFound {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

impl Found {
    fn user(credential: Credential) -> Self {
        Self { credential, is_agency: false, profile: ProfileDefaults::default() }
    }

    fn agency(credential: Credential) -> Self {
        Self { is_agency: true, ..Self::user(credential) }
    }
}

/// Finds the credential of the first source that has one. Adds an error if none has.
pub(super) fn find(reader: &mut ConfigReader<'_>) -> Option<Found> {
    let mut reasons = Vec::new();
    for source in SOURCES {
        match (source.find)(reader, &reasons) {
            Ok(found) => return Some(found),
            Err(NotFound::Absent(reason)) => reasons.push(reason),
            Err(NotFound::Skipped(file)) => {
                reasons.push(file.to_string());
                reader.skipped.push(file);
            }
            Err(NotFound::Stop) => return None,
        }
    }
    reader.errors.push(ConfigError::NoCredentials(reasons));
    None
}

/// The sources as a table of the documentation, in Markdown.
pub fn table() -> String {
    let head = "| order | source | what is needed |\n|---|---|---|\n".to_owned();
    SOURCES.iter().zip(1..).fold(head, |table, (CredentialSource { name, needs, .. }, order)| {
        format!("{table}| {order} | {name} | {needs} |\n")
    })
}

fn find_in_block(reader: &mut ConfigReader<'_>, _: &[String]) -> Search {
    let federated = oidc(reader, true)?;
    let methods =
        AUTH_METHODS.iter().filter_map(|method| PartialCredential::read(reader, OriginGroup::Block, method));
    let (mut known, unknown): (Vec<_>, Vec<_>) = methods.partition(|partial| partial.known().is_some());
    let oidc = federated.as_ref().filter(|_| known.len() < 2).map(|_| WITH_OIDC);
    let names: Vec<_> = oidc.into_iter().chain(known.iter().map(PartialCredential::name)).collect();
    if let [first, others @ ..] = names.as_slice()
        && !others.is_empty()
    {
        reader.errors.extend(others.iter().map(|second| ConfigError::Conflict { first, second }));
        return Err(NotFound::Stop);
    }
    // An unknown setting may belong to a second method, or turn out to be null.
    if !unknown.is_empty() {
        return Err(NotFound::Stop);
    }
    match (federated, known.pop()) {
        (Some(credential), _) => Ok(Found::agency(credential)),
        (None, Some(partial)) => Ok(Found::user(partial.complete(reader)?)),
        (None, None) => Err(NotFound::Absent("the provider block has no credential".to_owned())),
    }
}

/// Searches one tool's variables. Those of two tools are not combined.
fn find_in_variables(
    reader: &mut ConfigReader<'_>,
    prefix: &'static str,
    find_oidc: fn(&mut ConfigReader<'_>) -> Result<Option<Credential>, Stop>,
) -> Search {
    // The token of an identity provider goes before keys, as in the tools that define these variables. IAM asks for no
    // account with it, whether there is an agency or not.
    if let Some(credential) = find_oidc(reader)? {
        return Ok(Found::agency(credential));
    }
    let group = OriginGroup::Variables(prefix);
    match AUTH_METHODS.iter().find_map(|method| PartialCredential::read(reader, group, method)) {
        Some(partial) => Ok(Found::user(partial.complete(reader)?)),
        None => Err(NotFound::Absent(format!("no variable {prefix}* has a credential"))),
    }
}

/// The cloud sets two variables in a container whose pod has an identity.
fn find_container(reader: &mut ConfigReader<'_>, _: &[String]) -> Search {
    const URL: &str = "HC_CONTAINER_CREDENTIALS_FULL_URI";
    const TOKEN_FILE: &str = "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    match reader.variable_pair([URL, TOKEN_FILE])? {
        Some([url, token_file]) => {
            let origin = "the container's identity service".to_owned();
            let provider = KeyProvider::new(KeySource::Container { url, token_file }, origin);
            Ok(Found::user(Credential::KeyProvider(provider)))
        }
        None => Err(NotFound::Absent(format!("there is no variable {URL}"))),
    }
}

/// The metadata service itself is asked by the first read only.
fn find_metadata_service(reader: &mut ConfigReader<'_>, reasons: &[String]) -> Search {
    if reader.is_unknown(SKIP_METADATA) {
        return Err(NotFound::Stop);
    }
    match reader.parsed(SKIP_METADATA, parse_bool) {
        Some(true) => Err(NotFound::Absent(format!("{SKIP_METADATA} leaves the ECS metadata service out"))),
        Some(false) => Ok(Found::user(metadata_service(reasons.to_vec()))),
        None => Err(NotFound::Stop),
    }
}

/// The agency of the virtual machine. `others` are the reasons for the sources tried before.
fn metadata_service(others: Vec<String>) -> Credential {
    let origin = "the ECS metadata service".to_owned();
    Credential::KeyProvider(KeyProvider::new(KeySource::Metadata { reasons: others }, origin))
}

/// The settings that only one authentication method has.
type AuthMethod = &'static [&'static str];

/// In the order in which an environment is searched, which is the official provider's.
const AUTH_METHODS: [AuthMethod; 3] =
    [&[TOKEN], &[ACCESS_KEY, SECRET_KEY, SECURITY_TOKEN], &[PASSWORD, USER_NAME, USER_ID]];

/// The settings of one authentication method in one origin, never empty. The value of an unknown one is None.
struct PartialCredential(BTreeMap<&'static str, Option<SettingValue>>);

impl PartialCredential {
    fn read(reader: &mut ConfigReader<'_>, group: OriginGroup, method: AuthMethod) -> Option<Self> {
        let settings = method.iter().filter_map(|name| {
            let value = reader.read_group(group, name);
            (value.is_some() || reader.is_unknown(name)).then_some((*name, value))
        });
        Some(Self(settings.collect())).filter(|partial| !partial.0.is_empty())
    }

    /// The first known setting. An unknown one may turn out to be null, as any variable may while a configuration is only
    /// validated.
    fn known(&self) -> Option<&SettingValue> {
        self.0.values().flatten().next()
    }

    /// The setting that stands for the method in a message.
    fn name(&self) -> &'static str {
        self.known().map_or(TOKEN, |value| value.setting)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn value(&self, name: &str) -> Option<&SettingValue> {
        self.0.get(name).and_then(Option::as_ref)
    }

    /// The setting's text. `Err` if it is unknown or unset.
    fn text(&self, name: &str) -> Result<String, Stop> {
        self.value(name).map(|value| value.text.clone()).ok_or(Stop)
    }

    fn secret(&self, name: &str) -> Result<SecretString, Stop> {
        self.text(name).map(SecretString::from)
    }

    /// Makes the credential. `Err` if an error was added or a setting is unknown.
    fn complete(self, reader: &mut ConfigReader<'_>) -> Result<Credential, Stop> {
        // All settings are checked, so that all errors are reported at once.
        if self.0.values().flatten().filter(|value| !reader.is_valid(value)).count() > 0 {
            if self.has(USER_NAME) {
                self.account(reader)?;
            }
            return Err(Stop);
        }
        if self.has(TOKEN) {
            return Ok(Credential::Token(Arc::new(Token::new(self.secret(TOKEN)?, self.origin()))));
        }
        if let Some(missing) = self.missing() {
            let known = self.known().ok_or(Stop)?;
            reader.add_incomplete(known.setting, known.origin, missing);
            return Err(Stop);
        }
        if self.has(ACCESS_KEY) {
            let security_token = self.has(SECURITY_TOKEN).then(|| self.secret(SECURITY_TOKEN)).transpose()?;
            let (id, secret) = (self.text(ACCESS_KEY)?, self.secret(SECRET_KEY)?);
            let key = AccessKey::new(id, secret, security_token, self.origin());
            return Ok(Credential::Key(Arc::new(key.with_algorithm(reader.algorithm))));
        }
        let user = if self.has(USER_ID) {
            User::Id(self.text(USER_ID)?)
        } else {
            User::Name { name: self.text(USER_NAME)?, account: self.account(reader)? }
        };
        let grant = TokenGrant::Password { user, password: self.secret(PASSWORD)? };
        Ok(Credential::TokenProvider(TokenProvider::new(grant, self.origin())))
    }

    /// The first required setting that is not set.
    fn missing(&self) -> Option<&'static str> {
        if [PASSWORD, USER_NAME, USER_ID].iter().any(|name| self.has(name)) {
            let has_user = self.has(USER_NAME) || self.has(USER_ID);
            return (!has_user).then_some(USER_NAME).or_else(|| (!self.has(PASSWORD)).then_some(PASSWORD));
        }
        [ACCESS_KEY, SECRET_KEY].into_iter().find(|name| !self.has(name))
    }

    /// Reads the user's account. It is not secret and not part of the credential, so it may have another origin.
    fn account(&self, reader: &mut ConfigReader<'_>) -> Result<Account, Stop> {
        let account = reader.account();
        if account.is_none() && !reader.any_unknown(&ACCOUNT) {
            let origin = self.value(USER_NAME).map_or(Origin::Block, |value| value.origin);
            reader.add_incomplete(USER_NAME, origin, DOMAIN_NAME);
        }
        account.filter(|account| reader.is_valid(account)).map(SettingValue::into_account).ok_or(Stop)
    }

    /// The names of what the credential was made from, for the message when it is refused.
    fn origin(&self) -> String {
        let variables = self.0.values().flatten().filter_map(|value| value.origin.variable());
        let variables: Vec<&str> = variables.collect();
        let (kind, names) = if variables.is_empty() {
            ("provider argument", self.0.keys().copied().collect())
        } else {
            ("environment variable", variables)
        };
        match names.as_slice() {
            [] | [_] => format!("the {kind} {}", names.concat()),
            [firsts @ .., last] => format!("the {kind}s {} and {last}", firsts.join(", ")),
        }
    }
}
