//! `cargo xtask install`: the implied local mirror, which needs no CLI configuration.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use plugin_host::{ClientIdentity, PluginCommand, TlsVersions, connect};

use terraform_runner::{assert_contains, without_line_breaks};

use crate::fixture::{Fixture, copy_executable, default_host, full_address};
use crate::hashes;
use crate::package::{EXECUTABLE, VERSION, package, platform, programs};

/// The source address of the other provider.
const OTHER: &str = "example/greeting";

/// Runs `cargo xtask install` for the home directory of the fixture. Returns its output.
fn install(fixture: &Fixture, binary: &Path) -> String {
    let mut command = Command::new(&programs().xtask);
    let home = fixture.workspace.file_path("");
    command.args(["install", "--binary"]).arg(binary).env("HOME", home).env_remove("TF_CLI_CONFIG_FILE");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The installed executable.
fn installed_file(fixture: &Fixture) -> PathBuf {
    let package = format!(".terraform.d/plugins/{}/{VERSION}/{}", full_address(), platform());
    fixture.workspace.file_path(&package).join(EXECUTABLE)
}

/// Creates another build of the same version.
fn rebuilt_provider(fixture: &Fixture) -> PathBuf {
    let file = fixture.workspace.file_path("rebuilt");
    // A copy, because the provider cannot be started while this process has it open for writing.
    let rebuilt = fixture.workspace.file_path("rebuilt.part");
    fs::copy(&programs().provider, &rebuilt).unwrap();
    fs::File::options().append(true).open(&rebuilt).unwrap().write_all(b"\n").unwrap();
    copy_executable(&rebuilt, &file);
    file
}

/// The checksum of the package with this executable only.
fn h1(file: &Path) -> String {
    hashes::h1(&BTreeMap::from([(EXECUTABLE.to_owned(), fs::read(file).unwrap())]))
}

/// Adds the example of another provider to the same mirror, and its data source to the configuration.
fn add_other_provider(fixture: &Fixture) {
    let package = format!(".terraform.d/plugins/{}/{OTHER}/1.0.0/{}", default_host(), platform());
    let file = fixture.workspace.file_path(&package).join("terraform-provider-greeting_v1.0.0");
    copy_executable(&programs().example, &file);
    let main = fs::read_to_string(fixture.workspace.file_path("main.tf")).unwrap();
    let requirement = format!("required_providers {{\n    greeting = {{\n      source = {OTHER:?}\n    }}");
    let configuration = main.replacen("required_providers {", &requirement, 1);
    let data_source = "data \"greeting_text\" \"this\" {\n  name = \"world\"\n}\n\n\
                       output \"text\" {\n  value = data.greeting_text.this.text\n}\n";
    fixture.workspace.write_file("main.tf", &format!("{configuration}\n{data_source}"));
}

#[test]
fn installed_provider_works_beside_another_one() {
    let fixture = Fixture::new();
    add_other_provider(&fixture);
    let output = install(&fixture, &programs().provider);
    let file = installed_file(&fixture);
    assert_contains(&output, &[&file.display().to_string(), "registry.opentofu.org", "run `terraform init`"]);
    assert!(!output.contains("replaced"), "{output}");
    let stdout = fixture.init();
    assert_contains(
        &stdout,
        &[
            &format!("Installed terraform-dds/dds v{VERSION} (unauthenticated)"),
            "Installed example/greeting v1.0.0 (unauthenticated)",
        ],
    );
    assert_eq!(fixture.locked_hashes(&full_address()), [h1(&file)].into());
    fixture.assert_plan_reads();
    let output = fixture.workspace.run_ok(&["apply", "-input=false", "-auto-approve"]).stdout;
    assert_contains(&output, &["text = \"Hello, world!\""]);
    assert_eq!(fixture.workspace.outputs()["certs"][0]["category"], "international");
}

#[test]
fn replaced_build_requires_a_new_lock_entry() {
    let fixture = Fixture::new();
    add_other_provider(&fixture);
    install(&fixture, &programs().provider);
    fixture.init();
    let before = h1(&installed_file(&fixture));
    assert!(!install(&fixture, &programs().provider).contains("replaced"), "the same build");
    fixture.assert_plan_reads();

    let output = install(&fixture, &rebuilt_provider(&fixture));
    let entry = format!("provider \"{}\"", full_address());
    assert_contains(
        &without_line_breaks(&output),
        &["was replaced", "also with -upgrade", "Delete this block", &entry],
    );
    let error = "doesn't match any of the checksums previously recorded in the dependency lock file";
    fixture.assert_init_fails(&[error, &format!("{} {VERSION}", full_address())]);
    fixture.assert_fails(&["init", "-input=false", "-upgrade"], &[error]);
    let error = "does not match any of the checksums recorded in the dependency lock file";
    fixture.assert_fails(&["plan", "-input=false"], &[error]);

    // What the output recommends.
    let lock_file = fixture.lock_file();
    let (start, rest) = lock_file.split_once(&entry).unwrap();
    let (_, end) = rest.split_once("\n}\n").unwrap();
    fixture.workspace.write_file(".terraform.lock.hcl", &format!("{start}{end}"));
    assert_contains(
        &fixture.init(),
        &["Installed terraform-dds/dds", "Using previously-installed example/greeting"],
    );
    let after = h1(&installed_file(&fixture));
    assert_ne!(after, before);
    assert_eq!(fixture.locked_hashes(&full_address()), [after].into());
    fixture.assert_plan_reads();
}

#[test]
fn zip_file_in_the_local_mirror_is_installed() {
    let fixture = Fixture::new();
    let directory = fixture.workspace.file_path(".terraform.d/plugins").join(full_address());
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(&package().zip_name), &package().zip).unwrap();
    fixture.init();
    assert_eq!(fixture.locked_hashes(&full_address()), [package().h1()].into());
    fixture.assert_plan_reads();
}

