//! Credentials for the token of an identity provider (OpenID Connect): from the block, or from one of three families of
//! variables.

use crate::huaweicloud::auth::temporary_key::{Federation, IdentityProvider, KeySource};
use crate::huaweicloud::auth::{
    Account, Agency, CallerAccount, Credential, IdToken, KeyProvider, TokenGrant, TokenProvider,
};
use crate::provider::config::assume_role::AssumeRoleConfig;
use crate::provider::config::error::{ConfigError, Origin};
use crate::provider::config::reader::{ConfigReader, SettingValue, Stop};
use crate::provider::config::settings::{ID_TOKEN, ID_TOKEN_FILE, IDP_ID, PROVIDER_URN, WITH_OIDC};
use crate::provider::config::validate::{NAME, TOKEN};
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::validator::Validator;

/// The block, or the variables if there is no block.
pub(in crate::provider::config) fn oidc_config<'a>(
    reader: &mut ConfigReader<'a>,
) -> Result<Option<AssumeRoleConfig<'a>>, Stop> {
    if let Some(block) = AssumeRoleConfig::blocks(reader, WITH_OIDC)?.into_iter().next() {
        return Ok(Some(block));
    }
    let environment = AssumeRoleConfig::environment(WITH_OIDC);
    let has_provider = environment.choose(reader, &[PROVIDER_URN, IDP_ID]).is_some();
    Ok(has_provider.then_some(environment))
}

/// The credential of the block.
pub(super) fn from_block(reader: &mut ConfigReader<'_>) -> Result<Option<Credential>, Stop> {
    match oidc_config(reader)? {
        Some(config) if config.is_block() => federation(reader, &config).map(Some),
        _ => Ok(None),
    }
}

/// The credential of the variables that replace the block.
pub(super) fn from_variables(reader: &mut ConfigReader<'_>) -> Result<Option<Credential>, Stop> {
    match oidc_config(reader)? {
        Some(config) if !config.is_block() => federation(reader, &config).map(Some),
        _ => Ok(None),
    }
}

fn federation(reader: &mut ConfigReader<'_>, config: &AssumeRoleConfig<'_>) -> Result<Credential, Stop> {
    let (unknown, errors) = (reader.unknown.len(), reader.errors.len());
    let provider = config.choose(reader, &[PROVIDER_URN, IDP_ID]);
    let id_token = config.choose(reader, &[ID_TOKEN, ID_TOKEN_FILE]);
    let agency = config.agency(reader);
    if reader.unknown.len() > unknown {
        return Err(Stop);
    }
    match &id_token {
        Some(SettingValue { setting: ID_TOKEN, origin, .. }) => {
            let file = config.choose(reader, &[ID_TOKEN_FILE]);
            reader.errors.extend(file.and_then(|file| two_tokens(*origin, file.origin)));
        }
        Some(_) => {}
        None => reader.errors.push(ConfigError::IncompleteBlock { block: WITH_OIDC, missing: ID_TOKEN }),
    }
    if provider.is_none() {
        reader.errors.push(ConfigError::IncompleteBlock { block: WITH_OIDC, missing: IDP_ID });
    }
    for value in [&provider, &id_token].into_iter().flatten() {
        config.is_valid(reader, value);
    }
    let (Some(provider), Some(id_token)) = (provider, id_token) else { return Err(Stop) };
    let agency = agency?;
    if reader.errors.len() > errors {
        return Err(Stop);
    }
    let provider = match provider.setting {
        PROVIDER_URN => IdentityProvider::Urn(provider.text),
        _ => IdentityProvider::Id(provider.text),
    };
    let id_token = match id_token.setting {
        ID_TOKEN => IdToken::Given(id_token.text.into()),
        _ => IdToken::File(id_token.text),
    };
    Ok(federated(Federation { provider, id_token, agency }))
}

/// The error for one origin that has both the token and a file with it.
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

/// The credential of the official SDKs' variables, with an agency or without one.
pub(super) fn from_sdk_variables(reader: &mut ConfigReader<'_>) -> Result<Option<Credential>, Stop> {
    const IDP_ID: &str = "HUAWEICLOUD_SDK_IDP_ID";
    const FILE: &str = "HUAWEICLOUD_SDK_ID_TOKEN_FILE";
    if let Some(federation) = sdk_agency(reader)? {
        return Ok(Some(federated(federation)));
    }
    let Some([provider, file]) = reader.variable_pair([IDP_ID, FILE])? else { return Ok(None) };
    validate_variables(reader, [(IDP_ID, TOKEN)])?;
    Ok(Some(token(provider, file, &format!("the environment variables {IDP_ID} and {FILE}"))))
}

fn sdk_agency(reader: &mut ConfigReader<'_>) -> Result<Option<Federation>, Stop> {
    const PROVIDER: &str = "HUAWEICLOUD_OIDC_PROVIDER_URN";
    const AGENCY: &str = "HUAWEICLOUD_OIDC_AGENCY_URN";
    const ID_TOKEN: &str = "HUAWEICLOUD_OIDC_ID_TOKEN";
    const FILE: &str = "HUAWEICLOUD_OIDC_TOKEN_FILE";
    let get = |name| reader.environment.get(name);
    let Some(provider) = get(PROVIDER) else { return Ok(None) };
    let id_token =
        get(ID_TOKEN).map(|token| IdToken::Given(token.into())).or_else(|| get(FILE).map(IdToken::File));
    let agency = get(AGENCY).and_then(|urn| match urn.split(':').collect::<Vec<_>>()[..] {
        ["iam", "", id, "agency", name] => Some((name.to_owned(), Account::Id(id.to_owned()))),
        _ => None,
    });
    let has_id_token = id_token.is_some();
    let (Some(id_token), Some((name, account))) = (id_token, agency) else {
        let missing = if has_id_token { AGENCY } else { ID_TOKEN };
        reader.errors.push(ConfigError::IncompleteVariables { set: PROVIDER, missing });
        return Err(Stop);
    };
    let token = matches!(id_token, IdToken::Given(_)).then_some((ID_TOKEN, TOKEN));
    let variables = [(PROVIDER, TOKEN), (AGENCY, NAME)].into_iter().chain(token);
    validate_variables(reader, variables)?;
    let agency = Agency { name, account, duration: None, caller_account: CallerAccount::default() };
    Ok(Some(Federation { provider: IdentityProvider::Urn(provider), id_token, agency }))
}

/// Checks variables that belong to no setting, so that their names are in the messages.
fn validate_variables(
    reader: &mut ConfigReader<'_>,
    variables: impl IntoIterator<Item = (&'static str, Validator)>,
) -> Result<(), Stop> {
    let before = reader.errors.len();
    for (name, validator) in variables {
        let text = reader.environment.get(name).unwrap_or_default();
        let path = || AttributePath::attribute(WITH_OIDC);
        reader.validate(Some(validator), &text, Origin::Variable(name), path);
    }
    if reader.errors.len() > before { Err(Stop) } else { Ok(()) }
}

/// The IAM token for the identity provider's token in a file.
pub(super) fn token(provider: String, file: String, named_by: &str) -> Credential {
    let origin = format!("the token of an identity provider that {named_by} name");
    let grant = TokenGrant::IdToken { provider, id_token: IdToken::File(file) };
    Credential::TokenProvider(TokenProvider::new(grant, origin))
}
