//! The API gateway: believes an identity or refuses it, and sends the request on to its service.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::caller::{Caller, CallerAuth};
use super::signature::Claim;
use super::wire::{Request, Response, ResponseAction};
use super::{SharedState, dds, iam, lock, metadata, sts};

/// By how much a signature's time may differ (signing guide).
const ALLOWED_SKEW: Duration = Duration::from_secs(15 * 60);

/// After more wrong signatures in a row than this a key is locked, and for how long (signing guide).
const FAILURES: u32 = 5;
const LOCK: Duration = Duration::from_secs(5 * 60);

/// The one refusal that counts towards the lock.
const WRONG_SIGNATURE: &str = "verify aksk signature fail";

pub(super) fn handle(state: &SharedState, request: &Request) -> (Route, ResponseAction) {
    let segments: Vec<&str> = request.path.split('/').skip(1).collect();
    let route = Route::of(&request.method, &segments, request);
    let caller = match route.is_guarded().then(|| caller(state, request)).transpose() {
        Ok(caller) => caller,
        Err(refused) => return (route, ResponseAction::Send(refused)),
    };
    let outcome = || match (route, &caller) {
        (Route::Links, Some(caller)) => dds::download_links(state, request, caller, segments[1], segments[3]),
        (Route::Projects, Some(caller)) => match segments.as_slice() {
            [_, "projects"] => iam::projects(state, request, caller),
            _ => Ok(iam::own_projects(state, caller)),
        },
        (Route::Account, Some(caller)) => Ok(iam::domains(caller)),
        (Route::Tokens, _) => iam::login(state, request),
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
            Err(error(404, "APIGW.0101", message))
        }
    };
    let good = || outcome().unwrap_or_else(|refusal| refusal);
    let action =
        match state.fault(route).or_else(|| metadata::fault(state.cloud_state.metadata_service, route)) {
            Some(fault) => fault.apply(state, request, good),
            None => ResponseAction::Send(good()),
        };
    (route, action)
}

fn caller(state: &SharedState, request: &Request) -> Result<Caller, Response> {
    if let Some(token) = request.header("x-auth-token") {
        return iam::bearer(state, token).map_err(|text| unbelieved(&text));
    }
    let Some(claim) = Claim::read(request) else {
        return Err(unbelieved("x-auth-token not found"));
    };
    let mut failures = lock(&state.failures);
    let now = state.now();
    let (count, last) = failures.entry(claim.access_key.to_owned()).or_insert((0, now));
    if now.duration_since(*last).is_ok_and(|since| since >= LOCK) {
        *count = 0;
    }
    if *count > FAILURES {
        return Err(unbelieved("AK access failed to reach the limit,forbidden"));
    }
    match believe(state, request, &claim) {
        Ok(caller) => {
            *count = 0;
            Ok(caller)
        }
        Err(text) => {
            if text == WRONG_SIGNATURE {
                (*count, *last) = (*count + 1, now);
            }
            Err(unbelieved(&text))
        }
    }
}

fn believe(state: &SharedState, request: &Request, claim: &Claim<'_>) -> Result<Caller, String> {
    let unknown = || format!("ak {} not exist", claim.access_key);
    let (key, principal, expires) = state.find_key(claim.access_key).ok_or_else(unknown)?;
    // Without its security token the gateway looks a temporary key up among the permanent ones.
    if key.security_token.as_deref() != request.header("x-security-token") {
        return Err(unknown());
    }
    let failed = || WRONG_SIGNATURE.to_owned();
    // Some of the cloud's own clients do not sign the host.
    if !claim.signed.contains(&"x-sdk-date") || !claim.holds(request, &key.secret) {
        return Err(failed());
    }
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = request.header("x-sdk-date").unwrap_or_default();
    let signed = time::PrimitiveDateTime::parse(stamp, form).map_err(|_| failed())?.assume_utc();
    let now = OffsetDateTime::from(state.now());
    if (now - signed).unsigned_abs() > ALLOWED_SKEW {
        let now = now.format(form).expect("a form that fits");
        return Err(format!(
            "calc aksk signature fail:signature expired, signature time:{stamp},server time:{now}"
        ));
    }
    if let Some(end) = expires.filter(|end| *end <= state.now()) {
        return Err(token_expires(end));
    }
    Ok(Caller { principal, auth: CallerAuth::Key { temporary: key.security_token.is_some() } })
}

/// What the gateway says of a token, and of a security token, that has come to its end.
pub(super) fn token_expires(end: SystemTime) -> String {
    format!("token expires, expires_at:{}", rfc3339(end))
}

/// The gateway's one answer to an identity that it does not believe.
fn unbelieved(text: &str) -> Response {
    error(401, "APIGW.0301", &format!("Incorrect IAM authentication information: {text}"))
}

/// An error in the form of the services, or in that of the gateway, which repeats the request ID in the body.
pub(super) fn error(status: u16, code: &str, message: &str) -> Response {
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

pub(super) fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).expect("a form that fits")
}

/// As the identity service, the metadata service and pods write when a temporary key expires.
pub(super) fn microseconds(time: SystemTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from(time).format(form).expect("a form that fits")
}

/// As the token service writes it.
pub(super) fn milliseconds(time: SystemTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(time).format(form).expect("a form that fits")
}

/// What is asked of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// The download links of an instance.
    Links,
    /// A login, by password or by a token.
    Tokens,
    /// A token of an agency.
    AgencyTokens,
    /// A token for an identity provider's token.
    FederatedTokens,
    /// TemporaryKey keys of an agency, from the identity service (v3).
    AgencyKeys,
    /// TemporaryKey keys of the principal of a token (v3).
    TokenKeys,
    /// TemporaryKey keys of an agency, from the token service (v5).
    Assume,
    /// The same for who shows an identity provider's token.
    AssumeWithOidc,
    /// Who the caller is.
    CallerIdentity,
    /// A token of a machine's metadata service.
    MetadataToken,
    /// The temporary keys of a machine.
    MetadataKeys,
    /// The temporary keys of a pod.
    PodKeys,
    /// The projects of the account or of the caller.
    Projects,
    /// The caller's account.
    Account,
    /// Anything else.
    Unknown,
}

impl Route {
    pub(super) fn of(method: &str, segments: &[&str], request: &Request) -> Self {
        match (method, segments) {
            ("GET", ["v3", _, "instances", _, "ssl-cert", "download-link"]) => Self::Links,
            ("POST", ["v3", "auth", "tokens"]) if proof(request) == "assume_role" => Self::AgencyTokens,
            ("POST", ["v3", "auth", "tokens"]) => Self::Tokens,
            ("POST", ["v3.0", "OS-AUTH", "id-token", "tokens"]) => Self::FederatedTokens,
            ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) if proof(request) == "token" => {
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

    /// Whether the gateway has to know the caller. The others carry another credential.
    pub(super) fn is_guarded(self) -> bool {
        use Route::{Account, AgencyKeys, AgencyTokens, Assume, CallerIdentity, Links, Projects};
        matches!(self, Account | AgencyKeys | AgencyTokens | Assume | CallerIdentity | Links | Projects)
    }
}

/// The first of the methods by which a body of the identity service wants to prove who sends it.
fn proof(request: &Request) -> String {
    request.json()["auth"]["identity"]["methods"][0].as_str().unwrap_or_default().to_owned()
}
