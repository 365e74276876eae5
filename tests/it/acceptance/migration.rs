//! Blocks as the official provider's documentation has them, with nothing changed but the provider's name. The simulated
//! cloud knows the keys that they name, and an override file says where it is, as for any private cloud.

use dds_test_support::simulator::{Agency, Key, Metadata};

use super::*;

fn world(security_token: Option<&str>) -> World {
    let mut world = World::sample();
    world.keys[0] = Key {
        id: "my-access-key".into(),
        secret: "my-secret-key".into(),
        security_token: security_token.map(Into::into),
        ..world.keys[0].clone()
    };
    let account = &world.account_name;
    world.agencies.push(Agency {
        name: "agency".into(),
        account_id: world.account_id.clone(),
        account_name: account.clone(),
        trusts: vec!["my-access-key".into()],
        may_read: true,
    });
    world
}

fn applies(scene: &Scene, block: &str) -> Output {
    scene.workspace.configure(&format!("{block}\n{}", data(INSTANCE)));
    scene
        .workspace
        .write("cloud_override.tf", &format!("provider \"dds\" {{\n  {}\n}}\n", scene.endpoints()));
    let output = scene.apply();
    assert_eq!(scene.workspace.outputs()["found"]["certs"].as_array().unwrap().len(), 2);
    output
}

#[test]
fn static_credentials_move_over() {
    let block = r#"provider "dds" {
  region     = "cn-north-4"
  access_key = "my-access-key"
  secret_key = "my-secret-key"
}"#;
    applies(&Scene::of(world(None)), block);
    let block = r#"provider "dds" {
  region         = "cn-north-4"
  access_key     = "my-access-key"
  secret_key     = "my-secret-key"
  security_token = "my-security-token"
}"#;
    applies(&Scene::of(world(Some("my-security-token"))), block);
}

#[test]
fn environment_variables_move_over() {
    let mut scene = Scene::of(world(None));
    scene.workspace.set("HW_ACCESS_KEY", "my-access-key").set("HW_SECRET_KEY", "my-secret-key");
    scene.workspace.set("HW_REGION_NAME", "cn-north-4");
    applies(&scene, "provider \"dds\" {}");
}

#[test]
fn a_shared_configuration_file_moves_over() {
    let scene = Scene::of(world(None));
    let file = scene.workspace.file("config.json");
    let profile = serde_json::json!({ "current": "default", "profiles": [{
        "name": "customprofile", "mode": "AKSK", "region": "cn-north-4",
        "accessKeyId": "my-access-key", "secretAccessKey": "my-secret-key",
    }] });
    std::fs::write(&file, profile.to_string()).unwrap();
    let block = format!(
        "provider \"dds\" {{\n  shared_config_file = {:?}\n  profile            = \"customprofile\"\n}}",
        file.display().to_string()
    );
    applies(&scene, &block);
}

#[test]
fn a_machine_s_agency_moves_over() {
    let scene = Scene::of(World { metadata: Metadata::V2, ..World::sample() });
    applies(&scene, "provider \"dds\" {\n  region = \"cn-north-4\"\n}");
}

#[test]
fn an_assumed_role_moves_over() {
    let mut world = world(None);
    world.account_name = "agency_domain".into();
    world.agencies.iter_mut().for_each(|agency| agency.account_name = "agency_domain".into());
    let block = r#"provider "dds" {
  region     = "cn-north-4"
  access_key = "my-access-key"
  secret_key = "my-secret-key"

  assume_role {
    agency_name = "agency"
    domain_name = "agency_domain"
  }
}"#;
    applies(&Scene::of(world), block);
}

#[test]
fn settings_that_mean_nothing_here_are_accepted_with_one_warning() {
    let block = r#"provider "dds" {
  region                  = "cn-north-4"
  access_key              = "my-access-key"
  secret_key              = "my-secret-key"
  enterprise_project_id   = "0"
  regional                = true
  skip_check_website_type = true
  skip_check_upgrade      = true
  enable_force_new        = true
  default_tags            = { team = "a" }

  ignore_tags {
    keys = ["a"]
  }
}"#;
    let scene = Scene::of(world(None));
    let output = applies(&scene, block);
    let text = joined(&output.stdout);
    let names = "default_tags, enable_force_new, enterprise_project_id, skip_check_upgrade, skip_check_website_type, ignore_tags";
    assert!(text.contains("Warning: Settings Without Effect") && text.contains(names), "{text}");
    scene.is_settled();
}
