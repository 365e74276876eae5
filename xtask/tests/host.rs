//! Tests of `cargo xtask host` with this provider and with programs that are not providers.

use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::build_provider_and_example;
use serde_json::json;

const INSTANCE: &str = "e73893ef73754465a8bd2e0857bbf13ein02";
const LINKS: &str = "dds_ssl_cert_download_links";

/// The provider's executable.
fn provider() -> &'static str {
    static PROVIDER: OnceLock<String> = OnceLock::new();
    PROVIDER.get_or_init(|| build_provider_and_example("quickstart").unwrap().0.to_str().unwrap().to_owned())
}

/// Runs `cargo xtask host` without the user's environment, which may contain credentials.
fn host(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("host").args(arguments).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn provider_is_printed_with_a_read_in_both_protocols() {
    let cloud = Simulator::start(CloudState::sample());
    let config = cloud.provider_config().to_string();
    let read = json!({ "instance_id": INSTANCE }).to_string();
    for protocol in ["5", "6"] {
        let output = host(&["--protocol", protocol, "--config", &config, "--read", LINKS, &read, provider()]);
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{printed}");
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
            "process start to handshake line",
            "connection and first response",
            "\nschema",
            "\nconfigure",
            "\nread",
            "Shutdown to process end",
        ] {
            assert!(printed.contains(part), "{part:?} is not in {printed}");
        }
        assert_eq!(printed.contains(" MiB\n"), cfg!(target_os = "linux"), "{printed}");
        let secret = &cloud.cloud_state().access_keys[0].secret;
        assert!(!printed.contains(secret.as_str()) && !printed.contains("not valid now"));
    }
}

#[test]
fn invalid_command_line_prints_the_usage() {
    for (arguments, part) in [
        (&[][..], "BINARY is missing"),
        (&["--unknown", "x"], "unknown option --unknown"),
        (&["--protocol", "7", "x"], "--protocol must be 5 or 6, not 7"),
        (&["--timeout", "0", "x"], "--timeout must be a number of seconds"),
        (&["--config", "{\"password\": \"hidden\"", "x"], "invalid JSON at line 1, column 21"),
        (&["--config", "[]", "x"], "--config must be a JSON object"),
        (&["--read", "dds_x"], "JSON after --read TYPE is missing"),
    ] {
        let output = host(arguments);
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains(part) && errors.contains("usage:") && !errors.contains("hidden"), "{errors}");
    }
}

#[test]
fn errors_of_the_provider_are_printed() {
    let errors_of = |arguments: &[&str]| {
        let output = host(&[arguments, &[provider()]].concat());
        assert_eq!(output.status.code(), Some(1));
        // The measured times are printed even after an error.
        assert!(text(&output.stdout).contains("Shutdown to process end"));
        text(&output.stderr)
    };
    let errors = errors_of(&["--config", "{}"]);
    assert!(
        errors.contains("error: Missing Provider Setting (at region)\nThe provider requires"),
        "{errors}"
    );
    let errors = errors_of(&["--config", r#"{ "regoin": "x" }"#]);
    assert!(errors.contains("--config: the configuration has no argument \"regoin\""), "{errors}");
    let config = r#"{ "region": "cn-north-4", "token": "t" }"#;
    let errors = errors_of(&["--config", config, "--read", "dds_unknown", "{}"]);
    assert!(errors.contains("The provider has no data source \"dds_unknown\""), "{errors}");
    let errors = errors_of(&["--config", config, "--read", LINKS, r#"{ "instance_id": "../x" }"#]);
    assert!(errors.contains("(at instance_id)"), "{errors}");
}

#[test]
fn slow_read_times_out() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_secs(30)));
    let config = cloud.provider_config().to_string();
    let read = json!({ "instance_id": INSTANCE }).to_string();
    let output = host(&["--timeout", "1", "--config", &config, "--read", LINKS, &read, provider()]);
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(1), "\nread: no response within 1 s.\n")
    );
    assert!(text(&output.stdout).contains("Shutdown to process end"));
}

#[test]
fn program_that_is_not_a_provider_fails_with_a_reason() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate = STANDARD_NO_PAD.encode(certificate.der());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let line =
        |protocol: &str, rest: &str| format!("echo '1|{protocol}|tcp|{address}|grpc|{rest}'; exec sleep 30");
    let cases = [
        ("echo welcome; exec sleep 30".to_owned(), "\"welcome\" is not the handshake line of a plugin"),
        (
            "echo why >&2; exit 3".to_owned(),
            "the output ended before the first line was complete (exit status: 3).\nOutput on stderr:\n  why",
        ),
        ("exec sleep 30".to_owned(), "no handshake line within 1 s"),
        ("echo '2|6|unix|/x|grpc|'".to_owned(), "core protocol 1"),
        (line("4", ""), "The provider uses protocol 4, but the host offered 6,5."),
        (line("6", ""), "no server certificate"),
        (line("6", &certificate), "connection: no response within 1 s."),
        (
            "echo '1|6|unix|/nowhere/socket|grpc|'".to_owned() + &certificate,
            "Cannot connect to the provider: ",
        ),
    ];
    std::thread::scope(|scope| {
        for (script, part) in &cases {
            scope.spawn(move || {
                let output = host(&["--timeout", "1", "/bin/sh", "-c", script]);
                let errors = text(&output.stderr);
                assert_eq!(output.status.code(), Some(1), "{script}: {errors}");
                assert!(errors.contains(part) && !errors.contains("panicked"), "{script}: {errors}");
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
