//! Agencies that are assumed, and identity providers' tokens.

use std::time::Duration;

use cloud_simulator::{Fault, Route};

use super::*;

/// The sample's access key and project.
fn key_in_project(cloud_state: &CloudState) -> String {
    format!("{}\n  {}", key(cloud_state, 0), project(cloud_state))
}

fn project(cloud_state: &CloudState) -> String {
    format!("project_id = {:?}", cloud_state.projects[0].id)
}

const ROUTES: [Route; 7] = [
    Route::AgencyKeys,
    Route::Assume,
    Route::FederatedTokens,
    Route::TokenKeys,
    Route::AssumeWithOidc,
    Route::Tokens,
    Route::Links,
];

#[test]
fn agencies_are_assumed_once_for_all_readers_by_every_method() {
    let cloud_state = CloudState::sample();
    let key = key_in_project(&cloud_state);
    let key_and_account = format!("{key}\n  domain_id = {:?}", cloud_state.account_id);
    let project = project(&cloud_state);
    let login = format!("{}\n  {project}", login_by_name(&cloud_state));
    let name = by_name(&cloud_state, "sample-agency");
    let id = by_id(&cloud_state, "sample-agency");
    let second_name = by_name(&cloud_state, "sample-second");
    let second_id = by_id(&cloud_state, "sample-second");
    for (settings, calls) in [
        ([&key, &name, ""], [1, 0, 0, 0, 0, 0, 20]),
        ([&key_and_account, &name, ""], [1, 0, 0, 0, 0, 0, 20]),
        ([&key, &id, ""], [0, 1, 0, 0, 0, 0, 20]),
        ([&key, &id, &second_id], [0, 2, 0, 0, 0, 0, 20]),
        ([&key, &name, &second_id], [1, 1, 0, 0, 0, 0, 20]),
        ([&key, &name, &second_name], [2, 0, 0, 0, 0, 0, 20]),
        ([&login, &name, ""], [1, 0, 0, 0, 0, 1, 20]),
        ([&login, &id, ""], [1, 0, 0, 0, 0, 1, 20]),
        ([&login, &name, &second_id], [1, 1, 0, 0, 0, 1, 20]),
        ([&project, &oidc(&cloud_state, &idp_id(&cloud_state)), ""], [0, 1, 1, 1, 0, 0, 20]),
        ([&project, &oidc(&cloud_state, &provider_urn(&cloud_state)), ""], [0, 0, 0, 0, 1, 0, 20]),
    ] {
        let (scene, settings) = (Scene::new(), settings.join("\n  "));
        scene.configure_as(&settings, &many(20)).apply();
        assert_eq!(scene.counts(ROUTES), calls, "{settings}");
        scene.is_settled();
    }
}

#[test]
fn an_agency_s_key_that_expires_in_mid_run_is_renewed_with_one_more_call() {
    let cloud_state =
        CloudState { temporary_lifetime: Some(Duration::from_millis(1500)), ..CloudState::sample() };
    let (key, project) = (key_in_project(&cloud_state), project(&cloud_state));
    for (caller, agency, route) in [
        (&key, by_id(&cloud_state, "sample-agency"), Route::Assume),
        (&key, by_name(&cloud_state, "sample-agency"), Route::AgencyKeys),
        (&project, oidc(&cloud_state, &provider_urn(&cloud_state)), Route::AssumeWithOidc),
        (&project, oidc(&cloud_state, &idp_id(&cloud_state)), Route::TokenKeys),
    ] {
        let scene = Scene::of(cloud_state.clone());
        let settings = format!("{caller}\n  {agency}");
        scene.configure_as(&settings, &super::authentication::two_reads_apart()).apply();
        assert_eq!(scene.counts([route, Route::Links]), [2, 2], "{settings}");
    }
}

