//! What TLS to the cloud trusts, and shows, beyond the usual. Made from PEM texts; the caller reads the files.

use reqwest::{Certificate, ClientBuilder, Identity};

use crate::secret::SecretString;

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

    /// Trusts these authorities, too. `None` if the text has no certificate.
    #[must_use]
    pub fn trusting(mut self, pem: &str) -> Option<Self> {
        self.authorities =
            Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|found| !found.is_empty())?;
        Some(self)
    }

    /// Shows this certificate to a server that asks for one. `None` if the texts are not a certificate and its key.
    #[must_use]
    pub fn showing(mut self, certificate: &str, key: &str) -> Option<Self> {
        self._key = Some(SecretString::from(key));
        self.identity = Some(Identity::from_pem(format!("{certificate}\n{key}").as_bytes()).ok()?);
        Some(self)
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
