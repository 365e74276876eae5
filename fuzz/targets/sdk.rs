//! Fuzzes the SDK credentials file. No field is empty, and each one is in a line of the file. A new file with the same
//! fields is parsed to the same profile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use terraform_provider_dds::huaweicloud::auth::profile::{Profile, ProfileCredential, parse_sdk};

fuzz_target!(|text: &str| {
    let Ok(Some(found)) = parse_sdk(text) else { return };
    let fields = fields(&found);
    let mut file = "[basic]\n".to_owned();
    for (name, value) in &fields {
        assert!(!value.is_empty() && value.trim() == value, "{name} is {value:?}");
        let is_field =
            |line: &str| line.trim_start().starts_with(name) && line.trim_end().ends_with(value.as_str());
        assert!(text.lines().any(is_field), "{name} = {value:?} is not in the file");
        file += &format!("{name}={value}\n");
    }
    let again = parse_sdk(&file).expect("a valid file").expect("a profile");
    assert_eq!(self::fields(&again), fields);
    // Other sections do not matter.
    let with_other_sections = parse_sdk(&format!("[global]\nak = other\n{file}[later]\nak = other\n")).expect("a valid file");
    assert_eq!(with_other_sections.as_ref().map(self::fields), Some(fields));
});

fn fields(profile: &Profile) -> Vec<(&'static str, String)> {
    assert!(profile.agency.is_none() && profile.region.is_none() && profile.domain_id.is_none());
    let mut fields = match &profile.credential {
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
    fields.extend(profile.project_id.iter().map(|id| ("project_id", id.clone())));
    fields
}
