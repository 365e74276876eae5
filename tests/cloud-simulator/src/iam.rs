//! The identity service: tokens, temporary keys, and the account's projects.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::caller::{Caller, CallerAuth, Principal, TemporaryKey, duration};
use super::cloud_state::{Agency, Project};
use super::gateway::{microseconds, request_id, rfc3339, token_expires};
use super::wire::{HandlerResult, Request, Response};
use super::{SharedState, lock};

const INVALID: &str = "The request body is invalid";
const FORBIDDEN: &str = "You are not authorized to perform the requested action.";

/// `GET /v3/projects`: those with exactly this name, or all.
pub(super) fn projects(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    if !caller.principal.can_list_projects {
        return Err(refusal(403, FORBIDDEN));
    }
    let name = request.query("name");
    Ok(list(state, caller, |project| name.as_ref().is_none_or(|name| *name == project.name)))
}

/// `GET /v3/auth/projects`: those that the caller can use, for which no permission is needed.
pub(super) fn own_projects(state: &SharedState, caller: &Caller) -> Response {
    list(state, caller, |_| true)
}

/// `GET /v3/auth/domains`: the caller's account.
pub(super) fn domains(caller: &Caller) -> Response {
    let Principal { account_id, account_name, .. } = &caller.principal;
    let links = json!({ "self": format!("https://iam.example.com/v3/domains/{account_id}") });
    let account =
        json!({ "id": account_id, "name": account_name, "enabled": true, "description": "", "links": links });
    let links = json!({ "self": "https://iam.example.com/v3/auth/domains", "next": null, "previous": null });
    traced(Response::json(200, &json!({ "domains": [account], "links": links })))
}

fn list(state: &SharedState, caller: &Caller, wanted: impl Fn(&Project) -> bool) -> Response {
    let home = caller.principal.is_at_home(state);
    let wanted = state.cloud_state.projects.iter().filter(|project| home && wanted(project));
    let project = |project: &Project| {
        json!({
            "id": project.id,
            "name": project.name,
            "domain_id": state.cloud_state.account_id,
            "parent_id": state.cloud_state.account_id,
            "enabled": project.enabled,
            "is_domain": false,
            "description": "",
            "links": { "self": format!("https://iam.example.com/v3/projects/{}", project.id) },
        })
    };
    let links = json!({ "self": "https://iam.example.com/v3/projects", "next": null, "previous": null });
    let body = json!({ "projects": wanted.map(project).collect::<Vec<_>>(), "links": links });
    traced(Response::json(200, &body))
}

/// A signed request has to name the account of the key's principal.
fn at_home(request: &Request, caller: &Caller) -> Result<(), Response> {
    match (request.header("x-domain-id"), &caller.auth) {
        (None, CallerAuth::Token { .. }) => Ok(()),
        (Some(id), _) if id == caller.principal.account_id => Ok(()),
        (Some(_), _) => Err(refusal(403, "The account in X-Domain-Id is not the caller's.")),
        (None, CallerAuth::Key { .. }) => Err(refusal(400, "X-Domain-Id is missing.")),
    }
}

/// The agency that a body asks for, by either of the names that its own name goes by.
fn named_agency<'a>(state: &'a SharedState, role: &Value, caller: &Caller) -> Result<&'a Agency, Response> {
    let name = role["agency_name"].as_str().or_else(|| role["xrole_name"].as_str());
    let (id, account) = (role["domain_id"].as_str(), role["domain_name"].as_str());
    let Some(name) = name.filter(|_| id.or(account).is_some()) else {
        return Err(refusal(400, INVALID));
    };
    let wanted = |it: &&Agency| {
        it.name == name
            && id.is_none_or(|id| id == it.account_id)
            && account.is_none_or(|account| account == it.account_name)
    };
    let Some(agency) = state.cloud_state.agencies.iter().find(wanted) else {
        return Err(refusal(404, &format!("Could not find agency: {name}.")));
    };
    if !caller.principal.may_assume(agency) {
        return Err(refusal(403, FORBIDDEN));
    }
    Ok(agency)
}

/// The identity service's own form of an error, with a number for a code.
fn refusal(status: u16, message: &str) -> Response {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        _ => "Forbidden",
    };
    traced(Response::json(
        status,
        &json!({ "error": { "code": status, "message": message, "title": title } }),
    ))
}

fn traced(response: Response) -> Response {
    response.with("X-IAM-Trace-Id", request_id())
}

/// From a quarter of an hour, which is also the default, to a day.
fn lifetime(wanted: &Value) -> Result<std::time::Duration, Response> {
    duration(wanted, 900..=86400, 900).ok_or_else(|| refusal(400, "Invalid duration_seconds."))
}

/// `POST /v3.0/OS-CREDENTIAL/securitytokens` for an agency.
pub(super) fn agency_keys(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    let body = request.json();
    let identity = &body["auth"]["identity"];
    let role = &identity["assume_role"];
    if identity["methods"] != json!(["assume_role"]) {
        return Err(refusal(400, INVALID));
    }
    at_home(request, caller)?;
    let session = role["session_user"]["name"].as_str().unwrap_or(&caller.principal.name);
    let principal = Principal::agency(named_agency(state, role, caller)?, session);
    Ok(created(&state.issue_key(principal, lifetime(&role["duration_seconds"])?)))
}

/// The same for who shows a token, in the body or beside it.
pub(super) fn token_keys(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let wanted = &body["auth"]["identity"]["token"];
    let caller = bearer_of(state, wanted["id"].as_str().or_else(|| request.header("x-auth-token")))?;
    Ok(created(&state.issue_key(caller.principal, lifetime(&wanted["duration_seconds"])?)))
}

