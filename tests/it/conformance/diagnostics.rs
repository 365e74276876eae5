//! Errors and warnings for users.

use std::collections::BTreeSet;

use cloud_simulator::{CloudState, Fault, Route};
#[cfg(target_os = "linux")]
use plugin_host::StartError;
use plugin_host::protocol::tfplugin::Diagnostic;
use plugin_host::protocol::tfplugin::attribute_path::step::Selector;
use plugin_host::protocol::tfplugin::diagnostic::Severity;
use serde_json::{Value, json};

use super::*;
use crate::process::{TYPE_NAME, read};
use crate::protocol::{path, summaries};

#[tokio::test]
async fn c59_path_into_a_list_of_blocks_contains_the_index() {
    for (_process, connection) in connect_both().await {
        let role = |duration| json!({ "agency_name": "a", "domain_name": "d", "domain_id": null, "duration": duration });
        let config = json!({ "assume_role": [role(900), role(1)] });
        let diagnostics = connection.validate_provider(config).await.unwrap();
        assert_eq!(summaries(&diagnostics), ["Invalid Provider Setting"]);
        let steps = diagnostics[0]
            .attribute
            .as_ref()
            .unwrap()
            .steps
            .iter()
            .map(|step| step.selector.clone().unwrap());
        let expected = [
            Selector::AttributeName("assume_role".to_owned()),
            Selector::ElementKeyInt(1),
            Selector::AttributeName("duration".to_owned()),
        ];
        assert_eq!(steps.collect::<Vec<_>>(), expected);
    }
}

/// Diagnostics of all errors that a user or the cloud can cause. Panics if a call returns a gRPC status.
async fn all_diagnostics(version: &str) -> Vec<Diagnostic> {
    let cloud = Simulator::start(CloudState::sample());
    let (_process, connection) = start_and_connect(version).await;
    let mut all = read(&connection).await.diagnostics;
    all.extend(connection.read_encoded("dds_other", None).await.unwrap().diagnostics);
    for config in [
        json!({}),
        json!({ "region": "cn-north-4" }),
        json!({ "region": "Not A Region", "max_retries": -1, "endpoints": { "ddds": "x", "iam": "x" } }),
        json!({ "region": "r", "access_key": "a", "token": "t", "cert": "/nowhere" }),
        json!({ "region": "r", "token": "t", "auth_version": "v3" }),
    ] {
        all.extend(connection.validate_provider(config.clone()).await.unwrap());
        all.extend(connection.configure(config).await.unwrap());
    }
    for config in
        [json!({}), json!({ "instance_id": "../x", "region": "" }), json!({ "instance_id": "i", "id": "x" })]
    {
        all.extend(connection.validate(TYPE_NAME, config).await.unwrap());
    }
    let error_response = |status, code| Fault::ErrorResponse { status, code, message: "no" };
    let statuses = [400, 401, 403, 404, 409, 413, 418, 429, 500, 502, 503, 504];
    let statuses = statuses.map(|status| Fault::Html { status });
    let faults = [
        error_response(401, "APIGW.0301"),
        error_response(403, "DBS.201028"),
        Fault::Throttled { retry_after: None },
        Fault::EmptyBody { status: 500 },
        Fault::EmptyBody { status: 204 },
        Fault::Truncated,
        Fault::InvalidJson,
        Fault::ConnectionClosed,
        Fault::NoResponse,
        Fault::Body("{}"),
        Fault::Body("null"),
        Fault::LargeBody(5 << 20),
        Fault::Redirect { to: "http://127.0.0.1:1" },
    ];
    for fault in statuses.into_iter().chain(faults) {
        // A rejected key is not sent again, so each read needs a new configuration.
        connection.configure(config_without_retries(&cloud)).await.unwrap();
        cloud.inject_once(Route::Links, [fault.clone()]);
        let response = read(&connection).await;
        assert!(response.bytes.is_none() && !response.diagnostics.is_empty(), "{fault:?}: {response:?}");
        all.extend(response.diagnostics);
    }
    // An instance without certificates causes the only warning.
    let no_certificates = json!({ "instance_id": "ccccccccccccccccccccccccccccccccin02" });
    connection.configure(config_without_retries(&cloud)).await.unwrap();
    all.extend(connection.read(TYPE_NAME, no_certificates).await.unwrap().diagnostics);
    all
}

/// A provider block without retries and with a short timeout.
fn config_without_retries(cloud: &Simulator) -> serde_json::Value {
    let mut settings = cloud.provider_config();
    settings["max_retries"] = 0.into();
    settings["request_timeout"] = "1s".into();
    settings
}

#[tokio::test]
async fn c60_diagnostics_have_a_severity_and_a_short_summary() {
    for version in PROTOCOL_VERSIONS {
        let all = all_diagnostics(version).await;
        for diagnostic in &all {
            assert!(matches!(diagnostic.severity, 1 | 2), "{diagnostic:?}");
            let summary = diagnostic.summary.as_str();
            assert!(!summary.is_empty() && !summary.ends_with(['.', '!', ':']), "{diagnostic:?}");
            assert!(summary.starts_with(char::is_uppercase) && !summary.contains(['\n', '"']), "{summary}");
            assert!(diagnostic.detail.ends_with(['.', '?']), "{diagnostic:?}");
            // For a path without steps Core prints no line.
            assert!(diagnostic.attribute.as_ref().is_none_or(|path| !path.steps.is_empty()));
        }
        assert!(all.iter().any(|diagnostic| diagnostic.severity == 2));
    }
}

#[tokio::test]
async fn c61_errors_are_diagnostics_and_not_grpc_statuses() {
    for version in PROTOCOL_VERSIONS {
        let all = all_diagnostics(version).await;
        let summaries: BTreeSet<_> = all.iter().map(|diagnostic| diagnostic.summary.as_str()).collect();
        assert!(summaries.len() >= 15, "{summaries:?}");
    }
}

