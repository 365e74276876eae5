//! Keys, tokens, users, files, the ECS metadata service, and agencies.

use cloud_simulator::{MetadataService, Route};
use serde_json::json;

use super::*;

const REGION: (&str, &str) = ("HW_REGION_NAME", "cn-north-4");

#[test]
fn keys_and_tokens_migrate() {
    migrate(KEY, &[]);
    let mut temporary = cloud_state();
    temporary.access_keys[0].security_token = Some("my-security-token".into());
    let settings = format!("{KEY}  security_token = \"my-security-token\"");
    migrate_in(temporary.clone(), &settings, &[]);
    let key = [("HW_ACCESS_KEY", "my-access-key"), ("HW_SECRET_KEY", "my-secret-key")];
    migrate_in(temporary, "", &[REGION, key[0], key[1], ("HW_SECURITY_TOKEN", "my-security-token")]);
    migrate("  region = \"cn-north-4\"\n  token  = \"my-token\"", &[]);
    migrate("", &[REGION, ("HW_AUTH_TOKEN", "my-token")]);
    migrate("", &[("OS_REGION_NAME", "cn-north-4"), ("OS_AUTH_TOKEN", "my-token")]);
}

#[test]
fn user_with_password_migrates() {
    for user in [
        "user_name   = \"my-user-name\"\n  domain_name = \"my-domain-name\"",
        "user_name = \"my-user-name\"\n  domain_id = \"my-domain-id\"",
        "user_id     = \"my-user-id\"\n  domain_name = \"my-domain-name\"",
        "user_id  = \"my-user-id\"",
    ] {
        let fixture =
            migrate(&format!("  region = \"cn-north-4\"\n  password = \"my-password\"\n  {user}"), &[]);
        assert_eq!(fixture.cloud.request_count(Route::Tokens), 2, "one request for each run");
    }
}

#[test]
fn environment_variables_migrate() {
    let key = ["ACCESS_KEY=my-access-key", "SECRET_KEY=my-secret-key"].as_slice();
    let user = ["DOMAIN_NAME=my-domain-name", "PROJECT_NAME=cn-north-4"];
    let hw = ["USER_NAME=my-user-name", "USER_PASSWORD=my-password", user[0], user[1]];
    let user = ["USER_DOMAIN_NAME=my-domain-name", "TENANT_NAME=cn-north-4"];
    let os = ["USERNAME=my-user-name", "PASSWORD=my-password", user[0], user[1]];
    for (prefix, variables) in [("HW", key), ("OS", key), ("HW", &hw), ("OS", &os)] {
        let mut fixture = Fixture::with_cloud_state(cloud_state());
        for variable in variables.iter().chain(&["REGION_NAME=cn-north-4"]) {
            let (name, value) = variable.split_once('=').unwrap();
            fixture.workspace.set_env(&format!("{prefix}_{name}"), value);
        }
        apply_settings(&fixture, "");
    }
}

#[test]
fn shared_config_file_migrates() {
    let mut fixture = Fixture::with_cloud_state(cloud_state());
    let profile = json!({ "current": "default", "profiles": [{
        "name": "customprofile", "mode": "AKSK", "region": "cn-north-4",
        "accessKeyId": "my-access-key", "secretAccessKey": "my-secret-key",
    }] });
    fixture.workspace.write_file("config.json", &profile.to_string());
    let file = fixture.workspace.file_path("config.json").display().to_string();
    for region in ["region             = \"cn-north-4\"", ""] {
        let profile = format!("shared_config_file = {file:?}\n  profile            = \"customprofile\"");
        apply_settings(&fixture, &format!("  {region}\n  {profile}"));
    }
    fixture.workspace.set_env("HW_SHARED_CONFIG_FILE", file).set_env("HW_PROFILE", "customprofile");
    apply_settings(&fixture, "");
}

#[test]
fn ecs_agency_migrates() {
    for (settings, variables) in [("  region = \"cn-north-4\"", &[][..]), ("", &[REGION])] {
        let cloud_state = CloudState { metadata_service: MetadataService::V2, ..cloud_state() };
        assert_eq!(migrate_in(cloud_state, settings, variables).cloud.request_count(Route::MetadataKeys), 2);
    }
}

