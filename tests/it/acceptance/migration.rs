//! Blocks as the official provider's documentation has them, with nothing changed but the provider's name. The simulated
//! cloud knows the names that they hold, and an override file says where it is, as for any private cloud.

mod credentials;
mod network;

use cloud_simulator::{Agency, Key, Route};

use super::*;

const KEY: &str = r#"  region     = "cn-north-4"
  access_key = "my-access-key"
  secret_key = "my-secret-key"
"#;

/// All that the blocks name is right here.
fn cloud_state() -> CloudState {
    let mut cloud_state = CloudState::sample();
    cloud_state.keys[0] =
        Key { id: "my-access-key".into(), secret: "my-secret-key".into(), ..cloud_state.keys[0].clone() };
    cloud_state.token = "my-token".into();
    cloud_state.user_id = "my-user-id".into();
    cloud_state.user_name = "my-user-name".into();
    cloud_state.password = "my-password".into();
    cloud_state.account_id = "my-domain-id".into();
    cloud_state.account_name = "my-domain-name".into();
    cloud_state.identity_provider.idp_id = "my-idp-id".into();
    cloud_state.identity_provider.id_token = "my-id-token".into();
    let agency = |name: &str, trusts: &[&str]| Agency {
        name: name.into(),
        account_id: cloud_state.account_id.clone(),
        account_name: cloud_state.account_name.clone(),
        trusts: trusts.iter().map(|it| (*it).into()).collect(),
        may_read: true,
    };
    let callers = ["my-access-key", "my-user-name", "my-idp-id"];
    let own = [agency("my-agency-name", &callers), agency("my-second-agency-name", &["my-agency-name"])];
    for agency in &mut cloud_state.agencies {
        agency.account_id.clone_from(&cloud_state.account_id);
    }
    cloud_state.agencies.extend(own);
    cloud_state
}

/// Applies a block with these settings in a cloud of its own, and with these variables in the environment.
fn moves_over(settings: &str, variables: &[(&str, &str)]) -> Scene {
    moves_over_to(cloud_state(), settings, variables)
}

fn moves_over_to(cloud_state: CloudState, settings: &str, variables: &[(&str, &str)]) -> Scene {
    let mut scene = Scene::of(cloud_state);
    for (name, value) in variables {
        scene.workspace.set(name, *value);
    }
    applies(&scene, settings);
    scene
}

fn applies(scene: &Scene, settings: &str) -> Output {
    applies_at(scene, &scene.endpoints(), settings)
}

/// With these addresses. A second look finds nothing to change.
fn applies_at(scene: &Scene, addresses: &str, settings: &str) -> Output {
    scene.workspace.configure(&format!("provider \"dds\" {{\n{settings}\n}}\n{}", data(INSTANCE)));
    scene.workspace.write("cloud_override.tf", &format!("provider \"dds\" {{\n  {addresses}\n}}\n"));
    let output = scene.apply();
    assert_eq!(scene.workspace.outputs()["found"]["certs"].as_array().unwrap().len(), 2);
    scene.is_settled();
    output
}

#[test]
fn projects_move_over_by_their_older_names() {
    let project = CloudState::sample().projects[0].clone();
    for (name, variable, value, look_ups) in [
        ("project_id", "HW_PROJECT_ID", &project.id, 0),
        ("tenant_id", "OS_TENANT_ID", &project.id, 0),
        ("project_name", "OS_PROJECT_NAME", &project.name, 1),
        ("tenant_name", "OS_TENANT_NAME", &project.name, 1),
    ] {
        let mut scene = moves_over(&format!("{KEY}  {name} = {value:?}"), &[]);
        scene.workspace.set(variable, value);
        applies(&scene, KEY);
        // Four runs.
        assert_eq!(scene.cloud.count(Route::Projects), 4 * look_ups, "{name}");
    }
}

/// The name of a sub-project, which no region has, shows that the setting is read.
#[test]
fn a_sub_project_moves_over_by_its_older_names() {
    let team = CloudState::sample().projects[1].clone();
    for setting in [format!("tenant_name = {:?}", team.name), format!("tenant_id = {:?}", team.id)] {
        let scene = Scene::of(cloud_state());
        scene.configure(&setting, &data(TEAM)).apply();
        scene.is_settled();
    }
}

#[test]
fn settings_that_mean_nothing_here_are_accepted_with_one_warning() {
    let settings = r#"
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
    keys         = ["a"]
    key_prefixes = ["CCE-"]
  }"#;
    let output = applies(&Scene::of(cloud_state()), settings);
    let names = "default_tags, enable_force_new, enterprise_project_id, skip_check_upgrade, skip_check_website_type, ignore_tags";
    holds(&joined(&output.stdout), &["Warning: Settings Ignored", names]);
}
