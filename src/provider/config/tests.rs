mod situations;

use super::*;
use crate::auth::Credential;
use crate::diagnostic::Step;
use crate::value::{Number, Refinement};

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

fn faults(config: &Value, variables: &[(&str, &str)]) -> Vec<Fault> {
    resolve(config, &Environment::given(variables.iter().copied()), "").err().unwrap_or_default()
}

const KEY: [(&str, &str); 2] = [("access_key", "AK"), ("secret_key", "SK")];

#[test]
fn the_block_goes_before_the_environment_and_that_before_the_default() {
    let config = text(&[("region", "cn-north-4"), KEY[0], KEY[1]]);
    let variables =
        [("HW_REGION_NAME", "other"), ("HW_PROJECT_NAME", "team"), ("OS_PROJECT_NAME", "not-this")];
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
            let given = Given::new(&config, &environment);
            let variable = setting.variables[first];
            assert_eq!(given.variable(setting.name), Some((variable.to_owned(), Origin::Variable(variable))));
        }
    }
}

#[test]
fn each_way_to_authenticate_is_found_and_knows_its_origin() {
    let region = ("region", "r");
    for (config, variables, debug) in [
        (
            text(&[region, KEY[0], KEY[1]]),
            vec![],
            "AccessKey from the provider arguments access_key and secret_key",
        ),
        (
            text(&[region]),
            vec![("HW_ACCESS_KEY", "a"), ("HW_SECRET_KEY", "s"), ("HW_SECURITY_TOKEN", "t")],
            "AccessKey from the environment variables HW_ACCESS_KEY, HW_SECRET_KEY and HW_SECURITY_TOKEN",
        ),
        (text(&[region, ("token", "t")]), vec![], "Token from the provider argument token"),
        (text(&[region]), vec![("OS_AUTH_TOKEN", "t")], "Token from the environment variable OS_AUTH_TOKEN"),
        (
            text(&[region, ("user_id", "u"), ("password", "p")]),
            vec![],
            "Login from the provider arguments password and user_id",
        ),
        (
            text(&[region, ("user_name", "u"), ("password", "p")]),
            vec![("HW_DOMAIN_NAME", "d")],
            "Login from the provider arguments password and user_name",
        ),
    ] {
        let credential = format!("{:?}", settings(&config, &variables).credential);
        assert!(credential.contains(debug), "{credential} is not {debug}");
    }
}

#[test]
fn an_access_key_signs_by_the_algorithm_of_the_block_or_a_variable() {
    let signed_by = |config: &Value, variables: &[(&str, &str)]| match settings(config, variables).credential
    {
        Credential::Key(key) => key.algorithm(),
        other => panic!("{other:?}"),
    };
    let key = [("region", "r"), KEY[0], KEY[1]];
    assert_eq!(signed_by(&text(&key), &[]), Algorithm::HmacSha256);
    for algorithm in Algorithm::ALL {
        let name = algorithm.name();
        assert!(ALGORITHMS.contains(name));
        assert_eq!(signed_by(&text(&key), &[("HW_SIGNING_ALGORITHM", name)]), algorithm);
        let block: Vec<_> = key.into_iter().chain([("signing_algorithm", name)]).collect();
        assert_eq!(signed_by(&text(&block), &[("HW_SIGNING_ALGORITHM", "SM2SM3")]), algorithm);
    }
}

#[test]
fn a_credential_is_never_put_together_from_two_places() {
    let all = [
        ("HW_ACCESS_KEY", "a"),
        ("HW_SECRET_KEY", "s"),
        ("HW_SECURITY_TOKEN", "t"),
        ("HW_USER_PASSWORD", "p"),
    ];
    for (name, lacks) in
        [("access_key", "secret_key"), ("secret_key", "access_key"), ("security_token", "access_key")]
    {
        let found = faults(&text(&[("region", "r"), (name, "x")]), &all);
        assert_eq!(found, [Fault::Incomplete { given: name, origin: Origin::Block, lacks }]);
    }
    let found = faults(&text(&[("region", "r"), ("user_name", "u")]), &all);
    assert_eq!(found, [Fault::Incomplete { given: "user_name", origin: Origin::Block, lacks: "password" }]);
    let found = faults(&text(&[("region", "r")]), &[("HW_ACCESS_KEY", "a")]);
    let origin = Origin::Variable("HW_ACCESS_KEY");
    assert_eq!(found, [Fault::Incomplete { given: "access_key", origin, lacks: "secret_key" }]);
    let found = faults(&text(&[("region", "r"), ("user_name", "u"), ("password", "p")]), &[]);
    assert_eq!(
        found,
        [Fault::Incomplete { given: "user_name", origin: Origin::Block, lacks: "domain_name" }]
    );
    // The token of the environment is no part of the block's key.
    let config = text(&[("region", "r"), KEY[0], KEY[1]]);
    let credential = format!("{:?}", settings(&config, &all).credential);
    assert!(
        credential.contains("arguments access_key and secret_key") && !credential.contains("security_token")
    );
}

