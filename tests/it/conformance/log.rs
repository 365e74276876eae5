//! Log lines, stdout and stderr.

use std::collections::{BTreeMap, BTreeSet};

use cloud_simulator::{CloudState, Fault, LINK_SIGNATURE, Route};
use serde_json::{Value, json};

use super::*;
use crate::process::{DEADLINE, TYPE_NAME, connect_as_host, read, start};

/// Runs a process with a successful read, a failed read and a retry. Returns its stdout and stderr.
async fn lifecycle(command: PluginCommand, cloud: &Simulator) -> (String, String) {
    cloud.inject_once(Route::Links, [Fault::Html { status: 502 }]);
    let mut process = start(command).await;
    let connection = connect_as_host(&process).await;
    connection.schema().await.unwrap();
    assert_eq!(connection.validate_provider(cloud.provider_config()).await.unwrap(), []);
    assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
    let response = read(&connection).await;
    assert_eq!(response.state.unwrap()["certs"].as_array().unwrap().len(), 2);
    let response = connection.read(TYPE_NAME, json!({ "instance_id": "missing" })).await.unwrap();
    assert!(!response.diagnostics.is_empty());
    connection.shutdown().await;
    assert!(process.wait(DEADLINE).await.unwrap().success());
    (process.stdout(), process.stderr())
}

/// The lines of a log, decoded.
fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test]
async fn c09_stdout_is_empty_after_the_handshake_line() {
    let cloud = Simulator::start(CloudState::sample());
    for version in PROTOCOL_VERSIONS {
        for level in ["", "TRACE"] {
            let (stdout, _) = lifecycle(plugin_command(version).env("TF_LOG", level), &cloud).await;
            assert_eq!(stdout, "");
        }
    }
}

#[tokio::test]
async fn c64_stderr_is_empty_when_logging_is_off() {
    let cloud = Simulator::start(CloudState::sample());
    for version in PROTOCOL_VERSIONS {
        let (_, stderr) = lifecycle(plugin_command(version), &cloud).await;
        assert_eq!(stderr, "");
        // The process inherits the variables of Core.
        let (_, stderr) = lifecycle(plugin_command(version).env("TF_LOG_CORE", "TRACE"), &cloud).await;
        assert_eq!(stderr, "");
    }
}

#[tokio::test]
async fn c65_each_log_line_is_valid_for_core() {
    let cloud = Simulator::start(CloudState::sample());
    for version in PROTOCOL_VERSIONS {
        let (_, log) = lifecycle(plugin_command(version).env("TF_LOG", "trace"), &cloud).await;
        let lines = lines(&log);
        for line in &lines {
            for key in ["@level", "@message", "@module", "@timestamp"] {
                assert!(line[key].is_string(), "{line}");
            }
            let level = line["@level"].as_str().unwrap();
            assert!(["trace", "debug", "info", "warn", "error"].contains(&level), "{line}");
            let timestamp = line["@timestamp"].as_str().unwrap();
            let (_, fraction) = timestamp.rsplit_once('.').unwrap();
            assert!(fraction.len() == 7 && fraction.ends_with('Z'), "{timestamp}");
            assert!(timestamp.len() == "2026-01-02T03:04:05.123456Z".len(), "{timestamp}");
        }
        assert!(log.lines().all(|line| line.len() < 64 << 10) && log.ends_with('\n'));
        assert!(log.contains("HTTP request will be retried") && log.contains("\"@level\":\"error\""));
    }
}

