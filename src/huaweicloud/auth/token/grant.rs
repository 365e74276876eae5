//! How one gets a token: `POST /v3/auth/tokens` and `POST /v3.0/OS-AUTH/id-token/tokens` of the IAM API reference.

use http::Method;
use serde_json::{Value, json};

use super::{Account, Scope};
use crate::huaweicloud::auth::agency::as_caller;
use crate::huaweicloud::auth::context::{AuthContext, request};
use crate::huaweicloud::auth::gates::LoginGate;
use crate::huaweicloud::auth::{Agency, Credential, Error, IdToken, Step};
use crate::huaweicloud::transport::Response;
use crate::system::secret::SecretString;

pub enum TokenGrant {
    Password {
        user: User,
        password: SecretString,
    },
    /// On top of another credential.
    Agency {
        base: Box<Credential>,
        agency: Agency,
    },
    /// The provider is the name under which IAM knows who vouches.
    IdToken {
        provider: String,
        id_token: IdToken,
    },
}

#[derive(Clone, Debug)]
pub enum User {
    Id(String),
    /// With the account that the user belongs to.
    Name {
        name: String,
        account: Account,
    },
}

impl TokenGrant {
    pub(super) fn step(&self) -> Step {
        match self {
            Self::Password { .. } => Step::TokenProvider,
            Self::Agency { agency, .. } => agency.step(),
            Self::IdToken { .. } => Step::IdToken,
        }
    }

    /// `gate` is that of the password or of the identity provider's token.
    pub(super) async fn ask(
        &self,
        calls: AuthContext<'_>,
        scope: &Scope,
        gate: &LoginGate,
    ) -> Result<Response, Error> {
        // Without the catalogue of services, which is large and of no use here.
        let url = format!("{}/v3/auth/tokens?nocatalog=any", calls.places.iam);
        match self {
            Self::Password { user, password } => {
                let password = password.expose_secret();
                let body = login(user, password, scope);
                let make = |_| request(Method::POST, &url, Some(&body));
                let gate = gate.of(password);
                calls.ask(calls.transport, Some(&gate), self.step(), make).await
            }
            Self::Agency { base, agency } => {
                let (url, scope) = (&url, &scope.of(Some(&agency.account)));
                as_caller(calls, base, |pass| async move { agency.token(calls, &pass, url, scope).await })
                    .await
            }
            Self::IdToken { provider, id_token } => id_token.exchange(calls, provider, scope, gate).await,
        }
    }
}

fn login(user: &User, password: &str, scope: &Scope) -> Value {
    let (user, account) = match user {
        User::Id(id) => (json!({ "id": id, "password": password }), None),
        User::Name { name, account } => {
            (json!({ "name": name, "password": password, "domain": account.reference() }), Some(account))
        }
    };
    let identity = json!({ "methods": ["password"], "password": { "user": user } });
    match scope.of(account) {
        Value::Null => json!({ "auth": { "identity": identity } }),
        scope => json!({ "auth": { "identity": identity, "scope": scope } }),
    }
}
