//! Invalid and unknown values. The errors name the source of the value, and no request is sent.

use cloud_simulator::{MetadataService, Route};
use serde_json::json;

use super::*;

#[test]
fn value_with_line_break_from_file_is_an_error() {
    let fixture = Fixture::new();
    let (key, user) =
        (&fixture.cloud.cloud_state().access_keys[0].id, &fixture.cloud.cloud_state().user_name);
    fixture.workspace.write_file("secret", "VERY-SECRET-VALUE\n");
    let file = "file(\"secret\")";
    for (settings, name) in [
        (format!("access_key = {key:?}\n  secret_key = {file}"), "secret_key"),
        (format!("token = {file}"), "token"),
        (format!("user_name = {user:?}\n  domain_name = \"d\"\n  password = {file}"), "password"),
        (format!("user_id = {file}\n  password = \"p\""), "user_id"),
    ] {
        fixture.configure_with(&settings, &data_source(INSTANCE));
        let errors =
            fixture.plan_fails_with(&[&format!("{name} has an invalid value"), "trimspace(file(...))"]);
        assert!(!errors.contains("VERY-SECRET-VALUE"), "{errors}");
    }
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
    // The message suggests trimspace.
    let secret = format!("{}\n", fixture.cloud.cloud_state().access_keys[0].secret);
    fixture.workspace.write_file("secret", &secret);
    fixture.configure_with(
        &format!("access_key = {key:?}\n  secret_key = trimspace({file})"),
        &data_source(INSTANCE),
    );
    fixture.apply();
}

#[test]
fn validate_does_not_check_files_and_variables() {
    let mut fixture = Fixture::new();
    fixture.workspace.write_file("ca.pem", "not PEM");
    fixture.workspace.set_env("HW_ASSUME_ROLE_DURATION", "abc").set_env("HW_ACCESS_KEY", "half a key");
    let settings = r#"user_name   = "u"
  password    = "p"
  cert        = "/nowhere/cert.pem"
  key         = "/nowhere/key.pem"
  cacert_file = "ca.pem"
  assume_role {
    agency_name = "x"
    domain_id   = "d"
  }"#;
    fixture.configure_with(settings, &data_source(INSTANCE));
    fixture.workspace.run_ok(&["validate"]);
    fixture.plan_fails_with(&[
        "user_name is set in the provider block, but domain_name is not set. Set domain_name in the block, or set",
        "cert is neither PEM nor the path of a readable file (No such file or directory",
        "key is neither PEM",
        "cacert_file is the path of a file without a valid certificate or key in PEM. Correct the file",
    ]);
    // With an account the settings of the agency are checked.
    fixture.configure_with(
        &settings.replace("password ", "domain_id = \"d\"\n  password "),
        &data_source(INSTANCE),
    );
    fixture.plan_fails_with(&["HW_ASSUME_ROLE_DURATION has an invalid value: it must be a whole number"]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
}

#[test]
fn client_key_for_another_certificate_is_an_error() {
    let fixture = Fixture::new();
    let (proxy, other) = (fixture.cloud.mutual_tls_proxy(), fixture.cloud.mutual_tls_proxy());
    fixture.workspace.write_file("cert.pem", &proxy.client_certificate().certificate);
    fixture
        .workspace
        .write_file("key.pem", &proxy.client_certificate().key)
        .write_file("other.pem", &other.client_certificate().key);
    let (caller, authority, url) =
        (key_args(fixture.cloud.cloud_state(), 0), proxy.ca_certificate(), proxy.url());
    let configuration = |key_file: &str| {
        format!(
            "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {caller}\n  cacert_file = {authority:?}\n  \
             cert = \"cert.pem\"\n  key = {key_file:?}\n  endpoints = {{ dds = {url:?}, iam = {url:?} }}\n}}\n{}",
            data_source(INSTANCE)
        )
    };
    fixture.workspace.write_config(&configuration("other.pem"));
    fixture.workspace.run_ok(&["validate"]);
    let errors = fixture.plan_fails_with(&["key is not the private key of the certificate in cert"]);
    assert!(!errors.contains("No Certificate Store") && fixture.cloud.connection_count() == 0, "{errors}");
    fixture.workspace.write_config(&configuration("key.pem"));
    fixture.apply();
}

#[test]
fn variables_do_not_override_account_or_project_of_the_block() {
    let mut fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state().clone();
    for (variable, value) in [
        ("HW_DOMAIN_ID", "other-account"),
        ("OS_DOMAIN_ID", "other-account"),
        ("HW_PROJECT_ID", "other-project"),
        ("HW_ASSUME_ROLE_DOMAIN_ID", "other-account"),
    ] {
        fixture.workspace.set_env(variable, value);
    }
    let account = &cloud_state.account_name;
    let arguments = format!("{}\n  project_name = \"cn-north-4_team\"", user_name_args(&cloud_state));
    fixture.configure_with(&arguments, &data_source(SUB_PROJECT_INSTANCE)).apply();
    let recorded = fixture.cloud.recorded_requests();
    let token_request = recorded.iter().find(|recorded| recorded.route == Route::Tokens).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&token_request.request.body).unwrap();
    assert_eq!(body["auth"]["identity"]["password"]["user"]["domain"], json!({ "name": account }));
    assert_eq!(body["auth"]["scope"], json!({ "project": { "name": "cn-north-4_team" } }));
    // The agency is assumed by the account name of the block, not by the ID in the variable.
    let agency = &cloud_state.agencies[0];
    let role = format!(
        "domain_name = {account:?}\n  tenant_name = \"cn-north-4\"\n  assume_role {{\n    agency_name = {:?}\n    \
         domain_name = {:?}\n  }}",
        agency.name, agency.account_name
    );
    fixture.cloud.clear_recorded_requests();
    fixture.configure(&role, &data_source(INSTANCE)).plan();
    assert_eq!(fixture.request_counts([Route::Account, Route::AgencyKeys, Route::Assume]), [1, 1, 0]);
}

