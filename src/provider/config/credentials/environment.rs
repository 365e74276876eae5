//! The families of environment variables, each by itself: two tools' variables make no whole.

use super::{Answer, Source, oidc};
use crate::huaweicloud::auth::Credential;
use crate::provider::config::partial_credential::{PartialCredential, WAYS};
use crate::provider::config::reader::ConfigReader;

pub(super) const OWN: Source = Source {
    place: "environment, the provider's own variables",
    needs: "`HW_ASSUME_ROLE_IDP_ID` with `HW_ASSUME_ROLE_ID_TOKEN` or `HW_ASSUME_ROLE_ID_TOKEN_FILE`; `HW_AUTH_TOKEN`; \
            `HW_ACCESS_KEY` and `HW_SECRET_KEY` (and `HW_SECURITY_TOKEN`); `HW_USER_PASSWORD` with `HW_USER_ID`, or \
            with `HW_USER_NAME` and an account",
    look: |given, _| family(given, "HW_", oidc::of_variables),
};

pub(super) const OPENSTACK: Source = Source {
    place: "environment, variables of OpenStack",
    needs: "`OS_AUTH_TOKEN`; `OS_ACCESS_KEY` and `OS_SECRET_KEY`; `OS_PASSWORD` with `OS_USER_ID`, or with `OS_USERNAME` \
            and an account",
    look: |given, _| family(given, "OS_", |_| Ok(None)),
};

pub(super) const SDK: Source = Source {
    place: "environment, variables of the official SDKs",
    needs: "`HUAWEICLOUD_OIDC_PROVIDER_URN` and `HUAWEICLOUD_OIDC_AGENCY_URN` with `HUAWEICLOUD_OIDC_ID_TOKEN` or \
            `HUAWEICLOUD_OIDC_TOKEN_FILE`; `HUAWEICLOUD_SDK_IDP_ID` and `HUAWEICLOUD_SDK_ID_TOKEN_FILE`; \
            `HUAWEICLOUD_SDK_AK` and `HUAWEICLOUD_SDK_SK` (and `HUAWEICLOUD_SDK_SECURITY_TOKEN`)",
    look: |given, _| family(given, "HUAWEICLOUD_SDK_", oidc::of_sdk),
};

/// An identity provider's token goes before keys, as with the tools whose variables these are.
fn family(
    given: &mut ConfigReader<'_>,
    prefix: &'static str,
    federation: fn(&mut ConfigReader<'_>) -> Result<Option<Credential>, ()>,
) -> Answer {
    match federation(given) {
        // A login takes a token to IAM and is asked for no account either way.
        Ok(Some(credential)) => return Answer::agency(credential),
        Ok(None) => {}
        Err(()) => return Answer::Stop,
    }
    match WAYS.iter().find_map(|way| PartialCredential::in_environment(given, way, prefix)) {
        Some(parts) => Answer::whole(parts, given),
        None => Answer::Nothing(format!("no variable {prefix}* gives one")),
    }
}
