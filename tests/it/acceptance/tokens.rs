//! Tokens that are fetched for something else than a password: of an agency, and for an identity provider's token.

use std::time::Duration;

use dds_test_support::simulator::Route;

use super::authentication::two_reads_apart;
use super::*;

/// The settings that older configurations have for an agency, on top of each kind of caller.
fn agency(world: &World) -> [String; 3] {
    let older = format!(
        "agency_name = \"sample-agency\"\n  agency_domain_name = {:?}\n  delegated_project = \"cn-north-4\"",
        world.account_name
    );
    let key = format!("access_key = {:?}\n  secret_key = {:?}", world.keys[0].id, world.keys[0].secret);
    let login = format!("user_id = {:?}\n  password = {:?}", world.user_id, world.password);
    let token = format!("token = {:?}", world.token);
    [key, login, token].map(|caller| format!("{caller}\n  {older}"))
}

/// The variables of the official SDKs.
fn federate(scene: &mut Scene) {
    let world = scene.cloud.world().clone();
    let file = scene.workspace.file("id-token");
    std::fs::write(&file, world.identity_provider.id_token).unwrap();
    scene.workspace.set("HUAWEICLOUD_SDK_IDP_ID", world.identity_provider.idp_id);
    scene.workspace.set("HUAWEICLOUD_SDK_ID_TOKEN_FILE", file.display().to_string());
}

#[test]
fn an_agency_s_token_serves_all_readers_whoever_takes_it_on() {
    for settings in agency(&World::sample()) {
        let scene = Scene::new();
        let many = data(INSTANCE).replace("instance_id", "count       = 5\n  instance_id");
        scene.configure_as(&settings, &many).apply();
        let counts = [Route::AgencyTokens, Route::Projects, Route::AgencyKeys, Route::Links];
        assert_eq!(counts.map(|route| scene.cloud.count(route)), [1, 0, 0, 5], "{settings}");
        scene.is_settled();
    }
}

#[test]
fn an_identity_provider_s_token_serves_without_an_agency() {
    let mut scene = Scene::new();
    federate(&mut scene);
    scene.configure_as("", &data(INSTANCE)).apply();
    let counts =
        [Route::FederatedTokens, Route::Projects, Route::Links].map(|route| scene.cloud.count(route));
    assert_eq!(counts, [1, 0, 1]);
    scene.is_settled();
    // Whoever writes the file renews it.
    scene.cloud.set_id_token("a-new-one");
    let text = joined(&scene.plan().stderr);
    assert!(text.contains("Showing the identity provider's token was answered with HTTP 401"), "{text}");
    std::fs::write(scene.workspace.file("id-token"), "a-new-one\n").unwrap();
    scene.is_settled();
}

#[test]
fn a_token_that_ends_in_mid_run_is_renewed_with_one_more_call() {
    let world = World { token_lifetime: Duration::from_millis(1500), ..World::sample() };
    for (settings, route) in [(agency(&world)[0].as_str(), Route::AgencyTokens), ("", Route::FederatedTokens)]
    {
        let mut scene = Scene::of(world.clone());
        if route == Route::FederatedTokens {
            federate(&mut scene);
        }
        scene.configure_as(settings, &two_reads_apart()).apply();
        assert_eq!((scene.cloud.count(route), scene.cloud.count(Route::Links)), (2, 2), "{route:?}");
        // The caller's account does not change.
        assert!(scene.cloud.count(Route::Account) <= 1);
    }
}

#[test]
fn another_region_gets_a_token_of_its_own_project() {
    let mut scene = Scene::new();
    let world = scene.cloud.world().clone();
    let there = world.projects.iter().find(|project| project.region != "cn-north-4").expect("another region");
    let instance = world.instances.iter().find(|it| it.project_id == there.id).expect("an instance there");
    let region = format!("region      = {:?}\n  instance_id", there.region);
    let elsewhere = data(&instance.id).replacen("instance_id", &region, 1);
    for settings in agency(&world) {
        scene.configure_as(&settings, &elsewhere).apply();
    }
    federate(&mut scene);
    scene.configure_as("", &elsewhere).apply();
    let asked = scene.cloud.recorded().into_iter().filter(|it| it.route == Route::Links);
    let paths: Vec<_> = asked.map(|it| it.request.path).collect();
    assert!(paths.len() == 4 && paths.iter().all(|path| path.contains(&there.id)), "{paths:?}");
}

#[test]
fn an_agency_that_is_refused_is_named() {
    let scene = Scene::new();
    let [key, ..] = agency(scene.cloud.world());
    scene.configure_as(&key.replace("sample-agency", "sample-closed"), &data(INSTANCE));
    let text = joined(&scene.plan().stderr);
    assert!(
        text.contains("Error: Credential Refused")
            && text.contains("Assuming the agency sample-closed of the account"),
        "{text}"
    );
}
