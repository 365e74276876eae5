//! Tokens of the identity service: by password, by another token, for an agency, and for an identity provider's token.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{INVALID, at_home, named_agency, refusal, traced};
use crate::caller::{Caller, Owner, Proof};
use crate::gateway::{rfc3339, token_expires};
use crate::wire::{Answer, Request};
use crate::world::Project;
use crate::{State, lock};

pub(crate) struct Issued {
    owner: Owner,
    project_id: Option<String>,
    expires: SystemTime,
}

/// `POST /v3/auth/tokens` by a password or by a token.
pub(crate) fn login(state: &State, request: &Request) -> Answer {
    let body = request.json();
    let (identity, scope) = (&body["auth"]["identity"], &body["auth"]["scope"]);
    match identity["methods"].as_array().map(Vec::as_slice) {
        Some([method]) if method == "password" => by_password(state, &identity["password"]["user"], scope),
        Some([method]) if method == "token" => match identity["token"]["id"].as_str() {
            None => refusal(400, INVALID),
            Some(token) => match bearer(state, token) {
                Ok(caller) => issue(state, "token", caller.owner, scope),
                Err(_) => refusal(401, "The token must be updated."),
            },
        },
        _ => refusal(400, INVALID),
    }
}

fn by_password(state: &State, user: &Value, scope: &Value) -> Answer {
    let world = &state.world;
    let named = user["id"].is_string() || (user["name"].is_string() && user["domain"].is_object());
    if !named || !user["password"].is_string() {
        return refusal(400, INVALID);
    }
    let owner = Owner::user(world);
    let by_id = user["id"] == json!(world.user_id);
    let by_name = user["name"] == json!(world.user_name) && owner.is_of(&user["domain"]);
    if !(by_id || by_name) || user["password"] != json!(world.password) {
        return refusal(401, "The username or password is wrong.");
    }
    issue(state, "password", owner, scope)
}

/// `POST /v3/auth/tokens` for an agency, signed or with a token.
pub(crate) fn of_agency(state: &State, request: &Request, caller: &Caller) -> Answer {
    let body = request.json();
    if let Err(refused) = at_home(request, caller) {
        return refused;
    }
    match named_agency(state, &body["auth"]["identity"]["assume_role"], caller) {
        Ok(agency) => {
            issue(state, "assume_role", Owner::agency(agency, &caller.owner.name), &body["auth"]["scope"])
        }
        Err(refused) => refused,
    }
}

/// `POST /v3.0/OS-AUTH/id-token/tokens`.
pub(crate) fn federated(state: &State, request: &Request) -> Answer {
    let body = request.json();
    let auth = &body["auth"];
    let (Some(idp_id), Some(id_token)) = (request.header("x-idp-id"), auth["id_token"]["id"].as_str()) else {
        return refusal(400, INVALID);
    };
    if idp_id != state.world.identity_provider.idp_id {
        return refusal(404, &format!("Could not find identity provider: {idp_id}."));
    }
    if id_token != *lock(&state.id_token) {
        return refusal(401, "The id token is invalid or has expired.");
    }
    issue(state, "mapped", Owner::guest(&state.world), &auth["scope"])
}

fn issue(state: &State, method: &str, owner: Owner, scope: &Value) -> Answer {
    let world = &state.world;
    let wanted = |project: &&Project| {
        let scope = &scope["project"];
        scope["id"] == json!(project.id) || scope["name"] == json!(project.name)
    };
    // Without a project a token is the account's, also when no scope is given.
    let project = world.projects.iter().find(wanted).filter(|_| owner.is_at_home(state));
    if project.is_none() && !scope.is_null() && !owner.is_of(&scope["domain"]) {
        return refusal(400, "The scope does not exist.");
    }
    static LAST: AtomicU32 = AtomicU32::new(0);
    let token = format!("SIMULATEDTOKEN{:012}", LAST.fetch_add(1, Ordering::Relaxed));
    let now = state.now();
    let expires = now + world.token_lifetime;
    let account = json!({ "id": owner.account_id, "name": owner.account_name });
    let mut body = json!({ "token": {
        "methods": [method],
        "expires_at": rfc3339(expires),
        "issued_at": rfc3339(now),
        "user": { "id": owner.id, "name": owner.name, "domain": account, "password_expires_at": "" },
        "roles": [{ "id": "0", "name": "te_admin" }],
        "catalog": [],
    } });
    match project {
        Some(it) => body["token"]["project"] = json!({ "id": it.id, "name": it.name, "domain": account }),
        None => body["token"]["domain"] = account,
    }
    let issued = Issued { owner, project_id: project.map(|it| it.id.clone()), expires };
    lock(&state.issued).insert(token.clone(), issued);
    traced(Answer::json(201, &body)).with("X-Subject-Token", token)
}

/// Who shows a token.
pub(crate) fn bearer(state: &State, token: &str) -> Result<Caller, String> {
    let world = &state.world;
    if token == world.token {
        let proof = Proof::Token { project_id: Some(world.projects[0].id.clone()) };
        return Ok(Caller { owner: Owner::user(world), proof });
    }
    match lock(&state.issued).get(token) {
        None => Err("decrypt token fail".to_owned()),
        Some(issued) if issued.expires <= state.now() => Err(token_expires(issued.expires)),
        Some(issued) => Ok(Caller {
            owner: issued.owner.clone(),
            proof: Proof::Token { project_id: issued.project_id.clone() },
        }),
    }
}
