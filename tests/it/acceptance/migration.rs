//! Blocks as the official provider's documentation has them, with nothing changed but the provider's name. The simulated
//! cloud knows the names that they hold, and an override file says where it is, as for any private cloud.

mod agencies;
mod credentials;
mod network;
mod settings;

use cloud_simulator::{Agency, Key};

use super::*;

/// All that the blocks name is right here.
fn world() -> World {
    let mut world = World::sample();
    world.keys[0] =
        Key { id: "my-access-key".into(), secret: "my-secret-key".into(), ..world.keys[0].clone() };
    world.token = "my-token".into();
    world.user_id = "my-user-id".into();
    world.user_name = "my-user-name".into();
    world.password = "my-password".into();
    world.account_id = "my-domain-id".into();
    world.account_name = "my-domain-name".into();
    world.identity_provider.idp_id = "my-idp-id".into();
    world.identity_provider.id_token = "my-id-token".into();
    let agency = |name: &str, trusts: &[&str]| Agency {
        name: name.into(),
        account_id: world.account_id.clone(),
        account_name: world.account_name.clone(),
        trusts: trusts.iter().map(|it| (*it).into()).collect(),
        may_read: true,
    };
    let callers = ["my-access-key", "my-user-name", "my-idp-id"];
    let own = [agency("my-agency-name", &callers), agency("my-second-agency-name", &["my-agency-name"])];
    for agency in &mut world.agencies {
        agency.account_id.clone_from(&world.account_id);
    }
    world.agencies.extend(own);
    world
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