fn created(issued: &TemporaryKey) -> Response {
    traced(Response::json(201, &credential(issued)))
}

/// As the identity service and the metadata service write a temporary key.
pub(super) fn credential(issued: &TemporaryKey) -> Value {
    json!({ "credential": {
        "access": issued.key.id,
        "secret": issued.key.secret,
        "securitytoken": issued.security_token(),
        "expires_at": microseconds(issued.expires),
    } })
}

pub(super) struct IssuedToken {
    principal: Principal,
    project_id: Option<String>,
    expires: SystemTime,
}

/// `POST /v3/auth/tokens` by a password or by a token.
pub(super) fn login(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let (identity, scope) = (&body["auth"]["identity"], &body["auth"]["scope"]);
    match identity["methods"].as_array().map(Vec::as_slice) {
        Some([method]) if method == "password" => by_password(state, &identity["password"]["user"], scope),
        Some([method]) if method == "token" => {
            issue(state, "token", bearer_of(state, identity["token"]["id"].as_str())?.principal, scope)
        }
        _ => Err(refusal(400, INVALID)),
    }
}

fn by_password(state: &SharedState, user: &Value, scope: &Value) -> HandlerResult {
    let cloud_state = &state.cloud_state;
    let named = user["id"].is_string() || (user["name"].is_string() && user["domain"].is_object());
    if !named || !user["password"].is_string() {
        return Err(refusal(400, INVALID));
    }
    let principal = Principal::user(cloud_state);
    let by_id = user["id"] == json!(cloud_state.user_id);
    let by_name = user["name"] == json!(cloud_state.user_name) && principal.is_of(&user["domain"]);
    if !(by_id || by_name) || user["password"] != json!(cloud_state.password) {
        return Err(refusal(401, "The username or password is wrong."));
    }
    issue(state, "password", principal, scope)
}

/// `POST /v3/auth/tokens` for an agency, signed or with a token.
pub(super) fn agency_token(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    let body = request.json();
    at_home(request, caller)?;
    let agency = named_agency(state, &body["auth"]["identity"]["assume_role"], caller)?;
    issue(state, "assume_role", Principal::agency(agency, &caller.principal.name), &body["auth"]["scope"])
}

/// `POST /v3.0/OS-AUTH/id-token/tokens`.
pub(super) fn federated_token(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let auth = &body["auth"];
    let (Some(idp_id), Some(id_token)) = (request.header("x-idp-id"), auth["id_token"]["id"].as_str()) else {
        return Err(refusal(400, INVALID));
    };
    if idp_id != state.cloud_state.identity_provider.idp_id {
        return Err(refusal(404, &format!("Could not find identity provider: {idp_id}.")));
    }
    if id_token != *lock(&state.id_token) {
        return Err(refusal(401, "The id token is invalid or has expired."));
    }
    issue(state, "mapped", Principal::guest(&state.cloud_state), &auth["scope"])
}

fn issue(state: &SharedState, method: &str, principal: Principal, scope: &Value) -> HandlerResult {
    let cloud_state = &state.cloud_state;
    let wanted = |project: &&Project| {
        let scope = &scope["project"];
        scope["id"] == json!(project.id) || scope["name"] == json!(project.name)
    };
    // Without a project a token is the account's, also when no scope is given.
    let project = cloud_state.projects.iter().find(wanted).filter(|_| principal.is_at_home(state));
    if project.is_none() && !scope.is_null() && !principal.is_of(&scope["domain"]) {
        return Err(refusal(400, "The scope does not exist."));
    }
    static LAST: AtomicU32 = AtomicU32::new(0);
    let token = format!("SIMULATEDTOKEN{:012}", LAST.fetch_add(1, Ordering::Relaxed));
    let now = state.now();
    let expires = now + cloud_state.token_lifetime;
    let account = json!({ "id": principal.account_id, "name": principal.account_name });
    let mut body = json!({ "token": {
        "methods": [method],
        "expires_at": rfc3339(expires),
        "issued_at": rfc3339(now),
        "user": { "id": principal.id, "name": principal.name, "domain": account, "password_expires_at": "" },
        "roles": [{ "id": "0", "name": "te_admin" }],
        "catalog": [],
    } });
    match project {
        Some(it) => body["token"]["project"] = json!({ "id": it.id, "name": it.name, "domain": account }),
        None => body["token"]["domain"] = account,
    }
    let issued = IssuedToken { principal, project_id: project.map(|it| it.id.clone()), expires };
    lock(&state.issued).insert(token.clone(), issued);
    Ok(traced(Response::json(201, &body)).with("X-Subject-Token", token))
}

/// Who shows the token of a body.
fn bearer_of(state: &SharedState, token: Option<&str>) -> Result<Caller, Response> {
    let token = token.ok_or_else(|| refusal(400, INVALID))?;
    bearer(state, token).map_err(|_| refusal(401, "The token must be updated."))
}

/// Who shows a token.
pub(super) fn bearer(state: &SharedState, token: &str) -> Result<Caller, String> {
    let cloud_state = &state.cloud_state;
    if token == cloud_state.token {
        let auth = CallerAuth::Token { project_id: Some(cloud_state.projects[0].id.clone()) };
        return Ok(Caller { principal: Principal::user(cloud_state), auth });
    }
    match lock(&state.issued).get(token) {
        None => Err("decrypt token fail".to_owned()),
        Some(issued) if issued.expires <= state.now() => Err(token_expires(issued.expires)),
        Some(issued) => Ok(Caller {
            principal: issued.principal.clone(),
            auth: CallerAuth::Token { project_id: issued.project_id.clone() },
        }),
    }
}
