//! Agencies that are taken on.

use cloud_simulator::Route;

use super::*;

const KEY: &str = r#"  region     = "cn-north-4"
  access_key = "my-access-key"
  secret_key = "my-secret-key"
"#;

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
