//! Keys of an agency.

use super::{Error, KeyResponse};
use crate::huaweicloud::auth::agency::as_caller;
use crate::huaweicloud::auth::context::AuthContext;
use crate::huaweicloud::auth::{Agency, Credential, RequestAuth};

pub(super) async fn fetch(
    calls: AuthContext<'_>,
    base: &Credential,
    agency: &Agency,
) -> Result<KeyResponse, Error> {
    as_caller(calls, base, |pass| async move { assume(calls, agency, &pass).await }).await
}

pub(super) async fn assume(
    calls: AuthContext<'_>,
    agency: &Agency,
    pass: &RequestAuth,
) -> Result<KeyResponse, Error> {
    // The token service wants a signature; IAM takes tokens as well.
    match (agency.urn(), pass) {
        (Some(urn), RequestAuth::Key(_)) => {
            KeyResponse::of_sts(&agency.key_by_urn(calls, pass, &urn).await?.body, agency.step())
        }
        _ => KeyResponse::of_iam(&agency.key_by_name(calls, pass).await?.body, agency.step()),
    }
}
