//! The example of another provider (`examples/minimal_provider.rs`), with real Terraform or OpenTofu and both protocols.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use plugin_host::build_provider_and_example;
use serde_json::{Value, json};
use terraform_runner::{TerraformCli, Workspace};

use crate::acceptance::{assert_contains, without_line_breaks};

/// The source address of the example.
const ADDRESS: &str = "example/greeting";

/// A data source of the example, and an output.
const GREETING: &str = r#"
data "greeting_text" "this" {
  name = "world"
}

output "text" {
  value = data.greeting_text.this.text
}
"#;

/// The example with the file name that Terraform expects.
fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let (_, example) = build_provider_and_example("minimal_provider").unwrap();
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("greeting");
        fs::create_dir_all(&dir).unwrap();
        let program = dir.join("terraform-provider-greeting");
        let _ = fs::remove_file(&program);
        std::os::unix::fs::symlink(example, &program).unwrap();
        program
    });
    &PROGRAM
}

/// A workspace whose provider is limited to this protocol.
fn workspace(protocol: u16, configuration: &str) -> Workspace {
    static PROGRAMS: LazyLock<[PathBuf; 2]> = LazyLock::new(|| {
        [5, 6].map(|protocol| terraform_runner::restrict_to_protocol(program(), protocol).unwrap())
    });
    let dir = PROGRAMS[usize::from(protocol - 5)].parent().unwrap();
    let mut workspace = Workspace::with_provider(TerraformCli::required(), dir, ADDRESS);
    workspace.enable_trace_log();
    configure(&workspace, configuration);
    workspace
}

/// Writes the configuration with the provider requirement.
fn configure(workspace: &Workspace, configuration: &str) {
    let requirement = format!(
        "terraform {{\n  required_providers {{\n    greeting = {{ source = {ADDRESS:?} }}\n  }}\n}}\n"
    );
    workspace.write_file("main.tf", &format!("{requirement}{configuration}"));
}

#[test]
fn plan_after_apply_has_no_changes() {
    for protocol in [5, 6] {
        let workspace = workspace(protocol, "");
        for (block, text) in [
            ("", "Hello, world!"),
            ("provider \"greeting\" {\n  prefix = \"Welcome\"\n}\n", "Welcome, world!"),
        ] {
            configure(&workspace, &format!("{block}{GREETING}"));
            workspace.run_ok(&["validate"]);
            workspace.run_ok(&["apply", "-input=false", "-auto-approve"]);
            assert_eq!(workspace.outputs(), json!({ "text": text }));
            let plan = workspace.run(&["plan", "-input=false", "-detailed-exitcode"]);
            assert_eq!(plan.code, Some(0), "{}", plan.stdout);
        }
        assert_eq!(
            terraform_runner::negotiated_protocols(&workspace.trace_log()),
            BTreeSet::from([protocol])
        );
    }
}

#[test]
fn invalid_value_is_an_error_at_its_attribute() {
    for protocol in [5, 6] {
        let block = "provider \"greeting\" {\n  prefix = \"Hi\"\n}\n";
        let output = workspace(protocol, &format!("{block}{GREETING}")).run(&["plan", "-input=false"]);
        assert_eq!(output.code, Some(1));
        let errors = without_line_breaks(&output.stderr);
        assert_contains(
            &errors,
            &["Invalid Attribute Value", "prefix = \"Hi\"", "must be one of \"Hello\" or \"Welcome\""],
        );
    }
}

#[test]
fn schema_describes_validator_and_default() {
    for protocol in [5, 6] {
        let output = workspace(protocol, GREETING).run_ok(&["providers", "schema", "-json"]);
        let schema: Value = serde_json::from_str(&output.stdout).unwrap();
        let schemas = schema["provider_schemas"].as_object().unwrap();
        let (address, schema) = schemas.iter().next().unwrap();
        assert!(address.ends_with(ADDRESS), "{address}");
        let prefix = &schema["provider"]["block"]["attributes"]["prefix"];
        let expected = "The words before a name. Must be one of \"Hello\" or \"Welcome\". Default: `Hello`.";
        assert_eq!(prefix["description"], expected);
        assert!(schema["data_source_schemas"]["greeting_text"].is_object());
    }
}

#[test]
fn ephemeral_resource_is_opened_and_closed() {
    if !TerraformCli::required().is_at_least(Some((1, 10)), Some((1, 11))) {
        return;
    }
    for protocol in [5, 6] {
        let workspace = workspace(
            protocol,
            "ephemeral \"greeting_text\" \"this\" {\n  name = \"world\"\n\n  lifecycle {\n    postcondition {\n      \
             condition     = self.text == \"Hello, world!\"\n      error_message = \"wrong greeting\"\n    }\n  }\n}\n",
        );
        workspace.run_ok(&["apply", "-input=false", "-auto-approve"]);
        let log = workspace.trace_log();
        assert!(log.contains("OpenEphemeralResource") && log.contains("CloseEphemeralResource"));
        assert!(!workspace.state().contains("world"));
    }
}

#[test]
fn program_prints_its_version_and_help() {
    let run = |argument: &str| {
        let output = std::process::Command::new(program()).arg(argument).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run("--version"), (Some(0), "terraform-provider-greeting 1.0.0\n".to_owned()));
    let (code, help) = run("--help");
    assert_eq!(code, Some(0));
    assert!(help.contains("greeting = {") && help.contains("\"example/greeting\""), "{help}");
}
