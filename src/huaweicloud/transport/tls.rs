//! What TLS to the cloud trusts, and shows, beyond the usual. Made from PEM texts; the caller reads the files.

use reqwest::{Certificate, ClientBuilder, Identity};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use crate::system::secret::SecretString;

/// Why a certificate cannot be shown with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// The text holds no certificate that can be used.
    Certificate,
    /// The text holds no private key that can be used.
    Key,
    /// The key is that of another certificate.
    Mismatch,
}

#[derive(Clone, Default)]
pub struct Tls {
    insecure: bool,
    /// Beside the system's own.
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
    /// That of the identity, so that it stays known.
    _key: Option<SecretString>,
}

impl Tls {
    /// `insecure` trusts any certificate.
    pub fn new(insecure: bool) -> Self {
        Self { insecure, ..Self::default() }
    }

    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Trusts these authorities, too. `None` if the text has no certificate, or one that cannot be trusted.
    #[must_use]
    pub fn trusting(mut self, pem: &str) -> Option<Self> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            store.add(certificate.ok()?).ok()?;
        }
        self.authorities =
            Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|found| !found.is_empty())?;
        Some(self)
    }

    /// Shows this certificate to a server that asks for one.
    pub fn showing(mut self, certificate: &str, key: &str) -> Result<Self, IdentityError> {
        self._key = Some(SecretString::from(key));
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::Certificate)?;
        let first = chain.first().ok_or(IdentityError::Certificate)?;
        rustls::server::ParsedCertificate::try_from(first).map_err(|_| IdentityError::Certificate)?;
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| IdentityError::Key)?;
        // The client would find this out at its first request, and say that it has no certificate store.
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
