//! Who may act for whom in the simulated cloud: agencies, and the parties outside of it that it believes.

/// Lets others act for an account.
#[derive(Clone, Debug)]
pub struct Agency {
    pub name: String,
    /// Of the account that it acts for. Only the world's own has projects.
    pub account_id: String,
    pub account_name: String,
    /// Who may assume it: IDs of access keys, names of users and other agencies, the ID of an identity provider.
    pub trusts: Vec<String>,
    /// Whether it may read instances.
    pub may_read: bool,
}

impl Agency {
    pub fn urn(&self) -> String {
        format!("iam::{}:agency:{}", self.account_id, self.name)
    }
}

/// One that most may assume, one that only the first may, one that nobody may, one without rights, those of the machine
/// and the pod, and one of another account.
pub(super) fn sample_agencies() -> Vec<Agency> {
    let (key, second) = ("SAMPLEACCESSKEY00001", "SAMPLETEMPORARYKEY01");
    let agency = |name: &str, trusts: &[&str], may_read| Agency {
        name: name.into(),
        account_id: "d0000000000000000000000000000001".into(),
        account_name: "sample-account".into(),
        trusts: trusts.iter().map(|it| (*it).into()).collect(),
        may_read,
    };
    vec![
        agency(
            "sample-agency",
            &[key, second, "sample-user", "sample-idp", "sample-machine", "sample-pod"],
            true,
        ),
        agency("sample-second", &["sample-agency"], true),
        agency("sample-closed", &[], true),
        agency("sample-powerless", &[key], false),
        agency("sample-machine", &[], true),
        agency("sample-pod", &[], true),
        Agency {
            account_id: "d0000000000000000000000000000002".into(),
            account_name: "sample-partner".into(),
            ..agency("sample-foreign", &[key], true)
        },
    ]
}

/// Vouches for people by tokens of its own.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    pub idp_id: String,
    pub provider_urn: String,
    /// The one that is good at first; see `Simulator::set_id_token`.
    pub id_token: String,
}

/// What a machine finds at the metadata address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// There is no such service: 404 for everything.
    Off,
    /// Keys without a token, and 405 for who wants one.
    V1Only,
    /// Keys with a good token or without any.
    V2,
    /// Keys with a good token only.
    V2Only,
    /// Tokens, but no keys: no agency is attached to the machine.
    NoAgency,
    /// Somebody else's page for everything, with status 200.
    Html,
    /// Connections are accepted, and nothing is ever answered.
    Silent,
}

/// A workload in a cluster.
#[derive(Clone, Debug)]
pub struct Pod {
    /// What its token file holds at first; see `Simulator::set_pod_token`.
    pub token: String,
    /// The name of the agency that it gets keys of.
    pub agency: String,
}
