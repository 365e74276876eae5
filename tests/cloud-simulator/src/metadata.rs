//! The ECS metadata service and the pod identity agent. Both return temporary keys of an agency.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;

use super::Fault;
use super::caller::Principal;
use super::cloud_state::{Agency, MetadataService};
use super::gateway::microseconds;
use super::iam::credential_json;
use super::wire::{HandlerResult, Request, Response};
use super::{Route, SharedState, lock};

/// Lifetime of the temporary keys, unless the cloud state overrides it.
const KEY_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Maximum lifetime of a token, in seconds.
const MAX_TOKEN_TTL: u64 = 6 * 3600;

/// The fault in every response of this kind of metadata service.
pub(super) fn fault(metadata_service: MetadataService, route: Route) -> Option<Fault> {
    if !matches!(route, Route::MetadataToken | Route::MetadataKeys) {
        return None;
    }
    match metadata_service {
        MetadataService::Off => Some(Fault::EmptyBody { status: 404 }),
        MetadataService::HtmlPage => Some(Fault::Html { status: 200 }),
        MetadataService::NoResponse => Some(Fault::NoResponse),
        MetadataService::V1Only
        | MetadataService::V2
        | MetadataService::V2Only
        | MetadataService::NoAgency => None,
    }
}

/// `PUT /meta-data/latest/api/token`.
pub(super) fn token(state: &SharedState, request: &Request) -> HandlerResult {
    if state.cloud_state.metadata_service == MetadataService::V1Only {
        return Err(text(405, "405 Method Not Allowed"));
    }
    let ttl = request.header("x-metadata-token-ttl-seconds").and_then(|text| text.parse().ok());
    let ttl =
        ttl.filter(|ttl| (1..=MAX_TOKEN_TTL).contains(ttl)).ok_or_else(|| text(400, "400 Bad Request"))?;
    static LAST: AtomicU32 = AtomicU32::new(0);
    let token = format!("SIMULATEDMETADATATOKEN{:08}", LAST.fetch_add(1, Ordering::Relaxed));
    lock(&state.metadata_tokens).insert(token.clone(), state.now() + Duration::from_secs(ttl));
    Ok(text(200, &token))
}

/// `GET /openstack/latest/securitykey`.
pub(super) fn keys(state: &SharedState, request: &Request) -> HandlerResult {
    let cloud_state = &state.cloud_state;
    let authenticated = match (cloud_state.metadata_service, request.header("x-metadata-token")) {
        (MetadataService::V1Only, _) => true,
        (MetadataService::V2Only, None) => false,
        (_, None) => true,
        (_, Some(token)) => {
            lock(&state.metadata_tokens).get(token).is_some_and(|expires_at| *expires_at > state.now())
        }
    };
    if !authenticated {
        return Err(text(401, "401 Unauthorized"));
    }
    let agency = agency(state, &cloud_state.ecs_agency)
        .filter(|_| cloud_state.metadata_service != MetadataService::NoAgency);
    let no_agency = || text(401, "401 Unauthorized\n\nPlease configure Cloud Service Agency first");
    let principal = Principal::agency(agency.ok_or_else(no_agency)?, "ecs");
    Ok(Response::json(200, &credential_json(&state.issue_key(principal, KEY_LIFETIME))))
}

/// `POST /pod-identity`.
pub(super) fn pod_keys(state: &SharedState, request: &Request) -> HandlerResult {
    let error = |status, text: &str| Err(Response::json(status, &json!({ "error_message": text })));
    if !request.json().is_object() {
        return error(400, "the body is not a JSON object");
    }
    if request.header("authorization") != Some(lock(&state.pod_token).as_str()) {
        return error(401, "the token is invalid or has expired");
    }
    let Some(agency) = agency(state, &state.cloud_state.pod_identity.agency) else {
        return error(404, "not found");
    };
    let principal = Principal::agency(agency, "pod");
    let assumed = json!({ "urn": principal.urn, "id": principal.id });
    let issued = state.issue_key(principal, KEY_LIFETIME);
    let credentials = json!({
        "accessKeyId": issued.key.id,
        "secretAccessKey": issued.key.secret,
        "securityToken": issued.security_token(),
        "expiration": microseconds(issued.expires_at),
    });
    let body = json!({
        "assumedAgency": assumed,
        "audience": "sample-audience",
        "credentials": credentials,
        "podIdentityAssociationId": "sample-association",
        "subject": { "namespace": "default", "serviceAccount": "sample" },
    });
    Ok(Response::json(200, &body))
}

fn agency<'a>(state: &'a SharedState, name: &str) -> Option<&'a Agency> {
    state.cloud_state.agencies.iter().find(|agency| agency.name == name)
}

fn text(status: u16, text: &str) -> Response {
    Response { status, headers: Vec::new(), body: text.into() }.with("Content-Type", "text/plain")
}
