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
    assert_eq!(faults(&config, &[]), [Fault::Conflict { first: "token", second: "access_key" }]);
}
