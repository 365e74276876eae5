//! Why no answer came, by what can be done about it.

use std::error::Error;
use std::time::Duration;

use super::CONNECT_LIMIT;
use super::deadline::shown;

/// The texts are the causes in the words of the libraries, without the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the host's name could not be resolved")]
    Unresolved {
        cause: String,
        /// The resolver itself could not answer, as against: there is no such name.
        temporary: bool,
    },
    #[error("no connection could be made")]
    Unreachable { cause: String },
    #[error("the server's certificate is not trusted")]
    Untrusted { cause: String },
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

impl Failure {
    /// Whether another try may do better. All our requests are safe to repeat.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unresolved { temporary, .. } => *temporary,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Interrupted { .. } => true,
            Self::Queued { .. }
            | Self::Untrusted { .. }
            | Self::NoCertificateStore { .. }
            | Self::ReadLimit { .. }
            | Self::TooLarge
            | Self::Unsendable { .. } => false,
        }
    }

    /// Whether no request was sent, because the read waited for another one's.
    pub fn is_queued(&self) -> bool {
        matches!(self, Self::Queued { .. })
    }

    /// Whether nothing at all came back, after this time.
    pub(super) fn is_silence(&self, took: Duration) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Unreachable { .. } => took >= CONNECT_LIMIT,
            _ => false,
        }
    }

    /// What the layers below said.
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unresolved { cause, .. }
            | Self::Unreachable { cause }
            | Self::Untrusted { cause }
            | Self::NoCertificateStore { cause }
            | Self::Interrupted { cause }
            | Self::Unsendable { cause } => Some(cause),
            Self::TimedOut { .. } | Self::ReadLimit { .. } | Self::Queued { .. } | Self::TooLarge => None,
        }
    }

    pub(super) fn of_client(error: reqwest::Error) -> Self {
        Self::NoCertificateStore { cause: innermost(&error) }
    }

    pub(super) fn of_request(error: reqwest::Error) -> Self {
        Self::Unsendable { cause: innermost(&error.without_url()) }
    }

    /// `timed_out` says which limit was set for the request.
    pub(super) fn of_exchange(error: reqwest::Error, timed_out: Self) -> Self {
        let error = error.without_url();
        let cause = innermost(&error);
        let text = chain(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let tls = chain(&error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(_)) = tls {
            Self::Untrusted { cause }
        } else if error.is_connect() && text.contains("dns error") {
            // The words of glibc, macOS, musl and Windows for "there is no such name"; std keeps no code.
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
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The error and its causes. An `io::Error` hides the error that it carries from `source`.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
