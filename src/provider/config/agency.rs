//! The blocks `assume_role` and `assume_role_with_oidc`, and the variables that stand in for them.

use super::fault::{Fault, Origin};
use super::given::Given;
use super::setting::{DOMAIN_ID, OLD_AGENCY_NAME, OLD_DOMAIN_NAME};
use crate::auth::temporary::{Agency, Federation, IdToken, Provider, Source};
use crate::auth::{Account, Credential, Temporary};
use crate::diagnostic::{AttributePath, Step};
use crate::schema::{Attribute, Block, Kind, Mode, Nesting};
use crate::value::{Field, Value};

const ASSUME_ROLE: &str = "assume_role";
const WITH_OIDC: &str = "assume_role_with_oidc";
const AGENCY_NAME: &str = "agency_name";
const DOMAIN_NAME: &str = "domain_name";
const DURATION: &str = "duration";
const IDP_ID: &str = "idp_id";
const PROVIDER_URN: &str = "provider_urn";
const ID_TOKEN: &str = "id_token";
const ID_TOKEN_FILE: &str = "id_token_file";

/// What the services allow, in seconds; the token service ends at half a day, and says so itself.
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=86400;

pub(super) const BLOCKS: &[Block] = &[
    Block {
        name: ASSUME_ROLE,
        nesting: Nesting::List,
        description: "An agency to take on. Several blocks make a chain, each taken on with the one before.",
        attributes: &[NAME, ACCOUNT_NAME, ACCOUNT_ID, SECONDS],
    },
    super::foreign::IGNORE_TAGS,
    Block {
        name: WITH_OIDC,
        nesting: Nesting::List,
        description: "An agency to take on with the token of an identity provider (OpenID Connect), such as a CI \
                      system's. At most one block.",
        attributes: &[
            NAME,
            ACCOUNT_ID,
            SECONDS,
            Attribute::new(
                IDP_ID,
                Kind::String,
                Mode::Optional,
                "ID of the identity provider in IAM. Environment: `HW_ASSUME_ROLE_IDP_ID`.",
            ),
            Attribute::new(
                PROVIDER_URN,
                Kind::String,
                Mode::Optional,
                "URN of the identity provider, in place of `idp_id`: the agency is then taken on in one step instead \
                 of three.",
            ),
            Attribute::new(
                ID_TOKEN,
                Kind::String,
                Mode::Optional,
                "The token. Environment: `HW_ASSUME_ROLE_ID_TOKEN`.",
            )
            .secret(),
            Attribute::new(
                ID_TOKEN_FILE,
                Kind::String,
                Mode::Optional,
                "Path of a file with the token, which is read anew whenever it is needed. Environment: \
                 `HW_ASSUME_ROLE_ID_TOKEN_FILE`.",
            ),
        ],
    },
];

const NAME: Attribute = Attribute::new(
    AGENCY_NAME,
    Kind::String,
    Mode::Optional,
    "Name of the agency. Environment: `HW_ASSUME_ROLE_AGENCY_NAME`.",
);
const ACCOUNT_NAME: Attribute = Attribute::new(
    DOMAIN_NAME,
    Kind::String,
    Mode::Optional,
    "Name of the account that lends the agency. Environment: `HW_ASSUME_ROLE_DOMAIN_NAME`.",
);
const ACCOUNT_ID: Attribute = Attribute::new(
    DOMAIN_ID,
    Kind::String,
    Mode::Optional,
    "ID of the account that lends the agency; the token service (STS) is used with it. Environment: \
     `HW_ASSUME_ROLE_DOMAIN_ID`.",
);
const SECONDS: Attribute = Attribute::new(
    DURATION,
    Kind::Number,
    Mode::Optional,
    "How long each key is good, in seconds, from 900. It is renewed in time. Environment: \
     `HW_ASSUME_ROLE_DURATION`. Default: `3600`.",
);

