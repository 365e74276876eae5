//! Validators for the values of settings.

use crate::huaweicloud::auth::Algorithm;
use crate::huaweicloud::strings;
use crate::tfplugin::validator::{Validator, between, matches, one_of};

/// Keys, tokens and IDs, which are part of a header or a signature. Rejects the line break at the end of a file's
/// content.
pub(super) const TOKEN: Validator = matches(
    strings::is_ascii_graphic,
    "ASCII letters, digits and punctuation only, without spaces or line breaks",
);
pub(super) const PASSWORD: Validator =
    matches(strings::is_single_line, "a string without line breaks or other control characters");
pub(super) const NAME: Validator = matches(
    strings::is_name,
    "a string without line breaks, other control characters, or spaces at its start or end",
);
pub(super) const IDENTIFIER: Validator =
    matches(strings::is_identifier, "an ID of letters, digits, \"-\" and \"_\"");
pub(super) const REGION: Validator = matches(is_region, "a region code such as cn-north-4");
pub(super) const DOMAIN: Validator =
    matches(is_domain, "a DNS domain such as myhuaweicloud.com, without scheme and path");
pub(super) const BASE_URL: Validator =
    matches(is_base_url, "a URL such as https://dds.example.com, without credentials, query and fragment");
pub(super) const BOOL: Validator = matches(|text| parse_bool(text).is_some(), "true or false");
pub(super) const ALGORITHM: Validator = one_of(&[
    Algorithm::HmacSha256.name(),
    Algorithm::HmacSm3.name(),
    Algorithm::EcdsaP256Sha256.name(),
    Algorithm::Sm2Sm3.name(),
]);
/// Ten retries with exponential backoff already take about two minutes. More than 100 would exceed any usual read
/// timeout.
pub(super) const RETRIES: Validator = between(0, 100);
/// The range of IAM. STS has a lower maximum of half a day and returns it in its error.
pub(super) const KEY_LIFETIME: Validator =
    matches(|text| between(900, 86400).check(text).is_ok(), "a whole number of seconds from 900 to 86400");

