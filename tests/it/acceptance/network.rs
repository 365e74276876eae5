//! TLS and proxies.

use dds_test_support::simulator::Route;

use super::*;

fn settings(cloud: &Simulator, url: &str) -> String {
    let (key, project) = (&cloud.world().keys[0], &cloud.world().projects[0].id);
    format!(
        "provider \"dds\" {{\n  region = \"cn-north-4\"\n  access_key = {:?}\n  secret_key = {:?}\n  \
         project_id = {project:?}\n  max_retries = 2\n  endpoints = {{ dds = {url:?} }}\n  insecure = var.insecure\n}}\n\n\
         variable \"insecure\" {{\n  default = false\n}}\n\n{}",
        key.id,
        key.secret,
        data(INSTANCE)
    )
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_unless_the_user_vouches_for_it() {
    let mut scene = Scene::new();
    let front = scene.cloud.tls();
    scene.workspace.configure(&settings(&scene.cloud, &front.url()));
    let output = scene.plan();
    let text = joined(&output.stderr);
    assert!(output.code == Some(1) && text.contains("Error: Untrusted Certificate"), "{text}");
    assert!(
        text.contains("UnknownIssuer") && text.contains("SSL_CERT_FILE") && !text.contains("tries"),
        "{text}"
    );
    assert_eq!(scene.cloud.count(Route::Links), 0);

    scene.workspace.must(&["plan", "-input=false", "-var=insecure=true"]);
    let authority = scene.workspace.file("authority.pem");
    scene.workspace.write("authority.pem", front.authority());
    scene.workspace.set("OS_CACERT", authority.display().to_string());
    scene.workspace.must(&["plan", "-input=false"]);
    scene.workspace.set("OS_CACERT", "").set("SSL_CERT_FILE", authority.display().to_string());
    scene.apply();
    assert_eq!(scene.cloud.count(Route::Links), 3);
}

#[test]
fn a_machine_without_a_certificate_store_is_told_so() {
    let mut scene = Scene::new();
    let empty = scene.workspace.file("empty.pem");
    scene.workspace.write("empty.pem", "");
    scene.workspace.set("SSL_CERT_FILE", empty.display().to_string());
    scene.workspace.set("SSL_CERT_DIR", "/nowhere");
    scene.workspace.configure(&settings(&scene.cloud, &scene.cloud.tls().url()));
    let text = joined(&scene.plan().stderr);
    assert!(text.contains("Error: No Certificate Store") && text.contains("SSL_CERT_FILE"), "{text}");
}

#[test]
fn a_proxy_of_the_environment_is_used_and_no_proxy_leaves_it_out() {
    let mut scene = Scene::new();
    let proxy = scene.cloud.url();
    scene.workspace.configure(&settings(&scene.cloud, "http://dds.example.com"));
    scene.workspace.set("HTTP_PROXY", proxy.clone());
    scene.plan();
    let recorded = scene.cloud.recorded();
    assert!(
        recorded[0].request.target.starts_with("http://dds.example.com/v3/"),
        "{}",
        recorded[0].request.target
    );

    // The cloud itself is not at the end of this proxy.
    scene.workspace.set("HTTP_PROXY", "http://127.0.0.1:1").set("NO_PROXY", "127.0.0.1");
    scene.workspace.configure(&settings(&scene.cloud, &proxy));
    scene.apply();
    scene.is_settled();
}
