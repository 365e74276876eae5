//! Fuzzes the KooCLI (hcloud) config file. No field of a profile is empty, and an expired profile is rejected. A new
//! file with the same fields is parsed to the same profile.
//!
//! The first line is the name of the requested profile, or empty for the current one. The rest is the file.
#![no_main]

use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use terraform_provider_dds::huaweicloud::auth::Account;
use terraform_provider_dds::huaweicloud::auth::profile::{Profile, ProfileCredential, parse_hcloud};

fuzz_target!(|data: &str| {
    let Some((name, text)) = data.split_once('\n') else { return };
    // 2026-01-15. Some seeds expire before this time, and some after it.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_435_200);
    let Ok(found) = parse_hcloud(text, Some(name).filter(|name| !name.is_empty()), now) else { return };
    let fields = fields(&found);
    for text in fields.values().filter_map(Value::as_str) {
        assert!(!text.is_empty() && text.trim() == text, "{text:?}");
    }
    let mut profile = fields.clone();
    profile.insert("name".into(), "copy".into());
    let file = json!({ "current": "copy", "profiles": [profile] }).to_string();
    let again = parse_hcloud(&file, None, now).expect("a valid file");
    assert_eq!(self::fields(&again), fields);
    let debug = format!("{found:?}");
    let shown = ["region", "projectId", "domainId", "agencyName", "agencyDomainId", "agencyDomainName"]
        .map(|field| fields.get(field).and_then(Value::as_str).unwrap_or_default());
    for secret in ["secretAccessKey", "securityToken", "xAuthToken"] {
        let secret = fields.get(secret).and_then(Value::as_str);
        // A short secret may be part of a name.
        let mut secret = secret.filter(|secret| secret.len() > 8).into_iter();
        let is_shown = |secret: &str| shown.iter().any(|text| text.contains(secret));
        assert!(secret.all(|secret| !debug.contains(secret) || is_shown(secret)), "{debug}");
    }
});

/// The fields of a profile, by their names in the file.
fn fields(profile: &Profile) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        fields.extend(value.map(|value| (name.to_owned(), value.into())));
    };
    match &profile.credential {
        ProfileCredential::Key { id, secret, security_token } => {
            put("accessKeyId", Some(id));
            put("secretAccessKey", Some(secret.expose_secret()));
            put("securityToken", security_token.as_ref().map(|token| token.expose_secret()));
        }
        ProfileCredential::Token(token) => put("xAuthToken", Some(token.expose_secret())),
        ProfileCredential::IdToken { .. } => panic!("KooCLI has no identity providers"),
        ProfileCredential::EcsMetadata => put("mode", Some("ecsAgency")),
    }
    if let Some((agency, account)) = &profile.agency {
        put("agencyName", Some(agency));
        match account {
            Account::Id(id) => put("agencyDomainId", Some(id)),
            Account::Name(name) => put("agencyDomainName", Some(name)),
        }
    }
    put("region", profile.region.as_deref());
    put("projectId", profile.project_id.as_deref());
    put("domainId", profile.domain_id.as_deref());
    fields
}
