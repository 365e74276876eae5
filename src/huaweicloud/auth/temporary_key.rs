//! Keys that end and are fetched anew: those of the machine or the container that the provider runs in, and those of an
//! agency that is taken on.
//!
//! Fetched once for all readers, renewed ahead of their end, and once after the cloud has refused them.

mod agency;
mod container;
pub mod ecs_metadata;
mod oidc;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::context::{AuthContext, end};
use super::gates::{Gates, LoginGate};
use super::refreshing_cache::RefreshingCache;
use super::{AccessKey, Agency, Credential, Error, Step};
use crate::system::secret::SecretString;

pub use oidc::{Federation, Provider};

/// What is left for requests under way and clocks that differ; of a short life, a tenth.
const RENEW_AHEAD: Duration = Duration::from_secs(5 * 60);

pub struct KeyProvider {
    source: Source,
    pub(super) origin: String,
    leases: RefreshingCache<(), CachedKey, Error>,
    /// Of the identity provider's or the container's token.
    gate: LoginGate,
}

/// Where the keys come from.
#[derive(Debug)]
pub enum Source {
    /// The ECS metadata service, with the reason for each source tried before.
    Metadata { others: Vec<String> },
    /// The agent beside a container: its URL, and the file with the token for it.
    Container { url: String, token_file: String },
    /// An agency, on top of another credential, which may itself be one like this.
    Agency { base: Box<Credential>, agency: Agency },
    /// An agency, for a token of an identity provider.
    Oidc(Federation),
}

impl Source {
    fn step(&self) -> Step {
        match self {
            Self::Metadata { .. } => Step::Machine,
            Self::Container { .. } => Step::Container,
            Self::Agency { agency, .. } => agency.step(),
            Self::Oidc(_) => Step::IdToken,
        }
    }
}

/// A key for a while.
#[derive(Clone)]
pub struct CachedKey {
    pub key: Arc<AccessKey>,
    renew: SystemTime,
}

impl KeyProvider {
    pub fn new(source: Source, origin: String) -> Self {
        Self { source, origin, leases: RefreshingCache::new(Error::keep), gate: LoginGate::default() }
    }

    /// A good key, other than `refused`.
    pub async fn lease(
        &self,
        calls: AuthContext<'_>,
        refused: Option<&AccessKey>,
    ) -> Result<CachedKey, Error> {
        let good = |lease: &CachedKey| {
            refused.is_none_or(|refused| !lease.key.is(refused)) && calls.clock.now() < lease.renew
        };
        let waited = || Error::waited(self.source.step(), calls.deadline);
        self.leases.get((), calls.deadline, good, waited, || self.fetch(calls, refused.is_some())).await
    }

    async fn fetch(&self, calls: AuthContext<'_>, replacement: bool) -> Result<CachedKey, Error> {
        let parts = match &self.source {
            Source::Metadata { others } => {
                ecs_metadata::fetch(calls).await.map_err(|last| match others.as_slice() {
                    [] => last,
                    others => Error::Nowhere { reasons: others.to_vec(), last: Box::new(last) },
                })?
            }
            Source::Container { url, token_file } => {
                container::fetch(calls, url, token_file, &self.gate).await?
            }
            Source::Agency { base, agency } => agency::fetch(calls, base, agency).await?,
            Source::Oidc(federation) => federation.assume(calls, &self.gate).await?,
        };
        tracing::debug!(origin = self.origin, "temporary key fetched");
        let now = calls.clock.now();
        // One that has ended already would be fetched anew for every reader, and refused each time.
        let expired = |_| Error::Expired { what: "the returned temporary key", expired_at: parts.end, now };
        let life = parts.end.duration_since(now).map_err(expired)?;
        let key = AccessKey::new(parts.id, parts.secret, Some(parts.security_token), self.origin.clone());
        Ok(CachedKey {
            key: Arc::new(key.with_algorithm(calls.algorithm).with_gates(Gates::of_replacement(replacement))),
            renew: parts.end - RENEW_AHEAD.min(life / 10),
        })
    }
}

impl std::fmt::Debug for KeyProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Temporary key from {}", self.origin)
    }
}

/// What an answer holds.
struct KeyResponse {
    id: String,
    secret: SecretString,
    security_token: SecretString,
    end: SystemTime,
}

impl KeyResponse {
    /// As IAM's v3 API and the metadata service write them.
    fn of_iam(body: &[u8], step: Step) -> Result<Self, Error> {
        Self::read(body, "credential", ["access", "secret", "securitytoken", "expires_at"], step)
    }

    /// As the token service writes them.
    fn of_sts(body: &[u8], step: Step) -> Result<Self, Error> {
        let names = ["access_key_id", "secret_access_key", "security_token", "expiration"];
        Self::read(body, "credentials", names, step)
    }

    /// Each service has its own names for the same four things: `[id, secret, security token, end]`.
    fn read(body: &[u8], object: &str, names: [&'static str; 4], step: Step) -> Result<Self, Error> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &'static str| {
            let text = body
                .get(object)
                .and_then(|object| object.get(name)?.as_str())
                .filter(|text| !text.is_empty());
            text.ok_or_else(|| Error::Unusable { step: step.clone(), missing: name })
        };
        let [id, secret, security_token, ends] = names;
        Ok(Self {
            id: text(id)?.to_owned(),
            secret: text(secret)?.into(),
            security_token: text(security_token)?.into(),
            end: end(text(ends)?).ok_or(Error::Unusable { step, missing: ends })?,
        })
    }
}
