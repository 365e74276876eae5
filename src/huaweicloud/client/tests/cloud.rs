//! A simulated cloud that issues, rejects and revokes credentials, and logs the requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::huaweicloud::auth::temporary_key::{Federation, IdentityProvider, KeySource};
use crate::huaweicloud::auth::{
    AccessKey, Account, Agency, CallerAccount, Credential, IdToken, KeyProvider, Token, TokenGrant,
    TokenProvider, User,
};
use crate::huaweicloud::transport::tests::{Script, http_response};
use crate::huaweicloud::transport::{HttpResult, Request, Response, TransportError};
use crate::system::secret::SecretString;

/// The route of each request, and whether its credential was rejected.
pub(super) type Log = Arc<Mutex<Vec<(&'static str, bool)>>>;

/// The behaviour of the cloud, and its injected faults.
#[derive(Clone, Default)]
pub(super) struct SimulatedCloud {
    /// The time until a response.
    pub delay: Duration,
    /// Rejects the secret that the user configured.
    pub rejects_configured: bool,
    /// Rejects the last fetched credential when it is used.
    pub rejects_fetched: bool,
    /// Rejects the credential that an agency is assumed with, if it was fetched.
    pub rejects_base: bool,
    /// Revokes the current credential after this number of reads.
    pub revoked_after: Option<usize>,
    /// Issues credentials that have already expired.
    pub expired: bool,
    /// Number of requests at the start that get no response.
    pub no_response: usize,
    /// Number of requests at the start that get a server error.
    pub server_errors: usize,
    /// Returns a server error for reads of the instance "failing".
    pub failing_instance: bool,
    /// Status and code of the response to each read.
    pub denied: Option<(u16, &'static str)>,
    /// The project in which every credential is rejected.
    pub rejected_project: Option<&'static str>,
}

/// The result of an attempt without a response.
const TIMED_OUT: TransportError =
    TransportError::RequestTimedOut { timeout: Duration::from_secs(30), setting: Some("request_timeout") };

impl SimulatedCloud {
    pub(super) fn slow(seconds: f64) -> Self {
        Self { delay: Duration::from_secs_f64(seconds), ..Self::default() }
    }

    pub(super) fn start(self) -> (Script, Log) {
        let log = Log::default();
        let (requests, mut issued, mut succeeded, mut revoked) = (log.clone(), 0, 0, None);
        let script = Script::with_server(Duration::ZERO, move |request| {
            let mut log = requests.lock().unwrap();
            let route = route(request);
            let number = log.len();
            let delay = match route {
                // The metadata service is fast even if the gateway is slow.
                "MetadataToken" | "MetadataKeys" => self.delay.min(Duration::from_millis(100)),
                _ => self.delay,
            };
            let mut respond = |delay, result: HttpResult| {
                let rejected = result.as_ref().is_ok_and(|response| response.status == 401);
                log.push((route, rejected && self.denied.is_none()));
                (delay, result)
            };
            if number < self.no_response {
                return respond(Duration::from_secs(30), Err(TIMED_OUT));
            }
            let is_failing = self.failing_instance && request.uri().path().contains("/failing/");
            if number < self.server_errors || is_failing {
                return respond(delay, Ok(http_response(503, &[], "")));
            }
            let credential = credential_in(request);
            if self.revoked_after == Some(succeeded) && revoked.is_none() {
                revoked = Some(credential.clone());
            }
            let project = request.uri().path().split('/').nth(2).unwrap_or_default();
            let is_configured = credential.contains("SECRET") || route == "MetadataKeys";
            let is_rejected = self.rejects_configured && is_configured
                || self.rejects_fetched && route == "Links"
                || self.rejects_base && ["AgencyKeys", "Assume"].contains(&route) && !is_configured
                || revoked.as_ref() == Some(&credential)
                || route == "Links" && self.rejected_project == Some(project);
            if is_rejected {
                let body = r#"{"error_code":"APIGW.0301","error_msg":"verify aksk signature fail"}"#;
                return respond(delay, Ok(http_response(401, &[], body)));
            }
            let result = match (route, self.denied) {
                ("Links", Some((status, code))) => {
                    http_response(status, &[], &format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#))
                }
                ("Links", None) => {
                    succeeded += 1;
                    http_response(200, &[], super::LINKS)
                }
                ("Projects", _) => {
                    let name = request.uri().query().unwrap().trim_start_matches("name=");
                    http_response(200, &[], &format!(r#"{{"projects":[{{"id":"{name}","name":"{name}"}}]}}"#))
                }
                ("Account", _) => http_response(200, &[], r#"{"domains":[{"id":"home"}]}"#),
                ("MetadataToken", _) => http_response(200, &[], "metadata-token"),
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

/// Returns the credential in the request: the ID of a key, or a token.
fn credential_in(request: &Request) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(signature) = header("authorization") {
        return signature.split(", SignedHeaders").next().unwrap().to_owned();
    }
    let token = header("x-auth-token").map(str::to_owned);
    token.unwrap_or_else(|| String::from_utf8_lossy(request.body()).into_owned())
}

fn issue(route: &str, request: &Request, number: usize, expired: bool) -> Response {
    const IAM_NAMES: [&str; 5] = ["credential", "access", "secret", "securitytoken", "expires_at"];
    let expires_at = if expired { "2026-01-15T08:29:59Z" } else { "2026-01-16T08:30:00Z" };
    let (status, names) = match route {
        "Tokens" | "AgencyTokens" | "FederatedTokens" => {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            let project = &body["auth"]["scope"]["project"];
            let id = project["id"].as_str().or(project["name"].as_str()).unwrap_or_default();
            let body = json!({ "token": { "expires_at": expires_at, "project": { "id": id } } });
            return http_response(201, &[("x-subject-token", &format!("T{number}"))], &body.to_string());
        }
        "AgencyKeys" | "TokenKeys" => (201, IAM_NAMES),
        "MetadataKeys" => (200, IAM_NAMES),
        "Assume" | "AssumeWithOidc" => {
            (200, ["credentials", "access_key_id", "secret_access_key", "security_token", "expiration"])
        }
        "ContainerKeys" => {
            (200, ["credentials", "accessKeyId", "secretAccessKey", "securityToken", "expiration"])
        }
        route => panic!("{route}"),
    };
    let [object, id, secret, token, expiry] = names;
    let key_id = format!("K{number}");
    let key = json!({ id: key_id, secret: "fetched-secret", token: "fetched-token", expiry: expires_at });
    http_response(status, &[], &json!({ object: key }).to_string())
}

/// A credential and its expected requests by route, such as "Links 50, Tokens 1".
pub(super) struct CredentialCase {
    pub name: &'static str,
    /// Its secret, or the ID of its key, is "SECRET".
    pub credential: fn() -> Credential,
    /// If the cloud accepts the credential.
    pub accepted: &'static str,
    /// If the cloud rejects the configured secret.
    pub configured_rejected: &'static str,
    /// If the cloud rejects the fetched credential, also after renewal. Empty if nothing is fetched.
    pub rejected_after_renewal: &'static str,
    /// If the fetched credential has already expired.
    pub expired: &'static str,
    /// If the first reader is cancelled during its first request.
    pub cancelled: &'static str,
}

impl CredentialCase {
    pub(super) fn is_fetched(&self) -> bool {
        !self.rejected_after_renewal.is_empty()
    }
}

/// A credential that is configured and not fetched.
#[rustfmt::skip]
const CONFIGURED: CredentialCase = CredentialCase {
    name: "", credential: key, accepted: "Links 50", configured_rejected: "Links 1", rejected_after_renewal: "", expired: "",
    cancelled: "Links 50",
};

/// A credential that is fetched with one request to this route.
macro_rules! fetched_by {
    ($name:literal, $credential:expr, $route:literal) => {
        CredentialCase {
            name: $name,
            credential: $credential,
            accepted: concat!($route, " 1, Links 50"),
            configured_rejected: concat!($route, " 1"),
            rejected_after_renewal: concat!($route, " 2, Links 2"),
            expired: concat!($route, " 1"),
            cancelled: concat!($route, " 2, Links 49"),
        }
    };
}

#[rustfmt::skip]
pub(super) const CASES: &[CredentialCase] = &[
    CredentialCase { name: "key", credential: key, ..CONFIGURED },
    CredentialCase {
        name: "temporary key", credential: || access_key(Some("security-token".into())), ..CONFIGURED
    },
    CredentialCase {
        name: "token",
        credential: || Credential::Token(Arc::new(Token::new("SECRET".into(), "the test".into()))),
        ..CONFIGURED
    },
    CredentialCase {
        name: "password", credential: password,
        accepted: "Links 50, Tokens 1", configured_rejected: "Tokens 1",
        rejected_after_renewal: "Links 2, Tokens 2", expired: "Tokens 1", cancelled: "Links 49, Tokens 2",
    },
    fetched_by!("agency (v5) over key", || agency(key(), account_by_id()), "Assume"),
    CredentialCase {
        name: "agency (v3) over key", credential: || agency(key(), account_by_name()),
        accepted: "Account 1, AgencyKeys 1, Links 50", configured_rejected: "Account 1",
        rejected_after_renewal: "Account 1, AgencyKeys 2, Links 2", expired: "Account 1, AgencyKeys 1",
        cancelled: "Account 2, AgencyKeys 1, Links 49",
    },
    fetched_by!("container", container, "ContainerKeys"),
    fetched_by!("OIDC token", oidc_token, "FederatedTokens"),
    CredentialCase {
        name: "agency over password", credential: || agency(password(), account_by_name()),
        accepted: "AgencyKeys 1, Links 50, Tokens 1", configured_rejected: "Tokens 1",
        rejected_after_renewal: "AgencyKeys 2, Links 2, Tokens 1", expired: "Tokens 1",
        cancelled: "AgencyKeys 1, Links 49, Tokens 2",
    },
    CredentialCase {
        name: "metadata",
        credential: || key_provider(KeySource::Metadata { reasons: Vec::new() }),
        accepted: "Links 50, MetadataKeys 1, MetadataToken 1", configured_rejected: "MetadataKeys 1, MetadataToken 1",
        rejected_after_renewal: "Links 2, MetadataKeys 2, MetadataToken 2",
        expired: "MetadataKeys 1, MetadataToken 1", cancelled: "",
    },
    CredentialCase {
        name: "chain of agencies", credential: || agency(agency(key(), account_by_name()), account_by_id()),
        accepted: "Account 1, AgencyKeys 1, Assume 1, Links 50", configured_rejected: "Account 1",
        rejected_after_renewal: "Account 1, AgencyKeys 1, Assume 2, Links 2",
        expired: "Account 1, AgencyKeys 1", cancelled: "Account 2, AgencyKeys 1, Assume 1, Links 49",
    },
    fetched_by!("OIDC in one step", || oidc(IdentityProvider::Urn("urn".into())), "AssumeWithOidc"),
    CredentialCase {
        name: "OIDC in three steps", credential: || oidc(IdentityProvider::Id("idp".into())),
        accepted: "Assume 1, FederatedTokens 1, Links 50, TokenKeys 1", configured_rejected: "FederatedTokens 1",
        rejected_after_renewal: "Assume 2, FederatedTokens 2, Links 2, TokenKeys 2",
        expired: "Assume 1, FederatedTokens 1, TokenKeys 1",
        cancelled: "Assume 1, FederatedTokens 2, Links 49, TokenKeys 1",
    },
    CredentialCase {
        name: "agency's token over key",
        credential: || {
            token_provider(TokenGrant::Agency { base: Box::new(key()), agency: test_agency(account_by_name()) })
        },
        accepted: "Account 1, AgencyTokens 1, Links 50", configured_rejected: "Account 1",
        rejected_after_renewal: "Account 1, AgencyTokens 2, Links 2", expired: "Account 1, AgencyTokens 1",
        cancelled: "Account 2, AgencyTokens 1, Links 49",
    },
];

fn access_key(security_token: Option<SecretString>) -> Credential {
    let key = AccessKey::new("SECRET".into(), "secret-key".into(), security_token, "the test".into());
    Credential::Key(Arc::new(key))
}

fn key_provider(source: KeySource) -> Credential {
    Credential::KeyProvider(KeyProvider::new(source, "the test".into()))
}

fn token_provider(grant: TokenGrant) -> Credential {
    Credential::TokenProvider(TokenProvider::new(grant, "the test".into()))
}

pub(super) fn key() -> Credential {
    access_key(None)
}

pub(super) fn password() -> Credential {
    let user = User::Name { name: "u".into(), account: Account::Name("a".into()) };
    token_provider(TokenGrant::Password { user, password: "SECRET".into() })
}

fn account_by_id() -> Account {
    Account::Id("d".into())
}

fn account_by_name() -> Account {
    Account::Name("d".into())
}

fn test_agency(account: Account) -> Agency {
    Agency { name: "x".into(), account, duration: None, caller_account: CallerAccount::default() }
}

fn agency(base: Credential, account: Account) -> Credential {
    key_provider(KeySource::Agency { base: Box::new(base), agency: test_agency(account) })
}

fn oidc(provider: IdentityProvider) -> Credential {
    let id_token = IdToken::Literal("SECRET".into());
    key_provider(KeySource::Oidc(Federation { provider, id_token, agency: test_agency(account_by_id()) }))
}

fn oidc_token() -> Credential {
    let id_token = IdToken::File("/token".into());
    token_provider(TokenGrant::IdToken { provider: "idp".into(), id_token })
}

fn container() -> Credential {
    let url = "http://127.0.0.1:1/container".into();
    key_provider(KeySource::Container { url, token_file: "/token".into() })
}
