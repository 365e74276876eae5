//! The IAM service: tokens, temporary keys, projects and the account.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::caller::{Caller, CallerAuth, Principal, TemporaryKey, parse_lifetime};
use super::cloud_state::{Agency, Project};
use super::gateway::{microseconds, request_id, token_expired};
use super::wire::{HandlerResult, Request, Response};
use super::{SharedState, lock};

const INVALID: &str = "The request body is invalid";
const FORBIDDEN: &str = "You are not authorized to perform the requested action.";

/// `GET /v3/projects`: all projects, or those with exactly this name.
pub(super) fn projects(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    if !caller.principal.can_list_projects {
        return Err(error_response(403, FORBIDDEN));
    }
    let name = request.query("name");
    Ok(list(state, caller, |project| name.as_ref().is_none_or(|name| *name == project.name)))
}

/// `GET /v3/auth/projects`: the projects of the caller. Requires no permission.
pub(super) fn caller_projects(state: &SharedState, caller: &Caller) -> Response {
    list(state, caller, |_| true)
}

/// `GET /v3/auth/domains`: the caller's account.
pub(super) fn domains(caller: &Caller) -> Response {
    let Principal { account_id, account_name, .. } = &caller.principal;
    let links = json!({ "self": format!("https://iam.example.com/v3/domains/{account_id}") });
    let account =
        json!({ "id": account_id, "name": account_name, "enabled": true, "description": "", "links": links });
    let links = json!({ "self": "https://iam.example.com/v3/auth/domains", "next": null, "previous": null });
    with_trace_id(Response::json(200, &json!({ "domains": [account], "links": links })))
}

fn list(state: &SharedState, caller: &Caller, filter: impl Fn(&Project) -> bool) -> Response {
    let is_owner = caller.principal.owns_projects(state);
    let projects = state.cloud_state.projects.iter().filter(|project| is_owner && filter(project));
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
    let body = json!({ "projects": projects.map(project).collect::<Vec<_>>(), "links": links });
    with_trace_id(Response::json(200, &body))
}

/// Checks `X-Domain-Id`: it must be the caller's account, and signed requests must have it.
fn check_domain_id(request: &Request, caller: &Caller) -> Result<(), Response> {
    match (request.header("x-domain-id"), &caller.auth) {
        (None, CallerAuth::Token { .. }) => Ok(()),
        (Some(id), _) if id == caller.principal.account_id => Ok(()),
        (Some(_), _) => Err(error_response(403, "The account in X-Domain-Id is not the caller's.")),
        (None, CallerAuth::Key { .. }) => Err(error_response(400, "X-Domain-Id is missing.")),
    }
}

/// Returns the agency of an `assume_role` object. `agency_name` and `xrole_name` are synonyms.
fn find_agency<'a>(state: &'a SharedState, role: &Value, caller: &Caller) -> Result<&'a Agency, Response> {
    let name = role["agency_name"].as_str().or_else(|| role["xrole_name"].as_str());
    let (id, account) = (role["domain_id"].as_str(), role["domain_name"].as_str());
    let Some(name) = name.filter(|_| id.or(account).is_some()) else {
        return Err(error_response(400, INVALID));
    };
    let matches = |agency: &&Agency| {
        agency.name == name
            && id.is_none_or(|id| id == agency.account_id)
            && account.is_none_or(|account| account == agency.account_name)
    };
    let Some(agency) = state.cloud_state.agencies.iter().find(matches) else {
        return Err(error_response(404, &format!("Could not find agency: {name}.")));
    };
    if !caller.principal.may_assume(agency) {
        return Err(error_response(403, FORBIDDEN));
    }
    Ok(agency)
}

/// An error response in the format of IAM: the code is the HTTP status.
fn error_response(status: u16, message: &str) -> Response {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        _ => "Forbidden",
    };
    with_trace_id(Response::json(
        status,
        &json!({ "error": { "code": status, "message": message, "title": title } }),
    ))
}

fn with_trace_id(response: Response) -> Response {
    response.with("X-IAM-Trace-Id", request_id())
}

/// Parses `duration_seconds`: 15 minutes (the default) to 24 hours.
fn duration_seconds(requested: &Value) -> Result<std::time::Duration, Response> {
    parse_lifetime(requested, 900..=86400, 900)
        .ok_or_else(|| error_response(400, "Invalid duration_seconds."))
}

/// `POST /v3.0/OS-CREDENTIAL/securitytokens` for an agency.
pub(super) fn agency_keys(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    let body = request.json();
    let identity = &body["auth"]["identity"];
    let role = &identity["assume_role"];
    if identity["methods"] != json!(["assume_role"]) {
        return Err(error_response(400, INVALID));
    }
    check_domain_id(request, caller)?;
    let session = role["session_user"]["name"].as_str().unwrap_or(&caller.principal.name);
    let principal = Principal::agency(find_agency(state, role, caller)?, session);
    Ok(key_response(&state.issue_key(principal, duration_seconds(&role["duration_seconds"])?)))
}

/// `POST /v3.0/OS-CREDENTIAL/securitytokens` with a token in the body or in `X-Auth-Token`.
pub(super) fn token_keys(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let token = &body["auth"]["identity"]["token"];
    let caller = token_caller(state, token["id"].as_str().or_else(|| request.header("x-auth-token")))?;
    Ok(key_response(&state.issue_key(caller.principal, duration_seconds(&token["duration_seconds"])?)))
}

fn key_response(issued: &TemporaryKey) -> Response {
    with_trace_id(Response::json(201, &credential_json(issued)))
}

/// A temporary key in the format of IAM and the ECS metadata service.
pub(super) fn credential_json(issued: &TemporaryKey) -> Value {
    json!({ "credential": {
        "access": issued.key.id,
        "secret": issued.key.secret,
        "securitytoken": issued.security_token(),
        "expires_at": microseconds(issued.expires_at),
    } })
}

