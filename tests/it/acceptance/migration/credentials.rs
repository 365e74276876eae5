//! Keys, tokens, users, files and machines.

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
