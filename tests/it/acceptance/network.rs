//! TLS and proxies.

use cloud_simulator::{Encoding, Fault, Route};

use super::*;

/// Writes a configuration with this DDS endpoint, a key and a project.
fn write_config(fixture: &Fixture, dds_url: &str, max_retries: u32) {
    let cloud_state = fixture.cloud.cloud_state();
    let (key, project) = (key_args(cloud_state, 0), &cloud_state.projects[0].id);
    fixture.workspace.write_config(&format!(
        "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {key}\n  project_id = {project:?}\n  \
         max_retries = {max_retries}\n  endpoints = {{ dds = {dds_url:?} }}\n  insecure = var.insecure\n}}\n\n\
         variable \"insecure\" {{\n  default = false\n}}\n\n{}",
        data_source(INSTANCE)
    ));
}

#[test]
fn unknown_authority_is_rejected_unless_it_is_trusted() {
    let mut fixture = Fixture::new();
    let proxy = fixture.cloud.tls_proxy();
    write_config(&fixture, &proxy.url(), 2);
    let errors = fixture.plan_fails_with(&["Error: Untrusted Certificate", "UnknownIssuer", "SSL_CERT_FILE"]);
    assert!(!errors.contains("attempts"), "{errors}");
    assert_eq!(fixture.cloud.request_count(Route::Links), 0);

    fixture.workspace.run_ok(&["plan", "-input=false", "-var=insecure=true"]);
    let authority = fixture.workspace.file_path("authority.pem");
    fixture.workspace.write_file("authority.pem", proxy.ca_certificate());
    fixture.workspace.set_env("OS_CACERT", authority.display().to_string());
    fixture.workspace.run_ok(&["plan", "-input=false"]);
    fixture.workspace.set_env("OS_CACERT", "").set_env("SSL_CERT_FILE", authority.display().to_string());
    fixture.apply();
    assert_eq!(fixture.cloud.request_count(Route::Links), 3);
}

#[test]
fn missing_certificate_store_is_an_error() {
    let mut fixture = Fixture::new();
    let empty = fixture.workspace.file_path("empty.pem");
    fixture.workspace.write_file("empty.pem", "");
    fixture.workspace.set_env("SSL_CERT_FILE", empty.display().to_string());
    fixture.workspace.set_env("SSL_CERT_DIR", "/nowhere");
    write_config(&fixture, &fixture.cloud.tls_proxy().url(), 2);
    fixture.plan_fails_with(&["Error: No Certificate Store", "SSL_CERT_FILE"]);
}

#[test]
fn proxy_of_the_environment_is_used_except_for_no_proxy() {
    let mut fixture = Fixture::new();
    let proxy = fixture.cloud.url();
    write_config(&fixture, "http://dds.example.com", 2);
    fixture.workspace.set_env("HTTP_PROXY", proxy.clone());
    fixture.plan();
    let target = &fixture.cloud.recorded_requests()[0].request.target;
    assert!(target.starts_with("http://dds.example.com/v3/"), "{target}");

    // Requests to this machine never use a proxy, as in Terraform itself.
    fixture.cloud.clear_recorded_requests();
    fixture.workspace.set_env("HTTP_PROXY", "http://127.0.0.1:1");
    write_config(&fixture, &proxy, 2);
    fixture.apply();
    fixture.assert_no_changes();
    // Other hosts can be in NO_PROXY with and without a port.
    for (no_proxy, is_used) in
        [("dds.example.com:80", false), ("dds.example.com:443", true), ("*", false), (".com", false)]
    {
        fixture.cloud.clear_recorded_requests();
        fixture.workspace.set_env("HTTP_PROXY", proxy.clone()).set_env("NO_PROXY", no_proxy);
        write_config(&fixture, "http://dds.example.com", 0);
        fixture.plan();
        assert_eq!(!fixture.cloud.recorded_requests().is_empty(), is_used, "{no_proxy}");
    }
}

#[test]
fn proxy_password_is_sent_and_redacted() {
    let mut fixture = Fixture::new();
    let proxy = fixture.cloud.url().replace("http://", "http://someone:pr%2Fxy-secret@");
    write_config(&fixture, "http://dds.example.com", 0);
    fixture.cloud.inject_always(Route::Links, Fault::EchoSecrets { status: 502, encoding: Encoding::Json });
    fixture.workspace.set_env("HTTP_PROXY", proxy).enable_trace_log();
    let errors = fixture.plan_fails_with(&["HTTP 502", "you sent: *** ; Basic *** ; SDK-HMAC"]);
    let request = &fixture.cloud.recorded_requests()[0].request;
    assert_eq!(request.header("proxy-authorization"), Some("Basic c29tZW9uZTpwci94eS1zZWNyZXQ="));
    let trace = fixture.workspace.trace_log();
    assert!(!trace.is_empty());
    for secret in ["pr/xy-secret", "pr%2Fxy-secret", "c29tZW9uZTpwci94eS1zZWNyZXQ"] {
        assert!(!errors.contains(secret) && !trace.contains(secret), "{secret}");
    }
}

#[test]
fn invalid_proxy_error_names_its_variable() {
    let mut fixture = Fixture::new();
    write_config(&fixture, "http://dds.example.com", 2);
    fixture.workspace.set_env("http_proxy", "http://:secret@");
    let errors =
        fixture.plan_fails_with(&["Error: Invalid Proxy", "variable http_proxy contains no valid proxy URL"]);
    assert!(!errors.contains("secret@") && !errors.contains("attempts"), "{errors}");
}

#[test]
fn endpoint_that_is_not_normalized_is_signed_as_it_is_sent() {
    let fixture = Fixture::new();
    let port = fixture.cloud.url().rsplit(':').next().unwrap().to_owned();
    for url in ["http://LOCALHOST:{}//", "HTTP://127.1:{}/", "http://0x7F.0.0.1:{}/a/.."] {
        // The simulated cloud verifies the signature with the host of the request.
        write_config(&fixture, &url.replace("{}", &port), 2);
        fixture.apply();
        let recorded = fixture.cloud.recorded_requests();
        let host = recorded[0].request.header("host").unwrap();
        assert!(host == format!("localhost:{port}") || host == format!("127.0.0.1:{port}"), "{host}");
        fixture.cloud.clear_recorded_requests();
    }
}
