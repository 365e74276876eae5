//! Errors of operations.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::CONTENT_ENCODING;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::huaweicloud::DownloadError;
use crate::huaweicloud::auth::{self, ErrorTtl};
use crate::huaweicloud::strings;
use crate::huaweicloud::transport::retry::Attempts;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, Response, TransportError, format_duration};

/// A failed operation and the reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} failed in region {}", .context.operation, .context.region)]
pub struct Error {
    pub(crate) context: Context,
    #[source]
    pub(crate) kind: ErrorKind,
}

/// The failed operation, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) operation: Operation,
    pub(crate) region: String,
    /// The project's ID, if it is known.
    pub(crate) project: Option<String>,
    /// The instance, if the read has several.
    pub(crate) instance: Option<String>,
    /// Where the credential was found.
    pub(crate) credential: String,
}

/// An operation, described for messages. Each one is a constant in the file of its method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// A description such as "looking up the project".
    pub(super) description: &'static str,
    /// The required permission: the action in an identity policy, if it is documented.
    pub(crate) permission: &'static str,
}

/// The reason why an operation failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error("the cloud returned {}", .response.description())]
    Response { response: Box<ErrorResponse>, attempts: Attempts, received: SystemTime },
    #[error("no key or token is available")]
    Credential(#[from] auth::Error),
    #[error("no usable response was received")]
    Transport {
        #[source]
        error: TransportError,
        attempts: Attempts,
    },
    #[error("the response is invalid")]
    Decode(#[source] DecodeError),
    #[error("the project lookup failed")]
    ProjectLookup(#[source] Box<ErrorKind>),
    #[error("the account has no project {name:?}")]
    ProjectNotFound { name: String },
    #[error("the project {name:?} is disabled")]
    ProjectDisabled { name: String, id: String },
    #[error("endpoints.dds is the endpoint of another region")]
    EndpointRegionMismatch,
    #[error("the download of the certificate {category:?} failed")]
    Download {
        category: String,
        #[source]
        error: Box<DownloadError>,
    },
    #[error("the instance has no certificate {category:?}")]
    CategoryNotFound { category: String, found: Vec<String> },
    #[error("the read timed out after {}", format_duration(*.0))]
    DeadlineExceeded(Duration),
}

/// The reason why a successful response cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the body is empty")]
    EmptyBody,
    #[error("the body is not JSON, but {0}")]
    NotJson(String),
    /// Contains the decoder's message, which does not repeat the body.
    #[error("the body is JSON that cannot be decoded: {0}")]
    UnsupportedJson(String),
    #[error("{0} is missing")]
    MissingField(&'static str),
    #[error("{0} is null")]
    NullField(&'static str),
    #[error("{0} is not a list")]
    NotAList(&'static str),
    #[error("{list}[{index}] has no {name}")]
    MissingItemField { list: &'static str, index: usize, name: &'static str },
    /// A value in the body. The problem is the end of a sentence, such as "is not a string".
    #[error("{path} {problem}")]
    InvalidValue { path: String, problem: &'static str },
    #[error("the list of {name} does not end after {pages} pages")]
    EndlessList { name: &'static str, pages: usize },
}

impl Error {
    /// Returns the error with the instance that the operation reads.
    pub(super) fn of_instance(mut self, id: &str) -> Self {
        self.context.instance = Some(strings::printable_identifier(id));
        self
    }
}

impl ErrorKind {
    /// How long other readers get this error instead of sending their own lookup.
    pub(super) fn ttl(&self) -> ErrorTtl {
        match self {
            Self::ProjectLookup(kind) => kind.ttl(),
            Self::Credential(error) => error.ttl(),
            Self::Transport { error, .. } => ErrorTtl::for_error(error),
            Self::DeadlineExceeded(_) => ErrorTtl::Transient(Duration::ZERO),
            Self::Response { response, .. } => ErrorTtl::for_response(response),
            Self::Download { error, .. } => error.ttl(),
            Self::Decode(_)
            | Self::CategoryNotFound { .. }
            | Self::ProjectNotFound { .. }
            | Self::ProjectDisabled { .. }
            | Self::EndpointRegionMismatch => ErrorTtl::PERSISTENT,
        }
    }

    /// Returns the error of a read that timed out while another read looked up the project.
    pub(super) fn lookup_queue_timed_out(deadline: Deadline) -> Self {
        let attempts = Attempts::NONE;
        Self::Transport { error: TransportError::QueueTimedOut { timeout: deadline.timeout }, attempts }
            .into_project_lookup()
    }

    pub(super) fn into_project_lookup(self) -> Self {
        match self {
            kind @ (Self::Credential(_)
            | Self::ProjectLookup(_)
            | Self::ProjectNotFound { .. }
            | Self::ProjectDisabled { .. }) => kind,
            kind => Self::ProjectLookup(Box::new(kind)),
        }
    }
}

impl DecodeError {
    /// Decodes the body as JSON.
    pub(super) fn json(response: &Response) -> Result<Value, Self> {
        let body = response.body.trim_ascii();
        if body.is_empty() {
            return Err(Self::EmptyBody);
        }
        serde_json::from_slice(body).map_err(|error| {
            if serde_json::from_slice::<IgnoredAny>(body).is_ok() {
                return Self::UnsupportedJson(error.to_string());
            }
            // The client has already decoded every encoding that it accepts.
            match response.headers.get(CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok()) {
                Some(encoding) => Self::NotJson(format!("encoded as {}", strings::printable(encoding))),
                None => Self::NotJson(strings::excerpt(&response.body)),
            }
        })
    }

    /// Returns the error for a value at this path.
    pub(super) fn at(path: &str, problem: &'static str) -> Self {
        Self::InvalidValue { path: path.to_owned(), problem }
    }

    /// Returns the error with another step at the start of its path.
    pub(super) fn within(self, parent: &str) -> Self {
        match self {
            Self::InvalidValue { path, problem } if path.is_empty() => Self::at(parent, problem),
            Self::InvalidValue { path, problem } => Self::at(&format!("{parent}.{path}"), problem),
            error => error,
        }
    }

    /// Returns a list of the body.
    pub(super) fn list<'a>(body: &'a Value, name: &'static str) -> Result<&'a [Value], Self> {
        match body.get(name) {
            Some(Value::Array(items)) => Ok(items),
            Some(Value::Null) => Err(Self::NullField(name)),
            Some(_) => Err(Self::NotAList(name)),
            None => Err(Self::MissingField(name)),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description)
    }
}
