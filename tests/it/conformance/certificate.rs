//! The certificate that the line announces, as core verifies it.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;
use crate::process::start;

async fn announced(offered: &str) -> Vec<u8> {
    start(launch(offered)).await.handshake.certificate.clone().expect("a certificate")
}

/// Whether core would trust it: its only authority is the certificate itself. Looks at the name, the time, the signature
/// and what the key is for.
fn is_trusted(der: &[u8], name: &'static str, now: SystemTime) -> Result<(), String> {
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
async fn c10_the_last_field_is_one_certificate_in_der_and_nothing_else() {
    for offered in BOTH {
        let der = announced(offered).await;
        // Core takes a field of up to 50 characters for no certificate.
        assert!(der.len() > 100, "{}", der.len());
        // A sequence with a length of two bytes that is the length of all the rest.
        assert_eq!(der[..2], [0x30, 0x82]);
        assert_eq!(usize::from(u16::from_be_bytes([der[2], der[3]])), der.len() - 4);
        let certificate = CertificateDer::from(der);
        rustls::server::ParsedCertificate::try_from(&certificate).expect("a certificate");
    }
}

#[tokio::test]
async fn c11_the_certificate_is_for_localhost_good_now_for_servers_and_on_p_256() {
    const P_256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let day = Duration::from_secs(24 * 3600);
    #[expect(clippy::disallowed_methods, reason = "it has to be good at the real time")]
    let now = SystemTime::now();
    for offered in BOTH {
        let der = announced(offered).await;
        for time in [now - day, now, now + day] {
            is_trusted(&der, "localhost", time).unwrap();
        }
        assert!(is_trusted(&der, "unused", now).is_err());
        assert!(der.windows(P_256.len()).any(|window| window == P_256));
    }
}

#[tokio::test]
async fn c11_every_process_has_a_key_of_its_own() {
    assert_ne!(announced("6").await, announced("6").await);
}
