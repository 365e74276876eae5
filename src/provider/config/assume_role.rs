//! Agencies to assume with a credential or an OIDC ID token. They come from blocks, from the variables that replace
//! blocks, or from variables of the official SDKs.

use super::credentials::FoundCredential;
use super::error::{ConfigError, Origin};
use super::reader::{ACCOUNT, ConfigReader, SettingValue, Unresolved};
use super::settings::{
    AGENCY_DOMAIN_NAME, AGENCY_NAME, AGENCY_SETTINGS, ASSUME_ROLE, DOMAIN_ID, DURATION, ID_TOKEN,
    ID_TOKEN_FILE, IDP_ID, PROVIDER_URN, WITH_OIDC, validator,
};
use super::validate::{NAME, TOKEN};
use crate::huaweicloud::auth::temporary_key::{Federation, IdentityProvider, KeySource};
use crate::huaweicloud::auth::{
    Account, Agency, CallerAccount, Credential, IdToken, KeyProvider, TokenGrant, TokenProvider,
};
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::validator::Validator;
use crate::tfplugin::value::{ConfigValue, Value};

/// Returns the credential of the last agency in the chain.
pub(super) fn assume(
    reader: &mut ConfigReader<'_>,
    found: FoundCredential,
) -> Result<Credential, Unresolved> {
    let account = reader.account();
    let mut legacy = legacy_agency(reader)?;
    let mut agencies = Vec::new();
    for block in AssumeRoleConfig::blocks(reader, ASSUME_ROLE)? {
        agencies.push(block.agency(reader)?);
    }
    // With an identity provider, the variables name the agency of `assume_role_with_oidc`.
    if agencies.is_empty() && oidc_config(reader)?.is_none() {
        let environment = AssumeRoleConfig::environment(ASSUME_ROLE);
        if environment.choose(reader, &[AGENCY_NAME]).is_some() {
            agencies.push(environment.agency(reader)?);
        }
    }
    // Only the first agency is assumed with the credential itself.
    if let Some(first) = legacy.as_mut().or(agencies.first_mut()) {
        first.caller_account = CallerAccount::new(caller_account_id(reader, account, &found));
    }
    let credential = match legacy {
        Some(agency) => assume_by_token(found.credential, agency),
        None => found.credential,
    };
    Ok(agencies.into_iter().fold(credential, assume_by_key))
}

/// Returns the ID of the credential's account. None if it must be looked up in IAM.
fn caller_account_id(
    reader: &mut ConfigReader<'_>,
    account: Option<SettingValue>,
    found: &FoundCredential,
) -> Option<String> {
    // The settings name the user's account. An agency belongs to its owner's account.
    if found.is_agency {
        return None;
    }
    match account {
        Some(account) if account.setting == DOMAIN_ID => reader.is_valid(&account).then_some(account.text),
        Some(_) => None,
        None => found.profile.account_id.clone(),
    }
}

/// Assumes an agency to get temporary access keys.
pub(super) fn assume_by_key(base: Credential, agency: Agency) -> Credential {
    let origin = origin(&base, &agency);
    Credential::KeyProvider(KeyProvider::new(KeySource::Agency { base: Box::new(base), agency }, origin))
}

/// Assumes an agency to get IAM tokens.
fn assume_by_token(base: Credential, agency: Agency) -> Credential {
    let origin = origin(&base, &agency);
    Credential::TokenProvider(TokenProvider::new(TokenGrant::Agency { base: Box::new(base), agency }, origin))
}

fn origin(base: &Credential, agency: &Agency) -> String {
    format!("the agency {} assumed with {}", agency.name, base.origin())
}

