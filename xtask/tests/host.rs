//! `cargo xtask host` as a program, with this provider and with programs that are not providers.

use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::build_with_example;
use serde_json::json;

const INSTANCE: &str = "e73893ef73754465a8bd2e0857bbf13ein02";
const LINKS: &str = "dds_ssl_cert_download_links";

/// The provider's executable.
fn provider() -> &'static str {
    static PROVIDER: OnceLock<String> = OnceLock::new();
    PROVIDER.get_or_init(|| build_with_example("quickstart").unwrap().0.to_str().unwrap().to_owned())
}

/// The environment is handed on, and nobody's keys are for these tests.
fn host(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("host").args(arguments).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn our_provider_is_shown_with_a_read_in_both_protocols() {
    let cloud = Simulator::start(CloudState::sample());
    let config = cloud.provider_settings().to_string();
    let read = json!({ "instance_id": INSTANCE }).to_string();
    for protocol in ["5", "6"] {
        let output = host(&["--protocol", protocol, "--config", &config, "--read", LINKS, &read, provider()]);
        let (shown, errors) = (text(&output.stdout), text(&output.stderr));
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{shown}");
        for part in [
            &format!("protocol       {protocol}\n"),
            "certificate    ECDSA P-256\n",
            "  names        localhost\n",
            "mutual TLS: TLSv1_3",
            &format!("data source {LINKS}\n"),
            "certs        list(object({category = string, download_link = string})), computed",
            "secret_key               string, optional, sensitive\n",
            &format!("\"instance_id\": \"{INSTANCE}\""),
            "\"category\": \"international\"",
            "start of the process to handshake line",
            "connection and first answer",
            "\nschema",
            "\nconfigure",
            "\nread",
            "Shutdown to end of the process",
        ] {
            assert!(shown.contains(part), "{part:?} is not in {shown}");
        }
        assert_eq!(shown.contains(" MiB\n"), cfg!(target_os = "linux"), "{shown}");
        let secret = &cloud.cloud_state().keys[0].secret;
        assert!(!shown.contains(secret.as_str()) && !shown.contains("which is not now"));
    }
}

#[test]
fn a_command_line_that_is_none_is_answered_with_the_usage() {
    for (arguments, word) in [
        (&[][..], "BINARY is missing"),
        (&["--unknown", "x"], "--unknown is no option"),
        (&["--protocol", "7", "x"], "--protocol takes 5 or 6, not 7"),
        (&["--limit", "0", "x"], "--limit takes seconds"),
        (&["--config", "{\"password\": \"hidden\"", "x"], "wrong at line 1, column 21"),
        (&["--config", "[]", "x"], "--config takes a JSON object"),
        (&["--read", "dds_x"], "JSON after --read TYPE is missing"),
    ] {
        let output = host(arguments);
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains(word) && errors.contains("usage:") && !errors.contains("hidden"), "{errors}");
    }
}

#[test]
fn what_the_provider_refuses_is_told() {
    let read = |arguments: &[&str]| {
        let output = host(&[arguments, &[provider()]].concat());
        assert_eq!(output.status.code(), Some(1));
        // What can be measured is shown also then.
        assert!(text(&output.stdout).contains("Shutdown to end of the process"));
        text(&output.stderr)
    };
    let errors = read(&["--config", "{}"]);
    assert!(
        errors.contains("error: Missing Provider Setting (at region)\nThe provider requires"),
        "{errors}"
    );
    let errors = read(&["--config", r#"{ "regoin": "x" }"#]);
    assert!(errors.contains("--config: the configuration has no argument \"regoin\""), "{errors}");
    let config = r#"{ "region": "cn-north-4", "token": "t" }"#;
    let errors = read(&["--config", config, "--read", "dds_unknown", "{}"]);
    assert!(errors.contains("It has no data source \"dds_unknown\""), "{errors}");
    let errors = read(&["--config", config, "--read", LINKS, r#"{ "instance_id": "../x" }"#]);
    assert!(errors.contains("(at instance_id)"), "{errors}");
}

#[test]
fn a_read_is_not_waited_for_beyond_the_limit() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.always(Route::Links, Fault::Slow(Duration::from_secs(30)));
    let config = cloud.provider_settings().to_string();
    let read = json!({ "instance_id": INSTANCE }).to_string();
    let output = host(&["--limit", "1", "--config", &config, "--read", LINKS, &read, provider()]);
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(1), "\nNo answer in 1 s: read.\n")
    );
    assert!(text(&output.stdout).contains("Shutdown to end of the process"));
}

#[test]
fn what_is_no_provider_is_told_and_not_waited_for() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate = STANDARD_NO_PAD.encode(certificate.der());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let line =
        |protocol: &str, rest: &str| format!("echo '1|{protocol}|tcp|{address}|grpc|{rest}'; exec sleep 30");
    let cases = [
        ("echo welcome; exec sleep 30".to_owned(), "\"welcome\" is not the line of a plugin"),
        (
            "echo why >&2; exit 3".to_owned(),
            "the output ended before a line did (exit status: 3).\nIts stderr:\n  why",
        ),
        ("exec sleep 30".to_owned(), "no line in 1 s"),
        ("echo '2|6|unix|/x|grpc|'".to_owned(), "core protocol 1"),
        (line("4", ""), "It speaks protocol 4, and was offered 6,5."),
        (line("6", ""), "no server certificate"),
        (line("6", &certificate), "No answer in 1 s: the connection."),
        ("echo '1|6|unix|/nowhere/socket|grpc|'".to_owned() + &certificate, "It cannot be connected to: "),
    ];
    std::thread::scope(|scope| {
        for (script, word) in &cases {
            scope.spawn(move || {
                let output = host(&["--limit", "1", "/bin/sh", "-c", script]);
                let errors = text(&output.stderr);
                assert_eq!(output.status.code(), Some(1), "{script}: {errors}");
                assert!(errors.contains(word) && !errors.contains("panicked"), "{script}: {errors}");
            });
        }
    });
    let output = host(&["/nowhere/provider"]);
    let errors = text(&output.stderr);
    assert!(
        output.status.code() == Some(1) && errors.contains("/nowhere/provider cannot be started"),
        "{errors}"
    );
}