#[tokio::test]
async fn running_provider_survives_a_replacement() {
    let fixture = Fixture::new();
    install(&fixture, &programs().provider);
    let file = installed_file(&fixture);
    let process = PluginCommand::new(&file).start().await.unwrap();
    let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await.unwrap();
    assert!(install(&fixture, &rebuilt_provider(&fixture)).contains("was replaced"));
    connection.schema().await.unwrap();
    PluginCommand::new(&file).start().await.unwrap();
}

#[test]
fn cli_configuration_that_hides_the_mirror_is_reported() {
    let fixture = Fixture::new();
    let empty = fixture.workspace.file_path("empty");
    fs::create_dir(&empty).unwrap();
    let mirror = format!("  filesystem_mirror {{\n    path = {:?}\n  }}\n", empty.display().to_string());
    let configuration = format!("provider_installation {{\n{mirror}}}\n");
    // The configuration file of the home directory.
    fixture.workspace.write_file(".terraformrc", &configuration);
    let output = install(&fixture, &programs().provider);
    assert_contains(&output, &[".terraformrc has a provider_installation block without the directory"]);
    fixture.assert_init_fails(&["terraform-dds/dds was not found in any of the search locations"]);
    // What the output recommends.
    let block = &output[output.find("  filesystem_mirror {").unwrap()..];
    fixture.workspace.write_file(".terraformrc", &format!("provider_installation {{\n{block}}}\n"));
    assert!(!install(&fixture, &programs().provider).contains("provider_installation"));
    fixture.init();
    fixture.assert_plan_reads();

    let directory = programs().provider.parent().unwrap().display().to_string();
    let overrides = format!("  dev_overrides {{\n    \"terraform-dds/dds\" = {directory:?}\n  }}\n");
    fixture
        .workspace
        .write_file(".terraformrc", &format!("provider_installation {{\n{overrides}{block}}}\n"));
    assert_contains(&install(&fixture, &programs().provider), &["has dev_overrides for terraform-dds/dds"]);
    let plan = fixture.workspace.run_ok(&["plan", "-input=false"]).stdout;
    assert_contains(
        &without_line_breaks(&plan),
        &["Provider development overrides are in effect", &directory],
    );
}
