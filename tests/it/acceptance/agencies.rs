//! Agencies, agency chains, and OIDC ID tokens.

use std::time::Duration;

use cloud_simulator::{Fault, Route};

use super::*;

/// The arguments for the sample access key and its project.
fn key_and_project_args(cloud_state: &CloudState) -> String {
    format!("{}\n  {}", key_args(cloud_state, 0), project_arg(cloud_state))
}

fn project_arg(cloud_state: &CloudState) -> String {
    format!("project_id = {:?}", cloud_state.projects[0].id)
}

/// The routes in the order of the expected counts below.
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
fn agency_is_assumed_once_for_all_reads() {
    let cloud_state = CloudState::sample();
    let key = key_and_project_args(&cloud_state);
    let key_and_account = format!("{key}\n  domain_id = {:?}", cloud_state.account_id);
    let project = project_arg(&cloud_state);
    let password = format!("{}\n  {project}", user_name_args(&cloud_state));
    let name = role_by_name(&cloud_state, "sample-agency");
    let id = role_by_id(&cloud_state, "sample-agency");
    let second_name = role_by_name(&cloud_state, "sample-second");
    let second_id = role_by_id(&cloud_state, "sample-second");
    for (arguments, counts) in [
        ([&key, &name, ""], [1, 0, 0, 0, 0, 0, 20]),
        ([&key_and_account, &name, ""], [1, 0, 0, 0, 0, 0, 20]),
        ([&key, &id, ""], [0, 1, 0, 0, 0, 0, 20]),
        ([&key, &id, &second_id], [0, 2, 0, 0, 0, 0, 20]),
        ([&key, &name, &second_id], [1, 1, 0, 0, 0, 0, 20]),
        ([&key, &name, &second_name], [2, 0, 0, 0, 0, 0, 20]),
        ([&password, &name, ""], [1, 0, 0, 0, 0, 1, 20]),
        ([&password, &id, ""], [1, 0, 0, 0, 0, 1, 20]),
        ([&password, &name, &second_id], [1, 1, 0, 0, 0, 1, 20]),
        ([&project, &oidc_role(&cloud_state, &idp_id_arg(&cloud_state)), ""], [0, 1, 1, 1, 0, 0, 20]),
        ([&project, &oidc_role(&cloud_state, &provider_urn_arg(&cloud_state)), ""], [0, 0, 0, 0, 1, 0, 20]),
    ] {
        let (fixture, arguments) = (Fixture::new(), arguments.join("\n  "));
        fixture.configure_with(&arguments, &data_sources(20)).apply();
        assert_eq!(fixture.request_counts(ROUTES), counts, "{arguments}");
        fixture.assert_no_changes();
    }
}

#[test]
fn expired_agency_key_is_renewed_with_one_more_call() {
    let cloud_state =
        CloudState { temporary_key_lifetime: Some(Duration::from_millis(1500)), ..CloudState::sample() };
    let (key, project) = (key_and_project_args(&cloud_state), project_arg(&cloud_state));
    for (caller, agency, route) in [
        (&key, role_by_id(&cloud_state, "sample-agency"), Route::Assume),
        (&key, role_by_name(&cloud_state, "sample-agency"), Route::AgencyKeys),
        (&project, oidc_role(&cloud_state, &provider_urn_arg(&cloud_state)), Route::AssumeWithOidc),
        (&project, oidc_role(&cloud_state, &idp_id_arg(&cloud_state)), Route::TokenKeys),
    ] {
        let fixture = Fixture::with_cloud_state(cloud_state.clone());
        let arguments = format!("{caller}\n  {agency}");
        fixture.configure_with(&arguments, &super::authentication::two_spaced_reads()).apply();
        assert_eq!(fixture.request_counts([route, Route::Links]), [2, 2], "{arguments}");
    }
}

