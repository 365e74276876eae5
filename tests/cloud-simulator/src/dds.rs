//! The DDS service: the list of instances, names of replica sets, and download links of certificates.

mod instances;

use serde_json::json;

use super::caller::{Caller, CallerAuth};
use super::gateway::{error_response, request_id};
use super::wire::{HandlerResult, Request, Response};
use super::{Instance, SharedState, downloads, lock};

pub(super) use instances::list_instances;

/// `GET /v3/{project_id}/instances/{instance_id}/ssl-cert/download-link`.
pub(super) fn download_links(
    state: &SharedState,
    request: &Request,
    caller: &Caller,
    project_id: &str,
    instance_id: &str,
) -> HandlerResult {
    authorize(state, request, caller, project_id, "dds:instance:getSslCertDownloadAddress")?;
    let instance = find_instance(state, project_id, instance_id)?;
    let link =
        |certificate: &super::Certificate| downloads::link(&state.link_base, &certificate.download_link);
    let certificate = |certificate: &super::Certificate| json!({ "category": certificate.category, "download_link": link(certificate) });
    let certs: Vec<_> = instance.certificates.iter().map(certificate).collect();
    Ok(Response::json(200, &json!({ "certs": certs })).with("X-Request-Id", request_id()))
}

/// `GET /v3/{project_id}/instances/{instance_id}/replica-set/name`.
pub(super) fn replica_set_name(
    state: &SharedState,
    request: &Request,
    caller: &Caller,
    project_id: &str,
    instance_id: &str,
) -> HandlerResult {
    authorize(state, request, caller, project_id, "dds:instance:list")?;
    let instance = find_instance(state, project_id, instance_id)?;
    if instance.attributes["mode"] != "ReplicaSet" {
        return Err(error_response(
            406,
            "DBS.280328",
            "The current instance does not support this operation.",
        ));
    }
    let body = json!({ "name": instance.replica_set_name });
    Ok(Response::json(200, &body).with("X-Request-Id", request_id()))
}

/// Checks the permission, and that the project belongs to the caller and to the region of the request.
fn authorize(
    state: &SharedState,
    request: &Request,
    caller: &Caller,
    project_id: &str,
    action: &str,
) -> Result<(), Response> {
    if project_id.len() != 32 || !project_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(error_response(400, "DBS.280408", "The project ID is invalid."));
    }
    let header_matches = request.header("x-project-id").is_none_or(|header| header == project_id);
    if !caller.principal.can_read_instances {
        let text = format!("Policy doesn't allow {action} to be performed.");
        return Err(error_response(403, "DBS.280063", &text));
    }
    let in_scope = match &caller.auth {
        CallerAuth::Key { .. } => header_matches,
        CallerAuth::Token { project_id: scope } => scope.as_deref() == Some(project_id),
    };
    let mut projects = state.cloud_state.projects.iter();
    let project = projects.find(|project| project.id == project_id && project.region == request.region);
    let Some(project) = project.filter(|_| in_scope && caller.principal.owns_projects(state)) else {
        return Err(error_response(403, "DBS.200604", "The instance does not belong to the user."));
    };
    if !project.enabled {
        return Err(error_response(403, "APIGW.0310", "The project is unavailable."));
    }
    Ok(())
}

fn find_instance(state: &SharedState, project_id: &str, id: &str) -> Result<Instance, Response> {
    let instances = lock(&state.instances);
    let instance = instances.iter().find(|instance| instance.id == id && instance.project_id == project_id);
    let (status, code) = match instance {
        Some(instance) if instance.not_found_error.is_none() => return Ok(instance.clone()),
        Some(instance) => instance.not_found_error.unwrap_or_default(),
        None => (404, "DBS.200002"),
    };
    Err(error_response(status, code, "The instance does not exist."))
}
