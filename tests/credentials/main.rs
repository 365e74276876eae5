//! Where credentials come from: each row of `tests/data/credentials/*.json` is a test of its own, `topic::name`.
//!
//! A row is one situation: the provider block, the environment, the files that there are (null for one that may not be
//! read), and what is wrong in the simulated cloud, which otherwise knows all that the row names. What is left out is empty.
//! Two things are checked: what the configuration resolves to, and the requests up to the end of the first read, whose text
//! is held against `tests/data/golden/requests.json`. With `UPDATE_GOLDEN=1` that file is written instead; this takes a run
//! of the whole program, so `cargo test --test credentials`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests, and a variable of the person who runs them"
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
use simulated_cloud::{Cloud, cloud_state, sent};
use terraform_provider_dds::huaweicloud::client::Project;
use terraform_provider_dds::provider::config::{ResolvedConfig, resolve};
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::Provider as _;
use terraform_provider_dds::tfplugin::config::Config;
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    /// A sentence that says what the row shows.
    intent: String,
    #[serde(default)]
    block: BTreeMap<String, Json>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
    #[serde(default)]
    cloud: Cloud,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Expect {
    /// A part of how the chosen credential describes itself. None where the settings are at fault.
    credential: Option<String>,
    region: Option<String>,
    project: Option<String>,
    /// Parts of the errors of the configuration, in their order.
    faults: Vec<String>,
    /// Parts of the warnings of a configuration that can be used.
    warnings: Vec<String>,
    /// By route of the simulated cloud. None where nothing is sent.
    requests: Option<BTreeMap<String, usize>>,
    /// A part of the error that the read ends with, if it does.
    error: Option<String>,
}

/// Requests as sent, by the name of the row.
type Requests = BTreeMap<String, Vec<String>>;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let golden = root.join("golden/requests.json");
    let tables = tables(&root.join("credentials"));
    let names: Vec<_> = tables.values().flatten().map(|row| row.name.clone()).collect();
    let expected: Requests = serde_json::from_str(&fs::read_to_string(&golden).unwrap()).unwrap();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let recorded = Arc::new(Mutex::new(expected.clone()));
    let read = tables.values().flatten().filter(|row| row.expect.is_read()).count();
    let mut trials = vec![Trial::test("tables::are_complete", {
        let (names, golden) = (names.clone(), expected.keys().cloned().collect::<Vec<_>>());
        move || complete(names, &golden, read, update)
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
                    return Err(format!("requests.json has\n{expected:#?}\nand sent were\n{sent:#?}").into());
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
fn tables(folder: &Path) -> BTreeMap<String, Vec<Row>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let table = |path: PathBuf| {
        let rows = serde_json::from_str(&fs::read_to_string(&path).unwrap());
        let rows = rows.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().unwrap().to_string_lossy().into_owned(), rows)
    };
    paths.map(table).collect()
}

/// Fails where rows are missing, have the same name, or have no requests in the golden file.
fn complete(mut names: Vec<String>, golden: &[String], read: usize, update: bool) -> Result<(), Failed> {
    let count = names.len();
    names.sort();
    names.dedup();
    if names.len() < count || count < 169 || read < 50 {
        return Err(
            format!("{count} rows with {} names, of which {read} end with a read", names.len()).into()
        );
    }
    if names == golden || update {
        Ok(())
    } else {
        Err("requests.json has other rows than the tables".into())
    }
}

/// As many diagnostics, each with the part that is expected of it.
fn same(told: &Diagnostics, expected: &[String]) -> Result<(), Failed> {
    let told: Vec<_> = told.iter().map(|it| format!("{}: {}", it.summary, it.detail)).collect();
    let right =
        told.len() == expected.len() && told.iter().zip(expected).all(|(told, part)| told.contains(part));
    if right { Ok(()) } else { Err(format!("{told:#?} are not {expected:#?}").into()) }
}

impl Expect {
    /// Whether the cloud believes the credential.
    fn is_read(&self) -> bool {
        self.credential.is_some() && self.error.is_none()
    }
}

impl Row {
    /// Checks the credential, the region, the project and the messages, without the simulated cloud.
    fn check_resolution(&self) -> Result<(), Failed> {
        if !self.intent.ends_with('.') {
            return Err("the intent is no sentence".into());
        }
        let environment = || Environment::Fixed { variables: self.env.clone(), files: self.files.clone() };
        let session = in_process::session(environment());
        let block = in_process::block(&self.block, &session);
        let runtime = tokio::runtime::Runtime::new()?;
        let schema = session.provider().schema();
        let told = runtime.block_on(session.configure(&schema, &block, ""));
        let Expect { credential, region, project, faults, warnings, .. } = &self.expect;
        match resolve(&Config::new(&schema, &block), &environment(), "") {
            Ok(ResolvedConfig::Settings(found, _)) => {
                same(&told, warnings)?;
                let described = format!("{:?}", found.credential);
                if credential.as_ref().is_none_or(|expected| !described.contains(expected)) {
                    return Err(format!("{described} is not {credential:?}").into());
                }
                let of_row = match found.project {
                    Project::Id(id) => id,
                    Project::Name(name) => name,
                    Project::OfRegion => "of the region".to_owned(),
                };
                if region.as_ref().is_some_and(|region| *region != found.region)
                    || project.as_ref().is_some_and(|project| *project != of_row)
                {
                    return Err(format!("region {}, project {of_row}", found.region).into());
                }
                Ok(())
            }
            Ok(ResolvedConfig::UnknownSettings(paths)) => Err(format!("waits for {paths:?}").into()),
            Err(_) => same(&told, faults),
        }
    }

    /// Reads once, checks the requests by route and the result, and returns the requests as sent.
    fn check_read(&self) -> Result<Vec<String>, Failed> {
        let cloud = Simulator::start(cloud_state(self));
        let token = cloud.cloud_state().pod.token.clone();
        self.cloud.apply(&cloud);
        let mut variables = self.env.clone();
        if let Some(address) = variables.get_mut("HC_CONTAINER_CREDENTIALS_FULL_URI") {
            *address = cloud.pod_url();
        }
        let mut files = self.files.clone();
        files.extend([("/t".to_owned(), Some("t".to_owned())), ("/token".to_owned(), Some(token))]);
        let session = in_process::session(Environment::Fixed { variables, files });
        let runtime = tokio::runtime::Runtime::new()?;
        let block = in_process::block(&self.block, &session);
        let told = runtime.block_on(in_process::configure(&session, block, &cloud));
        let told = if told.has_errors() {
            format!("{told:?}")
        } else {
            same(&told, &self.expect.warnings)?;
            runtime.block_on(in_process::read(&session, simulated_cloud::INSTANCE)).unwrap_or_default()
        };
        let recorded = cloud.recorded();
        let mut requests = BTreeMap::new();
        for recorded in &recorded {
            *requests.entry(format!("{:?}", recorded.route)).or_default() += 1;
        }
        // A project that only the row knows is refused by DDS itself, after the credential was believed.
        let believed = recorded.iter().any(|it| it.route == Route::Links && it.status != Some(401));
        if believed != self.expect.is_read() {
            return Err(format!("whether the credential was believed: {believed}; {told}").into());
        }
        if self.expect.error.as_ref().is_some_and(|error| !told.contains(error)) {
            return Err(told.into());
        }
        if requests != self.expect.requests.clone().unwrap_or_default() {
            return Err(format!("{requests:?} were sent; {told}").into());
        }
        Ok(recorded.iter().map(sent).collect())
    }
}
