//! Errors of requests that got no usable response.

use std::error::Error;
use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{CONNECT_TIMEOUT, RefusedAddress, format_duration};
use crate::huaweicloud::strings::printable;

/// The reason why a request got no usable response. There is one variant for each action that a user can take. A
/// `cause` is the message of a library, printable and without the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("the host name could not be resolved")]
    NameResolution {
        cause: String,
        /// Whether the resolver failed. Otherwise the name does not exist.
        temporary: bool,
    },
    #[error(transparent)]
    AddressNotAllowed(#[from] RefusedAddress),
    #[error("no connection could be established")]
    ConnectionFailed { cause: String },
    #[error("the server's certificate is not trusted")]
    UntrustedCertificate { cause: String },
    #[error("the server's certificate has expired")]
    ExpiredCertificate { cause: String },
    #[error("the server's certificate is not valid yet")]
    CertificateNotYetValid { cause: String },
    #[error("the server's certificate is for another host name")]
    CertificateNameMismatch { cause: String },
    #[error("the environment variable {variable} contains no valid proxy URL")]
    InvalidProxy { variable: &'static str, cause: String },
    #[error("the certificate store could not be loaded")]
    NoCertificateStore { cause: String },
    #[error("no response within the request timeout of {}{}", format_duration(*timeout), in_parentheses(*setting))]
    RequestTimedOut {
        timeout: Duration,
        /// The setting that the timeout comes from, if there is one.
        setting: Option<&'static str>,
    },
    #[error("no response within the read timeout of {} (timeouts.read)", format_duration(*timeout))]
    ReadTimedOut { timeout: Duration },
    #[error(
        "another read sent the first call with this credential, and got no response within the read timeout of {} (timeouts.read)",
        format_duration(*timeout)
    )]
    QueueTimedOut { timeout: Duration },
    #[error("the response was incomplete")]
    IncompleteResponse { cause: String },
    #[error("the response is larger than 4 MiB")]
    ResponseTooLarge,
    #[error("the request could not be created")]
    InvalidRequest { cause: String },
}

impl TransportError {
    /// Whether a retry may succeed. All requests of this client are safe to retry.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::NameResolution { temporary, .. } => *temporary,
            Self::ConnectionFailed { .. }
            | Self::RequestTimedOut { .. }
            | Self::IncompleteResponse { .. } => true,
            Self::QueueTimedOut { .. }
            | Self::AddressNotAllowed(_)
            | Self::UntrustedCertificate { .. }
            | Self::ExpiredCertificate { .. }
            | Self::CertificateNotYetValid { .. }
            | Self::CertificateNameMismatch { .. }
            | Self::InvalidProxy { .. }
            | Self::NoCertificateStore { .. }
            | Self::ReadTimedOut { .. }
            | Self::ResponseTooLarge
            | Self::InvalidRequest { .. } => false,
        }
    }

    /// Whether nothing was sent, because the read waited for the request of another read.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self, Self::QueueTimedOut { .. })
    }

    /// Whether the server sent nothing at all during this time.
    pub(super) fn is_no_response(&self, took: Duration) -> bool {
        match self {
            Self::RequestTimedOut { .. } => true,
            Self::ConnectionFailed { .. } => took >= CONNECT_TIMEOUT,
            _ => false,
        }
    }

    /// Returns the library's message.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::NameResolution { cause, .. }
            | Self::ConnectionFailed { cause }
            | Self::UntrustedCertificate { cause }
            | Self::ExpiredCertificate { cause }
            | Self::CertificateNotYetValid { cause }
            | Self::CertificateNameMismatch { cause }
            | Self::InvalidProxy { cause, .. }
            | Self::NoCertificateStore { cause }
            | Self::IncompleteResponse { cause }
            | Self::InvalidRequest { cause } => Some(cause),
            Self::AddressNotAllowed(_)
            | Self::RequestTimedOut { .. }
            | Self::ReadTimedOut { .. }
            | Self::QueueTimedOut { .. }
            | Self::ResponseTooLarge => None,
        }
    }

    fn from_certificate(error: &CertificateError, cause: String) -> Self {
        let clock = |now: &UnixTime| format!("this machine's clock shows {}", rfc3339(*now));
        match error {
            CertificateError::ExpiredContext { time, not_after } => {
                Self::ExpiredCertificate { cause: format!("on {}; {}", rfc3339(*not_after), clock(time)) }
            }
            CertificateError::NotValidYetContext { time, not_before } => Self::CertificateNotYetValid {
                cause: format!("before {}; {}", rfc3339(*not_before), clock(time)),
            },
            CertificateError::NotValidForNameContext { expected, presented } => {
                Self::CertificateNameMismatch {
                    cause: format!("valid for {}, not for {}", names(presented), expected.to_str()),
                }
            }
            // From the verifier of the operating system, on macOS and Windows.
            CertificateError::Expired => Self::ExpiredCertificate { cause },
            CertificateError::NotValidYet => Self::CertificateNotYetValid { cause },
            CertificateError::NotValidForName => Self::CertificateNameMismatch { cause },
            _ => Self::UntrustedCertificate { cause },
        }
    }

    pub(super) fn from_client_build(error: reqwest::Error) -> Self {
        Self::NoCertificateStore { cause: root_cause(&error) }
    }

    pub(super) fn from_request_build(error: reqwest::Error) -> Self {
        Self::InvalidRequest { cause: root_cause(&error.without_url()) }
    }

    /// Converts an error of the HTTP client. `timed_out` is returned if the request timed out.
    pub(super) fn from_send(error: reqwest::Error, timed_out: Self) -> Self {
        let error = error.without_url();
        let cause = root_cause(&error);
        let text = chain(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
        if let Some(refused) = chain(&error).find_map(|cause| cause.downcast_ref::<RefusedAddress>()) {
            return Self::AddressNotAllowed(*refused);
        }
        let tls = chain(&error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(error)) = tls {
            Self::from_certificate(error, cause)
        } else if error.is_connect() && text.contains("dns error") {
            Self::NameResolution { cause, temporary: !is_unknown_name(&text) }
        } else if error.is_connect() {
            Self::ConnectionFailed { cause }
        } else if error.is_timeout() {
            timed_out
        } else if error.is_builder() {
            Self::InvalidRequest { cause }
        } else {
            Self::IncompleteResponse { cause }
        }
    }
}

