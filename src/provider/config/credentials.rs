//! The credential sources in their order. If a source has no credential, the next one is tried.
//!
//! An error in a source that the user configured ends the search. An invalid file at a default path is skipped with a
//! warning.

mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assume_role::{oidc, oidc_of_sdks};
use super::error::{ConfigError, Origin, SkippedFile};
use super::reader::{ACCOUNT, ConfigReader, ConfigSource, SettingValue, Unresolved};
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
pub(in crate::provider) use files::NO_FILE;

/// All credential sources, in order. The documentation shows this table.
const SOURCES: [CredentialSource; 9] = [
    CredentialSource {
        name: "provider block",
        needs: "one of `assume_role_with_oidc`; `token`; `access_key` and `secret_key` (and `security_token` for \
                temporary keys); `password` with `user_id`, or with `user_name` and `domain_name` or `domain_id`",
        find: find_in_block,
    },
    CredentialSource {
        name: "KooCLI (hcloud) config file that the provider block names",
        needs: "`shared_config_file`, `profile`, or both",
        find: files::find_in_named_file,
    },
    CredentialSource {
        name: "environment variables of this provider",
        needs: "`HW_ASSUME_ROLE_IDP_ID` with `HW_ASSUME_ROLE_ID_TOKEN` or `HW_ASSUME_ROLE_ID_TOKEN_FILE`; \
                `HW_AUTH_TOKEN`; `HW_ACCESS_KEY` and `HW_SECRET_KEY` (and `HW_SECURITY_TOKEN`); `HW_USER_PASSWORD` \
                with `HW_USER_ID`, or with `HW_USER_NAME` and an account",
        find: |reader, _| find_in_variables(reader, "HW_", |reader| oidc(reader, false)),
    },
    CredentialSource {
        name: "environment variables of OpenStack",
        needs: "`OS_AUTH_TOKEN`; `OS_ACCESS_KEY` and `OS_SECRET_KEY`; `OS_PASSWORD` with `OS_USER_ID`, or with \
                `OS_USERNAME` and an account",
        find: |reader, _| find_in_variables(reader, "OS_", |_| Ok(None)),
    },
    CredentialSource {
        name: "environment variables of the official SDKs",
        needs: "`HUAWEICLOUD_OIDC_PROVIDER_URN` and `HUAWEICLOUD_OIDC_AGENCY_URN` with `HUAWEICLOUD_OIDC_ID_TOKEN` or \
                `HUAWEICLOUD_OIDC_TOKEN_FILE`; `HUAWEICLOUD_SDK_IDP_ID` and `HUAWEICLOUD_SDK_ID_TOKEN_FILE`; \
                `HUAWEICLOUD_SDK_AK` and `HUAWEICLOUD_SDK_SK` (and `HUAWEICLOUD_SDK_SECURITY_TOKEN`)",
        find: |reader, _| find_in_variables(reader, "HUAWEICLOUD_SDK_", oidc_of_sdks),
    },
    CredentialSource {
        name: "KooCLI (hcloud) config file",
        needs: "`~/.hcloud/config.json`, or the file and the profile in `HW_SHARED_CONFIG_FILE` and `HW_PROFILE`. \
                `HW_SHARED_CONFIG_FILE=/dev/null` disables this source and the next one",
        find: files::find_in_hcloud_file,
    },
    CredentialSource {
        name: "SDK credentials file",
        needs: "section `basic` of `~/.huaweicloud/credentials`, or of the file in \
                `HUAWEICLOUD_SDK_CREDENTIALS_FILE`, with `ak` and `sk` (and `security_token`), or with `idp_id` and \
                `id_token_file`",
        find: files::find_in_sdk_file,
    },
    CredentialSource {
        name: "container",
        needs: "`HC_CONTAINER_CREDENTIALS_FULL_URI` and `HC_CONTAINER_AUTHORIZATION_TOKEN_FILE`, which Huawei Cloud \
                sets in a pod with an identity",
        find: find_container,
    },
    CredentialSource {
        name: "ECS metadata service",
        needs: "an ECS with an agency. The service is used only if no other source has a credential, without a proxy, and \
                with a timeout of 3 s. `skip_metadata` disables it",
        find: find_metadata_service,
    },
];

