//! The DDS service: download links of an instance's certificates.

use serde_json::json;

use super::caller::{Caller, CallerAuth};
use super::gateway::{error_response, request_id};
use super::wire::{HandlerResult, Request, Response};
use super::{SharedState, downloads};

/// `GET /v3/{project_id}/instances/{instance_id}/ssl-cert/download-link`.
pub(super) fn download_links(
    state: &SharedState,
    request: &Request,
    caller: &Caller,
    project_id: &str,
    instance_id: &str,
) -> HandlerResult {
    if project_id.len() != 32 || !project_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(error_response(400, "DBS.280408", "The project ID is invalid."));
    }
    let header_matches = request.header("x-project-id").is_none_or(|header| header == project_id);
    if !caller.principal.can_read_instances {
        let text = "Policy doesn't allow dds:instance:getSslCertDownloadAddress to be performed.";
        return Err(error_response(403, "DBS.280063", text));
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
    let mut instances = state.cloud_state.instances.iter();
    let instance = instances.find(|instance| instance.id == instance_id && instance.project_id == project_id);
    let not_found = || error_response(404, "DBS.200002", "The instance does not exist.");
    let instance = instance.ok_or_else(not_found)?;
    if let Some((status, code)) = instance.not_found_error {
        return Err(error_response(status, code, "The instance does not exist."));
    }
    let link =
        |certificate: &super::Certificate| downloads::link(&state.link_base, &certificate.download_link);
    let certificate = |certificate: &super::Certificate| json!({ "category": certificate.category, "download_link": link(certificate) });
    let certs: Vec<_> = instance.certificates.iter().map(certificate).collect();
    Ok(Response::json(200, &json!({ "certs": certs })).with("X-Request-Id", request_id()))
}
