//! Endpoints, and TLS of a private cloud.

use cloud_simulator::{Route, TlsProxy};

use super::*;

/// The `endpoints` argument with all services behind a TLS proxy.
fn endpoints_behind(proxy: &TlsProxy) -> String {
    format!("endpoints = {{ dds = {:?}, iam = {:?} }}", proxy.url(), proxy.url())
}

#[test]
fn auth_url_migrates_with_and_without_its_version() {
    for version in ["/v3", "/v3/", ""] {
        let fixture = Fixture::with_cloud_state(cloud_state());
        let settings = format!(
            r#"  region      = "cn-north-4"
  user_name   = "my-user-name"
  password    = "my-password"
  domain_name = "my-domain-name"
  auth_url    = "{}{version}""#,
            fixture.cloud.url()
        );
        apply_with_endpoints(
            &fixture,
            &format!("endpoints = {{ dds = {:?} }}", fixture.cloud.url()),
            &settings,
        );
        assert_eq!(fixture.cloud.request_count(Route::Tokens), 2);
    }
    // Project lookups with a key use the address too.
    let fixture = Fixture::with_cloud_state(cloud_state());
    let settings = format!("{KEY}  auth_url   = \"{}/v3\"", fixture.cloud.url());
    apply_with_endpoints(&fixture, &format!("endpoints = {{ dds = {:?} }}", fixture.cloud.url()), &settings);
    assert_eq!(fixture.cloud.request_count(Route::Projects), 2);
}

#[test]
fn endpoints_of_other_services_migrate() {
    let fixture = Fixture::with_cloud_state(cloud_state());
    let url = fixture.cloud.url();
    let settings = format!(
        r#"{KEY}
  endpoints = {{
    ecs = "https://ecs-customizing-endpoint.com"
    obs = "https://obs-customizing-endpoint.com"
    iam = "{url}"
    dds = "{url}/"
  }}"#
    );
    let stdout = without_line_breaks(&apply_with_endpoints(&fixture, "max_retries = 1", &settings).stdout);
    assert_contains(&stdout, &["Warning: Settings Ignored", "endpoints[\"ecs\"]", "endpoints[\"obs\"]"]);
    assert!(!stdout.contains("endpoints[\"iam\"]"), "{stdout}");
}

#[test]
fn cacert_file_migrates_as_path_and_as_pem_string() {
    let fixture = Fixture::with_cloud_state(cloud_state());
    let proxy = fixture.cloud.tls_proxy();
    fixture.workspace.write_file("ca.pem", proxy.ca_certificate());
    let path = fixture.workspace.file_path("ca.pem").display().to_string();
    for authority in [format!("{path:?}"), format!("<<EOT\n{}EOT", proxy.ca_certificate())] {
        apply_with_endpoints(
            &fixture,
            &endpoints_behind(&proxy),
            &format!("{KEY}  cacert_file = {authority}"),
        );
    }
}

#[test]
fn insecure_migrates() {
    let mut fixture = Fixture::with_cloud_state(cloud_state());
    let proxy = fixture.cloud.tls_proxy();
    apply_with_endpoints(&fixture, &endpoints_behind(&proxy), &format!("{KEY}  insecure   = true"));
    for name in ["HW_INSECURE", "OS_INSECURE"] {
        fixture.workspace.set_env("HW_INSECURE", "").set_env(name, "true");
        apply_with_endpoints(&fixture, &endpoints_behind(&proxy), KEY);
    }
}

#[test]
fn client_certificate_migrates_as_path_and_as_pem_string() {
    let mut fixture = Fixture::with_cloud_state(cloud_state());
    let proxy = fixture.cloud.mutual_tls_proxy();
    let client = proxy.client_certificate();
    for (name, text) in
        [("ca.pem", proxy.ca_certificate()), ("cert.pem", &client.certificate), ("key.pem", &client.key)]
    {
        fixture.workspace.write_file(name, text);
    }
    let path = |fixture: &Fixture, name: &str| fixture.workspace.file_path(name).display().to_string();
    let ca_arg = format!("{KEY}  cacert_file = {:?}\n", path(&fixture, "ca.pem"));
    let (cert, key) = (path(&fixture, "cert.pem"), path(&fixture, "key.pem"));
    for (cert, key) in [
        (format!("{cert:?}"), format!("{key:?}")),
        (format!("<<EOT\n{}EOT", client.certificate), format!("<<EOT\n{}EOT", client.key)),
    ] {
        apply_with_endpoints(
            &fixture,
            &endpoints_behind(&proxy),
            &format!("{ca_arg}  cert = {cert}\n  key  = {key}"),
        );
    }
    fixture.cloud.clear_recorded_requests();
    fixture.workspace.write_config(&format!(
        "provider \"dds\" {{\n{ca_arg}  max_retries = 0\n}}\n{}",
        data_source(INSTANCE)
    ));
    assert_eq!(
        (fixture.plan().code, fixture.cloud.recorded_requests().len()),
        (Some(1), 0),
        "the client certificate is required"
    );
    fixture.workspace.set_env("OS_CERT", cert).set_env("OS_KEY", key);
    apply_with_endpoints(&fixture, &endpoints_behind(&proxy), &ca_arg);
}
