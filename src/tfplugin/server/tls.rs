//! TLS between the host and us ("AutoMTLS"): our own throw-away certificate, and exactly one accepted client.
//!
//! The host sends its certificate through the environment and reads ours from the handshake line. The client's
//! certificate is a self-signed P-521 one that is marked as a CA (go-plugin's `mtls.go`), which rustls's web PKI
//! verifier refuses as an end-entity; so the verifier here asks for byte equality instead of a chain, and leaves
//! the proof of possession to rustls's own signature checks. aws-lc-rs is needed for P-521: ring has none.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the host's certificate in PLUGIN_CLIENT_CERT is not readable")]
    ClientCertificate(#[source] pem::Error),
    #[error("no server certificate could be made")]
    ServerCertificate(#[source] rcgen::Error),
    #[error("no TLS configuration could be made")]
    Configuration(#[source] rustls::Error),
}

/// The server's side of the channel, and the certificate to announce.
pub(super) fn configure(client_certificate: &str) -> Result<(ServerConfig, CertificateDer<'static>), Error> {
    let client =
        CertificateDer::from_pem_slice(client_certificate.as_bytes()).map_err(Error::ClientCertificate)?;
    let (certificate, key) = identity().map_err(Error::ServerCertificate)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Pinned { client, provider: provider.clone() });
    // TLS 1.2 too, and the extended master secret is not required: Go had no TLS 1.3 before 1.13, nor that before 1.21.
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_client_cert_verifier(verifier))
        .and_then(|builder| builder.with_single_cert(vec![certificate.clone()], key))
        .map_err(Error::Configuration)?;
    // grpc-go 1.67 and later give up on a server that does not choose h2.
    config.alpn_protocols = vec![b"h2".to_vec()];
    // One connection in a process's life: nothing to resume, and no way round the client's certificate.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok((config, certificate))
}

/// P-256: the one kind that every host accepts, down to those built with Go 1.12. The name is what hosts verify.
fn identity() -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
    Ok((certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into())))
}

/// Accepts one certificate, byte for byte.
#[derive(Debug)]
struct Pinned {
    client: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if *end_entity == self.client {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
