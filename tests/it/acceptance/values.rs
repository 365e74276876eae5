//! Values that cannot be used or are not known yet: told before anything is sent, and blamed on what gave them.

use cloud_simulator::{Metadata, Route};
use serde_json::json;

use super::*;

#[test]
fn a_line_break_from_a_file_is_told_and_not_sent() {
    let scene = Scene::new();
    let (key, user) = (&scene.cloud.cloud_state().keys[0].id, &scene.cloud.cloud_state().user_name);
    scene.workspace.write("secret", "VERY-SECRET-VALUE\n");
    let file = "file(\"secret\")";
    for (settings, name) in [
        (format!("access_key = {key:?}\n  secret_key = {file}"), "secret_key"),
        (format!("token = {file}"), "token"),
        (format!("user_name = {user:?}\n  domain_name = \"d\"\n  password = {file}"), "password"),
        (format!("user_id = {file}\n  password = \"p\""), "user_id"),
    ] {
        scene.configure_as(&settings, &data(INSTANCE));
        let text = scene.fails_with(&[&format!("{name} has an invalid value"), "trimspace(file(...))"]);
        assert!(!text.contains("VERY-SECRET-VALUE"), "{text}");
    }
    assert_eq!(scene.cloud.recorded().len(), 0);
    // As the message says.
    let secret = format!("{}\n", scene.cloud.cloud_state().keys[0].secret);
    scene.workspace.write("secret", &secret);
    scene.configure_as(&format!("access_key = {key:?}\n  secret_key = trimspace({file})"), &data(INSTANCE));
    scene.apply();
}

#[test]
fn validate_does_not_judge_files_and_variables_of_a_machine() {
    let mut scene = Scene::new();
    scene.workspace.write("ca.pem", "no PEM");
    scene.workspace.set("HW_ASSUME_ROLE_DURATION", "abc").set("HW_ACCESS_KEY", "half a key");
    let settings = r#"user_name   = "u"
  password    = "p"
  cert        = "/nowhere/cert.pem"
  key         = "/nowhere/key.pem"
  cacert_file = "ca.pem"
  assume_role {
    agency_name = "x"
    domain_id   = "d"
  }"#;
    scene.configure_as(settings, &data(INSTANCE));
    scene.workspace.must(&["validate"]);
    scene.fails_with(&[
        "user_name is set in the provider block, but domain_name is not set. Set domain_name in the block, or set",
        "cert is neither PEM nor the path of a readable file (No such file or directory",
        "key is neither PEM",
        "The file that cacert_file names has no valid certificate or key in PEM. Correct the file",
    ]);
    // With an account the agency is looked at.
    scene.configure_as(&settings.replace("password ", "domain_id = \"d\"\n  password "), &data(INSTANCE));
    scene.fails_with(&["HW_ASSUME_ROLE_DURATION has an invalid value: it must be a whole number"]);
    assert_eq!(scene.cloud.recorded().len(), 0);
}

#[test]
fn a_key_of_another_certificate_is_told_before_any_request() {
    let scene = Scene::new();
    let (front, other) = (scene.cloud.mutual_tls(), scene.cloud.mutual_tls());
    scene.workspace.write("cert.pem", &front.client().certificate);
    scene.workspace.write("key.pem", &front.client().key).write("other.pem", &other.client().key);
    let (caller, authority, url) = (key(scene.cloud.cloud_state(), 0), front.authority(), front.url());
    let block = |pem: &str| {
        format!(
            "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {caller}\n  cacert_file = {authority:?}\n  \
             cert = \"cert.pem\"\n  key = {pem:?}\n  endpoints = {{ dds = {url:?}, iam = {url:?} }}\n}}\n{}",
            data(INSTANCE)
        )
    };
    scene.workspace.configure(&block("other.pem"));
    scene.workspace.must(&["validate"]);
    let text = scene.fails_with(&["key is not the private key of the certificate in cert"]);
    assert!(!text.contains("No Certificate Store") && scene.cloud.connections() == 0, "{text}");
    scene.workspace.configure(&block("key.pem"));
    scene.apply();
}

