//! Tests with real Terraform or OpenTofu, the built provider, and the simulated cloud.
//!
//! The tests use the program in `TF_CLI`, else the one on the PATH, else one that they download into `target/`. If there
//! is none, the test program ends with instructions. `TF_PROTOCOL` sets the plugin protocol of the provider. By default,
//! it is the newest one that Terraform and the provider support. `cargo xtask matrix` sets both variables.

mod agencies;
mod authentication;
pub mod certificates;
#[cfg(unix)]
mod conformance;
mod ephemeral;
mod errors;
mod guides;
mod instances;
mod lifecycle;
mod migration;
mod network;
mod opentofu;
mod regions;
pub mod secrets;
mod values;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cloud_simulator::{CloudState, Route, Simulator};
use terraform_runner::{Output, Product, TerraformCli, Workspace};
pub use terraform_runner::{assert_contains, without_line_breaks};

pub use crate::process::INSTANCE;

/// An instance in another region, `ap-southeast-3`.
pub const OTHER_REGION_INSTANCE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaain02";

/// An instance in a sub-project.
const SUB_PROJECT_INSTANCE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbin02";

/// An instance without certificates.
pub const INSTANCE_WITHOUT_CERTIFICATES: &str = "ccccccccccccccccccccccccccccccccin02";

/// The plugin protocol in `TF_PROTOCOL`.
#[expect(clippy::disallowed_methods, reason = "a variable of the tests, not of the provider")]
fn requested_protocol() -> Option<u16> {
    let version = std::env::var("TF_PROTOCOL").ok().filter(|version| !version.is_empty())?;
    Some(version.parse().unwrap_or_else(|_| panic!("TF_PROTOCOL must be a version, not {version:?}")))
}

/// The directory with the built provider.
fn provider_dir() -> &'static Path {
    static PROVIDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let built = PathBuf::from(env!("CARGO_BIN_EXE_terraform-provider-dds"));
        requested_protocol().map_or(built.clone(), |version| {
            terraform_runner::restrict_to_protocol(&built, version).expect("a script")
        })
    });
    PROVIDER.parent().expect("a directory")
}

/// A Terraform workspace and the simulated cloud of its provider.
pub struct Fixture {
    cloud: Simulator,
    pub workspace: Workspace,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with_cloud_state(CloudState::sample())
    }

    fn with_cloud_state(cloud_state: CloudState) -> Self {
        Self {
            cloud: Simulator::start(cloud_state),
            workspace: Workspace::new(TerraformCli::required(), provider_dir()),
        }
    }

    #[cfg(unix)]
    fn with_workspace(workspace: Workspace) -> Self {
        Self { cloud: Simulator::start(CloudState::sample()), workspace }
    }

    /// Writes a provider block with the sample access key and `arguments`, and the rest of the configuration.
    pub fn configure(&self, arguments: &str, rest: &str) -> &Self {
        self.configure_with(&format!("{}\n  {arguments}", key_args(self.cloud.cloud_state(), 0)), rest)
    }

    /// Writes a provider block with the credential in `arguments`, and the rest of the configuration.
    fn configure_with(&self, arguments: &str, rest: &str) -> &Self {
        let block = self.provider_block(&format!("region = \"cn-north-4\"\n  {arguments}"));
        self.workspace.write_config(&format!("{block}\n{rest}"));
        self
    }

    /// A provider block with these arguments and the endpoints of the simulated cloud.
    fn provider_block(&self, arguments: &str) -> String {
        format!("provider \"dds\" {{\n  {}\n  {arguments}\n}}\n\n", self.endpoints())
    }

    /// A second provider block, with an alias, the sample access key and these arguments.
    fn aliased_provider_block(&self, alias: &str, arguments: &str) -> String {
        self.provider_block(&format!(
            "alias = {alias:?}\n  {}\n  {arguments}",
            key_args(self.cloud.cloud_state(), 0)
        ))
    }

    /// The `endpoints` argument with the addresses of the simulated cloud.
    fn endpoints(&self) -> String {
        let url = self.cloud.url();
        let dds_url = self.cloud.regional_url();
        format!("endpoints = {{ dds = {dds_url:?}, iam = {url:?}, sts = {url:?}, metadata = {url:?} }}")
    }

    fn plan(&self) -> Output {
        self.workspace.run(&["plan", "-input=false"])
    }

    /// Asserts that a plan fails and its errors contain all parts. Returns the errors without line breaks.
    fn plan_fails_with(&self, parts: &[&str]) -> String {
        let output = self.plan();
        assert_eq!(output.code, Some(1), "{}", output.stdout);
        let errors = without_line_breaks(&output.stderr);
        assert_contains(&errors, parts);
        errors
    }

    pub fn apply(&self) -> Output {
        self.workspace.run_ok(&["apply", "-input=false", "-auto-approve"])
    }

    /// Asserts that a plan has no changes.
    fn assert_no_changes(&self) {
        let output = self.workspace.run(&["plan", "-input=false", "-detailed-exitcode"]);
        assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
    }

    /// The number of requests of each route.
    fn request_counts<const N: usize>(&self, routes: [Route; N]) -> [usize; N] {
        routes.map(|route| self.cloud.request_count(route))
    }
}

