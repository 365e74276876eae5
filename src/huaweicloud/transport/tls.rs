//! TLS settings of connections to the cloud, made from PEM texts.

use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use crate::system::secret::SecretString;

/// Why a client certificate and its key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// The text contains no valid certificate.
    Certificate,
    /// The text contains no valid private key.
    Key,
    /// The key belongs to another certificate.
    Mismatch,
}

/// Which servers are trusted, and the client certificate.
#[derive(Clone, Default)]
pub struct Tls {
    insecure: bool,
    /// In addition to those of the system.
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
    /// The key of the identity. While this exists, it is redacted in messages.
    _key: Option<SecretString>,
}

impl Tls {
    /// The default settings. With `insecure` any certificate is trusted.
    pub fn new(insecure: bool) -> Self {
        Self { insecure, ..Self::default() }
    }

    /// Whether any certificate is trusted.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Also trusts these authorities. None if the text contains no certificate, or an invalid one.
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

    /// Shows this certificate to servers that request one.
    pub fn with_client_certificate(mut self, certificate: &str, key: &str) -> Result<Self, IdentityError> {
        self._key = Some(SecretString::from(key));
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::Certificate)?;
        let first = chain.first().ok_or(IdentityError::Certificate)?;
        rustls::server::ParsedCertificate::try_from(first).map_err(|_| IdentityError::Certificate)?;
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| IdentityError::Key)?;
        // The HTTP client would report this at its first request, as an error of the certificate store.
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
