//! Provider blocks from the documentation of the official provider. Only the provider's name is changed. The simulated
//! cloud has the same names and secrets. An override file sets its endpoints.

mod credentials;
mod network;

use cloud_simulator::{AccessKey, Agency, Route};

use super::*;

/// Arguments for a region and an access key.
const KEY: &str = r#"  region     = "cn-north-4"
  access_key = "my-access-key"
  secret_key = "my-secret-key"
"#;

/// A cloud that accepts the names and secrets of the blocks.
pub fn cloud_state() -> CloudState {
    let mut cloud_state = CloudState::sample();
    cloud_state.access_keys[0] = AccessKey {
        id: "my-access-key".into(),
        secret: "my-secret-key".into(),
        ..cloud_state.access_keys[0].clone()
    };
    cloud_state.token = "my-token".into();
    cloud_state.user_id = "my-user-id".into();
    cloud_state.user_name = "my-user-name".into();
    cloud_state.password = "my-password".into();
    cloud_state.account_id = "my-domain-id".into();
    cloud_state.account_name = "my-domain-name".into();
    cloud_state.identity_provider.idp_id = "my-idp-id".into();
    cloud_state.identity_provider.id_token = "my-id-token".into();
    let agency = |name: &str, trusted_principals: &[&str]| Agency {
        name: name.into(),
        account_id: cloud_state.account_id.clone(),
        account_name: cloud_state.account_name.clone(),
        trusted_principals: trusted_principals.iter().map(|principal| (*principal).into()).collect(),
        can_read_instances: true,
    };
    let callers = ["my-access-key", "my-user-name", "my-idp-id"];
    let new_agencies =
        [agency("my-agency-name", &callers), agency("my-second-agency-name", &["my-agency-name"])];
    for agency in &mut cloud_state.agencies {
        agency.account_id.clone_from(&cloud_state.account_id);
    }
    cloud_state.agencies.extend(new_agencies);
    cloud_state
}

/// Applies a block with these arguments, and with these environment variables.
fn migrate(settings: &str, variables: &[(&str, &str)]) -> Fixture {
    migrate_in(cloud_state(), settings, variables)
}

fn migrate_in(cloud_state: CloudState, settings: &str, variables: &[(&str, &str)]) -> Fixture {
    let mut fixture = Fixture::with_cloud_state(cloud_state);
    for (name, value) in variables {
        fixture.workspace.set_env(name, *value);
    }
    apply_settings(&fixture, settings);
    fixture
}

fn apply_settings(fixture: &Fixture, settings: &str) -> Output {
    apply_with_endpoints(fixture, &fixture.endpoints(), settings)
}

/// Applies a block with these endpoints, and asserts that a second plan has no changes.
fn apply_with_endpoints(fixture: &Fixture, endpoints: &str, settings: &str) -> Output {
    fixture
        .workspace
        .write_config(&format!("provider \"dds\" {{\n{settings}\n}}\n{}", data_source(INSTANCE)));
    fixture.workspace.write_file("cloud_override.tf", &format!("provider \"dds\" {{\n  {endpoints}\n}}\n"));
    let output = fixture.apply();
    assert_eq!(fixture.workspace.outputs()["result"]["certs"].as_array().unwrap().len(), 2);
    fixture.assert_no_changes();
    output
}

#[test]
fn older_project_settings_migrate() {
    let project = CloudState::sample().projects[0].clone();
    for (name, variable, value, lookups) in [
        ("project_id", "HW_PROJECT_ID", &project.id, 0),
        ("tenant_id", "OS_TENANT_ID", &project.id, 0),
        ("project_name", "OS_PROJECT_NAME", &project.name, 1),
        ("tenant_name", "OS_TENANT_NAME", &project.name, 1),
    ] {
        let mut fixture = migrate(&format!("{KEY}  {name} = {value:?}"), &[]);
        fixture.workspace.set_env(variable, value);
        apply_settings(&fixture, KEY);
        // Two runs with the argument, and two with the variable.
        assert_eq!(fixture.cloud.request_count(Route::Projects), 4 * lookups, "{name}");
    }
}

/// A sub-project shows that the setting is used, because its name is not the name of a region.
#[test]
fn older_sub_project_settings_migrate() {
    let sub_project = CloudState::sample().projects[1].clone();
    for setting in
        [format!("tenant_name = {:?}", sub_project.name), format!("tenant_id = {:?}", sub_project.id)]
    {
        let fixture = Fixture::with_cloud_state(cloud_state());
        fixture.configure(&setting, &data_source(SUB_PROJECT_INSTANCE)).apply();
        fixture.assert_no_changes();
    }
}

