//! A credential for an identity provider's token: from the block, or from one of three families of variables.

use crate::huaweicloud::auth::temporary_key::{Federation, IdentityProvider, KeySource};
use crate::huaweicloud::auth::{
    Account, Agency, CallerAccount, Credential, IdToken, KeyProvider, TokenGrant, TokenProvider,
};
use crate::provider::config::alternatives::Chosen;
use crate::provider::config::assume_role_config::{AssumeRoleConfig, places};
use crate::provider::config::blocks::{ID_TOKEN, ID_TOKEN_FILE, IDP_ID, PROVIDER_URN, WITH_OIDC};
use crate::provider::config::error::{ConfigError, Origin};
use crate::provider::config::reader::ConfigReader;
use crate::provider::config::validate::{NAME_FORM, TOKEN_FORM, TextForm};
use crate::tfplugin::diagnostic::AttributePath;

/// From the block. `Err` if it asks for that and something is wrong or not known yet.
pub(super) fn of_block(given: &mut ConfigReader<'_>) -> Result<Option<Credential>, ()> {
    given_by(given, true)
}

/// From the variables that stand in for the block.
pub(super) fn of_variables(given: &mut ConfigReader<'_>) -> Result<Option<Credential>, ()> {
    given_by(given, false)
}

fn given_by(given: &mut ConfigReader<'_>, block: bool) -> Result<Option<Credential>, ()> {
    let places = oidc_places(given).ok_or(())?;
    let Some(place) = places.iter().find(|place| place.is_block() == block) else { return Ok(None) };
    let (unknown, faults) = (given.unknown.len(), given.faults.len());
    let provider = place.choose(given, &[PROVIDER_URN, IDP_ID]);
    let id_token = place.choose(given, &[ID_TOKEN, ID_TOKEN_FILE]);
    let agency = place.agency(given);
    if given.unknown.len() > unknown {
        return Err(());
    }
    match &id_token {
        Some(Chosen { setting: ID_TOKEN, origin, .. }) => {
            if let Some((_, second)) = place.text(given, ID_TOKEN_FILE)
                && let Some(fault) = two_tokens(*origin, second)
            {
                given.faults.push(fault);
            }
        }
        Some(_) => {}
        None => given.faults.push(ConfigError::BlockLacks { block: WITH_OIDC, lacks: ID_TOKEN }),
    }
    if provider.is_none() {
        given.faults.push(ConfigError::BlockLacks { block: WITH_OIDC, lacks: IDP_ID });
    }
    for Chosen { setting, text, origin } in [&provider, &id_token].into_iter().flatten() {
        place.is_sendable(given, setting, text, *origin);
    }
    let (Some(provider), Some(id_token), Some(agency)) = (provider, id_token, agency) else { return Err(()) };
    if given.faults.len() > faults {
        return Err(());
    }
    let provider = match provider.setting {
        PROVIDER_URN => IdentityProvider::Urn(provider.text),
        _ => IdentityProvider::Id(provider.text),
    };
    let id_token = match id_token.setting {
        ID_TOKEN => IdToken::Given(id_token.text.into()),
        _ => IdToken::File(id_token.text),
    };
    Ok(Some(federated(Federation { provider, id_token, agency })))
}

/// The fault of one origin that has both the token and a file with it.
fn two_tokens(token: Origin, file: Origin) -> Option<ConfigError> {
    match (token, file) {
        (Origin::Block, Origin::Block) => {
            Some(ConfigError::Conflict { first: ID_TOKEN, second: ID_TOKEN_FILE })
        }
        (Origin::Variable(first), Origin::Variable(second)) => {
            Some(ConfigError::ConflictingVariables { first, second })
        }
        _ => None,
    }
}

fn federated(federation: Federation) -> Credential {
    let origin = format!("the agency {} for the token of an identity provider", federation.agency.name);
    Credential::KeyProvider(KeyProvider::new(KeySource::Oidc(federation), origin))
}

/// The official SDKs' variables, with an agency and without one.
pub(super) fn of_sdk(given: &mut ConfigReader<'_>) -> Result<Option<Credential>, ()> {
    Ok(match agency_of_sdk(given)? {
        Some(federation) => Some(federated(federation)),
        None => token_of_sdk(given)?,
    })
}