#[test]
fn in_the_environment_a_token_goes_before_a_key_and_that_before_a_password() {
    let all = [
        ("HW_USER_PASSWORD", "p"),
        ("HW_USER_ID", "u"),
        ("HW_ACCESS_KEY", "a"),
        ("HW_SECRET_KEY", "s"),
        ("HW_AUTH_TOKEN", "t"),
    ];
    let config = text(&[("region", "r")]);
    assert!(matches!(settings(&config, &all).credential, Credential::Token(_)));
    assert!(matches!(settings(&config, &all[..4]).credential, Credential::Key(_)));
    assert!(matches!(settings(&config, &all[..2]).credential, Credential::Login(_)));
}

#[test]
fn two_ways_in_one_block_are_a_conflict() {
    let found = faults(&text(&[("region", "r"), KEY[0], KEY[1], ("token", "t"), ("password", "p")]), &[]);
    let conflict = |second| Fault::Conflict { first: "token", second };
    assert_eq!(found, [conflict("access_key"), conflict("password")]);
}

#[test]
fn nothing_at_all_is_two_faults_that_no_block_alone_is_to_blame_for() {
    let found = faults(&block(&[]), &[]);
    assert_eq!(found, [Fault::Missing("region")]);
    let found = faults(&block(&[]), &[("HW_SKIP_METADATA", "1")]);
    assert!(matches!(found.as_slice(), [Fault::Missing("region"), Fault::NoCredentials(_)]), "{found:?}");
    assert!(!found.iter().any(Fault::lies_in_block));
}

