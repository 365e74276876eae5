//! The client: settings, endpoints, and the authenticated request that every operation sends.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use url::Url;

use super::auth::temporary_key::METADATA_ADDRESS;
use super::auth::{
    self, AuthContext, AuthEndpoints, Credential, ProjectRef, RefreshingCache, RequestAuth, Scope,
};
use super::error::ErrorKind;
use super::transport::retry::Attempts;
use super::transport::{Deadline, ErrorResponse, Request, Response, Tls, Transport, TransportError};
use crate::system::{Clock, Environment};

/// Limit of one read with all its pauses, unless the user sets one: longer than the gateway's windows of a minute.
const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Everything that a client needs to know.
pub struct Settings {
    /// The region of calls that name no other.
    pub region: String,
    /// The domain of the cloud's services, such as `myhuaweicloud.com`.
    pub cloud: String,
    /// Endpoints other than the usual ones.
    pub endpoints: Endpoints,
    /// The project of calls in that region.
    pub project: ProjectSelector,
    /// What authenticates the calls.
    pub credential: Credential,
    /// Certificates to trust and to show.
    pub tls: Tls,
    /// How often a failed request is sent again.
    pub max_retries: u32,
    /// Limit of one request, from its connection to the end of the response.
    pub request_timeout: Duration,
    /// The header `User-Agent`.
    pub user_agent: String,
    /// The time, for signatures and expiry.
    pub clock: Clock,
    /// Proxies, and files that credentials read each time.
    pub environment: Environment,
    /// The signing algorithm of keys.
    pub algorithm: auth::Algorithm,
}

/// The project of calls in the client's region.
pub enum ProjectSelector {
    /// The project with this ID.
    Id(String),
    /// The project with this name.
    Name(String),
    /// The project that has the region's name.
    RegionDefault,
}

/// Base URLs that replace the usual ones, without a version. `{region}` stands for the region of a call.
#[derive(Default)]
pub struct Endpoints {
    /// Of the Document Database Service.
    pub dds: Option<String>,
    /// Of Identity and Access Management.
    pub iam: Option<String>,
    /// Of the Security Token Service.
    pub sts: Option<String>,
    /// Of the ECS metadata service.
    pub metadata: Option<String>,
    /// Of IAM, for credentials only. May end in `/v3`.
    pub auth: Option<String>,
}

