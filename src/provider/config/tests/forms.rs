//! What a value has to look like.

use super::*;

#[test]
fn values_of_the_wrong_form_are_told_with_their_origin() {
    let token = ("HW_AUTH_TOKEN", "t");
    for (config, variables, path, origin) in [
        (text(&[("region", "CN")]), vec![], "region", Origin::Block),
        (block(&[]), vec![("OS_REGION_NAME", "a/b")], "region", Origin::Variable("OS_REGION_NAME")),
        (text(&[("region", "r"), ("cloud", "https://x")]), vec![], "cloud", Origin::Block),
        (text(&[("region", "r"), ("project_id", "a/b")]), vec![], "project_id", Origin::Block),
        (text(&[("region", "r"), ("auth_url", "iam.example.com")]), vec![], "auth_url", Origin::Block),
        (
            text(&[("region", "r"), ("signing_algorithm", "HMACSM3")]),
            vec![],
            "signing_algorithm",
            Origin::Block,
        ),
        (
            text(&[("region", "r")]),
            vec![("HW_SIGNING_ALGORITHM", "SDK-HMAC-SHA256")],
            "signing_algorithm",
            Origin::Variable("HW_SIGNING_ALGORITHM"),
        ),
        (text(&[("region", "r"), ("auth_url", "https://u:p@x")]), vec![], "auth_url", Origin::Block),
        (
            text(&[("region", "r")]),
            vec![("HW_INSECURE", "maybe")],
            "insecure",
            Origin::Variable("HW_INSECURE"),
        ),
        (
            text(&[("region", "r")]),
            vec![("HW_MAX_RETRIES", "-1")],
            "max_retries",
            Origin::Variable("HW_MAX_RETRIES"),
        ),
        (
            block(&[("region", "r".into()), ("max_retries", Value::Number(Number::Text("1.5".into())))]),
            vec![],
            "max_retries",
            Origin::Block,
        ),
        (
            block(&[("region", "r".into()), ("endpoints", Value::object([("dds", "ftp://x".into())]))]),
            vec![],
            "endpoints[\"dds\"]",
            Origin::Block,
        ),
    ] {
        let variables: Vec<_> = variables.into_iter().chain([token]).collect();
        let found = faults(&config, &variables);
        let [ConfigError::Malformed { path: place, origin: from, .. }] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!((place.to_string().as_str(), *from), (path, origin));
    }
}

#[test]
fn an_unknown_endpoint_gets_a_suggestion_where_there_is_one() {
    for (key, meant) in
        [("DDS", Some("dds")), ("ddsv3", Some("dds")), ("iam_v3", Some("iam")), ("lunar", None)]
    {
        let endpoints = Value::object([(key, "https://x".into())]);
        let found =
            faults(&block(&[("region", "r".into()), ("token", "t".into()), ("endpoints", endpoints)]), &[]);
        assert_eq!(found, [ConfigError::UnknownEndpoint { key: key.into(), meant }]);
    }
}

#[test]
fn booleans_and_numbers_come_from_the_block_and_from_variables() {
    let config = block(&[
        ("region", "r".into()),
        ("token", "t".into()),
        ("insecure", Value::Bool(true)),
        ("max_retries", Value::Number(Number::Signed(0))),
    ]);
    let found = settings(&config, &[("HW_INSECURE", "false"), ("HW_MAX_RETRIES", "7")]);
    assert_eq!((found.tls.is_insecure(), found.max_retries), (true, 0));
    let found =
        settings(&text(&[("region", "r"), ("token", "t")]), &[("OS_INSECURE", "1"), ("HW_MAX_RETRIES", "7")]);
    assert_eq!((found.tls.is_insecure(), found.max_retries), (true, 7));
}

#[test]
fn certificates_come_as_text_or_from_a_file() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
    let (pem, key) = (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()));
    let files = [("/ca", pem.as_str()), ("/junk", "no PEM")];
    let check = |given: &[(&'static str, &str)]| {
        let given: Vec<_> = [("region", "r"), ("token", "t")].iter().chain(given).copied().collect();
        let found = resolve(&text(&given), &Environment::with_files([], files), "");
        found.err().unwrap_or_default().iter().map(|fault| format!("{fault:?}")).collect::<Vec<_>>()
    };
    assert!(check(&[("cacert_file", &pem)]).is_empty());
    assert!(check(&[("cacert_file", "/ca"), ("cert", "/ca"), ("key", &key)]).is_empty());
    for (given, part) in [
        (vec![("cacert_file", "/missing")], "cacert_file"),
        (vec![("cacert_file", "/junk")], "cacert_file"),
        (vec![("cert", pem.as_str())], "lacks: \"key\""),
        (vec![("key", key.as_str())], "lacks: \"cert\""),
        (vec![("cert", pem.as_str()), ("key", "/junk")], "cert"),
    ] {
        let faults = check(&given);
        assert!(faults.len() == 1 && faults[0].contains(part), "{faults:?}");
    }
}

/// A self-signed certificate and its key.
fn identity(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let certificate = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
    (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()))
}

#[test]
fn a_certificate_needs_its_own_key_of_whatever_algorithm() {
    let algorithms = [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ];
    let pairs: Vec<_> = algorithms.into_iter().map(identity).collect();
    let check = |certificate: &str, key: &str| {
        faults(&text(&[("region", "r"), ("token", "t"), ("cert", certificate), ("key", key)]), &[])
    };
    for (position, (certificate, key)) in pairs.iter().enumerate() {
        assert_eq!(check(certificate, key), []);
        // One file for both.
        let both = format!("{key}{certificate}");
        assert_eq!(check(&both, &both), []);
        let (_, other) = identity(algorithms[position]);
        for key in pairs
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != position)
            .map(|(_, (_, key))| key)
            .chain([&other])
        {
            assert_eq!(
                check(certificate, key),
                [ConfigError::ForeignKey { certificate: "cert", key: "key" }]
            );
        }
        let of = |name: &str, found: Vec<ConfigError>| {
            let [ConfigError::Malformed { path, origin: Origin::Block, .. }] = found.as_slice() else {
                panic!("{found:?}")
            };
            assert_eq!(path.to_string(), name);
        };
        of("cert", check(key, key));
        of("key", check(certificate, certificate));
        of("cert", check(&pem("CERTIFICATE", b"no certificate"), key));
        of("key", check(certificate, &pem("PRIVATE KEY", b"no key")));
        of("key", check(certificate, &pem("ENCRYPTED PRIVATE KEY", b"x")));
    }
    let authority = pem("CERTIFICATE", b"no certificate");
    let found = faults(&text(&[("region", "r"), ("token", "t"), ("cacert_file", &authority)]), &[]);
    assert!(matches!(found.as_slice(), [ConfigError::Malformed { .. }]), "{found:?}");
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;

    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
