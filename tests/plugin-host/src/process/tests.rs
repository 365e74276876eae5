//! With a shell in the plugin's place.

use std::os::unix::process::ExitStatusExt as _;

use super::*;

const LINE: &str = "echo '1|6|unix|/nobody.sock|grpc|'";

fn shell(script: &str) -> Launch {
    Launch::new("/bin/sh").arg("-c").arg(script)
}

#[tokio::test]
async fn a_plugin_sees_what_core_sets_and_little_else() {
    let mut process =
        shell(&format!("{LINE}; env")).set("A", "b").without("PLUGIN_MIN_PORT").start().await.unwrap();
    process.wait(LAST_WORDS).await.unwrap();
    let text = process.stdout();
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    for start in
        ["A=b", "PLUGIN_MAX_PORT=25000", "PLUGIN_PROTOCOL_VERSIONS=6,5", "PLUGIN_CLIENT_CERT=-----BEGIN CERT"]
    {
        assert!(has(start), "{start} is not in {text}");
    }
    // Cargo sets it for every test.
    assert!(!has("CARGO_MANIFEST_DIR") && !has("PLUGIN_MIN_PORT"));
}

#[tokio::test]
async fn what_was_said_before_an_early_end_is_told() {
    let failed = shell("printf half; echo why >&2; exit 3").start().await.err().unwrap();
    assert_eq!(failed.status.unwrap().code(), Some(3));
    assert_eq!((failed.stdout.as_str(), failed.stderr.as_str()), ("half", "why\n"));
}

#[tokio::test]
async fn any_other_first_line_is_no_handshake() {
    let failed = shell(&format!("echo welcome; {LINE}")).start().await.err().unwrap();
    assert!(failed.reason.contains("welcome") && failed.stdout.starts_with("welcome\n1|6|"), "{failed:?}");
}

#[tokio::test]
async fn what_is_no_plugin_at_all_is_a_failure_like_others() {
    let soon = Duration::from_millis(300);
    let missing = Launch::new("/nowhere/plugin").start().await.err().unwrap();
    assert!(missing.reason.starts_with("/nowhere/plugin cannot be started"), "{missing:?}");
    let silent = shell("exec sleep 60").within(soon).start().await.err().unwrap();
    assert!(silent.reason.starts_with("no line in") && silent.status.is_none(), "{silent:?}");
    let endless = shell("exec tr '\\0' x < /dev/zero").within(soon).start().await.err().unwrap();
    assert_eq!(endless.reason, "the first line does not end");
    assert!(endless.stdout.len() <= LONGEST_LINE as usize + MOST_OUTPUT);
    let binary = shell("printf '\\377\\n'").start().await.err().unwrap();
    assert!(binary.reason.contains("1 fields"), "{binary:?}");
}

#[tokio::test]
async fn the_caller_s_environment_is_handed_on_when_asked_for() {
    let launch = shell(&format!("{LINE}; env")).set("HOME", "/mine").in_environment_of_caller();
    let mut process = launch.start().await.unwrap();
    process.wait(LAST_WORDS).await.unwrap();
    let text = process.stdout();
    // Cargo sets it for every test.
    assert!(text.contains("\nCARGO_MANIFEST_DIR=") || text.starts_with("CARGO_MANIFEST_DIR="), "{text}");
    assert!(text.contains("HOME=/mine") && text.contains("PLUGIN_PROTOCOL_VERSIONS=6,5"), "{text}");
}

#[tokio::test]
async fn a_tolerant_host_takes_the_line_that_a_strict_one_refuses() {
    let script = "echo ' 1|6|unix|/nobody.sock|grpc||false '";
    assert!(shell(script).start().await.is_err());
    let process = shell(script).tolerant().start().await.unwrap();
    assert_eq!(process.handshake.multiplexing.as_deref(), Some("false"));
}

#[tokio::test]
async fn a_seventh_field_counts_only_where_multiplexing_was_asked_for() {
    let script = "echo '1|6|unix|/nobody.sock|grpc||false'";
    assert!(shell(script).start().await.is_err());
    assert!(shell(script).set("PLUGIN_MULTIPLEX_GRPC", "").start().await.is_err());
    assert!(shell(script).set("PLUGIN_MULTIPLEX_GRPC", "true").start().await.is_ok());
}

#[tokio::test]
async fn a_process_shows_its_memory_and_obeys_signals() {
    // Without `exec`, in the midst of which a process holds next to nothing.
    let mut process = shell(&format!("{LINE}; while :; do sleep 0.1; done")).start().await.unwrap();
    if cfg!(target_os = "linux") {
        // The kernel counts the two apart and not to the page, so they are not compared with each other.
        assert!(
            [process.peak_memory(), process.resident_memory()].iter().all(|bytes| bytes.unwrap() > 10_000)
        );
    }
    assert!(process.wait(Duration::ZERO).await.is_none());
    process.signal("TERM");
    assert_eq!(process.wait(LAST_WORDS).await.unwrap().signal(), Some(15));
}
