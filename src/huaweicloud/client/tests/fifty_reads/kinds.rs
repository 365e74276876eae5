//! Every kind of credential, with the requests that fifty reads take.

use std::sync::Arc;

use crate::huaweicloud::auth::temporary_key::{Federation, Provider, Source};
use crate::huaweicloud::auth::{
    AccessKey, Account, Agency, CallerAccount, Credential, IdToken, KeyProvider, Token, TokenGrant,
    TokenProvider, User,
};

/// Texts of requests by route, such as "Links 50, Tokens 1".
pub(super) struct Kind {
    pub name: &'static str,
    /// The secret in it is "SECRET", or a key whose ID says so.
    pub credential: fn() -> Credential,
    /// With a credential that the cloud accepts.
    pub right: &'static str,
    /// The secret is wrong.
    pub wrong: &'static str,
    /// What is fetched with it is refused, also when it was fetched anew. Empty for what is not fetched.
    pub refused_after_renewal: &'static str,
    /// What is fetched is revoked once, without those that were refused then.
    pub renewed: &'static str,
    /// What is fetched has expired already.
    pub expired: &'static str,
    /// The first request alone.
    pub first: &'static str,
    /// The first reader goes away during its first request.
    pub cancelled: &'static str,
}

impl Kind {
    pub(super) fn is_fetched(&self) -> bool {
        !self.refused_after_renewal.is_empty()
    }
}

#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "key", credential: key,
        right: "Links 50", wrong: "Links 1", refused_after_renewal: "", renewed: "", expired: "",
        first: "Links 1", cancelled: "Links 50",
    },
    Kind {
        name: "temporary key", credential: temporary_key,
        right: "Links 50", wrong: "Links 1", refused_after_renewal: "", renewed: "", expired: "",
        first: "Links 1", cancelled: "Links 50",
    },
    Kind {
        name: "token", credential: token,
        right: "Links 50", wrong: "Links 1", refused_after_renewal: "", renewed: "", expired: "",
        first: "Links 1", cancelled: "Links 50",
    },
    Kind {
        name: "password", credential: password,
        right: "Links 50, Tokens 1", wrong: "Tokens 1",
        refused_after_renewal: "Links 2, Tokens 2", renewed: "Links 50, Tokens 2", expired: "Tokens 1",
        first: "Tokens 1", cancelled: "Links 49, Tokens 2",
    },
    Kind {
        name: "agency (v5) over key", credential: || agency(key(), by_id()),
        right: "Assume 1, Links 50", wrong: "Assume 1",
        refused_after_renewal: "Assume 2, Links 2", renewed: "Assume 2, Links 50", expired: "Assume 1",
        first: "Assume 1", cancelled: "Assume 2, Links 49",
    },
    Kind {
        name: "agency (v3) over key", credential: || agency(key(), by_name()),
        right: "Account 1, AgencyKeys 1, Links 50", wrong: "Account 1",
        refused_after_renewal: "Account 1, AgencyKeys 2, Links 2",
        renewed: "Account 1, AgencyKeys 2, Links 50", expired: "Account 1, AgencyKeys 1",
        first: "Account 1", cancelled: "Account 2, AgencyKeys 1, Links 49",
    },
    Kind {
        name: "agency over password", credential: || agency(password(), by_name()),
        right: "AgencyKeys 1, Links 50, Tokens 1", wrong: "Tokens 1",
        refused_after_renewal: "AgencyKeys 2, Links 2, Tokens 1",
        renewed: "AgencyKeys 2, Links 50, Tokens 1", expired: "Tokens 1",
        first: "Tokens 1", cancelled: "AgencyKeys 1, Links 49, Tokens 2",
    },
    Kind {
        name: "chain of agencies", credential: || agency(agency(key(), by_name()), by_id()),
        right: "Account 1, AgencyKeys 1, Assume 1, Links 50", wrong: "Account 1",
        refused_after_renewal: "Account 1, AgencyKeys 1, Assume 2, Links 2",
        renewed: "Account 1, AgencyKeys 1, Assume 2, Links 50", expired: "Account 1, AgencyKeys 1",
        first: "Account 1", cancelled: "Account 2, AgencyKeys 1, Assume 1, Links 49",
    },
    Kind {
        name: "agency's token over key", credential: || agency_token(key(), by_name()),
        right: "Account 1, AgencyTokens 1, Links 50", wrong: "Account 1",
        refused_after_renewal: "Account 1, AgencyTokens 2, Links 2",
        renewed: "Account 1, AgencyTokens 2, Links 50", expired: "Account 1, AgencyTokens 1",
        first: "Account 1", cancelled: "Account 2, AgencyTokens 1, Links 49",
    },
    Kind {
        name: "OIDC in one step", credential: || oidc(Provider::Urn("urn".into())),
        right: "AssumeWithOidc 1, Links 50", wrong: "AssumeWithOidc 1",
        refused_after_renewal: "AssumeWithOidc 2, Links 2", renewed: "AssumeWithOidc 2, Links 50",
        expired: "AssumeWithOidc 1", first: "AssumeWithOidc 1", cancelled: "AssumeWithOidc 2, Links 49",
    },
    Kind {
        name: "OIDC in three steps", credential: || oidc(Provider::Id("idp".into())),
        right: "Assume 1, FederatedTokens 1, Links 50, TokenKeys 1", wrong: "FederatedTokens 1",
        refused_after_renewal: "Assume 2, FederatedTokens 2, Links 2, TokenKeys 2",
        renewed: "Assume 2, FederatedTokens 2, Links 50, TokenKeys 2",
        expired: "Assume 1, FederatedTokens 1, TokenKeys 1", first: "FederatedTokens 1",
        cancelled: "Assume 1, FederatedTokens 2, Links 49, TokenKeys 1",
    },
    Kind {
        name: "OIDC token", credential: oidc_token,
        right: "FederatedTokens 1, Links 50", wrong: "FederatedTokens 1",
        refused_after_renewal: "FederatedTokens 2, Links 2", renewed: "FederatedTokens 2, Links 50",
        expired: "FederatedTokens 1", first: "FederatedTokens 1", cancelled: "FederatedTokens 2, Links 49",
    },
    Kind {
        name: "container", credential: container,
        right: "ContainerKeys 1, Links 50", wrong: "ContainerKeys 1",
        refused_after_renewal: "ContainerKeys 2, Links 2", renewed: "ContainerKeys 2, Links 50",
        expired: "ContainerKeys 1", first: "ContainerKeys 1", cancelled: "ContainerKeys 2, Links 49",
    },
    Kind {
        name: "metadata", credential: metadata,
        right: "Links 50, MetadataKeys 1, MetadataToken 1", wrong: "MetadataKeys 1, MetadataToken 1",
        refused_after_renewal: "Links 2, MetadataKeys 2, MetadataToken 2",
        renewed: "Links 50, MetadataKeys 2, MetadataToken 2", expired: "MetadataKeys 1, MetadataToken 1",
        first: "MetadataToken 1", cancelled: "",
    },
];

