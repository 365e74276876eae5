//! Tests of credential sources. Each row of `tests/data/credentials/*.json` is a test with the name `topic::name`.
//!
//! A row contains the provider block, the environment variables, the files (null for a file that cannot be read), and
//! changes to the simulated cloud. By default the cloud accepts all names and secrets of the row. Missing fields are empty.
//! A test checks the resolved settings and the requests of one read. `tests/data/golden/requests.json` contains the requests.
//! `UPDATE_GOLDEN=1 cargo test --test credentials` runs all tests and writes that file.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests, and a variable of the tests"
)]

#[path = "../it/in_process.rs"]
mod in_process;
mod simulated_cloud;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use cloud_simulator::{Route, Simulator};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use serde_json::Value as Json;
use simulated_cloud::{CloudChanges, cloud_state, to_line};
use terraform_provider_dds::huaweicloud::client::ProjectSelector;
use terraform_provider_dds::provider::config::{ResolvedConfig, resolve};
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::Provider as _;
use terraform_provider_dds::tfplugin::config::Config;
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    /// One sentence: the condition and the expected result.
    description: String,
    #[serde(default)]
    block: BTreeMap<String, Json>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
    #[serde(default)]
    cloud: CloudChanges,
    expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expect {
    /// A part of the `Debug` text of the credential. None if the configuration fails.
    credential: Option<String>,
    region: Option<String>,
    project: Option<String>,
    /// Parts of the configuration errors, in order.
    errors: Vec<String>,
    /// Parts of the warnings of a valid configuration, in order.
    warnings: Vec<String>,
    /// The number of requests by route. None if no request is sent.
    requests: Option<BTreeMap<String, usize>>,
    /// A part of the error of the read, if it fails.
    error: Option<String>,
}

/// The requests by the name of the row.
type Requests = BTreeMap<String, Vec<String>>;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let golden = root.join("golden/requests.json");
    let tables = tables(&root.join("credentials"));
    let names: Vec<_> = tables.values().flatten().map(|row| row.name.clone()).collect();
    let expected: Requests = serde_json::from_str(&fs::read_to_string(&golden).unwrap()).unwrap();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let recorded = Arc::new(Mutex::new(expected.clone()));
    let reads = tables.values().flatten().filter(|row| row.expect.succeeds()).count();
    let mut trials = vec![Trial::test("tables::are_complete", {
        let (names, golden) = (names.clone(), expected.keys().cloned().collect::<Vec<_>>());
        move || check_complete(names, &golden, reads, update)
    })];
    for (topic, rows) in tables {
        trials.extend(rows.into_iter().map(|row| {
            let (expected, recorded) = (expected.get(&row.name).cloned(), recorded.clone());
            Trial::test(format!("{topic}::{}", row.name), move || {
                row.check_resolution()?;
                let sent = row.check_read()?;
                if update {
                    recorded.lock().unwrap().insert(row.name, sent);
                } else if expected.as_ref() != Some(&sent) {
                    return Err(format!("expected requests\n{expected:#?}\nsent requests\n{sent:#?}").into());
                }
                Ok(())
            })
        }));
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    if update {
        let mut recorded = recorded.lock().unwrap().clone();
        recorded.retain(|name, _| names.contains(name));
        fs::write(golden, serde_json::to_string_pretty(&recorded).unwrap() + "\n").unwrap();
    }
    conclusion.exit_code()
}

/// The rows of each table, by topic.
fn tables(dir: &Path) -> BTreeMap<String, Vec<Row>> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let table = |path: PathBuf| {
        let rows = serde_json::from_str(&fs::read_to_string(&path).unwrap());
        let rows = rows.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().unwrap().to_string_lossy().into_owned(), rows)
    };
    paths.map(table).collect()
}

/// Fails if rows are missing, have the same name, or are not in the golden file.
fn check_complete(
    mut names: Vec<String>,
    golden: &[String],
    reads: usize,
    update: bool,
) -> Result<(), Failed> {
    let count = names.len();
    names.sort();
    names.dedup();
    if names.len() < count || count < 169 || reads < 50 {
        return Err(format!("{count} rows with {} names, {reads} with a successful read", names.len()).into());
    }
    if names == golden || update {
        Ok(())
    } else {
        Err("requests.json and the tables have different rows".into())
    }
}

