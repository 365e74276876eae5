//! With a shell script in the command line's place.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::super::core::Product;
use super::*;

fn scene(script: &str) -> (TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("terraform");
    // By a shell: a file that this process has open for writing, or that another thread's new child has, cannot be run.
    let text = format!("#!/bin/sh\n{script}\n");
    let write =
        Command::new("sh").args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &text]).arg(&program).status();
    assert!(write.unwrap().success());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let core = Core { program, product: Product::Terraform, version: semver::Version::new(1, 2, 3) };
    let workspace = Workspace::new(&core, Path::new("/built/here"));
    (folder, workspace)
}

#[test]
fn the_code_and_both_texts_come_back() {
    let (_program, workspace) = scene("echo out; echo err >&2; exit 2");
    let output = workspace.run(&["plan"]);
    assert_eq!((output.code, &*output.stdout, &*output.stderr), (Some(2), "out\n", "err\n"));
}

#[test]
fn nothing_of_the_caller_s_environment_gets_in_but_the_path() {
    let (_program, mut workspace) = scene("env");
    let text = workspace.set("HW_REGION_NAME", "here").run(&["show"]).stdout;
    // A shell sets some by itself.
    let own = ["PWD", "SHLVL", "_", "OLDPWD"];
    let names = text.lines().filter_map(|line| Some(line.split_once('=')?.0));
    let mut names: Vec<_> = names.filter(|name| !own.contains(name)).collect();
    names.sort_unstable();
    let expected = [
        "CHECKPOINT_DISABLE",
        "HOME",
        "HW_REGION_NAME",
        "NO_COLOR",
        "PATH",
        "TF_CLI_CONFIG_FILE",
        "TF_IN_AUTOMATION",
        "TMPDIR",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_settings_point_to_the_provider_that_was_built() {
    let (_program, workspace) = scene("cat \"$TF_CLI_CONFIG_FILE\"");
    assert!(workspace.run(&["show"]).stdout.contains("\"terraform-dds/dds\" = \"/built/here\""));
}

#[test]
fn a_trace_collects_what_every_run_logs() {
    let (_program, mut workspace) = scene("[ -z \"$TF_LOG\" ] || echo \"$TF_LOG\" >> \"$TF_LOG_PATH\"");
    workspace.must(&["plan"]);
    assert_eq!(workspace.log(), "");
    workspace.trace();
    workspace.must(&["plan"]);
    workspace.must(&["apply"]);
    assert_eq!(workspace.log(), "TRACE\nTRACE\n");
}

#[test]
fn outputs_are_values_by_name() {
    let (_program, workspace) = scene(r#"echo '{"a": {"sensitive": false, "type": "number", "value": 1}}'"#);
    assert_eq!(workspace.outputs(), json!({ "a": 1 }));
}

/// A run of which a child says that it is there, in a pipe that the test reads.
fn with_a_child(script: &str) -> (TempDir, Workspace, Run) {
    let (program, workspace) = scene(script);
    assert!(Command::new("mkfifo").arg(workspace.file("ready")).status().unwrap().success());
    let run = workspace.spawn(&["apply"]);
    fs::read_to_string(workspace.file("ready")).unwrap();
    (program, workspace, run)
}

/// The variable that makes this program a parent with a child, which the test below interrupts. No shell will do, which
/// cannot trap what its caller ignores.
const ROLE: &str = "DDS_TEST_ROLE";

/// A parent that waits for its child, or the child. Both end by the interrupt, with a code of their own.
async fn interrupted(role: &str) {
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).unwrap();
    if role == "child" {
        fs::write("ready", "").unwrap();
        signal.recv().await;
        process::exit(3);
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(INTERRUPTED).env(ROLE, "child").stdout(Stdio::null());
    let mut child = child.spawn().unwrap();
    signal.recv().await;
    process::exit(if child.wait().unwrap().code() == Some(3) { 7 } else { 1 });
}

const INTERRUPTED: [&str; 2] =
    ["--exact", "terraform::workspace::tests::an_interrupt_reaches_the_whole_group"];

#[tokio::test]
async fn an_interrupt_reaches_the_whole_group() {
    if let Ok(role) = std::env::var(ROLE) {
        return interrupted(&role).await;
    }
    let program = std::env::current_exe().unwrap();
    let script = format!("exec env {ROLE}=parent '{}' {} >&2", program.display(), INTERRUPTED.join(" "));
    let (_program, _workspace, run) = with_a_child(&script);
    run.interrupt();
    let output = run.wait();
    assert_eq!(output.code, Some(7), "{}", output.stderr);
}

#[test]
fn a_run_that_is_given_up_leaves_nobody_behind() {
    // The child holds the other end of a second pipe: its end is the child's end.
    let (_program, workspace, run) =
        with_a_child("mkfifo held; sh -c 'exec 9<> held; echo > ready; exec sleep 600'");
    let held = fs::File::options().read(true).open(workspace.file("held"));
    drop(run);
    assert_eq!(io::read_to_string(held.unwrap()).unwrap(), "");
}
