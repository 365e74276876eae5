//! Each method of authentication, from the block and from the environment.

use std::time::Duration;

use cloud_simulator::{Metadata, Recorded, Route};

use super::*;

#[test]
fn a_temporary_key_is_sent_with_its_token() {
    let scene = Scene::new();
    let settings = key(scene.cloud.cloud_state(), 1);
    assert!(settings.contains("security_token"));
    scene.configure_as(&settings, &data(INSTANCE)).apply();
}

#[test]
fn a_ready_token_is_used_as_it_is() {
    let scene = Scene::new();
    scene.configure_as(&token(scene.cloud.cloud_state()), &data(INSTANCE)).apply();
    assert_eq!(scene.cloud.count(Route::Tokens), 0);
}

#[test]
fn a_login_is_shared_by_all_readers_and_needs_no_look_up() {
    let scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state();
    let CloudState { user_name, account_id, password, .. } = cloud_state;
    for user in [
        login_by_name(cloud_state),
        format!("user_name = {user_name:?}\n  domain_id = {account_id:?}\n  password = {password:?}"),
        login(cloud_state),
    ] {
        scene.cloud.forget();
        scene.configure_as(&user, &many(20)).apply();
        assert_eq!(scene.counts([Route::Tokens, Route::Projects, Route::Links]), [1, 0, 20], "{user}");
        scene.is_settled();
    }
}

#[test]
fn a_login_that_expires_in_mid_run_is_renewed() {
    let scene = Scene::of(CloudState { token_lifetime: Duration::from_millis(1500), ..CloudState::sample() });
    // The second read begins when the first token has expired.
    let rest = format!(
        "resource \"terraform_data\" \"pause\" {{\n  provisioner \"local-exec\" {{\n    command = \"sleep 2\"\n  }}\n\
         depends_on = [data.dds_ssl_cert_download_links.first]\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"first\" {{\n  instance_id = {INSTANCE:?}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"second\" {{\n  instance_id = {INSTANCE:?}\n  \
         depends_on = [terraform_data.pause]\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"with_the_apply\" {{\n  instance_id = terraform_data.now.output\n}}\n\n\
         resource \"terraform_data\" \"now\" {{\n  input = {INSTANCE:?}\n}}\n"
    );
    scene.configure_as(&login(scene.cloud.cloud_state()), &rest).apply();
    // One for the plan's process, and two for that of the apply.
    assert_eq!(scene.cloud.count(Route::Tokens), 3);
}

#[test]
fn the_environment_is_used_for_what_the_block_does_not_set() {
    let mut scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state().clone();
    let key = &cloud_state.keys[0];
    scene.workspace.set("HW_ACCESS_KEY", &key.id).set("HW_SECRET_KEY", &key.secret);
    scene.workspace.set("HW_PROJECT_ID", &cloud_state.projects[0].id);
    scene.configure_as("", &data(INSTANCE));
    scene.apply();
    assert_eq!(scene.cloud.recorded().len(), 1);
    // A wrong one in the environment does no harm beside a right one in the block.
    scene.workspace.set("HW_ACCESS_KEY", "WRONG").set("HW_SECRET_KEY", "wrong");
    scene.configure("", &data(INSTANCE));
    scene.apply();
    scene.is_settled();
}

