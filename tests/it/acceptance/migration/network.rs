//! Addresses, and TLS of a private cloud.

use cloud_simulator::{Route, TlsProxy};

use super::*;

/// All services behind TLS.
fn behind(front: &TlsProxy) -> String {
    format!("endpoints = {{ dds = {:?}, iam = {:?} }}", front.url(), front.url())
}

#[test]
fn auth_url_migrates_with_and_without_its_version() {
    for version in ["/v3", "/v3/", ""] {
        let scene = Scene::of(cloud_state());
        let settings = format!(
            r#"  region      = "cn-north-4"
  user_name   = "my-user-name"
  password    = "my-password"
  domain_name = "my-domain-name"
  auth_url    = "{}{version}""#,
            scene.cloud.url()
        );
        applies_at(&scene, &format!("endpoints = {{ dds = {:?} }}", scene.cloud.url()), &settings);
        assert_eq!(scene.cloud.request_count(Route::Tokens), 2);
    }
    // Look-ups by key go there as well.
    let scene = Scene::of(cloud_state());
    let settings = format!("{KEY}  auth_url   = \"{}/v3\"", scene.cloud.url());
    applies_at(&scene, &format!("endpoints = {{ dds = {:?} }}", scene.cloud.url()), &settings);
    assert_eq!(scene.cloud.request_count(Route::Projects), 2);
}

#[test]
fn endpoints_of_other_services_migrate() {
    let scene = Scene::of(cloud_state());
    let url = scene.cloud.url();
    let settings = format!(
        r#"{KEY}
  endpoints = {{
    ecs = "https://ecs-customizing-endpoint.com"
    obs = "https://obs-customizing-endpoint.com"
    iam = "{url}"
    dds = "{url}/"
  }}"#
    );
    let text = joined(&applies_at(&scene, "max_retries = 1", &settings).stdout);
    holds(&text, &["Warning: Settings Without Effect", "endpoints[\"ecs\"]", "endpoints[\"obs\"]"]);
    assert!(!text.contains("endpoints[\"iam\"]"), "{text}");
}

#[test]
fn cacert_file_migrates_as_path_and_as_pem_string() {
    let scene = Scene::of(cloud_state());
    let front = scene.cloud.tls_proxy();
    scene.workspace.write_file("ca.pem", front.ca_certificate());
    let path = scene.workspace.file_path("ca.pem").display().to_string();
    for authority in [format!("{path:?}"), format!("<<EOT\n{}EOT", front.ca_certificate())] {
        applies_at(&scene, &behind(&front), &format!("{KEY}  cacert_file = {authority}"));
    }
}

#[test]
fn insecure_migrates() {
    let mut scene = Scene::of(cloud_state());
    let front = scene.cloud.tls_proxy();
    applies_at(&scene, &behind(&front), &format!("{KEY}  insecure   = true"));
    for name in ["HW_INSECURE", "OS_INSECURE"] {
        scene.workspace.set_env("HW_INSECURE", "").set_env(name, "true");
        applies_at(&scene, &behind(&front), KEY);
    }
}

#[test]
fn client_certificate_migrates_as_path_and_as_pem_string() {
    let mut scene = Scene::of(cloud_state());
    let front = scene.cloud.mutual_tls_proxy();
    let client = front.client_certificate();
    for (name, text) in
        [("ca.pem", front.ca_certificate()), ("cert.pem", &client.certificate), ("key.pem", &client.key)]
    {
        scene.workspace.write_file(name, text);
    }
    let path = |scene: &Scene, name: &str| scene.workspace.file_path(name).display().to_string();
    let trust = format!("{KEY}  cacert_file = {:?}\n", path(&scene, "ca.pem"));
    let (cert, key) = (path(&scene, "cert.pem"), path(&scene, "key.pem"));
    for (cert, key) in [
        (format!("{cert:?}"), format!("{key:?}")),
        (format!("<<EOT\n{}EOT", client.certificate), format!("<<EOT\n{}EOT", client.key)),
    ] {
        applies_at(&scene, &behind(&front), &format!("{trust}  cert = {cert}\n  key  = {key}"));
    }
    scene.cloud.clear_recorded_requests();
    scene
        .workspace
        .write_config(&format!("provider \"dds\" {{\n{trust}  max_retries = 0\n}}\n{}", data(INSTANCE)));
    assert_eq!((scene.plan().code, scene.cloud.recorded_requests().len()), (Some(1), 0), "it is asked for");
    scene.workspace.set_env("OS_CERT", cert).set_env("OS_KEY", key);
    applies_at(&scene, &behind(&front), &trust);
}
