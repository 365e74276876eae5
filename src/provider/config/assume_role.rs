//! The agencies that are assumed with a credential, from blocks or from the variables that replace them.

use super::credentials::{Found, oidc_config};
use super::error::{ConfigError, Origin};
use super::reader::{ACCOUNT, ConfigReader, SettingValue, Stop};
use super::settings::{
    AGENCY_DOMAIN_NAME, AGENCY_NAME, AGENCY_SETTINGS, ASSUME_ROLE, DOMAIN_ID, DURATION, validator,
};
use crate::huaweicloud::auth::temporary_key::KeySource;
use crate::huaweicloud::auth::{
    Account, Agency, CallerAccount, Credential, KeyProvider, TokenGrant, TokenProvider,
};
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::value::{Field, Value};

/// Returns the credential of the last agency, after all are assumed one after another.
pub(super) fn assume(reader: &mut ConfigReader<'_>, found: Found) -> Result<Credential, Stop> {
    let account = reader.account();
    let mut older = older_form(reader)?;
    let mut agencies = Vec::new();
    for block in AssumeRoleConfig::blocks(reader, ASSUME_ROLE)? {
        agencies.push(block.agency(reader)?);
    }
    // Where there is an identity provider, the variables mean its agency.
    if agencies.is_empty() && oidc_config(reader)?.is_none() {
        let environment = AssumeRoleConfig::environment(ASSUME_ROLE);
        if environment.choose(reader, &[AGENCY_NAME]).is_some() {
            agencies.push(environment.agency(reader)?);
        }
    }
    // Only the first agency is assumed by the credential itself.
    if let Some(first) = older.as_mut().or(agencies.first_mut()) {
        first.caller_account = CallerAccount::known(caller(reader, account, &found));
    }
    let credential = match older {
        Some(agency) => assume_by_token(found.credential, agency),
        None => found.credential,
    };
    Ok(agencies.into_iter().fold(credential, assume_by_key))
}

/// The ID of the account that the credential belongs to. None if IAM has to be asked.
fn caller(reader: &mut ConfigReader<'_>, account: Option<SettingValue>, found: &Found) -> Option<String> {
    // The settings name the user's account. An agency belongs to the account that owns it.
    if found.is_agency {
        return None;
    }
    match account {
        Some(account) if account.setting == DOMAIN_ID => reader.is_valid(&account).then_some(account.text),
        Some(_) => None,
        None => found.profile.account_id.clone(),
    }
}

/// Assumes an agency by temporary keys.
pub(super) fn assume_by_key(base: Credential, agency: Agency) -> Credential {
    let origin = origin(&base, &agency);
    Credential::KeyProvider(KeyProvider::new(KeySource::Agency { base: Box::new(base), agency }, origin))
}

/// Assumes an agency by tokens of IAM.
fn assume_by_token(base: Credential, agency: Agency) -> Credential {
    let origin = origin(&base, &agency);
    Credential::TokenProvider(TokenProvider::new(TokenGrant::Agency { base: Box::new(base), agency }, origin))
}

fn origin(base: &Credential, agency: &Agency) -> String {
    format!("the agency {} on top of {}", agency.name, base.origin())
}

/// Reads the two settings that are older than the block.
fn older_form(reader: &mut ConfigReader<'_>) -> Result<Option<Agency>, Stop> {
    let values = [AGENCY_NAME, AGENCY_DOMAIN_NAME].map(|name| reader.read(name));
    if reader.any_unknown(&[AGENCY_NAME, AGENCY_DOMAIN_NAME]) {
        return Err(Stop);
    }
    if !values.iter().flatten().all(|value| reader.is_valid(value)) {
        return Err(Stop);
    }
    match values {
        [None, None] => Ok(None),
        [Some(name), Some(account)] => {
            let account = Account::Name(account.text);
            Ok(Some(Agency {
                name: name.text,
                account,
                duration: None,
                caller_account: CallerAccount::default(),
            }))
        }
        [Some(name), None] => {
            reader.add_incomplete(AGENCY_NAME, name.origin, AGENCY_DOMAIN_NAME);
            Err(Stop)
        }
        [None, Some(account)] => {
            reader.add_incomplete(AGENCY_DOMAIN_NAME, account.origin, AGENCY_NAME);
            Err(Stop)
        }
    }
}

