//! What a token is good for.

use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Project(ProjectRef),
    /// The caller's own account, for taking on an agency.
    Account,
}

/// A project, by what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProjectRef {
    Id(String),
    Name(String),
}

/// An account of the cloud; IAM calls it a domain.
#[derive(Clone, Debug)]
pub enum Account {
    Id(String),
    Name(String),
}

impl Scope {
    /// As IAM wants it. Null where the caller's `account` is not known: IAM then takes the caller's own.
    pub(in crate::huaweicloud::auth) fn of(&self, account: Option<&Account>) -> Value {
        match (self, account) {
            (Self::Project(ProjectRef::Id(id)), _) => json!({ "project": { "id": id } }),
            (Self::Project(ProjectRef::Name(name)), _) => json!({ "project": { "name": name } }),
            (Self::Account, Some(account)) => json!({ "domain": account.reference() }),
            (Self::Account, None) => Value::Null,
        }
    }
}

impl Account {
    pub(super) fn reference(&self) -> Value {
        match self {
            Self::Id(id) => json!({ "id": id }),
            Self::Name(name) => json!({ "name": name }),
        }
    }
}
