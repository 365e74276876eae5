//! Sends HTTP requests with retries, a rate limiter per host, and a deadline.
//!
//! This module does not use credentials. It never logs headers, queries or bodies.

mod address;
mod error;
pub mod error_response;
mod proxy;
mod rate_limit;
pub(crate) mod retry;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::debug;

use crate::system::Environment;
use crate::system::secret::SecretString;
pub(crate) use address::{AddressPolicy, RefusedAddress, is_loopback_host};
pub(crate) use error::TransportError;
pub use error_response::ErrorResponse;
pub(in crate::huaweicloud) use proxy::Proxies;
pub use tls::{IdentityError, Tls};

/// A request with its complete body, which is part of the signature.
pub(super) type Request = http::Request<Vec<u8>>;

/// The result of one attempt.
pub(super) type HttpResult = Result<Response, TransportError>;

/// A complete response.
#[derive(Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decoded as `Content-Encoding` specifies.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 2xx, except 206: the client never requests partial content.
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success() && self.status != StatusCode::PARTIAL_CONTENT
    }
}

/// The time at which a read times out. Every step of the read observes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    pub(super) at: Instant,
    /// The timeout that the deadline results from, for messages.
    pub(super) timeout: Duration,
    /// Whether the user set the timeout. If so, a server that does not respond is retried until the deadline.
    pub(super) set_by_user: bool,
}

impl Deadline {
    /// Returns the deadline of a timeout that the user set.
    pub(super) fn from_user(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, timeout, set_by_user: true }
    }

    /// Returns the deadline of a default timeout.
    pub(super) fn from_default(timeout: Duration) -> Self {
        Self { set_by_user: false, ..Self::from_user(timeout) }
    }

    /// Returns the time until the deadline. Zero if it has passed.
    pub(super) fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

/// Formats a duration for a message: `90 s`, `1.5 s`, or `500 ms` below a second.
pub(crate) fn format_duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_secs_f64() * 1000.0);
    }
    let seconds = format!("{:.3}", time.as_secs_f64());
    format!("{} s", seconds.trim_end_matches('0').trim_end_matches('.'))
}

/// Allowed before JSON, but not part of it (RFC 8259).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A connection takes two round trips, or three with a proxy. This leaves time for one lost packet in each.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Services on this machine or close to it respond within milliseconds.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest expected response is a token with some kilobytes of roles.
const MAX_BODY_SIZE: usize = 4 << 20;

/// The largest expected download is a zip file with some certificates.
pub(super) const MAX_DOWNLOAD_SIZE: usize = 1 << 20;

/// Sends requests. A client has one transport that uses proxies, and a direct one.
pub(super) struct Transport {
    backend: Backend,
    retry: retry::Policy,
    /// `None` for services on this machine or close to it, which have no rate limits.
    limiters: Option<rate_limit::RateLimiters>,
}

enum Backend {
    Http(Box<HttpClients>),
    #[cfg(test)]
    Scripted(tests::Script),
}

/// HTTP clients, built at first use. A provider that reads nothing builds no client. Without TLS, no certificate store
/// is loaded.
#[derive(Default)]
struct HttpClients {
    tls: Tls,
    timeout: Duration,
    /// Whether responses are downloads, and not responses of the API.
    is_download: bool,
    /// The addresses that may be connected. `None` allows all.
    addresses: Option<AddressPolicy>,
    /// The setting that the timeout comes from, if there is one.
    setting: Option<&'static str>,
    proxies: Proxies,
    plain: OnceCell<Result<reqwest::Client, TransportError>>,
    secure: OnceCell<Result<reqwest::Client, TransportError>>,
}

impl Transport {
    /// Creates a transport that uses the proxies of the environment. `timeout` applies to each attempt.
    pub(super) fn new(tls: Tls, max_retries: u32, timeout: Duration, environment: &Environment) -> Self {
        let (setting, proxies) = (Some("request_timeout"), Proxies::from_environment(environment));
        let clients = HttpClients { tls, timeout, setting, proxies, ..HttpClients::default() };
        Self::with_limiters(clients, max_retries)
    }

    /// Creates a transport for downloads: without a client certificate, and with small responses. `addresses` limits
    /// the connections. It must be `None` if there is a proxy, because the proxy may have any address.
    pub(super) fn for_downloads(
        tls: Tls,
        max_retries: u32,
        timeout: Duration,
        proxies: Proxies,
        addresses: Option<AddressPolicy>,
    ) -> Self {
        let (setting, tls) = (Some("request_timeout"), tls.without_client_certificate());
        let clients = HttpClients { tls, timeout, setting, proxies, ..HttpClients::default() };
        Self::with_limiters(HttpClients { is_download: true, addresses, ..clients }, max_retries)
    }

    fn with_limiters(clients: HttpClients, max_retries: u32) -> Self {
        Self {
            backend: Backend::Http(Box::new(clients)),
            retry: retry::Policy::new(max_retries),
            limiters: Some(rate_limit::RateLimiters::default()),
        }
    }

