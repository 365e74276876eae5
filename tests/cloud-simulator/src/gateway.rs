//! The API gateway: authenticates the caller and forwards the request to its service.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::caller::{Caller, CallerAuth};
use super::signature::RequestSignature;
use super::wire::{Request, Response, ResponseAction};
use super::{SharedState, dds, iam, lock, metadata, sts};

/// The accepted clock skew of a signature (signing guide).
const ALLOWED_SKEW: Duration = Duration::from_secs(15 * 60);

/// A key is locked after more consecutive invalid signatures than this (signing guide).
const MAX_FAILURES: u32 = 5;

/// How long a key stays locked (signing guide).
const LOCK_TIME: Duration = Duration::from_secs(5 * 60);

/// The error message of an invalid signature. Only this error counts towards the lock.
const INVALID_SIGNATURE: &str = "verify aksk signature fail";

pub(super) fn handle(state: &SharedState, request: &Request) -> (Route, ResponseAction) {
    let segments: Vec<&str> = request.path.split('/').skip(1).collect();
    let route = Route::of(&request.method, &segments, request);
    let caller = match route.needs_authentication().then(|| authenticate(state, request)).transpose() {
        Ok(caller) => caller,
        Err(error_response) => return (route, ResponseAction::Send(error_response)),
    };
    let handle = || match (route, &caller) {
        (Route::Links, Some(caller)) => dds::download_links(state, request, caller, segments[1], segments[3]),
        (Route::Instances, Some(caller)) => dds::list_instances(state, request, caller, segments[1]),
        (Route::ReplicaSetName, Some(caller)) => {
            dds::replica_set_name(state, request, caller, segments[1], segments[3])
        }
        (Route::Projects, Some(caller)) => match segments.as_slice() {
            [_, "projects"] => iam::projects(state, request, caller),
            _ => Ok(iam::caller_projects(state, caller)),
        },
        (Route::Account, Some(caller)) => Ok(iam::domains(caller)),
        (Route::Tokens, _) => iam::create_token(state, request),
        (Route::AgencyTokens, Some(caller)) => iam::agency_token(state, request, caller),
        (Route::FederatedTokens, _) => iam::federated_token(state, request),
        (Route::AgencyKeys, Some(caller)) => iam::agency_keys(state, request, caller),
        (Route::TokenKeys, _) => iam::token_keys(state, request),
        (Route::Assume, Some(caller)) => sts::assume(state, request, caller),
        (Route::AssumeWithOidc, _) => sts::assume_with_oidc(state, request),
        (Route::CallerIdentity, Some(caller)) => Ok(sts::identity(caller)),
        (Route::MetadataToken, _) => metadata::token(state, request),
        (Route::MetadataKeys, _) => metadata::keys(state, request),
        (Route::PodKeys, _) => metadata::pod_keys(state, request),
        _ => {
            let message = "The API does not exist or has not been published in the environment";
            Err(error_response(404, "APIGW.0101", message))
        }
    };
    let response = || handle().unwrap_or_else(|error_response| error_response);
    let action =
        match state.fault(route).or_else(|| metadata::fault(state.cloud_state.metadata_service, route)) {
            Some(fault) => fault.apply(state, request, response),
            None => ResponseAction::Send(response()),
        };
    (route, action)
}

fn authenticate(state: &SharedState, request: &Request) -> Result<Caller, Response> {
    if let Some(token) = request.header("x-auth-token") {
        return iam::authenticate_token(state, token).map_err(|message| authentication_error(&message));
    }
    let Some(signature) = RequestSignature::parse(request) else {
        return Err(authentication_error("x-auth-token not found"));
    };
    let mut failures = lock(&state.signature_failures);
    let now = state.now();
    let (count, last) = failures.entry(signature.access_key.to_owned()).or_insert((0, now));
    if now.duration_since(*last).is_ok_and(|since| since >= LOCK_TIME) {
        *count = 0;
    }
    if *count > MAX_FAILURES {
        return Err(authentication_error("AK access failed to reach the limit,forbidden"));
    }
    match verify_signature(state, request, &signature) {
        Ok(caller) => {
            *count = 0;
            Ok(caller)
        }
        Err(message) => {
            if message == INVALID_SIGNATURE {
                (*count, *last) = (*count + 1, now);
            }
            Err(authentication_error(&message))
        }
    }
}

fn verify_signature(
    state: &SharedState,
    request: &Request,
    signature: &RequestSignature<'_>,
) -> Result<Caller, String> {
    let unknown = || format!("ak {} not exist", signature.access_key);
    let (key, principal, expires_at) = state.find_key(signature.access_key).ok_or_else(unknown)?;
    // Without a security token, the gateway searches only the permanent keys.
    if key.security_token.as_deref() != request.header("x-security-token") {
        return Err(unknown());
    }
    let invalid = || INVALID_SIGNATURE.to_owned();
    // Some official clients do not sign the host.
    if !signature.signed_headers.contains(&"x-sdk-date") || !signature.is_valid(request, &key.secret) {
        return Err(invalid());
    }
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = request.header("x-sdk-date").unwrap_or_default();
    let signed = time::PrimitiveDateTime::parse(stamp, format).map_err(|_| invalid())?.assume_utc();
    let now = OffsetDateTime::from(state.now());
    if (now - signed).unsigned_abs() > ALLOWED_SKEW {
        let now = now.format(format).expect("valid format");
        return Err(format!(
            "calc aksk signature fail:signature expired, signature time:{stamp},server time:{now}"
        ));
    }
    if let Some(expires_at) = expires_at.filter(|time| *time <= state.now()) {
        return Err(token_expired(expires_at));
    }
    Ok(Caller { principal, auth: CallerAuth::Key { temporary: key.security_token.is_some() } })
}

