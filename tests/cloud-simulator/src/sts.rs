//! The token service (v5): temporary keys of an agency, for a signed request or for an identity provider's token, and
//! who the caller is.

use serde_json::{Value, json};

use super::caller::{Caller, CallerAuth, Principal, duration};
use super::cloud_state::Agency;
use super::gateway::{milliseconds, request_id};
use super::wire::{HandlerResult, Request, Response};
use super::{SharedState, lock};

/// The longest session that a temporary key can start, in seconds.
const CHAINED: u64 = 3600;

/// `POST /v5/agencies/assume`.
pub(super) fn assume(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    let longest = match caller.auth {
        CallerAuth::Key { temporary: false } => 43200,
        CallerAuth::Key { temporary: true } => CHAINED,
        CallerAuth::Token { .. } => return Err(refusal(401, "STS5.1001", "the request has to be signed")),
    };
    session(state, request, &caller.principal, longest)
}

/// `POST /v5/agencies/assume-with-oidc`.
pub(super) fn assume_with_oidc(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let (Some(provider), Some(id_token)) = (body["provider_urn"].as_str(), body["id_token"].as_str()) else {
        return Err(refusal(400, "STS5.1002", "provider_urn and id_token are required"));
    };
    if provider != state.cloud_state.identity_provider.provider_urn {
        return Err(refusal(404, "STS5.1107", &format!("the provider '{provider}' cannot be found")));
    }
    if id_token != *lock(&state.id_token) {
        return Err(refusal(401, "STS5.1003", "the id token is invalid or has expired"));
    }
    session(state, request, &Principal::guest(&state.cloud_state), 43200)
}

/// `GET /v5/caller-identity`.
pub(super) fn identity(caller: &Caller) -> Response {
    let Principal { account_id, id, urn, .. } = &caller.principal;
    let body = json!({ "account_id": account_id, "principal_id": id, "principal_urn": urn });
    Response::json(200, &body).with("X-Request-Id", request_id())
}

fn session(state: &SharedState, request: &Request, guest: &Principal, longest: u64) -> HandlerResult {
    let body = request.json();
    let urn = body["agency_urn"].as_str().unwrap_or_default();
    let ["iam", "", _, "agency", _] = urn.split(':').collect::<Vec<_>>()[..] else {
        return Err(refusal(400, "STS5.1002", "agency_urn is not the URN of an agency"));
    };
    let session = body["agency_session_name"].as_str().unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(2..=64).contains(&session.len()) || !session.bytes().all(fits) {
        return Err(refusal(400, "STS5.1002", "agency_session_name is missing or invalid"));
    }
    let lifetime = duration(&body["duration_seconds"], 900..=longest, 3600).ok_or_else(|| {
        refusal(400, "STS5.1002", &format!("duration_seconds is not from 900 to {longest}"))
    })?;
    let agency = state.cloud_state.agencies.iter().find(|agency| agency.urn() == urn);
    let missing = || refusal(404, "STS5.1106", &format!("the agency '{urn}' cannot be found"));
    let agency = agency.ok_or_else(missing)?;
    if !guest.may_assume(agency) {
        return Err(denial(guest, agency));
    }
    let principal = Principal::agency(agency, session);
    let assumed = json!({ "urn": principal.urn, "id": principal.id });
    let issued = state.issue_key(principal, lifetime);
    let credentials = json!({
        "access_key_id": issued.key.id,
        "secret_access_key": issued.key.secret,
        "security_token": issued.security_token(),
        "expiration": milliseconds(issued.expires),
    });
    let body = json!({ "credentials": credentials, "assumed_agency": assumed });
    Ok(Response::json(200, &body).with("X-Request-Id", request_id()))
}

/// By the agency's trust policy, with the encoded message that such refusals carry.
fn denial(guest: &Principal, agency: &Agency) -> Response {
    let text =
        format!("access denied: {} may not perform sts:agencies:assume on {}", guest.urn, agency.urn());
    let encoded = "AQID";
    let body =
        json!({ "error_code": "PAP5.0001", "error_msg": text, "encoded_authorization_message": encoded });
    refuse(403, body)
}

fn refusal(status: u16, code: &str, message: &str) -> Response {
    refuse(status, json!({ "error_code": code, "error_msg": message }))
}

/// Unlike other services this one repeats the request ID in each of its bodies.
fn refuse(status: u16, mut body: Value) -> Response {
    let id = request_id();
    body["request_id"] = json!(id);
    Response::json(status, &body).with("X-Request-Id", id)
}
