//! The provider's blocks: their schema, and the names in it.

use super::compat;
use super::settings::DOMAIN_ID;
use crate::tfplugin::schema::{Attribute, Block, Nesting};

pub(super) const ASSUME_ROLE: &str = "assume_role";
pub(super) const WITH_OIDC: &str = "assume_role_with_oidc";
pub(super) const AGENCY_NAME: &str = "agency_name";
pub(super) const DOMAIN_NAME: &str = "domain_name";
pub(super) const DURATION: &str = "duration";
pub(super) const IDP_ID: &str = "idp_id";
pub(super) const PROVIDER_URN: &str = "provider_urn";
pub(super) const ID_TOKEN: &str = "id_token";
pub(super) const ID_TOKEN_FILE: &str = "id_token_file";

/// The environment variable for an attribute of either block.
pub(super) fn variable(name: &str) -> Option<&'static str> {
    Some(match name {
        AGENCY_NAME => "HW_ASSUME_ROLE_AGENCY_NAME",
        DOMAIN_NAME => "HW_ASSUME_ROLE_DOMAIN_NAME",
        DOMAIN_ID => "HW_ASSUME_ROLE_DOMAIN_ID",
        DURATION => "HW_ASSUME_ROLE_DURATION",
        IDP_ID => "HW_ASSUME_ROLE_IDP_ID",
        PROVIDER_URN => "HW_ASSUME_ROLE_PROVIDER_URN",
        ID_TOKEN => "HW_ASSUME_ROLE_ID_TOKEN",
        ID_TOKEN_FILE => "HW_ASSUME_ROLE_ID_TOKEN_FILE",
        _ => return None,
    })
}

pub(super) const BLOCKS: &[Block] = &[
    Block {
        name: ASSUME_ROLE,
        nesting: Nesting::List,
        description: "An agency to take on. Several blocks make a chain, each taken on with the one before.",
        attributes: &[NAME, ACCOUNT_NAME, ACCOUNT_ID, SECONDS],
        blocks: &[],
    },
    compat::IGNORE_TAGS,
    Block {
        name: WITH_OIDC,
        nesting: Nesting::List,
        description: "An agency to take on with the token of an identity provider (OpenID Connect), such as a CI \
                      system's. At most one block.",
        attributes: &[
            NAME,
            ACCOUNT_ID,
            SECONDS,
            Attribute::string(
                IDP_ID,
                "ID of the identity provider in IAM. Environment: `HW_ASSUME_ROLE_IDP_ID`.",
            ),
            Attribute::string(
                PROVIDER_URN,
                "URN of the identity provider, in place of `idp_id`: the agency is then taken on in one step instead \
                 of three. Environment: `HW_ASSUME_ROLE_PROVIDER_URN`.",
            ),
            Attribute::string(ID_TOKEN, "The token. Environment: `HW_ASSUME_ROLE_ID_TOKEN`.").sensitive(),
            Attribute::string(
                ID_TOKEN_FILE,
                "Path of a file with the token, which is read anew whenever it is needed. Environment: \
                 `HW_ASSUME_ROLE_ID_TOKEN_FILE`.",
            ),
        ],
        blocks: &[],
    },
];

const NAME: Attribute =
    Attribute::string(AGENCY_NAME, "Name of the agency. Environment: `HW_ASSUME_ROLE_AGENCY_NAME`.");
const ACCOUNT_NAME: Attribute = Attribute::string(
    DOMAIN_NAME,
    "Name of the account that lends the agency. Not used if `domain_id` comes from the same origin. Environment: \
     `HW_ASSUME_ROLE_DOMAIN_NAME`.",
);
const ACCOUNT_ID: Attribute = Attribute::string(
    DOMAIN_ID,
    "ID of the account that lends the agency; the token service (STS) is used with it. Environment: \
     `HW_ASSUME_ROLE_DOMAIN_ID`.",
);
const SECONDS: Attribute = Attribute::number(
    DURATION,
    "How long each key is good, in seconds, from 900. It is renewed in time. Environment: \
     `HW_ASSUME_ROLE_DURATION`. Default: `3600`.",
);
