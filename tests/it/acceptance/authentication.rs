//! All authentication methods, from the block, the environment and files.

use std::time::Duration;

use cloud_simulator::{MetadataService, RecordedRequest, Route};

use super::*;

#[test]
fn temporary_key_is_sent_with_its_security_token() {
    let fixture = Fixture::new();
    let settings = key_args(fixture.cloud.cloud_state(), 1);
    assert!(settings.contains("security_token"));
    fixture.configure_with(&settings, &data_source(INSTANCE)).apply();
}

#[test]
fn configured_token_is_sent_as_it_is() {
    let fixture = Fixture::new();
    fixture.configure_with(&token_arg(fixture.cloud.cloud_state()), &data_source(INSTANCE)).apply();
    assert_eq!(fixture.cloud.request_count(Route::Tokens), 0);
}

#[test]
fn password_token_is_shared_and_needs_no_project_lookup() {
    let fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state();
    let CloudState { user_name, account_id, password, .. } = cloud_state;
    for user in [
        user_name_args(cloud_state),
        format!("user_name = {user_name:?}\n  domain_id = {account_id:?}\n  password = {password:?}"),
        user_id_args(cloud_state),
    ] {
        fixture.cloud.clear_recorded_requests();
        fixture.configure_with(&user, &data_sources(20)).apply();
        assert_eq!(
            fixture.request_counts([Route::Tokens, Route::Projects, Route::Links]),
            [1, 0, 20],
            "{user}"
        );
        fixture.assert_no_changes();
    }
}

#[test]
fn expired_password_token_is_renewed_during_the_run() {
    let fixture = Fixture::with_cloud_state(CloudState {
        token_lifetime: Duration::from_millis(1500),
        ..CloudState::sample()
    });
    // The second read starts after the first token has expired.
    let rest = format!(
        "resource \"terraform_data\" \"delay\" {{\n  provisioner \"local-exec\" {{\n    command = \"sleep 2\"\n  }}\n\
         depends_on = [data.dds_ssl_cert_download_links.first]\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"first\" {{\n  instance_id = {INSTANCE:?}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"second\" {{\n  instance_id = {INSTANCE:?}\n  \
         depends_on = [terraform_data.delay]\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"during_apply\" {{\n  instance_id = terraform_data.now.output\n}}\n\n\
         resource \"terraform_data\" \"now\" {{\n  input = {INSTANCE:?}\n}}\n"
    );
    fixture.configure_with(&user_id_args(fixture.cloud.cloud_state()), &rest).apply();
    // One token for the process of the plan, and two for the process of the apply.
    assert_eq!(fixture.cloud.request_count(Route::Tokens), 3);
}

#[test]
fn environment_is_used_for_settings_missing_in_the_block() {
    let mut fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state().clone();
    let key = &cloud_state.access_keys[0];
    fixture.workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret);
    fixture.workspace.set_env("HW_PROJECT_ID", &cloud_state.projects[0].id);
    fixture.configure_with("", &data_source(INSTANCE));
    fixture.apply();
    assert_eq!(fixture.cloud.recorded_requests().len(), 1);
    // A key in the block overrides a wrong key in the environment.
    fixture.workspace.set_env("HW_ACCESS_KEY", "WRONG").set_env("HW_SECRET_KEY", "wrong");
    fixture.configure("", &data_source(INSTANCE));
    fixture.apply();
    fixture.assert_no_changes();
}

#[test]
fn credentials_files_give_credential_region_and_project() {
    let fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state();
    let (key, project) = (&cloud_state.access_keys[0], &cloud_state.projects[0].id);
    let profile = serde_json::json!({
        "current": "work",
        "profiles": [{
            "name": "work", "mode": "AKSK", "accessKeyId": key.id, "secretAccessKey": key.secret,
            "region": "cn-north-4", "projectId": project,
        }],
    });
    let sdk = format!("[basic]\nak = {}\nsk = {}\nproject_id = {project}\n", key.id, key.secret);
    for (dir, file, text, region) in [
        (".hcloud", "config.json", profile.to_string(), ""),
        (".huaweicloud", "credentials", sdk, "region = \"cn-north-4\""),
    ] {
        // The directory of the workspace is the home directory of its runs.
        let dir = fixture.workspace.file_path(dir);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join(file), text).unwrap();
        fixture.workspace.write_config(&format!(
            "{}{}",
            fixture.provider_block(region),
            data_source(INSTANCE)
        ));
        fixture.apply();
        std::fs::remove_dir_all(dir).unwrap();
    }
    assert_eq!(fixture.request_counts([Route::Tokens, Route::Projects, Route::Links]), [0, 0, 2]);
}

