//! A provider registry with signed packages.

use std::collections::BTreeSet;
use std::fs;

use terraform_runner::{Product, TerraformCli, assert_contains};

use crate::fixture::{ADDRESS, Fixture, default_host, full_address};
use crate::hashes;
use crate::package::{EXECUTABLE, VERSION, package, platform};
use crate::registry::{Registry, signature};

/// The line after the installation of a package with this key.
fn installed(source: &str, key_id: &str) -> String {
    let authentication = match TerraformCli::required().product {
        Product::Terraform => "self-signed",
        Product::OpenTofu => "signed",
    };
    format!("Installed {source} v{VERSION} ({authentication}, key ID {key_id})")
}

/// The checksums that a lock file must contain: of the installed files, of the zip file, and of the manifest.
fn expected_hashes() -> BTreeSet<String> {
    let checksums = String::from_utf8(package().checksums.clone()).unwrap();
    let signed = checksums.lines().map(|line| format!("zh:{}", line.split_once("  ").unwrap().0));
    let hashes: BTreeSet<_> = signed.chain([package().h1()]).collect();
    assert!(hashes.contains(&hashes::zh(&package().zip)) && hashes.len() == 3, "{hashes:?}");
    hashes
}

/// Initializes the directory twice, the second time from the lock file, and reads.
fn assert_installs(fixture: &Fixture, source: &str, address: &str) {
    let installed = installed(source, &signature().key.id);
    assert_contains(&fixture.init(), &[&installed]);
    let package = format!(".terraform/providers/{address}/{VERSION}/{}", platform());
    assert!(fixture.workspace.file_path(&package).join(EXECUTABLE).exists());
    let lock_file = fixture.lock_file();
    assert_eq!(fixture.locked_hashes(address), expected_hashes(), "{lock_file}");
    fixture.delete_installed();
    let reused = format!("Reusing previous version of {source} from the dependency lock file");
    assert_contains(&fixture.init(), &[&reused, &installed]);
    assert_eq!(fixture.lock_file(), lock_file);
    fixture.assert_plan_reads();
}

#[test]
fn package_from_the_default_registry_is_installed() {
    let registry = Registry::start();
    let mut fixture = Fixture::new();
    fixture.workspace.set_cli_config(&registry.host_block(default_host()));
    registry.server.trust_in(&mut fixture.workspace);
    assert_installs(&fixture, ADDRESS, &full_address());
}

#[test]
fn registry_is_found_by_service_discovery() {
    let registry = Registry::start();
    let source = format!("{}/{ADDRESS}", registry.server.authority());
    let mut fixture = Fixture::with_source(&source);
    registry.server.trust_in(&mut fixture.workspace);
    assert_installs(&fixture, &source, &source);
    assert_eq!(registry.server.request_count("/.well-known/terraform.json"), 2);
}

#[test]
fn second_directory_uses_the_plugin_cache() {
    let registry = Registry::start();
    let [mut first, mut second] = [Fixture::new(), Fixture::new()];
    let cache = first.workspace.file_path("plugin-cache");
    fs::create_dir(&cache).unwrap();
    for fixture in [&mut first, &mut second] {
        fixture.workspace.set_cli_config(&registry.host_block(default_host()));
        fixture.workspace.set_env("TF_PLUGIN_CACHE_DIR", cache.display().to_string());
        registry.server.trust_in(&mut fixture.workspace);
    }
    assert_contains(&first.init(), &[&installed(ADDRESS, &signature().key.id)]);
    // Without a checksum in the lock file, the cache is not used.
    second.workspace.write_file(".terraform.lock.hcl", &first.lock_file());
    assert_contains(
        &second.init(),
        &[&format!("Using terraform-dds/dds v{VERSION} from the shared cache directory")],
    );
    assert_eq!(registry.server.request_count(Registry::ZIP_PATH), 1);
    assert_eq!(second.locked_hashes(&full_address()), expected_hashes());
    second.assert_plan_reads();
}
