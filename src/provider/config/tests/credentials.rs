//! The ways to authenticate, and their parts.

use super::*;

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
        assert_eq!(found, [ConfigError::Incomplete { given: name, origin: Origin::Block, lacks }]);
    }
    let found = faults(&text(&[("region", "r"), ("user_name", "u")]), &all);
    assert_eq!(
        found,
        [ConfigError::Incomplete { given: "user_name", origin: Origin::Block, lacks: "password" }]
    );
    let found = faults(&text(&[("region", "r")]), &[("HW_ACCESS_KEY", "a")]);
    let origin = Origin::Variable("HW_ACCESS_KEY");
    assert_eq!(found, [ConfigError::Incomplete { given: "access_key", origin, lacks: "secret_key" }]);
    let found = faults(&text(&[("region", "r"), ("user_name", "u"), ("password", "p")]), &[]);
    assert_eq!(
        found,
        [ConfigError::Incomplete { given: "user_name", origin: Origin::Block, lacks: "domain_name" }]
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
    assert!(matches!(settings(&config, &all[..2]).credential, Credential::TokenProvider(_)));
}

#[test]
fn two_ways_in_one_block_are_a_conflict() {
    let found = faults(&text(&[("region", "r"), KEY[0], KEY[1], ("token", "t"), ("password", "p")]), &[]);
    let conflict = |second| ConfigError::Conflict { first: "token", second };
    assert_eq!(found, [conflict("access_key"), conflict("password")]);
}

#[test]
fn nothing_at_all_is_two_faults_that_no_block_alone_is_to_blame_for() {
    let found = faults(&block(&[]), &[]);
    assert_eq!(found, [ConfigError::Missing("region")]);
    let found = faults(&block(&[]), &[("HW_SKIP_METADATA", "1")]);
    assert!(
        matches!(found.as_slice(), [ConfigError::Missing("region"), ConfigError::NoCredentials(_)]),
        "{found:?}"
    );
    assert!(!found.iter().any(ConfigError::lies_in_block));
}

#[test]
fn keys_and_tokens_that_fit_no_header_are_refused_by_name() {
    for (config, name) in [
        (text(&[("region", "r"), ("token", "t\n")]), "token"),
        (text(&[("region", "r"), ("access_key", "ä"), KEY[1]]), "access_key"),
        (text(&[("region", "r"), KEY[0], KEY[1], ("security_token", "a b")]), "security_token"),
    ] {
        let found = faults(&config, &[]);
        let [ConfigError::Malformed { path, .. }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(path.to_string(), name);
    }
}
