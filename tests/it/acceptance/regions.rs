//! A data source with a `region` of its own, by each kind of credential.

use std::collections::BTreeSet;

use cloud_simulator::{Metadata, Route};
use serde_json::json;

use super::*;

const AWAY: &str = "ap-southeast-3";

/// Two instances, of which one is in another region than the provider.
fn both() -> String {
    let away = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaain02";
    format!(
        "{}\ndata \"dds_ssl_cert_download_links\" \"away\" {{\n  region      = {AWAY:?}\n  instance_id = {away:?}\n}}\n\n\
         output \"away\" {{\n  value = data.dds_ssl_cert_download_links.away\n}}\n",
        data(INSTANCE)
    )
}

/// Puts a credential of its kind where it belongs, and gives the settings for the block.
type Put = fn(&mut Scene) -> String;

/// All that can act in more than one project.
const KINDS: [(&str, Metadata, Put); 16] = [
    ("key", Metadata::Off, |scene| key(scene, 0)),
    ("temporary key", Metadata::Off, |scene| key(scene, 1)),
    ("login by name", Metadata::Off, login),
    ("login by ID", Metadata::Off, |scene| {
        let cloud_state = scene.cloud.cloud_state();
        format!("user_id = {:?}\n  password = {:?}", cloud_state.user_id, cloud_state.password)
    }),
    ("hcloud file", Metadata::Off, |scene| {
        let key = &scene.cloud.cloud_state().keys[0];
        let (mode, project) = ("AKSK", &scene.cloud.cloud_state().projects[0].id);
        let profile = json!({
            "name": "work", "mode": mode, "accessKeyId": key.id, "secretAccessKey": key.secret,
            "region": "cn-north-4", "projectId": project,
        });
        let file = json!({ "current": "work", "profiles": [profile] }).to_string();
        scene.workspace.write("config.json", &file);
        format!("shared_config_file = {:?}", scene.workspace.file("config.json").display().to_string())
    }),
    ("SDK file", Metadata::Off, |scene| {
        let key = &scene.cloud.cloud_state().keys[0];
        let file = format!("[basic]\nak = {}\nsk = {}\n", key.id, key.secret);
        scene.workspace.write("credentials", &file);
        let path = scene.workspace.file("credentials").display().to_string();
        scene.workspace.set("HUAWEICLOUD_SDK_CREDENTIALS_FILE", path);
        String::new()
    }),
    ("machine", Metadata::V2, |_| String::new()),
    ("newer machine", Metadata::V2Only, |_| String::new()),
    ("older machine", Metadata::V1Only, |_| String::new()),
    ("container", Metadata::Off, |scene| {
        super::authentication::enter_container(scene);
        String::new()
    }),
    ("agency by the identity service", Metadata::Off, |scene| {
        format!("{}\n  {}", key(scene, 0), role("domain_name", &scene.cloud.cloud_state().account_name))
    }),
    ("agency by the token service", Metadata::Off, |scene| {
        format!("{}\n  {}", key(scene, 0), role("domain_id", &scene.cloud.cloud_state().account_id))
    }),
    ("agency on a login", Metadata::Off, |scene| {
        format!("{}\n  {}", login(scene), role("domain_name", &scene.cloud.cloud_state().account_name))
    }),
    ("agency on a machine", Metadata::V2, |scene| role("domain_id", &scene.cloud.cloud_state().account_id)),
    ("identity provider by its ID", Metadata::Off, |scene| {
        oidc(scene, "idp_id", &scene.cloud.cloud_state().identity_provider.idp_id)
    }),
    ("identity provider by its URN", Metadata::Off, |scene| {
        oidc(scene, "provider_urn", &scene.cloud.cloud_state().identity_provider.provider_urn)
    }),
];

fn key(scene: &Scene, index: usize) -> String {
    let key = &scene.cloud.cloud_state().keys[index];
    let token = key.security_token.as_ref().map(|token| format!("\n  security_token = {token:?}"));
    format!("access_key = {:?}\n  secret_key = {:?}{}", key.id, key.secret, token.unwrap_or_default())
}

fn login(scene: &mut Scene) -> String {
    let cloud_state = scene.cloud.cloud_state();
    let (name, account, password) =
        (&cloud_state.user_name, &cloud_state.account_name, &cloud_state.password);
    format!("user_name = {name:?}\n  domain_name = {account:?}\n  password = {password:?}")
}

fn role(name: &str, account: &str) -> String {
    format!("assume_role {{\n    agency_name = \"sample-agency\"\n    {name} = {account:?}\n  }}")
}

fn oidc(scene: &Scene, name: &str, provider: &str) -> String {
    let (cloud_state, agency) = (scene.cloud.cloud_state(), "sample-agency");
    format!(
        "assume_role_with_oidc {{\n    agency_name = {agency:?}\n    domain_id = {:?}\n    {name} = {provider:?}\n    \
         id_token = {:?}\n  }}",
        cloud_state.account_id, cloud_state.identity_provider.id_token
    )
}

#[test]
fn every_credential_reads_in_another_region_in_that_region_s_project() {
    for (kind, metadata, put) in KINDS {
        let mut scene = Scene::of(CloudState { metadata, ..CloudState::sample() });
        let settings = put(&mut scene);
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
        assert_eq!(
            (&outputs["away"]["region"], &outputs["found"]["region"]),
            (&json!(AWAY), &json!("cn-north-4"))
        );
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
    let settings = format!("token = {:?}", scene.cloud.cloud_state().token);
    let output = scene.configure_as(&settings, &both()).plan();
    let text = joined(&output.stderr);
    assert_eq!((output.code, text.matches("Error: ").count()), (Some(1), 1), "{text}");
    let south = &scene.cloud.cloud_state().projects[4];
    for part in [
        "Error: Wrong Project",
        "data.dds_ssl_cert_download_links.away",
        &format!("region {AWAY}, project {}", south.id),
        "HTTP 403, code DBS.200604",
        "A ready token reads in the project that it was issued for and in no other",
    ] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    let found = scene.cloud.recorded().into_iter().filter(|it| it.route == Route::Links);
    let found: BTreeSet<_> = found.map(|it| (it.request.region, it.status)).collect();
    assert_eq!(found, BTreeSet::from([(AWAY.into(), Some(403)), ("cn-north-4".into(), Some(200))]));
}
