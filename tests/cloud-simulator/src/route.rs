//! Which of the cloud's calls a request is. Faults are planned and requests are counted by it.

use super::wire::Request;

/// What is asked of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// The download links of an instance.
    Links,
    /// A login, by password or by a token.
    Tokens,
    /// A token of an agency.
    AgencyTokens,
    /// A token for an identity provider's token.
    FederatedTokens,
    /// Temporary keys of an agency, from the identity service (v3).
    AgencyKeys,
    /// Temporary keys of the owner of a token (v3).
    TokenKeys,
    /// Temporary keys of an agency, from the token service (v5).
    Assume,
    /// The same for who shows an identity provider's token.
    AssumeWithOidc,
    /// Who the caller is.
    CallerIdentity,
    /// A token of a machine's metadata service.
    MetadataToken,
    /// The temporary keys of a machine.
    MetadataKeys,
    /// The temporary keys of a pod.
    PodKeys,
    /// The projects of the account or of the caller.
    Projects,
    /// The caller's account.
    Account,
    /// Anything else.
    Unknown,
}

impl Route {
    pub(super) fn of(method: &str, segments: &[&str], request: &Request) -> Self {
        match (method, segments) {
            ("GET", ["v3", _, "instances", _, "ssl-cert", "download-link"]) => Self::Links,
            ("POST", ["v3", "auth", "tokens"]) if proof(request) == "assume_role" => Self::AgencyTokens,
            ("POST", ["v3", "auth", "tokens"]) => Self::Tokens,
            ("POST", ["v3.0", "OS-AUTH", "id-token", "tokens"]) => Self::FederatedTokens,
            ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) if proof(request) == "token" => {
                Self::TokenKeys
            }
            ("POST", ["v3.0", "OS-CREDENTIAL", "securitytokens"]) => Self::AgencyKeys,
            ("POST", ["v5", "agencies", "assume"]) => Self::Assume,
            ("POST", ["v5", "agencies", "assume-with-oidc"]) => Self::AssumeWithOidc,
            ("GET", ["v5", "caller-identity"]) => Self::CallerIdentity,
            ("PUT", ["meta-data", "latest", "api", "token"]) => Self::MetadataToken,
            ("GET", ["openstack", "latest", "securitykey"]) => Self::MetadataKeys,
            ("POST", ["pod-identity"]) => Self::PodKeys,
            ("GET", ["v3", "projects"] | ["v3", "auth", "projects"]) => Self::Projects,
            ("GET", ["v3", "auth", "domains"]) => Self::Account,
            _ => Self::Unknown,
        }
    }

    /// Whether the gateway has to know the caller. The others bring their credential in a way of their own.
    pub(super) fn is_guarded(self) -> bool {
        use Route::{Account, AgencyKeys, AgencyTokens, Assume, CallerIdentity, Links, Projects};
        matches!(self, Account | AgencyKeys | AgencyTokens | Assume | CallerIdentity | Links | Projects)
    }
}

/// The first of the methods by which a body of the identity service wants to prove who sends it.
fn proof(request: &Request) -> String {
    request.json()["auth"]["identity"]["methods"][0].as_str().unwrap_or_default().to_owned()
}
