//! The cloud's API: every call goes the same way of build, authorize, send, classify and decode.
//!
//! Called by data sources. Knows nothing of Terraform: its errors are typed and put into words elsewhere.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::huaweicloud::auth::refreshing_cache::RefreshingCache;
use crate::huaweicloud::auth::{self, AuthContext, AuthEndpoints, Credential, RequestAuth};
use crate::huaweicloud::transport::retry::Attempts;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, Request, Response, Transport, TransportError};
use crate::system::{Clock, Environment};

pub use super::dds::Certificate;
pub use super::endpoints::Endpoints;
pub use super::error::{Error, Kind, Operation};

pub use crate::huaweicloud::transport::{IdentityError, Tls};

/// What reads the bodies of good answers.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::super::iam::project_id;
    pub use crate::dds::certificates;
}

/// For everything that one read does, pauses included, unless the user says otherwise: long enough for the gateway's
/// windows of a minute.
pub const READ_LIMIT: Duration = Duration::from_secs(5 * 60);

pub struct Settings {
    pub region: String,
    /// The domain of the cloud's services, such as `myhuaweicloud.com`.
    pub cloud: String,
    pub endpoints: Endpoints,
    pub project: Project,
    pub credential: Credential,
    pub tls: Tls,
    pub max_retries: u32,
    /// For one request, from its connection to the end of its answer.
    pub request_timeout: Duration,
    pub user_agent: String,
    pub clock: Clock,
    /// For what a credential reads anew each time.
    pub environment: Environment,
    /// How keys sign.
    pub algorithm: auth::Algorithm,
}

/// Which project of the provider's region is read.
pub enum Project {
    Id(String),
    Name(String),
    /// The one that has the region's name.
    OfRegion,
}

/// Cheap to make: connects to nothing before its first call.
pub struct Client {
    pub(super) settings: Settings,
    places: AuthEndpoints,
    transport: Transport,
    nearby: Transport,
    /// Project IDs by name.
    pub(super) projects: RefreshingCache<String, String, Kind>,
}

impl Client {
    pub fn new(settings: Settings) -> Self {
        let transport = Transport::new(settings.tls.clone(), settings.max_retries, settings.request_timeout)
            .through_proxies(&settings.environment);
        Self::over(transport, Transport::nearby(), settings)
    }

    fn over(transport: Transport, nearby: Transport, settings: Settings) -> Self {
        let places = super::endpoints::places(&settings);
        Self { settings, places, transport, nearby, projects: RefreshingCache::new(Kind::keep) }
    }

    /// The region in which a call takes place that names none.
    pub fn region(&self) -> &str {
        &self.settings.region
    }

    /// The certificates of an instance, in the cloud's order. `limit` is the user's own, if there is one.
    pub async fn ssl_cert_download_links(
        &self,
        region: Option<&str>,
        instance_id: &str,
        limit: impl Into<Option<Duration>>,
    ) -> Result<Vec<Certificate>, Error> {
        let region = region.unwrap_or(&self.settings.region);
        let mut call =
            super::error::Context::new(Operation::DownloadLinks, region, self.settings.credential.origin());
        let deadline = limit.into().map_or_else(|| Deadline::by_default(READ_LIMIT), Deadline::after);
        // Each wait in there obeys the deadline, so that the error can say what the read waited for.
        let links = super::dds::download_links(self, &mut call, deadline, region, instance_id).await;
        links.map_err(|kind| call.failed(kind))
    }

    fn now(&self) -> SystemTime {
        self.settings.clock.now()
    }

    pub(super) fn calls(&self, deadline: Deadline) -> AuthContext<'_> {
        AuthContext {
            transport: &self.transport,
            nearby: &self.nearby,
            deadline,
            clock: self.settings.clock,
            environment: &self.settings.environment,
            places: &self.places,
            algorithm: self.settings.algorithm,
        }
    }

    /// Gets what `read` makes of a good answer. A pass that the cloud no longer takes is renewed, once.
    pub(super) async fn get<T>(
        &self,
        deadline: Deadline,
        url: &str,
        project: Option<&str>,
        scope: &auth::Scope,
        read: impl Fn(&Response) -> Result<T, Kind>,
    ) -> Result<T, Kind> {
        let credential = &self.settings.credential;
        let mut refused = None;
        loop {
            let pass = credential.pass(self.calls(deadline), scope, refused.as_ref()).await?;
            let (response, refusal, effort) = self.exchange(deadline, url, project, scope, &pass).await?;
            let Some(refusal) = refusal else { return read(&response) };
            // Only what cannot be read is an error that comes with a good status.
            if response.is_good()
                && let Ok(value) = read(&response)
            {
                return Ok(value);
            }
            let is_refused = auth::refuses_credential(&refusal);
            if !is_refused || refused.is_some() || !credential.may_renew(&pass, scope) {
                return Err(self.refused(refusal, effort));
            }
            refused = Some(pass);
        }
    }

    /// The answer, and the error that it is.
    async fn exchange(
        &self,
        deadline: Deadline,
        url: &str,
        project: Option<&str>,
        scope: &auth::Scope,
        pass: &RequestAuth,
    ) -> Result<(Response, Option<ErrorResponse>, Attempts), Kind> {
        let gate = pass.gate(scope);
        let make = |now| self.request(url, project, pass, now);
        let outcome = self.transport.exchange(deadline, Some(&*gate), || self.now(), make).await;
        let effort = outcome.effort;
        let response = outcome.result.map_err(|failure| match failure {
            TransportError::ReadLimit { limit } => Kind::Deadline(limit),
            failure => Kind::Unanswered { failure, effort },
        })?;
        let refusal = ErrorResponse::of(&response);
        Ok((response, refusal, effort))
    }

    fn request(&self, url: &str, project: Option<&str>, pass: &RequestAuth, now: SystemTime) -> Request {
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
        if let (RequestAuth::Key(_), Some(project)) = (pass, project) {
            // Needed for a sub-project; a token knows its project by itself.
            set("x-project-id", project);
        }
        pass.apply(&mut request, now);
        request
    }

    fn refused(&self, refusal: ErrorResponse, effort: Attempts) -> Kind {
        Kind::Refused { refusal: Box::new(refusal), effort, received: self.now() }
    }
}