#[test]
fn files_of_the_other_tools_give_credential_region_and_project() {
    let scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state();
    let (key, project) = (&cloud_state.keys[0], &cloud_state.projects[0].id);
    let profile = serde_json::json!({
        "current": "work",
        "profiles": [{
            "name": "work", "mode": "AKSK", "accessKeyId": key.id, "secretAccessKey": key.secret,
            "region": "cn-north-4", "projectId": project,
        }],
    });
    let sdk = format!("[basic]\nak = {}\nsk = {}\nproject_id = {project}\n", key.id, key.secret);
    for (folder, file, text, region) in [
        (".hcloud", "config.json", profile.to_string(), ""),
        (".huaweicloud", "credentials", sdk, "region = \"cn-north-4\""),
    ] {
        // The workspace's folder is the home of its runs.
        let home = scene.workspace.file(folder);
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join(file), text).unwrap();
        scene.workspace.configure(&format!("{}{}", scene.block(region), data(INSTANCE)));
        scene.apply();
        std::fs::remove_dir_all(home).unwrap();
    }
    assert_eq!(scene.counts([Route::Tokens, Route::Projects, Route::Links]), [0, 0, 2]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_nothing_else_is_tried() {
    let scene = Scene::new();
    // A folder, because whoever runs the tests may be allowed to read every file.
    let folder = scene.workspace.file("folder");
    std::fs::create_dir(&folder).unwrap();
    let settings = format!("shared_config_file = {:?}", folder.display().to_string());
    scene.configure_as(&settings, &data(INSTANCE));
    scene.fails_with(&["Error: Unusable Credentials File", "s a directory"]);
    assert_eq!(scene.cloud.recorded().len(), 0);
}

#[test]
fn a_machine_and_a_container_give_their_keys_once_for_all_readers() {
    for (metadata, in_container) in
        [(Metadata::V2, false), (Metadata::V2Only, false), (Metadata::V1Only, false), (Metadata::Off, true)]
    {
        let mut scene = Scene::of(CloudState { metadata, ..CloudState::sample() });
        if in_container {
            enter_container(&mut scene);
        }
        scene.configure_as("", &many(20)).apply();
        let counts = scene.counts([Route::MetadataKeys, Route::PodKeys, Route::Projects, Route::Links]);
        assert_eq!(counts, if in_container { [0, 1, 1, 20] } else { [1, 0, 1, 20] }, "{metadata:?}");
        scene.is_settled();
    }
}

/// Two reads of one process, so far apart that what is valid for a second and a half has expired in between.
pub(super) fn two_reads_apart() -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"first\" {{\n  instance_id = terraform_data.id.output\n}}\n\n\
         resource \"terraform_data\" \"id\" {{\n  input = {INSTANCE:?}\n}}\n\n\
         resource \"terraform_data\" \"pause\" {{\n  input = data.dds_ssl_cert_download_links.first.id\n\n  \
         provisioner \"local-exec\" {{\n    command = \"sleep 2\"\n  }}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"second\" {{\n  instance_id = terraform_data.pause.output\n}}\n"
    )
}

#[test]
fn a_key_that_expires_in_mid_run_is_renewed_with_one_more_call() {
    for (metadata, route) in [(Metadata::V2, Route::MetadataKeys), (Metadata::Off, Route::PodKeys)] {
        let brief = Some(Duration::from_millis(1500));
        let mut scene = Scene::of(CloudState { temporary_lifetime: brief, metadata, ..CloudState::sample() });
        if route == Route::PodKeys {
            enter_container(&mut scene);
        }
        // Both reads are made by the process of the apply.
        scene.configure_as("", &two_reads_apart()).apply();
        assert_eq!(scene.counts([route, Route::Links]), [2, 2], "{route:?}");
    }
}

