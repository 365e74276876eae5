//! What it takes to ask for a credential: the way out, the clock, the addresses.

use std::time::SystemTime;

use http::{HeaderValue, Method};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Algorithm, CredentialGate, Error, Step};
use crate::huaweicloud::transport::{Deadline, ErrorResponse, Request, Response, Transport};
use crate::system::{Clock, Environment};

/// Borrowed from the client for one call.
#[derive(Clone, Copy)]
pub struct AuthContext<'a> {
    pub transport: &'a Transport,
    /// For what is on this machine or beside it: without a proxy, and quick to give up.
    pub nearby: &'a Transport,
    /// Of the read that needs the credential.
    pub deadline: Deadline,
    pub clock: Clock,
    pub environment: &'a Environment,
    pub places: &'a AuthEndpoints,
    /// How fetched keys sign.
    pub algorithm: Algorithm,
}

/// Base URLs without a version.
#[derive(Clone, Debug, Default)]
pub struct AuthEndpoints {
    pub iam: String,
    pub sts: String,
    pub metadata: String,
}

impl AuthContext<'_> {
    /// Sends what `make` gives, with the retries of the transport, and returns a good answer. Each try passes the `gate`
    /// of the secret that the request shows.
    pub async fn ask(
        &self,
        transport: &Transport,
        gate: Option<&CredentialGate>,
        step: Step,
        make: impl Fn(SystemTime) -> Request,
    ) -> Result<Response, Error> {
        let outcome = transport.exchange(self.deadline, gate, || self.clock.now(), make).await;
        let effort = outcome.effort;
        match outcome.result {
            Ok(response) => match ErrorResponse::of(&response) {
                None => Ok(response),
                Some(refusal) => Err(Error::Refused { step, refusal: Box::new(refusal), effort }),
            },
            Err(failure) => Err(Error::Unanswered { step, failure, effort }),
        }
    }
}

/// A request with a JSON body, or none.
pub fn request(method: Method, url: &str, body: Option<&Value>) -> Request {
    let mut request = http::Request::new(body.map(|body| body.to_string().into_bytes()).unwrap_or_default());
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap_or_default();
    if body.is_some() {
        let json = HeaderValue::from_static("application/json;charset=utf8");
        request.headers_mut().insert(http::header::CONTENT_TYPE, json);
    }
    request
}

/// When something ends, as all the cloud's services write it.
pub fn end(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}