/// Whether a string has the format of a region code. There is no list, because new regions appear often.
pub(in crate::provider) fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_domain(text: &str) -> bool {
    text.trim().trim_end_matches('.').split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

fn is_base_url(text: &str) -> bool {
    let Ok(url) = url::Url::parse(&text.trim().replace("{region}", "region")) else {
        return false;
    };
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// Parses a boolean as Go's `strconv.ParseBool`, which the official provider uses for its variables.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::provider::config::settings::{AGENCY_SETTINGS, SETTINGS, find, variables};
    use crate::provider::config::tests::{block, errors, settings, string_block};
    use crate::provider::config::{ConfigError, Origin, schema};
    use crate::provider::error_messages;
    use crate::tfplugin::schema::Attribute;
    use crate::tfplugin::value::{Number, Value};

    #[test]
    fn invalid_values_are_reported_with_their_origin() {
        let known = [("region", "r".into()), ("token", "t".into())];
        for (name, value, path) in [
            ("region", "CN".into(), "region"),
            ("cloud", "https://x".into(), "cloud"),
            ("project_id", "a/b".into(), "project_id"),
            ("auth_url", "iam.example.com".into(), "auth_url"),
            ("auth_url", "https://u:p@x".into(), "auth_url"),
            ("signing_algorithm", "HMACSM3".into(), "signing_algorithm"),
            ("max_retries", Value::Number(Number::Decimal("1.5".into())), "max_retries"),
            ("endpoints", Value::object([("dds", "ftp://x".into())]), "endpoints[\"dds\"]"),
        ] {
            let config = block(&known).with([(name, value)]);
            assert_eq!(check_error(&config, &[], path, Origin::Block), path);
        }
        for (name, variable, value) in [
            ("region", "OS_REGION_NAME", "a/b"),
            ("signing_algorithm", "HW_SIGNING_ALGORITHM", "SDK-HMAC-SHA256"),
            ("insecure", "HW_INSECURE", "maybe"),
            ("max_retries", "HW_MAX_RETRIES", "-1"),
        ] {
            let config = block(&known).with([(name, Value::Null)]);
            assert_eq!(check_error(&config, &[(variable, value)], name, Origin::Variable(variable)), name);
        }
    }

    #[test]
    fn unknown_endpoint_gets_a_suggestion() {
        for (key, suggestion) in
            [("DDS", Some("dds")), ("ddsv3", Some("dds")), ("iam_v3", Some("iam")), ("lunar", None)]
        {
            let endpoints = Value::object([(key, "https://x".into())]);
            let config = string_block(&[("region", "r"), ("token", "t")]).with([("endpoints", endpoints)]);
            assert_eq!(errors(&config, &[]), [ConfigError::UnknownEndpoint { key: key.into(), suggestion }]);
        }
    }

    #[test]
    fn booleans_and_numbers_are_read_from_block_and_variables() {
        let config = string_block(&[("region", "r"), ("token", "t")]);
        let found = settings(
            &config.clone().with([("insecure", true.into()), ("max_retries", 0.into())]),
            &[("HW_INSECURE", "false"), ("HW_MAX_RETRIES", "7")],
        );
        assert_eq!((found.tls.is_insecure(), found.max_retries), (true, 0));
        let found = settings(&config, &[("OS_INSECURE", "1"), ("HW_MAX_RETRIES", "7")]);
        assert_eq!((found.tls.is_insecure(), found.max_retries), (true, 7));
    }

    /// Complete sets of settings whose values are sent unchanged.
    const COMPLETE: &[&[&str]] = &[
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

    /// Complete sets of attributes of blocks, which variables can replace.
    const BLOCKS: &[(&str, &[&str])] = &[
        ("assume_role", &["agency_name", "domain_name"]),
        ("assume_role", &["agency_name", "domain_id"]),
        ("assume_role_with_oidc", &["agency_name", "domain_id", "idp_id", "id_token"]),
    ];

    /// Returns values that are invalid for this setting.
    fn invalid_forms(name: &str) -> impl Iterator<Item = &'static str> {
        let is_name = name == "delegated_project" || name.ends_with("_name");
        let is_password = name == "password";
        let controls = ["broken\n", "broken\r\n", "bro\nken", "bro\u{0}ken", "bro\u{7f}ken", "broken\t"];
        let at_ends = [" broken", "broken ", "\u{a0}broken"].into_iter().filter(move |_| !is_password);
        let inside = ["bro ken", "brökén", "bro\u{200b}ken"].into_iter();
        let inside = inside.filter(move |_| !is_password && !is_name);
        controls.into_iter().chain(at_ends).chain(inside)
    }

    /// Checks that only this setting has an error, and that the message contains its origin but not its value. Returns
    /// the error's path.
    fn check_error(config: &Value, variables: &[(&str, &str)], name: &str, origin: Origin) -> String {
        let found = errors(config, variables);
        let [error @ ConfigError::Invalid { path, origin: found_origin, .. }] = found.as_slice() else {
            panic!("{name} of {origin:?}: {found:?}")
        };
        assert_eq!((*found_origin, error.is_block_only()), (origin, origin == Origin::Block), "{name}");
        let diagnostic = error_messages::config_error(error);
        let origin_name = origin.variable().unwrap_or(name);
        let detail = &diagnostic.detail;
        assert!(detail.contains(origin_name) && !detail.contains("bro"), "{detail}");
        let is_secret = ["secret_key", "security_token", "token", "password", "id_token"].contains(&name);
        assert_eq!(diagnostic.path.is_some(), origin == Origin::Block && !is_secret, "{name} of {origin:?}");
        path.to_string()
    }

    #[test]
    fn invalid_characters_are_rejected_in_every_setting() {
        let mut checked = BTreeSet::new();
        for complete in COMPLETE {
            for name in *complete {
                for text in invalid_forms(name) {
                    let value = |part: &&'static str| (*part, if part == name { text } else { "x" });
                    let block: Vec<_> = complete.iter().map(value).chain([("region", "r")]).collect();
                    assert_eq!(check_error(&string_block(&block), &[], name, Origin::Block), *name);
                    for variable in variables(name) {
                        let family = variable.split('_').next().unwrap();
                        // OpenStack has no security token. The others may come from variables of another tool.
                        let of_family = |part: &&'static str| {
                            if part == name {
                                return Some((*variable, text));
                            }
                            let same_tool = variables(part).iter().find(|other| other.starts_with(family));
                            let other = variables(part).first().filter(|_| *part != "security_token");
                            same_tool.or(other).map(|variable| (*variable, "x"))
                        };
                        let variables: Vec<_> = complete.iter().filter_map(of_family).collect();
                        let config = string_block(&[("region", "r")]);
                        let path = check_error(&config, &variables, name, Origin::Variable(variable));
                        assert_eq!(path, *name);
                    }
                }
                checked.insert(*name);
            }
        }
        let sent = [TOKEN, PASSWORD, NAME, IDENTIFIER].map(|validator| validator.expected());
        let is_sent = |setting: &&Attribute| {
            setting.validator.is_some_and(|validator| sent.contains(&validator.expected()))
        };
        let names: BTreeSet<_> = SETTINGS.iter().filter(is_sent).map(|setting| setting.name).collect();
        assert_eq!(checked, names);
    }

    #[test]
    fn invalid_characters_are_rejected_in_block_attributes() {
        for (name, attributes) in BLOCKS {
            let block_of = |broken: &str, text: &str| {
                let schema = schema();
                let known = schema.blocks.iter().find(|block| block.name == *name).unwrap();
                let empty =
                    Value::object(known.attributes.iter().map(|attribute| (attribute.name, Value::Null)));
                let value =
                    |part: &&'static str| (*part, if *part == broken { text.into() } else { "x".into() });
                Value::List(vec![empty.with(attributes.iter().map(value))])
            };
            let key = |with: Vec<(&'static str, Value)>| {
                let key = if *name == "assume_role" { vec![("token", "t".into())] } else { vec![] };
                block(&[vec![("region", "r".into())], key, with].concat())
            };
            let variable = |attribute: &str| find(AGENCY_SETTINGS, attribute).unwrap().variables[0];
            for broken in *attributes {
                for text in invalid_forms(broken) {
                    check_error(&key(vec![(*name, block_of(broken, text))]), &[], broken, Origin::Block);
                    let value = |part: &&str| (variable(part), if part == broken { text } else { "x" });
                    let variables: Vec<_> = attributes.iter().map(value).collect();
                    check_error(&key(vec![]), &variables, broken, Origin::Variable(variable(broken)));
                }
            }
        }
    }

    #[test]
    fn invalid_duration_is_reported_with_its_origin() {
        let role = |duration: Value| {
            let role = [("agency_name", "x".into()), ("domain_id", "d".into()), ("domain_name", Value::Null)];
            let role = Value::object(role).with([("duration", duration)]);
            block(&[("region", "r".into()), ("token", "t".into()), ("assume_role", Value::List(vec![role]))])
        };
        let variable = [("HW_ASSUME_ROLE_DURATION", "abc")];
        check_error(&role(Value::Null), &variable, "duration", Origin::Variable("HW_ASSUME_ROLE_DURATION"));
        check_error(&role("abc".into()), &variable, "assume_role[0].duration", Origin::Block);
        assert_eq!(errors(&role("900".into()), &variable), []);
    }

    #[test]
    fn names_and_passwords_may_contain_spaces() {
        let user =
            [("region", "r"), ("user_name", "Anna Bélanger"), ("password", " p ä "), ("domain_name", "a b")];
        assert_eq!(errors(&string_block(&user), &[]), []);
    }
}
