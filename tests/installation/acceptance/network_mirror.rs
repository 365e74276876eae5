//! A network mirror over HTTPS, with a private certificate authority.

use serde_json::{Value, json};

use terraform_runner::assert_contains;

use crate::fixture::{Fixture, full_address};
use crate::hashes;
use crate::package::{VERSION, other_zip, package, platform};
use crate::server::Server;

/// Starts a mirror with these hashes of the package for a platform, and a fixture that uses only this mirror.
fn mirror(platform: &str, hashes: Value) -> (Fixture, Server) {
    let server = Server::start();
    let directory = format!("/providers/{}", full_address());
    server.add(
        &format!("{directory}/index.json"),
        "application/json",
        json!({ "versions": { VERSION: {} } }).to_string(),
    );
    let archive = json!({ "url": package().zip_name, "hashes": hashes });
    let archives = json!({ "archives": { platform: archive } }).to_string();
    server.add(&format!("{directory}/{VERSION}.json"), "application/json", archives);
    server.add(&format!("{directory}/{}", package().zip_name), "application/zip", package().zip.clone());
    let mut fixture = Fixture::new();
    fixture.set_installation_methods(&format!(
        "  network_mirror {{\n    url = \"https://{}/providers/\"\n  }}",
        server.authority()
    ));
    server.trust_in(&mut fixture.workspace);
    (fixture, server)
}

#[test]
fn checksum_of_the_mirror_is_verified() {
    let (mut fixture, server) = mirror(&platform(), json!([package().h1()]));
    fixture.workspace.set_env("SSL_CERT_FILE", "/dev/null");
    fixture.assert_init_fails(&["certificate signed by unknown authority"]);
    server.trust_in(&mut fixture.workspace);
    let installed = format!("Installed terraform-dds/dds v{VERSION} (verified checksum)");
    assert_contains(&fixture.init(), &[&installed]);
    let lock_file = fixture.lock_file();
    assert!(fixture.locked_hashes(&full_address()).contains(&package().h1()), "{lock_file}");
    fixture.delete_installed();
    assert_contains(&fixture.init(), &["Reusing previous version", &installed]);
    assert_eq!(fixture.lock_file(), lock_file);
    fixture.assert_plan_reads();
}

#[test]
fn altered_zip_file_of_the_mirror_is_rejected() {
    let (fixture, server) = mirror(&platform(), json!([package().h1(), hashes::zh(&package().zip)]));
    let path = format!("/providers/{}/{}", full_address(), package().zip_name);
    server.add(&path, "application/zip", other_zip());
    fixture.assert_init_fails(&["provider package doesn't match", "expected checksums"]);
}

#[test]
fn mirror_without_this_platform_is_an_error() {
    let (fixture, _server) = mirror("plan9_arm", json!([package().h1()]));
    fixture.assert_init_fails(&["does not have a package available for your current platform", &platform()]);
}

#[test]
fn response_that_is_not_json_is_rejected() {
    let (fixture, server) = mirror(&platform(), json!([package().h1()]));
    server.add(&format!("/providers/{}/index.json", full_address()), "text/plain", "{}");
    fixture.assert_init_fails(&["Content-Type"]);
}
