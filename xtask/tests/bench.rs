//! Tests of `cargo xtask bench`: one short round with debug builds of the provider and of the floors.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use cloud_simulator::{CloudState, Route, Simulator};
use plugin_host::{ClientIdentity, PluginCommand, TlsVersions, build_bench_providers, connect};
use serde_json::{Value, json};

/// The executables of the provider, of the example and of the constant provider.
static BINARIES: LazyLock<[String; 3]> =
    LazyLock::new(|| build_bench_providers().unwrap().map(|path| path.to_str().unwrap().to_owned()));

/// Runs `cargo xtask bench` with one round.
fn bench(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["bench", "--debug", "--rounds", "1"]).args(arguments);
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(environment.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The results in a directory: for each metric, by key, the median of each provider.
fn medians(directory: &Path) -> Value {
    let text = std::fs::read_to_string(directory.join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&text).unwrap();
    let metrics = results["metrics"].as_array().unwrap().iter();
    let metrics = metrics.map(|metric| {
        let providers = metric["providers"].as_object().unwrap().iter();
        let medians: Value = providers.map(|(name, value)| (name.clone(), value["median"].clone())).collect();
        (metric["key"].as_str().unwrap().to_owned(), medians)
    });
    metrics.collect()
}

fn assert_success(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn processes_and_reads_are_measured_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("new/results");
    let [provider, example, _] = BINARIES.each_ref();
    let groups = ["--groups", "start,reads", "--reads", "60", "--https", "--out", out.to_str().unwrap()];
    let output = bench(&[&groups[..], &[provider, example]].concat(), &[]);
    assert_success(&output);
    let (medians, size) = (medians(&out), std::fs::metadata(provider).unwrap().len());
    let value = |metric: &str, provider: &str| medians[metric][provider].as_f64().unwrap();
    assert!((value("size_mib", "dds") - size as f64 / 1_048_576.0).abs() < 0.001);
    for name in ["dds", "minimal_provider"] {
        let (handshake, schema) = (value("handshake_ms", name), value("schema_ms", name));
        assert!(0.1 < handshake && handshake < schema, "{name}: {handshake} {schema}");
        for parallelism in [1, 10, 100] {
            let of = |rest: &str| value(&format!("reads_{parallelism}_{rest}"), name);
            assert!(of("per_s") > 0.0 && 0.0 < of("p50_ms") && of("p50_ms") <= of("p99_ms"), "{medians:#}");
        }
        if cfg!(target_os = "linux") {
            for memory in ["idle_resident_mib", "reads_10_resident_mib", "reads_100_resident_mib"] {
                assert!((1.0..100.0).contains(&value(memory, name)), "{medians:#}");
            }
        }
    }
    assert!(medians.get("plan_ms").is_none());
    let table = std::fs::read_to_string(out.join("table.md")).unwrap();
    assert_eq!(text(&output.stdout), format!("{table}\n"));
    for part in
        ["- cloud: simulated, over HTTPS\n", "| dds | minimal_provider |\n", "\n| configure call, ms | "]
    {
        assert!(table.contains(part), "{table}");
    }
    let chart = std::fs::read_to_string(out.join("chart.svg")).unwrap();
    assert!(chart.starts_with("<svg ") && chart.matches("<rect ").count() >= 6, "{chart}");
}

#[test]
fn instructions_are_counted_or_the_missing_program_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--groups", "instructions", "--out", directory.path().to_str().unwrap(), &BINARIES[1]];
    let output = bench(&[&arguments[..], &["--check"]].concat(), &[("PATH", "/nowhere")]);
    let table = text(&output.stdout);
    assert!(
        table.contains("\nNot measured: instructions: install Valgrind (Debian and Ubuntu: apt install"),
        "{table}"
    );
    // A limit could be exceeded without being measured.
    assert_eq!(output.status.code(), Some(1));
    let path = std::env::var("PATH").unwrap();
    let output = bench(&arguments, &[("PATH", &path)]);
    assert_success(&output);
    let medians = medians(directory.path());
    if Command::new("valgrind").arg("--version").output().is_ok() {
        let value = |metric: &str| medians[metric]["minimal_provider"].as_f64().unwrap();
        assert!((0.5..50.0).contains(&value("handshake_instructions")), "{medians:#}");
        assert!((0.05..10.0).contains(&value("read_instructions")), "{medians:#}");
    } else {
        assert_eq!(medians, json!({}));
    }
}

#[test]
fn limits_of_the_mapping_file_decide_the_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    for (limit, code, verdict) in [(60_000.0, 0, "passed"), (0.001, 1, "failed")] {
        let file = directory.path().join("providers.json");
        let mapping = json!({ "greeting": {
            "source": "example/greeting", "protocol": 5, "data_source": "greeting_text", "limits": { "handshake_ms": limit },
            "data_source_config": { "name": "world" },
        } });
        std::fs::write(&file, mapping.to_string()).unwrap();
        let binary = format!("greeting={}", BINARIES[1]);
        let arguments = ["--groups", "start", "--check", "--providers", file.to_str().unwrap(), &binary];
        let output = bench(&arguments, &[]);
        let line = text(&output.stdout).lines().last().unwrap().to_owned();
        assert!(line.starts_with("greeting: handshake_ms "), "{line}");
        assert!(line.ends_with(&format!("at most {limit}: {verdict}")), "{line}");
        assert_eq!(output.status.code(), Some(code), "{line}");
    }
}