/// A credential source and its documentation.
struct CredentialSource {
    name: &'static str,
    /// The settings or files that the source needs.
    needs: &'static str,
    /// Finds the credential. The argument has one reason for each source tried before.
    find: fn(&mut ConfigReader<'_>, &[String]) -> SourceResult,
}

type SourceResult = Result<FoundCredential, SourceError>;

/// The credential of a source, with the other settings of that source.
pub(super) struct FoundCredential {
    pub(super) credential: Credential,
    /// Whether it is the credential of an agency. Otherwise it is that of a user.
    pub(super) is_agency: bool,
    pub(super) profile: ProfileDefaults,
}

/// Defaults for other settings, from a profile.
#[derive(Clone, Default)]
pub(super) struct ProfileDefaults {
    pub(super) account_id: Option<String>,
    pub(super) region: Option<String>,
    pub(super) project_id: Option<String>,
}

/// Why a source returned no credential.
enum SourceError {
    /// The source is not set up, for this reason.
    NotConfigured(String),
    /// The source is an invalid file at a default path.
    SkippedFile(SkippedFile),
    /// An error was added to the reader, or a setting is unknown. This ends the search.
    Unresolved,
}

impl From<Unresolved> for SourceError {
    fn from(_: Unresolved) -> Self {
        Self::Unresolved
    }
}

impl FoundCredential {
    fn user(credential: Credential) -> Self {
        Self { credential, is_agency: false, profile: ProfileDefaults::default() }
    }

    fn agency(credential: Credential) -> Self {
        Self { is_agency: true, ..Self::user(credential) }
    }
}

/// Returns the credential of the first source that has one. Adds an error if no source has one.
pub(super) fn find(reader: &mut ConfigReader<'_>) -> Option<FoundCredential> {
    let mut reasons = Vec::new();
    for source in SOURCES {
        match (source.find)(reader, &reasons) {
            Ok(found) => return Some(found),
            // `/dev/null` is the reason of three sources. It is reported once.
            Err(SourceError::NotConfigured(reason)) if reasons.contains(&reason) => {}
            Err(SourceError::NotConfigured(reason)) => reasons.push(reason),
            Err(SourceError::SkippedFile(file)) => {
                reasons.push(file.to_string());
                reader.skipped_files.push(file);
            }
            Err(SourceError::Unresolved) => return None,
        }
    }
    reader.errors.push(ConfigError::NoCredentials(reasons));
    None
}

/// Returns the credential sources as a Markdown table.
pub fn table() -> String {
    let head = "| order | source | what is needed |\n|---|---|---|\n".to_owned();
    SOURCES.iter().zip(1..).fold(head, |table, (CredentialSource { name, needs, .. }, order)| {
        format!("{table}| {order} | {name} | {needs} |\n")
    })
}

fn find_in_block(reader: &mut ConfigReader<'_>, _: &[String]) -> SourceResult {
    let federated = oidc(reader, true)?;
    let methods =
        AUTH_METHODS.iter().filter_map(|method| PartialCredential::read(reader, ConfigSource::Block, method));
    let (mut known, unknown): (Vec<_>, Vec<_>) = methods.partition(|partial| partial.known().is_some());
    let oidc = federated.as_ref().filter(|_| known.len() < 2).map(|_| WITH_OIDC);
    let names: Vec<_> = oidc.into_iter().chain(known.iter().map(PartialCredential::name)).collect();
    if let [first, others @ ..] = names.as_slice()
        && !others.is_empty()
    {
        reader.errors.extend(others.iter().map(|second| ConfigError::Conflict { first, second }));
        return Err(SourceError::Unresolved);
    }
    // An unknown setting may belong to a second method, or may be null.
    if !unknown.is_empty() {
        return Err(SourceError::Unresolved);
    }
    match (federated, known.pop()) {
        (Some(credential), _) => Ok(FoundCredential::agency(credential)),
        (None, Some(partial)) => Ok(FoundCredential::user(partial.complete(reader)?)),
        (None, None) => Err(SourceError::NotConfigured("the provider block has no credential".to_owned())),
    }
}

/// Finds a credential in one tool's variables. Variables of two tools are not combined.
fn find_in_variables(
    reader: &mut ConfigReader<'_>,
    prefix: &'static str,
    find_oidc: fn(&mut ConfigReader<'_>) -> Result<Option<Credential>, Unresolved>,
) -> SourceResult {
    // An OIDC ID token takes precedence over keys, as in the tools that define these variables. The settings of the
    // user's account do not apply to it, even without an agency.
    if let Some(credential) = find_oidc(reader)? {
        return Ok(FoundCredential::agency(credential));
    }
    let source = ConfigSource::Variables(prefix);
    match AUTH_METHODS.iter().find_map(|method| PartialCredential::read(reader, source, method)) {
        Some(partial) => Ok(FoundCredential::user(partial.complete(reader)?)),
        None => Err(SourceError::NotConfigured(format!("no variable {prefix}* has a credential"))),
    }
}

/// Finds the two variables that Huawei Cloud sets in a container whose pod has an identity.
fn find_container(reader: &mut ConfigReader<'_>, _: &[String]) -> SourceResult {
    const URL: &str = "HC_CONTAINER_CREDENTIALS_FULL_URI";
    const TOKEN_FILE: &str = "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    match reader.variable_pair([URL, TOKEN_FILE])? {
        Some([url, token_file]) => {
            let origin = "the container's identity service".to_owned();
            let provider = KeyProvider::new(KeySource::Container { url, token_file }, origin);
            Ok(FoundCredential::user(Credential::KeyProvider(provider)))
        }
        None => Err(SourceError::NotConfigured(format!("the environment variable {URL} is not set"))),
    }
}

/// Returns the ECS metadata service, unless it is disabled. Only the first read sends a request to it.
fn find_metadata_service(reader: &mut ConfigReader<'_>, reasons: &[String]) -> SourceResult {
    if reader.is_unknown(SKIP_METADATA) {
        return Err(SourceError::Unresolved);
    }
    match reader.parsed(SKIP_METADATA, parse_bool) {
        Some(true) => {
            Err(SourceError::NotConfigured(format!("{SKIP_METADATA} disables the ECS metadata service")))
        }
        Some(false) => Ok(FoundCredential::user(metadata_service(reasons.to_vec()))),
        None => Err(SourceError::Unresolved),
    }
}

/// Returns the credential of the ECS's agency. `reasons` has one reason for each source tried before.
fn metadata_service(reasons: Vec<String>) -> Credential {
    let origin = "the ECS metadata service".to_owned();
    Credential::KeyProvider(KeyProvider::new(KeySource::Metadata { reasons }, origin))
}

/// The settings of one authentication method.
type AuthMethod = &'static [&'static str];