/// The error message for an expired token or security token.
pub(super) fn token_expired(expires_at: SystemTime) -> String {
    format!("token expires, expires_at:{}", rfc3339(expires_at))
}

/// The gateway's error response for every invalid credential.
fn authentication_error(message: &str) -> Response {
    error_response(401, "APIGW.0301", &format!("Incorrect IAM authentication information: {message}"))
}

/// An error response of a service, or of the gateway, which also has the request ID in the body.
pub(super) fn error_response(status: u16, code: &str, message: &str) -> Response {
    let id = request_id();
    let mut body = json!({ "error_code": code, "error_msg": message });
    if code.starts_with("APIGW.") {
        body["request_id"] = json!(id);
    }
    Response::json(status, &body).with("X-Request-Id", id)
}

pub(super) fn request_id() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("5a3d{:028x}", LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).expect("valid format")
}

/// The time format of IAM, the ECS metadata service and the pod identity agent.
pub(super) fn microseconds(time: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from(time).format(format).expect("valid format")
}

/// The time format of STS.
pub(super) fn milliseconds(time: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(time).format(format).expect("valid format")
}

/// An operation of the cloud, by method and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Lists the download links of an instance.
    Links,
    /// Lists the instances of a project.
    Instances,
    /// Returns the name of a replica set.
    ReplicaSetName,
    /// Creates a token, with a password or with another token.
    Tokens,
    /// Creates a token of an agency.
    AgencyTokens,
    /// Exchanges an OIDC ID token for a token.
    FederatedTokens,
    /// Creates temporary keys of an agency (IAM, v3).
    AgencyKeys,
    /// Exchanges a token for temporary keys (IAM, v3).
    TokenKeys,
    /// Assumes an agency (STS, v5).
    Assume,
    /// Assumes an agency with an OIDC ID token (STS, v5).
    AssumeWithOidc,
    /// Returns the identity of the caller (STS).
    CallerIdentity,
    /// Creates a token of the ECS metadata service.
    MetadataToken,
    /// Returns the temporary keys of an ECS.
    MetadataKeys,
    /// Returns the temporary keys of a pod.
    PodKeys,
    /// Lists the projects of the account or of the caller.
    Projects,
    /// Returns the caller's account.
    Account,
    /// Anything else.
    Unknown,
}

impl Route {
    pub(super) fn of(method: &str, segments: &[&str], request: &Request) -> Self {
        match (method, segments) {
            ("GET", ["v3", _, "instances", _, "ssl-cert", "download-link"]) => Self::Links,
            ("GET", ["v3", _, "instances"]) => Self::Instances,
            ("GET", ["v3", _, "instances", _, "replica-set", "name"]) => Self::ReplicaSetName,
            ("POST", ["v3", "auth", "tokens"]) if auth_method(request) == "assume_role" => Self::AgencyTokens,
            ("POST", ["v3", "auth", "tokens"]) => Self::Tokens,
            ("POST", ["v3.0", "OS-AUTH", "id-token", "tokens"]) => Self::FederatedTokens,
            ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) if auth_method(request) == "token" => {
                Self::TokenKeys
            }
            ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) => Self::AgencyKeys,
            ("POST", ["v5", "agencies", "assume"]) => Self::Assume,
            ("POST", ["v5", "agencies", "assume-with-oidc"]) => Self::AssumeWithOidc,
            ("GET", ["v5", "caller-identity"]) => Self::CallerIdentity,
            ("PUT", ["meta-data", "latest", "api", "token"]) => Self::MetadataToken,
            ("GET", ["openstack", "latest", "securitykey"]) => Self::MetadataKeys,
            ("POST", ["pod-identity"]) => Self::PodKeys,
            ("GET", ["v3", "projects"] | ["v3", "auth", "projects"]) => Self::Projects,
            ("GET", ["v3", "auth", "domains"]) => Self::Account,
            _ => Self::Unknown,
        }
    }

    /// Whether the gateway authenticates the caller. The other routes have a credential in the body or a special header.
    pub(super) fn needs_authentication(self) -> bool {
        use Route::{
            Account, AgencyKeys, AgencyTokens, Assume, CallerIdentity, Instances, Links, Projects,
            ReplicaSetName,
        };
        matches!(
            self,
            Account
                | AgencyKeys
                | AgencyTokens
                | Assume
                | CallerIdentity
                | Instances
                | Links
                | Projects
                | ReplicaSetName
        )
    }
}

/// The first authentication method in an IAM request body.
fn auth_method(request: &Request) -> String {
    request.json()["auth"]["identity"]["methods"][0].as_str().unwrap_or_default().to_owned()
}
