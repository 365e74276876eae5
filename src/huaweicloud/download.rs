//! Downloads files from links that the cloud returned, without a credential.
//!
//! A link is input from a server. The download therefore sends nothing that identifies the user, and it follows
//! redirects itself, so that each address is checked before a request is sent.

#[cfg(test)]
mod tests;

use http::header::{CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use url::Url;

use super::auth::ErrorTtl;
use super::certificate::{self, CertificateError, X509Certificate};
use super::client::Settings;
use super::strings::{excerpt, printable};
use super::transport::retry::{Attempts, NO_GATE};
use super::transport::{
    AddressPolicy, Deadline, ErrorResponse, MAX_DOWNLOAD_SIZE, Proxies, RefusedAddress, Request, Response,
    Transport, TransportError, is_loopback_host,
};
use crate::system::Clock;
use crate::system::secret::SecretString;

/// Maximum number of redirects. Object storage needs none, a front end needs one.
const MAX_REDIRECTS: usize = 3;

/// Downloads files, through the proxy of the user if there is one.
pub(super) struct Downloader {
    /// For hosts without a proxy. It connects only to allowed addresses.
    direct: Transport,
    /// For hosts with a proxy. The proxy resolves their names.
    proxied: Transport,
    proxies: Proxies,
    policy: LinkPolicy,
    user_agent: String,
    clock: Clock,
}

/// Which links are allowed. It depends on the DDS endpoint that the user set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkPolicy {
    /// Whether a link may have the scheme `http`.
    allows_http: bool,
    addresses: AddressPolicy,
}

/// The reason why a file was not downloaded, or cannot be used. A `url` has no query.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error("it is not a valid URL")]
    InvalidUrl,
    #[error("{url} is not an https URL")]
    NotHttps { url: String },
    #[error("{url} contains a user name or a password")]
    UserInfo { url: String },
    #[error("{address}")]
    AddressNotAllowed { url: String, address: RefusedAddress },
    #[error("{url} is the end of more than {MAX_REDIRECTS} redirects")]
    TooManyRedirects { url: String },
    #[error("the file at {url} is larger than {} MiB", MAX_DOWNLOAD_SIZE >> 20)]
    TooLarge { url: String },
    #[error("no usable response was received from {url}")]
    Transport {
        url: String,
        #[source]
        error: TransportError,
        attempts: Attempts,
    },
    #[error("{url} returned HTTP {} with {received}", .status.as_u16())]
    Status { url: String, status: StatusCode, received: String, attempts: Attempts },
    #[error("the file at {url} is {received}: {error}")]
    Unusable { url: String, received: String, error: CertificateError },
}

impl DownloadError {
    /// How long other reads of the same link get this error instead of sending their own request.
    pub(super) fn ttl(&self) -> ErrorTtl {
        match self {
            Self::Transport { error, .. } => ErrorTtl::for_error(error),
            Self::Status { status, .. } => ErrorTtl::for_status(*status),
            _ => ErrorTtl::PERSISTENT,
        }
    }

    /// Returns the error of a read that timed out while another read downloaded the same file.
    pub(super) fn queue_timed_out(deadline: Deadline, link: &str) -> Self {
        let url = Url::parse(link.trim()).map(|url| redacted(&url)).unwrap_or_default();
        let error = TransportError::ReadTimedOut { timeout: deadline.timeout };
        Self::Transport { url, error, attempts: Attempts::NONE }
    }
}

impl LinkPolicy {
    /// Returns the policy for an endpoint of DDS. It may contain a placeholder for the region.
    pub(super) fn for_endpoint(endpoint: Option<&str>) -> Self {
        let endpoint = endpoint.and_then(|url| Url::parse(&url.trim().replace("{region}", "region")).ok());
        Self {
            allows_http: endpoint.as_ref().is_some_and(|url| url.scheme() == "http"),
            addresses: AddressPolicy { allows_loopback: endpoint.as_ref().is_some_and(is_loopback_host) },
        }
    }

    /// Checks a link, or the target of a redirect.
    fn check(self, url: &Url, is_redirect: bool) -> Result<(), DownloadError> {
        let shown = redacted(url);
        if url.scheme() != "https" && (is_redirect || !self.allows_http || url.scheme() != "http") {
            return Err(DownloadError::NotHttps { url: shown });
        }
        // The HTTP client would send them as a credential.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(DownloadError::UserInfo { url: shown });
        }
        self.addresses
            .check_host(url)
            .map_err(|address| DownloadError::AddressNotAllowed { url: shown, address })
    }
}

impl Downloader {
    /// Creates a downloader. It does not connect before the first download.
    pub(super) fn new(settings: &Settings) -> Self {
        let policy = LinkPolicy::for_endpoint(settings.endpoints.dds.as_deref());
        let proxies = Proxies::from_environment(&settings.environment);
        let transport = |proxies, addresses| {
            let (tls, timeout) = (settings.tls.clone(), settings.request_timeout);
            Transport::for_downloads(tls, settings.max_retries, timeout, proxies, addresses)
        };
        Self {
            direct: transport(Proxies::default(), Some(policy.addresses)),
            proxied: transport(proxies.clone(), None),
            proxies,
            policy,
            user_agent: settings.user_agent.clone(),
            clock: settings.clock,
        }
    }

    /// Downloads the certificates from a link.
    pub(super) async fn certificates(
        &self,
        deadline: Deadline,
        link: &str,
    ) -> Result<Vec<X509Certificate>, DownloadError> {
        let (url, response) = self.download(deadline, link).await?;
        certificate::parse(&response.body).map_err(|error| {
            register_query(&url);
            DownloadError::Unusable { url: redacted(&url), received: describe(&response), error }
        })
    }