#[test]
fn a_token_file_is_read_anew_and_its_absence_is_told() {
    let mut scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state().clone();
    let file = scene.workspace.file("id-token");
    std::fs::write(&file, format!("{}\n", cloud_state.identity_provider.id_token)).unwrap();
    let from_file = format!("{}\n    id_token_file = {:?}", idp_id(&cloud_state), file.display().to_string());
    let settings = format!("{}\n  {}", project(&cloud_state), oidc(&cloud_state, &from_file));
    scene.configure_as(&settings, &data(INSTANCE)).apply();
    std::fs::remove_file(&file).unwrap();
    scene.fails_with(&["Error: Unusable Token File", "id-token cannot be used"]);
    // From the environment, and refused.
    std::fs::write(&file, "another-token").unwrap();
    for (name, value) in [
        ("AGENCY_NAME", "sample-agency"),
        ("DOMAIN_ID", &cloud_state.account_id),
        ("IDP_ID", &cloud_state.identity_provider.idp_id),
        ("ID_TOKEN_FILE", &file.display().to_string()),
    ] {
        scene.workspace.set(&format!("HW_ASSUME_ROLE_{name}"), value);
    }
    scene.configure_as("", &data(INSTANCE));
    let text = scene.fails_with(&["failed: the response is HTTP 401"]);
    assert!(!text.contains("another-token"), "{text}");
}

#[test]
fn the_link_of_a_chain_that_is_denied_is_named() {
    let scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state();
    for (second, part) in
        [("sample-closed", "code PAP5.0001"), ("no-such-agency", "HTTP 404, code STS5.1106")]
    {
        let chain =
            [key_in_project(cloud_state), by_id(cloud_state, "sample-agency"), by_id(cloud_state, second)];
        let assuming = format!("Assuming the agency {second} of the account");
        scene.configure_as(&chain.join("\n  "), &data(INSTANCE));
        scene.fails_with(&["Error: Credential Request Rejected", part, &assuming]);
    }
    let settings = format!("{}\n  {}", key_in_project(cloud_state), by_name(cloud_state, "sample-powerless"));
    scene.configure_as(&settings, &data(INSTANCE));
    scene.fails_with(&["Error: Access Denied", "the agency sample-powerless assumed with"]);
}

/// Asserts that so many reads were begun and failed with the same error.
fn every_read_failed(output: &Output, reads: usize) {
    assert_eq!(output.stdout.matches(": Reading...").count(), reads, "{}", output.stdout);
    let errors = joined(&output.stderr).matches("Error: Authentication Failed").count();
    let shown = if shows_equal_errors_once() { 1..=reads } else { reads..=reads };
    assert!(shown.contains(&errors), "{errors} errors\n{}", output.stderr);
}

#[test]
fn wrong_key_below_an_agency_is_refused_once_for_fifty_reads() {
    let cloud_state = CloudState::sample();
    let key = format!("access_key = {:?}\n  secret_key = \"wrong\"", cloud_state.keys[0].id);
    let older = super::authentication::older_settings(&cloud_state);
    for agency in [by_id(&cloud_state, "sample-agency"), by_name(&cloud_state, "sample-agency"), older] {
        let scene = Scene::new();
        // Slow enough for ten reads to be on their way at once.
        scene.cloud.set_latency(Duration::from_millis(500));
        let output = scene.configure_as(&format!("{key}\n  {agency}"), &many(50)).plan();
        every_read_failed(&output, 50);
        let sent: Vec<_> = scene.cloud.recorded().iter().map(|it| (it.route, it.status)).collect();
        assert!(matches!(sent.as_slice(), [(_, Some(401))]), "{sent:?}");
    }
}

#[test]
fn agency_key_refused_after_renewal_is_refused_twice() {
    let scene = Scene::new();
    let refused = Fault::Refused { status: 401, code: "APIGW.0301", message: "verify aksk signature fail" };
    scene.cloud.always(Route::Links, refused);
    let cloud_state = scene.cloud.cloud_state();
    let settings = format!("{}\n  {}", key_in_project(cloud_state), by_id(cloud_state, "sample-agency"));
    let output = scene.configure_as(&settings, &many(50)).plan();
    every_read_failed(&output, 50);
    assert_eq!(scene.counts([Route::Assume, Route::Links]), [2, 2]);
}
