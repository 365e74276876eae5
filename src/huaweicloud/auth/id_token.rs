//! The token of an identity provider (OpenID Connect), such as a CI system's, and what IAM gives for it.

use std::fmt;

use http::{HeaderValue, Method};
use serde_json::json;

use super::context::{AuthContext, request};
use super::gates::LoginGate;
use super::{Error, Scope, Step};
use crate::huaweicloud::transport::Response;
use crate::system::secret::SecretString;

pub enum IdToken {
    Given(SecretString),
    /// Read each time: whoever writes it renews it.
    File(String),
}

impl IdToken {
    pub(super) fn read(&self, calls: AuthContext<'_>) -> Result<SecretString, Error> {
        match self {
            Self::Given(token) => Ok(token.clone()),
            Self::File(path) => match calls.environment.read(path) {
                Ok(text) if !text.trim().is_empty() => Ok(text.trim().into()),
                Ok(_) => Err(Error::File { path: path.clone(), reason: "it is empty".to_owned() }),
                Err(error) => Err(Error::File { path: path.clone(), reason: error.to_string() }),
            },
        }
    }

    /// A token of IAM's. `provider` is the name under which IAM knows who vouches.
    pub(super) async fn exchange(
        &self,
        calls: AuthContext<'_>,
        provider: &str,
        scope: &Scope,
        gate: &LoginGate,
    ) -> Result<Response, Error> {
        let token = self.read(calls)?;
        let token = token.expose_secret();
        let gate = gate.of(token);
        let scope = scope.of(None);
        let url = format!("{}/v3.0/OS-AUTH/id-token/tokens", calls.places.iam);
        let mut body = json!({ "auth": { "id_token": { "id": token } } });
        if !scope.is_null() {
            body["auth"]["scope"] = scope;
        }
        let make = |_| {
            let mut request = request(Method::POST, &url, Some(&body));
            if let Ok(provider) = HeaderValue::from_str(provider) {
                request.headers_mut().insert("x-idp-id", provider);
            }
            request
        };
        calls.ask(calls.transport, Some(&gate), Step::IdToken, make).await
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("IdToken"),
            Self::File(path) => write!(f, "IdToken in {path}"),
        }
    }
}
