//! Blocks as the official provider's documentation has them, with nothing changed but the provider's name. The simulated
//! cloud knows the names that they hold, and an override file says where it is, as for any private cloud.

mod agencies;
mod credentials;
mod network;
mod settings;

use cloud_simulator::{Agency, Key};

use super::*;

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

fn applies(scene: &Scene, block: &str) -> Output {
    applies_at(scene, &scene.endpoints(), block)
}

/// With these addresses. A second look finds nothing to change.
fn applies_at(scene: &Scene, addresses: &str, block: &str) -> Output {
    scene.workspace.configure(&format!("{block}\n{}", data(INSTANCE)));
    scene.workspace.write("cloud_override.tf", &format!("provider \"dds\" {{\n  {addresses}\n}}\n"));
    let output = scene.apply();
    assert_eq!(scene.workspace.outputs()["found"]["certs"].as_array().unwrap().len(), 2);
    scene.is_settled();
    output
}
