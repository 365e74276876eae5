//! Tests of conditions, the warning and the ID.

use std::collections::BTreeSet;

use super::*;
use crate::provider::error_messages::tests::check_wording;

/// Returns the errors of validate.
fn errors(argument: &'static str, value: Value) -> Vec<Diagnostic> {
    let schema = Instances.schema();
    let value = schema.null_object().with([(argument, value)]);
    let errors = schema.check(&value).into_iter();
    errors.chain(Instances.validate(&Config::new(&schema, &value))).collect()
}

fn tags<const N: usize>(tags: [(&str, &str); N]) -> Value {
    Value::object(tags.map(|(key, value)| (key, value.into())))
}

#[test]
fn conditions_that_the_api_does_not_accept_are_rejected() {
    let many = Value::object(
        (0..21)
            .map(|number| format!("k{number}"))
            .collect::<Vec<_>>()
            .iter()
            .map(|key| (key.as_str(), "".into())),
    );
    for (argument, value) in [
        ("name", "*".into()),
        ("name", "**".into()),
        ("name", "".into()),
        ("name", "a\n".into()),
        ("mode", "replicaset".into()),
        ("instance_id", "../x".into()),
        ("instance_id", "".into()),
        ("datastore_type", "".into()),
        ("vpc_id", "".into()),
        ("subnet_id", "a b".into()),
        ("region", "CN".into()),
        ("tags", tags([("a=b", "c")])),
        ("tags", tags([("", "c")])),
        ("tags", tags([("a,b", "c")])),
        ("tags", tags([("a", "b,c=d")])),
        ("tags", many),
    ] {
        let found = errors(argument, value.clone());
        let [error] = found.as_slice() else { panic!("{argument} = {value:?}: {found:?}") };
        assert_eq!(error.path.as_ref().map(|path| path.names().next()), Some(Some(argument)), "{error:?}");
        if error.summary == "Invalid Tag Condition" {
            check_wording(error);
        }
    }
    for (argument, value) in [
        ("name", "*abc".into()),
        ("name", "a*".into()),
        ("name", "名".into()),
        ("mode", "ReplicaSet".into()),
        ("tags", tags([("a", ""), ("k 1", "x=y")])),
        ("tags", Value::unknown()),
        ("tags", Value::object([("a", Value::unknown())])),
        ("name", Value::unknown()),
    ] {
        assert_eq!(errors(argument, value.clone()), [], "{argument} = {value:?}");
    }
}

#[test]
fn warning_about_a_changed_list_has_both_counts() {
    let instances = vec![Instance::default()];
    let mut list = InstanceList { instances, total_count: Some(3), is_consistent: false };
    let warning = list_changed(&list, "cn-north-4");
    check_wording(&warning);
    let counts = "It has 1 instance, and the cloud counts 3.";
    assert!(warning.detail.contains(counts), "{}", warning.detail);
    list.total_count = None;
    assert!(list_changed(&list, "x").detail.contains("It has 1 instance. "));
}

#[test]
fn id_depends_on_the_region_and_the_conditions() {
    let all = InstanceFilter::default();
    // The SHA-256 digest of "cn-north-4?". It must not change in later versions.
    let expected = "9f65a90a5daa637816d4dec845e21159166fcf8c2a9a32c5590c1b852158d954";
    assert_eq!(list_id("cn-north-4", &all), expected);
    let filters = [
        InstanceFilter { id: Some("a"), ..all.clone() },
        InstanceFilter { name: Some("a"), ..all.clone() },
        InstanceFilter { tags: [("a", "b")].into(), ..all.clone() },
        InstanceFilter { tags: [("a", "b"), ("c", "")].into(), ..all.clone() },
    ];
    let mut ids: Vec<_> = filters.iter().map(|filter| list_id("cn-north-4", filter)).collect();
    ids.extend([expected.to_owned(), list_id("cn-north-1", &all)]);
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
}
