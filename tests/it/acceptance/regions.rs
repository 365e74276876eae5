//! A data source with a `region` of its own, by each kind of credential.

use std::collections::BTreeSet;

use cloud_simulator::{MetadataService, Route};
use serde_json::json;

use super::*;

const AWAY: &str = "ap-southeast-3";

/// Two instances, of which one is in another region than the provider.
fn data_sources_in_two_regions() -> String {
    format!(
        "{}\ndata \"dds_ssl_cert_download_links\" \"away\" {{\n  region      = {AWAY:?}\n  instance_id = {OTHER_REGION_INSTANCE:?}\n}}\n\n\
         output \"away\" {{\n  value = data.dds_ssl_cert_download_links.away\n}}\n",
        data_source(INSTANCE)
    )
}

/// Puts a credential of its kind where it belongs, and gives the settings for the block.
type Put = fn(&mut Fixture, &CloudState) -> String;

/// All that can act in more than one project.
const KINDS: [(&str, MetadataService, Put); 16] = [
    ("key", MetadataService::Off, |_, state| key_arguments(state, 0)),
    ("temporary key", MetadataService::Off, |_, state| key_arguments(state, 1)),
    ("login by name", MetadataService::Off, |_, state| user_name_arguments(state)),
    ("login by ID", MetadataService::Off, |_, state| user_id_arguments(state)),
    ("hcloud file", MetadataService::Off, |fixture, state| {
        let (key, project) = (&state.access_keys[0], &state.projects[0].id);
        let profile = json!({
            "name": "work", "mode": "AKSK", "accessKeyId": key.id, "secretAccessKey": key.secret,
            "region": "cn-north-4", "projectId": project,
        });
        let file = json!({ "current": "work", "profiles": [profile] }).to_string();
        fixture.workspace.write_file("config.json", &file);
        format!("shared_config_file = {:?}", fixture.workspace.file_path("config.json").display().to_string())
    }),
    ("SDK file", MetadataService::Off, |fixture, state| {
        let file =
            format!("[basic]\nak = {}\nsk = {}\n", state.access_keys[0].id, state.access_keys[0].secret);
        fixture.workspace.write_file("credentials", &file);
        let path = fixture.workspace.file_path("credentials").display().to_string();
        fixture.workspace.set_env("HUAWEICLOUD_SDK_CREDENTIALS_FILE", path);
        String::new()
    }),
    ("machine", MetadataService::V2, |_, _| String::new()),
    ("newer machine", MetadataService::V2Only, |_, _| String::new()),
    ("older machine", MetadataService::V1Only, |_, _| String::new()),
    ("container", MetadataService::Off, |fixture, _| {
        super::authentication::set_container_variables(fixture);
        String::new()
    }),
    ("agency by the identity service", MetadataService::Off, |_, state| {
        format!("{}\n  {}", key_arguments(state, 0), assume_role_by_name(state, "sample-agency"))
    }),
    ("agency by the token service", MetadataService::Off, |_, state| {
        format!("{}\n  {}", key_arguments(state, 0), assume_role_by_id(state, "sample-agency"))
    }),
    ("agency on a login", MetadataService::Off, |_, state| {
        format!("{}\n  {}", user_name_arguments(state), assume_role_by_name(state, "sample-agency"))
    }),
    ("agency on a machine", MetadataService::V2, |_, state| assume_role_by_id(state, "sample-agency")),
    ("identity provider by its ID", MetadataService::Off, |_, state| {
        assume_role_with_oidc(state, &idp_id_argument(state))
    }),
    ("identity provider by its URN", MetadataService::Off, |_, state| {
        assume_role_with_oidc(state, &provider_urn_argument(state))
    }),
];

#[test]
fn every_credential_reads_in_another_region() {
    for (kind, metadata, put) in KINDS {
        let cloud_state = CloudState { metadata_service: metadata, ..CloudState::sample() };
        let mut fixture = Fixture::with_cloud_state(cloud_state.clone());
        let settings = put(&mut fixture, &cloud_state);
        fixture.configure_with_credential(&settings, &data_sources_in_two_regions()).apply();
        let recorded = fixture.cloud.recorded_requests();
        let of = |route| recorded.iter().filter(move |recorded| recorded.route == route);
        let regions: BTreeSet<_> = of(Route::Links).map(|it| it.request.region.as_str()).collect();
        assert_eq!(regions, BTreeSet::from([AWAY, "cn-north-4"]), "{kind}");
        if kind.starts_with("login") {
            // Its token says which project it is good for.
            let scopes: BTreeSet<_> = of(Route::Tokens).map(|it| scope(&it.request.body)).collect();
            assert_eq!((scopes, of(Route::Projects).count()), (names(&[AWAY, "cn-north-4"]), 0), "{kind}");
        } else {
            let name = |target: &str| target.rsplit('=').next().unwrap().to_owned();
            let looked_up: BTreeSet<_> = of(Route::Projects).map(|it| name(&it.request.target)).collect();
            // A profile's project is one of the profile's region.
            let known = if kind == "hcloud file" { &[AWAY][..] } else { &[AWAY, "cn-north-4"] };
            assert_eq!(looked_up, names(known), "{kind}");
            assert_eq!(of(Route::Projects).count(), known.len(), "{kind}");
        }
        let outputs = fixture.workspace.outputs();
        assert_eq!(outputs["away"]["region"], AWAY, "{kind}");
        assert_eq!(outputs["found"]["region"], "cn-north-4", "{kind}");
        assert_eq!(outputs["away"]["certs"].as_array().unwrap().len(), 1, "{kind}");
        fixture.assert_no_changes();
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The name of the project that a login wants its token for.
fn scope(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    body["auth"]["scope"]["project"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn configured_token_in_another_project_is_an_error() {
    let fixture = Fixture::new();
    fixture.configure_with_credential(
        &token_argument(fixture.cloud.cloud_state()),
        &data_sources_in_two_regions(),
    );
    let text = fixture.plan_fails_with(&["Error: Wrong Project", "data.dds_ssl_cert_download_links.away"]);
    assert_eq!(text.matches("Error: ").count(), 1, "{text}");
    let place = format!("region {AWAY}, project {}", fixture.cloud.cloud_state().projects[4].id);
    assert_contains(&text, &[&place, "HTTP 403, code DBS.200604"]);
    assert_contains(&text, &["A ready token reads in the project that it was issued for and in no other"]);
    let found = fixture.cloud.recorded_requests().into_iter().filter(|it| it.route == Route::Links);
    let found: BTreeSet<_> = found.map(|it| (it.request.region, it.status)).collect();
    assert_eq!(found, BTreeSet::from([(AWAY.into(), Some(403)), ("cn-north-4".into(), Some(200))]));
}
