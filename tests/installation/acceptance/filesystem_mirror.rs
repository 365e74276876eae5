//! Mirrors in a directory, in both layouts.

use std::fs;
use std::path::PathBuf;

use terraform_runner::assert_contains;

use crate::fixture::{Fixture, full_address};
use crate::package::{VERSION, other_zip, package, platform};

/// A directory, created in the mirror of a fixture that uses only this mirror.
fn mirror_directory(fixture: &mut Fixture, path: &str) -> PathBuf {
    let mirror = fixture.workspace.file_path("mirror");
    fixture.set_installation_methods(&format!(
        "  filesystem_mirror {{\n    path = {:?}\n  }}",
        mirror.display().to_string()
    ));
    let directory = mirror.join(full_address()).join(path);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Initializes the directory twice, the second time from the lock file, and reads.
fn assert_installs(fixture: &Fixture) {
    let installed = format!("Installed terraform-dds/dds v{VERSION} (unauthenticated)");
    assert_contains(&fixture.init(), &[&installed]);
    let lock_file = fixture.lock_file();
    assert_eq!(fixture.locked_hashes(&full_address()), [package().h1()].into());
    fixture.delete_installed();
    assert_contains(
        &fixture.init(),
        &["Reusing previous version of terraform-dds/dds from the dependency lock file", &installed],
    );
    assert_eq!(fixture.lock_file(), lock_file);
    fixture.assert_plan_reads();
}

#[test]
fn zip_file_in_a_mirror_is_installed() {
    let mut fixture = Fixture::new();
    let directory = mirror_directory(&mut fixture, "");
    fs::write(directory.join(&package().zip_name), &package().zip).unwrap();
    assert_installs(&fixture);
}

#[test]
fn unpacked_files_in_a_mirror_are_installed() {
    let mut fixture = Fixture::new();
    let directory = mirror_directory(&mut fixture, &format!("{VERSION}/{}", platform()));
    package().extract(&directory);
    assert_installs(&fixture);
}

#[test]
fn altered_zip_file_does_not_match_the_lock_file() {
    let mut fixture = Fixture::new();
    let directory = mirror_directory(&mut fixture, "");
    let file = directory.join(&package().zip_name);
    fs::write(&file, &package().zip).unwrap();
    fixture.init();
    fixture.delete_installed();
    fs::write(&file, other_zip()).unwrap();
    fixture.assert_init_fails(&[
        "doesn't match any of the checksums previously recorded in the dependency lock file",
    ]);
}
