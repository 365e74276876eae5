//! The agencies that are taken on with a credential.

use super::alternatives::Chosen;
use super::assume_role_config::{AssumeRoleConfig, places};
use super::blocks::{AGENCY_NAME, ASSUME_ROLE};
use super::credentials::{Found, oidc_places};
use super::error::{ConfigError, Origin};
use super::reader::ConfigReader;
use super::settings::{DOMAIN_ID, OLD_AGENCY_NAME, OLD_DOMAIN_NAME};
use crate::huaweicloud::auth::temporary_key::KeySource;
use crate::huaweicloud::auth::{
    Account, Agency, CallerAccount, Credential, KeyProvider, TokenGrant, TokenProvider,
};
use crate::tfplugin::diagnostic::AttributePath;

/// The credential that is left when all agencies are taken on, one after another.
pub(super) fn take_on(given: &mut ConfigReader<'_>, found: Found) -> Option<Credential> {
    let account = given.account();
    let older = older_form(given)?;
    let mut agencies = Vec::new();
    for place in places(given, ASSUME_ROLE)? {
        agencies.push(place.agency(given)?);
    }
    // The variables mean the identity provider's agency where there is one.
    if agencies.is_empty() && oidc_places(given)?.is_empty() {
        let place = AssumeRoleConfig::environment(ASSUME_ROLE);
        if place.text(given, AGENCY_NAME).is_some() {
            agencies.push(place.agency(given)?);
        }
    }
    if older.is_none() && agencies.is_empty() {
        return Some(found.credential);
    }
    let caller = caller(given, account, &found);
    let credential = found.credential;
    let credential = match older {
        Some(agency) => {
            by_token(credential, Agency { caller_account: CallerAccount::known(caller), ..agency })
        }
        None => {
            if let Some(first) = agencies.first_mut() {
                first.caller_account = CallerAccount::known(caller);
            }
            credential
        }
    };
    Some(agencies.into_iter().fold(credential, on_top))
}

/// The ID of the account that the credential belongs to. None where IAM has to be asked.
fn caller(given: &mut ConfigReader<'_>, account: Option<Chosen>, found: &Found) -> Option<String> {
    // What the settings say is the user's account. An agency belongs to the account that lends it.
    if found.is_agency {
        return None;
    }
    match account {
        Some(chosen) if chosen.setting == DOMAIN_ID => given.sendable(chosen).map(|chosen| chosen.text),
        Some(_) => None,
        None => found.account_id.clone(),
    }
}

/// By its temporary keys.
pub(super) fn on_top(base: Credential, agency: Agency) -> Credential {
    let origin = origin(&base, &agency);
    Credential::KeyProvider(KeyProvider::new(KeySource::Agency { base: Box::new(base), agency }, origin))
}

fn by_token(base: Credential, agency: Agency) -> Credential {
    let origin = origin(&base, &agency);
    Credential::TokenProvider(TokenProvider::new(TokenGrant::Agency { base: Box::new(base), agency }, origin))
}

fn origin(base: &Credential, agency: &Agency) -> String {
    format!("the agency {} on top of {}", agency.name, base.origin())
}

/// The settings that came before the block. None outside if something is wrong or not known yet.
fn older_form(given: &mut ConfigReader<'_>) -> Option<Option<Agency>> {
    let parts = [OLD_AGENCY_NAME, OLD_DOMAIN_NAME].map(|name| given.text(name));
    if given.waits_for(OLD_AGENCY_NAME) || given.waits_for(OLD_DOMAIN_NAME) {
        return None;
    }
    for (setting, part) in [OLD_AGENCY_NAME, OLD_DOMAIN_NAME].into_iter().zip(&parts) {
        if let Some((text, origin)) = part
            && !given.is_sendable(setting, text, *origin, || AttributePath::attribute(setting))
        {
            return None;
        }
    }
    match parts {
        [None, None] => Some(None),
        [Some((name, _)), Some((account, _))] => {
            let account = Account::Name(account);
            Some(Some(Agency { name, account, duration: None, caller_account: CallerAccount::default() }))
        }
        [name, account] => {
            let (has, lacks) = if name.is_some() {
                (OLD_AGENCY_NAME, OLD_DOMAIN_NAME)
            } else {
                (OLD_DOMAIN_NAME, OLD_AGENCY_NAME)
            };
            let origin = name.or(account).map_or(Origin::Block, |(_, origin)| origin);
            given.faults.push(ConfigError::Incomplete { given: has, origin, lacks });
            None
        }
    }
}
