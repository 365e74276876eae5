//! Data sources with a `region` argument, with each kind of credential.

use std::collections::BTreeSet;

use cloud_simulator::{MetadataService, Route};
use serde_json::json;

use super::*;

const OTHER_REGION: &str = "ap-southeast-3";

/// Two data sources. The second one reads in another region than the provider's.
fn data_sources_in_two_regions() -> String {
    format!(
        "{}\ndata \"dds_ssl_cert_download_links\" \"other_region\" {{\n  region      = {OTHER_REGION:?}\n  instance_id = {OTHER_REGION_INSTANCE:?}\n}}\n\n\
         output \"other_region\" {{\n  value = data.dds_ssl_cert_download_links.other_region\n}}\n",
        data_source(INSTANCE)
    )
}

/// Writes files and variables for a credential, and returns the arguments for the block.
type CredentialSetup = fn(&mut Fixture, &CloudState) -> String;

/// The credentials that can read in more than one project.
const CREDENTIALS: [(&str, MetadataService, CredentialSetup); 16] = [
    ("key", MetadataService::Off, |_, state| key_args(state, 0)),
    ("temporary key", MetadataService::Off, |_, state| key_args(state, 1)),
    ("password with user name", MetadataService::Off, |_, state| user_name_args(state)),
    ("password with user ID", MetadataService::Off, |_, state| user_id_args(state)),
    ("KooCLI config file", MetadataService::Off, |fixture, state| {
        let (key, project) = (&state.access_keys[0], &state.projects[0].id);
        let profile = json!({
            "name": "work", "mode": "AKSK", "accessKeyId": key.id, "secretAccessKey": key.secret,
            "region": "cn-north-4", "projectId": project,
        });
        let file = json!({ "current": "work", "profiles": [profile] }).to_string();
        fixture.workspace.write_file("config.json", &file);
        format!("shared_config_file = {:?}", fixture.workspace.file_path("config.json").display().to_string())
    }),
    ("SDK credentials file", MetadataService::Off, |fixture, state| {
        let file =
            format!("[basic]\nak = {}\nsk = {}\n", state.access_keys[0].id, state.access_keys[0].secret);
        fixture.workspace.write_file("credentials", &file);
        let path = fixture.workspace.file_path("credentials").display().to_string();
        fixture.workspace.set_env("HUAWEICLOUD_SDK_CREDENTIALS_FILE", path);
        String::new()
    }),
    ("ECS metadata V2", MetadataService::V2, |_, _| String::new()),
    ("only ECS metadata V2", MetadataService::V2Only, |_, _| String::new()),
    ("only ECS metadata V1", MetadataService::V1Only, |_, _| String::new()),
    ("container", MetadataService::Off, |fixture, _| {
        super::authentication::set_container_variables(fixture);
        String::new()
    }),
    ("agency of IAM", MetadataService::Off, |_, state| {
        format!("{}\n  {}", key_args(state, 0), role_by_name(state, "sample-agency"))
    }),
    ("agency of STS", MetadataService::Off, |_, state| {
        format!("{}\n  {}", key_args(state, 0), role_by_id(state, "sample-agency"))
    }),
    ("agency with password", MetadataService::Off, |_, state| {
        format!("{}\n  {}", user_name_args(state), role_by_name(state, "sample-agency"))
    }),
    ("agency with ECS metadata", MetadataService::V2, |_, state| role_by_id(state, "sample-agency")),
    ("identity provider by its ID", MetadataService::Off, |_, state| oidc_role(state, &idp_id_arg(state))),
    ("identity provider by its URN", MetadataService::Off, |_, state| {
        oidc_role(state, &provider_urn_arg(state))
    }),
];

#[test]
fn every_credential_reads_in_another_region() {
    for (name, metadata, set_up) in CREDENTIALS {
        let cloud_state = CloudState { metadata_service: metadata, ..CloudState::sample() };
        let mut fixture = Fixture::with_cloud_state(cloud_state.clone());
        let arguments = set_up(&mut fixture, &cloud_state);
        fixture.configure_with(&arguments, &data_sources_in_two_regions()).apply();
        let recorded = fixture.cloud.recorded_requests();
        let requests = |route| recorded.iter().filter(move |recorded| recorded.route == route);
        let regions: BTreeSet<_> =
            requests(Route::Links).map(|recorded| recorded.request.region.as_str()).collect();
        assert_eq!(regions, BTreeSet::from([OTHER_REGION, "cn-north-4"]), "{name}");
        if name.starts_with("password") {
            // The token request contains the project.
            let scopes: BTreeSet<_> =
                requests(Route::Tokens).map(|recorded| scope(&recorded.request.body)).collect();
            assert_eq!(
                (scopes, requests(Route::Projects).count()),
                (names(&[OTHER_REGION, "cn-north-4"]), 0),
                "{name}"
            );
        } else {
            let project_name = |target: &str| target.rsplit('=').next().unwrap().to_owned();
            let looked_up: BTreeSet<_> =
                requests(Route::Projects).map(|recorded| project_name(&recorded.request.target)).collect();
            // The profile sets the project of its own region.
            let expected = if name == "KooCLI config file" {
                &[OTHER_REGION][..]
            } else {
                &[OTHER_REGION, "cn-north-4"]
            };
            assert_eq!(looked_up, names(expected), "{name}");
            assert_eq!(requests(Route::Projects).count(), expected.len(), "{name}");
        }
        let outputs = fixture.workspace.outputs();
        assert_eq!(outputs["other_region"]["region"], OTHER_REGION, "{name}");
        assert_eq!(outputs["result"]["region"], "cn-north-4", "{name}");
        assert_eq!(outputs["other_region"]["certs"].as_array().unwrap().len(), 1, "{name}");
        fixture.assert_no_changes();
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The name of the project in a token request.
fn scope(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    body["auth"]["scope"]["project"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn configured_token_in_another_project_is_an_error() {
    let fixture = Fixture::new();
    fixture.configure_with(&token_arg(fixture.cloud.cloud_state()), &data_sources_in_two_regions());
    let errors =
        fixture.plan_fails_with(&["Error: Wrong Project", "data.dds_ssl_cert_download_links.other_region"]);
    assert_eq!(errors.matches("Error: ").count(), 1, "{errors}");
    let scope = format!("region {OTHER_REGION}, project {}", fixture.cloud.cloud_state().projects[4].id);
    assert_contains(&errors, &[&scope, "HTTP 403, code DBS.200604"]);
    assert_contains(&errors, &["If the credential is a token, use one for that project."]);
    let reads = fixture.cloud.recorded_requests().into_iter().filter(|read| read.route == Route::Links);
    let statuses: BTreeSet<_> = reads.map(|read| (read.request.region, read.status)).collect();
    assert_eq!(
        statuses,
        BTreeSet::from([(OTHER_REGION.into(), Some(403)), ("cn-north-4".into(), Some(200))])
    );
}