#[test]
fn ignored_settings_are_accepted_with_one_warning() {
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
    let output = apply_settings(&Fixture::with_cloud_state(cloud_state()), settings);
    let names = "default_tags, enable_force_new, enterprise_project_id, skip_check_upgrade, skip_check_website_type, ignore_tags";
    assert_contains(&without_line_breaks(&output.stdout), &["Warning: Settings Ignored", names]);
}

/// Each section is applied separately: its configuration, with the environment variables that it exports.
#[test]
fn every_section_of_the_documentation_applies() {
    let mut applied = 0;
    for page in [
        "index",
        "data-sources/instances",
        "data-sources/ssl_cert_download_links",
        "data-sources/ssl_certificates",
        "guides/authentication",
        "guides/network",
        "guides/migrate-from-huaweicloud",
        "guides/watch-ca-expiry",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("templates/{page}.md"));
        let text = std::fs::read_to_string(path).unwrap();
        for section in text.replace("\n### ", "\n## ").split("\n## ") {
            let (configuration, variables) = (code(section, "terraform"), code(section, "shell"));
            if !configuration.is_empty() || !variables.is_empty() {
                apply_section(section, &configuration, &variables);
                applied += 1;
            }
        }
    }
    assert_eq!(applied, 25);
}

/// The code blocks of a Markdown section in this language.
pub fn code(section: &str, language: &str) -> String {
    let blocks = section.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect::<Vec<_>>().join("\n")
}

fn apply_section(section: &str, configuration: &str, variables: &str) {
    let mut cloud_state = cloud_state();
    if variables.contains("my-security-token") {
        cloud_state.access_keys[0].security_token = Some("my-security-token".into());
    }
    let mut fixture = Fixture::with_cloud_state(cloud_state);
    let exports =
        variables.lines().filter_map(|line| line.strip_prefix("export ")).flat_map(str::split_whitespace);
    for (name, value) in exports.filter_map(|export| export.split_once('=')) {
        fixture.workspace.set_env(name, value.trim_matches('"'));
    }
    let temporary_key_route =
        [("Pod identity", Route::PodKeys), ("ECS metadata service", Route::MetadataKeys)]
            .into_iter()
            .find_map(|(title, route)| section.starts_with(title).then_some(route));
    if temporary_key_route == Some(Route::PodKeys) {
        authentication::set_container_variables(&mut fixture);
    }
    // An access key in the environment would be used instead of the method that the section describes.
    let has_credential = temporary_key_route.is_some() || configuration.contains("profile ");
    if !has_credential && !variables.contains("HW_") {
        fixture.workspace.set_env("HW_ACCESS_KEY", "my-access-key").set_env("HW_SECRET_KEY", "my-secret-key");
    }
    fixture
        .workspace
        .set_env("TF_VAR_access_key", "my-access-key")
        .set_env("TF_VAR_secret_key", "my-secret-key");
    // The files that the examples name.
    let profile = serde_json::json!({ "profiles": [{
        "name": "work", "region": "cn-north-4", "accessKeyId": "my-access-key", "secretAccessKey": "my-secret-key",
    }] });
    std::fs::create_dir(fixture.workspace.file_path(".hcloud")).unwrap();
    fixture
        .workspace
        .write_file(".hcloud/config.json", &profile.to_string())
        .write_file("id-token", "my-id-token\n");
    fixture.workspace.write_file("ca.pem", fixture.cloud.tls_proxy().ca_certificate());
    let _downloads =
        configuration.contains("dds_ssl_certificates").then(|| certificates::serve_downloads(&mut fixture));
    let mut rest = String::new();
    if !configuration.contains("provider \"dds\"") {
        rest += "provider \"dds\" {\n  region = \"cn-north-4\"\n}\n";
    }
    if !configuration.contains("data \"dds_") {
        rest += &data_source(INSTANCE);
    }
    fixture
        .workspace
        .write_config(&rest)
        .write_file("example.tf", configuration)
        .write_file("cloud_override.tf", &fixture.provider_block(""));
    fixture.workspace.run_ok(&["fmt", "-check", "example.tf"]);
    fixture.apply();
    let read = if configuration.contains("dds_instances") { Route::Instances } else { Route::Links };
    assert_eq!(fixture.request_counts([read]), [1], "{section}");
    if let Some(route) = temporary_key_route {
        assert_eq!(fixture.request_counts([route]), [1], "{section}");
    }
}