/// The agencies to take on, one after another.
pub(super) fn take_on(given: &mut Given<'_>, credential: Credential) -> Option<Credential> {
    let caller = given.text(DOMAIN_ID).map(|(id, _)| id);
    let mut agencies = Vec::new();
    for place in places(given, ASSUME_ROLE)? {
        agencies.push(place.agency(given)?);
    }
    // The variables mean the identity provider's agency where there is one.
    if agencies.is_empty() && oidc_places(given)?.is_empty() {
        let place = Place::environment(ASSUME_ROLE);
        if place.text(given, AGENCY_NAME).is_some() {
            agencies.push(place.agency(given)?);
        }
    }
    if let Some(agency) = older_form(given)? {
        agencies.insert(0, agency);
    }
    if let Some(first) = agencies.first_mut() {
        first.caller_account = caller;
    }
    Some(agencies.into_iter().fold(credential, on_top))
}

pub(super) fn on_top(base: Credential, agency: Agency) -> Credential {
    let origin = format!("the agency {} on top of {}", agency.name, base.origin());
    Credential::Temporary(Temporary::new(Source::Agency { base: Box::new(base), agency }, origin))
}

/// The settings that came before the block. None outside if something is wrong or not known yet.
fn older_form(given: &mut Given<'_>) -> Option<Option<Agency>> {
    let parts = [OLD_AGENCY_NAME, OLD_DOMAIN_NAME].map(|name| given.text(name));
    if given.waits_for(OLD_AGENCY_NAME) || given.waits_for(OLD_DOMAIN_NAME) {
        return None;
    }
    match parts {
        [None, None] => Some(None),
        [Some((name, _)), Some((account, _))] => {
            let account = Account::Name(account);
            Some(Some(Agency { name, account, duration: None, caller_account: None }))
        }
        [name, account] => {
            let (has, lacks) = if name.is_some() {
                (OLD_AGENCY_NAME, OLD_DOMAIN_NAME)
            } else {
                (OLD_DOMAIN_NAME, OLD_AGENCY_NAME)
            };
            let origin = name.or(account).map_or(Origin::Block, |(_, origin)| origin);
            given.faults.push(Fault::Incomplete { given: has, origin, lacks });
            None
        }
    }
}

/// A credential from an identity provider's token, if the settings ask for one. `Err` if they do and something is wrong
/// or not known yet.
pub(super) fn federation(given: &mut Given<'_>, from_block: bool) -> Result<Option<Credential>, ()> {
    if !from_block && let Some(federation) = of_sdk(given)? {
        return Ok(Some(federated(federation)));
    }
    let places = oidc_places(given).ok_or(())?;
    let Some(place) = places.iter().find(|place| place.is_block() == from_block) else { return Ok(None) };
    let lacks =
        |given: &mut Given<'_>, lacks| given.faults.push(Fault::BlockLacks { block: WITH_OIDC, lacks });
    let provider = place
        .text(given, PROVIDER_URN)
        .map(Provider::Urn)
        .or_else(|| place.text(given, IDP_ID).map(Provider::Id));
    let id_token = match (place.text(given, ID_TOKEN), place.text(given, ID_TOKEN_FILE)) {
        (Some(token), None) => Some(IdToken::Given(token.into())),
        (None, Some(path)) => Some(IdToken::File(path)),
        (Some(_), Some(_)) => {
            given.faults.push(Fault::Conflict { first: ID_TOKEN, second: ID_TOKEN_FILE });
            None
        }
        (None, None) => {
            lacks(given, ID_TOKEN);
            None
        }
    };
    let agency = place.agency(given);
    if provider.is_none() {
        lacks(given, IDP_ID);
    }
    let (Some(provider), Some(id_token), Some(agency)) = (provider, id_token, agency) else { return Err(()) };
    Ok(Some(federated(Federation { provider, id_token, agency })))
}

fn federated(federation: Federation) -> Credential {
    let origin = format!("the agency {} for the token of an identity provider", federation.agency.name);
    Credential::Temporary(Temporary::new(Source::Oidc(federation), origin))
}

