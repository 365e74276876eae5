//! Projects by their older names, and what means nothing here.

use cloud_simulator::Route;

use super::*;

const KEY: &str = r#"  region     = "cn-north-4"
  access_key = "my-access-key"
  secret_key = "my-secret-key"
"#;

#[test]
fn projects_move_over_by_their_older_names() {
    let project = CloudState::sample().projects[0].clone();
    for (name, variable, value, look_ups) in [
        ("project_id", "HW_PROJECT_ID", &project.id, 0),
        ("tenant_id", "OS_TENANT_ID", &project.id, 0),
        ("project_name", "OS_PROJECT_NAME", &project.name, 1),
        ("tenant_name", "OS_TENANT_NAME", &project.name, 1),
    ] {
        let mut scene = Scene::of(cloud_state());
        applies(&scene, &format!("provider \"dds\" {{\n{KEY}  {name} = {value:?}\n}}"));
        scene.workspace.set(variable, value);
        applies(&scene, &format!("provider \"dds\" {{\n{KEY}}}"));
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
        let rest = data("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbin02");
        scene.configure(&setting, &rest).apply();
        scene.is_settled();
    }
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
    keys         = ["a"]
    key_prefixes = ["CCE-"]
  }
}"#;
    let scene = Scene::of(cloud_state());
    let output = applies(&scene, block);
    let text = joined(&output.stdout);
    let names = "default_tags, enable_force_new, enterprise_project_id, skip_check_upgrade, skip_check_website_type, ignore_tags";
    assert!(text.contains("Warning: Settings Without Effect") && text.contains(names), "{text}");
}
