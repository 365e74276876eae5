//! Taking on an agency with the token of an identity provider (OpenID Connect), such as a CI system's: in one step where
//! the provider's URN is known, and else in the three that IAM has had for longer.

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::super::blank;
use super::super::calls::{Calls, request};
use super::agency::{Agency, SESSION};
use super::{Error, Parts};
use crate::auth::{AccessKey, Pass};

#[derive(Debug)]
pub struct Federation {
    pub provider: Provider,
    pub id_token: IdToken,
    pub agency: Agency,
}

#[derive(Debug)]
pub enum Provider {
    /// By the name under which IAM knows it.
    Id(String),
    Urn(String),
}

#[derive(Debug)]
pub enum IdToken {
    Given(SecretString),
    /// Read each time: whoever writes it renews it.
    File(String),
}

const STEP: &str = "showing the identity provider's token";

impl Federation {
    pub(super) async fn assume(&self, calls: Calls<'_>) -> Result<Parts, Error> {
        let id_token = self.id_token(calls)?;
        match (&self.provider, self.agency.urn()) {
            (Provider::Urn(provider), Some(agency)) => {
                self.in_one_step(calls, &id_token, provider, &agency).await
            }
            (Provider::Urn(id) | Provider::Id(id), _) => self.in_three_steps(calls, &id_token, id).await,
        }
    }

    fn id_token(&self, calls: Calls<'_>) -> Result<SecretString, Error> {
        match &self.id_token {
            IdToken::Given(token) => Ok(token.clone()),
            IdToken::File(path) => match calls.environment.read(path) {
                Ok(text) if !text.trim().is_empty() => Ok(text.trim().into()),
                Ok(_) => Err(Error::File { path: path.clone(), reason: "it is empty".to_owned() }),
                Err(error) => Err(Error::File { path: path.clone(), reason: error.to_string() }),
            },
        }
    }

    async fn in_one_step(
        &self,
        calls: Calls<'_>,
        id_token: &SecretString,
        provider: &str,
        agency: &str,
    ) -> Result<Parts, Error> {
        let url = format!("{}/v5/agencies/assume-with-oidc", calls.places.sts);
        let body = json!({
            "provider_urn": provider,
            "agency_urn": agency,
            "agency_session_name": SESSION,
            "duration_seconds": self.agency.duration(),
            "id_token": id_token.expose_secret(),
        });
        let make = |_| request(Method::POST, &url, Some(&body));
        let mask = |text: &str| blank(text, id_token.expose_secret());
        let answer = calls.ask(calls.transport, STEP, StatusCode::OK, make, mask).await?;
        Parts::of_sts(&answer.body, STEP)
    }

    /// The token for a token, that for a key, and the agency with this key.
    async fn in_three_steps(
        &self,
        calls: Calls<'_>,
        id_token: &SecretString,
        provider: &str,
    ) -> Result<Parts, Error> {
        let url = format!("{}/v3.0/OS-AUTH/id-token/tokens", calls.places.iam);
        let body = json!({ "auth": { "id_token": { "id": id_token.expose_secret() } } });
        let make = |_| {
            let mut request = request(Method::POST, &url, Some(&body));
            if let Ok(provider) = HeaderValue::from_str(provider) {
                request.headers_mut().insert("x-idp-id", provider);
            }
            request
        };
        let mask = |text: &str| blank(text, id_token.expose_secret());
        let answer = calls.ask(calls.transport, STEP, StatusCode::CREATED, make, mask).await?;
        let token = answer.headers.get("x-subject-token").and_then(|token| token.to_str().ok());
        let token = token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| Error::Unusable { step: STEP.to_owned(), missing: "X-Subject-Token header" })?;

        let step = "exchanging the identity provider's token for a key";
        let url = format!("{}/v3.0/OS-CREDENTIAL/securitytokens", calls.places.iam);
        let body = json!({ "auth": { "identity": { "methods": ["token"], "token": { "id": token } } } });
        let make = |_| request(Method::POST, &url, Some(&body));
        let answer =
            calls.ask(calls.transport, step, StatusCode::CREATED, make, |text| blank(text, token)).await?;
        let Parts { id, secret, security_token, .. } = Parts::of_iam(&answer.body, step)?;
        let key =
            AccessKey::new(id, secret, Some(security_token), String::new()).with_algorithm(calls.algorithm);
        self.agency.assume_with(calls, &Pass::Key(Arc::new(key))).await
    }
}
