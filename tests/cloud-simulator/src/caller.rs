//! The authenticated caller of a request, and the temporary keys that were issued to it.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::cloud_state::{AccessKey, Agency, CloudState};
use super::{SharedState, lock};

/// A user, an assumed agency or a federated user.
#[derive(Clone)]
pub(super) struct Principal {
    /// The name in the trust policies of agencies.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) urn: String,
    pub(super) account_id: String,
    pub(super) account_name: String,
    pub(super) can_list_projects: bool,
    pub(super) can_read_instances: bool,
}

/// How the caller authenticated.
pub(super) enum CallerAuth {
    Key {
        temporary: bool,
    },
    Token {
        /// The project that is the token's scope. None for the scope of the account.
        project_id: Option<String>,
    },
}

pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) auth: CallerAuth,
}

impl Principal {
    pub(super) fn user(cloud_state: &CloudState) -> Self {
        Self {
            name: cloud_state.user_name.clone(),
            id: cloud_state.user_id.clone(),
            urn: format!("iam::{}:user:{}", cloud_state.account_id, cloud_state.user_name),
            account_id: cloud_state.account_id.clone(),
            account_name: cloud_state.account_name.clone(),
            can_list_projects: true,
            can_read_instances: true,
        }
    }

    pub(super) fn federated_user(cloud_state: &CloudState) -> Self {
        let name = cloud_state.identity_provider.idp_id.clone();
        let urn = format!("iam::{}:federated-user:{name}", cloud_state.account_id);
        Self { urn, id: format!("guest-of-{name}"), name, ..Self::user(cloud_state) }
    }

    pub(super) fn agency(agency: &Agency, session: &str) -> Self {
        let Agency { name, account_id, account_name, can_read_instances, .. } = agency.clone();
        Self {
            id: format!("id-of-{name}:{session}"),
            urn: format!("sts::{account_id}:assumed-agency:{name}/{session}"),
            name,
            account_id,
            account_name,
            can_list_projects: true,
            can_read_instances,
        }
    }

    /// Whether a `domain` object of an IAM request is the account of this principal.
    pub(super) fn belongs_to(&self, domain: &Value) -> bool {
        domain["id"] == self.account_id.as_str() || domain["name"] == self.account_name.as_str()
    }

    pub(super) fn may_assume(&self, agency: &Agency) -> bool {
        agency.trusted_principals.contains(&self.name)
    }

    /// Whether this principal belongs to the account that has the projects.
    pub(super) fn owns_projects(&self, state: &SharedState) -> bool {
        self.account_id == state.cloud_state.account_id
    }
}

#[derive(Clone)]
pub(super) struct TemporaryKey {
    pub(super) key: AccessKey,
    pub(super) principal: Principal,
    pub(super) expires_at: SystemTime,
}

impl TemporaryKey {
    pub(super) fn security_token(&self) -> &str {
        self.key.security_token.as_deref().unwrap_or_default()
    }
}

impl SharedState {
    /// Issues a temporary key. `temporary_key_lifetime` of the cloud state overrides the requested lifetime.
    pub(super) fn issue_key(&self, principal: Principal, lifetime: Duration) -> TemporaryKey {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let key = AccessKey {
            id: format!("SIMULATEDKEY{number:08}"),
            secret: format!("simulatedsecret{number:025}"),
            security_token: Some(format!("SIMULATEDSECURITYTOKEN+/={number:08}")),
            can_list_projects: principal.can_list_projects,
            can_read_instances: principal.can_read_instances,
        };
        let expires_at = self.now() + self.cloud_state.temporary_key_lifetime.unwrap_or(lifetime);
        let issued = TemporaryKey { key, principal, expires_at };
        lock(&self.temporary_keys).insert(issued.key.id.clone(), issued.clone());
        issued
    }

    /// Returns a key, its principal, and the time when a temporary key expires.
    pub(super) fn find_key(&self, id: &str) -> Option<(AccessKey, Principal, Option<SystemTime>)> {
        if let Some(issued) = lock(&self.temporary_keys).get(id) {
            return Some((issued.key.clone(), issued.principal.clone(), Some(issued.expires_at)));
        }
        let key = self.cloud_state.access_keys.iter().find(|key| key.id == id)?;
        let (can_list_projects, can_read_instances) = (key.can_list_projects, key.can_read_instances);
        let principal = Principal {
            name: key.id.clone(),
            can_list_projects,
            can_read_instances,
            ..Principal::user(&self.cloud_state)
        };
        Some((key.clone(), principal, None))
    }
}

/// Parses the lifetime in a request body. None if it is not a whole number within the bounds.
pub(super) fn parse_lifetime(
    requested: &Value,
    bounds: RangeInclusive<u64>,
    default: u64,
) -> Option<Duration> {
    let seconds = if requested.is_null() { default } else { requested.as_u64()? };
    bounds.contains(&seconds).then(|| Duration::from_secs(seconds))
}