#[test]
fn variables_override_no_account_and_no_project_of_the_block() {
    let mut scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state().clone();
    for (variable, value) in [
        ("HW_DOMAIN_ID", "another-account"),
        ("OS_DOMAIN_ID", "another-account"),
        ("HW_PROJECT_ID", "another-project"),
        ("HW_ASSUME_ROLE_DOMAIN_ID", "another-account"),
    ] {
        scene.workspace.set(variable, value);
    }
    let account = &cloud_state.account_name;
    let login = format!("{}\n  project_name = \"cn-north-4_team\"", login_by_name(&cloud_state));
    scene.configure_as(&login, &data(TEAM)).apply();
    let recorded = scene.cloud.recorded();
    let login = recorded.iter().find(|it| it.route == Route::Tokens).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&login.request.body).unwrap();
    assert_eq!(body["auth"]["identity"]["password"]["user"]["domain"], json!({ "name": account }));
    assert_eq!(body["auth"]["scope"], json!({ "project": { "name": "cn-north-4_team" } }));
    // With an agency, by its account's name and not by the other account's ID.
    let agency = &cloud_state.agencies[0];
    let role = format!(
        "domain_name = {account:?}\n  tenant_name = \"cn-north-4\"\n  assume_role {{\n    agency_name = {:?}\n    \
         domain_name = {:?}\n  }}",
        agency.name, agency.account_name
    );
    scene.cloud.forget();
    scene.configure(&role, &data(INSTANCE)).plan();
    assert_eq!(scene.counts([Route::Account, Route::AgencyKeys, Route::Assume]), [1, 1, 0]);
}

#[test]
fn a_profile_that_is_not_known_yet_is_waited_for() {
    let scene = Scene::new();
    let key = &scene.cloud.cloud_state().keys[0];
    let profile = json!({ "profiles": [{
        "name": "work", "region": "cn-north-4", "accessKeyId": key.id, "secretAccessKey": key.secret,
    }] });
    std::fs::create_dir(scene.workspace.file(".hcloud")).unwrap();
    scene.workspace.write(".hcloud/config.json", &profile.to_string());
    let file = scene.workspace.file(".hcloud/config.json").display().to_string();
    for (setting, value, other) in
        [("profile", "work", ""), ("shared_config_file", &file, "profile = \"work\"")]
    {
        let resource = format!("resource \"terraform_data\" {setting:?} {{\n  input = {value:?}\n}}\n");
        let provider = scene.block(&format!("{other}\n  {setting} = terraform_data.{setting}.output"));
        let read = data(INSTANCE);
        scene.workspace.configure(&format!("{provider}{resource}{read}"));
        let named = format!("The provider setting {setting} ");
        let text = scene.fails_with(&["Error: Provider Setting Not Known Yet", &named]);
        assert!(!text.contains("Missing Provider Setting"), "{text}");
        // A read that waits for the resource comes when the profile is known.
        let later = read.replacen("\n}", &format!("\n  depends_on = [terraform_data.{setting}]\n}}"), 1);
        scene.workspace.configure(&format!("{provider}{resource}{later}"));
        scene.apply();
        scene.is_settled();
    }
}

#[test]
fn a_machine_s_agency_is_not_used_unawares() {
    let mut scene = Scene::of(CloudState { metadata: Metadata::V2, ..CloudState::sample() });
    std::fs::create_dir(scene.workspace.file(".hcloud")).unwrap();
    let profile = json!({ "name": "default", "accessKeyId": "x", "secretAccessKey": "y" });
    let encrypted = json!({ "profiles": [profile], "crypter": "c", "nonce": "n" });
    scene.workspace.write(".hcloud/config.json", &encrypted.to_string());
    scene.configure_as("", &data(INSTANCE));
    let text = joined(&scene.apply().stdout);
    holds(&text, &["The file ~/.hcloud/config.json cannot be used: its secrets are encrypted"]);
    holds(
        &text,
        &["Warning: Credentials File Skipped", "The credential comes from the ECS metadata service instead."],
    );
    assert!(scene.cloud.count(Route::MetadataKeys) > 0);
    scene.workspace.set("HW_SHARED_CONFIG_FILE", "/dev/null");
    assert!(!scene.apply().stdout.contains("Warning: Credentials File"), "switched off");
}
