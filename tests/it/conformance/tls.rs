//! Mutual TLS: exactly one client is accepted.

use std::sync::Arc;
use std::time::SystemTime;

use plugin_host::{ClientIdentity, TlsVersions, connect, connect_socket, connect_tls};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::process::{DEADLINE, connect_as_host, start};

#[tokio::test]
async fn c12_p_521_client_certificate_is_accepted_with_tls_1_3() {
    for process in start_both().await {
        let stream = connect_tls(&process, ClientIdentity::Expected, TlsVersions::All).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        let certificates = session.peer_certificates().unwrap();
        assert_eq!(certificates.len(), 1);
        assert_eq!(Some(certificates[0].to_vec()), process.handshake.certificate);
        connect(&process, ClientIdentity::Expected, TlsVersions::Tls13).await.expect("a connection");
    }
}

#[tokio::test]
async fn c13_client_with_only_tls_1_2_is_accepted() {
    for process in start_both().await {
        let stream = connect_tls(&process, ClientIdentity::Expected, TlsVersions::Tls12).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
        connect(&process, ClientIdentity::Expected, TlsVersions::Tls12).await.expect("a connection");
    }
}

#[tokio::test]
async fn c14_http_2_is_negotiated_in_both_tls_versions() {
    for process in start_both().await {
        for tls in [TlsVersions::Tls12, TlsVersions::Tls13] {
            let stream = connect_tls(&process, ClientIdentity::Expected, tls).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "{tls:?}");
        }
    }
}

/// Asserts that the provider rejects this client, and still accepts the host.
async fn assert_rejected(identity: ClientIdentity) {
    for process in start_both().await {
        for tls in [TlsVersions::Tls12, TlsVersions::Tls13] {
            let error = connect(&process, identity, tls).await.err();
            assert!(error.is_some(), "{identity:?} was accepted with {tls:?}");
        }
        connect_as_host(&process).await;
    }
}

#[tokio::test]
async fn c15_client_without_certificate_is_rejected() {
    assert_rejected(ClientIdentity::NoCertificate).await;
}

#[tokio::test]
async fn c16_client_with_another_certificate_is_rejected() {
    assert_rejected(ClientIdentity::OtherCertificate).await;
}

#[tokio::test]
async fn c17_client_with_the_certificate_but_another_key_is_rejected() {
    assert_rejected(ClientIdentity::OtherPrivateKey).await;
}

#[tokio::test]
async fn c18_without_client_certificate_the_channel_has_no_tls() {
    for version in PROTOCOL_VERSIONS {
        let process = start(plugin_command(version).without_tls()).await;
        assert_eq!(process.handshake.certificate, None);
        assert!(connect_as_host(&process).await.schema().await.is_ok());
    }
}

#[tokio::test]
async fn client_with_only_p_256_and_tls_1_3_is_accepted() {
    for process in start_both().await {
        let stream = connect_tls(&process, ClientIdentity::Expected, TlsVersions::Fips).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        let group = session.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::secp256r1);
        let connection =
            connect(&process, ClientIdentity::Expected, TlsVersions::Fips).await.expect("a connection");
        connection.schema().await.unwrap();
    }
}

/// The certificate in the handshake line.
async fn certificate(version: &str) -> Vec<u8> {
    start(plugin_command(version)).await.handshake.certificate.clone().expect("a certificate")
}

/// Verifies the certificate as Core does, with the certificate itself as the only authority. Checks the name, the time, the
/// signature and the key usage.
fn verify(der: &[u8], name: &'static str, now: SystemTime) -> Result<(), String> {
    let certificate = CertificateDer::from(der.to_vec());
    let mut authorities = RootCertStore::empty();
    authorities.add(certificate.clone()).map_err(|error| error.to_string())?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), provider);
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let verified = verifier.build().unwrap().verify_server_cert(
        &certificate,
        &[],
        &ServerName::try_from(name).unwrap(),
        &[],
        now,
    );
    verified.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn c10_sixth_field_is_one_der_certificate() {
    for version in PROTOCOL_VERSIONS {
        let der = certificate(version).await;
        // Core ignores a field of at most 50 characters.
        assert!(der.len() > 100, "{}", der.len());
        // A sequence with a length of two bytes, which is the length of the rest.
        assert_eq!(der[..2], [0x30, 0x82]);
        assert_eq!(usize::from(u16::from_be_bytes([der[2], der[3]])), der.len() - 4);
        let certificate = CertificateDer::from(der);
        rustls::server::ParsedCertificate::try_from(&certificate).expect("a certificate");
    }
}

