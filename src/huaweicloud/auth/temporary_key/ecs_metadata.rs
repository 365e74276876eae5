//! The ECS metadata service. Newer machines want a token first; older ones do not know it.

use std::time::Duration;

use http::{HeaderValue, Method};

use super::super::context::{AuthContext, request};
use super::{Error, KeyResponse, Step};
use crate::huaweicloud::transport::TransportError;
use crate::huaweicloud::transport::retry::{Attempts, Stop};
use crate::system::secret::SecretString;

/// Where every machine of the cloud finds it (ECS user guide). Link-local: it is this machine or nobody.
pub const ADDRESS: &str = "http://169.254.169.254";

/// It answers in milliseconds where it is there. Elsewhere a packet to it may vanish, and the user waits.
const LIMIT: Duration = Duration::from_secs(3);

/// The longest that the service grants, in seconds; a token is used at once, and its length costs nothing.
const TOKEN_LIFE: &str = "21600";

pub(super) async fn fetch(calls: AuthContext<'_>) -> Result<KeyResponse, Error> {
    let limited = tokio::time::timeout(LIMIT, keys(calls)).await;
    let late = Attempts { tries: 1, elapsed: LIMIT, stop: Stop::Final };
    let failure = TransportError::TimedOut { limit: LIMIT, setting: None };
    limited.unwrap_or(Err(Error::Unanswered { step: Step::Machine, failure, effort: late }))
}

async fn keys(calls: AuthContext<'_>) -> Result<KeyResponse, Error> {
    let base = &calls.places.metadata;
    let token = token(calls).await?;
    let make = |_| {
        let mut request = request(Method::GET, &format!("{base}/openstack/latest/securitykey"), None);
        if let Some(token) = &token {
            request.headers_mut().insert("x-metadata-token", token.clone());
        }
        request
    };
    let response = calls.ask(calls.nearby, None, Step::Machine, make).await?;
    KeyResponse::of_iam(&response.body, Step::Machine)
}

/// None where the service is an old one.
async fn token(calls: AuthContext<'_>) -> Result<Option<HeaderValue>, Error> {
    let url = format!("{}/meta-data/latest/api/token", calls.places.metadata);
    let make = |_| {
        let mut request = request(Method::PUT, &url, None);
        request.headers_mut().insert("x-metadata-token-ttl-seconds", HeaderValue::from_static(TOKEN_LIFE));
        request
    };
    match calls.ask(calls.nearby, None, Step::Machine, make).await {
        Ok(response) => {
            // A page of something that answers everything is no token.
            let text = String::from_utf8_lossy(&response.body);
            let mut token = HeaderValue::from_str(text.trim()).ok().filter(|token| !token.is_empty());
            if let Some(token) = &mut token {
                token.set_sensitive(true);
                drop(SecretString::from(text.trim()));
            }
            Ok(token)
        }
        Err(Error::Refused { refusal, .. }) if matches!(refusal.status.as_u16(), 404 | 405 | 503) => Ok(None),
        Err(error) => Err(error),
    }
}
