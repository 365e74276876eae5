//! The state of the simulated cloud. All names, IDs and secrets are invented.

use std::time::Duration;

use super::instance::{Instance, sample_instances};

/// The signature in the download links of [`CloudState::sample`], for tests that search for leaked secrets.
pub const LINK_SIGNATURE: &str = "SIMULATEDLINKSIGNATURE";

/// An account, its users, keys, projects, instances and agencies.
#[derive(Clone, Debug, Default)]
pub struct CloudState {
    pub account_id: String,
    pub account_name: String,
    pub user_id: String,
    pub user_name: String,
    pub password: String,
    pub access_keys: Vec<AccessKey>,
    /// A valid token with the first project as its scope.
    pub token: String,
    /// The region of the first project is the default region.
    pub projects: Vec<Project>,
    /// The instances at the start. See `Simulator::set_instances`.
    pub instances: Vec<Instance>,
    pub token_lifetime: Duration,
    pub agencies: Vec<Agency>,
    pub identity_provider: IdentityProvider,
    pub metadata_service: MetadataService,
    /// The name of the agency that is attached to the ECS.
    pub ecs_agency: String,
    pub pod_identity: PodIdentity,
    /// Lifetime of temporary keys. Overrides the requested lifetime.
    pub temporary_key_lifetime: Option<Duration>,
}

/// A permanent or temporary access key.
#[derive(Clone, Debug)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
    /// Only for temporary keys.
    pub security_token: Option<String>,
    pub can_list_projects: bool,
    pub can_read_instances: bool,
}

#[derive(Clone, Debug)]
pub struct Project {
    pub id: String,
    pub name: String,
    pub region: String,
    pub enabled: bool,
}

#[derive(Clone, Debug)]
pub struct Certificate {
    pub category: String,
    pub download_link: String,
}

impl CloudState {
    /// The cloud state that most tests use.
    pub fn sample() -> Self {
        let key =
            |id: &str, secret: &str, security_token: Option<&str>, can_list_projects, can_read_instances| {
                AccessKey {
                    id: id.into(),
                    secret: secret.into(),
                    security_token: security_token.map(Into::into),
                    can_list_projects,
                    can_read_instances,
                }
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
        Self {
            account_id: "d0000000000000000000000000000001".into(),
            account_name: "sample-account".into(),
            user_id: "f0000000000000000000000000000001".into(),
            user_name: "sample-user".into(),
            password: "Sample-Password-1".into(),
            access_keys: vec![
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
            instances: sample_instances(north, team, south),
            token_lifetime: Duration::from_secs(24 * 3600),
            agencies: sample_agencies(),
            identity_provider: IdentityProvider {
                idp_id: "sample-idp".into(),
                provider_urn: "iam::d0000000000000000000000000000001:oidc-provider:sample-idp".into(),
                id_token: "SAMPLE.ID.TOKEN".into(),
            },
            metadata_service: MetadataService::V2,
            ecs_agency: "sample-ecs".into(),
            pod_identity: PodIdentity { token: "SAMPLEPODTOKEN01".into(), agency: "sample-pod".into() },
            temporary_key_lifetime: None,
        }
    }
}

impl Certificate {
    pub(super) fn sample(category: &str) -> Self {
        let link = format!(
            "https://obs.example.com/dds/{category}/ca-dds.crt?AccessKeyId=SIMULATEDLINKKEY&Expires=1893456000\
             &Signature={LINK_SIGNATURE}"
        );
        Self { category: category.into(), download_link: link }
    }
}

/// An agency: other users and services can assume it.
#[derive(Clone, Debug)]
pub struct Agency {
    pub name: String,
    /// The ID of the account that owns the agency. Only the account of the cloud state has projects.
    pub account_id: String,
    pub account_name: String,
    /// Who can assume the agency: access key IDs, user names, names of agencies, or the ID of an identity provider.
    pub trusted_principals: Vec<String>,
    pub can_read_instances: bool,
}

impl Agency {
    pub fn urn(&self) -> String {
        format!("iam::{}:agency:{}", self.account_id, self.name)
    }
}

/// Agencies for the tests, in this order: trusted by most callers, trusted only by the first agency, trusted by nobody,
/// without permissions, of the ECS, of the pod, of another account.
fn sample_agencies() -> Vec<Agency> {
    let key = "SAMPLEACCESSKEY00001";
    let trusted = [key, "SAMPLETEMPORARYKEY01", "sample-user", "sample-idp", "sample-ecs", "sample-pod"];
    let agency = |name: &str, trusted_principals: &[&str], can_read_instances| Agency {
        name: name.into(),
        account_id: "d0000000000000000000000000000001".into(),
        account_name: "sample-account".into(),
        trusted_principals: trusted_principals.iter().map(|name| (*name).into()).collect(),
        can_read_instances,
    };
    vec![
        agency("sample-agency", &trusted, true),
        agency("sample-second", &["sample-agency"], true),
        agency("sample-closed", &[], true),
        agency("sample-powerless", &[key], false),
        agency("sample-ecs", &[], true),
        agency("sample-pod", &[], true),
        Agency {
            account_id: "d0000000000000000000000000000002".into(),
            account_name: "sample-partner".into(),
            ..agency("sample-foreign", &[key], true)
        },
    ]
}

/// An OIDC identity provider.
#[derive(Clone, Debug, Default)]
pub struct IdentityProvider {
    pub idp_id: String,
    pub provider_urn: String,
    /// The ID token that is valid at the start. See `Simulator::set_id_token`.
    pub id_token: String,
}

/// How the ECS metadata service behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetadataService {
    /// There is no metadata service: HTTP 404 for every request.
    #[default]
    Off,
    /// Keys without a token, and HTTP 405 for token requests.
    V1Only,
    /// Keys with a valid token or without a token.
    V2,
    /// Keys only with a valid token.
    V2Only,
    /// Tokens but no keys: no agency is attached to the ECS.
    NoAgency,
    /// Another HTTP server: an HTML page with HTTP 200 for every request.
    HtmlPage,
    /// Connections are accepted, but no request gets a response.
    NoResponse,
}

/// A pod in a Kubernetes cluster, with an associated agency.
#[derive(Clone, Debug, Default)]
pub struct PodIdentity {
    /// The pod token that is valid at the start. See `Simulator::set_pod_token`.
    pub token: String,
    /// The name of the agency whose keys the pod gets.
    pub agency: String,
}
