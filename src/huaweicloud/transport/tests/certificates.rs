//! Servers whose certificates are not right.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What comes of a request to `localhost`, where a certificate for these names and years is shown.
async fn failure(names: &[&str], years: (i32, i32)) -> TransportError {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 2), date_time_ymd(years.1, 3, 4));
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(config)).accept(stream).await.err()
    });
    let tls = Tls::default().trusting(&authority.pem()).unwrap();
    let transport = Transport::new(tls, 0, Duration::from_secs(30));
    let failure = transport.send(request(&format!("https://localhost:{port}/"))).await.err().unwrap();
    assert!(server.await.unwrap().is_some(), "the handshake failed");
    failure
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_told_apart() {
    match failure(&["localhost"], (2019, 2020)).await {
        TransportError::Expired { cause } => {
            assert!(cause.starts_with("at 2020-03-04T00:00:00Z; this machine's clock says 20"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
    match failure(&["localhost"], (2190, 2191)).await {
        TransportError::NotYetValid { cause } => {
            assert!(
                cause.starts_with("before 2190-01-02T00:00:00Z; this machine's clock says 20"),
                "{cause}"
            );
        }
        other => panic!("{other:?}"),
    }
    match failure(&["a.example", "*.b.example", "192.0.2.1"], (2019, 2190)).await {
        TransportError::WrongName { cause } => {
            assert_eq!(cause, "a.example, *.b.example, 192.0.2.1, not localhost")
        }
        other => panic!("{other:?}"),
    }
    let many: Vec<String> = (0..30).map(|number| format!("h{number}.example")).collect();
    match failure(&many.iter().map(String::as_str).collect::<Vec<_>>(), (2019, 2190)).await {
        TransportError::WrongName { cause } => {
            assert!(cause.ends_with("h9.example, 20 more, not localhost"), "{cause}")
        }
        other => panic!("{other:?}"),
    }
}
