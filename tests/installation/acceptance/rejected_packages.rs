//! Packages of a registry that Terraform must not install.

use crate::fixture::{Fixture, default_host, full_address};
use crate::package::{EXECUTABLE, VERSION, other_zip, package, platform};
use crate::registry::{Registry, SigningKey, signature};

/// A registry, and a fixture that uses it.
fn start() -> (Fixture, Registry) {
    let registry = Registry::start();
    let mut fixture = Fixture::new();
    fixture.workspace.set_cli_config(&registry.host_block(default_host()));
    registry.server.trust_in(&mut fixture.workspace);
    (fixture, registry)
}

/// Asserts that the initialization fails and installs nothing.
fn assert_rejected(fixture: &Fixture, parts: &[&str]) {
    fixture.assert_init_fails(parts);
    assert!(!fixture.workspace.file_path(".terraform.lock.hcl").exists());
    let package = format!(".terraform/providers/{}/{VERSION}/{}", full_address(), platform());
    assert!(!fixture.workspace.file_path(&package).join(EXECUTABLE).exists());
}

#[test]
fn altered_zip_file_is_rejected() {
    let (fixture, registry) = start();
    registry.server.add(Registry::ZIP_PATH, "application/zip", other_zip());
    assert_rejected(&fixture, &["archive has incorrect checksum zh:", "expected zh:"]);
}

#[test]
fn zip_file_that_is_not_in_the_checksums_is_rejected() {
    let (fixture, registry) = start();
    registry.set_package(&other_zip(), &signature().key);
    assert_rejected(&fixture, &["checksum list has unexpected SHA-256 hash"]);
}

#[test]
fn altered_checksums_are_rejected() {
    let (fixture, registry) = start();
    let zip = other_zip();
    registry.set_package(&zip, &signature().key);
    let checksums = String::from_utf8(package().checksums.clone()).unwrap();
    let [signed, altered] = [&package().zip, &zip].map(|zip| crate::hashes::sha256(zip));
    registry.server.add("/files/SHA256SUMS", "text/plain", checksums.replace(&signed, &altered));
    assert_rejected(&fixture, &["error checking signature: openpgp: invalid signature"]);
}

#[test]
fn signature_of_another_key_is_rejected() {
    let (fixture, registry) = start();
    registry.set_package(&package().zip, &SigningKey::create());
    assert_rejected(&fixture, &["authentication signature from unknown issuer"]);
}

#[test]
fn missing_platform_is_an_error() {
    let (fixture, registry) = start();
    registry.server.remove(&Registry::package_path());
    assert_rejected(&fixture, &["does not have a package available for your current platform", &platform()]);
}
