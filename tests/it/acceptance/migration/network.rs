//! Addresses, and TLS of a private cloud.

use cloud_simulator::{Route, TlsFront};

use super::*;

/// All services behind TLS.
fn behind(front: &TlsFront) -> String {
    format!("endpoints = {{ dds = {:?}, iam = {:?} }}", front.url(), front.url())
}

#[test]
fn the_address_of_logins_moves_over_with_its_version_and_without() {
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
        assert_eq!(scene.cloud.count(Route::Tokens), 2);
    }
    // Look-ups by key go there as well.
    let scene = Scene::of(cloud_state());
    let settings = format!("{KEY}  auth_url   = \"{}/v3\"", scene.cloud.url());
    applies_at(&scene, &format!("endpoints = {{ dds = {:?} }}", scene.cloud.url()), &settings);
    assert_eq!(scene.cloud.count(Route::Projects), 2);
}

#[test]
fn endpoints_of_other_services_move_over() {
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
    holds(&text, &["Warning: Settings Ignored", "endpoints[\"ecs\"]", "endpoints[\"obs\"]"]);
    assert!(!text.contains("endpoints[\"iam\"]"), "{text}");
}

#[test]
fn an_authority_of_one_s_own_moves_over_as_a_path_and_as_a_text() {
    let scene = Scene::of(cloud_state());
    let front = scene.cloud.tls();
    scene.workspace.write("ca.pem", front.authority());
    let path = scene.workspace.file("ca.pem").display().to_string();
    for authority in [format!("{path:?}"), format!("<<EOT\n{}EOT", front.authority())] {
        applies_at(&scene, &behind(&front), &format!("{KEY}  cacert_file = {authority}"));
    }
}

#[test]
fn insecure_moves_over() {
    let mut scene = Scene::of(cloud_state());
    let front = scene.cloud.tls();
    applies_at(&scene, &behind(&front), &format!("{KEY}  insecure   = true"));
    for name in ["HW_INSECURE", "OS_INSECURE"] {
        scene.workspace.set("HW_INSECURE", "").set(name, "true");
        applies_at(&scene, &behind(&front), KEY);
    }
}

#[test]
fn a_client_s_certificate_moves_over_as_a_path_and_as_a_text() {
    let mut scene = Scene::of(cloud_state());
    let front = scene.cloud.mutual_tls();
    let client = front.client();
    for (name, text) in
        [("ca.pem", front.authority()), ("cert.pem", &client.certificate), ("key.pem", &client.key)]
    {
        scene.workspace.write(name, text);
    }
    let path = |scene: &Scene, name: &str| scene.workspace.file(name).display().to_string();
    let trust = format!("{KEY}  cacert_file = {:?}\n", path(&scene, "ca.pem"));
    let (cert, key) = (path(&scene, "cert.pem"), path(&scene, "key.pem"));
    for (cert, key) in [
        (format!("{cert:?}"), format!("{key:?}")),
        (format!("<<EOT\n{}EOT", client.certificate), format!("<<EOT\n{}EOT", client.key)),
    ] {
        applies_at(&scene, &behind(&front), &format!("{trust}  cert = {cert}\n  key  = {key}"));
    }
    scene.cloud.forget();
    scene
        .workspace
        .configure(&format!("provider \"dds\" {{\n{trust}  max_retries = 0\n}}\n{}", data(INSTANCE)));
    assert_eq!((scene.plan().code, scene.cloud.recorded().len()), (Some(1), 0), "it is asked for");
    scene.workspace.set("OS_CERT", cert).set("OS_KEY", key);
    applies_at(&scene, &behind(&front), &trust);
}