fn origin() -> String {
    "the test".to_owned()
}

fn key() -> Credential {
    Credential::Key(Arc::new(AccessKey::new("SECRET".into(), "secret-key".into(), None, origin())))
}

fn temporary_key() -> Credential {
    Credential::Key(Arc::new(AccessKey::new(
        "SECRET".into(),
        "secret-key".into(),
        Some("security-token".into()),
        origin(),
    )))
}

fn token() -> Credential {
    Credential::Token(Arc::new(Token::new("SECRET".into(), origin())))
}

fn password() -> Credential {
    let user = User::Name { name: "u".into(), account: Account::Name("a".into()) };
    Credential::TokenProvider(TokenProvider::new(
        TokenGrant::Password { user, password: "SECRET".into() },
        origin(),
    ))
}

fn by_id() -> Account {
    Account::Id("d".into())
}

fn by_name() -> Account {
    Account::Name("d".into())
}

fn to_assume(account: Account) -> Agency {
    Agency { name: "x".into(), account, duration: None, home: CallerAccount::default() }
}

fn agency(base: Credential, account: Account) -> Credential {
    let source = Source::Agency { base: Box::new(base), agency: to_assume(account) };
    Credential::KeyProvider(KeyProvider::new(source, origin()))
}

fn agency_token(base: Credential, account: Account) -> Credential {
    let way = TokenGrant::Agency { base: Box::new(base), agency: to_assume(account) };
    Credential::TokenProvider(TokenProvider::new(way, origin()))
}

fn oidc(provider: Provider) -> Credential {
    let id_token = IdToken::Given("SECRET".into());
    let federation = Federation { provider, id_token, agency: to_assume(by_id()) };
    Credential::KeyProvider(KeyProvider::new(Source::Oidc(federation), origin()))
}

fn oidc_token() -> Credential {
    let way = TokenGrant::IdToken { provider: "idp".into(), id_token: IdToken::File("/token".into()) };
    Credential::TokenProvider(TokenProvider::new(way, origin()))
}

fn container() -> Credential {
    let source =
        Source::Container { url: "http://127.0.0.1:1/container".into(), token_file: "/token".into() };
    Credential::KeyProvider(KeyProvider::new(source, origin()))
}

fn metadata() -> Credential {
    Credential::KeyProvider(KeyProvider::new(Source::Metadata { others: Vec::new() }, origin()))
}
