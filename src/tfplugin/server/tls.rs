//! Mutual TLS between the host and the provider process ("AutoMTLS" in go-plugin).
//!
//! The host passes its certificate in an environment variable and reads the server certificate from the handshake line.
//!
//! The client certificate of go-plugin (`mtls.go`) is self-signed, uses P-521 and is marked as a CA. The WebPKI verifier
//! of rustls rejects it as an end-entity certificate, so this verifier compares the bytes. rustls verifies the
//! signature. The crypto provider is aws-lc-rs, because ring does not support P-521.

use std::sync::Arc;

use ::aws_lc_rs::error::Unspecified;
use ::aws_lc_rs::rand::SystemRandom;
use ::aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureAlgorithm,
    SignatureScheme,
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the certificate in PLUGIN_CLIENT_CERT is invalid")]
    ClientCertificate(#[source] pem::Error),
    #[error("the server certificate could not be created")]
    ServerCertificate(#[source] rcgen::Error),
    #[error("the TLS configuration is invalid")]
    Configuration(#[source] rustls::Error),
}

/// The TLS configuration of the server, and the server certificate for the handshake line.
pub(super) fn server_config(
    client_certificate: &str,
) -> Result<(ServerConfig, CertificateDer<'static>), Error> {
    let client =
        CertificateDer::from_pem_slice(client_certificate.as_bytes()).map_err(Error::ClientCertificate)?;
    let (certificate, key) = generate_certificate().map_err(Error::ServerCertificate)?;
    let server = CertifiedKey::new(vec![certificate.clone()], Arc::new(key));
    let crypto_provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(PinnedClientVerifier { client, crypto_provider: crypto_provider.clone() });
    // Go has TLS 1.3 since 1.13 and the extended master secret since 1.21. So TLS 1.2 without it is accepted too.
    let mut config = ServerConfig::builder_with_provider(crypto_provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Configuration)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(server)));
    // grpc-go 1.67 and later require ALPN.
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A host opens one connection, so resumption is not needed. Without it, each connection needs the certificate.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok((config, certificate))
}

/// Creates a self-signed P-256 certificate, which all hosts accept. They verify the name `localhost`.
fn generate_certificate() -> Result<(CertificateDer<'static>, ServerKey), rcgen::Error> {
    let key = ServerKey::generate().map_err(|_| rcgen::Error::RingUnspecified)?;
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
    Ok((certificate.der().clone(), key))
}

/// The private key of the server certificate.
///
/// rcgen and rustls would each parse an encoded key. Each parsing checks the key, which takes as long as to generate it.
#[derive(Clone, Debug)]
struct ServerKey(Arc<EcdsaKeyPair>);

impl ServerKey {
    fn generate() -> Result<Self, Unspecified> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Arc::new).map(Self)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        self.0.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec())
    }
}

impl rcgen::PublicKeyData for ServerKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for ServerKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signature(message).map_err(|_| rcgen::Error::RingUnspecified)
    }
}

impl SigningKey for ServerKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&self.scheme()).then(|| -> Box<dyn Signer> { Box::new(self.clone()) })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for ServerKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.signature(message).map_err(|_| rustls::Error::General("the signature failed".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// Accepts one client certificate only. The bytes must be equal.
#[derive(Debug)]
struct PinnedClientVerifier {
    client: CertificateDer<'static>,
    crypto_provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for PinnedClientVerifier {
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
        let algorithms = &self.crypto_provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.crypto_provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto_provider.signature_verification_algorithms.supported_schemes()
    }
}
