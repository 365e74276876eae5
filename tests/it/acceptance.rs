//! Real Terraform or OpenTofu, the built provider, and the simulated cloud.
//!
//! The command line is the one on the PATH or in `TF_CLI`, else a core that is fetched into `target/`. Where there is
//! none at all these tests fail, and say what to do. `TF_PROTOCOL` makes the provider speak that plugin protocol instead
//! of the newest that it has in common with the core; `cargo xtask matrix` sets both.

mod agencies;
mod authentication;
#[cfg(target_os = "linux")]
mod chroot;
#[cfg(unix)]
mod conformance;
mod ephemeral;
mod errors;
mod lifecycle;
mod migration;
mod network;
mod opentofu;
mod regions;
mod secrets;
mod values;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cloud_simulator::{CloudState, Route, Simulator};
use terraform_runner::{Core, Output, Product, Workspace};

pub const INSTANCE: &str = "e73893ef73754465a8bd2e0857bbf13ein02";

/// An instance in another region, `ap-southeast-3`.
const SOUTH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaain02";

/// An instance in a sub-project.
const TEAM: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbin02";

/// An instance without certificates.
const EMPTY: &str = "ccccccccccccccccccccccccccccccccin02";

pub fn core() -> &'static Core {
    static CORE: LazyLock<Result<Core, String>> = LazyLock::new(|| {
        let core = Core::find_or_fetch();
        if let Ok(core) = &core {
            // Not by a macro, whose output only failing tests show.
            let mut stderr = std::io::stderr().lock();
            writeln!(stderr, "acceptance tests run with {core}").unwrap();
        }
        core
    });
    CORE.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// The plugin protocol that a person wants to be spoken.
#[expect(clippy::disallowed_methods, reason = "the variables of the person, not those of the provider")]
fn protocol() -> Option<u16> {
    let wanted = std::env::var("TF_PROTOCOL").ok().filter(|wanted| !wanted.is_empty())?;
    Some(wanted.parse().unwrap_or_else(|_| panic!("TF_PROTOCOL is {wanted:?}, which is no version")))
}

/// The folder with the built provider.
fn provider() -> &'static Path {
    static PROVIDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let built = PathBuf::from(env!("CARGO_BIN_EXE_terraform-provider-dds"));
        protocol().map_or(built.clone(), |wanted| {
            terraform_runner::limited_to_protocol(&built, wanted).expect("a script")
        })
    });
    PROVIDER.parent().expect("a folder")
}

/// A workspace and the cloud that its provider talks to.
pub struct Scene {
    cloud: Simulator,
    pub workspace: Workspace,
}

impl Scene {
    pub fn new() -> Self {
        Self::of(CloudState::sample())
    }

    fn of(cloud_state: CloudState) -> Self {
        Self { cloud: Simulator::start(cloud_state), workspace: Workspace::new(core(), provider()) }
    }

    fn in_workspace(workspace: Workspace) -> Self {
        Self { cloud: Simulator::start(CloudState::sample()), workspace }
    }

    /// With the sample's access key in the provider block, and `settings` beside it.
    pub fn configure(&self, settings: &str, rest: &str) -> &Self {
        self.configure_as(&format!("{}\n  {settings}", key(self.cloud.cloud_state(), 0)), rest)
    }

    /// Without a credential but that of `settings`.
    fn configure_as(&self, settings: &str, rest: &str) -> &Self {
        let block = self.block(&format!("region = \"cn-north-4\"\n  {settings}"));
        self.workspace.configure(&format!("{block}\n{rest}"));
        self
    }

    /// A provider block with these settings and the addresses of the simulated cloud.
    fn block(&self, settings: &str) -> String {
        format!("provider \"dds\" {{\n  {}\n  {settings}\n}}\n\n", self.endpoints())
    }

    /// A second provider block, with the sample's access key and these settings.
    fn second_block(&self, alias: &str, settings: &str) -> String {
        self.block(&format!("alias = {alias:?}\n  {}\n  {settings}", key(self.cloud.cloud_state(), 0)))
    }

    fn endpoints(&self) -> String {
        let url = self.cloud.url();
        let regional = self.cloud.regional_url();
        format!("endpoints = {{ dds = {regional:?}, iam = {url:?}, sts = {url:?}, metadata = {url:?} }}")
    }

    fn plan(&self) -> Output {
        self.workspace.run(&["plan", "-input=false"])
    }

