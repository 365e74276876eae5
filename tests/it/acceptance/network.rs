//! TLS and proxies.

use cloud_simulator::{Encoding, Fault, Route};

use super::*;

fn settings(cloud: &Simulator, url: &str) -> String {
    let (key, project) = (key(cloud.cloud_state(), 0), &cloud.cloud_state().projects[0].id);
    format!(
        "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {key}\n  project_id = {project:?}\n  max_retries = 2\n  \
         endpoints = {{ dds = {url:?} }}\n  insecure = var.insecure\n}}\n\n\
         variable \"insecure\" {{\n  default = false\n}}\n\n{}",
        data(INSTANCE)
    )
}

#[test]
fn an_unknown_authority_is_refused_unless_the_user_trusts_it() {
    let mut scene = Scene::new();
    let front = scene.cloud.tls();
    scene.workspace.configure(&settings(&scene.cloud, &front.url()));
    let text = scene.fails_with(&["Error: Untrusted Certificate", "UnknownIssuer", "SSL_CERT_FILE"]);
    assert!(!text.contains("tries"), "{text}");
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
    scene.fails_with(&["Error: No Certificate Store", "SSL_CERT_FILE"]);
}

#[test]
fn a_proxy_of_the_environment_is_used_and_no_proxy_leaves_it_out() {
    let mut scene = Scene::new();
    let proxy = scene.cloud.url();
    scene.workspace.configure(&settings(&scene.cloud, "http://dds.example.com"));
    scene.workspace.set("HTTP_PROXY", proxy.clone());
    scene.plan();
    let target = &scene.cloud.recorded()[0].request.target;
    assert!(target.starts_with("http://dds.example.com/v3/"), "{target}");

    // What listens on this machine is never reached through a proxy, as with Terraform itself.
    scene.cloud.forget();
    scene.workspace.set("HTTP_PROXY", "http://127.0.0.1:1");
    scene.workspace.configure(&settings(&scene.cloud, &proxy));
    scene.apply();
    scene.is_settled();
    // Others are with and without their port in NO_PROXY.
    for (none, reached) in
        [("dds.example.com:80", false), ("dds.example.com:443", true), ("*", false), (".com", false)]
    {
        scene.cloud.forget();
        scene.workspace.set("HTTP_PROXY", proxy.clone()).set("NO_PROXY", none);
        scene.workspace.configure(&settings(&scene.cloud, "http://dds.example.com").replace("= 2", "= 0"));
        scene.plan();
        assert_eq!(!scene.cloud.recorded().is_empty(), reached, "{none}");
    }
}

#[test]
fn a_proxy_s_password_is_sent_and_not_shown() {
    let mut scene = Scene::new();
    let proxy = scene.cloud.url().replace("http://", "http://someone:pr%2Fxy-secret@");
    scene.workspace.configure(&settings(&scene.cloud, "http://dds.example.com").replace("= 2", "= 0"));
    scene.cloud.always(Route::Unknown, Fault::Echo { status: 502, encoding: Encoding::Plain });
    scene.workspace.set("HTTP_PROXY", proxy).trace();
    let text = scene.fails_with(&["HTTP 502", "you sent: *** ; Basic *** ; SDK-HMAC"]);
    let request = &scene.cloud.recorded()[0].request;
    assert_eq!(request.header("proxy-authorization"), Some("Basic c29tZW9uZTpwci94eS1zZWNyZXQ="));
    let trace = scene.workspace.log();
    assert!(!trace.is_empty());
    for secret in ["pr/xy-secret", "pr%2Fxy-secret", "c29tZW9uZTpwci94eS1zZWNyZXQ"] {
        assert!(!text.contains(secret) && !trace.contains(secret), "{secret}");
    }
}

#[test]
fn a_malformed_proxy_is_an_error_that_names_its_variable() {
    let mut scene = Scene::new();
    scene.workspace.configure(&settings(&scene.cloud, "http://dds.example.com"));
    scene.workspace.set("http_proxy", "http://:secret@");
    let text = scene.fails_with(&["Error: Invalid Proxy", "variable http_proxy contains no valid proxy URL"]);
    assert!(!text.contains("secret@") && !text.contains("tries"), "{text}");
}

#[test]
fn an_address_that_is_not_canonical_is_sent_as_it_is_signed() {
    let scene = Scene::new();
    let port = scene.cloud.url().rsplit(':').next().unwrap().to_owned();
    for url in ["http://LOCALHOST:{}//", "HTTP://127.1:{}/", "http://0x7F.0.0.1:{}/a/.."] {
        // The simulated cloud verifies the signature for the host that it was sent.
        scene.workspace.configure(&settings(&scene.cloud, &url.replace("{}", &port)));
        scene.apply();
        let recorded = scene.cloud.recorded();
        let host = recorded[0].request.header("host").unwrap();
        assert!(host == format!("localhost:{port}") || host == format!("127.0.0.1:{port}"), "{host}");
        scene.cloud.forget();
    }
}
