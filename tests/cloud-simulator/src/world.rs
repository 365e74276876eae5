//! What there is in the simulated cloud. All of it is invented.

mod trust;

use std::time::Duration;

pub use trust::{Agency, IdentityProvider, Metadata, Pod};

/// The signature in the sample's download links, for tests that look for leaks.
pub const LINK_SIGNATURE: &str = "SIMULATEDLINKSIGNATURE";

/// One account and what belongs to it.
#[derive(Clone, Debug)]
pub struct World {
    pub account_id: String,
    pub account_name: String,
    pub user_id: String,
    pub user_name: String,
    pub password: String,
    pub keys: Vec<Key>,
    /// A token that was issued elsewhere, for the first project.
    pub token: String,
    /// The first one's region is the default.
    pub projects: Vec<Project>,
    pub instances: Vec<Instance>,
    pub token_lifetime: Duration,
    pub agencies: Vec<Agency>,
    pub identity_provider: IdentityProvider,
    pub metadata: Metadata,
    /// The name of the agency that is attached to the machine.
    pub machine_agency: String,
    pub pod: Pod,
    /// How long temporary keys are good, in place of what was asked for.
    pub temporary_lifetime: Option<Duration>,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub secret: String,
    /// Of a temporary key.
    pub security_token: Option<String>,
    /// Whether its owner may list projects, and read instances.
    pub may_list: bool,
    pub may_read: bool,
}

#[derive(Clone, Debug)]
pub struct Project {
    pub id: String,
    pub name: String,
    pub region: String,
    pub enabled: bool,
}

#[derive(Clone, Debug)]
pub struct Instance {
    pub id: String,
    pub project_id: String,
    pub certificates: Vec<Certificate>,
    /// The status and code with which the cloud denies that it exists.
    pub gone: Option<(u16, &'static str)>,
}

#[derive(Clone, Debug)]
pub struct Certificate {
    pub category: String,
    pub download_link: String,
}

impl World {
    pub fn sample() -> Self {
        let key = |id: &str, secret: &str, security_token: Option<&str>, may_list, may_read| Key {
            id: id.into(),
            secret: secret.into(),
            security_token: security_token.map(Into::into),
            may_list,
            may_read,
        };
        let project = |id: &str, name: &str, region: &str, enabled| Project {
            id: id.into(),
            name: name.into(),
            region: region.into(),
            enabled,
        };
        let (north, south, team) = (
            "0123456789abcdef0123456789abcdef",
            "11111111111111111111111111111111",
            "22222222222222222222222222222222",
        );
        let instance = |id: &str, project_id: &str, categories: &[&str], gone| Instance {
            id: id.into(),
            project_id: project_id.into(),
            certificates: categories.iter().map(|category| Certificate::sample(category)).collect(),
            gone,
        };
        Self {
            account_id: "d0000000000000000000000000000001".into(),
            account_name: "sample-account".into(),
            user_id: "f0000000000000000000000000000001".into(),
            user_name: "sample-user".into(),
            password: "Sample-Password-1".into(),
            keys: vec![
                key("SAMPLEACCESSKEY00001", "samplesecretkey000000000000000000000001", None, true, true),
                key(
                    "SAMPLETEMPORARYKEY01",
                    "samplesecretkey000000000000000000000002",
                    Some("SAMPLESECURITYTOKEN+/=01"),
                    true,
                    true,
                ),
                key("SAMPLERESTRICTEDKEY1", "samplesecretkey000000000000000000000003", None, false, true),
                key("SAMPLEPOWERLESSKEY01", "samplesecretkey000000000000000000000004", None, true, false),
            ],
            token: "SAMPLEREADYTOKEN0001".into(),
            projects: vec![
                project(north, "cn-north-4", "cn-north-4", true),
                project(team, "cn-north-4_team", "cn-north-4", true),
                project("33333333333333333333333333333333", "cn-north-4_closed", "cn-north-4", false),
                project("44444444444444444444444444444444", "MOS", "cn-north-4", true),
                project(south, "ap-southeast-3", "ap-southeast-3", true),
            ],
            instances: vec![
                instance("e73893ef73754465a8bd2e0857bbf13ein02", north, &["international", "national"], None),
                instance("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaain02", south, &["international"], None),
                instance("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbin02", team, &["international"], None),
                instance("ccccccccccccccccccccccccccccccccin02", north, &[], None),
                instance("ddddddddddddddddddddddddddddddd1in02", north, &[], Some((403, "DBS.201028"))),
                instance("ddddddddddddddddddddddddddddddd2in02", north, &[], Some((400, "DBS.280110"))),
            ],
            token_lifetime: Duration::from_secs(24 * 3600),
            agencies: trust::sample_agencies(),
            identity_provider: IdentityProvider {
                idp_id: "sample-idp".into(),
                provider_urn: "iam::d0000000000000000000000000000001:oidc-provider:sample-idp".into(),
                id_token: "SAMPLE.ID.TOKEN".into(),
            },
            metadata: Metadata::V2,
            machine_agency: "sample-machine".into(),
            pod: Pod { token: "SAMPLEPODTOKEN01".into(), agency: "sample-pod".into() },
            temporary_lifetime: None,
        }
    }
}

impl Certificate {
    fn sample(category: &str) -> Self {
        let link = format!(
            "https://obs.example.com/dds/{category}/ca-dds.crt?AccessKeyId=SIMULATEDLINKKEY&Expires=1893456000\
             &Signature={LINK_SIGNATURE}"
        );
        Self { category: category.into(), download_link: link }
    }
}
