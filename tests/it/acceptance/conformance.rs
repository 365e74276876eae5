//! The checks of the table in `tests/README.md` that only a real core can show.

use super::*;
use crate::process::debug::Debugged;

#[test]
fn c59_error_shows_the_line_in_the_right_block() {
    for scene in both() {
        let role = by_name(scene.cloud.cloud_state(), "a");
        let with = |seconds: u32| role.replacen("\n", &format!("\n    duration = {seconds}\n"), 1);
        scene.configure(&format!("{}\n  {}", with(900), with(1)), &data(INSTANCE));
        let text = scene.fails_with(&["Invalid Provider Setting", "duration = 1 "]);
        assert!(!text.contains("duration = 900"), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn c63_core_reports_a_crash_of_the_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let limit = crate::conformance::diagnostics::limit_that_crashes().await;
    let program = env!("CARGO_BIN_EXE_terraform-provider-dds");
    // Core sees the end of one pipe at times before it has read the other. So the end comes a little later.
    let script = format!("ulimit {limit}; '{program}'; code=$?; sleep 1; exit $code");
    terraform_runner::write_script(&folder.path().join("terraform-provider-dds"), &script).unwrap();
    let mut scene = Scene::in_workspace(Workspace::new(core(), folder.path()));
    scene.workspace.enable_trace_log();
    let text = scene.configure("", &data(INSTANCE)).fails_with(&[]);
    // OpenTofu since 1.11 looks for the line where its version of go-plugin no longer puts it. It is in the log only.
    if core().is_at_least(None, Some((1, 11))) {
        let log = scene.workspace.trace_log();
        let line = "[ERROR] provider.terraform-provider-dds: panic: terraform-provider-dds";
        assert!(log.contains(line) && text.contains("failed to instantiate provider"), "{text}\n{log}");
        return;
    }
    let trace = "Stack trace from the terraform-provider-dds plugin: panic: terraform-provider-dds";
    holds(&text, &[trace, "The terraform-provider-dds plugin crashed!"]);
}

#[test]
fn c70_debug_process_serves_several_runs_until_an_interrupt() {
    for protocol in ["5", "6"] {
        let mut debugged = Debugged::start(&[("PLUGIN_PROTOCOL_VERSIONS", protocol)]);
        let empty = tempfile::tempdir().unwrap();
        let scene = debug_scene(&debugged, empty.path());
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

/// The lines of core's log that came from the provider, or are about what it printed, and are a warning or worse.
fn complaints(log: &str) -> Vec<&str> {
    let grave = |line: &&str| line.contains("[WARN]") || line.contains("[ERROR]");
    let ours =
        |line: &&str| line.contains("provider.terraform-provider-dds") || line.contains("unexpected data");
    log.lines().filter(grave).filter(ours).collect()
}

#[test]
fn c77_whole_lifecycle_logs_no_warning_from_the_provider() {
    for mut scene in both() {
        scene.workspace.enable_trace_log();
        scene.configure("", &data(INSTANCE));
        for arguments in [
            &["validate"][..],
            &["plan", "-input=false"],
            &["apply", "-input=false", "-auto-approve"],
            &["apply", "-input=false", "-auto-approve", "-refresh-only"],
            &["output", "-json"],
            &["destroy", "-input=false", "-auto-approve"],
        ] {
            scene.workspace.run_ok(arguments);
        }
        let log = scene.workspace.trace_log();
        assert!(
            log.contains("provider.terraform-provider-dds") && log.contains("HTTP request"),
            "{log:.2000}"
        );
        assert_eq!(complaints(&log), Vec::<&str>::new());
    }
}

/// A scene in a workspace that has no provider but the running one.
pub fn debug_scene(debugged: &Debugged, folder: &Path) -> Scene {
    let mut workspace = Workspace::new(core(), folder);
    workspace.set_env("TF_REATTACH_PROVIDERS", debugged.reattach());
    Scene::in_workspace(workspace)
}

#[test]
fn two_provider_blocks_of_one_run_do_not_mix() {
    let debugged = Debugged::start(&[]);
    let empty = tempfile::tempdir().unwrap();
    let scene = debug_scene(&debugged, empty.path());
    let block = scene.second_block("south", "region = \"ap-southeast-3\"");
    let south = format!(
        "data \"dds_ssl_cert_download_links\" \"south\" {{\n  provider = dds.south\n  instance_id = {SOUTH:?}\n}}\n\n\
         output \"south\" {{\n  value = data.dds_ssl_cert_download_links.south.region\n}}\n\n"
    );
    scene.configure("", &(block + &south + &data(INSTANCE))).apply();
    let outputs = scene.workspace.outputs();
    assert_eq!(outputs["found"]["region"], "cn-north-4");
    assert_eq!(outputs["south"], "ap-southeast-3");
}

/// A scene whose provider is started by a script in its place.
pub fn protocol5_scene() -> Scene {
    static SCRIPT: LazyLock<PathBuf> = LazyLock::new(|| {
        terraform_runner::restrict_to_protocol(Path::new(env!("CARGO_BIN_EXE_terraform-provider-dds")), 5)
            .unwrap()
    });
    let mut workspace = Workspace::new(core(), SCRIPT.parent().unwrap());
    workspace.enable_trace_log();
    Scene::in_workspace(workspace)
}

#[test]
fn protocol_5_apply_has_the_same_outputs_as_protocol_6() {
    let (five, six) = (protocol5_scene(), Scene::new());
    for scene in [&five, &six] {
        scene.configure("", &data(INSTANCE));
        scene.workspace.run_ok(&["validate"]);
        scene.apply();
        scene.is_settled();
    }
    assert_eq!(terraform_runner::negotiated_protocols(&five.workspace.trace_log()), [5].into());
    assert_eq!(five.workspace.outputs(), six.workspace.outputs());
}

#[test]
fn protocol_5_error_shows_the_line_of_the_configuration() {
    let scene = protocol5_scene();
    scene.configure("", &data("../x"));
    scene.fails_with(&["Invalid Attribute Value", "instance_id = \"../x\""]);
    scene.configure("max_retries = -1", &data(INSTANCE)).fails_with(&["max_retries = -1"]);
}
