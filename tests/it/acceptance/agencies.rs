//! Agencies that are assumed, and identity providers' tokens.

use std::time::Duration;

use cloud_simulator::{Fault, Route};

use super::*;

fn key(cloud_state: &CloudState) -> String {
    format!(
        "access_key = {:?}\n  secret_key = {:?}\n  project_id = {:?}",
        cloud_state.keys[0].id, cloud_state.keys[0].secret, cloud_state.projects[0].id
    )
}

fn by_name(cloud_state: &CloudState, agency: &str) -> String {
    format!(
        "assume_role {{\n    agency_name = {agency:?}\n    domain_name = {:?}\n  }}",
        cloud_state.account_name
    )
}

fn by_id(cloud_state: &CloudState, agency: &str) -> String {
    format!(
        "assume_role {{\n    agency_name = {agency:?}\n    domain_id = {:?}\n  }}",
        cloud_state.account_id
    )
}

fn oidc(cloud_state: &CloudState, provider: &str, token: &str) -> String {
    format!(
        "project_id = {:?}\n  assume_role_with_oidc {{\n    agency_name = \"sample-agency\"\n    domain_id = {:?}\n    \
         {provider}\n    {token}\n  }}",
        cloud_state.projects[0].id, cloud_state.account_id
    )
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
fn agencies_are_taken_on_once_for_all_readers_in_every_way() {
    let cloud_state = CloudState::sample();
    let idp = format!("idp_id = {:?}", cloud_state.identity_provider.idp_id);
    let urn = format!("provider_urn = {:?}", cloud_state.identity_provider.provider_urn);
    let token = format!("id_token = {:?}", cloud_state.identity_provider.id_token);
    let login = format!(
        "user_name = {:?}\n  password = {:?}\n  domain_name = {:?}\n  project_id = {:?}",
        cloud_state.user_name, cloud_state.password, cloud_state.account_name, cloud_state.projects[0].id
    );
    let key = key(&cloud_state);
    for (settings, calls) in [
        (format!("{key}\n  {}", by_name(&cloud_state, "sample-agency")), [1, 0, 0, 0, 0, 0, 20]),
        (
            format!(
                "{key}\n  domain_id = {:?}\n  {}",
                cloud_state.account_id,
                by_name(&cloud_state, "sample-agency")
            ),
            [1, 0, 0, 0, 0, 0, 20],
        ),
        (format!("{key}\n  {}", by_id(&cloud_state, "sample-agency")), [0, 1, 0, 0, 0, 0, 20]),
        (
            format!(
                "{key}\n  {}\n  {}",
                by_id(&cloud_state, "sample-agency"),
                by_id(&cloud_state, "sample-second")
            ),
            [0, 2, 0, 0, 0, 0, 20],
        ),
        (
            format!(
                "{key}\n  {}\n  {}",
                by_name(&cloud_state, "sample-agency"),
                by_id(&cloud_state, "sample-second")
            ),
            [1, 1, 0, 0, 0, 0, 20],
        ),
        (
            format!(
                "{key}\n  {}\n  {}",
                by_name(&cloud_state, "sample-agency"),
                by_name(&cloud_state, "sample-second")
            ),
            [2, 0, 0, 0, 0, 0, 20],
        ),
        (format!("{login}\n  {}", by_name(&cloud_state, "sample-agency")), [1, 0, 0, 0, 0, 1, 20]),
        (format!("{login}\n  {}", by_id(&cloud_state, "sample-agency")), [1, 0, 0, 0, 0, 1, 20]),
        (
            format!(
                "{login}\n  {}\n  {}",
                by_name(&cloud_state, "sample-agency"),
                by_id(&cloud_state, "sample-second")
            ),
            [1, 1, 0, 0, 0, 1, 20],
        ),
        (oidc(&cloud_state, &idp, &token), [0, 1, 1, 1, 0, 0, 20]),
        (oidc(&cloud_state, &urn, &token), [0, 0, 0, 0, 1, 0, 20]),
    ] {
        let scene = Scene::new();
        scene.configure_as(&settings, &many(20)).apply();
        assert_eq!(ROUTES.map(|route| scene.cloud.count(route)), calls, "{settings}");
        scene.is_settled();
    }
}

#[test]
fn an_agency_s_key_that_ends_in_mid_run_is_renewed_with_one_more_call() {
    let cloud_state =
        CloudState { temporary_lifetime: Some(Duration::from_millis(1500)), ..CloudState::sample() };
    let key = key(&cloud_state);
    let idp = format!("idp_id = {:?}", cloud_state.identity_provider.idp_id);
    let urn = format!("provider_urn = {:?}", cloud_state.identity_provider.provider_urn);
    let token = format!("id_token = {:?}", cloud_state.identity_provider.id_token);
    for (settings, route) in [
        (format!("{key}\n  {}", by_id(&cloud_state, "sample-agency")), Route::Assume),
        (format!("{key}\n  {}", by_name(&cloud_state, "sample-agency")), Route::AgencyKeys),
        (oidc(&cloud_state, &urn, &token), Route::AssumeWithOidc),
        (oidc(&cloud_state, &idp, &token), Route::TokenKeys),
    ] {
        let scene = Scene::of(cloud_state.clone());
        scene.configure_as(&settings, &super::authentication::two_reads_apart()).apply();
        assert_eq!((scene.cloud.count(route), scene.cloud.count(Route::Links)), (2, 2), "{settings}");
    }
}

#[test]
fn a_token_file_is_read_anew_and_its_absence_is_told() {
    let mut scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state().clone();
    let file = scene.workspace.file("id-token");
    std::fs::write(&file, format!("{}\n", cloud_state.identity_provider.id_token)).unwrap();
    let idp = format!("idp_id = {:?}", cloud_state.identity_provider.idp_id);
    let settings = oidc(&cloud_state, &idp, &format!("id_token_file = {:?}", file.display().to_string()));
    scene.configure_as(&settings, &data(INSTANCE)).apply();
    std::fs::remove_file(&file).unwrap();
    let text = joined(&scene.plan().stderr);
    assert!(
        text.contains("Error: Unusable Credentials File") && text.contains("id-token cannot be used"),
        "{text}"
    );
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
    let text = joined(&scene.configure_as("", &data(INSTANCE)).plan().stderr);
    assert!(text.contains("Showing the identity provider's token was answered with HTTP 401"), "{text}");
    assert!(!text.contains("another-token"), "{text}");
}

#[test]
fn the_link_of_a_chain_that_is_denied_is_named() {
    let scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state();
    for (second, part) in
        [("sample-closed", "code PAP5.0001"), ("no-such-agency", "HTTP 404, code STS5.1106")]
    {
        let settings = format!(
            "{}\n  {}\n  {}",
            key(cloud_state),
            by_id(cloud_state, "sample-agency"),
            by_id(cloud_state, second)
        );
        let text = joined(&scene.configure_as(&settings, &data(INSTANCE)).plan().stderr);
        assert!(text.contains("Error: Credential Refused") && text.contains(part), "{text}");
        assert!(text.contains(&format!("Assuming the agency {second} of the account")), "{text}");
    }
    let settings = format!("{}\n  {}", key(cloud_state), by_name(cloud_state, "sample-powerless"));
    let text = joined(&scene.configure_as(&settings, &data(INSTANCE)).plan().stderr);
    assert!(
        text.contains("Error: Access Denied") && text.contains("the agency sample-powerless on top of"),
        "{text}"
    );
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
    let older = format!(
        "agency_name = \"sample-agency\"\n  agency_domain_name = {:?}\n  delegated_project = \"cn-north-4\"",
        cloud_state.account_name
    );
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
    let settings = format!("{}\n  {}", key(cloud_state), by_id(cloud_state, "sample-agency"));
    let output = scene.configure_as(&settings, &many(50)).plan();
    every_read_failed(&output, 50);
    assert_eq!([Route::Assume, Route::Links].map(|route| scene.cloud.count(route)), [2, 2]);
}
