//! A cloud in a few lines: it fetches, believes and revokes as a test says, and keeps what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::huaweicloud::transport::tests::{Script, answer};
use crate::huaweicloud::transport::{Request, Response, TransportError};

/// Each request's route, and whether its credential was refused.
pub(super) type Log = Arc<Mutex<Vec<(&'static str, bool)>>>;

/// What is not as it should be.
#[derive(Clone, Default)]
pub(super) struct Cloud {
    /// The time that an answer takes.
    pub delay: Duration,
    /// The secret that the user gave is refused.
    pub wrong: bool,
    /// What was fetched last is refused where it is used.
    pub refuses_fetched: bool,
    /// What was fetched to fetch another credential is refused there.
    pub refuses_base: bool,
    /// So many reads later the credential in use is revoked.
    pub revoked_after: Option<usize>,
    /// What is fetched has expired already.
    pub expired: bool,
    /// So many requests are not answered, the first ones.
    pub hanging: usize,
    /// So many requests are answered with a server's fault, the first ones.
    pub faults: usize,
    /// Reads of the instance "broken" are answered with a server's fault.
    pub broken_instance: bool,
    /// Status and code of the answer to each read.
    pub denied: Option<(u16, &'static str)>,
    /// The project in which no credential is believed.
    pub refused_project: Option<&'static str>,
}

/// The failure of a try without an answer.
const SILENT: TransportError =
    TransportError::TimedOut { limit: Duration::from_secs(30), setting: Some("request_timeout") };

impl Cloud {
    pub(super) fn slow(seconds: f64) -> Self {
        Self { delay: Duration::from_secs_f64(seconds), ..Self::default() }
    }

    pub(super) fn start(self) -> (Script, Log) {
        let log = Log::default();
        let (kept, mut issued, mut good, mut revoked) = (log.clone(), 0, 0, None);
        let script = Script::serving(Duration::ZERO, move |request| {
            let mut log = kept.lock().unwrap();
            let route = route(request);
            let number = log.len();
            let delay = match route {
                // Beside the machine, whatever the gateway takes.
                "MetadataToken" | "MetadataKeys" => self.delay.min(Duration::from_millis(100)),
                _ => self.delay,
            };
            let mut respond = |delay, result: Result<Response, TransportError>| {
                let refused = result.as_ref().is_ok_and(|response| response.status == 401);
                log.push((route, refused && self.denied.is_none()));
                (delay, result)
            };
            if number < self.hanging {
                return respond(Duration::from_secs(30), Err(SILENT));
            }
            let is_broken = self.broken_instance && request.uri().path().contains("/broken/");
            if number < self.faults || is_broken {
                return respond(delay, Ok(answer(503, &[], "")));
            }
            let shown = shown(request);
            if self.revoked_after == Some(good) && revoked.is_none() {
                revoked = Some(shown.clone());
            }
            let project = request.uri().path().split('/').nth(2).unwrap_or_default();
            let is_given = shown.contains("SECRET") || route == "MetadataKeys";
            let is_refused = self.wrong && is_given
                || self.refuses_fetched && route == "Links"
                || self.refuses_base && ["AgencyKeys", "Assume"].contains(&route) && !is_given
                || revoked.as_ref() == Some(&shown)
                || route == "Links" && self.refused_project == Some(project);
            if is_refused {
                let body = r#"{"error_code":"APIGW.0301","error_msg":"verify aksk signature fail"}"#;
                return respond(delay, Ok(answer(401, &[], body)));
            }
            let result = match (route, self.denied) {
                ("Links", Some((status, code))) => {
                    answer(status, &[], &format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#))
                }
                ("Links", None) => {
                    good += 1;
                    answer(200, &[], super::LINKS)
                }
                ("Projects", _) => {
                    let name = request.uri().query().unwrap().trim_start_matches("name=");
                    answer(200, &[], &format!(r#"{{"projects":[{{"id":"{name}","name":"{name}"}}]}}"#))
                }
                ("Account", _) => answer(200, &[], r#"{"domains":[{"id":"home"}]}"#),
                ("MetadataToken", _) => answer(200, &[], "metadata-token"),
                _ => {
                    issued += 1;
                    issue(route, request, issued, self.expired)
                }
            };
            respond(delay, Ok(result))
        });
        (script, log)
    }
}

fn route(request: &Request) -> &'static str {
    let body = String::from_utf8_lossy(request.body());
    match request.uri().path() {
        path if path.contains("/instances/") => "Links",
        "/v3/projects" => "Projects",
        "/v3/auth/domains" => "Account",
        "/v3/auth/tokens" if body.contains("assume_role") => "AgencyTokens",
        "/v3/auth/tokens" => "Tokens",
        "/v3.0/OS-AUTH/id-token/tokens" => "FederatedTokens",
        "/v3.0/OS-CREDENTIAL/securitytokens" if body.contains("assume_role") => "AgencyKeys",
        "/v3.0/OS-CREDENTIAL/securitytokens" => "TokenKeys",
        "/v5/agencies/assume" => "Assume",
        "/v5/agencies/assume-with-oidc" => "AssumeWithOidc",
        "/meta-data/latest/api/token" => "MetadataToken",
        "/openstack/latest/securitykey" => "MetadataKeys",
        "/container" => "ContainerKeys",
        path => panic!("{path}"),
    }
}

/// The credential in the request: the ID of a key, or a token.
fn shown(request: &Request) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(signature) = header("authorization") {
        return signature.split(", SignedHeaders").next().unwrap().to_owned();
    }
    let token = header("x-auth-token").map(str::to_owned);
    token.unwrap_or_else(|| String::from_utf8_lossy(request.body()).into_owned())
}

fn issue(route: &str, request: &Request, number: usize, expired: bool) -> Response {
    let end = if expired { "2026-01-15T08:29:59Z" } else { "2026-01-16T08:30:00Z" };
    let key = |names: [&str; 5]| {
        let [object, id, secret, token, expires_at] = names;
        format!(
            r#"{{"{object}":{{"{id}":"K{number}","{secret}":"fetched-secret","{token}":"fetched-token","{expires_at}":"{end}"}}}}"#
        )
    };
    match route {
        "Tokens" | "AgencyTokens" | "FederatedTokens" => {
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            let project = &body["auth"]["scope"]["project"];
            let id = project["id"].as_str().or(project["name"].as_str()).unwrap_or_default();
            let body = format!(r#"{{"token":{{"expires_at":"{end}","project":{{"id":"{id}"}}}}}}"#);
            answer(201, &[("x-subject-token", &format!("T{number}"))], &body)
        }
        "AgencyKeys" | "TokenKeys" | "MetadataKeys" => {
            let status = if route == "MetadataKeys" { 200 } else { 201 };
            answer(status, &[], &key(["credential", "access", "secret", "securitytoken", "expires_at"]))
        }
        "Assume" | "AssumeWithOidc" => {
            let names = ["credentials", "access_key_id", "secret_access_key", "security_token", "expiration"];
            answer(200, &[], &key(names))
        }
        "ContainerKeys" => answer(
            200,
            &[],
            &key(["credentials", "accessKeyId", "secretAccessKey", "securityToken", "expiration"]),
        ),
        route => panic!("{route}"),
    }
}