#[test]
fn keys_and_tokens_that_fit_no_header_are_refused_by_name() {
    for (config, name) in [
        (text(&[("region", "r"), ("token", "t\n")]), "token"),
        (text(&[("region", "r"), ("access_key", "ä"), KEY[1]]), "access_key"),
        (text(&[("region", "r"), KEY[0], KEY[1], ("security_token", "a b")]), "security_token"),
    ] {
        let found = faults(&config, &[]);
        let [Fault::Malformed { path, .. }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(path.to_string(), name);
    }
}

#[test]
fn values_of_the_wrong_form_are_told_with_their_origin() {
    let token = ("HW_AUTH_TOKEN", "t");
    for (config, variables, path, origin) in [
        (text(&[("region", "CN")]), vec![], "region", Origin::Block),
        (block(&[]), vec![("OS_REGION_NAME", "a/b")], "region", Origin::Variable("OS_REGION_NAME")),
        (text(&[("region", "r"), ("cloud", "https://x")]), vec![], "cloud", Origin::Block),
        (text(&[("region", "r"), ("project_id", "a/b")]), vec![], "project_id", Origin::Block),
        (text(&[("region", "r"), ("auth_url", "iam.example.com")]), vec![], "auth_url", Origin::Block),
        (
            text(&[("region", "r"), ("signing_algorithm", "HMACSM3")]),
            vec![],
            "signing_algorithm",
            Origin::Block,
        ),
        (
            text(&[("region", "r")]),
            vec![("HW_SIGNING_ALGORITHM", "SDK-HMAC-SHA256")],
            "signing_algorithm",
            Origin::Variable("HW_SIGNING_ALGORITHM"),
        ),
        (text(&[("region", "r"), ("auth_url", "https://u:p@x")]), vec![], "auth_url", Origin::Block),
        (
            text(&[("region", "r")]),
            vec![("HW_INSECURE", "maybe")],
            "insecure",
            Origin::Variable("HW_INSECURE"),
        ),
        (
            text(&[("region", "r")]),
            vec![("HW_MAX_RETRIES", "-1")],
            "max_retries",
            Origin::Variable("HW_MAX_RETRIES"),
        ),
        (
            block(&[("region", "r".into()), ("max_retries", Value::Number(Number::Text("1.5".into())))]),
            vec![],
            "max_retries",
            Origin::Block,
        ),
        (
            block(&[("region", "r".into()), ("endpoints", Value::object([("dds", "ftp://x".into())]))]),
            vec![],
            "endpoints[\"dds\"]",
            Origin::Block,
        ),
    ] {
        let variables: Vec<_> = variables.into_iter().chain([token]).collect();
        let found = faults(&config, &variables);
        let [Fault::Malformed { path: place, origin: from, .. }] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((place.to_string().as_str(), *from), (path, origin));
    }
}

#[test]
fn an_unknown_endpoint_gets_a_suggestion_where_there_is_one() {
    for (key, meant) in
        [("DDS", Some("dds")), ("ddsv3", Some("dds")), ("iam_v3", Some("iam")), ("lunar", None)]
    {
        let endpoints = Value::object([(key, "https://x".into())]);
        let found =
            faults(&block(&[("region", "r".into()), ("token", "t".into()), ("endpoints", endpoints)]), &[]);
        assert_eq!(found, [Fault::UnknownEndpoint { key: key.into(), meant }]);
    }
}

#[test]
fn booleans_and_numbers_come_from_the_block_and_from_variables() {
    let config = block(&[
        ("region", "r".into()),
        ("token", "t".into()),
        ("insecure", Value::Bool(true)),
        ("max_retries", Value::Number(Number::Signed(0))),
    ]);
    let found = settings(&config, &[("HW_INSECURE", "false"), ("HW_MAX_RETRIES", "7")]);
    assert_eq!((found.tls.is_insecure(), found.max_retries), (true, 0));
    let found =
        settings(&text(&[("region", "r"), ("token", "t")]), &[("OS_INSECURE", "1"), ("HW_MAX_RETRIES", "7")]);
    assert_eq!((found.tls.is_insecure(), found.max_retries), (true, 7));
}

#[test]
fn an_unknown_value_waits_and_hides_no_fault_of_the_others() {
    let unknown = || Value::Unknown(Refinement::default());
    let waits = block(&[("region", unknown()), ("access_key", "a".into()), ("secret_key", unknown())]);
    // What the environment has does not stand in for what the block will have.
    let environment = Environment::given([("HW_REGION_NAME", "r"), ("HW_AUTH_TOKEN", "t")]);
    let Ok(Resolution::Waiting(paths)) = resolve(&waits, &environment, "") else { panic!("does not wait") };
    assert_eq!(paths, ["region", "secret_key"].map(AttributePath::attribute));
    let faulty = block(&[("region", unknown()), ("access_key", "a".into()), ("auth_url", "x".into())]);
    let found = faults(&faulty, &[]);
    let incomplete = Fault::Incomplete { given: "access_key", origin: Origin::Block, lacks: "secret_key" };
    assert!(found.contains(&incomplete) && found.len() == 2, "{found:?}");
}

#[test]
fn what_is_not_known_yet_may_be_null_and_is_half_of_nothing_and_against_nothing() {
    let unknown = || Value::Unknown(Refinement::default());
    for (given, waiting) in [
        (vec![("access_key", unknown())], vec!["access_key"]),
        (
            vec![("token", "t".into()), ("access_key", unknown()), ("secret_key", unknown())],
            vec!["access_key", "secret_key"],
        ),
        (vec![("token", unknown()), ("access_key", "a".into()), ("secret_key", "s".into())], vec!["token"]),
        (vec![("password", unknown())], vec!["password"]),
    ] {
        let config = block(&[vec![("region", "r".into())], given].concat());
        let Ok(Resolution::Waiting(paths)) = resolve(&config, &Environment::given([]), "") else {
            panic!("{config:?} does not wait")
        };
        assert_eq!(paths, waiting.iter().map(|name| AttributePath::attribute(*name)).collect::<Vec<_>>());
    }
    // Of two that are certain an unknown third takes nothing away.
    let config = block(&[
        ("region", "r".into()),
        ("token", "t".into()),
        ("access_key", "a".into()),
        ("secret_key", unknown()),
    ]);
    assert_eq!(faults(&config, &[]), [Fault::Conflict { first: "token", second: "access_key" }]);
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
        let told = crate::provider::explain::fault(fault);
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
    assert_eq!(told, ["default_tags", "skip_check_upgrade", "endpoints[\"ecs\"]"]);
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
fn certificates_come_as_text_or_from_a_file() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
    let (pem, key) = (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()));
    let files = [("/ca", pem.as_str()), ("/junk", "no PEM")];
    let check = |given: &[(&'static str, &str)]| {
        let given: Vec<_> = [("region", "r"), ("token", "t")].iter().chain(given).copied().collect();
        let found = resolve(&text(&given), &Environment::with_files([], files), "");
        found.err().unwrap_or_default().iter().map(|fault| format!("{fault:?}")).collect::<Vec<_>>()
    };
    assert!(check(&[("cacert_file", &pem)]).is_empty());
    assert!(check(&[("cacert_file", "/ca"), ("cert", "/ca"), ("key", &key)]).is_empty());
    for (given, part) in [
        (vec![("cacert_file", "/missing")], "cacert_file"),
        (vec![("cacert_file", "/junk")], "cacert_file"),
        (vec![("cert", pem.as_str())], "lacks: \"key\""),
        (vec![("key", key.as_str())], "lacks: \"cert\""),
        (vec![("cert", pem.as_str()), ("key", "/junk")], "cert"),
    ] {
        let faults = check(&given);
        assert!(faults.len() == 1 && faults[0].contains(part), "{faults:?}");
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;

    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
