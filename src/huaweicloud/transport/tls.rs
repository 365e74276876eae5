//! TLS settings of connections to the cloud, parsed from PEM.

use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use crate::system::secret::SecretString;

/// The reason why a client certificate and its key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// The PEM contains no valid certificate.
    Certificate,
    /// The PEM contains no valid private key.
    Key,
    /// The key belongs to another certificate.
    Mismatch,
}

/// The trusted certificates and the client certificate.
#[derive(Clone, Default)]
pub struct Tls {
    insecure: bool,
    /// Additional CA certificates.
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
    /// The key of the identity. It is redacted in messages while this value exists.
    _key: Option<SecretString>,
}

impl Tls {
    /// Returns the default settings. With `insecure`, every certificate is trusted.
    pub fn new(insecure: bool) -> Self {
        Self { insecure, ..Self::default() }
    }

    /// Whether every certificate is trusted.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Trusts additional CA certificates. Returns `None` if the PEM contains no certificate or an invalid one.
    #[must_use]
    pub fn with_ca_certificates(mut self, pem: &str) -> Option<Self> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            store.add(certificate.ok()?).ok()?;
        }
        self.authorities =
            Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|found| !found.is_empty())?;
        Some(self)
    }

    /// Sets the client certificate, for servers that request one.
    pub fn with_client_certificate(mut self, certificate: &str, key: &str) -> Result<Self, IdentityError> {
        self._key = Some(SecretString::from(key));
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::Certificate)?;
        let first = chain.first().ok_or(IdentityError::Certificate)?;
        rustls::server::ParsedCertificate::try_from(first).map_err(|_| IdentityError::Certificate)?;
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| IdentityError::Key)?;
        // Without this check, reqwest would report an error of the certificate store at the first request.
        match CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()) {
            Ok(_) => {}
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(IdentityError::Mismatch);
            }
            Err(_) => return Err(IdentityError::Key),
        }
        let pem = format!("{certificate}\n{key}");
        self.identity = Some(Identity::from_pem(pem.as_bytes()).map_err(|_| IdentityError::Key)?);
        Ok(self)
    }

    /// Returns the settings without the client certificate.
    #[must_use]
    pub(super) fn without_client_certificate(self) -> Self {
        Self { identity: None, ..self }
    }

    pub(super) fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        let builder = builder.tls_danger_accept_invalid_certs(self.insecure);
        let builder = match self.authorities.as_slice() {
            [] => builder,
            authorities => builder.tls_certs_merge(authorities.iter().cloned()),
        };
        match &self.identity {
            None => builder,
            Some(identity) => builder.identity(identity.clone()),
        }
    }
}
