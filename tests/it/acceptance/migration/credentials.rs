//! Keys, tokens, users, files, machines and assumed agencies.

use cloud_simulator::{Metadata, Route};
use serde_json::json;

use super::*;

#[test]
fn static_credentials_move_over() {
    let block = r#"provider "dds" {
  region     = "cn-north-4"
  access_key = "my-access-key"
  secret_key = "my-secret-key"
}"#;
    applies(&Scene::of(cloud_state()), block);
}

#[test]
fn temporary_credentials_move_over() {
    let mut cloud_state = cloud_state();
    cloud_state.keys[0].security_token = Some("my-security-token".into());
    let block = r#"provider "dds" {
  region         = "cn-north-4"
  access_key     = "my-access-key"
  secret_key     = "my-secret-key"
  security_token = "my-security-token"
}"#;
    let mut scene = Scene::of(cloud_state);
    applies(&scene, block);
    scene.workspace.set("HW_REGION_NAME", "cn-north-4").set("HW_SECURITY_TOKEN", "my-security-token");
    scene.workspace.set("HW_ACCESS_KEY", "my-access-key").set("HW_SECRET_KEY", "my-secret-key");
    applies(&scene, "provider \"dds\" {}");
}

#[test]
fn a_token_moves_over() {
    let block = r#"provider "dds" {
  region = "cn-north-4"
  token  = "my-token"
}"#;
    let mut scene = Scene::of(cloud_state());
    applies(&scene, block);
    for (region, token) in [("HW_REGION_NAME", "HW_AUTH_TOKEN"), ("OS_REGION_NAME", "OS_AUTH_TOKEN")] {
        scene = Scene::of(cloud_state());
        scene.workspace.set(region, "cn-north-4").set(token, "my-token");
        applies(&scene, "provider \"dds\" {}");
    }
}

#[test]
fn a_user_with_a_password_moves_over() {
    for user in [
        "user_name   = \"my-user-name\"\n  domain_name = \"my-domain-name\"",
        "user_name = \"my-user-name\"\n  domain_id = \"my-domain-id\"",
        "user_id     = \"my-user-id\"\n  domain_name = \"my-domain-name\"",
        "user_id  = \"my-user-id\"",
    ] {
        let scene = Scene::of(cloud_state());
        let rest = "region   = \"cn-north-4\"\n  password = \"my-password\"";
        applies(&scene, &format!("provider \"dds\" {{\n  {rest}\n  {user}\n}}"));
        assert_eq!(scene.cloud.count(Route::Tokens), 2, "one for each run");
    }
}

#[test]
fn environment_variables_move_over() {
    let key = [("ACCESS_KEY", "my-access-key"), ("SECRET_KEY", "my-secret-key")].as_slice();
    let hw = [
        ("USER_NAME", "my-user-name"),
        ("USER_PASSWORD", "my-password"),
        ("DOMAIN_NAME", "my-domain-name"),
        ("PROJECT_NAME", "cn-north-4"),
    ];
    let os = [
        ("USERNAME", "my-user-name"),
        ("PASSWORD", "my-password"),
        ("USER_DOMAIN_NAME", "my-domain-name"),
        ("TENANT_NAME", "cn-north-4"),
    ];
    for (family, variables) in [("HW", key), ("OS", key), ("HW", &hw), ("OS", &os)] {
        let mut scene = Scene::of(cloud_state());
        for (name, value) in variables.iter().chain(&[("REGION_NAME", "cn-north-4")]) {
            scene.workspace.set(&format!("{family}_{name}"), *value);
        }
        applies(&scene, "provider \"dds\" {}");
    }
}

#[test]
fn a_shared_configuration_file_moves_over() {
    let mut scene = Scene::of(cloud_state());
    let profile = json!({ "current": "default", "profiles": [{
        "name": "customprofile", "mode": "AKSK", "region": "cn-north-4",
        "accessKeyId": "my-access-key", "secretAccessKey": "my-secret-key",
    }] });
    scene.workspace.write("config.json", &profile.to_string());
    let file = scene.workspace.file("config.json").display().to_string();
    for region in ["region             = \"cn-north-4\"", ""] {
        let block = format!(
            "provider \"dds\" {{\n  {region}\n  shared_config_file = {file:?}\n  profile            = \"customprofile\"\n}}"
        );
        applies(&scene, &block);
    }
    scene.workspace.set("HW_SHARED_CONFIG_FILE", file).set("HW_PROFILE", "customprofile");
    applies(&scene, "provider \"dds\" {}");
}

#[test]
fn a_machine_s_agency_moves_over() {
    let mut scene = Scene::of(CloudState { metadata: Metadata::V2, ..cloud_state() });
    applies(&scene, "provider \"dds\" {\n  region = \"cn-north-4\"\n}");
    scene.workspace.set("HW_REGION_NAME", "cn-north-4");
    applies(&scene, "provider \"dds\" {}");
    assert_eq!(scene.cloud.count(Route::MetadataKeys), 4);
}