#[test]
fn errors_name_the_provider_and_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("providers.json");
    let entry = json!({ "source": "example/greeting", "protocol": 6, "data_source": "greeting_text" });
    let with = |name: &str, value: Value| {
        let mut entry = entry.clone();
        entry[name] = value;
        entry
    };
    for (entry, reason) in [
        (with("protocol", json!(5)), "reads of wrong: error: Missing"),
        (
            with("data_source", json!("greeting_other")),
            "start of wrong: the provider has no data source greeting_other",
        ),
        (with("provider_config", json!({ "prefix": "x" })), "start of wrong: error: "),
        (
            with("provider_config", json!({ "prefix": "$x" })),
            "wrong: the mapping file has the unknown variable $x",
        ),
    ] {
        std::fs::write(&file, json!({ "wrong": entry }).to_string()).unwrap();
        let binary = format!("wrong={}", BINARIES[1]);
        let output = bench(
            &["--groups", "start,reads", "--reads", "3", "--providers", file.to_str().unwrap(), &binary],
            &[],
        );
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(reason), "{reason}: {}", text(&output.stderr));
    }
}

#[test]
fn invalid_command_line_prints_the_usage() {
    for (arguments, reason) in [
        (&["--group", "start"][..], "unknown option --group"),
        (&["--groups", "start,stop"], "there is no group \"stop\""),
        (&["--rounds", "0"], "--rounds must be a number from 1 to 1000"),
        (&["--reads", "many"], "--reads must be a number from 1 to 1000000"),
        (&["--out"], "the value after --out is missing"),
    ] {
        let output = bench(arguments, &[]);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.starts_with(reason) && errors.contains("usage: cargo xtask bench"), "{errors}");
    }
}

#[test]
fn own_providers_are_measured_before_the_others() {
    let binary = format!("minimal_provider={}", BINARIES[1]);
    // Cargo needs its variables. The provider must not get credentials.
    let inherited: Vec<_> = std::env::vars().filter(|(name, _)| !name.starts_with("HW_")).collect();
    let inherited: Vec<_> = inherited.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (arguments, titles) in [
        (&[][..], "dds | minimal_provider | constant_provider"),
        (&["--own", &binary], "dds | minimal_provider | constant_provider | minimal_provider 2"),
    ] {
        let output = bench(&[&["--groups", "start"], arguments].concat(), &inherited);
        assert_success(&output);
        assert!(text(&output.stdout).contains(&format!("interval) | {titles} |\n")), "{arguments:?}");
    }
}

#[tokio::test]
async fn constant_provider_returns_the_state_of_the_provider() {
    let cloud = Simulator::start(CloudState::sample());
    let mut states = Vec::new();
    for (binary, config) in [(&BINARIES[0], cloud.provider_config()), (&BINARIES[2], json!({}))] {
        let process = PluginCommand::new(binary).start().await.unwrap();
        let connection = connect(&process, ClientIdentity::Expected, TlsVersions::All).await.unwrap();
        assert!(connection.configure(config).await.unwrap().is_empty());
        let instance = json!({ "instance_id": &cloud.cloud_state().instances[0].id });
        let response = connection.read("dds_ssl_cert_download_links", instance).await.unwrap();
        states.push(response.state.unwrap());
    }
    assert_eq!(states[1], states[0]);
    // Only the provider has read it from the cloud.
    assert_eq!(cloud.request_count(Route::Links), 1);
}

/// With real Terraform or OpenTofu.
mod acceptance {
    use terraform_runner::TerraformCli;

    use super::*;

    #[test]
    fn plans_are_measured_side_by_side() {
        let directory = tempfile::tempdir().unwrap();
        let program = TerraformCli::required().program.to_str().unwrap();
        let binaries = BINARIES.each_ref().map(String::as_str);
        let groups = ["--groups", "plan,aliases,plan-1000", "--out", directory.path().to_str().unwrap()];
        let output = bench(&[&groups[..], &binaries].concat(), &[("TF_CLI", program)]);
        assert_success(&output);
        let medians = medians(directory.path());
        let value = |metric: &str, provider: &str| medians[metric][provider].as_f64().unwrap();
        for name in ["dds", "minimal_provider", "constant_provider"] {
            // Two starts and one read take longer than any disturbance is likely to save.
            assert!(value("plan_empty_ms", name) > 5.0, "{medians:#}");
            assert!(value("aliases_s", name) > 0.1 && value("plan_1000_s", name) > 0.1, "{medians:#}");
            if cfg!(target_os = "linux") {
                let (all, shared) =
                    (value("aliases_resident_mib", name), value("aliases_proportional_mib", name));
                assert!(5.0 < shared && shared < all, "{name}: {shared} {all}");
                let (core, provider) =
                    (value("plan_1000_core_cpu_s", name), value("plan_1000_provider_cpu_s", name));
                assert!(core > 0.05 && provider > 0.05, "{name}: {core} {provider}");
            }
        }
        for (metric, floor, ratio) in [
            ("plan_1000_s", "minimal_provider", "plan_1000_ratio"),
            ("plan_1000_s", "constant_provider", "plan_1000_constant_ratio"),
        ] {
            let expected = value(metric, "dds") / value(metric, floor);
            assert!((value(ratio, "dds") - expected).abs() < 0.001, "{medians:#}");
            assert!(medians[ratio].get(floor).is_none(), "{medians:#}");
        }
        if cfg!(target_os = "linux") {
            let cpu = |name| value("plan_1000_core_cpu_s", name) + value("plan_1000_provider_cpu_s", name);
            let expected = cpu("dds") / cpu("constant_provider");
            assert!((value("plan_1000_cpu_ratio", "dds") - expected).abs() < 0.001, "{medians:#}");
            // Only the reads of this provider need the cloud.
            let cloud = |name| value("plan_1000_cloud_cpu_s", name);
            assert!(cloud("dds") > cloud("constant_provider"), "{medians:#}");
        }
    }
}
