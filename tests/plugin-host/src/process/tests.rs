//! Processes, with a shell script instead of a plugin.

use std::os::unix::process::ExitStatusExt as _;

use super::*;

const LINE: &str = "echo '1|6|unix|/nobody.sock|grpc|'";

fn shell(script: &str) -> PluginCommand {
    PluginCommand::new("/bin/sh").arg("-c").arg(script)
}

#[tokio::test]
async fn plugin_environment_has_what_terraform_sets() {
    let mut process =
        shell(&format!("{LINE}; env")).env("A", "b").env_remove("PLUGIN_MIN_PORT").start().await.unwrap();
    process.wait(EXIT_TIMEOUT).await.unwrap();
    let text = process.stdout();
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    assert!(has("A=b") && has("PLUGIN_MAX_PORT=25000"), "{text}");
    assert!(has("PLUGIN_PROTOCOL_VERSIONS=6,5") && has("PLUGIN_CLIENT_CERT=-----BEGIN CERT"), "{text}");
    // Cargo sets this variable for every test.
    assert!(!has("CARGO_MANIFEST_DIR") && !has("PLUGIN_MIN_PORT"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn cpu_time_does_not_grow_while_a_process_waits() {
    let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    let process = shell(&format!("{busy}; {LINE}; exec sleep 60")).start().await.unwrap();
    let used = process.cpu_time().unwrap();
    assert!(
        Duration::from_millis(20) <= used && used <= process.startup_time + Duration::from_millis(100),
        "{used:?}"
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    let later = process.cpu_time().unwrap();
    assert!(later - used < Duration::from_millis(100), "{used:?} {later:?}");
}

#[tokio::test]
async fn early_exit_returns_code_and_output() {
    let failed = shell("printf half; echo why >&2; exit 3").start().await.err().unwrap();
    assert_eq!(failed.status.unwrap().code(), Some(3));
    assert_eq!((failed.stdout.as_str(), failed.stderr.as_str()), ("half", "why\n"));
}

#[tokio::test]
async fn first_line_that_is_not_a_handshake_is_an_error() {
    let failed = shell(&format!("echo welcome; {LINE}")).start().await.err().unwrap();
    assert!(failed.reason.contains("welcome"), "{failed:?}");
    assert!(failed.stdout.starts_with("welcome\n1|6|"), "{failed:?}");
}

#[tokio::test]
async fn program_that_is_not_a_plugin_fails_with_a_reason() {
    let short = Duration::from_millis(300);
    let missing = PluginCommand::new("/nowhere/plugin").start().await.err().unwrap();
    assert!(missing.reason.starts_with("/nowhere/plugin cannot be started"), "{missing:?}");
    let silent = shell("exec sleep 60").start_timeout(short).start().await.err().unwrap();
    assert!(silent.reason.starts_with("no handshake line") && silent.status.is_none(), "{silent:?}");
    let endless = shell("exec tr '\\0' x < /dev/zero").start_timeout(short).start().await.err().unwrap();
    assert_eq!(endless.reason, "the first line is too long");
    assert!(endless.stdout.len() <= MAX_LINE as usize + MAX_OUTPUT);
    let binary = shell("printf '\\377\\n'").start().await.err().unwrap();
    assert!(binary.reason.contains("1 field"), "{binary:?}");
}

#[tokio::test]
async fn inherit_env_passes_the_environment_on() {
    let command = shell(&format!("{LINE}; env")).env("HOME", "/mine").inherit_env();
    let mut process = command.start().await.unwrap();
    process.wait(EXIT_TIMEOUT).await.unwrap();
    let text = process.stdout();
    // Cargo sets this variable for every test.
    assert!(text.contains("\nCARGO_MANIFEST_DIR=") || text.starts_with("CARGO_MANIFEST_DIR="), "{text}");
    assert!(text.contains("HOME=/mine") && text.contains("PLUGIN_PROTOCOL_VERSIONS=6,5"), "{text}");
}

#[tokio::test]
async fn lenient_start_accepts_a_line_that_strict_start_rejects() {
    let script = "echo ' 1|6|unix|/nobody.sock|grpc||false '";
    assert!(shell(script).start().await.is_err());
    let process = shell(script).lenient().start().await.unwrap();
    assert_eq!(process.handshake.multiplexing.as_deref(), Some("false"));
}

#[tokio::test]
async fn seventh_field_needs_multiplexing_in_the_environment() {
    let script = "echo '1|6|unix|/nobody.sock|grpc||false'";
    assert!(shell(script).start().await.is_err());
    assert!(shell(script).env("PLUGIN_MULTIPLEX_GRPC", "").start().await.is_err());
    assert!(shell(script).env("PLUGIN_MULTIPLEX_GRPC", "true").start().await.is_ok());
}

#[tokio::test]
async fn process_reports_memory_and_receives_signals() {
    // Without `exec`: during `exec` a process has almost no memory.
    let mut process = shell(&format!("{LINE}; while :; do sleep 0.1; done")).start().await.unwrap();
    if cfg!(target_os = "linux") {
        // The kernel counts the two values separately and not exactly, so they are not compared.
        let memory = [process.peak_memory(), process.resident_memory()];
        assert!(memory.iter().all(|bytes| bytes.unwrap() > 10_000));
    }
    assert!(process.wait(Duration::ZERO).await.is_none());
    process.signal("TERM");
    assert_eq!(process.wait(EXIT_TIMEOUT).await.unwrap().signal(), Some(15));
}