#[tokio::test]
async fn c62_panic_is_a_diagnostic_and_the_provider_continues() {
    for connection in fake::connect_both().await {
        let response = connection.read("dds_panics", json!({})).await.unwrap();
        assert_eq!((summaries(&response.diagnostics), response.bytes), (vec!["Provider Bug"], None));
        let detail = &response.diagnostics[0].detail;
        assert!(
            detail.contains("dds_panics") && detail.contains("/issues") && !detail.contains("secret"),
            "{detail}"
        );
        let diagnostics = connection.validate("dds_panics", json!({})).await.unwrap();
        assert_eq!(summaries(&diagnostics), ["Provider Bug"]);
        let response = connection.read("dds_echo", json!({ "text": "x" })).await.unwrap();
        assert_eq!(response.state.unwrap()["text"], "x");
    }
}

/// Starts the executable with a resource limit of the shell, such as `-n 6`.
#[cfg(target_os = "linux")]
async fn start_limited(limit: &str, version: &str) -> Result<Process, StartError> {
    let script = format!("ulimit {limit}; exec '{PROVIDER_PATH}'");
    PluginCommand::new("/bin/sh").arg("-c").arg(script).env("PLUGIN_PROTOCOL_VERSIONS", version).start().await
}

/// A limit of open files at which the executable panics, because the runtime cannot open its sockets for signals.
/// Unlike a limit of memory, it has the same effect on every Linux system.
#[cfg(target_os = "linux")]
pub async fn limit_that_crashes() -> String {
    for files in 3..32 {
        let limit = format!("-n {files}");
        let error = start_limited(&limit, "6").await.err();
        if error.and_then(|error| error.status).and_then(|status| status.code()) == Some(101) {
            return limit;
        }
    }
    panic!("no limit of open files causes a crash");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn c63_crash_prints_a_line_that_core_recognises() {
    let limit = limit_that_crashes().await;
    for version in PROTOCOL_VERSIONS {
        let error = start_limited(&limit, version).await.err().expect("a crash");
        assert_eq!((error.status.unwrap().code(), error.stdout.as_str()), (Some(101), ""));
        assert!(error.stderr.starts_with("panic: terraform-provider-dds"), "{}", error.stderr);
    }
}

/// Without memory, a thread that cannot start causes a panic, and a failed allocation ends the process with SIGABRT. Which
/// one happens depends on the C library and on the number of cores.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn c63_process_without_memory_exits_with_101_or_aborts() {
    const SIGABRT: i32 = 6;
    let can_load = |kib: &usize| {
        let script = format!("ulimit -v {kib}; exec '{PROVIDER_PATH}' --version");
        let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        output.status.success()
    };
    // Below this limit the system cannot load the executable.
    let minimum =
        (8 << 10..512 << 10).step_by(256).find(can_load).expect("a limit at which the executable loads");
    let (mut crashes, mut starts) = (0, 0);
    for kib in (minimum..).step_by(256) {
        match start_limited(&format!("-v {kib}"), "6").await {
            Ok(_) => starts += 1,
            Err(error) => {
                // There is no status if the process did not end.
                let status = error.status.expect("the process did not end");
                let signal = std::os::unix::process::ExitStatusExt::signal(&status);
                assert!(status.code() == Some(101) || signal == Some(SIGABRT), "{kib} KiB: {error:?}");
                crashes += 1;
                starts = 0;
            }
        }
        // A higher limit can still fail, so several starts in a row must succeed.
        if starts == 8 {
            break;
        }
    }
    assert!(crashes > 0, "there was no crash");
}

/// The summaries and paths of the errors of a validation.
async fn validation_errors(connection: &Connection, config: Value) -> Vec<(String, String)> {
    let diagnostics = connection.validate(TYPE_NAME, config).await.unwrap();
    assert!(diagnostics.iter().all(|diagnostic| diagnostic.severity() == Severity::Error));
    diagnostics.iter().map(|diagnostic| (diagnostic.summary.clone(), path(diagnostic))).collect()
}

/// One error with this summary and path.
fn one_error(summary: &str, path: &str) -> Vec<(String, String)> {
    vec![(summary.to_owned(), path.to_owned())]
}

#[tokio::test]
async fn c56_null_required_attribute_is_an_error_at_its_path() {
    for (_process, connection) in connect_both().await {
        let missing = one_error("Missing Required Attribute", "instance_id");
        for config in [json!({}), json!({ "instance_id": null, "region": "cn-north-4" })] {
            assert_eq!(validation_errors(&connection, config).await, missing);
        }
        assert_eq!(validation_errors(&connection, json!({ "instance_id": "i" })).await, []);
    }
}

#[tokio::test]
async fn c57_computed_attribute_that_is_set_is_an_error_at_its_path() {
    for (_process, connection) in connect_both().await {
        let certs = json!([{ "category": "c", "download_link": null }]);
        for (name, value) in [("id", json!("x")), ("certs", certs), ("certs", json!([]))] {
            let config = json!({ "instance_id": "i", name: value });
            assert_eq!(
                validation_errors(&connection, config).await,
                one_error("Read-Only Attribute Set", name)
            );
        }
    }
}

#[tokio::test]
async fn invalid_instance_id_and_region_are_errors_at_their_paths() {
    let (_process, connection) = start_and_connect("6").await;
    let config = json!({ "instance_id": "../x" });
    assert_eq!(
        validation_errors(&connection, config).await,
        one_error("Invalid Attribute Value", "instance_id")
    );
    let config = json!({ "instance_id": "i", "region": "" });
    assert_eq!(validation_errors(&connection, config).await, one_error("Invalid Attribute Value", "region"));
}
