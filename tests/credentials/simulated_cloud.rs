//! The simulated cloud of a row, and its requests as lines.

use cloud_simulator::{
    AccessKey, Agency, Certificate, CloudState, IdentityProvider, Instance, MetadataService, Project,
    RecordedRequest, Simulator,
};
use serde::Deserialize;

use super::Row;

/// The instance to read. Each project has it.
pub const INSTANCE: &str = "instance";

/// The differences from a cloud that accepts everything in the row.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloudChanges {
    metadata_service: Option<String>,
    id_token: Option<String>,
    pod_token: Option<String>,
    /// The seconds by which the clock of the cloud is ahead.
    clock_skew: i64,
    /// The agencies that nobody may assume.
    denied_agencies: Vec<String>,
}

impl CloudChanges {
    /// Applies the changes to a running simulator.
    pub fn apply(&self, cloud: &Simulator) {
        cloud.set_clock_skew(self.clock_skew);
        if let Some(token) = &self.id_token {
            cloud.set_id_token(token);
        }
        if let Some(token) = &self.pod_token {
            cloud.set_pod_token(token);
        }
    }
}

/// A cloud that accepts all names and secrets of a row, except for its changes.
pub fn cloud_state(row: &Row) -> CloudState {
    let text = format!("{:?}{:?}{:?}", row.block, row.env, row.files).to_lowercase();
    let has_security_token = ["security_token", "sso"].iter().any(|word| text.contains(word));
    let key = |(id, secret): (&str, &str)| AccessKey {
        id: id.into(),
        secret: secret.into(),
        security_token: has_security_token.then(|| "t".into()),
        can_list_projects: true,
        can_read_instances: true,
    };
    let keys = [
        ("a", "s"),
        ("ea", "es"),
        ("1", "2"),
        ("12345", "67890"),
        ("file-ak", "file-sk"),
        ("sdk-ak", "sdk-sk"),
    ];
    let project = |(id, name, region): (&str, &str, &str)| Project {
        id: id.into(),
        name: name.into(),
        region: region.into(),
        enabled: true,
    };
    let projects = [
        ("11111111111111111111111111111111", "r", "r"),
        ("55555555555555555555555555555555", "p", "r"),
        ("22222222222222222222222222222222", "er", "er"),
        ("33333333333333333333333333333333", "home-region", "home-region"),
        ("44444444444444444444444444444444", "other", "file-region"),
        ("66666666666666666666666666666666", "file-region", "file-region"),
    ];
    let agency = |name: &str| Agency {
        name: name.into(),
        account_id: "d".into(),
        account_name: "d".into(),
        trusted_principals: ["a", "ea", "file-ak", "u", "i", "x", "y", "sample-ecs"].map(Into::into).to_vec(),
        can_read_instances: true,
    };
    let with_trust = |agency: Agency| match row.cloud.denied_agencies.contains(&agency.name) {
        true => Agency { trusted_principals: Vec::new(), ..agency },
        false => agency,
    };
    let sample = CloudState::sample();
    let sample_agency = |name: &str| {
        let agency = sample.agencies.iter().find(|agency| agency.name == name).cloned().unwrap();
        Agency { account_id: "d".into(), account_name: "d".into(), ..agency }
    };
    let (ecs_agency, pod_agency) =
        (sample_agency(&sample.ecs_agency), sample_agency(&sample.pod_identity.agency));
    let identity_provider =
        IdentityProvider { idp_id: "i".into(), provider_urn: "u".into(), id_token: "t".into() };
    let certificate = Certificate { category: "international".into(), download_link: "https://x".into() };
    let instance = |project: &Project| Instance {
        certificates: vec![certificate.clone()],
        ..Instance::single(INSTANCE, &project.id, "i", "192.168.1")
    };
    let projects: Vec<Project> = projects.into_iter().map(project).collect();
    CloudState {
        account_id: "d".into(),
        account_name: "d".into(),
        user_id: "u".into(),
        user_name: "u".into(),
        password: "p".into(),
        access_keys: keys.into_iter().map(key).collect(),
        token: "t".into(),
        instances: projects.iter().map(instance).collect(),
        projects,
        agencies: vec![with_trust(agency("x")), with_trust(agency("y")), ecs_agency, pod_agency],
        metadata_service: row
            .cloud
            .metadata_service
            .as_deref()
            .map_or(sample.metadata_service, metadata_service),
        identity_provider,
        ..sample
    }
}

/// The variant with this name.
fn metadata_service(name: &str) -> MetadataService {
    use MetadataService::{HtmlPage, NoAgency, NoResponse, Off, V1Only, V2, V2Only};

    let variants = [Off, V1Only, V2, V2Only, NoAgency, HtmlPage, NoResponse];
    let mut variants = variants.into_iter();
    variants
        .find(|variant| format!("{variant:?}") == name)
        .unwrap_or_else(|| panic!("unknown metadata service {name}"))
}

/// The request on one line, without the parts that differ in each run.
pub fn to_line(recorded: &RecordedRequest) -> String {
    let request = &recorded.request;
    let host = request.header("host").unwrap_or_default();
    let headers =
        request.headers.iter().map(|(name, value)| match (name.as_str(), value.split_once("Signature=")) {
            ("host", _) => "host: HOST".to_owned(),
            ("x-sdk-date", _) => "x-sdk-date: DATE".to_owned(),
            (_, Some((start, _))) => format!("{name}: {start}Signature=SIGNATURE"),
            _ => format!("{name}: {value}"),
        });
    let headers: Vec<_> = headers.collect();
    let body = String::from_utf8_lossy(&request.body);
    let line = format!("{} {} | {} | {body}", request.method, request.target, headers.join(" | "));
    without_numbers(&line.replace(host, "HOST"))
}

/// Removes the serial numbers from the keys and tokens that the simulated cloud has issued.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split("simulated").flat_map(|part| part.split("SIMULATED"));
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| {
        let end = part.find(|character: char| character.is_ascii_digit()).unwrap_or(part.len());
        let rest = part[end..].trim_start_matches(|character: char| character.is_ascii_digit());
        format!("{line}SIMULATED{}#{rest}", &part[..end])
    })
}