/// Reads the agency of `agency_name` and `agency_domain_name`, which are older than the block.
fn legacy_agency(reader: &mut ConfigReader<'_>) -> Result<Option<Agency>, Unresolved> {
    let values = [AGENCY_NAME, AGENCY_DOMAIN_NAME].map(|name| reader.read(name));
    if reader.any_unknown(&[AGENCY_NAME, AGENCY_DOMAIN_NAME])
        || !values.iter().flatten().all(|value| reader.is_valid(value))
    {
        return Err(Unresolved);
    }
    match values {
        [None, None] => Ok(None),
        [Some(name), Some(account)] => {
            let (name, account) = (name.text, Account::Name(account.text));
            Ok(Some(Agency { name, account, duration: None, caller_account: CallerAccount::default() }))
        }
        [Some(name), None] => {
            reader.add_incomplete(AGENCY_NAME, name.origin, AGENCY_DOMAIN_NAME);
            Err(Unresolved)
        }
        [None, Some(account)] => {
            reader.add_incomplete(AGENCY_DOMAIN_NAME, account.origin, AGENCY_NAME);
            Err(Unresolved)
        }
    }
}

/// A block with an agency, or the variables that replace it.
struct AssumeRoleConfig<'a> {
    block: &'static str,
    /// None for variables without a block.
    values: Option<Config<'a>>,
    reads_variables: bool,
}

impl<'a> AssumeRoleConfig<'a> {
    /// Reads all blocks of this name. Fails if they are unknown.
    fn blocks(reader: &mut ConfigReader<'a>, block: &'static str) -> Result<Vec<Self>, Unresolved> {
        match reader.config.blocks(block) {
            Ok(ConfigValue::Unknown) => {
                reader.unknown.push(reader.config.path(block));
                Err(Unresolved)
            }
            Ok(ConfigValue::Known(blocks)) => {
                // In an agency chain the variables could belong to any of the blocks.
                let reads_variables = blocks.len() == 1;
                let config = |values| Self { block, values: Some(values), reads_variables };
                Ok(blocks.into_iter().map(config).collect())
            }
            Ok(ConfigValue::Null) | Err(_) => Ok(Vec::new()),
        }
    }

    fn environment(block: &'static str) -> Self {
        Self { block, values: None, reads_variables: true }
    }

    /// Reads the block's attribute. Records an unknown one.
    fn block_value(&self, reader: &mut ConfigReader<'_>, setting: &'static str) -> Option<SettingValue> {
        let values = self.values.as_ref()?;
        let field = values.value().attribute(setting).map_or(ConfigValue::Null, Value::scalar);
        if field == ConfigValue::Unknown {
            reader.unknown.push(values.path(setting));
        }
        SettingValue::in_block(setting, field)
    }

    /// Reads the first alternative of the block, or else of the variables. None if one in the block is unknown.
    fn choose(&self, reader: &mut ConfigReader<'_>, alternatives: &[&'static str]) -> Option<SettingValue> {
        let before = reader.unknown.len();
        let values: Vec<_> = alternatives.iter().filter_map(|name| self.block_value(reader, name)).collect();
        if reader.unknown.len() > before {
            return None;
        }
        let variable = || alternatives.iter().find_map(|name| reader.variable(AGENCY_SETTINGS, name, ""));
        values.into_iter().next().or_else(|| self.reads_variables.then(variable).flatten())
    }

    /// Whether the value is valid for its setting. Adds an error at the block's attribute, or at the block for a variable.
    fn is_valid(&self, reader: &mut ConfigReader<'_>, value: &SettingValue) -> bool {
        let path = match &self.values {
            Some(values) if value.origin == Origin::Block => values.path(value.setting),
            _ => AttributePath::attribute(self.block),
        };
        reader.validate(validator(AGENCY_SETTINGS, value.setting), value, path)
    }

    /// Returns the error for a required setting that is not set.
    fn incomplete(&self, missing: &'static str) -> ConfigError {
        ConfigError::IncompleteBlock { block: self.block, missing, reads_variables: self.reads_variables }
    }

    /// Reads the agency. Fails if it is unknown or an error was added.
    fn agency(&self, reader: &mut ConfigReader<'_>) -> Result<Agency, Unresolved> {
        let unknown = reader.unknown.len();
        let name = self.choose(reader, &[AGENCY_NAME]);
        let account = self.choose(reader, &ACCOUNT);
        let duration = self.choose(reader, &[DURATION]);
        if reader.unknown.len() > unknown {
            return Err(Unresolved);
        }
        let values = [&name, &account, &duration].into_iter().flatten();
        // All settings are validated, so that all errors are reported at once.
        if values.filter(|value| !self.is_valid(reader, value)).count() > 0 {
            return Err(Unresolved);
        }
        let missing = if name.is_none() { AGENCY_NAME } else { DOMAIN_ID };
        let (Some(name), Some(account)) = (name, account) else {
            reader.errors.push(self.incomplete(missing));
            return Err(Unresolved);
        };
        Ok(Agency {
            name: name.text,
            account: account.into_account(),
            duration: duration.and_then(|duration| duration.text.parse().ok()),
            caller_account: CallerAccount::default(),
        })
    }
}

