//! Keys of an agency.

use super::{Error, Parts};
use crate::huaweicloud::auth::agency::as_caller;
use crate::huaweicloud::auth::context::Calls;
use crate::huaweicloud::auth::{Agency, Credential, Pass};

pub(super) async fn fetch(calls: Calls<'_>, base: &Credential, agency: &Agency) -> Result<Parts, Error> {
    as_caller(calls, base, |pass| async move { assume(calls, agency, &pass).await }).await
}

pub(super) async fn assume(calls: Calls<'_>, agency: &Agency, pass: &Pass) -> Result<Parts, Error> {
    // The token service wants a signature; IAM takes tokens as well.
    match (agency.urn(), pass) {
        (Some(urn), Pass::Key(_)) => {
            Parts::of_sts(&agency.key_by_urn(calls, pass, &urn).await?.body, agency.step())
        }
        _ => Parts::of_iam(&agency.key_by_name(calls, pass).await?.body, agency.step()),
    }
}