#[test]
fn unreadable_named_file_is_an_error_without_fallback() {
    let fixture = Fixture::new();
    // A directory, because root can read every file.
    let dir = fixture.workspace.file_path("dir");
    std::fs::create_dir(&dir).unwrap();
    let settings = format!("shared_config_file = {:?}", dir.display().to_string());
    fixture.configure_with(&settings, &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Unusable Credentials File", "s a directory"]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
}

#[test]
fn ecs_and_container_keys_are_fetched_once_for_all_reads() {
    for (metadata, in_container) in [
        (MetadataService::V2, false),
        (MetadataService::V2Only, false),
        (MetadataService::V1Only, false),
        (MetadataService::Off, true),
    ] {
        let mut fixture =
            Fixture::with_cloud_state(CloudState { metadata_service: metadata, ..CloudState::sample() });
        if in_container {
            set_container_variables(&mut fixture);
        }
        fixture.configure_with("", &data_sources(20)).apply();
        let counts =
            fixture.request_counts([Route::MetadataKeys, Route::PodKeys, Route::Projects, Route::Links]);
        assert_eq!(counts, if in_container { [0, 1, 1, 20] } else { [1, 0, 1, 20] }, "{metadata:?}");
        fixture.assert_no_changes();
    }
}

/// Two reads in one apply, 2 s apart. The lifetime in the tests is 1.5 s.
pub(super) fn two_spaced_reads() -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"first\" {{\n  instance_id = terraform_data.id.output\n}}\n\n\
         resource \"terraform_data\" \"id\" {{\n  input = {INSTANCE:?}\n}}\n\n\
         resource \"terraform_data\" \"delay\" {{\n  input = data.dds_ssl_cert_download_links.first.id\n\n  \
         provisioner \"local-exec\" {{\n    command = \"sleep 2\"\n  }}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"second\" {{\n  instance_id = terraform_data.delay.output\n}}\n"
    )
}

#[test]
fn expired_temporary_key_is_renewed_with_one_more_call() {
    for (metadata, route) in
        [(MetadataService::V2, Route::MetadataKeys), (MetadataService::Off, Route::PodKeys)]
    {
        let lifetime = Some(Duration::from_millis(1500));
        let mut fixture = Fixture::with_cloud_state(CloudState {
            temporary_key_lifetime: lifetime,
            metadata_service: metadata,
            ..CloudState::sample()
        });
        if route == Route::PodKeys {
            set_container_variables(&mut fixture);
        }
        fixture.configure_with("", &two_spaced_reads()).apply();
        assert_eq!(fixture.request_counts([route, Route::Links]), [2, 2], "{route:?}");
    }
}

/// Sets the variables of a container with a pod identity.
pub(super) fn set_container_variables(fixture: &mut Fixture) {
    let token = fixture.workspace.file_path("token");
    std::fs::write(&token, &fixture.cloud.cloud_state().pod_identity.token).unwrap();
    fixture.workspace.set_env("HC_CONTAINER_CREDENTIALS_FULL_URI", fixture.cloud.pod_identity_url());
    fixture.workspace.set_env("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.display().to_string());
}

#[test]
fn half_a_key_pair_is_not_completed_from_the_environment() {
    let mut fixture = Fixture::new();
    let key = fixture.cloud.cloud_state().access_keys[0].clone();
    fixture.workspace.set_env("HW_ACCESS_KEY", key.id.clone()).set_env("HW_SECRET_KEY", key.secret);
    fixture.configure_with(&format!("access_key = {:?}", key.id), &data_source(INSTANCE));
    let half = "access_key is set in the provider block, but secret_key is not.";
    fixture.plan_fails_with(&["Incomplete Credentials", half]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
}

#[test]
fn wrong_key_is_sent_once_for_each_provider_block() {
    let fixture = Fixture::new();
    let id = &fixture.cloud.cloud_state().access_keys[0].id;
    let wrong = format!("region = \"cn-north-4\"\n  access_key = {id:?}\n  secret_key = \"wrong\"");
    let block = |alias: &str| fixture.provider_block(&format!("{alias}\n  {wrong}"));
    let other = "data \"dds_ssl_cert_download_links\" \"other\" {\n  provider    = dds.other\n  count       = 20\n  \
                 instance_id = \"x\"\n}\n";
    let blocks = block("") + &block("alias = \"other\"");
    fixture.workspace.write_config(&format!("{blocks}{}{other}", data_sources(20)));
    fixture.plan();
    // Each provider block has a separate process, so each one sends the key once.
    let statuses: Vec<_> = fixture.cloud.recorded_requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(401), Some(401)]);
}

