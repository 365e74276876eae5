//! Compares schemas, states, exit codes and the output of the quick start with the files in `tests/data/golden`.
//! `tests/credentials` compares the requests. With `UPDATE_GOLDEN=1` the tests write the files instead.

use std::process::Command;

use plugin_host::build_provider_and_example;
use serde_json::{Map, Value as Json, json};
use terraform_runner::TerraformCli;

use crate::acceptance::{
    Fixture, INSTANCE, INSTANCE_WITHOUT_CERTIFICATES, OTHER_REGION_INSTANCE, both_protocols,
};
use crate::process::PROVIDER_PATH;

/// Compares the value with a golden file, or writes the file if `UPDATE_GOLDEN` is set.
fn assert_golden(name: &str, actual: &Json) {
    assert_golden_text(name, &format!("{actual:#}\n"));
}

/// Compares the text with a golden file, or writes the file if `UPDATE_GOLDEN` is set.
#[expect(clippy::disallowed_methods, reason = "a variable of the tests, not of the provider")]
pub fn assert_golden_text(name: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let difference = expected.lines().zip(actual.lines()).find(|(expected, actual)| expected != actual);
    assert!(expected == actual, "{} differs, first in {difference:?}", path.display());
}

/// The schema without descriptions, which may change.
fn without_descriptions(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            let others = members.into_iter().filter(|(name, value)| {
                !(value.is_string() && ["description", "description_kind"].contains(&name.as_str()))
            });
            others.map(|(name, value)| (name, without_descriptions(value))).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => items.into_iter().map(without_descriptions).collect(),
        json => json,
    }
}

#[test]
fn schemas_match_the_golden_files() {
    for (protocol, fixture) in both_protocols() {
        fixture.configure("", "");
        let schema = fixture.workspace.run_ok(&["providers", "schema", "-json"]).stdout;
        let mut schema: Json = serde_json::from_str(&schema).unwrap();
        let mut providers = schema["provider_schemas"].take();
        let members = providers.as_object_mut().unwrap();
        let (_, schemas) = members.iter_mut().next().unwrap();
        let mut schemas = without_descriptions(schemas.take());
        // Older versions of Terraform have no ephemeral resources.
        let kinds = ["provider", "data_source_schemas", "ephemeral_resource_schemas"];
        let results: Map<_, _> =
            kinds.iter().map(|kind| ((*kind).to_owned(), schemas[kind].take())).collect();
        let mut results = Json::Object(results);
        if results["ephemeral_resource_schemas"].is_null() {
            results["ephemeral_resource_schemas"] = results["data_source_schemas"].clone();
        }
        assert_golden(&format!("schema-{protocol}.json"), &results);
    }
}

#[test]
fn states_match_the_golden_files() {
    for (protocol, fixture) in both_protocols() {
        let mut results = Map::new();
        for (name, arguments) in [
            ("instance", format!("instance_id = {INSTANCE:?}")),
            ("region", format!("instance_id = {OTHER_REGION_INSTANCE:?}\n  region = \"ap-southeast-3\"")),
            ("timeouts", format!("instance_id = {INSTANCE:?}\n  timeouts {{\n    read = \"90s\"\n  }}")),
            ("empty_timeouts", format!("instance_id = {INSTANCE:?}\n  timeouts {{\n  }}")),
            ("no_certificates", format!("instance_id = {INSTANCE_WITHOUT_CERTIFICATES:?}")),
        ] {
            fixture.configure(
                "",
                &format!("data \"dds_ssl_cert_download_links\" \"this\" {{\n  {arguments}\n}}\n"),
            );
            fixture.apply();
            let state: Json = serde_json::from_str(&fixture.workspace.state()).unwrap();
            let instance = &state["resources"][0]["instances"][0];
            let members = ["schema_version", "attributes"];
            let attributes: Map<_, _> =
                members.iter().map(|name| ((*name).to_owned(), instance[name].clone())).collect();
            results.insert(name.to_owned(), attributes.into());
        }
        assert_golden(&format!("states-{protocol}.json"), &results.into());
    }
}

#[test]
fn exit_codes_match_the_golden_file() {
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(PROVIDER_PATH);
        let output = command.args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap();
        json!({
            "arguments": arguments,
            "code": output.status.code(),
            "stdout": !output.stdout.is_empty(),
            "stderr": !output.stderr.is_empty(),
        })
    };
    const COOKIE: (&str, &str) =
        ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");
    let mut results: Vec<Json> =
        [&[][..], &["--version"], &["-V"], &["--help"], &["-h"], &["--unknown"], &["-v"]]
            .into_iter()
            .map(|arguments| run(arguments, &[]))
            .collect();
    for invalid in [("PLUGIN_CLIENT_CERT", "not PEM"), ("PLUGIN_MIN_PORT", "many")] {
        results.push(json!({ invalid.0: run(&[], &[COOKIE, invalid]) }));
    }
    let fixture = Fixture::new();
    for (settings, instance) in
        [("", INSTANCE), ("max_retries = \"x\" # = 7", INSTANCE), ("", "../x"), ("", "absent")]
    {
        fixture.configure(settings, &crate::acceptance::data_source(instance));
        for arguments in [&["validate"][..], &["plan", "-input=false", "-detailed-exitcode"]] {
            let code = fixture.workspace.run(arguments).code;
            results.push(json!({ "settings": settings, "instance_id": instance, "arguments": arguments, "code": code }));
        }
    }
    assert_golden("exit-codes.json", &results.into());
}

#[test]
fn quick_start_output_matches_the_golden_file() {
    let (_, program) = build_provider_and_example("quickstart").unwrap();
    let output = Command::new(program).env("TF_CLI", &TerraformCli::required().program).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let port =
        text.split("http://127.0.0.1:").nth(1).unwrap().split(|end: char| !end.is_ascii_digit()).next();
    let text = text.replace(port.unwrap(), "PORT").replace(&TerraformCli::required().to_string(), "CORE");
    let lines =
        text.lines().map(|line| if line.contains("terraform-provider-dds") { "PROVIDER" } else { line });
    // Removes the duration of a read.
    let lines = lines.map(|line| line.split(" after ").next().unwrap());
    assert_golden("quickstart.json", &lines.collect::<Vec<_>>().into());
}
