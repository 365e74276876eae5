//! Real Terraform over protocol 5: the provider is told that the host knows no other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A scene whose provider is started by a script in its place.
fn scene(folder: &Path) -> Scene {
    let script = folder.join("terraform-provider-dds");
    let program = env!("CARGO_BIN_EXE_terraform-provider-dds");
    fs::write(&script, format!("#!/bin/sh\nPLUGIN_PROTOCOL_VERSIONS=5 exec '{program}'\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut workspace = Workspace::new(core(), folder);
    workspace.trace();
    Scene { cloud: Simulator::start(World::sample()), workspace }
}

#[test]
fn a_configuration_is_applied_as_in_protocol_6() {
    let folder = tempfile::tempdir().unwrap();
    let (five, six) = (scene(folder.path()), Scene::new());
    for scene in [&five, &six] {
        scene.configure("", &data(INSTANCE));
        scene.workspace.must(&["validate"]);
        scene.apply();
        scene.is_settled();
    }
    assert!(five.workspace.log().contains("using plugin: version=5"));
    assert_eq!(five.workspace.outputs(), six.workspace.outputs());
}

#[test]
fn an_error_is_shown_at_its_place_in_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(folder.path());
    let output = scene.configure("", &data("../x")).plan();
    assert_eq!(output.code, Some(1));
    let text = joined(&output.stderr);
    assert!(text.contains("Invalid Instance ID") && text.contains("instance_id = \"../x\""), "{text}");
    let output = scene.configure("max_retries = -1", &data(INSTANCE)).plan();
    assert!(joined(&output.stderr).contains("max_retries = -1"), "{}", output.stderr);
}