/// One block that names an agency, or the variables alone.
pub(super) struct AssumeRoleConfig<'a> {
    block: &'static str,
    /// None for the variables alone.
    values: Option<Config<'a>>,
    reads_variables: bool,
}

impl<'a> AssumeRoleConfig<'a> {
    /// Reads the blocks of this name. `Err` if they are not known yet.
    pub(super) fn blocks(reader: &mut ConfigReader<'a>, block: &'static str) -> Result<Vec<Self>, Stop> {
        match reader.config.blocks(block) {
            Ok(Field::Unknown) => {
                reader.unknown.push(reader.config.path(block));
                Err(Stop)
            }
            Ok(Field::Known(blocks)) => {
                // In a chain it would be unclear which block the variables complete.
                let reads_variables = blocks.len() == 1;
                let config = |values| Self { block, values: Some(values), reads_variables };
                Ok(blocks.into_iter().map(config).collect())
            }
            Ok(Field::Null) | Err(_) => Ok(Vec::new()),
        }
    }

    pub(super) fn environment(block: &'static str) -> Self {
        Self { block, values: None, reads_variables: true }
    }

    pub(super) fn is_block(&self) -> bool {
        self.values.is_some()
    }

    /// The path of the block's attribute, or of the block for a variable.
    fn path(&self, name: &str, origin: Origin) -> AttributePath {
        match &self.values {
            Some(values) if origin == Origin::Block => values.path(name),
            _ => AttributePath::attribute(self.block),
        }
    }

    /// Reads the block's attribute. Remembers an unknown one.
    fn own(&self, reader: &mut ConfigReader<'_>, setting: &'static str) -> Option<SettingValue> {
        let values = self.values.as_ref()?;
        let field = values.value().attribute(setting).map_or(Field::Null, Value::scalar);
        if field == Field::Unknown {
            reader.unknown.push(values.path(setting));
        }
        SettingValue::in_block(setting, field)
    }

    /// Reads the alternative that is used: the block's, or a variable's. None if one of the block's is not known yet.
    pub(super) fn choose(
        &self,
        reader: &mut ConfigReader<'_>,
        alternatives: &[&'static str],
    ) -> Option<SettingValue> {
        let before = reader.unknown.len();
        let own: Vec<_> = alternatives.iter().filter_map(|name| self.own(reader, name)).collect();
        if reader.unknown.len() > before {
            return None;
        }
        let variable = || alternatives.iter().find_map(|name| reader.variable(AGENCY_SETTINGS, name, ""));
        own.into_iter().next().or_else(|| self.reads_variables.then(variable).flatten())
    }

    /// Whether the validator of the value's setting accepts it. Adds an error if not.
    pub(super) fn is_valid(&self, reader: &mut ConfigReader<'_>, value: &SettingValue) -> bool {
        let path = || self.path(value.setting, value.origin);
        reader.validate(validator(AGENCY_SETTINGS, value.setting), &value.text, value.origin, path)
    }

    /// Reads the agency. `Err` if it is not known yet or an error was added.
    pub(super) fn agency(&self, reader: &mut ConfigReader<'_>) -> Result<Agency, Stop> {
        let unknown = reader.unknown.len();
        let name = self.choose(reader, &[AGENCY_NAME]);
        let account = self.choose(reader, &ACCOUNT);
        let duration = self.choose(reader, &[DURATION]);
        if reader.unknown.len() > unknown {
            return Err(Stop);
        }
        let values = [&name, &account, &duration].into_iter().flatten();
        // All of them are checked, so that all errors are reported at once.
        if values.filter(|value| !self.is_valid(reader, value)).count() > 0 {
            return Err(Stop);
        }
        let missing = if name.is_none() { AGENCY_NAME } else { DOMAIN_ID };
        let (Some(name), Some(account)) = (name, account) else {
            reader.errors.push(ConfigError::IncompleteBlock { block: self.block, missing });
            return Err(Stop);
        };
        Ok(Agency {
            name: name.text,
            account: account.into_account(),
            duration: duration.and_then(|duration| duration.text.parse().ok()),
            caller_account: CallerAccount::default(),
        })
    }
}
