//! The STS service (v5): assumes agencies, and returns the identity of the caller.

use serde_json::{Value, json};

use super::caller::{Caller, CallerAuth, Principal, parse_lifetime};
use super::cloud_state::Agency;
use super::gateway::{milliseconds, request_id};
use super::wire::{HandlerResult, Request, Response};
use super::{SharedState, lock};

/// Maximum lifetime in an agency chain, in seconds.
const MAX_CHAINED_LIFETIME: u64 = 3600;

/// `POST /v5/agencies/assume`.
pub(super) fn assume(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    let max_lifetime = match caller.auth {
        CallerAuth::Key { temporary: false } => 43200,
        CallerAuth::Key { temporary: true } => MAX_CHAINED_LIFETIME,
        CallerAuth::Token { .. } => {
            return Err(error_response(401, "STS5.1001", "the request has to be signed"));
        }
    };
    assume_agency(state, request, &caller.principal, max_lifetime)
}

/// `POST /v5/agencies/assume-with-oidc`.
pub(super) fn assume_with_oidc(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let (Some(provider), Some(id_token)) = (body["provider_urn"].as_str(), body["id_token"].as_str()) else {
        return Err(error_response(400, "STS5.1002", "provider_urn and id_token are required"));
    };
    if provider != state.cloud_state.identity_provider.provider_urn {
        return Err(error_response(404, "STS5.1107", &format!("the provider '{provider}' cannot be found")));
    }
    if id_token != *lock(&state.id_token) {
        return Err(error_response(401, "STS5.1003", "the id token is invalid or has expired"));
    }
    assume_agency(state, request, &Principal::federated_user(&state.cloud_state), 43200)
}

/// `GET /v5/caller-identity`.
pub(super) fn identity(caller: &Caller) -> Response {
    let Principal { account_id, id, urn, .. } = &caller.principal;
    let body = json!({ "account_id": account_id, "principal_id": id, "principal_urn": urn });
    Response::json(200, &body).with("X-Request-Id", request_id())
}

fn assume_agency(
    state: &SharedState,
    request: &Request,
    caller: &Principal,
    max_lifetime: u64,
) -> HandlerResult {
    let body = request.json();
    let urn = body["agency_urn"].as_str().unwrap_or_default();
    let ["iam", "", _, "agency", _] = urn.split(':').collect::<Vec<_>>()[..] else {
        return Err(error_response(400, "STS5.1002", "agency_urn is not the URN of an agency"));
    };
    let session = body["agency_session_name"].as_str().unwrap_or_default();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(2..=64).contains(&session.len()) || !session.bytes().all(is_allowed) {
        return Err(error_response(400, "STS5.1002", "agency_session_name is missing or invalid"));
    }
    let lifetime = parse_lifetime(&body["duration_seconds"], 900..=max_lifetime, 3600).ok_or_else(|| {
        error_response(400, "STS5.1002", &format!("duration_seconds is not from 900 to {max_lifetime}"))
    })?;
    let agency = state.cloud_state.agencies.iter().find(|agency| agency.urn() == urn);
    let not_found = || error_response(404, "STS5.1106", &format!("the agency '{urn}' cannot be found"));
    let agency = agency.ok_or_else(not_found)?;
    if !caller.may_assume(agency) {
        return Err(access_denied(caller, agency));
    }
    let principal = Principal::agency(agency, session);
    let assumed = json!({ "urn": principal.urn, "id": principal.id });
    let issued = state.issue_key(principal, lifetime);
    let credentials = json!({
        "access_key_id": issued.key.id,
        "secret_access_key": issued.key.secret,
        "security_token": issued.security_token(),
        "expiration": milliseconds(issued.expires_at),
    });
    let body = json!({ "credentials": credentials, "assumed_agency": assumed });
    Ok(Response::json(200, &body).with("X-Request-Id", request_id()))
}

/// The error response if the agency's trust policy rejects the caller. It has an encoded message.
fn access_denied(caller: &Principal, agency: &Agency) -> Response {
    let text =
        format!("access denied: {} may not perform sts:agencies:assume on {}", caller.urn, agency.urn());
    let encoded = "AQID";
    let body =
        json!({ "error_code": "PAP5.0001", "error_msg": text, "encoded_authorization_message": encoded });
    with_request_id(403, body)
}

fn error_response(status: u16, code: &str, message: &str) -> Response {
    with_request_id(status, json!({ "error_code": code, "error_msg": message }))
}

/// Adds the request ID. Unlike other services, STS also has it in the body.
fn with_request_id(status: u16, mut body: Value) -> Response {
    let id = request_id();
    body["request_id"] = json!(id);
    Response::json(status, &body).with("X-Request-Id", id)
}