fn agency_of_sdk(given: &mut ConfigReader<'_>) -> Result<Option<Federation>, ()> {
    const PROVIDER: &str = "HUAWEICLOUD_OIDC_PROVIDER_URN";
    const AGENCY: &str = "HUAWEICLOUD_OIDC_AGENCY_URN";
    const TOKEN: &str = "HUAWEICLOUD_OIDC_ID_TOKEN";
    const FILE: &str = "HUAWEICLOUD_OIDC_TOKEN_FILE";
    let get = |name| given.environment.get(name);
    let Some(provider) = get(PROVIDER) else { return Ok(None) };
    let id_token =
        get(TOKEN).map(|token| IdToken::Given(token.into())).or_else(|| get(FILE).map(IdToken::File));
    let agency = get(AGENCY).and_then(|urn| match urn.split(':').collect::<Vec<_>>()[..] {
        ["iam", "", id, "agency", name] => Some((name.to_owned(), Account::Id(id.to_owned()))),
        _ => None,
    });
    match (id_token, agency) {
        (Some(id_token), Some((name, account))) => {
            let mut checks = vec![(PROVIDER, &TOKEN_FORM), (AGENCY, &NAME_FORM)];
            if matches!(id_token, IdToken::Given(_)) {
                checks.push((TOKEN, &TOKEN_FORM));
            }
            check(given, &checks)?;
            let agency = Agency { name, account, duration: None, caller_account: CallerAccount::default() };
            Ok(Some(Federation { provider: IdentityProvider::Urn(provider), id_token, agency }))
        }
        (id_token, _) => {
            let lacks = if id_token.is_none() { TOKEN } else { AGENCY };
            given.faults.push(ConfigError::HalfVariables { has: PROVIDER, lacks });
            Err(())
        }
    }
}

fn token_of_sdk(given: &mut ConfigReader<'_>) -> Result<Option<Credential>, ()> {
    const PROVIDER: &str = "HUAWEICLOUD_SDK_IDP_ID";
    const FILE: &str = "HUAWEICLOUD_SDK_ID_TOKEN_FILE";
    match [PROVIDER, FILE].map(|name| given.environment.get(name)) {
        [None, None] => Ok(None),
        [Some(provider), Some(file)] => {
            check(given, &[(PROVIDER, &TOKEN_FORM)])?;
            Ok(Some(token(provider, file, &format!("the environment variables {PROVIDER} and {FILE}"))))
        }
        [provider, _] => {
            let (has, lacks) = if provider.is_some() { (PROVIDER, FILE) } else { (FILE, PROVIDER) };
            given.faults.push(ConfigError::HalfVariables { has, lacks });
            Err(())
        }
    }
}

/// Whether the variables can be sent as they are.
fn check(given: &mut ConfigReader<'_>, variables: &[(&'static str, &TextForm)]) -> Result<(), ()> {
    let before = given.faults.len();
    for (name, form) in variables {
        let text = given.environment.get(name).unwrap_or_default();
        // They stand for no setting; the message names the variable.
        given.fits(form, &text, Origin::Variable(name), || AttributePath::attribute(WITH_OIDC));
    }
    if given.faults.len() > before { Err(()) } else { Ok(()) }
}

/// IAM's token for the one in the file.
pub(super) fn token(provider: String, file: String, named_by: &str) -> Credential {
    let origin = format!("the token of an identity provider that {named_by} name");
    Credential::TokenProvider(TokenProvider::new(
        TokenGrant::IdToken { provider, id_token: IdToken::File(file) },
        origin,
    ))
}

/// The block, and the variables where there is none.
pub(in crate::provider::config) fn oidc_places(
    given: &mut ConfigReader<'_>,
) -> Option<Vec<AssumeRoleConfig>> {
    let mut places = places(given, WITH_OIDC)?;
    let environment = AssumeRoleConfig::environment(WITH_OIDC);
    if places.is_empty() && environment.choose(given, &[PROVIDER_URN, IDP_ID]).is_some() {
        places.push(environment);
    }
    Some(places)
}
