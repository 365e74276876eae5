//! Errors of a request without a response, by what the user can do about it.

use std::error::Error;
use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::CONNECT_LIMIT;
use super::shown;
use crate::huaweicloud::text::printable;

/// Why there is no response. Each `cause` is the message of a library, printable and without the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("the host's name could not be resolved")]
    Unresolved {
        cause: String,
        /// Whether the resolver failed. Otherwise there is no such name.
        temporary: bool,
    },
    #[error("no connection could be made")]
    Unreachable { cause: String },
    #[error("the server's certificate is not trusted")]
    Untrusted { cause: String },
    #[error("the server's certificate has expired")]
    Expired { cause: String },
    #[error("the server's certificate is not valid yet")]
    NotYetValid { cause: String },
    #[error("the server's certificate is for another name")]
    WrongName { cause: String },
    #[error("the environment variable {variable} names no usable proxy")]
    Proxy { variable: &'static str, cause: String },
    #[error("the system has no usable certificate store")]
    NoCertificateStore { cause: String },
    #[error("no answer came within the time limit of {}{}", shown(*limit), in_brackets(*setting))]
    TimedOut {
        limit: Duration,
        /// The setting that the limit comes from, if there is one.
        setting: Option<&'static str>,
    },
    #[error("no answer came within the read's limit of {} (timeouts.read)", shown(*limit))]
    ReadLimit { limit: Duration },
    #[error(
        "the first call with the same credential, made for another read, was not answered before this read's limit of {} (timeouts.read)",
        shown(*limit)
    )]
    Queued { limit: Duration },
    #[error("the answer was cut off")]
    Interrupted { cause: String },
    #[error("the answer is larger than 4 MiB")]
    TooLarge,
    #[error("the request could not be made")]
    Unsendable { cause: String },
}

impl TransportError {
    /// Whether another try may succeed. All requests of this client can be repeated safely.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unresolved { temporary, .. } => *temporary,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Interrupted { .. } => true,
            Self::Queued { .. }
            | Self::Untrusted { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::WrongName { .. }
            | Self::Proxy { .. }
            | Self::NoCertificateStore { .. }
            | Self::ReadLimit { .. }
            | Self::TooLarge
            | Self::Unsendable { .. } => false,
        }
    }

    /// Whether no request was sent, because the read waited for that of another read.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self, Self::Queued { .. })
    }

    /// Whether the server sent nothing at all in this time.
    pub(super) fn is_silence(&self, took: Duration) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Unreachable { .. } => took >= CONNECT_LIMIT,
            _ => false,
        }
    }

    /// The message of the library.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::Unresolved { cause, .. }
            | Self::Unreachable { cause }
            | Self::Untrusted { cause }
            | Self::Expired { cause }
            | Self::NotYetValid { cause }
            | Self::WrongName { cause }
            | Self::Proxy { cause, .. }
            | Self::NoCertificateStore { cause }
            | Self::Interrupted { cause }
            | Self::Unsendable { cause } => Some(cause),
            Self::TimedOut { .. } | Self::ReadLimit { .. } | Self::Queued { .. } | Self::TooLarge => None,
        }
    }

    fn of_certificate(error: &CertificateError, cause: String) -> Self {
        let clock = |now: &UnixTime| format!("this machine's clock says {}", rfc3339(*now));
        match error {
            CertificateError::ExpiredContext { time, not_after } => {
                Self::Expired { cause: format!("at {}; {}", rfc3339(*not_after), clock(time)) }
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                Self::NotYetValid { cause: format!("before {}; {}", rfc3339(*not_before), clock(time)) }
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                Self::WrongName { cause: format!("{}, not {}", names(presented), expected.to_str()) }
            }
            // From the verifier of the system, on macOS and Windows.
            CertificateError::Expired => Self::Expired { cause },
            CertificateError::NotValidYet => Self::NotYetValid { cause },
            CertificateError::NotValidForName => Self::WrongName { cause },
            _ => Self::Untrusted { cause },
        }
    }

    pub(super) fn of_client(error: reqwest::Error) -> Self {
        Self::NoCertificateStore { cause: innermost(&error) }
    }

    pub(super) fn of_request(error: reqwest::Error) -> Self {
        Self::Unsendable { cause: innermost(&error.without_url()) }
    }

    /// `timed_out` is the error if the request's time limit has passed.
    pub(super) fn of_exchange(error: reqwest::Error, timed_out: Self) -> Self {
        let error = error.without_url();
        let cause = innermost(&error);
        let text = chain(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let tls = chain(&error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(error)) = tls {
            Self::of_certificate(error, cause)
        } else if error.is_connect() && text.contains("dns error") {
            // The messages of glibc, macOS, musl and Windows for "there is no such name"; std has no error code.
            let final_words = ["not known", "nodename nor servname", "does not resolve", "No such host"];
            let temporary = !final_words.iter().any(|words| text.contains(words));
            Self::Unresolved { cause, temporary }
        } else if error.is_connect() {
            Self::Unreachable { cause }
        } else if error.is_timeout() {
            timed_out
        } else if error.is_builder() {
            Self::Unsendable { cause }
        } else {
            Self::Interrupted { cause }
        }
    }
}

fn in_brackets(setting: Option<&str>) -> String {
    setting.map(|setting| format!(" ({setting})")).unwrap_or_default()
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(|error| printable(&error.to_string())).unwrap_or_default()
}

fn rfc3339(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

/// A certificate may have hundreds of names.
const MOST_NAMES: usize = 10;

/// From `DnsName("a")` and `IpAddress(1.2.3.4)`, as rustls writes them.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inside.trim_matches('"').to_owned()
    };
    let mut names: Vec<String> = presented.iter().take(MOST_NAMES).map(plain).collect();
    if presented.len() > MOST_NAMES {
        names.push(format!("{} more", presented.len() - MOST_NAMES));
    }
    if names.is_empty() { "no name at all".to_owned() } else { printable(&names.join(", ")) }
}

/// The error and its causes. An `io::Error` hides the error that it carries from `source`.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
