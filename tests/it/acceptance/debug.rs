//! Real Terraform with a provider that it did not start.

use super::*;
use crate::process::debug::Debugged;

/// A scene in a workspace that has no provider but the running one.
pub fn scene(debugged: &Debugged, folder: &Path) -> Scene {
    let mut workspace = Workspace::new(core(), folder);
    workspace.set("TF_REATTACH_PROVIDERS", debugged.reattach());
    Scene { cloud: Simulator::start(CloudState::sample()), workspace }
}

#[test]
fn two_configurations_of_one_run_do_not_mix() {
    let debugged = Debugged::start(&[]);
    let empty = tempfile::tempdir().unwrap();
    let scene = scene(&debugged, empty.path());
    let (key, endpoints) = (&scene.cloud.cloud_state().keys[0], scene.endpoints());
    let south = format!(
        "provider \"dds\" {{\n  alias = \"south\"\n  region = \"ap-southeast-3\"\n  access_key = {:?}\n  secret_key = {:?}\n  \
         {endpoints}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"south\" {{\n  provider = dds.south\n  \
         instance_id = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaain02\"\n}}\n\n\
         output \"south\" {{\n  value = data.dds_ssl_cert_download_links.south.region\n}}\n",
        key.id, key.secret
    );
    scene.configure("", &format!("{south}\n{}", data(INSTANCE))).apply();
    let outputs = scene.workspace.outputs();
    assert_eq!(outputs["found"]["region"], "cn-north-4");
    assert_eq!(outputs["south"], "ap-southeast-3");
}