#[test]
fn an_assumed_role_moves_over() {
    for (account, route) in [
        (r#"domain_name = "my-domain-name""#, Route::AgencyKeys),
        (r#"domain_id   = "my-domain-id""#, Route::Assume),
        ("duration    = 3600\n    domain_id   = \"my-domain-id\"", Route::Assume),
    ] {
        let scene = Scene::of(cloud_state());
        let role = format!("  assume_role {{\n    agency_name = \"my-agency-name\"\n    {account}\n  }}");
        applies(&scene, &format!("provider \"dds\" {{\n{KEY}\n{role}\n}}"));
        assert_eq!(scene.cloud.count(route), 2, "one for each run");
    }
}

#[test]
fn an_assumed_role_moves_over_in_the_environment() {
    for (name, account) in [("DOMAIN_NAME", "my-domain-name"), ("DOMAIN_ID", "my-domain-id")] {
        let mut scene = Scene::of(cloud_state());
        scene.workspace.set("HW_ASSUME_ROLE_AGENCY_NAME", "my-agency-name");
        scene
            .workspace
            .set(&format!("HW_ASSUME_ROLE_{name}"), account)
            .set("HW_ASSUME_ROLE_DURATION", "3600");
        applies(&scene, &format!("provider \"dds\" {{\n{KEY}}}"));
        assert_eq!(scene.cloud.count(Route::AgencyKeys) + scene.cloud.count(Route::Assume), 2);
    }
}

#[test]
fn a_chain_of_assumed_roles_moves_over() {
    let block = format!(
        r#"provider "dds" {{
{KEY}
  assume_role {{
    agency_name = "my-agency-name"
    domain_id   = "my-domain-id"
  }}

  assume_role {{
    agency_name = "my-second-agency-name"
    domain_id   = "my-domain-id"
  }}
}}"#
    );
    let scene = Scene::of(cloud_state());
    applies(&scene, &block);
    assert_eq!(scene.cloud.count(Route::Assume), 4, "two for each run");
}

#[test]
fn an_identity_provider_s_token_moves_over() {
    let mut scene = Scene::of(cloud_state());
    scene.workspace.write("id-token", "my-id-token\n");
    let file = scene.workspace.file("id-token").display().to_string();
    for token in ["id_token    = \"my-id-token\"".to_owned(), format!("id_token_file = {file:?}")] {
        let block = format!(
            r#"provider "dds" {{
  region = "cn-north-4"

  assume_role_with_oidc {{
    agency_name = "my-agency-name"
    domain_id   = "my-domain-id"
    idp_id      = "my-idp-id"
    {token}
    duration    = 3600
  }}
}}"#
        );
        applies(&scene, &block);
    }
    for (name, value) in [
        ("AGENCY_NAME", "my-agency-name"),
        ("DOMAIN_ID", "my-domain-id"),
        ("IDP_ID", "my-idp-id"),
        ("ID_TOKEN_FILE", &file),
    ] {
        scene.workspace.set(&format!("HW_ASSUME_ROLE_{name}"), value);
    }
    applies(&scene, "provider \"dds\" {\n  region = \"cn-north-4\"\n}");
    assert_eq!(scene.cloud.count(Route::FederatedTokens), 6);
}

/// Which calls this takes is not the block's affair; that the agency reads, and not the user, is.
#[test]
fn the_older_settings_of_an_agency_move_over() {
    let mut scene = Scene::of(cloud_state());
    let user = r#"  region      = "cn-north-4"
  user_name   = "my-user-name"
  password    = "my-password"
  domain_name = "my-domain-name"
"#;
    let agency = r#"
  agency_name        = "my-agency-name"
  agency_domain_name = "my-domain-name"
  delegated_project  = "cn-north-4"
"#;
    applies(&scene, &format!("provider \"dds\" {{\n{user}{agency}}}"));
    for (name, value) in [
        ("AGENCY_NAME", "my-agency-name"),
        ("AGENCY_DOMAIN_NAME", "my-domain-name"),
        ("DELEGATED_PROJECT", "cn-north-4"),
    ] {
        scene.workspace.set(&format!("OS_{name}"), value);
    }
    applies(&scene, &format!("provider \"dds\" {{\n{user}}}"));

    let mut cloud_state = cloud_state();
    cloud_state.agencies.iter_mut().for_each(|agency| agency.may_read = false);
    let scene = Scene::of(cloud_state);
    scene.configure_as(
        &format!("{}{agency}", user.replace("  region      = \"cn-north-4\"\n", "")),
        &data(INSTANCE),
    );
    assert!(joined(&scene.plan().stderr).contains("Error: Access Denied"), "the agency's rights count");
}
