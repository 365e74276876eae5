//! Every fault of the simulated cloud in every operation: what the user sees, how many requests were sent, and how long it
//! took. The table is compared with `tests/data/golden/faults.md`, without the times.
//! `cargo test --test it -- fault_table --nocapture` prints them, too.
//!
//! Each row is one read in its own process, so that it has neither the caches nor the secrets of another row.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use cloud_simulator::{DownloadServer, Encoding, Fault, Reply, Route, Simulator};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::acceptance::secrets::{assert_no_secret, cloud_with_special_characters, without_layout};
use crate::golden::assert_golden_text;
use crate::process::stop::start_configured;
use crate::process::{DEADLINE, INSTANCE, TYPE_NAME};

/// The value of `request_timeout`. There is one retry.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// The maximum delay before the retry.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// The value of `timeouts.read`.
const READ_TIMEOUT: Duration = Duration::from_secs(7);
/// How much longer than its limit a row may take. The rows share the processors, also with other tests.
const TOLERANCE: Duration = Duration::from_secs(4);

/// Rows that run at the same time. Most of the time, they wait.
const PARALLELISM: usize = 24;

/// A request of the provider that gets a fault.
#[derive(Clone, Copy)]
struct Operation {
    name: &'static str,
    /// None for a download.
    route: Option<Route>,
    /// A value in the response, as a JSON pointer. None if the response is not JSON.
    value: Option<&'static str>,
}

const OPERATIONS: [Operation; 5] = [
    Operation { name: "links", route: Some(Route::Links), value: Some("/certs/0/download_link") },
    Operation { name: "instances", route: Some(Route::Instances), value: Some("/instances/0/id") },
    Operation { name: "token", route: Some(Route::Tokens), value: Some("/token/expires_at") },
    Operation { name: "project", route: Some(Route::Projects), value: Some("/projects/0/id") },
    Operation { name: "download", route: None, value: None },
];

/// All other requests. Most of their responses contain secrets.
const OTHER_ROUTES: [Route; 11] = [
    Route::ReplicaSetName,
    Route::Account,
    Route::AgencyKeys,
    Route::AgencyTokens,
    Route::Assume,
    Route::AssumeWithOidc,
    Route::FederatedTokens,
    Route::TokenKeys,
    Route::MetadataToken,
    Route::MetadataKeys,
    Route::PodKeys,
];

/// The faults for an operation. A test checks that every kind of fault is among them.
fn faults(operation: Operation) -> Vec<Fault> {
    let response = |status, code, message| Fault::ErrorResponse { status, code, message };
    let mut faults = vec![
        response(400, "DBS.200001", "Parameter error."),
        response(401, "APIGW.0301", "Incorrect IAM authentication information: verify aksk signature fail"),
        response(403, "DBS.280063", "Policy doesn't allow the action to be performed."),
        response(404, "DBS.200002", "The instance does not exist."),
        response(404, "APIGW.0101", "The API does not exist or has not been published in the environment"),
        response(409, "DBS.200998", "The system is busy."),
        response(500, "DBS.280005", "Server error."),
        Fault::Throttled { retry_after: None },
        // The second delay does not end before the read timeout.
        Fault::Throttled { retry_after: Some("5") },
        Fault::Throttled { retry_after: Some("3600") },
        Fault::Html { status: 200 },
        Fault::Html { status: 403 },
        Fault::Html { status: 502 },
        Fault::EmptyBody { status: 200 },
        Fault::EmptyBody { status: 401 },
        Fault::EmptyBody { status: 503 },
        Fault::Truncated,
        Fault::InvalidJson,
        Fault::ConnectionClosed,
        Fault::NoResponse,
        Fault::Delayed(REQUEST_TIMEOUT / 10),
        Fault::Delayed(10 * READ_TIMEOUT),
        Fault::Body("null"),
        Fault::Body("{}"),
        Fault::LargeBody(5 << 20),
        Fault::Redirect { to: "http://198.51.100.1/elsewhere" },
        Fault::EchoSecrets { status: 400, encoding: Encoding::Json },
        Fault::EchoSecrets { status: 401, encoding: Encoding::NestedJson },
        Fault::EchoSecrets { status: 500, encoding: Encoding::PercentUpper },
        Fault::Status(206),
        Fault::Status(500),
    ];
    faults.extend(operation.value.map(|pointer| Fault::Value(pointer, json!(5))));
    faults
}

/// The longest time that a read with this fault may take.
fn limit(fault: &Fault) -> Duration {
    match fault {
        Fault::Throttled { .. } => READ_TIMEOUT,
        Fault::NoResponse => 2 * REQUEST_TIMEOUT + RETRY_DELAY,
        Fault::Delayed(delay) => 2 * REQUEST_TIMEOUT.min(*delay) + RETRY_DELAY,
        _ => RETRY_DELAY,
    }
}

