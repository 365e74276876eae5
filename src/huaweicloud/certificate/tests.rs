//! Parsing, compared with OpenSSL and Go, and with damaged files.

use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use time::format_description::well_known::Rfc3339;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// Certificates made by OpenSSL, with the attributes that `crypto/x509` of Go shows. Go cannot parse the one with SM2, so
/// its attributes are those that OpenSSL shows.
fn table() -> Vec<Json> {
    serde_json::from_str(include_str!("../../../tests/data/certificates.json")).unwrap()
}

/// The certificate of the table with this name, as PEM.
fn pem(name: &str) -> String {
    let table = table();
    let row = table.iter().find(|row| row["name"] == name).unwrap();
    row["cert_pem"].as_str().unwrap().to_owned()
}

/// The certificate of the table with this name, as DER.
fn der(name: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem(name).as_bytes()).unwrap().to_vec()
}

/// The subjects of the certificates in a file, or the error.
fn subjects(file: impl AsRef<[u8]>) -> Result<Vec<String>, String> {
    let found = parse(file.as_ref()).map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|certificate| certificate.subject).collect())
}

fn error(file: impl AsRef<[u8]>) -> String {
    subjects(file).unwrap_err()
}

/// A zip file with these entries.
fn zip(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn deflated(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip(entries, CompressionMethod::Deflated)
}

#[test]
fn attributes_are_those_that_go_and_openssl_show() {
    for row in table() {
        let found = parse(row["cert_pem"].as_str().unwrap().as_bytes()).unwrap();
        let [certificate] = found.as_slice() else { panic!("{}", row["name"]) };
        let shown = json!({
            "name": row["name"],
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial_number": certificate.serial_number,
            "not_before": certificate.not_before.format(&Rfc3339).unwrap(),
            "not_after": certificate.not_after.format(&Rfc3339).unwrap(),
            "is_ca": certificate.is_ca,
            "public_key_algorithm": certificate.public_key_algorithm,
            "signature_algorithm": certificate.signature_algorithm,
            "sha256_fingerprint": certificate.sha256_fingerprint(),
            "cert_pem": certificate.pem(),
        });
        assert_eq!(shown, row);
    }
}

#[test]
fn der_and_pem_and_zip_give_the_same_certificates() {
    let (pem, der) = (pem("rsa"), der("rsa"));
    let expected = parse(pem.as_bytes()).unwrap();
    assert_eq!(parse(&der).unwrap(), expected);
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for content in [pem.as_bytes(), &der] {
            assert_eq!(parse(&zip(&[("ca.crt", content)], method)).unwrap(), expected, "{method}");
        }
    }
}

#[test]
fn text_around_pem_and_line_ends_do_not_matter() {
    let (first, second) = (pem("rsa"), pem("sm2"));
    let expected =
        Ok(vec!["CN=DDS CA,OU=DDS,O=Example Cloud,C=CN".into(), "CN=DDS SM2 CA,O=Example Cloud,C=CN".into()]);
    for file in [
        format!("{first}{second}"),
        format!("\u{feff}{first}{second}"),
        format!("{first}{second}").replace('\n', "\r\n"),
        format!("Certificate:\n    Data:\n        Version: 3 (0x2)\n{first}\n\n# more\n{second}the end"),
        format!("{first}{}", second.trim_end()),
        format!("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n{first}{second}"),
    ] {
        assert_eq!(subjects(&file), expected, "{file}");
    }
    let mut with_rubbish = b"\x00\xff\xfe rubbish\n".to_vec();
    with_rubbish.extend_from_slice(format!("{first}{second}").as_bytes());
    assert_eq!(subjects(with_rubbish), expected);
}

#[test]
fn each_certificate_is_returned_once_in_the_order_of_the_file() {
    let (rsa, sm2) = (pem("rsa"), pem("sm2"));
    let found = subjects(format!("{sm2}{rsa}{sm2}{rsa}")).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("SM2"));
    // Entries of a zip file have no reliable order, so names decide.
    let der = der("rsa");
    let file = deflated(&[
        ("b/ca.pem", sm2.as_bytes()),
        ("README.txt", b"read me"),
        ("a/ca.der", &der),
        ("c.pem", rsa.as_bytes()),
    ]);
    let found = subjects(file).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found[1].contains("SM2"));
}

#[test]
fn private_key_is_never_accepted() {
    let certificate = pem("rsa");
    for label in
        ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"]
    {
        let key = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let file = format!("{certificate}{key}");
        assert_eq!(error(&file), "it contains a private key");
        assert_eq!(error(key.as_bytes()), "it contains a private key");
        let file = deflated(&[("ca.pem", certificate.as_bytes()), ("server.key", key.as_bytes())]);
        assert_eq!(error(file), "the zip entry \"server.key\" cannot be used: it contains a private key");
    }
    let key = rcgen::KeyPair::generate().unwrap().serialize_der();
    assert_eq!(error(key), "it is not a certificate");
}

