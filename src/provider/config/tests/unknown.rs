//! Values that are not known before apply.

use super::*;

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
    let incomplete =
        ConfigError::Incomplete { given: "access_key", origin: Origin::Block, lacks: "secret_key" };
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
    // No other place is searched meanwhile, so what is wrong there does not matter yet.
    let config = block(&[("region", "r".into()), ("token", unknown())]);
    for variable in [("HW_SKIP_METADATA", "true"), ("HW_ACCESS_KEY", "half")] {
        assert_eq!(faults(&config, &[variable]), [], "{variable:?}");
    }
    // Of two that are certain an unknown third takes nothing away.
    let config = block(&[
        ("region", "r".into()),
        ("token", "t".into()),
        ("access_key", "a".into()),
        ("secret_key", unknown()),
    ]);
    assert_eq!(faults(&config, &[]), [ConfigError::Conflict { first: "token", second: "access_key" }]);
}

#[test]
fn region_is_not_missing_while_the_profile_is_unknown() {
    let unknown = || Value::Unknown(Refinement::default());
    let files = [("/x", r#"{"profiles":[]}"#)];
    for (given, waiting) in [
        (vec![("profile", unknown())], "profile"),
        (vec![("shared_config_file", unknown())], "shared_config_file"),
        (vec![("profile", "work".into()), ("shared_config_file", unknown())], "shared_config_file"),
        (vec![("shared_config_file", "/x".into()), ("profile", unknown())], "profile"),
        // It may be null, and the profile of the usual file be what is used.
        (vec![("token", unknown())], "token"),
    ] {
        for variables in [vec![], vec![("HW_SHARED_CONFIG_FILE", "/gone")], vec![("HW_ACCESS_KEY", "half")]] {
            let environment = Environment::with_files(variables.clone(), files);
            let found = resolve(&block(&given), &environment, "");
            let Ok(Resolution::Waiting(paths)) = found else { panic!("{waiting} of {variables:?}") };
            assert_eq!(paths, [AttributePath::attribute(waiting)]);
        }
    }
    // What is certain to be read says no region.
    let config = block(&[("token", "t".into()), ("profile", unknown())]);
    assert_eq!(faults(&config, &[]), [ConfigError::Missing("region")]);
    let config = block(&[("token", "t".into()), ("project_id", unknown())]);
    assert_eq!(faults(&config, &[]), [ConfigError::Missing("region")]);
}

#[test]
fn a_part_of_a_pair_that_is_unknown_is_waited_for() {
    let unknown = || Value::Unknown(Refinement::default());
    let login = [("region", "r".into()), ("user_name", "u".into()), ("password", "p".into())];
    for (given, waiting) in [
        (vec![("domain_id", unknown()), ("domain_name", "d".into())], "domain_id"),
        (vec![("domain_id", "d".into()), ("domain_name", unknown())], "domain_name"),
        (
            vec![("domain_id", "d".into()), ("tenant_name", unknown()), ("project_id", "p".into())],
            "tenant_name",
        ),
    ] {
        let config = block(&[login.to_vec(), given].concat());
        let environment = Environment::given([("HW_DOMAIN_ID", "other"), ("HW_PROJECT_ID", "other")]);
        let Ok(Resolution::Waiting(paths)) = resolve(&config, &environment, "") else {
            panic!("does not wait for {waiting}")
        };
        assert_eq!(paths, [AttributePath::attribute(waiting)]);
    }
}