struct Row {
    operation: &'static str,
    fault: String,
    /// The summary of the only error, or "success".
    outcome: String,
    requests: String,
    text: String,
    time: Duration,
    limit: Duration,
}

/// The cloud, and a download server if the operation is a download.
struct Fixture {
    cloud: Simulator,
    downloads: Option<(DownloadServer, NamedTempFile)>,
}

impl Fixture {
    fn new(operation: Operation, fault: Fault) -> Self {
        let cloud = Simulator::start(cloud_with_special_characters());
        let downloads = match operation.route {
            Some(route) => {
                cloud.inject_always(route, fault);
                None
            }
            None => {
                let (server, ca_file) = (cloud.serve_downloads(), NamedTempFile::new().unwrap());
                std::fs::write(&ca_file, server.ca_certificate()).unwrap();
                server.reply_always("international", Reply::Fault(fault));
                Some((server, ca_file))
            }
        };
        Self { cloud, downloads }
    }

    /// The provider block, without the credential and the endpoints.
    fn settings(&self, operation: Operation) -> Value {
        let timeout = format!("{}s", REQUEST_TIMEOUT.as_secs());
        let mut settings = json!({ "max_retries": 1, "request_timeout": timeout });
        if matches!(operation.route, None | Some(Route::Links | Route::Instances)) {
            settings["project_id"] = json!(self.cloud.cloud_state().projects[0].id);
        }
        if let Some((_, ca_file)) = &self.downloads {
            settings["cacert_file"] = json!(ca_file.path());
        }
        settings
    }

    fn request_count(&self, operation: Operation) -> usize {
        match (&self.downloads, operation.route) {
            (Some((server, _)), _) => server.requests().len(),
            (None, route) => self.cloud.request_count(route.unwrap()),
        }
    }
}

/// The data source that sends the requests of the operation, and its arguments.
fn data_source(operation: Operation) -> (&'static str, Value) {
    let timeouts = json!({ "read": format!("{}s", READ_TIMEOUT.as_secs()) });
    match operation.route {
        None => {
            let category = "international";
            let arguments = json!({ "timeouts": timeouts, "instance_id": INSTANCE, "category": category });
            ("dds_ssl_certificates", arguments)
        }
        Some(Route::Instances | Route::ReplicaSetName) => {
            ("dds_instances", json!({ "timeouts": timeouts, "read_replica_set_name": true }))
        }
        Some(_) => (TYPE_NAME, json!({ "timeouts": timeouts, "instance_id": INSTANCE })),
    }
}

/// Reads with the fault, and checks that the process neither hangs, panics nor shows a secret.
async fn run(operation: Operation, fault: Fault) -> Row {
    let (shown, limit) = (format!("{fault:?}"), limit(&fault));
    let case = format!("{}, {shown}", operation.name);
    let is_throttled = matches!(fault, Fault::Throttled { .. });
    let fixture = Fixture::new(operation, fault);
    let credential = match operation.route {
        None | Some(Route::Links | Route::Instances | Route::ReplicaSetName) => Route::Projects,
        Some(route) => route,
    };
    let settings = fixture.settings(operation);
    let (mut process, connection, _home) = start_configured(&fixture.cloud, credential, settings).await;
    let (data_source, arguments) = data_source(operation);
    let started = Instant::now();
    let read = tokio::time::timeout(limit + TOLERANCE, connection.read(data_source, arguments)).await;
    let time = started.elapsed();
    let response = read.unwrap_or_else(|_| panic!("{case} hangs")).unwrap();
    connection.schema().await.unwrap();
    assert!(process.shut_down(connection, DEADLINE).await.unwrap().0.success(), "{case}");

    let (outcome, text) = match response.diagnostics.as_slice() {
        [] => ("success", ""),
        [diagnostic] => (diagnostic.summary.as_str(), diagnostic.detail.as_str()),
        several => panic!("{case}: {several:?}"),
    };
    assert_eq!(response.state.is_some(), outcome == "success", "{case}: {text}");
    let log = process.stderr();
    assert!(log.contains("ReadDataSource") && !log.contains("panic"), "{case}: {log}");
    assert_no_secret(&fixture.cloud, &[("log", without_layout(&log)), ("text", without_layout(text))], &case);

    let count = fixture.request_count(operation);
    assert!(count > 0, "{case}: {text}");
    // The number of throttled requests depends on the speed of the computer.
    let requests = if is_throttled && count > 1 { "several".to_owned() } else { count.to_string() };
    Row {
        operation: operation.name,
        fault: shown,
        outcome: outcome.to_owned(),
        text: without_variable_parts(
            &text.replace(&format!("after {count} attempts"), &format!("after {requests} attempts")),
        ),
        requests,
        time,
        limit,
    }
}

