//! Taking on an agency with the token of an identity provider (OpenID Connect), such as a CI system's: in one step where
//! the provider's URN is known, and else in the three that IAM has had for longer.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::{Error, KeyResponse, agency};
use crate::huaweicloud::auth::agency::SESSION;
use crate::huaweicloud::auth::context::{AuthContext, request};
use crate::huaweicloud::auth::gates::LoginGate;
use crate::huaweicloud::auth::token::subject_token;
use crate::huaweicloud::auth::{AccessKey, Agency, IdToken, RequestAuth, Scope, Step};

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

impl Federation {
    pub(super) async fn assume(
        &self,
        calls: AuthContext<'_>,
        gate: &LoginGate,
    ) -> Result<KeyResponse, Error> {
        match (&self.provider, self.agency.urn()) {
            (Provider::Urn(provider), Some(agency)) => self.in_one_step(calls, gate, provider, &agency).await,
            (Provider::Urn(id) | Provider::Id(id), _) => self.in_three_steps(calls, gate, id).await,
        }
    }

    async fn in_one_step(
        &self,
        calls: AuthContext<'_>,
        gate: &LoginGate,
        provider: &str,
        agency: &str,
    ) -> Result<KeyResponse, Error> {
        let id_token = self.id_token.read(calls)?;
        let url = format!("{}/v5/agencies/assume-with-oidc", calls.places.sts);
        let body = json!({
            "provider_urn": provider,
            "agency_urn": agency,
            "agency_session_name": SESSION,
            "duration_seconds": self.agency.duration(),
            "id_token": id_token.expose_secret(),
        });
        let make = |_| request(Method::POST, &url, Some(&body));
        let gate = gate.of(id_token.expose_secret());
        let answer = calls.ask(calls.transport, Some(&gate), Step::IdToken, make).await?;
        KeyResponse::of_sts(&answer.body, Step::IdToken)
    }

    /// The token for a token, that for a key, and the agency with this key.
    async fn in_three_steps(
        &self,
        calls: AuthContext<'_>,
        gate: &LoginGate,
        provider: &str,
    ) -> Result<KeyResponse, Error> {
        let answer = self.id_token.exchange(calls, provider, &Scope::Account, gate).await?;
        let token = subject_token(&answer, Step::IdToken)?;
        let token = token.expose_secret();

        let url = format!("{}/v3.0/OS-CREDENTIAL/securitytokens", calls.places.iam);
        let body = json!({ "auth": { "identity": { "methods": ["token"], "token": { "id": token } } } });
        let make = |_| request(Method::POST, &url, Some(&body));
        let answer = calls.ask(calls.transport, None, Step::Exchange, make).await?;
        let KeyResponse { id, secret, security_token, .. } =
            KeyResponse::of_iam(&answer.body, Step::Exchange)?;
        let key =
            AccessKey::new(id, secret, Some(security_token), String::new()).with_algorithm(calls.algorithm);
        agency::assume(calls, &self.agency, &RequestAuth::Key(Arc::new(key))).await
    }
}