#[test]
fn read_with_unknown_profile_fails_until_it_is_known() {
    let fixture = Fixture::new();
    let key = &fixture.cloud.cloud_state().access_keys[0];
    let profile = json!({ "profiles": [{
        "name": "work", "region": "cn-north-4", "accessKeyId": key.id, "secretAccessKey": key.secret,
    }] });
    std::fs::create_dir(fixture.workspace.file_path(".hcloud")).unwrap();
    fixture.workspace.write_file(".hcloud/config.json", &profile.to_string());
    let file = fixture.workspace.file_path(".hcloud/config.json").display().to_string();
    for (setting, value, other) in
        [("profile", "work", ""), ("shared_config_file", &file, "profile = \"work\"")]
    {
        let resource = format!("resource \"terraform_data\" {setting:?} {{\n  input = {value:?}\n}}\n");
        let provider =
            fixture.provider_block(&format!("{other}\n  {setting} = terraform_data.{setting}.output"));
        let read = data_source(INSTANCE);
        fixture.workspace.write_config(&format!("{provider}{resource}{read}"));
        let part = format!("The provider setting {setting} ");
        let errors = fixture.plan_fails_with(&["Error: Provider Setting Not Known Yet", &part]);
        assert!(!errors.contains("Missing Provider Setting"), "{errors}");
        // A read that depends on the resource runs when the profile is known.
        let later = read.replacen("\n}", &format!("\n  depends_on = [terraform_data.{setting}]\n}}"), 1);
        fixture.workspace.write_config(&format!("{provider}{resource}{later}"));
        fixture.apply();
        fixture.assert_no_changes();
    }
}

#[test]
fn fallback_to_metadata_service_shows_a_warning() {
    let mut fixture = Fixture::with_cloud_state(CloudState {
        metadata_service: MetadataService::V2,
        ..CloudState::sample()
    });
    std::fs::create_dir(fixture.workspace.file_path(".hcloud")).unwrap();
    let profile = json!({ "name": "default", "accessKeyId": "x", "secretAccessKey": "y" });
    let encrypted = json!({ "profiles": [profile], "crypter": "c", "nonce": "n" });
    fixture.workspace.write_file(".hcloud/config.json", &encrypted.to_string());
    fixture.configure_with("", &data_source(INSTANCE));
    let stdout = without_line_breaks(&fixture.apply().stdout);
    assert_contains(&stdout, &["The file ~/.hcloud/config.json cannot be used: its secrets are encrypted"]);
    assert_contains(
        &stdout,
        &["Warning: Credentials File Skipped", "The credential comes from the ECS metadata service instead."],
    );
    assert!(fixture.cloud.request_count(Route::MetadataKeys) > 0);
    fixture.workspace.set_env("HW_SHARED_CONFIG_FILE", "/dev/null");
    assert!(
        !fixture.apply().stdout.contains("Warning: Credentials File"),
        "a disabled file must give no warning"
    );
}
