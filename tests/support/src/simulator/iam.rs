//! The identity service: logins by password, and the account's projects.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::gateway::{Caller, request_id, rfc3339};
use super::wire::{Answer, Request};
use super::world::{Project, World};
use super::{State, lock};

pub(super) struct Issued {
    project_id: Option<String>,
    expires: SystemTime,
}

/// `POST /v3/auth/tokens`.
pub(super) fn login(state: &State, request: &Request) -> Answer {
    let world = &state.world;
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return refusal(400, "The request body is invalid");
    };
    let identity = &body["auth"]["identity"];
    let user = &identity["password"]["user"];
    let named = user["id"].is_string() || (user["name"].is_string() && user["domain"].is_object());
    if identity["methods"] != json!(["password"]) || !named || !user["password"].is_string() {
        return refusal(400, "The request body is invalid");
    }
    let by_id = user["id"] == json!(world.user_id);
    let is_account = |domain: &Value| {
        domain["name"] == json!(world.account_name) || domain["id"] == json!(world.account_id)
    };
    let by_name = user["name"] == json!(world.user_name) && is_account(&user["domain"]);
    if !(by_id || by_name) || user["password"] != json!(world.password) {
        return refusal(401, "The username or password is wrong.");
    }
    let scope = &body["auth"]["scope"];
    let wanted = |project: &&Project| {
        let scope = &scope["project"];
        scope["id"] == json!(project.id) || scope["name"] == json!(project.name)
    };
    // Without a project a token is the account's, also when no scope is given.
    let project = world.projects.iter().find(wanted);
    if project.is_none() && !scope.is_null() && !is_account(&scope["domain"]) {
        return refusal(400, "The scope does not exist.");
    }
    static LAST: AtomicU32 = AtomicU32::new(0);
    let token = format!("SIMULATEDTOKEN{:012}", LAST.fetch_add(1, Ordering::Relaxed));
    let now = state.now();
    let expires = now + world.token_lifetime;
    lock(&state.issued)
        .insert(token.clone(), Issued { project_id: project.map(|it| it.id.clone()), expires });
    let account = json!({ "id": world.account_id, "name": world.account_name });
    let mut body = json!({ "token": {
        "methods": ["password"],
        "expires_at": rfc3339(expires),
        "issued_at": rfc3339(now),
        "user": { "id": world.user_id, "name": world.user_name, "domain": account, "password_expires_at": "" },
        "roles": [{ "id": "0", "name": "te_admin" }],
        "catalog": [],
    } });
    match project {
        Some(it) => body["token"]["project"] = json!({ "id": it.id, "name": it.name, "domain": account }),
        None => body["token"]["domain"] = account,
    }
    traced(Answer::json(201, &body)).with("X-Subject-Token", token)
}

/// Who shows a token.
pub(super) fn bearer<'a>(state: &'a State, token: &str) -> Result<Caller<'a>, String> {
    if token == state.world.token {
        return Ok(Caller::Token { project_id: Some(state.world.projects[0].id.clone()) });
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
    list(state, |project| name.as_ref().is_none_or(|name| *name == project.name))
}

/// `GET /v3/auth/projects`: those that the caller can use, for which no permission is needed.
pub(super) fn own_projects(state: &State) -> Answer {
    list(state, |_| true)
}

/// `GET /v3/auth/domains`: the caller's account.
pub(super) fn domains(state: &State) -> Answer {
    let World { account_id, account_name, .. } = &state.world;
    let links = json!({ "self": format!("https://iam.example.com/v3/domains/{account_id}") });
    let account =
        json!({ "id": account_id, "name": account_name, "enabled": true, "description": "", "links": links });
    let links = json!({ "self": "https://iam.example.com/v3/auth/domains", "next": null, "previous": null });
    traced(Answer::json(200, &json!({ "domains": [account], "links": links })))
}

fn list(state: &State, wanted: impl Fn(&Project) -> bool) -> Answer {
    let wanted = state.world.projects.iter().filter(|project| wanted(project));
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
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        _ => "Forbidden",
    };
    traced(Answer::json(status, &json!({ "error": { "code": status, "message": message, "title": title } })))
}

fn traced(answer: Answer) -> Answer {
    answer.with("X-IAM-Trace-Id", request_id())
}
