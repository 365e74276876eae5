//! The identity service: tokens, temporary keys, and the account's projects.

pub(super) mod keys;
pub(super) mod token;

use serde_json::{Value, json};

use super::State;
use super::caller::{Caller, Owner, Proof};
use super::gateway::request_id;
use super::wire::{Answer, Request};
use super::world::{Agency, Project};

const INVALID: &str = "The request body is invalid";

/// `GET /v3/projects`: those with exactly this name, or all.
pub(super) fn projects(state: &State, request: &Request, caller: &Caller) -> Answer {
    if !caller.owner.may_list {
        return refusal(403, "You are not authorized to perform the requested action.");
    }
    let name = request.query("name");
    list(state, caller, |project| name.as_ref().is_none_or(|name| *name == project.name))
}

/// `GET /v3/auth/projects`: those that the caller can use, for which no permission is needed.
pub(super) fn own_projects(state: &State, caller: &Caller) -> Answer {
    list(state, caller, |_| true)
}

/// `GET /v3/auth/domains`: the caller's account.
pub(super) fn domains(caller: &Caller) -> Answer {
    let Owner { account_id, account_name, .. } = &caller.owner;
    let links = json!({ "self": format!("https://iam.example.com/v3/domains/{account_id}") });
    let account =
        json!({ "id": account_id, "name": account_name, "enabled": true, "description": "", "links": links });
    let links = json!({ "self": "https://iam.example.com/v3/auth/domains", "next": null, "previous": null });
    traced(Answer::json(200, &json!({ "domains": [account], "links": links })))
}

fn list(state: &State, caller: &Caller, wanted: impl Fn(&Project) -> bool) -> Answer {
    let home = caller.owner.is_at_home(state);
    let wanted = state.world.projects.iter().filter(|project| home && wanted(project));
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

/// A signed request has to name the account of the key's owner.
fn at_home(request: &Request, caller: &Caller) -> Result<(), Answer> {
    match (request.header("x-domain-id"), &caller.proof) {
        (None, Proof::Token { .. }) => Ok(()),
        (Some(id), _) if id == caller.owner.account_id => Ok(()),
        (Some(_), _) => Err(refusal(403, "The account in X-Domain-Id is not the caller's.")),
        (None, Proof::Key { .. }) => Err(refusal(400, "X-Domain-Id is missing.")),
    }
}

/// The agency that a body asks for, by either of the names that its own name goes by.
fn named_agency<'a>(state: &'a State, role: &Value, caller: &Caller) -> Result<&'a Agency, Answer> {
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
    let Some(agency) = state.world.agencies.iter().find(wanted) else {
        return Err(refusal(404, &format!("Could not find agency: {name}.")));
    };
    if !caller.owner.may_assume(agency) {
        return Err(refusal(403, "You are not authorized to perform the requested action."));
    }
    Ok(agency)
}

/// The identity service's own form of an error, with a number for a code.
fn refusal(status: u16, message: &str) -> Answer {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        _ => "Forbidden",
    };
    traced(Answer::json(status, &json!({ "error": { "code": status, "message": message, "title": title } })))
}

fn traced(answer: Answer) -> Answer {
    answer.with("X-IAM-Trace-Id", request_id())
}
