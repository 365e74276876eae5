use super::reader::SettingValue;
use super::settings::SETTINGS;
use super::*;
use crate::huaweicloud::auth::Credential;
use crate::provider::{Dds, error_messages};
use crate::tfplugin::session::Session;
use crate::tfplugin::value::Value;

/// Resolves the settings of a provider block.
pub(super) fn resolve(config: &Value, environment: &Environment) -> Result<ResolvedConfig, Vec<ConfigError>> {
    super::resolve(&Config::new(&schema(), config), environment, "1.11.4")
}

/// Returns a provider block with these arguments only.
pub(super) fn block(arguments: &[(&str, Value)]) -> Value {
    schema().null_object().with(arguments.iter().cloned())
}

/// Returns a provider block with these strings.
pub(super) fn string_block(arguments: &[(&'static str, &str)]) -> Value {
    block(&arguments.iter().map(|(name, text)| (*name, Value::from(*text))).collect::<Vec<_>>())
}

pub(super) fn settings(config: &Value, variables: &[(&str, &str)]) -> Settings {
    match resolve(config, &Environment::given(variables.iter().copied())) {
        Ok(ResolvedConfig::Settings(settings, _)) => *settings,
        Ok(ResolvedConfig::UnknownSettings(paths)) => panic!("unknown: {paths:?}"),
        Err(errors) => panic!("{errors:?}"),
    }
}

pub(super) fn errors(config: &Value, variables: &[(&str, &str)]) -> Vec<ConfigError> {
    resolve(config, &Environment::given(variables.iter().copied())).err().unwrap_or_default()
}

fn unknown_settings(config: &Value, variables: &[(&str, &str)]) -> Vec<String> {
    match resolve(config, &Environment::given(variables.iter().copied())) {
        Ok(ResolvedConfig::UnknownSettings(paths)) => paths.iter().map(ToString::to_string).collect(),
        Ok(ResolvedConfig::Settings(..)) => panic!("{config:?} is known"),
        Err(errors) => panic!("{errors:?}"),
    }
}

/// Returns a provider block with these strings, and with unknown values.
fn partly_unknown(arguments: &[(&'static str, &str)], unknown: &[&'static str]) -> Value {
    string_block(arguments).with(unknown.iter().map(|name| (*name, Value::unknown())))
}

const KEY: [(&str, &str); 2] = [("access_key", "AK"), ("secret_key", "SK")];

#[test]
fn block_overrides_environment_and_default() {
    let config = string_block(&[("region", "cn-north-4"), KEY[0], KEY[1]]);
    let variables =
        [("OS_REGION_NAME", "other"), ("HW_PROJECT_NAME", "team"), ("OS_PROJECT_NAME", "not-this")];
    let found = settings(&config, &variables);
    assert_eq!(found.region, "cn-north-4");
    assert!(matches!(found.project, ProjectSelector::Name(name) if name == "team"));
    assert_eq!(found.cloud, "myhuaweicloud.com");
    assert_eq!((found.max_retries, found.tls.is_insecure()), (5, false));
    assert_eq!(found.user_agent, "terraform-provider-dds/0.1.0 Terraform/1.11.4");
}

#[test]
fn whitespace_counts_as_not_set() {
    let config = string_block(&[("region", ""), ("token", " "), ("cloud", "")]);
    let variables = [("HW_REGION_NAME", " "), ("OS_REGION_NAME", "eu-west-101"), ("HW_AUTH_TOKEN", "t")];
    let found = settings(&config, &variables);
    assert_eq!((found.region.as_str(), found.cloud.as_str()), ("eu-west-101", "myhuaweicloud.eu"));
    assert!(matches!(found.credential, Credential::Token(_)));
}

#[test]
fn variables_of_a_setting_are_read_in_order() {
    let (schema, config) = (schema(), block(&[]));
    let config = Config::new(&schema, &config);
    for setting in SETTINGS {
        let variables = setting.variables.iter().map(|variable| (*variable, *variable));
        for first in 0..setting.variables.len() {
            let environment = Environment::given(variables.clone().skip(first));
            let mut reader = ConfigReader::new(&config, &environment);
            let variable = setting.variables[first];
            let (text, origin) = (variable.to_owned(), Origin::Variable(variable));
            let value = SettingValue { setting: setting.name, text, origin };
            assert_eq!(reader.read(setting.name), Some(value));
        }
    }
}

#[test]
fn every_error_contains_the_name_of_its_setting() {
    let endpoints = Value::object([("lunar", "https://x".into())]);
    let all = [
        errors(&block(&[]), &[("HW_INSECURE", "maybe"), ("HW_SKIP_METADATA", "true")]),
        errors(&string_block(&[("access_key", "a"), ("auth_url", "x")]), &[]),
        errors(&string_block(&[("token", "a"), ("password", "x")]), &[("HW_ACCESS_KEY", "b")]),
        errors(&block(&[("endpoints", endpoints)]), &[("HW_ACCESS_KEY", "b")]),
    ];
    for error in all.iter().flatten() {
        let diagnostic = error_messages::config_error(error);
        error_messages::tests::check_wording(&diagnostic);
        let detail = diagnostic.detail.to_lowercase();
        let is_named = |path: AttributePath| path.names().next().is_some_and(|name| detail.contains(name));
        assert!(diagnostic.path.is_none_or(is_named), "{detail}");
    }
    assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 3 + 3 + 2 + 3);
}

#[test]
fn invalid_value_of_the_block_is_reported_once() {
    let block = string_block(&[("region", "CN"), ("token", "a b"), ("cloud", " ")]);
    // Variables are validated only when the provider is configured.
    let environment = Environment::given([("HW_MAX_RETRIES", "-1")]);
    let found = Session::new(Dds::new(environment)).validate(&schema(), &block);
    let found: Vec<_> = found.iter().map(|error| (error.summary, error.path.is_some())).collect();
    let invalid = "Invalid Provider Setting";
    assert_eq!(found, [(invalid, true), (invalid, false)]);
}

#[test]
fn ignored_settings_are_accepted_with_a_warning() {
    let endpoints = Value::object([("ecs", "https://x".into()), ("dds", "https://y".into())]);
    let config = string_block(&[("region", "r"), ("token", "t")]).with([
        ("skip_check_upgrade", true.into()),
        ("default_tags", Value::object([("a", "b".into())])),
        ("endpoints", endpoints),
    ]);
    let Ok(ResolvedConfig::Settings(found, warnings)) = resolve(&config, &Environment::given([])) else {
        panic!()
    };
    assert_eq!(warnings.ignored, ["default_tags", "skip_check_upgrade", "endpoints[\"ecs\"]"]);
    assert_eq!(found.endpoints.dds.as_deref(), Some("https://y"));
}

#[test]
fn older_project_settings_have_lower_precedence() {
    let token = [("region", "r"), ("token", "t")];
    for (more, expected) in [
        (vec![("tenant_id", "i")], "i"),
        (vec![("tenant_id", "i"), ("project_id", "p")], "p"),
        (vec![("tenant_name", "n")], "n"),
        (vec![("tenant_name", "n"), ("project_name", "m")], "m"),
        (vec![("tenant_name", "n"), ("project_id", "p")], "p"),
    ] {
        let config = string_block(&[token.to_vec(), more].concat());
        let (ProjectSelector::Id(found) | ProjectSelector::Name(found)) = settings(&config, &[]).project
        else {
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
    let config = string_block(&[("region", "r"), ("token", "t")]);
    assert_eq!(auth(&config, &[("HW_AUTH_URL", "https://variable")]).as_deref(), Some("https://variable"));
}

#[test]
fn every_authentication_method_has_its_origin() {
    let password = ("password", "p");
    let temporary_key = vec![("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "s"), ("HW_SECURITY_TOKEN", "t")];
    for (arguments, variables, method, origin) in [
        (KEY.to_vec(), vec![], "AccessKey", "provider arguments access_key and secret_key"),
        (
            vec![],
            temporary_key,
            "AccessKey",
            "environment variables HW_ACCESS_KEY, HW_SECRET_KEY and HW_SECURITY_TOKEN",
        ),
        (vec![("token", "t")], vec![], "Token", "provider argument token"),
        (vec![], vec![("OS_AUTH_TOKEN", "t")], "Token", "environment variable OS_AUTH_TOKEN"),
        (
            vec![("user_id", "u"), password],
            vec![],
            "TokenProvider",
            "provider arguments password and user_id",
        ),
        (
            vec![("user_name", "u"), password],
            vec![("HW_DOMAIN_NAME", "d")],
            "TokenProvider",
            "provider arguments password and user_name",
        ),
    ] {
        let config = string_block(&[vec![("region", "r")], arguments].concat());
        let credential = format!("{:?}", settings(&config, &variables).credential);
        assert!(credential.contains(&format!("{method} from the {origin}")), "{credential} is not {method}");
    }
}

#[test]
fn access_key_uses_the_configured_algorithm() {
    let signed_by = |config: &Value, variables: &[(&str, &str)]| match settings(config, variables).credential
    {
        Credential::Key(key) => key.algorithm(),
        other => panic!("{other:?}"),
    };
    let key = string_block(&[("region", "r"), KEY[0], KEY[1]]);
    assert_eq!(signed_by(&key, &[]), Algorithm::HmacSha256);
    for algorithm in Algorithm::ALL {
        let name = algorithm.name();
        assert!(validate::ALGORITHM.expected().contains(name));
        assert_eq!(signed_by(&key, &[("HW_SIGNING_ALGORITHM", name)]), algorithm);
        let block = key.clone().with([("signing_algorithm", name.into())]);
        assert_eq!(signed_by(&block, &[("HW_SIGNING_ALGORITHM", "SM2SM3")]), algorithm);
    }
}

#[test]
fn credential_is_never_combined_from_two_sources() {
    let half = [("HW_ACCESS_KEY", "a")];
    let more = [("HW_SECRET_KEY", "s"), ("HW_SECURITY_TOKEN", "t"), ("HW_USER_PASSWORD", "p")];
    let all = [&half[..], &more].concat();
    for (arguments, variables, set, origin, missing) in [
        (vec![("access_key", "x")], &all[..], "access_key", Origin::Block, "secret_key"),
        (vec![("secret_key", "x")], &all, "secret_key", Origin::Block, "access_key"),
        (vec![("security_token", "x")], &all, "security_token", Origin::Block, "access_key"),
        (vec![("user_name", "u")], &all, "user_name", Origin::Block, "password"),
        (vec![], &half, "access_key", Origin::Variable("HW_ACCESS_KEY"), "secret_key"),
        (vec![("user_name", "u"), ("password", "p")], &[], "user_name", Origin::Block, "domain_name"),
    ] {
        let config = string_block(&[vec![("region", "r")], arguments].concat());
        assert_eq!(errors(&config, variables), [ConfigError::Incomplete { set, origin, missing }]);
    }
    // The environment's security token does not belong to the block's key.
    let config = string_block(&[("region", "r"), KEY[0], KEY[1]]);
    let credential = format!("{:?}", settings(&config, &all).credential);
    assert!(credential.contains("arguments access_key and secret_key"), "{credential}");
    assert!(!credential.contains("security_token"), "{credential}");
}

#[test]
fn token_variable_overrides_key_and_password() {
    let all = [
        ("HW_USER_PASSWORD", "p"),
        ("HW_USER_ID", "u"),
        ("HW_ACCESS_KEY", "a"),
        ("HW_SECRET_KEY", "s"),
        ("HW_AUTH_TOKEN", "t"),
    ];
    let config = string_block(&[("region", "r")]);
    assert!(matches!(settings(&config, &all).credential, Credential::Token(_)));
    assert!(matches!(settings(&config, &all[..4]).credential, Credential::Key(_)));
    assert!(matches!(settings(&config, &all[..2]).credential, Credential::TokenProvider(_)));
}

#[test]
fn two_authentication_methods_in_one_block_conflict() {
    let found =
        errors(&string_block(&[("region", "r"), KEY[0], KEY[1], ("token", "t"), ("password", "p")]), &[]);
    let conflict = |second| ConfigError::Conflict { first: "token", second };
    assert_eq!(found, [conflict("access_key"), conflict("password")]);
}

#[test]
fn missing_setting_is_not_an_error_of_the_block() {
    assert_eq!(errors(&block(&[]), &[]), [ConfigError::Missing("region")]);
    let found = errors(&block(&[]), &[("HW_SKIP_METADATA", "1")]);
    assert!(
        matches!(found.as_slice(), [ConfigError::Missing("region"), ConfigError::NoCredentials(_)]),
        "{found:?}"
    );
    assert!(!found.iter().any(ConfigError::is_block_only));
}

#[test]
fn errors_of_known_values_are_reported_next_to_unknown() {
    let config = partly_unknown(&[("access_key", "a")], &["region", "secret_key"]);
    // The environment does not replace an unknown value of the block.
    let variables = [("HW_REGION_NAME", "r"), ("HW_AUTH_TOKEN", "t")];
    assert_eq!(unknown_settings(&config, &variables), ["region", "secret_key"]);
    let found = errors(&partly_unknown(&[("access_key", "a"), ("auth_url", "x")], &["region"]), &[]);
    let incomplete =
        ConfigError::Incomplete { set: "access_key", origin: Origin::Block, missing: "secret_key" };
    assert!(found.contains(&incomplete) && found.len() == 2, "{found:?}");
}

#[test]
fn unknown_value_is_neither_conflicting_nor_incomplete() {
    for (arguments, unknown) in [
        (vec![], vec!["access_key"]),
        (vec![("token", "t")], vec!["access_key", "secret_key"]),
        (KEY.to_vec(), vec!["token"]),
        (vec![], vec!["password"]),
    ] {
        let config = partly_unknown(&[vec![("region", "r")], arguments].concat(), &unknown);
        assert_eq!(unknown_settings(&config, &[]), unknown);
    }
    // No other source is tried, so it has no errors.
    let config = partly_unknown(&[("region", "r")], &["token"]);
    for variable in [("HW_SKIP_METADATA", "true"), ("HW_ACCESS_KEY", "half")] {
        assert_eq!(errors(&config, &[variable]), [], "{variable:?}");
    }
    // Two known methods conflict, whatever the value of the third one is.
    let config = partly_unknown(&[("region", "r"), ("token", "t"), ("access_key", "a")], &["secret_key"]);
    assert_eq!(errors(&config, &[]), [ConfigError::Conflict { first: "token", second: "access_key" }]);
}

#[test]
fn region_is_not_missing_while_the_profile_is_unknown() {
    let files = [("/x", r#"{"profiles":[]}"#)];
    for (arguments, name) in [
        (vec![], "profile"),
        (vec![], "shared_config_file"),
        (vec![("profile", "work")], "shared_config_file"),
        (vec![("shared_config_file", "/x")], "profile"),
        // It may be null. Then the profile of the file at the default path is used.
        (vec![], "token"),
    ] {
        for variables in [vec![], vec![("HW_SHARED_CONFIG_FILE", "/gone")], vec![("HW_ACCESS_KEY", "half")]] {
            let environment = Environment::with_files(variables.clone(), files);
            let found = resolve(&partly_unknown(&arguments, &[name]), &environment);
            let Ok(ResolvedConfig::UnknownSettings(paths)) = found else { panic!("{name} of {variables:?}") };
            assert_eq!(paths, [AttributePath::attribute(name)]);
        }
    }
    // A known credential does not contain a region.
    for name in ["profile", "project_id"] {
        let config = partly_unknown(&[("token", "t")], &[name]);
        assert_eq!(errors(&config, &[]), [ConfigError::Missing("region")]);
    }
}

#[test]
fn unknown_alternative_makes_the_choice_unknown() {
    let user = [("region", "r"), ("user_name", "u"), ("password", "p")];
    for (arguments, name) in [
        (vec![("domain_name", "d")], "domain_id"),
        (vec![("domain_id", "d")], "domain_name"),
        (vec![("domain_id", "d"), ("project_id", "p")], "tenant_name"),
    ] {
        let config = partly_unknown(&[user.to_vec(), arguments].concat(), &[name]);
        let variables = [("HW_DOMAIN_ID", "other"), ("HW_PROJECT_ID", "other")];
        assert_eq!(unknown_settings(&config, &variables), [name]);
    }
}
