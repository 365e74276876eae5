//! The client: settings, endpoints, and the authenticated request that all operations use.

#[cfg(test)]
pub(super) mod tests;

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use url::Url;

use super::auth::temporary_key::METADATA_ADDRESS;
use super::auth::{
    self, AuthContext, AuthEndpoints, Credential, ProjectRef, RefreshingCache, RequestAuth, Scope,
};
use super::certificate::X509Certificate;
use super::download::{DownloadError, Downloader};
use super::error::ErrorKind;
use super::transport::retry::Attempts;
use super::transport::{Deadline, ErrorResponse, Request, Response, Tls, Transport, TransportError};
use crate::system::{Clock, Environment};

/// Default timeout of a read with all its retries. Longer than the gateway's windows of one minute.
const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Maximum number of links whose certificates are cached. If each response has newly signed links, no link is requested
/// twice.
const MAX_CACHED_LINKS: usize = 64;

/// The settings of a client.
pub struct Settings {
    /// The default region of calls.
    pub region: String,
    /// The domain of the cloud's services, such as `myhuaweicloud.com`.
    pub cloud: String,
    /// Endpoints that replace the default ones.
    pub endpoints: Endpoints,
    /// The project of calls in the default region.
    pub project: ProjectSelector,
    /// The credential that authenticates calls.
    pub credential: Credential,
    /// Trusted certificates and the client certificate.
    pub tls: Tls,
    /// Maximum number of retries of a failed request.
    pub max_retries: u32,
    /// Timeout of one attempt, from the connection to the end of the response.
    pub request_timeout: Duration,
    /// The value of the header `User-Agent`.
    pub user_agent: String,
    /// The clock, for signatures and expiry times.
    pub clock: Clock,
    /// Contains the proxy variables, and the files that a credential reads for each request.
    pub environment: Environment,
    /// The signing algorithm of keys.
    pub algorithm: auth::Algorithm,
}

/// Selects the project of calls in the client's region.
pub enum ProjectSelector {
    /// The project with this ID.
    Id(String),
    /// The project with this name.
    Name(String),
    /// The region's default project, which has the region's name.
    RegionDefault,
}

/// Base URLs that replace the default ones, without a version. `{region}` is replaced by the region of the call.
#[derive(Default)]
pub struct Endpoints {
    /// The Document Database Service.
    pub dds: Option<String>,
    /// Identity and Access Management.
    pub iam: Option<String>,
    /// The Security Token Service.
    pub sts: Option<String>,
    /// The ECS metadata service.
    pub metadata: Option<String>,
    /// IAM for credentials only. May end in `/v3`.
    pub auth: Option<String>,
}

/// A client of the cloud. It does not connect before the first call.
pub struct Client {
    pub(super) settings: Settings,
    auth_endpoints: AuthEndpoints,
    /// The endpoint of DDS in the client's region, so that it is not parsed for each call.
    dds_endpoint: Result<String, ErrorKind>,
    transport: Transport,
    direct: Transport,
    /// Project IDs by name.
    pub(super) project_ids: RefreshingCache<String, String, ErrorKind>,
    downloader: Downloader,
    /// Downloaded certificates by link. The instances of a region may have the same link.
    certificates: RefreshingCache<String, Vec<X509Certificate>, DownloadError>,
}

impl Client {
    /// Creates a client with these settings.
    pub fn new(settings: Settings) -> Self {
        let Settings { max_retries, request_timeout, .. } = settings;
        let transport =
            Transport::new(settings.tls.clone(), max_retries, request_timeout, &settings.environment);
        Self::with_transports(transport, Transport::direct(), settings)
    }

    fn with_transports(transport: Transport, direct: Transport, settings: Settings) -> Self {
        let auth_endpoints = settings.auth_endpoints();
        let dds_endpoint = settings.dds_endpoint(&settings.region);
        let project_ids = RefreshingCache::new(ErrorKind::ttl);
        let downloader = Downloader::new(&settings);
        let certificates = RefreshingCache::new(DownloadError::ttl).with_max_keys(MAX_CACHED_LINKS);
        Self {
            settings,
            auth_endpoints,
            dds_endpoint,
            transport,
            direct,
            project_ids,
            downloader,
            certificates,
        }
    }

    /// Returns the default region of calls.
    pub fn region(&self) -> &str {
        &self.settings.region
    }

    /// Returns the endpoint of DDS in a region.
    pub(super) fn dds_endpoint(&self, region: &str) -> Result<String, ErrorKind> {
        if region == self.region() { self.dds_endpoint.clone() } else { self.settings.dds_endpoint(region) }
    }

    /// Returns the time of the client's clock.
    pub fn now(&self) -> SystemTime {
        self.settings.clock.now()
    }

    /// Whether every certificate of a server is trusted.
    pub fn is_insecure(&self) -> bool {
        self.settings.tls.is_insecure()
    }

    /// Returns the certificates that a link points to. All reads of the same link share one download.
    pub(super) async fn certificates(
        &self,
        deadline: Deadline,
        link: &str,
    ) -> Result<Vec<X509Certificate>, DownloadError> {
        let timed_out = || DownloadError::queue_timed_out(deadline, link);
        let download = || self.downloader.certificates(deadline, link);
        self.certificates.get(link.to_owned(), deadline, |_| true, timed_out, download).await
    }

    /// Returns the deadline of a read that starts now. `timeout` is the timeout that the user set, if any.
    pub(super) fn deadline(timeout: Option<Duration>) -> Deadline {
        timeout.map_or_else(|| Deadline::from_default(DEFAULT_READ_TIMEOUT), Deadline::from_user)
    }

    /// Returns the project of calls in a region: the configured one in the client's region, or the default project of
    /// another region.
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

    /// Sends an authenticated GET and decodes the response. A rejected key or token is renewed once.
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
            // An error in a 2xx response counts only if nothing can be decoded.
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
    /// Returns the endpoint of DDS. An endpoint without `{region}` is only valid in the client's region.
    fn dds_endpoint(&self, region: &str) -> Result<String, ErrorKind> {
        match &self.endpoints.dds {
            None => Ok(self.default_endpoint("dds", region)),
            Some(url) if region != self.region && !url.contains(REGION) => {
                Err(ErrorKind::EndpointRegionMismatch)
            }
            Some(url) => Ok(base_url(url, region)),
        }
    }

    /// Returns the endpoint of IAM for lookups. IAM in any region has the projects of all regions.
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

    /// Returns the public endpoint of a service. The cloud's domain may end with a dot.
    fn default_endpoint(&self, service: &str, region: &str) -> String {
        let cloud = self.cloud.trim().trim_end_matches('.');
        base_url(&format!("https://{service}.{region}.{cloud}"), region)
    }
}

/// Normalises a URL as the HTTP client does, for example the host in lower case. The signature depends on it.
fn base_url(url: &str, region: &str) -> String {
    let url = url.trim().replace(REGION, region);
    let url = Url::parse(&url).map_or(url, String::from);
    url.trim_end_matches('/').to_owned()
}