#[test]
fn missing_and_rejected_id_token_files_are_reported() {
    let mut fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state().clone();
    let file = fixture.workspace.file_path("id-token");
    std::fs::write(&file, format!("{}\n", cloud_state.identity_provider.id_token)).unwrap();
    let file_args =
        format!("{}\n    id_token_file = {:?}", idp_id_arg(&cloud_state), file.display().to_string());
    let arguments = format!("{}\n  {}", project_arg(&cloud_state), oidc_role(&cloud_state, &file_args));
    fixture.configure_with(&arguments, &data_source(INSTANCE)).apply();
    std::fs::remove_file(&file).unwrap();
    fixture.plan_fails_with(&["Error: Unusable Token File", "id-token cannot be used"]);
    // With arguments from the environment, and a rejected token.
    std::fs::write(&file, "other-token").unwrap();
    for (name, value) in [
        ("AGENCY_NAME", "sample-agency"),
        ("DOMAIN_ID", &cloud_state.account_id),
        ("IDP_ID", &cloud_state.identity_provider.idp_id),
        ("ID_TOKEN_FILE", &file.display().to_string()),
    ] {
        fixture.workspace.set_env(&format!("HW_ASSUME_ROLE_{name}"), value);
    }
    fixture.configure_with("", &data_source(INSTANCE));
    let errors = fixture.plan_fails_with(&["failed: the response is HTTP 401"]);
    assert!(!errors.contains("other-token"), "{errors}");
}

#[test]
fn error_names_the_denied_agency_of_a_chain() {
    let fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state();
    for (second, part) in
        [("sample-closed", "code PAP5.0001"), ("no-such-agency", "HTTP 404, code STS5.1106")]
    {
        let chain = [
            key_and_project_args(cloud_state),
            role_by_id(cloud_state, "sample-agency"),
            role_by_id(cloud_state, second),
        ];
        let assuming = format!("Assuming the agency {second} of the account");
        fixture.configure_with(&chain.join("\n  "), &data_source(INSTANCE));
        fixture.plan_fails_with(&["Error: Credential Request Rejected", part, &assuming]);
    }
    let arguments =
        format!("{}\n  {}", key_and_project_args(cloud_state), role_by_name(cloud_state, "sample-powerless"));
    fixture.configure_with(&arguments, &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Access Denied", "the agency sample-powerless assumed with"]);
}

/// Asserts that all reads failed with the same error.
fn assert_every_read_failed(output: &Output, reads: usize) {
    assert_eq!(output.stdout.matches(": Reading...").count(), reads, "{}", output.stdout);
    let errors = without_line_breaks(&output.stderr).matches("Error: Authentication Failed").count();
    let expected = if terraform_merges_equal_errors() { 1..=reads } else { reads..=reads };
    assert!(expected.contains(&errors), "{errors} errors\n{}", output.stderr);
}

#[test]
fn wrong_key_of_agency_caller_is_sent_once_for_fifty_reads() {
    let cloud_state = CloudState::sample();
    let key = format!("access_key = {:?}\n  secret_key = \"wrong\"", cloud_state.access_keys[0].id);
    let older = super::authentication::older_agency_args(&cloud_state);
    for agency in
        [role_by_id(&cloud_state, "sample-agency"), role_by_name(&cloud_state, "sample-agency"), older]
    {
        let fixture = Fixture::new();
        // Slow enough that ten reads are in progress at the same time.
        fixture.cloud.set_latency(Duration::from_millis(500));
        let output = fixture.configure_with(&format!("{key}\n  {agency}"), &data_sources(50)).plan();
        assert_every_read_failed(&output, 50);
        let sent: Vec<_> =
            fixture.cloud.recorded_requests().iter().map(|request| (request.route, request.status)).collect();
        assert!(matches!(sent.as_slice(), [(_, Some(401))]), "{sent:?}");
    }
}

#[test]
fn rejected_agency_key_is_renewed_once_and_sent_twice() {
    let fixture = Fixture::new();
    let rejected =
        Fault::ErrorResponse { status: 401, code: "APIGW.0301", message: "verify aksk signature fail" };
    fixture.cloud.inject_always(Route::Links, rejected);
    let cloud_state = fixture.cloud.cloud_state();
    let arguments =
        format!("{}\n  {}", key_and_project_args(cloud_state), role_by_id(cloud_state, "sample-agency"));
    let output = fixture.configure_with(&arguments, &data_sources(50)).plan();
    assert_every_read_failed(&output, 50);
    assert_eq!(fixture.request_counts([Route::Assume, Route::Links]), [2, 2]);
}