/// The variables of the official Python SDK.
fn of_sdk(given: &mut Given<'_>) -> Result<Option<Federation>, ()> {
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
            let agency = Agency { name, account, duration: None, caller_account: None };
            Ok(Some(Federation { provider: Provider::Urn(provider), id_token, agency }))
        }
        (id_token, _) => {
            let lacks = if id_token.is_none() { TOKEN } else { AGENCY };
            given.faults.push(Fault::HalfVariables { has: PROVIDER, lacks });
            Err(())
        }
    }
}

/// The block, and the variables where there is none.
fn oidc_places(given: &mut Given<'_>) -> Option<Vec<Place>> {
    let mut places = places(given, WITH_OIDC)?;
    let environment = Place::environment(WITH_OIDC);
    if places.is_empty() && environment.text(given, IDP_ID).is_some() {
        places.push(environment);
    }
    Some(places)
}

/// The blocks of a name. None if one is not known yet.
fn places(given: &mut Given<'_>, block: &'static str) -> Option<Vec<Place>> {
    match given.config.attribute(block) {
        Some(Value::Unknown(_)) => {
            given.unknown.push(AttributePath::attribute(block));
            None
        }
        Some(Value::List(items)) => {
            let blocks = items.iter().enumerate().map(|(index, values)| Place {
                block,
                values: Some((index, values.clone())),
                // With a chain it would be unclear which link the variables mean.
                variables: items.len() == 1,
            });
            Some(blocks.collect())
        }
        _ => Some(Vec::new()),
    }
}

/// One block, or the variables alone.
struct Place {
    block: &'static str,
    values: Option<(usize, Value)>,
    variables: bool,
}

impl Place {
    fn environment(block: &'static str) -> Self {
        Self { block, values: None, variables: true }
    }

    fn is_block(&self) -> bool {
        self.values.is_some()
    }

    fn path(&self, name: &str) -> AttributePath {
        let path = AttributePath::attribute(self.block);
        match &self.values {
            Some((index, _)) => {
                let index = i64::try_from(*index).unwrap_or(i64::MAX);
                path.then(Step::Index(index)).then(Step::Attribute(name.to_owned()))
            }
            None => path,
        }
    }

    /// The block's text, or the variable's. An unknown one is noted.
    fn text(&self, given: &mut Given<'_>, name: &'static str) -> Option<String> {
        let field = self
            .values
            .as_ref()
            .and_then(|(_, values)| values.attribute(name))
            .map_or(Field::Null, Value::scalar);
        match field {
            Field::Known(text) if !text.trim().is_empty() => Some(text),
            Field::Unknown => {
                given.unknown.push(self.path(name));
                None
            }
            Field::Known(_) | Field::Null if self.variables => {
                given.environment.get(&format!("HW_ASSUME_ROLE_{}", name.to_ascii_uppercase()))
            }
            Field::Known(_) | Field::Null => None,
        }
    }

    fn agency(&self, given: &mut Given<'_>) -> Option<Agency> {
        let before = given.unknown.len();
        let name = self.text(given, AGENCY_NAME);
        let account = match (self.text(given, DOMAIN_ID), self.text(given, DOMAIN_NAME)) {
            (Some(id), _) => Some(Account::Id(id)),
            (None, Some(name)) => Some(Account::Name(name)),
            (None, None) => None,
        };
        let duration = self.text(given, DURATION);
        if given.unknown.len() > before {
            return None;
        }
        let seconds =
            duration.as_ref().and_then(|text| text.parse().ok()).filter(|it| DURATIONS.contains(it));
        if duration.is_some() && seconds.is_none() {
            let expected = "a whole number of seconds from 900 to 86400";
            let (path, origin) = (self.path(DURATION), Origin::Block);
            given.faults.push(Fault::Malformed { path, origin, expected });
            return None;
        }
        match (name, account) {
            (Some(name), Some(account)) => {
                Some(Agency { name, account, duration: seconds, caller_account: None })
            }
            (name, _) => {
                let lacks = if name.is_none() { AGENCY_NAME } else { DOMAIN_ID };
                given.faults.push(Fault::BlockLacks { block: self.block, lacks });
                None
            }
        }
    }
}