pub(super) fn enter_container(scene: &mut Scene) {
    let token = scene.workspace.file("token");
    std::fs::write(&token, &scene.cloud.cloud_state().pod.token).unwrap();
    scene.workspace.set("HC_CONTAINER_CREDENTIALS_FULL_URI", scene.cloud.pod_url());
    scene.workspace.set("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.display().to_string());
}

#[test]
fn half_a_key_pair_is_never_made_whole_from_elsewhere() {
    let mut scene = Scene::new();
    let key = scene.cloud.cloud_state().keys[0].clone();
    scene.workspace.set("HW_ACCESS_KEY", key.id.clone()).set("HW_SECRET_KEY", key.secret);
    scene.configure_as(&format!("access_key = {:?}", key.id), &data(INSTANCE));
    let half = "access_key is set in the provider block, but secret_key is not.";
    scene.fails_with(&["Incomplete Credentials", half]);
    assert_eq!(scene.cloud.recorded().len(), 0);
}

#[test]
fn each_provider_block_tries_a_wrong_key_once() {
    let scene = Scene::new();
    let id = &scene.cloud.cloud_state().keys[0].id;
    let wrong = format!("region = \"cn-north-4\"\n  access_key = {id:?}\n  secret_key = \"wrong\"");
    let block = |alias: &str| scene.block(&format!("{alias}\n  {wrong}"));
    let other = "data \"dds_ssl_cert_download_links\" \"other\" {\n  provider    = dds.other\n  count       = 20\n  \
                 instance_id = \"x\"\n}\n";
    let blocks = block("") + &block("alias = \"other\"");
    scene.workspace.configure(&format!("{blocks}{}{other}", many(20)));
    scene.plan();
    // Each is a process of its own: the documented limit.
    let statuses: Vec<_> = scene.cloud.recorded().iter().map(|recorded| recorded.status).collect();
    assert_eq!(statuses, [Some(401), Some(401)]);
}

/// The settings that older configurations have for an agency.
pub(super) fn older_settings(cloud_state: &CloudState) -> String {
    let (agency, account) = ("sample-agency", &cloud_state.account_name);
    format!(
        "agency_name = {agency:?}\n  agency_domain_name = {account:?}\n  delegated_project = \"cn-north-4\""
    )
}

/// The same assumed with each kind of caller.
fn agency(cloud_state: &CloudState) -> [String; 3] {
    let callers = [key(cloud_state, 0), login(cloud_state), token(cloud_state)];
    callers.map(|caller| format!("{caller}\n  {}", older_settings(cloud_state)))
}

/// The variables of the official SDKs.
fn federate(scene: &mut Scene) {
    let cloud_state = scene.cloud.cloud_state().clone();
    let file = scene.workspace.file("id-token");
    std::fs::write(&file, cloud_state.identity_provider.id_token).unwrap();
    scene.workspace.set("HUAWEICLOUD_SDK_IDP_ID", cloud_state.identity_provider.idp_id);
    scene.workspace.set("HUAWEICLOUD_SDK_ID_TOKEN_FILE", file.display().to_string());
}

#[test]
fn an_agency_s_token_is_used_by_all_readers_with_every_caller() {
    for settings in agency(&CloudState::sample()) {
        let scene = Scene::new();
        scene.configure_as(&settings, &many(5)).apply();
        let counts = scene.counts([Route::AgencyTokens, Route::Projects, Route::AgencyKeys, Route::Links]);
        assert_eq!(counts, [1, 0, 0, 5], "{settings}");
        scene.is_settled();
    }
}

#[test]
fn an_identity_provider_s_token_is_enough_without_an_agency() {
    let mut scene = Scene::new();
    federate(&mut scene);
    scene.configure_as("", &data(INSTANCE)).apply();
    assert_eq!(scene.counts([Route::FederatedTokens, Route::Projects, Route::Links]), [1, 0, 1]);
    scene.is_settled();
    // Whoever writes the file renews it.
    scene.cloud.set_id_token("a-new-one");
    scene.fails_with(&["failed: the response is HTTP 401"]);
    std::fs::write(scene.workspace.file("id-token"), "a-new-one\n").unwrap();
    scene.is_settled();
}

#[test]
fn a_token_that_expires_in_mid_run_is_renewed_with_one_more_call() {
    let cloud_state = CloudState { token_lifetime: Duration::from_millis(1500), ..CloudState::sample() };
    for (settings, route) in
        [(agency(&cloud_state)[0].as_str(), Route::AgencyTokens), ("", Route::FederatedTokens)]
    {
        let mut scene = Scene::of(cloud_state.clone());
        if route == Route::FederatedTokens {
            federate(&mut scene);
        }
        scene.configure_as(settings, &two_reads_apart()).apply();
        assert_eq!(scene.counts([route, Route::Links]), [2, 2], "{route:?}");
        // The caller's account does not change.
        assert!(scene.cloud.count(Route::Account) <= 1);
    }
}

#[test]
fn another_region_gets_a_token_of_its_own_project() {
    let mut scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state().clone();
    let there =
        cloud_state.projects.iter().find(|project| project.region != "cn-north-4").expect("another region");
    let instance =
        cloud_state.instances.iter().find(|it| it.project_id == there.id).expect("an instance there");
    let elsewhere = data_with(&format!("region = {:?}", there.region), &instance.id);
    for settings in agency(&cloud_state) {
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
    let [key, ..] = agency(scene.cloud.cloud_state());
    scene.configure_as(&key.replace("sample-agency", "sample-closed"), &data(INSTANCE));
    scene.fails_with(&[
        "Error: Credential Request Rejected",
        "Assuming the agency sample-closed of the account",
    ]);
}

/// By the setting's values, the word with which an `Authorization` names the algorithm.
const LABELS: [(&str, &str); 4] = [
    ("HmacSHA256", "SDK-HMAC-SHA256"),
    ("HmacSM3", "SDK-HMAC-SM3"),
    ("EcdsaP256SHA256", "SDK-ECDSA-P256-SHA256"),
    ("SM2SM3", "SDK-SM2-SM3"),
];

/// Each request that was answered with 200 or 201, and the algorithm that it was signed by.
fn signed(scene: &Scene) -> Vec<(Route, String)> {
    let recorded = scene.cloud.recorded().into_iter();
    let of = |recorded: &Recorded| {
        assert!(matches!(recorded.status, Some(200 | 201)), "{recorded:?}");
        let authorization = recorded.request.header("authorization").unwrap();
        (recorded.route, authorization.split(' ').next().unwrap().to_owned())
    };
    recorded.map(|recorded| of(&recorded)).collect()
}

#[test]
fn every_algorithm_signs_the_look_up_and_the_read() {
    for (name, label) in LABELS {
        let scene = Scene::new();
        scene.configure(&format!("signing_algorithm = {name:?}"), &data(INSTANCE)).apply();
        let expected = [Route::Projects, Route::Links].map(|route| (route, label.to_owned()));
        assert_eq!(signed(&scene), expected);
        scene.is_settled();
    }
}

#[test]
fn the_environment_names_an_algorithm_and_a_wrong_secret_fails_by_it() {
    for (name, label) in LABELS {
        let mut scene = Scene::new();
        let key = &scene.cloud.cloud_state().keys[0];
        let wrong = format!("access_key = {:?}\n  secret_key = \"wrong\"", key.id);
        scene.workspace.set("HW_SIGNING_ALGORITHM", name);
        scene.configure_as(&wrong, &data(INSTANCE)).fails_with(&["verify aksk signature fail"]);
        let recorded = scene.cloud.recorded();
        let authorization = recorded[0].request.header("authorization").unwrap();
        assert!(authorization.starts_with(&format!("{label} Access=")), "{authorization}");
    }
}

#[test]
fn the_key_of_an_agency_signs_by_the_algorithm_as_that_of_its_caller_does() {
    let cloud_state = CloudState::sample();
    let accounts = [
        (vec![Route::Assume], by_id(&cloud_state, "sample-agency")),
        (vec![Route::Account, Route::AgencyKeys], by_name(&cloud_state, "sample-agency")),
    ];
    for (mut routes, role) in accounts {
        let own = routes.len();
        let scene = Scene::new();
        scene.configure(&format!("signing_algorithm = \"HmacSM3\"\n  {role}"), &data(INSTANCE)).apply();
        routes.extend([Route::Projects, Route::Links]);
        let expected: Vec<_> = routes.into_iter().map(|route| (route, "SDK-HMAC-SM3".to_owned())).collect();
        assert_eq!(signed(&scene), expected);
        for (index, recorded) in scene.cloud.recorded().iter().enumerate() {
            let temporary = recorded.request.header("x-security-token").is_some();
            assert_eq!(temporary, index >= own, "the agency's key is a temporary one");
        }
        scene.is_settled();
    }
}