    /// Downloads a file, and follows redirects. Returns its last URL and the response.
    async fn download(&self, deadline: Deadline, link: &str) -> Result<(Url, Response), DownloadError> {
        let mut url = Url::parse(link.trim()).map_err(|_| DownloadError::InvalidUrl)?;
        for redirects in 0..=MAX_REDIRECTS {
            self.policy.check(&url, redirects > 0)?;
            let (response, attempts) = self.get(deadline, &url).await?;
            if response.is_success() {
                return Ok((url, response));
            }
            register_query(&url);
            let Some(location) = redirect_target(&response) else {
                let (status, received) = (response.status, describe(&response));
                return Err(DownloadError::Status { url: redacted(&url), status, received, attempts });
            };
            url = url.join(location).map_err(|_| DownloadError::InvalidUrl)?;
        }
        Err(DownloadError::TooManyRedirects { url: redacted(&url) })
    }

    /// Sends a request without redirects. It is retried like a call of the API.
    async fn get(&self, deadline: Deadline, url: &Url) -> Result<(Response, Attempts), DownloadError> {
        let shown = redacted(url);
        let failed = |error, attempts| DownloadError::Transport { url: shown.clone(), error, attempts };
        let transport = match self.proxies.choose(url) {
            Ok(Some(_)) => &self.proxied,
            Ok(None) => &self.direct,
            Err(error) => return Err(failed(error, Attempts::NONE)),
        };
        let now = || self.clock.now();
        let outcome = transport.send_with_retries(deadline, NO_GATE, now, |_| self.request(url)).await;
        match outcome.result {
            Ok(response) => Ok((response, outcome.attempts)),
            Err(TransportError::ResponseTooLarge) => Err(DownloadError::TooLarge { url: shown }),
            Err(TransportError::AddressNotAllowed(address)) => {
                Err(DownloadError::AddressNotAllowed { url: shown, address })
            }
            Err(error) => Err(failed(error, outcome.attempts)),
        }
    }

    /// Returns the request for a file. It has no header that depends on the user.
    fn request(&self, url: &Url) -> Request {
        let mut request = http::Request::new(Vec::new());
        *request.uri_mut() = url.as_str().parse().unwrap_or_default();
        if let Ok(value) = HeaderValue::from_str(&self.user_agent) {
            request.headers_mut().insert(USER_AGENT, value);
        }
        request
    }
}

/// Returns the target of a redirect. A redirect without a target is an error response.
fn redirect_target(response: &Response) -> Option<&str> {
    let is_redirect = matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    response.headers.get(LOCATION).filter(|_| is_redirect)?.to_str().ok()
}

/// Returns a URL for messages. The query may contain a signature.
fn redacted(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    // Fails for a URL that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    printable(url.as_str())
}

/// Query values of at least this length may be signatures, keys or tokens.
const MIN_QUERY_SECRET: usize = 16;

/// Registers the signature and the other long values in the query of a URL for redaction. Only error responses repeat
/// parts of a request, so a successful download needs no registration.
fn register_query(url: &Url) {
    let pairs = url.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    for (_, value) in pairs.filter(|(_, value)| value.len() >= MIN_QUERY_SECRET) {
        drop(SecretString::from(percent_decode_str(value).decode_utf8_lossy().into_owned()));
    }
}

/// Describes a file: what it is, its size and its content type. Does not repeat unknown content, which may be secret.
fn describe(response: &Response) -> String {
    let body = response.body.trim_ascii();
    let size = match response.body.len() {
        1 => "1 byte".to_owned(),
        size => format!("{size} bytes"),
    };
    format!("{} ({size}, {})", describe_content(response, body), content_type(&response.headers))
}

fn describe_content(response: &Response, body: &[u8]) -> String {
    let start = String::from_utf8_lossy(&body[..body.len().min(1024)]).to_ascii_lowercase();
    if body.is_empty() {
        "an empty file".to_owned()
    } else if start.starts_with("<!doctype html") || start.contains("<html") {
        excerpt(body)
    } else if start.starts_with('<') {
        describe_xml(body)
    } else if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        let error = ErrorResponse::parse(response);
        with_code_and_message("a JSON document", Some(error.code), Some(error.message))
    } else if body.starts_with(b"PK") {
        "a zip file".to_owned()
    } else if body.starts_with(b"-----BEGIN ") || memchr::memmem::find(body, b"\n-----BEGIN ").is_some() {
        "a PEM file".to_owned()
    } else if std::str::from_utf8(body).is_ok() {
        "a text".to_owned()
    } else {
        "binary data".to_owned()
    }
}

/// Describes an XML document. Object storage returns errors with a code and a message.
fn describe_xml(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(printable(rest.split_once('<')?.0))
    };
    with_code_and_message("an XML document", element("Code"), element("Message"))
}

/// Adds the code and the message of an error. Without a code, the document is no error, and its content is not shown.
fn with_code_and_message(document: &str, code: Option<String>, message: Option<String>) -> String {
    let Some(code) = code.filter(|code| !code.is_empty()) else { return document.to_owned() };
    let message = message.filter(|message| !message.is_empty());
    let message = message.map(|message| format!(", message {message:?}")).unwrap_or_default();
    format!("{document} with code {code}{message}")
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.map_or_else(|| "no content type".to_owned(), printable)
}
