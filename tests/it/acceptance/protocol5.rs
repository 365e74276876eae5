//! Real Terraform over protocol 5: the provider is told that the host knows no other.

use super::*;

/// A scene whose provider is started by a script in its place.
pub fn scene() -> Scene {
    static SCRIPT: LazyLock<PathBuf> = LazyLock::new(|| {
        terraform_runner::limited_to_protocol(Path::new(env!("CARGO_BIN_EXE_terraform-provider-dds")), 5)
            .unwrap()
    });
    let mut workspace = Workspace::new(core(), SCRIPT.parent().unwrap());
    workspace.trace();
    Scene { cloud: Simulator::start(CloudState::sample()), workspace }
}

#[test]
fn a_configuration_is_applied_as_in_protocol_6() {
    let (five, six) = (scene(), Scene::new());
    for scene in [&five, &six] {
        scene.configure("", &data(INSTANCE));
        scene.workspace.must(&["validate"]);
        scene.apply();
        scene.is_settled();
    }
    assert_eq!(terraform_runner::negotiated_protocols(&five.workspace.log()), [5].into());
    assert_eq!(five.workspace.outputs(), six.workspace.outputs());
}

#[test]
fn an_error_is_shown_at_its_place_in_the_configuration() {
    let scene = scene();
    let output = scene.configure("", &data("../x")).plan();
    assert_eq!(output.code, Some(1));
    let text = joined(&output.stderr);
    assert!(text.contains("Invalid Instance ID") && text.contains("instance_id = \"../x\""), "{text}");
    let output = scene.configure("max_retries = -1", &data(INSTANCE)).plan();
    assert!(joined(&output.stderr).contains("max_retries = -1"), "{}", output.stderr);
}