/// The arguments for an access key of the simulated cloud.
fn key_args(cloud_state: &CloudState, index: usize) -> String {
    let key = &cloud_state.access_keys[index];
    let token = key.security_token.as_ref().map(|token| format!("\n  security_token = {token:?}"));
    format!("access_key = {:?}\n  secret_key = {:?}{}", key.id, key.secret, token.unwrap_or_default())
}

/// The arguments for password authentication with a user ID.
fn user_id_args(cloud_state: &CloudState) -> String {
    format!("user_id = {:?}\n  password = {:?}", cloud_state.user_id, cloud_state.password)
}

/// The arguments for password authentication with a user name.
fn user_name_args(cloud_state: &CloudState) -> String {
    let CloudState { user_name, account_name, password, .. } = cloud_state;
    format!("user_name = {user_name:?}\n  domain_name = {account_name:?}\n  password = {password:?}")
}

fn token_arg(cloud_state: &CloudState) -> String {
    format!("token = {:?}", cloud_state.token)
}

/// An `assume_role` block with the name of the account.
fn role_by_name(cloud_state: &CloudState, agency: &str) -> String {
    let account = &cloud_state.account_name;
    format!("assume_role {{\n    agency_name = {agency:?}\n    domain_name = {account:?}\n  }}")
}

/// An `assume_role` block with the ID of the account.
fn role_by_id(cloud_state: &CloudState, agency: &str) -> String {
    let account = &cloud_state.account_id;
    format!("assume_role {{\n    agency_name = {agency:?}\n    domain_id = {account:?}\n  }}")
}

/// An `assume_role_with_oidc` block. `arguments` name the identity provider.
fn oidc_role(cloud_state: &CloudState, arguments: &str) -> String {
    let (account, token) = (&cloud_state.account_id, &cloud_state.identity_provider.id_token);
    let agency = "agency_name = \"sample-agency\"";
    let token = if arguments.contains("id_token") { String::new() } else { format!("id_token = {token:?}") };
    format!(
        "assume_role_with_oidc {{\n    {agency}\n    domain_id = {account:?}\n    {token}\n    {arguments}\n  }}"
    )
}

fn idp_id_arg(cloud_state: &CloudState) -> String {
    format!("idp_id = {:?}", cloud_state.identity_provider.idp_id)
}

fn provider_urn_arg(cloud_state: &CloudState) -> String {
    format!("provider_urn = {:?}", cloud_state.identity_provider.provider_urn)
}

/// The protocols, each with a fixture. Protocol 5 needs a shell script, so it is missing on Windows.
pub fn both_protocols() -> Vec<(u16, Fixture)> {
    vec![
        #[cfg(unix)]
        (5, conformance::protocol_5_fixture()),
        (6, Fixture::new()),
    ]
}

/// A data source for one instance, and an output with its result.
pub fn data_source(instance: &str) -> String {
    data_source_with("", instance)
}

/// A data source with more arguments, and an output with its result.
fn data_source_with(arguments: &str, instance: &str) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"this\" {{\n  {arguments}\n  instance_id = {instance:?}\n}}\n\n\
         output \"result\" {{\n  value = data.dds_ssl_cert_download_links.this\n}}\n"
    )
}

/// A data source with a read timeout, and an output with its result.
fn data_source_with_read_timeout(timeout: &str) -> String {
    data_source_with(&format!("timeouts {{\n    read = {timeout:?}\n  }}"), INSTANCE)
}

/// A data source with `count`, and an output with all its results.
fn data_sources(count: usize) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"many\" {{\n  count       = {count}\n  instance_id = {INSTANCE:?}\n}}\n\n\
         output \"result\" {{\n  value = data.dds_ssl_cert_download_links.many\n}}\n"
    )
}

/// Whether this Terraform prints an error only once if several reads return it.
fn terraform_merges_equal_errors() -> bool {
    TerraformCli::required().is_at_least(Some((1, 12)), None)
}