/// The older arguments for an agency.
pub(super) fn older_agency_args(cloud_state: &CloudState) -> String {
    let (agency, account) = ("sample-agency", &cloud_state.account_name);
    format!(
        "agency_name = {agency:?}\n  agency_domain_name = {account:?}\n  delegated_project = \"cn-north-4\""
    )
}

/// The older arguments for an agency, with each kind of caller.
fn older_agency_args_by_caller(cloud_state: &CloudState) -> [String; 3] {
    let callers = [key_args(cloud_state, 0), user_id_args(cloud_state), token_arg(cloud_state)];
    callers.map(|caller| format!("{caller}\n  {}", older_agency_args(cloud_state)))
}

/// Sets the variables of the official SDKs for an identity provider.
fn set_idp_variables(fixture: &mut Fixture) {
    let cloud_state = fixture.cloud.cloud_state().clone();
    let file = fixture.workspace.file_path("id-token");
    std::fs::write(&file, cloud_state.identity_provider.id_token).unwrap();
    fixture.workspace.set_env("HUAWEICLOUD_SDK_IDP_ID", cloud_state.identity_provider.idp_id);
    fixture.workspace.set_env("HUAWEICLOUD_SDK_ID_TOKEN_FILE", file.display().to_string());
}

#[test]
fn agency_token_is_shared_by_all_reads_of_every_caller() {
    for settings in older_agency_args_by_caller(&CloudState::sample()) {
        let fixture = Fixture::new();
        fixture.configure_with(&settings, &data_sources(5)).apply();
        let counts =
            fixture.request_counts([Route::AgencyTokens, Route::Projects, Route::AgencyKeys, Route::Links]);
        assert_eq!(counts, [1, 0, 0, 5], "{settings}");
        fixture.assert_no_changes();
    }
}

#[test]
fn oidc_id_token_works_without_an_agency() {
    let mut fixture = Fixture::new();
    set_idp_variables(&mut fixture);
    fixture.configure_with("", &data_source(INSTANCE)).apply();
    assert_eq!(fixture.request_counts([Route::FederatedTokens, Route::Projects, Route::Links]), [1, 0, 1]);
    fixture.assert_no_changes();
    // A new token in the file is used.
    fixture.cloud.set_id_token("new-token");
    fixture.plan_fails_with(&["failed: the response is HTTP 401"]);
    std::fs::write(fixture.workspace.file_path("id-token"), "new-token\n").unwrap();
    fixture.assert_no_changes();
}

#[test]
fn expired_token_is_renewed_with_one_more_call() {
    let cloud_state = CloudState { token_lifetime: Duration::from_millis(1500), ..CloudState::sample() };
    for (settings, route) in [
        (older_agency_args_by_caller(&cloud_state)[0].as_str(), Route::AgencyTokens),
        ("", Route::FederatedTokens),
    ] {
        let mut fixture = Fixture::with_cloud_state(cloud_state.clone());
        if route == Route::FederatedTokens {
            set_idp_variables(&mut fixture);
        }
        fixture.configure_with(settings, &two_spaced_reads()).apply();
        assert_eq!(fixture.request_counts([route, Route::Links]), [2, 2], "{route:?}");
        // The account of the caller is looked up at most once.
        assert!(fixture.cloud.request_count(Route::Account) <= 1);
    }
}

#[test]
fn read_in_another_region_gets_a_token_of_its_project() {
    let mut fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state().clone();
    let project =
        cloud_state.projects.iter().find(|project| project.region != "cn-north-4").expect("another region");
    let instance = cloud_state
        .instances
        .iter()
        .find(|instance| instance.project_id == project.id)
        .expect("an instance in the project");
    let other_region = data_source_with(&format!("region = {:?}", project.region), &instance.id);
    for settings in older_agency_args_by_caller(&cloud_state) {
        fixture.configure_with(&settings, &other_region).apply();
    }
    set_idp_variables(&mut fixture);
    fixture.configure_with("", &other_region).apply();
    let reads = fixture.cloud.recorded_requests().into_iter().filter(|read| read.route == Route::Links);
    let paths: Vec<_> = reads.map(|read| read.request.path).collect();
    assert!(paths.len() == 4 && paths.iter().all(|path| path.contains(&project.id)), "{paths:?}");
}

