//! What is written, and what never is.

use std::collections::{BTreeMap, BTreeSet};

use cloud_simulator::{CloudState, Fault, LINK_SIGNATURE, Route};
use serde_json::{Value, json};

use super::*;
use crate::process::{LINKS, SOON, read, right, start};

/// A lifecycle with good reads, refused ones, and one more try: what it leaves on stdout and stderr.
async fn lifecycle(launch: Launch, cloud: &Simulator) -> (String, String) {
    cloud.next(Route::Links, [Fault::Html { status: 502 }]);
    let mut process = start(launch).await;
    let connection = right(&process).await;
    connection.schema().await.unwrap();
    assert_eq!(connection.validate_provider(cloud.provider_settings()).await.unwrap(), []);
    assert_eq!(connection.configure(cloud.provider_settings()).await.unwrap(), []);
    let reading = read(&connection).await;
    assert_eq!(reading.state.unwrap()["certs"].as_array().unwrap().len(), 2);
    let reading = connection.read(LINKS, json!({ "instance_id": "absent" })).await.unwrap();
    assert!(!reading.diagnostics.is_empty());
    connection.shutdown().await;
    assert!(process.wait(SOON).await.unwrap().success());
    (process.stdout(), process.stderr())
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test]
async fn c09_nothing_comes_on_stdout_after_the_line() {
    let cloud = Simulator::start(CloudState::sample());
    for offered in BOTH {
        for level in ["", "TRACE"] {
            let (stdout, _) = lifecycle(launch(offered).set("TF_LOG", level), &cloud).await;
            assert_eq!(stdout, "");
        }
    }
}

#[tokio::test]
async fn c64_without_a_log_nothing_comes_on_stderr() {
    let cloud = Simulator::start(CloudState::sample());
    for offered in BOTH {
        let (_, stderr) = lifecycle(launch(offered), &cloud).await;
        assert_eq!(stderr, "");
        // Core's own variables are inherited.
        let (_, stderr) = lifecycle(launch(offered).set("TF_LOG_CORE", "TRACE"), &cloud).await;
        assert_eq!(stderr, "");
    }
}

#[tokio::test]
async fn c65_each_line_of_the_log_is_one_that_core_reads() {
    let cloud = Simulator::start(CloudState::sample());
    for offered in BOTH {
        let (_, log) = lifecycle(launch(offered).set("TF_LOG", "trace"), &cloud).await;
        let lines = lines(&log);
        for line in &lines {
            for key in ["@level", "@message", "@module", "@timestamp"] {
                assert!(line[key].is_string(), "{line}");
            }
            let level = line["@level"].as_str().unwrap();
            assert!(["trace", "debug", "info", "warn", "error"].contains(&level), "{line}");
            let stamp = line["@timestamp"].as_str().unwrap();
            let (_, fraction) = stamp.rsplit_once('.').unwrap();
            assert!(fraction.len() == 7 && fraction.ends_with('Z'), "{stamp}");
            assert!(stamp.len() == "2026-01-02T03:04:05.123456Z".len(), "{stamp}");
        }
        assert!(log.lines().all(|line| line.len() < 64 << 10) && log.ends_with('\n'));
        assert!(log.contains("HTTP request will be retried") && log.contains("\"@level\":\"error\""));
    }
}

#[tokio::test]
async fn c66_no_secret_is_ever_in_a_log_or_a_message() {
    let cloud_state = CloudState::sample();
    let (key, temporary) = (cloud_state.keys[0].clone(), cloud_state.keys[1].clone());
    let security_token = temporary.security_token.clone().unwrap();
    let login = json!({ "user_name": cloud_state.user_name, "password": cloud_state.password, "domain_name": cloud_state.account_name });
    let credentials = [
        json!({ "access_key": key.id, "secret_key": key.secret }),
        json!({ "access_key": temporary.id, "secret_key": temporary.secret, "security_token": security_token }),
        json!({ "token": cloud_state.token, "project_id": cloud_state.projects[0].id }),
        login,
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
    // The gateway repeats in its message what it was sent.
    let repeated = |credential: &Value| {
        let message = match (credential["access_key"].as_str(), credential["token"].as_str()) {
            (Some("SAMPLEACCESSKEY00001"), _) => "refused: ak SAMPLEACCESSKEY00001",
            (Some("SAMPLETEMPORARYKEY01"), _) => "refused: token SAMPLESECURITYTOKEN+/=01",
            (None, Some("SAMPLEREADYTOKEN0001")) => "refused: token SAMPLEREADYTOKEN0001",
            _ => "refused",
        };
        Fault::Refused { status: 400, code: "APIGW.0301", message }
    };
    for offered in BOTH {
        let mut process = start(launch(offered).set("TF_LOG", "TRACE")).await;
        let connection = right(&process).await;
        let mut told = Vec::new();
        for credential in &credentials {
            let cloud = Simulator::start(cloud_state.clone());
            let mut config =
                json!({ "region": "cn-north-4", "endpoints": cloud.provider_settings()["endpoints"] });
            config.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
            told.extend(connection.validate_provider(config.clone()).await.unwrap());
            told.extend(connection.configure(config).await.unwrap());
            for fault in [None, Some(repeated(credential))] {
                cloud.next(Route::Links, fault);
                let reading = read(&connection).await;
                told.extend(reading.diagnostics);
            }
        }
        assert!(format!("{told:?}").matches("***").count() >= 3, "{told:?}");
        connection.shutdown().await;
        process.wait(SOON).await.unwrap();
        let written = process.stderr() + &format!("{told:?}");
        let certificate = process.client_certificate().unwrap().lines().nth(1).unwrap();
        for secret in secrets.iter().map(String::as_str).chain([certificate]) {
            assert!(!written.contains(secret), "{secret} is in {written}");
        }
    }
}

#[tokio::test]
async fn w08_each_call_has_one_number_in_all_its_lines() {
    let cloud = Simulator::start(CloudState::sample());
    for offered in BOTH {
        let (_, log) = lifecycle(launch(offered).set("TF_LOG", "TRACE"), &cloud).await;
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
        assert!(reads.len() >= 6 && reads.iter().all(|line| line["tf_data_source_type"] == LINKS));
    }
}

#[tokio::test]
async fn w09_the_level_of_the_log_is_the_provider_s_own_first() {
    for offered in BOTH {
        for (variable, level, silent) in [
            ("TF_LOG_PROVIDER_DDS", "ERROR", true),
            ("TF_LOG_PROVIDER", "OFF", true),
            ("TF_LOG_PROVIDER", "DEBUG", false),
            ("TF_LOG_CORE", "OFF", false),
        ] {
            let mut process = start(launch(offered).set("TF_LOG", "TRACE").set(variable, level)).await;
            let connection = right(&process).await;
            connection.validate(LINKS, json!({ "instance_id": "i" })).await.unwrap();
            connection.shutdown().await;
            process.wait(SOON).await.unwrap();
            assert_eq!(process.stderr().is_empty(), silent, "{variable}={level}: {}", process.stderr());
        }
    }
}
