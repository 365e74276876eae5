//! Temporary access keys of the identity service (v3): of an agency, or of the owner of a token.

use serde_json::{Value, json};

use super::{INVALID, at_home, named_agency, refusal, token, traced};
use crate::State;
use crate::caller::{Caller, Owner};
use crate::gateway::microseconds;
use crate::temporary::{Temporary, duration};
use crate::wire::{Answer, Request};

/// From a quarter of an hour, which is also the default, to a day.
fn lifetime(wanted: &Value) -> Result<std::time::Duration, Answer> {
    duration(wanted, 900..=86400, 900).ok_or_else(|| refusal(400, "Invalid duration_seconds."))
}

/// `POST /v3.0/OS-CREDENTIAL/securitytokens` for an agency.
pub(crate) fn of_agency(state: &State, request: &Request, caller: &Caller) -> Answer {
    let body = request.json();
    let identity = &body["auth"]["identity"];
    let role = &identity["assume_role"];
    if identity["methods"] != json!(["assume_role"]) {
        return refusal(400, INVALID);
    }
    if let Err(refused) = at_home(request, caller) {
        return refused;
    }
    let session = role["session_user"]["name"].as_str().unwrap_or(&caller.owner.name);
    let owner = named_agency(state, role, caller).map(|agency| Owner::agency(agency, session));
    match owner.and_then(|owner| Ok((owner, lifetime(&role["duration_seconds"])?))) {
        Ok((owner, lifetime)) => created(&state.issue_key(owner, lifetime)),
        Err(refused) => refused,
    }
}

/// The same for who shows a token, in the body or beside it.
pub(crate) fn of_token(state: &State, request: &Request) -> Answer {
    let body = request.json();
    let wanted = &body["auth"]["identity"]["token"];
    let Some(token) = wanted["id"].as_str().or_else(|| request.header("x-auth-token")) else {
        return refusal(400, INVALID);
    };
    let Ok(caller) = token::bearer(state, token) else {
        return refusal(401, "The token must be updated.");
    };
    match lifetime(&wanted["duration_seconds"]) {
        Ok(lifetime) => created(&state.issue_key(caller.owner, lifetime)),
        Err(refused) => refused,
    }
}

fn created(issued: &Temporary) -> Answer {
    traced(Answer::json(201, &credential(issued)))
}

/// As the identity service and the metadata service write a temporary key.
pub(crate) fn credential(issued: &Temporary) -> Value {
    json!({ "credential": {
        "access": issued.key.id,
        "secret": issued.key.secret,
        "securitytoken": issued.security_token(),
        "expires_at": microseconds(issued.expires),
    } })
}