#[test]
fn error_names_the_agency_that_cannot_be_assumed() {
    let fixture = Fixture::new();
    let [key, ..] = older_agency_args_by_caller(fixture.cloud.cloud_state());
    fixture.configure_with(&key.replace("sample-agency", "sample-closed"), &data_source(INSTANCE));
    fixture.plan_fails_with(&[
        "Error: Credential Request Rejected",
        "Assuming the agency sample-closed of the account",
    ]);
}

/// Values of `signing_algorithm`, and the names of the algorithms in the `Authorization` header.
const ALGORITHMS: [(&str, &str); 4] = [
    ("HmacSHA256", "SDK-HMAC-SHA256"),
    ("HmacSM3", "SDK-HMAC-SM3"),
    ("EcdsaP256SHA256", "SDK-ECDSA-P256-SHA256"),
    ("SM2SM3", "SDK-SM2-SM3"),
];

/// The routes of all requests, and the algorithms of their signatures. Asserts that all succeeded.
fn signature_algorithms(fixture: &Fixture) -> Vec<(Route, String)> {
    let recorded = fixture.cloud.recorded_requests().into_iter();
    let algorithm = |recorded: &RecordedRequest| {
        assert!(matches!(recorded.status, Some(200 | 201)), "{recorded:?}");
        let authorization = recorded.request.header("authorization").unwrap();
        (recorded.route, authorization.split(' ').next().unwrap().to_owned())
    };
    recorded.map(|recorded| algorithm(&recorded)).collect()
}

#[test]
fn every_signing_algorithm_signs_lookup_and_read() {
    for (name, header_name) in ALGORITHMS {
        let fixture = Fixture::new();
        fixture.configure(&format!("signing_algorithm = {name:?}"), &data_source(INSTANCE)).apply();
        let expected = [Route::Projects, Route::Links].map(|route| (route, header_name.to_owned()));
        assert_eq!(signature_algorithms(&fixture), expected);
        fixture.assert_no_changes();
    }
}

#[test]
fn wrong_secret_fails_with_each_algorithm_of_the_environment() {
    for (name, header_name) in ALGORITHMS {
        let mut fixture = Fixture::new();
        let key = &fixture.cloud.cloud_state().access_keys[0];
        let wrong = format!("access_key = {:?}\n  secret_key = \"wrong\"", key.id);
        fixture.workspace.set_env("HW_SIGNING_ALGORITHM", name);
        fixture
            .configure_with(&wrong, &data_source(INSTANCE))
            .plan_fails_with(&["verify aksk signature fail"]);
        let recorded = fixture.cloud.recorded_requests();
        let authorization = recorded[0].request.header("authorization").unwrap();
        assert!(authorization.starts_with(&format!("{header_name} Access=")), "{authorization}");
    }
}

#[test]
fn agency_key_signs_with_the_configured_algorithm() {
    let cloud_state = CloudState::sample();
    let roles = [
        (vec![Route::Assume], role_by_id(&cloud_state, "sample-agency")),
        (vec![Route::Account, Route::AgencyKeys], role_by_name(&cloud_state, "sample-agency")),
    ];
    for (mut routes, role) in roles {
        let caller_requests = routes.len();
        let fixture = Fixture::new();
        fixture
            .configure(&format!("signing_algorithm = \"HmacSM3\"\n  {role}"), &data_source(INSTANCE))
            .apply();
        routes.extend([Route::Projects, Route::Links]);
        let expected: Vec<_> = routes.into_iter().map(|route| (route, "SDK-HMAC-SM3".to_owned())).collect();
        assert_eq!(signature_algorithms(&fixture), expected);
        for (index, recorded) in fixture.cloud.recorded_requests().iter().enumerate() {
            let temporary = recorded.request.header("x-security-token").is_some();
            assert_eq!(temporary, index >= caller_requests, "only the key of the agency is temporary");
        }
        fixture.assert_no_changes();
    }
}