#[tokio::test]
async fn c66_logs_and_diagnostics_contain_no_secret() {
    let cloud_state = CloudState::sample();
    let (key, temporary) = (cloud_state.access_keys[0].clone(), cloud_state.access_keys[1].clone());
    let security_token = temporary.security_token.clone().unwrap();
    let password = json!({ "user_name": cloud_state.user_name, "password": cloud_state.password, "domain_name": cloud_state.account_name });
    let credentials = [
        json!({ "access_key": key.id, "secret_key": key.secret }),
        json!({ "access_key": temporary.id, "secret_key": temporary.secret, "security_token": security_token }),
        json!({ "token": cloud_state.token, "project_id": cloud_state.projects[0].id }),
        password,
        json!({ "access_key": key.id, "secret_key": "a wrong secret" }),
        json!({ "access_key": "a wrong key", "secret_key": key.secret, "token": cloud_state.token }),
    ];
    let secrets = [
        key.secret,
        temporary.secret,
        security_token,
        cloud_state.token.clone(),
        cloud_state.password.clone(),
        key.id,
        "a wrong secret".to_owned(),
        "SDK-HMAC".to_owned(),
        "Signature=".to_owned(),
        LINK_SIGNATURE.to_owned(),
    ];
    // The gateway repeats the credential in its error message.
    let echo = |credential: &Value| {
        let message = match (credential["access_key"].as_str(), credential["token"].as_str()) {
            (Some("SAMPLEACCESSKEY00001"), _) => "rejected: ak SAMPLEACCESSKEY00001",
            (Some("SAMPLETEMPORARYKEY01"), _) => "rejected: token SAMPLESECURITYTOKEN+/=01",
            (None, Some("SAMPLEREADYTOKEN0001")) => "rejected: token SAMPLEREADYTOKEN0001",
            _ => "rejected",
        };
        Fault::ErrorResponse { status: 400, code: "APIGW.0301", message }
    };
    for version in PROTOCOL_VERSIONS {
        let mut process = start(plugin_command(version).env("TF_LOG", "TRACE")).await;
        let connection = connect_as_host(&process).await;
        let mut diagnostics = Vec::new();
        for credential in &credentials {
            let cloud = Simulator::start(cloud_state.clone());
            let mut config =
                json!({ "region": "cn-north-4", "endpoints": cloud.provider_config()["endpoints"] });
            config.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
            diagnostics.extend(connection.validate_provider(config.clone()).await.unwrap());
            diagnostics.extend(connection.configure(config).await.unwrap());
            for fault in [None, Some(echo(credential))] {
                cloud.inject_once(Route::Links, fault);
                let response = read(&connection).await;
                diagnostics.extend(response.diagnostics);
            }
        }
        assert!(format!("{diagnostics:?}").matches("***").count() >= 3, "{diagnostics:?}");
        connection.shutdown().await;
        process.wait(DEADLINE).await.unwrap();
        let written = process.stderr() + &format!("{diagnostics:?}");
        let certificate = process.client_certificate().unwrap().lines().nth(1).unwrap();
        for secret in secrets.iter().map(String::as_str).chain([certificate]) {
            assert!(!written.contains(secret), "{secret} is in {written}");
        }
    }
}

#[tokio::test]
async fn w08_each_call_has_one_request_id_in_all_its_log_lines() {
    let cloud = Simulator::start(CloudState::sample());
    for version in PROTOCOL_VERSIONS {
        let (_, log) = lifecycle(plugin_command(version).env("TF_LOG", "TRACE"), &cloud).await;
        let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let lines = lines(&log);
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        for line in lines.iter().filter(|line| line["tf_rpc"].is_string()) {
            calls.entry(text(line, "tf_req_id")).or_default().insert(text(line, "tf_rpc"));
        }
        assert!(calls.values().all(|rpcs| rpcs.len() == 1) && !calls.contains_key(""), "{calls:?}");
        let count = |rpc: &str| calls.values().filter(|rpcs| rpcs.contains(rpc)).count();
        assert_eq!((count("ReadDataSource"), count("ConfigureProvider")), (2, 1), "{calls:?}");
        let reads: Vec<_> = lines.iter().filter(|line| line["tf_rpc"] == "ReadDataSource").collect();
        assert!(reads.len() >= 6 && reads.iter().all(|line| line["tf_data_source_type"] == TYPE_NAME));
    }
}

#[tokio::test]
async fn w09_log_level_variable_of_the_provider_takes_precedence() {
    for version in PROTOCOL_VERSIONS {
        for (variable, level, is_empty) in [
            ("TF_LOG_PROVIDER_DDS", "ERROR", true),
            ("TF_LOG_PROVIDER", "OFF", true),
            ("TF_LOG_PROVIDER", "DEBUG", false),
            ("TF_LOG_CORE", "OFF", false),
        ] {
            let mut process =
                start(plugin_command(version).env("TF_LOG", "TRACE").env(variable, level)).await;
            let connection = connect_as_host(&process).await;
            connection.validate(TYPE_NAME, json!({ "instance_id": "i" })).await.unwrap();
            connection.shutdown().await;
            process.wait(DEADLINE).await.unwrap();
            assert_eq!(process.stderr().is_empty(), is_empty, "{variable}={level}: {}", process.stderr());
        }
    }
}
