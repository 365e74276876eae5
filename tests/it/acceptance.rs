//! Real Terraform or OpenTofu, the built provider, and the simulated cloud.
//!
//! The command line is the one on the PATH or in `TF_CLI`, else a core that is fetched into `target/`. Where there is
//! none at all these tests fail, and say what to do. `TF_PROTOCOL` makes the provider speak that plugin protocol instead
//! of the newest that it has in common with the core; `cargo xtask matrix` sets both.

mod agencies;
mod authentication;
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

use cloud_simulator::{CloudState, Simulator};
use terraform_runner::{Core, Output, Product, Workspace};

pub const INSTANCE: &str = "e73893ef73754465a8bd2e0857bbf13ein02";

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

    /// With the sample's access key in the provider block, and `settings` beside it.
    pub fn configure(&self, settings: &str, rest: &str) -> &Self {
        let key = &self.cloud.cloud_state().keys[0];
        let keys = format!("access_key = {:?}\n  secret_key = {:?}", key.id, key.secret);
        self.configure_as(&format!("{keys}\n  {settings}"), rest)
    }

    /// Without a credential but that of `settings`.
    fn configure_as(&self, settings: &str, rest: &str) -> &Self {
        let block = format!(
            "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {}\n  {settings}\n}}\n",
            self.endpoints()
        );
        self.workspace.configure(&format!("{block}\n{rest}"));
        self
    }

    fn endpoints(&self) -> String {
        let url = self.cloud.url();
        let regional = self.cloud.regional_url();
        format!("endpoints = {{ dds = {regional:?}, iam = {url:?}, sts = {url:?}, metadata = {url:?} }}")
    }

    fn plan(&self) -> Output {
        self.workspace.run(&["plan", "-input=false"])
    }

    pub fn apply(&self) -> Output {
        self.workspace.must(&["apply", "-input=false", "-auto-approve"])
    }

    /// A second look finds nothing to change.
    fn is_settled(&self) {
        let output = self.workspace.run(&["plan", "-input=false", "-detailed-exitcode"]);
        assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
    }
}

/// A scene for each protocol.
pub fn both() -> [Scene; 2] {
    [conformance::protocol5_scene(), Scene::new()]
}

/// A data source for one instance, and the whole of it as an output.
pub fn data(instance: &str) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"this\" {{\n  instance_id = {instance:?}\n}}\n\n\
         output \"found\" {{\n  value = data.dds_ssl_cert_download_links.this\n}}\n"
    )
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
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fails if the text lacks a part.
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}