#[test]
fn assume_role_block_migrates() {
    for (account, route) in [
        (r#"domain_name = "my-domain-name""#, Route::AgencyKeys),
        (r#"domain_id   = "my-domain-id""#, Route::Assume),
        ("duration    = 3600\n    domain_id   = \"my-domain-id\"", Route::Assume),
    ] {
        let role = format!("  assume_role {{\n    agency_name = \"my-agency-name\"\n    {account}\n  }}");
        let fixture = migrate(&format!("{KEY}\n{role}"), &[]);
        assert_eq!(fixture.cloud.request_count(route), 2, "one request for each run");
    }
    for account in
        [("HW_ASSUME_ROLE_DOMAIN_NAME", "my-domain-name"), ("HW_ASSUME_ROLE_DOMAIN_ID", "my-domain-id")]
    {
        let agency = ("HW_ASSUME_ROLE_AGENCY_NAME", "my-agency-name");
        let fixture = migrate(KEY, &[agency, account, ("HW_ASSUME_ROLE_DURATION", "3600")]);
        assert_eq!(
            fixture.cloud.request_count(Route::AgencyKeys) + fixture.cloud.request_count(Route::Assume),
            2
        );
    }
}

#[test]
fn chain_of_assume_role_blocks_migrates() {
    let role = |name: &str| {
        format!("  assume_role {{\n    agency_name = {name:?}\n    domain_id   = \"my-domain-id\"\n  }}")
    };
    let (first, second) = (role("my-agency-name"), role("my-second-agency-name"));
    let fixture = migrate(&format!("{KEY}\n{first}\n\n{second}"), &[]);
    assert_eq!(fixture.cloud.request_count(Route::Assume), 4, "two requests for each run");
}

#[test]
fn assume_role_with_oidc_block_migrates() {
    let mut fixture = Fixture::with_cloud_state(cloud_state());
    fixture.workspace.write_file("id-token", "my-id-token\n");
    let file = fixture.workspace.file_path("id-token").display().to_string();
    for token in ["id_token    = \"my-id-token\"".to_owned(), format!("id_token_file = {file:?}")] {
        let settings = format!(
            r#"  region = "cn-north-4"

  assume_role_with_oidc {{
    agency_name = "my-agency-name"
    domain_id   = "my-domain-id"
    idp_id      = "my-idp-id"
    {token}
    duration    = 3600
  }}"#
        );
        apply_settings(&fixture, &settings);
    }
    for (name, value) in [
        ("AGENCY_NAME", "my-agency-name"),
        ("DOMAIN_ID", "my-domain-id"),
        ("IDP_ID", "my-idp-id"),
        ("ID_TOKEN_FILE", &file),
    ] {
        fixture.workspace.set_env(&format!("HW_ASSUME_ROLE_{name}"), value);
    }
    apply_settings(&fixture, "  region = \"cn-north-4\"");
    assert_eq!(fixture.cloud.request_count(Route::FederatedTokens), 6);
}

/// The read must use the permissions of the agency, not those of the user.
#[test]
fn older_agency_settings_migrate() {
    let region = "  region      = \"cn-north-4\"\n";
    let user = r#"  user_name   = "my-user-name"
  password    = "my-password"
  domain_name = "my-domain-name"
"#;
    let agency = r#"
  agency_name        = "my-agency-name"
  agency_domain_name = "my-domain-name"
  delegated_project  = "cn-north-4"
"#;
    migrate(&format!("{region}{user}{agency}"), &[]);
    let variables = [
        ("OS_AGENCY_NAME", "my-agency-name"),
        ("OS_AGENCY_DOMAIN_NAME", "my-domain-name"),
        ("OS_DELEGATED_PROJECT", "cn-north-4"),
    ];
    migrate(&format!("{region}{user}"), &variables);

    let mut cloud_state = cloud_state();
    cloud_state.agencies.iter_mut().for_each(|agency| agency.can_read_instances = false);
    let fixture = Fixture::with_cloud_state(cloud_state);
    fixture.configure_with(&format!("{user}{agency}"), &data_source(INSTANCE));
    // The user may read, but the agency may not.
    fixture.plan_fails_with(&["Error: Access Denied"]);
}
