//! The checks of the table in `tests/README.md` that need real Terraform.

use super::*;
use crate::process::debug::DebugProcess;

#[test]
fn c59_error_shows_the_line_in_the_right_block() {
    for (_, fixture) in both_protocols() {
        let role = role_by_name(fixture.cloud.cloud_state(), "a");
        let with_duration = |seconds: u32| role.replacen("\n", &format!("\n    duration = {seconds}\n"), 1);
        fixture.configure(&format!("{}\n  {}", with_duration(900), with_duration(1)), &data_source(INSTANCE));
        let errors = fixture.plan_fails_with(&["Invalid Provider Setting", "duration = 1 "]);
        assert!(!errors.contains("duration = 900"), "{errors}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn c63_core_reports_a_crash_of_the_plugin() {
    let dir = tempfile::tempdir().unwrap();
    let limit = crate::conformance::diagnostics::limit_that_crashes().await;
    let program = env!("CARGO_BIN_EXE_terraform-provider-dds");
    // Core sometimes notices the end of stdout before it has read stderr, so the script ends one second later.
    let script = format!("ulimit {limit}; '{program}'; code=$?; sleep 1; exit $code");
    terraform_runner::write_script(&dir.path().join("terraform-provider-dds"), &script).unwrap();
    let mut fixture = Fixture::with_workspace(Workspace::new(TerraformCli::required(), dir.path()));
    fixture.workspace.enable_trace_log();
    let errors = fixture.configure("", &data_source(INSTANCE)).plan_fails_with(&[]);
    // OpenTofu since 1.11 shows the line only in its log.
    if TerraformCli::required().is_at_least(None, Some((1, 11))) {
        let log = fixture.workspace.trace_log();
        let line = "[ERROR] provider.terraform-provider-dds: panic: terraform-provider-dds";
        assert!(log.contains(line) && errors.contains("failed to instantiate provider"), "{errors}\n{log}");
        return;
    }
    let trace = "Stack trace from the terraform-provider-dds plugin: panic: terraform-provider-dds";
    assert_contains(&errors, &[trace, "The terraform-provider-dds plugin crashed!"]);
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
        assert_eq!(fixture.workspace.outputs()["result"]["certs"].as_array().unwrap().len(), 2);
        fixture.assert_no_changes();
        assert!(process.is_running());
        process.interrupt();
        assert_eq!(process.wait().code(), Some(0));
        // Without the process a plan fails, so the earlier runs used it.
        assert_eq!(fixture.plan().code, Some(1));
    }
}

/// The warnings and errors in Core's log that come from the provider or are about its output.
fn provider_warnings(log: &str) -> Vec<&str> {
    let is_warning = |line: &&str| line.contains("[WARN]") || line.contains("[ERROR]");
    let is_from_provider =
        |line: &&str| line.contains("provider.terraform-provider-dds") || line.contains("unexpected data");
    log.lines().filter(is_warning).filter(is_from_provider).collect()
}

#[test]
fn c77_whole_lifecycle_logs_no_warning_from_the_provider() {
    for (_, mut fixture) in both_protocols() {
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
        assert_eq!(provider_warnings(&log), Vec::<&str>::new());
    }
}

/// A fixture with a provider in debug mode. `dir` contains no provider.
pub fn debug_fixture(process: &DebugProcess, dir: &Path) -> Fixture {
    let mut workspace = Workspace::new(TerraformCli::required(), dir);
    workspace.set_env("TF_REATTACH_PROVIDERS", process.reattach_providers());
    Fixture::with_workspace(workspace)
}

#[test]
fn two_provider_blocks_of_one_run_do_not_mix() {
    let process = DebugProcess::start(&[]);
    let empty = tempfile::tempdir().unwrap();
    let fixture = debug_fixture(&process, empty.path());
    let block = fixture.aliased_provider_block("other_region", "region = \"ap-southeast-3\"");
    let other_data_source = format!(
        "data \"dds_ssl_cert_download_links\" \"other_region\" {{\n  provider = dds.other_region\n  instance_id = {OTHER_REGION_INSTANCE:?}\n}}\n\n\
         output \"other_region\" {{\n  value = data.dds_ssl_cert_download_links.other_region.region\n}}\n\n"
    );
    fixture.configure("", &(block + &other_data_source + &data_source(INSTANCE))).apply();
    let outputs = fixture.workspace.outputs();
    assert_eq!(outputs["result"]["region"], "cn-north-4");
    assert_eq!(outputs["other_region"], "ap-southeast-3");
}

/// A fixture whose provider is limited to protocol 5 by a script.
pub fn protocol_5_fixture() -> Fixture {
    static SCRIPT: LazyLock<PathBuf> = LazyLock::new(|| {
        terraform_runner::restrict_to_protocol(Path::new(env!("CARGO_BIN_EXE_terraform-provider-dds")), 5)
            .unwrap()
    });
    let mut workspace = Workspace::new(TerraformCli::required(), SCRIPT.parent().unwrap());
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
