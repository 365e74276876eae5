//! Who calls, and on whose behalf.

use serde_json::Value;

use super::State;
use super::world::{Agency, World};

/// Somebody with rights: the user behind an access key, an agency, or a guest of the identity provider.
#[derive(Clone)]
pub(super) struct Owner {
    /// As agencies name whom they trust.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) urn: String,
    pub(super) account_id: String,
    pub(super) account_name: String,
    pub(super) may_list: bool,
    pub(super) may_read: bool,
}

/// How somebody proved who they are.
pub(super) enum Proof {
    Key {
        temporary: bool,
    },
    /// The project that the token is good for, none if it is the account's.
    Token {
        project_id: Option<String>,
    },
}

pub(super) struct Caller {
    pub(super) owner: Owner,
    pub(super) proof: Proof,
}

impl Owner {
    pub(super) fn user(world: &World) -> Self {
        Self {
            name: world.user_name.clone(),
            id: world.user_id.clone(),
            urn: format!("iam::{}:user:{}", world.account_id, world.user_name),
            account_id: world.account_id.clone(),
            account_name: world.account_name.clone(),
            may_list: true,
            may_read: true,
        }
    }

    pub(super) fn guest(world: &World) -> Self {
        let name = world.identity_provider.idp_id.clone();
        let urn = format!("iam::{}:federated-user:{name}", world.account_id);
        Self { urn, id: format!("guest-of-{name}"), name, ..Self::user(world) }
    }

    pub(super) fn agency(agency: &Agency, session: &str) -> Self {
        let Agency { name, account_id, account_name, may_read, .. } = agency.clone();
        Self {
            id: format!("id-of-{name}:{session}"),
            urn: format!("sts::{account_id}:assumed-agency:{name}/{session}"),
            name,
            account_id,
            account_name,
            may_list: true,
            may_read,
        }
    }

    /// Whether a body of the identity service means their account.
    pub(super) fn is_of(&self, domain: &Value) -> bool {
        domain["id"] == self.account_id.as_str() || domain["name"] == self.account_name.as_str()
    }

    pub(super) fn may_assume(&self, agency: &Agency) -> bool {
        agency.trusts.contains(&self.name)
    }

    /// Whether the world's projects are theirs.
    pub(super) fn is_at_home(&self, state: &State) -> bool {
        self.account_id == state.world.account_id
    }
}
