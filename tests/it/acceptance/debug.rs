//! Real Terraform with a provider that it did not start.

use super::*;
use crate::process::debug::Debugged;

/// A scene in a workspace that has no provider but the running one.
fn scene(debugged: &Debugged, folder: &Path) -> Scene {
    let mut workspace = Workspace::new(core(), folder);
    workspace.set("TF_REATTACH_PROVIDERS", debugged.reattach());
    Scene { cloud: Simulator::start(World::sample()), workspace }
}

#[test]
fn one_process_serves_run_after_run_and_ends_on_an_interrupt() {
    for protocol in ["5", "6"] {
        let mut debugged = Debugged::start(&[("PLUGIN_PROTOCOL_VERSIONS", protocol)]);
        let empty = tempfile::tempdir().unwrap();
        let scene = scene(&debugged, empty.path());
        let plan = scene.configure("", &data(INSTANCE)).plan();
        assert_eq!(plan.code, Some(0), "{}", plan.stderr);
        scene.apply();
        assert_eq!(scene.workspace.outputs()["found"]["certs"].as_array().unwrap().len(), 2);
        scene.is_settled();
        assert!(debugged.lives());
        debugged.interrupt();
        assert_eq!(debugged.wait().code(), Some(0));
        // So it was that process which did the work.
        assert_eq!(scene.plan().code, Some(1));
    }
}

#[test]
fn two_configurations_of_one_run_do_not_mix() {
    let debugged = Debugged::start(&[]);
    let empty = tempfile::tempdir().unwrap();
    let scene = scene(&debugged, empty.path());
    let (key, endpoints) = (&scene.cloud.world().keys[0], scene.endpoints());
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