/// The authentication methods except OIDC, in the order of the official provider.
const AUTH_METHODS: [AuthMethod; 3] =
    [&[TOKEN], &[ACCESS_KEY, SECRET_KEY, SECURITY_TOKEN], &[PASSWORD, USER_NAME, USER_ID]];

/// At least one setting of an authentication method, from one source. The value of an unknown setting is None.
struct PartialCredential(BTreeMap<&'static str, Option<SettingValue>>);

impl PartialCredential {
    fn read(reader: &mut ConfigReader<'_>, source: ConfigSource, method: AuthMethod) -> Option<Self> {
        let settings = method.iter().filter_map(|name| {
            let value = reader.read_from(source, name);
            (value.is_some() || reader.is_unknown(name)).then_some((*name, value))
        });
        Some(Self(settings.collect())).filter(|partial| !partial.0.is_empty())
    }

    /// The first known setting. An unknown one may be null: `terraform validate` does not evaluate variables.
    fn known(&self) -> Option<&SettingValue> {
        self.0.values().flatten().next()
    }

    /// The name of the setting that represents the method in a message.
    fn name(&self) -> &'static str {
        self.known().map_or(TOKEN, |value| value.setting)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn value(&self, name: &str) -> Option<&SettingValue> {
        self.0.get(name).and_then(Option::as_ref)
    }

    /// Returns the value of a setting. Fails if it is unknown or not set.
    fn text(&self, name: &str) -> Result<String, Unresolved> {
        self.value(name).map(|value| value.text.clone()).ok_or(Unresolved)
    }

    fn secret(&self, name: &str) -> Result<SecretString, Unresolved> {
        self.text(name).map(SecretString::from)
    }

    /// Returns the credential. Fails if an error was added or a setting is unknown.
    fn complete(self, reader: &mut ConfigReader<'_>) -> Result<Credential, Unresolved> {
        // All settings are validated, so that all errors are reported at once.
        if self.0.values().flatten().filter(|value| !reader.is_valid(value)).count() > 0 {
            if self.has(USER_NAME) {
                self.account(reader)?;
            }
            return Err(Unresolved);
        }
        if self.has(TOKEN) {
            return Ok(Credential::Token(Arc::new(Token::new(self.secret(TOKEN)?, self.origin()))));
        }
        if let Some(missing) = self.missing() {
            let known = self.known().ok_or(Unresolved)?;
            reader.add_incomplete(known.setting, known.origin, missing);
            return Err(Unresolved);
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

    /// Reads the user's account. It is not secret, so it may have another origin than the password.
    fn account(&self, reader: &mut ConfigReader<'_>) -> Result<Account, Unresolved> {
        let account = reader.account();
        if account.is_none() && !reader.any_unknown(&ACCOUNT) {
            let origin = self.value(USER_NAME).map_or(Origin::Block, |value| value.origin);
            reader.add_incomplete(USER_NAME, origin, DOMAIN_NAME);
        }
        account.filter(|account| reader.is_valid(account)).map(SettingValue::into_account).ok_or(Unresolved)
    }

    /// The names of the credential's settings, for messages.
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
            [others @ .., last] => format!("the {kind}s {} and {last}", others.join(", ")),
        }
    }
}
