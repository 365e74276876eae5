//! A working directory without an installed provider, and the simulated cloud that the provider reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cloud_simulator::{CloudState, Route, Simulator};
use terraform_runner::{Product, TerraformCli, Workspace, assert_contains, without_line_breaks};

/// The source address of the provider without its host.
pub const ADDRESS: &str = "terraform-dds/dds";

/// The host that the program adds to an address.
pub fn default_host() -> &'static str {
    match TerraformCli::required().product {
        Product::Terraform => "registry.terraform.io",
        Product::OpenTofu => "registry.opentofu.org",
    }
}

/// A working directory, which is also the home directory, and a simulated cloud.
pub struct Fixture {
    pub workspace: Workspace,
    cloud: Simulator,
}

impl Fixture {
    /// Writes a configuration that reads the sample instance.
    pub fn new() -> Self {
        Self::with_source(ADDRESS)
    }

    /// Writes the configuration with this source address.
    pub fn with_source(source: &str) -> Self {
        let cloud = Simulator::start(CloudState::sample());
        let mut workspace = Workspace::without_cli_config(TerraformCli::required());
        let key = &cloud.cloud_state().access_keys[0];
        workspace.set_env("HW_ACCESS_KEY", &key.id).set_env("HW_SECRET_KEY", &key.secret);
        workspace.write_file("main.tf", &cloud.terraform_configuration().replace(ADDRESS, source));
        Self { workspace, cloud }
    }

    /// Initializes the directory. Returns the output without line breaks.
    pub fn init(&self) -> String {
        without_line_breaks(&self.workspace.run_ok(&["init", "-input=false"]).stdout)
    }

    /// Asserts that the initialization fails with these parts of an error.
    pub fn assert_init_fails(&self, parts: &[&str]) {
        self.assert_fails(&["init", "-input=false"], parts);
    }

    /// Asserts that a command fails with these parts of an error.
    pub fn assert_fails(&self, arguments: &[&str], parts: &[&str]) {
        let output = self.workspace.run(arguments);
        assert_eq!(output.code, Some(1), "{}\n{}", output.stdout, output.stderr);
        assert_contains(&without_line_breaks(&output.stderr), parts);
    }

    /// Asserts that a plan reads the instance with the installed provider.
    pub fn assert_plan_reads(&self) {
        let before = self.cloud.request_count(Route::Links);
        self.workspace.run_ok(&["plan", "-input=false"]);
        assert_eq!(self.cloud.request_count(Route::Links), before + 1);
    }

    /// Deletes the installed providers. The lock file remains.
    pub fn delete_installed(&self) {
        fs::remove_dir_all(self.workspace.file_path(".terraform")).unwrap();
    }

    /// The content of the lock file.
    pub fn lock_file(&self) -> String {
        fs::read_to_string(self.workspace.file_path(".terraform.lock.hcl")).unwrap()
    }

    /// The checksums of a provider in the lock file.
    pub fn locked_hashes(&self, address: &str) -> BTreeSet<String> {
        let lock_file = self.lock_file();
        let block = lock_file.split(&format!("provider {address:?} {{")).nth(1);
        let block = block.unwrap_or_else(|| panic!("{address} is missing in {lock_file}"));
        let block = block.split("\n}").next().unwrap();
        // Every second part is a string.
        block.split('"').skip(1).step_by(2).filter(|text| text.contains(':')).map(str::to_owned).collect()
    }

    /// Writes a CLI configuration with these installation methods only.
    pub fn set_installation_methods(&mut self, methods: &str) {
        self.workspace.set_cli_config(&format!("provider_installation {{\n{methods}\n}}\n"));
    }
}

/// The address with the default host, as in lock files.
pub fn full_address() -> String {
    format!("{}/{ADDRESS}", default_host())
}

/// Copies an executable. Another process copies it: children of other tests could inherit a file that this process has open
/// for writing, and then it cannot be executed.
pub fn copy_executable(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("cp").arg(from).arg(to).status().unwrap().success());
}