/// Fails unless each diagnostic contains its expected part.
fn check_diagnostics(diagnostics: &Diagnostics, expected: &[String]) -> Result<(), Failed> {
    let texts: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| format!("{}: {}", diagnostic.summary, diagnostic.detail))
        .collect();
    let is_expected =
        texts.len() == expected.len() && texts.iter().zip(expected).all(|(text, part)| text.contains(part));
    if is_expected { Ok(()) } else { Err(format!("expected {expected:#?}, got {texts:#?}").into()) }
}

impl Expect {
    /// Whether the read is expected to be authenticated.
    fn succeeds(&self) -> bool {
        self.credential.is_some() && self.error.is_none()
    }
}

impl Row {
    /// Checks the credential, the region, the project and the diagnostics, without the simulated cloud.
    fn check_resolution(&self) -> Result<(), Failed> {
        if !self.description.ends_with('.') {
            return Err("the description is not a sentence".into());
        }
        let environment = || Environment::Fixed { variables: self.env.clone(), files: self.files.clone() };
        let session = in_process::session(environment());
        let block = in_process::block(&self.block, &session);
        let runtime = tokio::runtime::Runtime::new()?;
        let schema = session.provider().schema();
        let diagnostics = runtime.block_on(session.configure(&schema, &block, ""));
        let Expect { credential, region, project, errors, warnings, .. } = &self.expect;
        match resolve(&Config::new(&schema, &block), &environment(), "") {
            Ok(ResolvedConfig::Settings(settings, _)) => {
                check_diagnostics(&diagnostics, warnings)?;
                let debug_text = format!("{:?}", settings.credential);
                if credential.as_ref().is_none_or(|part| !debug_text.contains(part)) {
                    return Err(format!("expected {credential:?}, got {debug_text}").into());
                }
                let resolved_project = match settings.project {
                    ProjectSelector::Id(id) => id,
                    ProjectSelector::Name(name) => name,
                    ProjectSelector::RegionDefault => "of the region".to_owned(),
                };
                if region.as_ref().is_some_and(|region| *region != settings.region)
                    || project.as_ref().is_some_and(|project| *project != resolved_project)
                {
                    return Err(format!("region {}, project {resolved_project}", settings.region).into());
                }
                Ok(())
            }
            Ok(ResolvedConfig::UnknownSettings(paths)) => Err(format!("unknown settings: {paths:?}").into()),
            Err(_) => check_diagnostics(&diagnostics, errors),
        }
    }

    /// Reads once, checks the result and the number of requests by route, and returns the requests.
    fn check_read(&self) -> Result<Vec<String>, Failed> {
        let cloud = Simulator::start(cloud_state(self));
        let token = cloud.cloud_state().pod_identity.token.clone();
        self.cloud.apply(&cloud);
        let mut variables = self.env.clone();
        if let Some(address) = variables.get_mut("HC_CONTAINER_CREDENTIALS_FULL_URI") {
            *address = cloud.pod_identity_url();
        }
        let mut files = self.files.clone();
        files.extend([("/t".to_owned(), Some("t".to_owned())), ("/token".to_owned(), Some(token))]);
        let session = in_process::session(Environment::Fixed { variables, files });
        let runtime = tokio::runtime::Runtime::new()?;
        let block = in_process::block(&self.block, &session);
        let diagnostics = runtime.block_on(in_process::configure(&session, block, &cloud));
        let error = if diagnostics.has_errors() {
            format!("{diagnostics:?}")
        } else {
            check_diagnostics(&diagnostics, &self.expect.warnings)?;
            runtime.block_on(in_process::read(&session, simulated_cloud::INSTANCE)).unwrap_or_default()
        };
        let recorded = cloud.recorded_requests();
        let mut requests = BTreeMap::new();
        for recorded in &recorded {
            *requests.entry(format!("{:?}", recorded.route)).or_default() += 1;
        }
        // DDS rejects projects that the cloud does not have, but only after it has authenticated the request.
        let is_authenticated =
            recorded.iter().any(|request| request.route == Route::Links && request.status != Some(401));
        if is_authenticated != self.expect.succeeds() {
            return Err(format!("the read is authenticated: {is_authenticated}; {error}").into());
        }
        if self.expect.error.as_ref().is_some_and(|part| !error.contains(part)) {
            return Err(error.into());
        }
        if requests != self.expect.requests.clone().unwrap_or_default() {
            return Err(format!("sent {requests:?}; {error}").into());
        }
        Ok(recorded.iter().map(to_line).collect())
    }
}