/// Returns the block, or the variables if there is no block. None if neither is set.
fn oidc_config<'a>(reader: &mut ConfigReader<'a>) -> Result<Option<AssumeRoleConfig<'a>>, Unresolved> {
    if let Some(block) = AssumeRoleConfig::blocks(reader, WITH_OIDC)?.into_iter().next() {
        return Ok(Some(block));
    }
    let environment = AssumeRoleConfig::environment(WITH_OIDC);
    let has_provider = environment.choose(reader, &[PROVIDER_URN, IDP_ID]).is_some();
    Ok(has_provider.then_some(environment))
}

/// Returns the credential of the block or, if `in_block` is false, of the variables that replace it.
pub(super) fn oidc(reader: &mut ConfigReader<'_>, in_block: bool) -> Result<Option<Credential>, Unresolved> {
    match oidc_config(reader)? {
        Some(config) if config.values.is_some() == in_block => oidc_credential(reader, &config).map(Some),
        _ => Ok(None),
    }
}

fn oidc_credential(
    reader: &mut ConfigReader<'_>,
    config: &AssumeRoleConfig<'_>,
) -> Result<Credential, Unresolved> {
    let (unknown, errors) = (reader.unknown.len(), reader.errors.len());
    let provider = config.choose(reader, &[PROVIDER_URN, IDP_ID]);
    let id_token = config.choose(reader, &[ID_TOKEN, ID_TOKEN_FILE]);
    let agency = config.agency(reader);
    if reader.unknown.len() > unknown {
        return Err(Unresolved);
    }
    match &id_token {
        Some(SettingValue { setting: ID_TOKEN, origin, .. }) => {
            let file = config.choose(reader, &[ID_TOKEN_FILE]);
            // One origin must not have both the token and a file.
            match (*origin, file.map(|file| file.origin)) {
                (Origin::Block, Some(Origin::Block)) => {
                    reader.errors.push(ConfigError::Conflict { first: ID_TOKEN, second: ID_TOKEN_FILE });
                }
                (Origin::Variable(first), Some(Origin::Variable(second))) => {
                    reader.errors.push(ConfigError::ConflictingVariables { first, second });
                }
                _ => {}
            }
        }
        Some(_) => {}
        None => reader.errors.push(config.incomplete(ID_TOKEN)),
    }
    if provider.is_none() {
        reader.errors.push(config.incomplete(IDP_ID));
    }
    for value in [&provider, &id_token].into_iter().flatten() {
        config.is_valid(reader, value);
    }
    let (Some(provider), Some(id_token)) = (provider, id_token) else { return Err(Unresolved) };
    let agency = agency?;
    if reader.errors.len() > errors {
        return Err(Unresolved);
    }
    let provider = match provider.setting {
        PROVIDER_URN => IdentityProvider::Urn(provider.text),
        _ => IdentityProvider::Id(provider.text),
    };
    let id_token = match id_token.setting {
        ID_TOKEN => IdToken::Literal(id_token.text.into()),
        _ => IdToken::File(id_token.text),
    };
    Ok(federated_credential(Federation { provider, id_token, agency }))
}