#[tokio::test]
async fn c11_certificate_is_a_valid_p_256_certificate_for_localhost() {
    const P_256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let day = Duration::from_secs(24 * 3600);
    #[expect(clippy::disallowed_methods, reason = "the certificate must be valid at the real time")]
    let now = SystemTime::now();
    for version in PROTOCOL_VERSIONS {
        let der = certificate(version).await;
        for time in [now - day, now, now + day] {
            verify(&der, "localhost", time).unwrap();
        }
        assert!(verify(&der, "unused", now).is_err());
        assert!(der.windows(P_256.len()).any(|window| window == P_256));
    }
}

#[tokio::test]
async fn c11_every_process_has_its_own_key() {
    assert_ne!(certificate("6").await, certificate("6").await);
}

const TLS_1_2: [u8; 2] = [3, 3];
const ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: [u8; 2] = [0xc0, 0x2b];
const EXTENDED_MASTER_SECRET: u16 = 23;

/// The bytes after their length in two bytes.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], bytes].concat()
}

/// A TLS extension.
fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &with_length(content)].concat()
}

/// The ClientHello of Go 1.12 with one cipher suite. It offers X25519 and P-256, and signatures with P-521.
fn client_hello() -> Vec<u8> {
    let extensions = [
        extension(0, &with_length(&[&[0][..], &with_length(b"localhost")].concat())),
        extension(10, &with_length(&[0, 29, 0, 23, 0, 24, 0, 25])),
        extension(11, &[1, 0]),
        extension(13, &with_length(&[4, 3, 5, 3, 6, 3])),
        extension(16, &with_length(b"\x02h2")),
        extension(0xff01, &[0]),
    ];
    let body = [
        &TLS_1_2[..],
        &[7; 32],
        &[0],
        &with_length(&ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        &[1, 0],
        &with_length(&extensions.concat()),
    ]
    .concat();
    let handshake = [&[1, 0][..], &with_length(&body)].concat();
    [&[22, 3, 1][..], &with_length(&handshake)].concat()
}

/// The types and contents of the first handshake messages of the server.
async fn first_flight(process: &Process) -> Vec<(u8, Vec<u8>)> {
    let mut stream = connect_socket(process).await.unwrap();
    stream.write_all(&client_hello()).await.unwrap();
    let (mut bytes, mut messages) = (Vec::new(), Vec::new());
    while messages.last().is_none_or(|(kind, _)| *kind != 14) {
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut record).await.unwrap();
        assert_eq!(head[0], 22, "not a handshake message: {record:?}");
        bytes.extend(record);
        while let [kind, _, high, low, rest @ ..] = &bytes[..] {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if rest.len() < length {
                break;
            }
            messages.push((*kind, rest[..length].to_vec()));
            bytes.drain(..4 + length);
        }
    }
    messages
}

#[tokio::test]
async fn c13_tls_1_2_works_without_the_extended_master_secret() {
    let process = start(plugin_command("5")).await;
    let messages = tokio::time::timeout(DEADLINE, first_flight(&process)).await.expect("a response");
    // ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone.
    assert_eq!(messages.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [2, 11, 12, 13, 14]);

    let hello = &messages[0].1;
    assert_eq!(hello[..2], TLS_1_2);
    let rest = &hello[35 + usize::from(hello[34])..];
    assert_eq!(rest[..2], ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    let (mut extensions, mut numbers) = (&rest[5..], Vec::new());
    while let [a, b, c, d, after @ ..] = extensions {
        numbers.push(u16::from_be_bytes([*a, *b]));
        extensions = &after[usize::from(u16::from_be_bytes([*c, *d]))..];
    }
    assert!(!numbers.contains(&EXTENDED_MASTER_SECRET) && numbers.contains(&16), "{numbers:?}");

    assert!(messages[1].1.ends_with(process.handshake.certificate.as_deref().unwrap()));
    // A Go client sends its certificate only if the request contains ecdsa_secp521r1_sha512.
    let request = &messages[3].1;
    let schemes = &request[1 + usize::from(request[0])..];
    assert!(schemes[2..].chunks(2).any(|scheme| scheme == [6, 3]), "{schemes:?}");
}