#[test]
fn damaged_certificate_is_an_error() {
    let (pem, der) = (pem("rsa"), der("rsa"));
    let cut = |bytes: &[u8], length: usize| bytes[..length].to_vec();
    let with_trailing = [der.as_slice(), b"\n"].concat();
    for (file, expected) in [
        (cut(pem.as_bytes(), 400), "its PEM is damaged: a line with END CERTIFICATE is missing"),
        (
            pem.replacen("MII", "M*I", 1).into_bytes(),
            "its PEM is damaged: the Base64 is invalid or incomplete",
        ),
        (pem.replacen("MII", "AAA", 1).into_bytes(), "it contains an invalid certificate: "),
        (cut(&der, der.len() - 1), "it contains an invalid certificate: "),
        (with_trailing, "it contains an invalid certificate: trailing data"),
        (format!("CA: {pem}").into_bytes(), "its PEM is damaged: a line with BEGIN is invalid"),
        (format!("{pem}CA: {pem}").into_bytes(), "its PEM is damaged: a line with BEGIN is invalid"),
        (Vec::new(), "it is not a certificate"),
        (b"<html>".to_vec(), "it is not a certificate"),
        (b"0".to_vec(), "it is not a certificate"),
        (b"\x30\x03\x02\x01\x00".to_vec(), "it is not a certificate"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_vec(), "it is not a certificate"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02".to_vec(), "it is not a certificate"),
    ] {
        let found = error(&file);
        assert!(found.starts_with(expected), "{found}, not {expected}");
    }
}

#[test]
fn names_of_zip_entries_are_not_paths() {
    let pem = pem("rsa");
    for name in ["../../etc/ca.pem", "/etc/ca.pem", "C:\\ca.pem", "ca\u{202e}.pem", "__MACOSX/._ca.pem"] {
        assert_eq!(subjects(deflated(&[(name, pem.as_bytes())])).map(|found| found.len()), Ok(1), "{name}");
    }
    // Finder of macOS adds a file with attributes for each file.
    let file = deflated(&[("ca.pem", pem.as_bytes()), ("__MACOSX/._ca.pem", b"\x00\x05\x16\x07")]);
    assert_eq!(subjects(file).map(|found| found.len()), Ok(1));
}

#[test]
fn zip_file_without_a_certificate_is_an_error() {
    for (file, expected) in [
        (deflated(&[]), "it is a zip file without a certificate; it contains nothing"),
        (
            deflated(&[("README.txt", b"see ca.jks"), ("ca.jks", b"\xfe\xed\xfe\xed")]),
            "it is a zip file without a certificate; it contains README.txt, ca.jks",
        ),
        (
            deflated(&[("ca.pem", b"none")]),
            "the zip entry \"ca.pem\" cannot be used: it is not a certificate",
        ),
        (
            deflated(&[("inner.zip", &deflated(&[("ca.pem", pem("rsa").as_bytes())]))]),
            "it is a zip file without a certificate; it contains inner.zip",
        ),
        (b"PK\x03\x04rubbish".to_vec(), "it is a zip file that cannot be read: "),
    ] {
        let found = error(file);
        assert!(found.starts_with(expected), "{found}, not {expected}");
    }
    let mut truncated = deflated(&[("ca.pem", pem("rsa").as_bytes())]);
    truncated.truncate(truncated.len() - 30);
    assert!(error(truncated).starts_with("it is a zip file that cannot be read: "));
}

#[test]
fn content_of_a_zip_file_is_limited() {
    let pem = pem("rsa");
    let zeros = vec![0; archive::MAX_CONTENT + 1];
    let bomb = deflated(&[("ca.pem", pem.as_bytes()), ("zeros", &zeros)]);
    assert!(bomb.len() < 1 << 16);
    assert_eq!(error(bomb), "it is a zip file with more than 4 MiB of content");
    let half = vec![0; archive::MAX_CONTENT / 2 + 1];
    let bomb = deflated(&[("a", half.as_slice()), ("b", half.as_slice())]);
    assert_eq!(error(bomb), "it is a zip file with more than 4 MiB of content");

    let names: Vec<String> = (0..10_000).map(|index| format!("{index}.txt")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let file = zip(&entries, CompressionMethod::Stored);
    assert_eq!(error(file), "it is a zip file with 10000 entries, more than 100");
}

#[test]
fn serial_number_is_formatted_in_decimal() {
    for (bytes, expected) in [
        (vec![], "0"),
        (vec![0], "0"),
        (vec![0x7f], "127"),
        (vec![0, 0x80], "128"),
        (vec![0x80], "-128"),
        (vec![0xff], "-1"),
        (vec![0xff, 0x7f], "-129"),
        (vec![1, 0, 0, 0, 0, 0, 0, 0, 0], "18446744073709551616"),
    ] {
        assert_eq!(decimal(&bytes), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn serial_number_is_formatted_as_i128(number: i128) {
        prop_assert_eq!(decimal(&number.to_be_bytes()), number.to_string());
    }

    /// A changed file is an error or a certificate, and its PEM has the same attributes.
    #[test]
    fn changed_file_never_panics(
        name in prop::sample::select(vec!["rsa", "sm2", "pss", "ec256", "bmp"]),
        is_pem: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut file = if is_pem { pem(name).into_bytes() } else { der(name) };
        for (index, byte) in changes {
            let index = index.index(file.len());
            file[index] = byte;
        }
        for certificate in parse(&file).unwrap_or_default() {
            prop_assert_eq!(parse(certificate.pem().as_bytes()), Ok(vec![certificate]));
        }
    }

    #[test]
    fn any_bytes_never_panic(mut file in prop::collection::vec(any::<u8>(), 0..300), is_zip: bool) {
        if is_zip {
            file.splice(0..0, *b"PK\x03\x04");
        }
        let _ = parse(&file);
    }
}
