//! Keys for a container, from the agent beside it. A file holds the token for the agent; whoever writes it renews it, so
//! it is read each time.

use http::{HeaderValue, Method};
use serde_json::json;

use super::super::context::{AuthContext, request};
use super::super::gates::LoginGate;
use super::{Error, KeyResponse, Step};
use crate::system::secret::SecretString;

pub(super) async fn fetch(
    calls: AuthContext<'_>,
    url: &str,
    token_file: &str,
    gate: &LoginGate,
) -> Result<KeyResponse, Error> {
    let unreadable = |reason: String| Error::File { path: token_file.to_owned(), reason };
    let token = calls.environment.read(token_file).map_err(|error| unreadable(error.to_string()))?;
    let token = SecretString::from(token.trim());
    let mut value = HeaderValue::from_str(token.expose_secret())
        .map_err(|_| unreadable("it holds no token".to_owned()))?;
    value.set_sensitive(true);
    let make = |_| {
        let mut request = request(Method::POST, url, Some(&json!({})));
        request.headers_mut().insert(http::header::AUTHORIZATION, value.clone());
        request
    };
    let gate = gate.of(token.expose_secret());
    let response = calls.ask(calls.nearby, Some(&gate), Step::Container, make).await?;
    let names = ["accessKeyId", "secretAccessKey", "securityToken", "expiration"];
    KeyResponse::read(&response.body, "credentials", names, Step::Container)
}
