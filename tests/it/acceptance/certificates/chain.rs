//! TLS clients with the PEM of a Terraform output: they trust a server of the same category, and no other.

use std::process::{Command, Output as ProcessOutput, Stdio};

use cloud_simulator::{DownloadServer, KeyAlgorithm};

use super::*;

const OUTPUTS: &str = r#"output "international" {
  value = one([for bundle in data.dds_ssl_certificates.this.bundles : bundle.pem if bundle.category == "international"])
}

output "national" {
  value = one([for bundle in data.dds_ssl_certificates.this.bundles : bundle.pem if bundle.category == "national"])
}
"#;

/// Applies a configuration, and writes the PEM of each category to a file as `terraform output -raw` prints it.
fn fixture_with_ca_files() -> (Fixture, DownloadServer) {
    let mut fixture = Fixture::new();
    let downloads = serve_downloads(&mut fixture);
    fixture.configure("", &format!("{}\n{OUTPUTS}", certificates(""))).apply();
    for category in ["international", "national"] {
        let pem = fixture.workspace.run_ok(&["output", "-raw", category]).stdout;
        fixture.workspace.write_file(&format!("{category}.pem"), &pem);
    }
    (fixture, downloads)
}

/// Runs OpenSSL 3. LibreSSL and older versions of OpenSSL have no SM2.
fn openssl(arguments: &[&str]) -> ProcessOutput {
    let run = |arguments: &[&str]| Command::new("openssl").args(arguments).stdin(Stdio::null()).output();
    let version = run(&["version"]).map_or_else(|error| error.to_string(), |output| text(&output));
    let is_supported = version.starts_with("OpenSSL ") && !version.starts_with("OpenSSL 1.");
    assert!(is_supported, "this test needs the program openssl, version 3 or newer: install it ({version})");
    run(arguments).unwrap()
}

fn text(output: &ProcessOutput) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn openssl_verifies_a_server_with_the_right_category() {
    let (fixture, downloads) = fixture_with_ca_files();
    let path = |category: &str| fixture.workspace.file_path(&format!("{category}.pem")).display().to_string();
    for (algorithm, signature) in [(KeyAlgorithm::Rsa, "RSA-PSS"), (KeyAlgorithm::Ecdsa, "ECDSA")] {
        let server = downloads.dds_server(algorithm);
        let connect = |category: &str| {
            let (address, file) = (server.address().to_string(), path(category));
            openssl(&[
                "s_client",
                "-connect",
                &address,
                "-CAfile",
                &file,
                "-no-CApath",
                "-no-CAstore",
                "-verify_return_error",
                "-brief",
            ])
        };
        let output = connect("international");
        assert!(output.status.success(), "{}", text(&output));
        assert_contains(&text(&output), &["Verification: OK", &format!("Signature type: {signature}")]);
        let output = connect("national");
        assert!(!output.status.success() && text(&output).contains("verify error"), "{}", text(&output));
    }
}

#[test]
fn openssl_verifies_an_sm2_certificate_with_the_right_category() {
    let (fixture, downloads) = fixture_with_ca_files();
    fixture.workspace.write_file("server.pem", &downloads.issue_sm2());
    let path = |name: &str| fixture.workspace.file_path(name).display().to_string();
    let verify = |category: &str| {
        let (ca, server) = (path(&format!("{category}.pem")), path("server.pem"));
        openssl(&[
            "verify",
            "-vfyopt",
            "distid:1234567812345678",
            "-no-CApath",
            "-no-CAstore",
            "-CAfile",
            &ca,
            &server,
        ])
    };
    let output = verify("national");
    assert!(output.status.success(), "{}", text(&output));
    let output = verify("international");
    let error = "unable to get local issuer certificate";
    assert!(!output.status.success() && text(&output).contains(error), "{}", text(&output));
    // Without the identity of the standard, OpenSSL cannot verify the signature.
    let (ca, server) = (path("national.pem"), path("server.pem"));
    let output = openssl(&["verify", "-vfyopt", "distid:other", "-CAfile", &ca, &server]);
    assert!(!output.status.success(), "{}", text(&output));
}
