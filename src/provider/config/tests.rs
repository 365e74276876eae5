mod credentials;
mod forms;
mod unknown;
mod values;

use super::*;
use crate::huaweicloud::auth::Credential;
use crate::tfplugin::diagnostic::Step;
use crate::tfplugin::value::{Number, Refinement};

/// A provider block with nothing else in it.
fn block(given: &[(&str, Value)]) -> Value {
    schema().blank().with(given.iter().cloned())
}

fn text(given: &[(&'static str, &str)]) -> Value {
    block(&given.iter().map(|(name, text)| (*name, Value::from(*text))).collect::<Vec<_>>())
}

fn settings(config: &Value, variables: &[(&str, &str)]) -> Settings {
    match resolve(config, &Environment::given(variables.iter().copied()), "1.11.4") {
        Ok(Resolution::Settings(settings, _)) => *settings,
        Ok(Resolution::Waiting(paths)) => panic!("waiting for {paths:?}"),
        Err(faults) => panic!("{faults:?}"),
    }
}

fn faults(config: &Value, variables: &[(&str, &str)]) -> Vec<ConfigError> {
    resolve(config, &Environment::given(variables.iter().copied()), "").err().unwrap_or_default()
}

const KEY: [(&str, &str); 2] = [("access_key", "AK"), ("secret_key", "SK")];

#[test]
fn the_block_goes_before_the_environment_and_that_before_the_default() {
    let config = text(&[("region", "cn-north-4"), KEY[0], KEY[1]]);
    let variables =
        [("OS_REGION_NAME", "other"), ("HW_PROJECT_NAME", "team"), ("OS_PROJECT_NAME", "not-this")];
    let found = settings(&config, &variables);
    assert_eq!(found.region, "cn-north-4");
    assert!(matches!(found.project, Project::Name(name) if name == "team"));
    assert_eq!(
        (found.cloud.as_str(), found.max_retries, found.tls.is_insecure()),
        ("myhuaweicloud.com", 5, false)
    );
    assert_eq!(found.user_agent, "terraform-provider-dds/0.1.0 Terraform/1.11.4");
}

#[test]
fn blank_values_count_as_unset_wherever_they_stand() {
    let config = text(&[("region", ""), ("token", " "), ("cloud", "")]);
    let variables = [("HW_REGION_NAME", " "), ("OS_REGION_NAME", "eu-west-101"), ("HW_AUTH_TOKEN", "t")];
    let found = settings(&config, &variables);
    assert_eq!((found.region.as_str(), found.cloud.as_str()), ("eu-west-101", "myhuaweicloud.eu"));
    assert!(matches!(found.credential, Credential::Token(_)));
}

#[test]
fn every_variable_of_the_table_is_read_in_its_order() {
    let config = block(&[]);
    for setting in SETTINGS {
        let variables = setting.variables.iter().map(|variable| (*variable, *variable));
        for first in 0..setting.variables.len() {
            let environment = Environment::given(variables.clone().skip(first));
            let given = ConfigReader::new(&config, &environment);
            let variable = setting.variables[first];
            assert_eq!(given.variable(setting.name), Some((variable.to_owned(), Origin::Variable(variable))));
        }
    }
}

#[test]
fn every_fault_has_words_that_name_its_setting() {
    let all = [
        faults(&block(&[]), &[("HW_INSECURE", "maybe"), ("HW_SKIP_METADATA", "true")]),
        faults(&text(&[("access_key", "a"), ("auth_url", "x")]), &[]),
        faults(&text(&[("token", "a"), ("password", "x")]), &[("HW_ACCESS_KEY", "b")]),
        faults(
            &block(&[("endpoints", Value::object([("lunar", "https://x".into())]))]),
            &[("HW_ACCESS_KEY", "b")],
        ),
    ];
    for fault in all.iter().flatten() {
        let told = crate::provider::error_messages::fault(fault);
        assert!(told.summary.split(' ').all(|word| word.starts_with(char::is_uppercase)), "{}", told.summary);
        assert!(told.detail.ends_with(['.', '?']) && !told.detail.contains("  "), "{}", told.detail);
        let detail = told.detail.to_lowercase();
        let place = told.path.map(|path| path.steps().first().cloned());
        let named =
            |step: Option<Step>| matches!(step, Some(Step::Attribute(name)) if detail.contains(&name));
        assert!(place.is_none_or(named), "{detail}");
    }
    assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 3 + 3 + 2 + 3);
}

#[test]
fn what_only_the_official_provider_knows_is_accepted_and_told() {
    let endpoints = Value::object([("ecs", "https://x".into()), ("dds", "https://y".into())]);
    let config = block(&[
        ("region", "r".into()),
        ("token", "t".into()),
        ("skip_check_upgrade", Value::Bool(true)),
        ("default_tags", Value::object([("a", "b".into())])),
        ("endpoints", endpoints),
    ]);
    let Ok(Resolution::Settings(found, told)) = resolve(&config, &Environment::given([]), "") else {
        panic!()
    };
    assert_eq!(told.without_effect, ["default_tags", "skip_check_upgrade", "endpoints[\"ecs\"]"]);
    assert_eq!(found.endpoints.dds.as_deref(), Some("https://y"));
}

#[test]
fn older_names_of_the_project_come_second() {
    let token = [("region", "r"), ("token", "t")];
    for (more, expected) in [
        (vec![("tenant_id", "i")], "i"),
        (vec![("tenant_id", "i"), ("project_id", "p")], "p"),
        (vec![("tenant_name", "n")], "n"),
        (vec![("tenant_name", "n"), ("project_name", "m")], "m"),
        (vec![("tenant_name", "n"), ("project_id", "p")], "p"),
    ] {
        let given: Vec<_> = token.iter().chain(&more).copied().collect();
        let (Project::Id(found) | Project::Name(found)) = settings(&text(&given), &[]).project else {
            panic!()
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn iam_endpoint_of_the_block_overrides_auth_url_variable() {
    let endpoints = Value::object([("iam", "https://block".into())]);
    let config = block(&[("region", "r".into()), ("token", "t".into()), ("endpoints", endpoints)]);
    let auth = |config: &Value, variables| settings(config, variables).endpoints.auth;
    assert_eq!(auth(&config, &[("HW_AUTH_URL", "https://variable")]), None);
    let config = config.with([("auth_url", "https://auth".into())]);
    assert_eq!(auth(&config, &[("HW_AUTH_URL", "https://variable")]).as_deref(), Some("https://auth"));
    let config = text(&[("region", "r"), ("token", "t")]);
    assert_eq!(auth(&config, &[("HW_AUTH_URL", "https://variable")]).as_deref(), Some("https://variable"));
}
