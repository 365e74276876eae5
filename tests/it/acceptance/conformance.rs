//! The checks of the table in `tests/README.md` that only a real core can show.

use super::*;
use crate::process::debug::DebugProcess;

#[test]
fn c59_error_shows_the_line_in_the_right_block() {
    for fixture in both_protocols() {
        let role = assume_role_by_name(fixture.cloud.cloud_state(), "a");
        let with = |seconds: u32| role.replacen("\n", &format!("\n    duration = {seconds}\n"), 1);
        fixture.configure(&format!("{}\n  {}", with(900), with(1)), &data_source(INSTANCE));
        let text = fixture.plan_fails_with(&["Invalid Provider Setting", "duration = 1 "]);
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
    let mut fixture = Fixture::with_workspace(Workspace::new(core(), folder.path()));
    fixture.workspace.enable_trace_log();
    let text = fixture.configure("", &data_source(INSTANCE)).plan_fails_with(&[]);
    // OpenTofu since 1.11 looks for the line where its version of go-plugin no longer puts it. It is in the log only.
    if core().is_at_least(None, Some((1, 11))) {
        let log = fixture.workspace.trace_log();
        let line = "[ERROR] provider.terraform-provider-dds: panic: terraform-provider-dds";
        assert!(log.contains(line) && text.contains("failed to instantiate provider"), "{text}\n{log}");
        return;
    }
    let trace = "Stack trace from the terraform-provider-dds plugin: panic: terraform-provider-dds";
    assert_contains(&text, &[trace, "The terraform-provider-dds plugin crashed!"]);
}

#[test]
fn c70_debug_process_serves_several_runs_until_an_interrupt() {
    for protocol in ["5", "6"] {
        let mut process = DebugProcess::start(&[("PLUGIN_PROTOCOL_VERSIONS", protocol)]);
        let empty = tempfile::tempdir().unwrap();
        let fixture = debug_fixture(&process, empty.path());
        let plan = fixture.configure("", &data_source(INSTANCE)).plan();
        assert_eq!(plan.code, Some(0), "{}", plan.stderr);
        fixture.apply();
        assert_eq!(fixture.workspace.outputs()["found"]["certs"].as_array().unwrap().len(), 2);
        fixture.assert_no_changes();
        assert!(process.lives());
        process.interrupt();
        assert_eq!(process.wait().code(), Some(0));
        // So it was that process which did the work.
        assert_eq!(fixture.plan().code, Some(1));
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
    for mut fixture in both_protocols() {
        fixture.workspace.enable_trace_log();
        fixture.configure("", &data_source(INSTANCE));
        for arguments in [
            &["validate"][..],
            &["plan", "-input=false"],
            &["apply", "-input=false", "-auto-approve"],
            &["apply", "-input=false", "-auto-approve", "-refresh-only"],
            &["output", "-json"],
            &["destroy", "-input=false", "-auto-approve"],
        ] {
            fixture.workspace.run_ok(arguments);
        }
        let log = fixture.workspace.trace_log();
        assert!(
            log.contains("provider.terraform-provider-dds") && log.contains("HTTP request"),
            "{log:.2000}"
        );
        assert_eq!(complaints(&log), Vec::<&str>::new());
    }
}

/// A fixture in a workspace that has no provider but the running one.
pub fn debug_fixture(process: &DebugProcess, folder: &Path) -> Fixture {
    let mut workspace = Workspace::new(core(), folder);
    workspace.set_env("TF_REATTACH_PROVIDERS", process.reattach());
    Fixture::with_workspace(workspace)
}

#[test]
fn two_provider_blocks_of_one_run_do_not_mix() {
    let process = DebugProcess::start(&[]);
    let empty = tempfile::tempdir().unwrap();
    let fixture = debug_fixture(&process, empty.path());
    let block = fixture.aliased_provider_block("south", "region = \"ap-southeast-3\"");
    let south = format!(
        "data \"dds_ssl_cert_download_links\" \"south\" {{\n  provider = dds.south\n  instance_id = {OTHER_REGION_INSTANCE:?}\n}}\n\n\
         output \"south\" {{\n  value = data.dds_ssl_cert_download_links.south.region\n}}\n\n"
    );
    fixture.configure("", &(block + &south + &data_source(INSTANCE))).apply();
    let outputs = fixture.workspace.outputs();
    assert_eq!(outputs["found"]["region"], "cn-north-4");
    assert_eq!(outputs["south"], "ap-southeast-3");
}

/// A fixture whose provider is started by a script in its place.
pub fn protocol_5_fixture() -> Fixture {
    static SCRIPT: LazyLock<PathBuf> = LazyLock::new(|| {
        terraform_runner::restrict_to_protocol(Path::new(env!("CARGO_BIN_EXE_terraform-provider-dds")), 5)
            .unwrap()
    });
    let mut workspace = Workspace::new(core(), SCRIPT.parent().unwrap());
    workspace.enable_trace_log();
    Fixture::with_workspace(workspace)
}

#[test]
fn protocol_5_apply_has_the_same_outputs_as_protocol_6() {
    let (five, six) = (protocol_5_fixture(), Fixture::new());
    for fixture in [&five, &six] {
        fixture.configure("", &data_source(INSTANCE));
        fixture.workspace.run_ok(&["validate"]);
        fixture.apply();
        fixture.assert_no_changes();
    }
    assert_eq!(terraform_runner::negotiated_protocols(&five.workspace.trace_log()), [5].into());
    assert_eq!(five.workspace.outputs(), six.workspace.outputs());
}

#[test]
fn protocol_5_error_shows_the_line_of_the_configuration() {
    let fixture = protocol_5_fixture();
    fixture.configure("", &data_source("../x"));
    fixture.plan_fails_with(&["Invalid Attribute Value", "instance_id = \"../x\""]);
    fixture.configure("max_retries = -1", &data_source(INSTANCE)).plan_fails_with(&["max_retries = -1"]);
}