    /// Plans, expects a failure whose text has all these parts, and returns that text without its line breaks.
    fn fails_with(&self, parts: &[&str]) -> String {
        let output = self.plan();
        assert_eq!(output.code, Some(1), "{}", output.stdout);
        let text = joined(&output.stderr);
        holds(&text, parts);
        text
    }

    pub fn apply(&self) -> Output {
        self.workspace.must(&["apply", "-input=false", "-auto-approve"])
    }

    /// A second look finds nothing to change.
    fn is_settled(&self) {
        let output = self.workspace.run(&["plan", "-input=false", "-detailed-exitcode"]);
        assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
    }

    /// How many requests of each route have arrived.
    fn counts<const N: usize>(&self, routes: [Route; N]) -> [usize; N] {
        routes.map(|route| self.cloud.count(route))
    }
}

/// The settings of one of the access keys.
fn key(cloud_state: &CloudState, index: usize) -> String {
    let key = &cloud_state.keys[index];
    let token = key.security_token.as_ref().map(|token| format!("\n  security_token = {token:?}"));
    format!("access_key = {:?}\n  secret_key = {:?}{}", key.id, key.secret, token.unwrap_or_default())
}

fn login(cloud_state: &CloudState) -> String {
    format!("user_id = {:?}\n  password = {:?}", cloud_state.user_id, cloud_state.password)
}

fn login_by_name(cloud_state: &CloudState) -> String {
    let CloudState { user_name, account_name, password, .. } = cloud_state;
    format!("user_name = {user_name:?}\n  domain_name = {account_name:?}\n  password = {password:?}")
}

fn token(cloud_state: &CloudState) -> String {
    format!("token = {:?}", cloud_state.token)
}

/// An agency to assume, of the account with this name.
fn by_name(cloud_state: &CloudState, agency: &str) -> String {
    let account = &cloud_state.account_name;
    format!("assume_role {{\n    agency_name = {agency:?}\n    domain_name = {account:?}\n  }}")
}

/// The same by the account's ID.
fn by_id(cloud_state: &CloudState, agency: &str) -> String {
    let account = &cloud_state.account_id;
    format!("assume_role {{\n    agency_name = {agency:?}\n    domain_id = {account:?}\n  }}")
}

/// An agency to assume with an identity provider's token. `rest` has that provider.
fn oidc(cloud_state: &CloudState, rest: &str) -> String {
    let (account, token) = (&cloud_state.account_id, &cloud_state.identity_provider.id_token);
    let agency = "agency_name = \"sample-agency\"";
    let token = if rest.contains("id_token") { String::new() } else { format!("id_token = {token:?}") };
    format!(
        "assume_role_with_oidc {{\n    {agency}\n    domain_id = {account:?}\n    {token}\n    {rest}\n  }}"
    )
}

fn idp_id(cloud_state: &CloudState) -> String {
    format!("idp_id = {:?}", cloud_state.identity_provider.idp_id)
}

fn provider_urn(cloud_state: &CloudState) -> String {
    format!("provider_urn = {:?}", cloud_state.identity_provider.provider_urn)
}

/// A scene for each protocol.
pub fn both() -> [Scene; 2] {
    [conformance::protocol5_scene(), Scene::new()]
}

/// A data source for one instance, and the whole of it as an output.
pub fn data(instance: &str) -> String {
    data_with("", instance)
}

/// The same with more arguments.
fn data_with(arguments: &str, instance: &str) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"this\" {{\n  {arguments}\n  instance_id = {instance:?}\n}}\n\n\
         output \"found\" {{\n  value = data.dds_ssl_cert_download_links.this\n}}\n"
    )
}

/// One data source with this limit for the read.
fn limited(limit: &str) -> String {
    data_with(&format!("timeouts {{\n    read = {limit:?}\n  }}"), INSTANCE)
}

/// As many data sources for one instance, and all of them as an output.
fn many(count: usize) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"many\" {{\n  count       = {count}\n  instance_id = {INSTANCE:?}\n}}\n\n\
         output \"found\" {{\n  value = data.dds_ssl_cert_download_links.many\n}}\n"
    )
}

/// Whether this core shows errors once that differ in nothing but the instance.
fn shows_equal_errors_once() -> bool {
    core().is_since(Some((1, 12)), None)
}

/// A message as core prints it, with its line breaks undone.
pub fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fails if the text lacks a part.
pub fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}
