use super::*;

const NOW: std::time::SystemTime = std::time::SystemTime::UNIX_EPOCH;

fn hcloud(profile: &str, name: Option<&str>) -> Result<Profile, String> {
    let file = format!(
        r#"{{"language":"en","current":"work","profiles":[{{"name":"work","region":"cn-north-4",{profile}}}]}}"#
    );
    hcloud::read(&file, name, NOW).map_err(|error| error.to_string())
}

fn parts(stored: &Stored) -> Vec<&str> {
    match stored {
        Stored::Key { id, secret, security_token } => {
            let token = security_token.as_ref().map(|token| token.expose_secret());
            [Some(id.as_str()), Some(secret.expose_secret()), token].into_iter().flatten().collect()
        }
        Stored::Token(token) => vec![token.expose_secret()],
        Stored::IdToken { provider, file } => vec![provider, file],
        Stored::Machine => vec![],
    }
}

#[test]
fn every_kind_of_hcloud_profile_is_read() {
    for (profile, expected) in [
        (r#""mode":"AKSK","accessKeyId":"a","secretAccessKey":"s","securityToken":"""#, vec!["a", "s"]),
        (r#""mode":"AKSK","accessKeyId":"a","secretAccessKey":"s","securityToken":"t""#, vec!["a", "s", "t"]),
        (r#""accessKeyId":1,"secretAccessKey":2,"readTimeout":"10""#, vec!["1", "2"]),
        (
            r#""mode":"SSO","accessKeyId":"x","ssoAuth":{"stsToken":{"accessKeyId":"a","secretAccessKey":"s","securityToken":"t"}}"#,
            vec!["a", "s", "t"],
        ),
        (r#""mode":"token","xAuthToken":"t","accessKeyId":"""#, vec!["t"]),
        (r#""mode":"ecsAgency""#, vec![]),
    ] {
        let found = hcloud(profile, None).unwrap();
        assert_eq!(parts(&found.stored), expected, "{profile}");
        assert_eq!(found.region.as_deref(), Some("cn-north-4"));
    }
}

#[test]
fn a_broken_hcloud_profile_says_what_is_wrong_with_it() {
    let keys = r#""accessKeyId":"a","secretAccessKey":"s""#;
    for (profile, name, expected) in [
        (keys, Some("home"), r#"it has no profile "home", but work"#),
        (r#""accessKeyId":"a""#, None, r#"the profile "work" has no secretAccessKey"#),
        (r#""secretAccessKey":"s""#, None, r#"the profile "work" has no accessKeyId"#),
        (r#""mode":"SSO""#, None, r#"the profile "work" has no accessKeyId"#),
        (
            &format!(r#"{keys},"expiresAt":"1969-12-31T23:59:59Z""#),
            None,
            r#"the profile "work" expired at 1969-12-31T23:59:59Z"#,
        ),
        (&format!(r#"{keys},"agencyName":"x""#), None, r#"the profile "work" has no agencyDomainName"#),
    ] {
        assert_eq!(hcloud(profile, name).unwrap_err(), expected);
    }
    assert!(hcloud(&format!(r#"{keys},"expiresAt":"2100-01-01T00:00:00Z""#), Some("work")).is_ok());
    let read = |text| hcloud::read(text, None, NOW).map(drop);
    assert_eq!(read("<html>"), Err(Error::Form("JSON")));
    assert_eq!(read("[]"), Err(Error::Form("a file of the hcloud CLI")));
    let encrypted = r#"{"profiles":[{"name":"default","accessKeyId":"x","secretAccessKey":"y"}],"crypter":"c","nonce":"n"}"#;
    assert_eq!(read(encrypted), Err(Error::Encrypted));
}

#[test]
fn the_basic_section_of_an_sdk_file_is_read() {
    let text = "# mine\n[global]\nak = g\n\n[ basic ]\nak=a\n sk = s=1 \nproject_id = p\n; end\n";
    let found = sdk::read(text).unwrap().unwrap();
    assert_eq!((parts(&found.stored), found.project_id.as_deref()), (vec!["a", "s=1"], Some("p")));
    let federated = sdk::read("[basic]\nak = a\nsk = s\nidp_id = i\nid_token_file = /t\n").unwrap().unwrap();
    assert_eq!(parts(&federated.stored), ["i", "/t"]);
    assert!(sdk::read("[global]\nak = g\n").unwrap().is_none());
    assert!(sdk::read("").unwrap().is_none());
    let error = |text| sdk::read(text).unwrap_err().to_string();
    assert_eq!(error("[basic]\nak = a\nsk =\n"), r#"the profile "basic" has no sk"#);
    assert_eq!(error("[basic]\nsk = s\n"), r#"the profile "basic" has no ak"#);
    assert_eq!(error("[basic]\nidp_id = i\n"), r#"the profile "basic" has no id_token_file"#);
    assert_eq!(error("{}"), "it is not an INI file");
}

#[test]
fn ecs_agency_profile_uses_no_encrypted_or_expired_secret() {
    for mode in ["ecsAgency", "ECSAGENCY"] {
        let file = format!(
            r#"{{"profiles":[{{"name":"default","mode":"{mode}","accessKeyId":"\u0001","expiresAt":"1969-01-01T00:00:00Z",
                "region":"r","agencyName":"x","agencyDomainId":"d"}}],"crypter":"c","nonce":"n"}}"#
        );
        let found = hcloud::read(&file, None, NOW).unwrap();
        assert!(matches!(found.stored, Stored::Machine) && found.agency.is_some());
        assert_eq!(found.region.as_deref(), Some("r"));
    }
}

#[test]
fn what_cannot_be_sent_is_named_and_not_shown() {
    let key = r#""accessKeyId":"a","secretAccessKey":"s""#;
    for (profile, field) in [
        (r#""accessKeyId":"bro ken","secretAccessKey":"s""#.to_owned(), "accessKeyId"),
        (r#""accessKeyId":"a","secretAccessKey":"bro\nken""#.to_owned(), "secretAccessKey"),
        (format!(r#"{key},"securityToken":"bro\tken""#), "securityToken"),
        (r#""xAuthToken":"brökén""#.to_owned(), "xAuthToken"),
        (format!(r#"{key},"projectId":"bro/ken""#), "projectId"),
        (format!(r#"{key},"domainId":"bro ken""#), "domainId"),
        (format!(r#"{key},"agencyName":"bro\nken""#), "agencyName"),
        (format!(r#"{key},"agencyName":"x","agencyDomainId":"bro ken""#), "agencyDomainId"),
        (format!(r#"{key},"agencyName":"x","agencyDomainName":"bro\nken""#), "agencyDomainName"),
    ] {
        let told = hcloud(&profile, None).unwrap_err();
        assert!(told.contains(&format!("the {field} of the profile")) && !told.contains("bro"), "{told}");
    }
    for (text, field) in [
        ("ak = bro ken\nsk = s", "ak"),
        ("ak = a\nsk = bro ken", "sk"),
        ("ak = a\nsk = s\nsecurity_token = brökén", "security_token"),
        ("ak = a\nsk = s\nproject_id = bro/ken", "project_id"),
        ("idp_id = bro ken\nid_token_file = /t", "idp_id"),
    ] {
        let told = sdk::read(&format!("[basic]\n{text}\n")).unwrap_err().to_string();
        assert!(told.contains(&format!("the {field} of the profile")) && !told.contains("bro"), "{told}");
    }
}

#[test]
fn a_profile_shows_no_secret() {
    let found = hcloud(r#""accessKeyId":"hidden-id","secretAccessKey":"hidden-secret""#, None).unwrap();
    assert!(!format!("{found:?}").contains("hidden"));
}