/// A token that IAM issued.
pub(super) struct IssuedToken {
    principal: Principal,
    project_id: Option<String>,
    expires_at: SystemTime,
}

/// `POST /v3/auth/tokens` with a password or a token.
pub(super) fn create_token(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let (identity, scope) = (&body["auth"]["identity"], &body["auth"]["scope"]);
    match identity["methods"].as_array().map(Vec::as_slice) {
        Some([method]) if method == "password" => password_token(state, &identity["password"]["user"], scope),
        Some([method]) if method == "token" => issue_token(
            state,
            "token",
            token_caller(state, identity["token"]["id"].as_str())?.principal,
            scope,
        ),
        _ => Err(error_response(400, INVALID)),
    }
}

fn password_token(state: &SharedState, user: &Value, scope: &Value) -> HandlerResult {
    let cloud_state = &state.cloud_state;
    let has_user = user["id"].is_string() || (user["name"].is_string() && user["domain"].is_object());
    if !has_user || !user["password"].is_string() {
        return Err(error_response(400, INVALID));
    }
    let principal = Principal::user(cloud_state);
    let by_id = user["id"] == json!(cloud_state.user_id);
    let by_name = user["name"] == json!(cloud_state.user_name) && principal.belongs_to(&user["domain"]);
    if !(by_id || by_name) || user["password"] != json!(cloud_state.password) {
        return Err(error_response(401, "The username or password is wrong."));
    }
    issue_token(state, "password", principal, scope)
}

/// `POST /v3/auth/tokens` for an agency, with a signature or a token.
pub(super) fn agency_token(state: &SharedState, request: &Request, caller: &Caller) -> HandlerResult {
    let body = request.json();
    check_domain_id(request, caller)?;
    let agency = find_agency(state, &body["auth"]["identity"]["assume_role"], caller)?;
    issue_token(
        state,
        "assume_role",
        Principal::agency(agency, &caller.principal.name),
        &body["auth"]["scope"],
    )
}

/// `POST /v3.0/OS-AUTH/id-token/tokens`.
pub(super) fn federated_token(state: &SharedState, request: &Request) -> HandlerResult {
    let body = request.json();
    let auth = &body["auth"];
    let (Some(idp_id), Some(id_token)) = (request.header("x-idp-id"), auth["id_token"]["id"].as_str()) else {
        return Err(error_response(400, INVALID));
    };
    if idp_id != state.cloud_state.identity_provider.idp_id {
        return Err(error_response(404, &format!("Could not find identity provider: {idp_id}.")));
    }
    if id_token != *lock(&state.id_token) {
        return Err(error_response(401, "The id token is invalid or has expired."));
    }
    issue_token(state, "mapped", Principal::federated_user(&state.cloud_state), &auth["scope"])
}

fn issue_token(state: &SharedState, method: &str, principal: Principal, scope: &Value) -> HandlerResult {
    let cloud_state = &state.cloud_state;
    let is_scope = |project: &&Project| {
        let scope = &scope["project"];
        scope["id"] == json!(project.id) || scope["name"] == json!(project.name)
    };
    // A token without a project in its scope has the scope of the account.
    let project = cloud_state.projects.iter().find(is_scope).filter(|_| principal.owns_projects(state));
    if project.is_none() && !scope.is_null() && !principal.belongs_to(&scope["domain"]) {
        return Err(error_response(400, "The scope does not exist."));
    }
    static LAST: AtomicU32 = AtomicU32::new(0);
    let token = format!("SIMULATEDTOKEN{:012}", LAST.fetch_add(1, Ordering::Relaxed));
    let now = state.now();
    let expires_at = now + cloud_state.token_lifetime;
    let account = json!({ "id": principal.account_id, "name": principal.account_name });
    let mut body = json!({ "token": {
        "methods": [method],
        "expires_at": microseconds(expires_at),
        "issued_at": microseconds(now),
        "user": { "id": principal.id, "name": principal.name, "domain": account, "password_expires_at": "" },
        "roles": [{ "id": "0", "name": "te_admin" }],
        "catalog": [],
    } });
    match project {
        Some(project) => {
            body["token"]["project"] = json!({ "id": project.id, "name": project.name, "domain": account });
        }
        None => body["token"]["domain"] = account,
    }
    let issued = IssuedToken { principal, project_id: project.map(|project| project.id.clone()), expires_at };
    lock(&state.issued_tokens).insert(token.clone(), issued);
    Ok(with_trace_id(Response::json(201, &body)).with("X-Subject-Token", token))
}

/// Returns the caller of the token in a request body.
fn token_caller(state: &SharedState, token: Option<&str>) -> Result<Caller, Response> {
    let token = token.ok_or_else(|| error_response(400, INVALID))?;
    authenticate_token(state, token).map_err(|_| error_response(401, "The token must be updated."))
}

/// Authenticates a token.
pub(super) fn authenticate_token(state: &SharedState, token: &str) -> Result<Caller, String> {
    let cloud_state = &state.cloud_state;
    if token == cloud_state.token {
        let auth = CallerAuth::Token { project_id: Some(cloud_state.projects[0].id.clone()) };
        return Ok(Caller { principal: Principal::user(cloud_state), auth });
    }
    match lock(&state.issued_tokens).get(token) {
        None => Err("decrypt token fail".to_owned()),
        Some(issued) if issued.expires_at <= state.now() => Err(token_expired(issued.expires_at)),
        Some(issued) => Ok(Caller {
            principal: issued.principal.clone(),
            auth: CallerAuth::Token { project_id: issued.project_id.clone() },
        }),
    }
}
