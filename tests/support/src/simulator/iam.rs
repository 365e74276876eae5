//! The identity service: logins by password, and the account's projects.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::gateway::{Caller, request_id, rfc3339};
use super::wire::{Answer, Request};
use super::world::Project;
use super::{State, lock};

pub(super) struct Issued {
    project_id: String,
    expires: SystemTime,
}

/// `POST /v3/auth/tokens`.
pub(super) fn login(state: &State, request: &Request) -> Answer {
    let world = &state.world;
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return refusal(400, "The request body is invalid");
    };
    let identity = &body["auth"]["identity"];
    if identity["methods"] != json!(["password"]) {
        return refusal(400, "The request body is invalid");
    }
    let user = &identity["password"]["user"];
    let by_id = user["id"] == json!(world.user_id);
    let domain = &user["domain"];
    let in_account = domain["name"] == json!(world.account_name) || domain["id"] == json!(world.account_id);
    let by_name = user["name"] == json!(world.user_name) && in_account;
    if !(by_id || by_name) || user["password"] != json!(world.password) {
        return refusal(401, "The username or password is wrong.");
    }
    let scope = &body["auth"]["scope"]["project"];
    let wanted =
        |project: &&Project| scope["id"] == json!(project.id) || scope["name"] == json!(project.name);
    let Some(project) = world.projects.iter().find(wanted) else {
        return refusal(400, "The project in the scope does not exist.");
    };
    static LAST: AtomicU32 = AtomicU32::new(0);
    let token = format!("SIMULATEDTOKEN{:012}", LAST.fetch_add(1, Ordering::Relaxed));
    let now = state.now();
    let expires = now + world.token_lifetime;
    lock(&state.issued).insert(token.clone(), Issued { project_id: project.id.clone(), expires });
    let account = json!({ "id": world.account_id, "name": world.account_name });
    let body = json!({ "token": {
        "methods": ["password"],
        "expires_at": rfc3339(expires),
        "issued_at": rfc3339(now),
        "user": { "id": world.user_id, "name": world.user_name, "domain": account, "password_expires_at": "" },
        "project": { "id": project.id, "name": project.name, "domain": account },
        "roles": [{ "id": "0", "name": "te_admin" }],
        "catalog": [],
    } });
    traced(Answer::json(201, &body)).with("X-Subject-Token", token)
}

/// Who shows a token.
pub(super) fn bearer<'a>(state: &'a State, token: &str) -> Result<Caller<'a>, String> {
    if token == state.world.token {
        return Ok(Caller::Token { project_id: state.world.projects[0].id.clone() });
    }
    match lock(&state.issued).get(token) {
        None => Err("decrypt token fail".to_owned()),
        Some(issued) if issued.expires <= state.now() => {
            Err(format!("token expires, expires_at:{}", rfc3339(issued.expires)))
        }
        Some(issued) => Ok(Caller::Token { project_id: issued.project_id.clone() }),
    }
}

/// `GET /v3/projects`: those with exactly this name, or all.
pub(super) fn projects(state: &State, request: &Request, caller: &Caller<'_>) -> Answer {
    if matches!(caller, Caller::Key(key) if !key.may_list) {
        return refusal(403, "You are not authorized to perform the requested action.");
    }
    let name = request.query("name");
    let wanted =
        state.world.projects.iter().filter(|project| name.as_ref().is_none_or(|name| *name == project.name));
    let project = |project: &Project| {
        json!({
            "id": project.id,
            "name": project.name,
            "domain_id": state.world.account_id,
            "parent_id": state.world.account_id,
            "enabled": project.enabled,
            "is_domain": false,
            "description": "",
            "links": { "self": format!("https://iam.example.com/v3/projects/{}", project.id) },
        })
    };
    let links = json!({ "self": "https://iam.example.com/v3/projects", "next": null, "previous": null });
    let body = json!({ "projects": wanted.map(project).collect::<Vec<_>>(), "links": links });
    traced(Answer::json(200, &body))
}

/// The identity service's own form of an error, with a number for a code.
fn refusal(status: u16, message: &str) -> Answer {
    traced(Answer::json(
        status,
        &json!({ "error": { "code": status, "message": message, "title": "Refused" } }),
    ))
}

fn traced(answer: Answer) -> Answer {
    answer.with("X-IAM-Trace-Id", request_id())
}