fn federated_credential(federation: Federation) -> Credential {
    let origin = format!("the agency {} assumed with an OIDC ID token", federation.agency.name);
    Credential::KeyProvider(KeyProvider::new(KeySource::Oidc(federation), origin))
}

/// Returns the OIDC credential of the official SDKs' variables, with an agency or without one.
pub(super) fn oidc_of_sdks(reader: &mut ConfigReader<'_>) -> Result<Option<Credential>, Unresolved> {
    const IDP_ID: &str = "HUAWEICLOUD_SDK_IDP_ID";
    const FILE: &str = "HUAWEICLOUD_SDK_ID_TOKEN_FILE";
    if let Some(federation) = sdk_agency(reader)? {
        return Ok(Some(federated_credential(federation)));
    }
    let Some([provider, file]) = reader.variable_pair([IDP_ID, FILE])? else { return Ok(None) };
    validate_variables(reader, [(IDP_ID, TOKEN)])?;
    Ok(Some(oidc_token(provider, file, &format!("the environment variables {IDP_ID} and {FILE}"))))
}

fn sdk_agency(reader: &mut ConfigReader<'_>) -> Result<Option<Federation>, Unresolved> {
    const PROVIDER: &str = "HUAWEICLOUD_OIDC_PROVIDER_URN";
    const AGENCY: &str = "HUAWEICLOUD_OIDC_AGENCY_URN";
    const ID_TOKEN: &str = "HUAWEICLOUD_OIDC_ID_TOKEN";
    const FILE: &str = "HUAWEICLOUD_OIDC_TOKEN_FILE";
    let get = |name| reader.environment.get(name);
    let Some(provider) = get(PROVIDER) else { return Ok(None) };
    let id_token =
        get(ID_TOKEN).map(|token| IdToken::Literal(token.into())).or_else(|| get(FILE).map(IdToken::File));
    let agency = get(AGENCY).and_then(|urn| match urn.split(':').collect::<Vec<_>>()[..] {
        ["iam", "", id, "agency", name] => Some((name.to_owned(), Account::Id(id.to_owned()))),
        _ => None,
    });
    let has_id_token = id_token.is_some();
    let (Some(id_token), Some((name, account))) = (id_token, agency) else {
        let missing = if has_id_token { AGENCY } else { ID_TOKEN };
        reader.errors.push(ConfigError::IncompleteVariables { set: PROVIDER, missing });
        return Err(Unresolved);
    };
    let token = matches!(id_token, IdToken::Literal(_)).then_some((ID_TOKEN, TOKEN));
    let variables = [(PROVIDER, TOKEN), (AGENCY, NAME)].into_iter().chain(token);
    validate_variables(reader, variables)?;
    let agency = Agency { name, account, duration: None, caller_account: CallerAccount::default() };
    Ok(Some(Federation { provider: IdentityProvider::Urn(provider), id_token, agency }))
}

/// Validates variables that belong to no setting. Adds an error with the variable's name.
fn validate_variables(
    reader: &mut ConfigReader<'_>,
    variables: impl IntoIterator<Item = (&'static str, Validator)>,
) -> Result<(), Unresolved> {
    let before = reader.errors.len();
    for (name, validator) in variables {
        let text = reader.environment.get(name).unwrap_or_default();
        let value = SettingValue { setting: WITH_OIDC, text, origin: Origin::Variable(name) };
        reader.validate(Some(validator), &value, AttributePath::attribute(WITH_OIDC));
    }
    if reader.errors.len() > before { Err(Unresolved) } else { Ok(()) }
}

/// Returns the credential that exchanges the ID token in a file for an IAM token. `named_by` is for messages.
pub(super) fn oidc_token(provider: String, file: String, named_by: &str) -> Credential {
    let origin = format!("the OIDC ID token that {named_by} name");
    let grant = TokenGrant::IdToken { provider, id_token: IdToken::File(file) };
    Credential::TokenProvider(TokenProvider::new(grant, origin))
}
