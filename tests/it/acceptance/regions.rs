//! A data source with a `region` of its own, by each kind of credential.

use std::collections::BTreeSet;

use cloud_simulator::{Metadata, Route};
use serde_json::json;

use super::*;

const AWAY: &str = "ap-southeast-3";

/// Two instances, of which one is in another region than the provider.
fn both() -> String {
    format!(
        "{}\ndata \"dds_ssl_cert_download_links\" \"away\" {{\n  region      = {AWAY:?}\n  instance_id = {SOUTH:?}\n}}\n\n\
         output \"away\" {{\n  value = data.dds_ssl_cert_download_links.away\n}}\n",
        data(INSTANCE)
    )
}

/// Puts a credential of its kind where it belongs, and gives the settings for the block.
type Put = fn(&mut Scene, &CloudState) -> String;

/// All that can act in more than one project.
const KINDS: [(&str, Metadata, Put); 16] = [
    ("key", Metadata::Off, |_, state| key(state, 0)),
    ("temporary key", Metadata::Off, |_, state| key(state, 1)),
    ("login by name", Metadata::Off, |_, state| login_by_name(state)),
    ("login by ID", Metadata::Off, |_, state| login(state)),
    ("hcloud file", Metadata::Off, |scene, state| {
        let (key, project) = (&state.keys[0], &state.projects[0].id);
        let profile = json!({
            "name": "work", "mode": "AKSK", "accessKeyId": key.id, "secretAccessKey": key.secret,
            "region": "cn-north-4", "projectId": project,
        });
        let file = json!({ "current": "work", "profiles": [profile] }).to_string();
        scene.workspace.write("config.json", &file);
        format!("shared_config_file = {:?}", scene.workspace.file("config.json").display().to_string())
    }),
    ("SDK file", Metadata::Off, |scene, state| {
        let file = format!("[basic]\nak = {}\nsk = {}\n", state.keys[0].id, state.keys[0].secret);
        scene.workspace.write("credentials", &file);
        let path = scene.workspace.file("credentials").display().to_string();
        scene.workspace.set("HUAWEICLOUD_SDK_CREDENTIALS_FILE", path);
        String::new()
    }),
    ("machine", Metadata::V2, |_, _| String::new()),
    ("newer machine", Metadata::V2Only, |_, _| String::new()),
    ("older machine", Metadata::V1Only, |_, _| String::new()),
    ("container", Metadata::Off, |scene, _| {
        super::authentication::enter_container(scene);
        String::new()
    }),
    ("agency by the identity service", Metadata::Off, |_, state| {
        format!("{}\n  {}", key(state, 0), by_name(state, "sample-agency"))
    }),
    ("agency by the token service", Metadata::Off, |_, state| {
        format!("{}\n  {}", key(state, 0), by_id(state, "sample-agency"))
    }),
    ("agency on a login", Metadata::Off, |_, state| {
        format!("{}\n  {}", login_by_name(state), by_name(state, "sample-agency"))
    }),
    ("agency on a machine", Metadata::V2, |_, state| by_id(state, "sample-agency")),
    ("identity provider by its ID", Metadata::Off, |_, state| oidc(state, &idp_id(state))),
    ("identity provider by its URN", Metadata::Off, |_, state| oidc(state, &provider_urn(state))),
];

#[test]
fn every_credential_reads_in_another_region_in_that_region_s_project() {
    for (kind, metadata, put) in KINDS {
        let cloud_state = CloudState { metadata, ..CloudState::sample() };
        let mut scene = Scene::of(cloud_state.clone());
        let settings = put(&mut scene, &cloud_state);
        scene.configure_as(&settings, &both()).apply();
        let recorded = scene.cloud.recorded();
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
        let outputs = scene.workspace.outputs();
        assert_eq!(outputs["away"]["region"], AWAY, "{kind}");
        assert_eq!(outputs["found"]["region"], "cn-north-4", "{kind}");
        assert_eq!(outputs["away"]["certs"].as_array().unwrap().len(), 1, "{kind}");
        scene.is_settled();
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
fn a_ready_token_reads_in_its_own_project_and_in_another_the_user_is_told_so() {
    let scene = Scene::new();
    scene.configure_as(&token(scene.cloud.cloud_state()), &both());
    let text = scene.fails_with(&["Error: Wrong Project", "data.dds_ssl_cert_download_links.away"]);
    assert_eq!(text.matches("Error: ").count(), 1, "{text}");
    let place = format!("region {AWAY}, project {}", scene.cloud.cloud_state().projects[4].id);
    holds(&text, &[&place, "HTTP 403, code DBS.200604"]);
    holds(&text, &["If the credential is a token, use one for that project."]);
    let found = scene.cloud.recorded().into_iter().filter(|it| it.route == Route::Links);
    let found: BTreeSet<_> = found.map(|it| (it.request.region, it.status)).collect();
    assert_eq!(found, BTreeSet::from([(AWAY.into(), Some(403)), ("cn-north-4".into(), Some(200))]));
}
