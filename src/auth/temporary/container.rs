//! Keys for a container, from the agent beside it. A file holds the token for the agent; whoever writes it renews it, so
//! it is read each time.

use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use super::super::blank;
use super::super::calls::{Calls, request};
use super::super::gates::LoginGate;
use super::{Error, Parts, Step};

pub(super) async fn fetch(
    calls: Calls<'_>,
    url: &str,
    token_file: &str,
    gate: &LoginGate,
) -> Result<Parts, Error> {
    let unreadable = |reason: String| Error::File { path: token_file.to_owned(), reason };
    let token = calls.environment.read(token_file).map_err(|error| unreadable(error.to_string()))?;
    let token = token.trim();
    let mut value = HeaderValue::from_str(token).map_err(|_| unreadable("it holds no token".to_owned()))?;
    value.set_sensitive(true);
    let make = |_| {
        let mut request = request(Method::POST, url, Some(&json!({})));
        request.headers_mut().insert(http::header::AUTHORIZATION, value.clone());
        request
    };
    let (gate, mask) = (gate.of(token), |text: &str| blank(text, token));
    let response = calls.ask(calls.nearby, Some(&gate), Step::Container, StatusCode::OK, make, mask).await?;
    let names = ["accessKeyId", "secretAccessKey", "securityToken", "expiration"];
    Parts::read(&response.body, "credentials", names, Step::Container)
}