/// A client of the cloud. It opens no connection before its first call.
pub struct Client {
    pub(super) settings: Settings,
    auth_endpoints: AuthEndpoints,
    transport: Transport,
    direct: Transport,
    /// IDs of projects by name.
    pub(super) project_ids: RefreshingCache<String, String, ErrorKind>,
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: Settings) -> Self {
        let Settings { max_retries, request_timeout, .. } = settings;
        let transport =
            Transport::new(settings.tls.clone(), max_retries, request_timeout, &settings.environment);
        Self::with_transports(transport, Transport::direct(), settings)
    }

    fn with_transports(transport: Transport, direct: Transport, settings: Settings) -> Self {
        let auth_endpoints = settings.auth_endpoints();
        let project_ids = RefreshingCache::new(ErrorKind::ttl);
        Self { settings, auth_endpoints, transport, direct, project_ids }
    }

    /// The region of calls that name no other.
    pub fn region(&self) -> &str {
        &self.settings.region
    }

    /// The deadline of a read that begins now. `limit` is the user's own, if one is set.
    pub(super) fn deadline(timeout: Option<Duration>) -> Deadline {
        timeout.map_or_else(|| Deadline::from_default(DEFAULT_READ_TIMEOUT), Deadline::from_user)
    }

    /// The project of calls in a region: the configured one in the client's own, and the one with its name in any other.
    pub(super) fn project(&self, region: &str) -> ProjectRef {
        match &self.settings.project {
            ProjectSelector::Id(id) if region == self.settings.region => ProjectRef::Id(id.clone()),
            ProjectSelector::Name(name) if region == self.settings.region => ProjectRef::Name(name.clone()),
            _ => ProjectRef::Name(region.to_owned()),
        }
    }

    pub(super) fn auth_context(&self, deadline: Deadline) -> AuthContext<'_> {
        AuthContext {
            transport: &self.transport,
            direct: &self.direct,
            deadline,
            clock: self.settings.clock,
            environment: &self.settings.environment,
            endpoints: &self.auth_endpoints,
            algorithm: self.settings.algorithm,
        }
    }

    /// Sends an authenticated GET and returns what `decode` makes of the response. A rejected key or token is renewed once.
    pub(super) async fn get<T>(
        &self,
        deadline: Deadline,
        url: &str,
        project_id: Option<&str>,
        scope: &Scope,
        decode: impl Fn(&Response) -> Result<T, ErrorKind>,
    ) -> Result<T, ErrorKind> {
        let credential = &self.settings.credential;
        let mut rejected = None;
        loop {
            let auth = credential.request_auth(self.auth_context(deadline), scope, rejected.as_ref()).await?;
            let (response, attempts) = self.send(deadline, url, project_id, scope, &auth).await?;
            let Some(error_response) = ErrorResponse::from_response(&response) else {
                return decode(&response);
            };
            // An error in a response with a good status counts only if nothing can be decoded.
            if response.is_success()
                && let Ok(value) = decode(&response)
            {
                return Ok(value);
            }
            let is_rejected = auth::rejects_credential(&error_response);
            if !is_rejected || rejected.is_some() || !credential.may_renew(&auth, scope) {
                let (response, received) = (Box::new(error_response), self.settings.clock.now());
                return Err(ErrorKind::Response { response, attempts, received });
            }
            rejected = Some(auth);
        }
    }

    async fn send(
        &self,
        deadline: Deadline,
        url: &str,
        project_id: Option<&str>,
        scope: &Scope,
        auth: &RequestAuth,
    ) -> Result<(Response, Attempts), ErrorKind> {
        let gate = auth.gate(scope);
        let now = || self.settings.clock.now();
        let make_request = |now| self.request(url, project_id, auth, now);
        let outcome = self.transport.send_with_retries(deadline, Some(&*gate), now, make_request).await;
        let attempts = outcome.attempts;
        match outcome.result {
            Ok(response) => Ok((response, attempts)),
            Err(TransportError::ReadTimedOut { timeout }) => Err(ErrorKind::DeadlineExceeded(timeout)),
            Err(error) => Err(ErrorKind::Transport { error, attempts }),
        }
    }

    fn request(&self, url: &str, project_id: Option<&str>, auth: &RequestAuth, now: SystemTime) -> Request {
        let mut request = http::Request::new(Vec::new());
        *request.uri_mut() = url.parse().unwrap_or_default();
        let mut set = |name: &'static str, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                request.headers_mut().insert(name, value);
            }
        };
        set("accept", "application/json");
        set("user-agent", &self.settings.user_agent);
        // The language of error messages.
        set("x-language", "en-us");
        if let (RequestAuth::Key(_), Some(project_id)) = (auth, project_id) {
            // Required for a sub-project. A token contains its project.
            set("x-project-id", project_id);
        }
        auth.apply(&mut request, now);
        request
    }
}

const REGION: &str = "{region}";

impl Settings {
    /// The endpoint of DDS. One without `{region}` is that of the client's region, and wrong for calls in another.
    pub(super) fn dds_endpoint(&self, region: &str) -> Result<String, ErrorKind> {
        match &self.endpoints.dds {
            None => Ok(self.default_endpoint("dds", region)),
            Some(url) if region != self.region && !url.contains(REGION) => {
                Err(ErrorKind::EndpointRegionMismatch)
            }
            Some(url) => Ok(base_url(url, region)),
        }
    }

    /// The endpoint of IAM for look-ups. The one of the client's region knows the projects of all regions.
    pub(super) fn iam_endpoint(&self) -> String {
        self.iam([&self.endpoints.iam, &self.endpoints.auth])
    }

    fn auth_endpoints(&self) -> AuthEndpoints {
        let base_url = |url: &Option<String>| url.as_ref().map(|url| base_url(url, &self.region));
        AuthEndpoints {
            iam: self.iam([&self.endpoints.auth, &self.endpoints.iam]),
            sts: base_url(&self.endpoints.sts).unwrap_or_else(|| self.default_endpoint("sts", &self.region)),
            metadata: base_url(&self.endpoints.metadata).unwrap_or_else(|| METADATA_ADDRESS.to_owned()),
        }
    }

    fn iam(&self, endpoints: [&Option<String>; 2]) -> String {
        let url = endpoints.into_iter().flatten().next().map(|url| base_url(url, &self.region));
        let url = url.unwrap_or_else(|| self.default_endpoint("iam", &self.region));
        url.strip_suffix("/v3").map_or(url.clone(), str::to_owned)
    }

    /// The public endpoint of a service. The cloud's domain may be absolute, with a dot at its end.
    fn default_endpoint(&self, service: &str, region: &str) -> String {
        let cloud = self.cloud.trim().trim_end_matches('.');
        base_url(&format!("https://{service}.{region}.{cloud}"), region)
    }
}

/// The URL as the HTTP client will send it, for example with the host in lower case: the signature depends on it.
fn base_url(url: &str, region: &str) -> String {
    let url = url.trim().replace(REGION, region);
    let url = Url::parse(&url).map_or(url, String::from);
    url.trim_end_matches('/').to_owned()
}