    /// Creates a transport for services on this machine or close to it: no proxy, no retries, and a short timeout.
    pub(super) fn direct() -> Self {
        let clients = HttpClients { timeout: DIRECT_TIMEOUT, ..HttpClients::default() };
        Self { backend: Backend::Http(Box::new(clients)), retry: retry::Policy::new(0), limiters: None }
    }

    /// Sends a request, and retries it as the retry policy decides. Each attempt passes `gate`. `make_request` creates
    /// the request for the time of the attempt.
    pub(super) async fn send_with_retries(
        &self,
        deadline: Deadline,
        gate: Option<&impl retry::AttemptGate>,
        now: impl Fn() -> SystemTime,
        make_request: impl Fn(SystemTime) -> Request,
    ) -> retry::Outcome {
        let send = |request| self.send_once(request);
        self.retry.run(self.limiters.as_ref(), deadline, gate, now, make_request, send).await
    }

    #[cfg(test)]
    pub(super) fn scripted(script: tests::Script, max_retries: u32) -> Self {
        let retry = retry::Policy::without_jitter(max_retries);
        let limiters = Some(rate_limit::RateLimiters::default());
        Self { backend: Backend::Scripted(script), retry, limiters }
    }

    /// Sends one attempt.
    async fn send_once(&self, request: Request) -> HttpResult {
        let method = request.method().clone();
        let host = request.uri().host().unwrap_or_default().to_owned();
        let path = request.uri().path().to_owned();
        let authorization = request.headers().get(http::header::AUTHORIZATION).cloned();
        let started = Instant::now();
        let mut result = match &self.backend {
            Backend::Http(clients) => clients.send(request).await,
            #[cfg(test)]
            Backend::Scripted(script) => script.send(request).await,
        };
        if let Ok(response) = &mut result
            && response.body.starts_with(BYTE_ORDER_MARK)
        {
            response.body.drain(..BYTE_ORDER_MARK.len());
        }
        if let (Ok(response), Some(authorization)) = (&result, authorization)
            && ErrorResponse::from_response(response).is_some()
        {
            register_signature(&authorization);
        }
        let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(response) => {
                // Fields are evaluated only if the log is enabled.
                debug!(
                    %method,
                    host,
                    path,
                    status = response.status.as_u16(),
                    request_id = error_response::request_id(&response.headers).unwrap_or_default(),
                    duration_ms = took,
                    "HTTP request completed"
                );
            }
            Err(error) => {
                debug!(%method, host, path, error = %error, duration_ms = took, "HTTP request failed")
            }
        }
        result
    }
}

/// Registers the signature, or another secret in this header, for redaction. Only error responses repeat parts of a
/// request, so a successful one needs no registration.
fn register_signature(authorization: &http::HeaderValue) {
    let text = authorization.to_str().unwrap_or_default();
    drop(SecretString::from(text.rsplit_once("Signature=").map_or(text, |(_, signature)| signature)));
}

impl HttpClients {
    async fn send(&self, request: Request) -> HttpResult {
        let request = reqwest::Request::try_from(request).map_err(TransportError::from_request_build)?;
        self.proxies.choose(request.url())?;
        let client = match request.url().scheme() {
            "https" => self.secure.get_or_init(|| self.build(true)).await,
            _ => self.plain.get_or_init(|| self.build(false)).await,
        };
        let client = client.as_ref().map_err(Clone::clone)?;
        let mut response = client.execute(request).await.map_err(|error| self.error(error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let max_body_size = if self.is_download { MAX_DOWNLOAD_SIZE } else { MAX_BODY_SIZE };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.error(error))? {
            // Checked after decoding, because a compressed body may be a thousand times smaller.
            if body.len() + chunk.len() > max_body_size {
                return Err(TransportError::ResponseTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }

    fn error(&self, error: reqwest::Error) -> TransportError {
        let timed_out = TransportError::RequestTimedOut { timeout: self.timeout, setting: self.setting };
        TransportError::from_send(error, timed_out)
    }

    /// Builds a client on the blocking pool, because the certificate store is read from files. A client without TLS
    /// trusts no certificates, so that the store is not loaded.
    async fn build(&self, is_secure: bool) -> Result<reqwest::Client, TransportError> {
        let proxies = self.proxies.clone();
        let builder = reqwest::Client::builder()
            // Ignore the proxies that reqwest detects.
            .no_proxy()
            // A redirect would send the credential to another host.
            .redirect(reqwest::redirect::Policy::none())
            // Our own policy counts the attempts, and signs each one.
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.timeout);
        let builder = if proxies.is_empty() {
            // reqwest would parse the URL of each request without need.
            builder
        } else {
            builder.proxy(reqwest::Proxy::custom(move |url| proxies.choose(url).ok().flatten().cloned()))
        };
        let builder = match self.addresses {
            Some(policy) => builder.dns_resolver(Arc::new(policy)),
            None => builder,
        };
        let builder = if is_secure { self.tls.apply(builder) } else { builder.tls_certs_only([]) };
        let built = tokio::task::spawn_blocking(|| builder.build()).await;
        let built = built.map_err(|error| TransportError::InvalidRequest { cause: error.to_string() })?;
        built.map_err(TransportError::from_client_build)
    }
}