/// The text without ports, request IDs, times and sizes, which differ in each run.
fn without_variable_parts(text: &str) -> String {
    let mut text = text.to_owned();
    for (before, name, after) in [
        ("127.0.0.1:", "PORT", "/"),
        ("request ID ", "ID", ""),
        (" attempts in ", "N", " s"),
        ("_at\\\":\\\"", "TIME", "\\\""),
        (" (", "N", " bytes"),
    ] {
        let mut parts = text.split(before);
        let mut replaced = parts.next().unwrap().to_owned();
        for part in parts {
            let is_variable = |character: char| character.is_ascii_hexdigit() || "-:.TZ".contains(character);
            let end = part.find(|character| !is_variable(character)).unwrap_or(part.len());
            let part = match part[end..].strip_prefix(after) {
                Some(rest) if end > 0 => format!("{name}{after}{rest}"),
                _ => part.to_owned(),
            };
            replaced += &format!("{before}{part}");
        }
        text = replaced;
    }
    text
}

async fn run_all(cases: impl IntoIterator<Item = (Operation, Fault)>) -> Vec<Row> {
    let rows = cases.into_iter().map(|(operation, fault)| tokio::spawn(run(operation, fault)));
    futures_util::stream::iter(rows).buffered(PARALLELISM).map(Result::unwrap).collect().await
}

/// The names of all kinds of faults, from the source of the simulator.
fn kinds_of_faults() -> BTreeSet<String> {
    let source = syn::parse_file(include_str!("../cloud-simulator/src/fault.rs")).unwrap();
    let kinds = source.items.into_iter().find_map(|item| match item {
        syn::Item::Enum(item) if item.ident == "Fault" => Some(item.variants),
        _ => None,
    });
    kinds.unwrap().iter().map(|kind| kind.ident.to_string()).collect()
}

#[test]
fn table_has_every_kind_of_fault() {
    for operation in OPERATIONS {
        let kind = |fault: &Fault| {
            let text = format!("{fault:?}");
            text.split(|end: char| !end.is_alphanumeric()).next().unwrap().to_owned()
        };
        let mut kinds: BTreeSet<_> = faults(operation).iter().map(kind).collect();
        // A downloaded file has no JSON value.
        kinds.extend(operation.value.is_none().then(|| "Value".to_owned()));
        assert_eq!(kinds, kinds_of_faults(), "{}", operation.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fault_in_every_operation_matches_the_table() {
    let cases = OPERATIONS
        .into_iter()
        .flat_map(|operation| faults(operation).into_iter().map(move |fault| (operation, fault)));
    let rows = run_all(cases).await;
    let mut table = "| operation | fault | outcome | requests | text |\n|---|---|---|---|---|\n".to_owned();
    let mut times = "time     limit  operation  fault\n".to_owned();
    for Row { operation, fault, outcome, requests, text, time, limit } in &rows {
        writeln!(table, "| {operation} | `{fault}` | {outcome} | {requests} | {text} |").unwrap();
        let (time, limit) = (time.as_secs_f64(), limit.as_secs_f64());
        writeln!(times, "{time:5.2} s  {limit:3.1} s  {operation:9}  {fault}").unwrap();
    }
    println!("{table}\n{times}");
    assert_golden_text("faults.md", &table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_fault_of_any_other_request_hangs_or_shows_a_secret() {
    let cases = OTHER_ROUTES.into_iter().flat_map(|route| {
        let name: &'static str = format!("{route:?}").leak();
        let operation = Operation { name, route: Some(route), value: None };
        faults(operation).into_iter().map(move |fault| (operation, fault))
    });
    // The other faults are errors before the response is used.
    let cases = cases.filter(|(_, fault)| {
        matches!(
            fault,
            Fault::InvalidJson
                | Fault::Truncated
                | Fault::NoResponse
                | Fault::EchoSecrets { .. }
                | Fault::Status(_)
                | Fault::Html { .. }
        )
    });
    let rows = run_all(cases).await.into_iter().filter(|row| row.outcome == "success");
    let succeeded: Vec<_> = rows.map(|row| format!("{}: {}", row.operation, row.fault)).collect();
    // Here only the token in a header is used, or keys without a token are requested instead.
    assert_eq!(succeeded, ["FederatedTokens: InvalidJson", "MetadataToken: Html { status: 200 }"]);
}
