//! Values that cannot be sent: each setting, from each origin, with each stray sign.

use super::*;
use crate::provider::error_messages;

/// What makes a whole with each other, and is sent as it is.
const WHOLES: &[&[&str]] = &[
    &["access_key", "secret_key", "security_token"],
    &["token"],
    &["user_name", "password", "domain_name"],
    &["user_name", "password", "domain_id"],
    &["user_id", "password"],
    &["token", "project_id"],
    &["token", "tenant_id"],
    &["token", "project_name"],
    &["token", "tenant_name"],
    &["token", "delegated_project"],
    &["token", "agency_name", "agency_domain_name"],
];

/// Those of blocks, with the variables that stand in for them.
const BLOCKS: &[(&str, &[&str])] = &[
    ("assume_role", &["agency_name", "domain_name"]),
    ("assume_role", &["agency_name", "domain_id"]),
    ("assume_role_with_oidc", &["agency_name", "domain_id", "idp_id", "id_token"]),
];

/// What `broken` becomes, and whether a value of this setting may not be so.
fn stray(name: &str) -> impl Iterator<Item = &'static str> {
    let is_name = ["user_name", "domain_name", "agency_name", "agency_domain_name", "delegated_project"]
        .contains(&name)
        || name.ends_with("_name");
    let is_password = name == "password";
    let all = [
        ("broken\n", true),
        ("broken\r\n", true),
        ("bro\nken", true),
        ("bro\u{0}ken", true),
        ("bro\u{7f}ken", true),
        ("broken\t", true),
        (" broken", !is_password),
        ("broken ", !is_password),
        ("\u{a0}broken", !is_password),
        ("bro ken", !is_password && !is_name),
        ("brökén", !is_password && !is_name),
        ("bro\u{200b}ken", !is_password && !is_name),
    ];
    all.into_iter().filter_map(|(text, wrong)| wrong.then_some(text))
}

/// Nothing but this setting is at fault, and the message names what gave it, without the value.
fn is_blamed(config: &Value, variables: &[(&str, &str)], name: &str, origin: Origin) {
    let found = faults(config, variables);
    let [fault @ ConfigError::Malformed { origin: blamed, .. }] = found.as_slice() else {
        panic!("{name} of {origin:?}: {found:?}")
    };
    assert_eq!((*blamed, fault.lies_in_block()), (origin, origin == Origin::Block), "{name}");
    let told = error_messages::fault(fault);
    let by = origin.variable().unwrap_or(name);
    assert!(told.detail.contains(by) && !told.detail.contains("bro"), "{}", told.detail);
    let is_secret = ["secret_key", "security_token", "token", "password", "id_token"].contains(&name);
    assert_eq!(told.path.is_some(), origin == Origin::Block && !is_secret, "{name} of {origin:?}");
}

#[test]
fn a_stray_sign_is_told_of_every_setting_that_is_sent() {
    let mut checked = std::collections::BTreeSet::new();
    for whole in WHOLES {
        for name in *whole {
            for text in stray(name) {
                let value = |part: &&'static str| (*part, if part == name { text } else { "x" });
                let block: Vec<_> = whole.iter().map(value).chain([("region", "r")]).collect();
                is_blamed(&self::text(&block), &[], name, Origin::Block);
                for variable in variables(name) {
                    let family = variable.split('_').next().unwrap();
                    // OpenStack has no security token. What completes it may be of any family.
                    let of_family = |part: &str| {
                        let own = variables(part).iter().find(|other| other.starts_with(family));
                        own.or(variables(part).first().filter(|_| part != "security_token")).copied()
                    };
                    let given: Vec<_> = whole
                        .iter()
                        .filter_map(|part| {
                            let of_family = of_family(part)?;
                            Some(if part == name { (*variable, text) } else { (of_family, "x") })
                        })
                        .collect();
                    is_blamed(&self::text(&[("region", "r")]), &given, name, Origin::Variable(variable));
                }
            }
            checked.insert(*name);
        }
    }
    let sent = |setting: &&Setting| validate::text_form(setting.name).is_some();
    let names: std::collections::BTreeSet<_> = SETTINGS.iter().filter(sent).map(|it| it.name).collect();
    assert_eq!(checked, names);
}

#[test]
fn a_stray_sign_is_told_of_every_attribute_of_a_block() {
    for (name, attributes) in BLOCKS {
        let block_of = |broken: &str, text: &str| {
            let known = blocks::BLOCKS.iter().find(|block| block.name == *name).unwrap();
            let blank = Value::object(known.attributes.iter().map(|it| (it.name, Value::Null)));
            let value = |part: &&'static str| (*part, if *part == broken { text.into() } else { "x".into() });
            Value::List(vec![blank.with(attributes.iter().map(value))])
        };
        let key = |with: Vec<(&'static str, Value)>| {
            let key = if *name == "assume_role" { vec![("token", "t".into())] } else { vec![] };
            block(&[vec![("region", "r".into())], key, with].concat())
        };
        for broken in *attributes {
            for text in stray(broken) {
                is_blamed(&key(vec![(*name, block_of(broken, text))]), &[], broken, Origin::Block);
                let variables: Vec<_> = attributes
                    .iter()
                    .map(|part| (blocks::variable(part).unwrap(), if part == broken { text } else { "x" }))
                    .collect();
                let variable = blocks::variable(broken).unwrap();
                is_blamed(&key(vec![]), &variables, broken, Origin::Variable(variable));
            }
        }
    }
}

#[test]
fn a_duration_is_blamed_on_what_gave_it() {
    let role = |duration: Value| {
        let role = [("agency_name", "x".into()), ("domain_id", "d".into()), ("domain_name", Value::Null)];
        let role = Value::object(role).with([("duration", duration)]);
        block(&[("region", "r".into()), ("token", "t".into()), ("assume_role", Value::List(vec![role]))])
    };
    let variable = [("HW_ASSUME_ROLE_DURATION", "abc")];
    is_blamed(&role(Value::Null), &variable, "duration", Origin::Variable("HW_ASSUME_ROLE_DURATION"));
    is_blamed(&role("abc".into()), &variable, "assume_role[0].duration", Origin::Block);
    assert_eq!(faults(&role("900".into()), &variable), []);
}

#[test]
fn a_name_may_have_blanks_inside_and_a_password_anywhere() {
    let login =
        [("region", "r"), ("user_name", "Anna Bélanger"), ("password", " p ä "), ("domain_name", "a b")];
    assert_eq!(faults(&text(&login), &[]), []);
}
