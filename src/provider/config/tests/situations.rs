//! The situations of `tests/data/credentials`, one after another.

use std::collections::BTreeMap;

use super::*;
use crate::tfplugin::diagnostic::Diagnostic;

/// One situation of `tests/data/credentials`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    intent: String,
    block: BTreeMap<String, serde_json::Value>,
    env: BTreeMap<String, String>,
    files: BTreeMap<String, Option<String>>,
    /// What is not as it should be there.
    #[serde(default, rename = "cloud")]
    _cloud: serde_json::Value,
    expect: Expect,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    credential: Option<String>,
    region: Option<String>,
    project: Option<String>,
    #[serde(default)]
    faults: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
    /// By route; held against a simulated cloud elsewhere.
    #[serde(default, rename = "requests")]
    _requests: BTreeMap<String, usize>,
    #[serde(default, rename = "error")]
    _error: Option<String>,
}

/// As core would send it: a block inside has all its attributes.
fn value(name: &str, json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Number(number) => Value::Number(Number::Text(number.to_string())),
        serde_json::Value::Array(items) => Value::List(items.iter().map(|item| value(name, item)).collect()),
        serde_json::Value::Object(members) => {
            let block = schema().blocks.iter().find(|block| block.name == name).expect("a block");
            let blank = Value::object(block.attributes.iter().map(|attribute| (attribute.name, Value::Null)));
            blank.with(members.iter().map(|(name, json)| (name.as_str(), value(name, json))))
        }
        json => json.as_str().expect("a text").into(),
    }
}

impl Case {
    fn resolve(&self) -> Result<Resolution, Vec<ConfigError>> {
        let given: Vec<_> =
            self.block.iter().map(|(name, json)| (name.as_str(), value(name, json))).collect();
        let (variables, files) = (self.env.clone(), self.files.clone());
        resolve(&block(&given), &Environment::Given { variables, files }, "")
    }

    fn check(&self, name: &str) {
        assert!(self.intent.ends_with('.'), "{name} has no sentence of intent");
        match self.resolve() {
            Ok(Resolution::Settings(found, notices)) => {
                let told = crate::provider::error_messages::notices(&notices, found.credential.origin());
                same(name, told, &self.expect.warnings);
                let credential = format!("{:?}", found.credential);
                let expected =
                    self.expect.credential.as_deref().unwrap_or_else(|| panic!("{name}: {credential}"));
                assert!(credential.contains(expected), "{name}: {credential} is not {expected}");
                assert!(self.expect.region.as_ref().is_none_or(|region| *region == found.region), "{name}");
                let project = match found.project {
                    Project::Id(id) => id,
                    Project::Name(name) => name,
                    Project::OfRegion => "of the region".to_owned(),
                };
                assert!(self.expect.project.as_ref().is_none_or(|it| *it == project), "{name}: {project}");
            }
            Ok(Resolution::UnknownSettings(paths)) => panic!("{name} waits for {paths:?}"),
            Err(faults) => {
                same(
                    name,
                    faults.iter().map(crate::provider::error_messages::config_error),
                    &self.expect.faults,
                );
            }
        }
    }
}

/// As many messages, each with the part that is expected of it.
fn same(name: &str, told: impl Iterator<Item = Diagnostic>, expected: &[String]) {
    let told: Vec<_> = told.map(|it| format!("{}: {}", it.summary, it.detail)).collect();
    assert_eq!(told.len(), expected.len(), "{name}: {told:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{name}: {told} lacks {expected}");
    }
}

#[test]
fn every_situation_leads_to_the_expected_credential_or_message() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/credentials");
    let mut cases = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            let text = std::fs::read_to_string(folder.join("case.json")).unwrap();
            let case: Case =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            case.check(&folder.file_name().unwrap().to_string_lossy());
            cases += 1;
        }
    }
    assert_eq!(cases, 169);
}