/// Whether the error of a resolver means that the name does not exist.
fn is_unknown_name(text: &str) -> bool {
    // The messages of glibc, macOS and musl; std has no error code for this. Windows has codes (host not found, no address),
    // because its messages are in the language of the user.
    let parts =
        ["not known", "nodename nor servname", "does not resolve", "(os error 11001)", "(os error 11004)"];
    parts.iter().any(|part| text.contains(part))
}

fn in_parentheses(setting: Option<&str>) -> String {
    setting.map(|setting| format!(" ({setting})")).unwrap_or_default()
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(|error| printable(&error.to_string())).unwrap_or_default()
}

fn rfc3339(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

/// Maximum number of names in a message, because a certificate may have hundreds.
const MAX_NAMES: usize = 10;

/// Formats the names that rustls reports as `DnsName("a")` and `IpAddress(1.2.3.4)`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inside.trim_matches('"').to_owned()
    };
    let mut names: Vec<String> = presented.iter().take(MAX_NAMES).map(plain).collect();
    if presented.len() > MAX_NAMES {
        names.push(format!("{} more", presented.len() - MAX_NAMES));
    }
    if names.is_empty() { "no name".to_owned() } else { printable(&names.join(", ")) }
}

/// Returns the error and its causes. `source` of an `io::Error` skips the error that it contains.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_name_differs_from_a_failed_resolver() {
        for (text, expected) in [
            ("failed to lookup address information: Name or service not known", true),
            ("failed to lookup address information: nodename nor servname provided, or not known", true),
            ("failed to lookup address information: Name does not resolve", true),
            ("No such host is known. (os error 11001)", true),
            ("Der angegebene Host ist unbekannt. (os error 11001)", true),
            ("Die Anforderung ist korrekt, aber es wurden keine Daten gefunden. (os error 11004)", true),
            ("failed to lookup address information: Temporary failure in name resolution", false),
            ("Dies ist normalerweise ein temporärer Fehler. (os error 11002)", false),
        ] {
            assert_eq!(is_unknown_name(text), expected, "{text}");
        }
    }
}
