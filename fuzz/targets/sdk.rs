//! Fuzzes the SDK credentials file. No field is empty, and each one is in a line of the file. A new file with the same
//! fields is parsed to the same profile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use terraform_provider_dds::huaweicloud::auth::profile::{Profile, ProfileCredential, parse_sdk};

fuzz_target!(|text: &str| {
    let Ok(Some(found)) = parse_sdk(text) else { return };
    let parts = parts(&found);
    let mut file = "[basic]\n".to_owned();
    for (name, value) in &parts {
        assert!(!value.is_empty() && value.trim() == value, "{name} is {value:?}");
        let stands =
            |line: &str| line.trim_start().starts_with(name) && line.trim_end().ends_with(value.as_str());
        assert!(text.lines().any(stands), "{name} = {value:?} is nowhere");
        file += &format!("{name}={value}\n");
    }
    let again = parse_sdk(&file).expect("a file").expect("a profile");
    assert_eq!(self::parts(&again), parts);
    // Other sections do not matter.
    let later = parse_sdk(&format!("[global]\nak = other\n{file}[later]\nak = other\n")).expect("a file");
    assert_eq!(later.as_ref().map(self::parts), Some(parts));
});

fn parts(profile: &Profile) -> Vec<(&'static str, String)> {
    assert!(profile.agency.is_none() && profile.region.is_none() && profile.domain_id.is_none());
    let mut parts = match &profile.credential {
        ProfileCredential::Key { id, secret, security_token } => {
            let secret = secret.expose_secret().to_owned();
            let token =
                security_token.iter().map(|token| ("security_token", token.expose_secret().to_owned()));
            [("ak", id.clone()), ("sk", secret)].into_iter().chain(token).collect()
        }
        ProfileCredential::IdToken { provider, file } => {
            vec![("idp_id", provider.clone()), ("id_token_file", file.clone())]
        }
        ProfileCredential::Token(_) | ProfileCredential::EcsMetadata => panic!("the SDKs have no {profile:?}"),
    };
    parts.extend(profile.project_id.iter().map(|id| ("project_id", id.clone())));
    parts
}
