//! The host's certificate: as go-plugin makes it, P-521, self-signed and marked as a CA.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P521_SHA512,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(super) struct ClientCertificate {
    pub(super) pem: String,
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

/// Who a client says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The host that started the plugin.
    Right,
    /// A client that shows no certificate.
    None,
    /// One that shows another, just like it.
    Other,
    /// One that shows the right certificate and does not have its key.
    RightCertificateOtherKey,
}

impl ClientCertificate {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::OrganizationName, "HashiCorp");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyAgreement,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { pem: certificate.pem(), der: certificate.der().clone(), key: key.serialize_der() }
    }

    /// What a client with this identity shows, and the key that it signs with.
    pub(super) fn shown(
        &self,
        identity: Identity,
    ) -> Option<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let pkcs8 = |key: &[u8]| PrivateKeyDer::Pkcs8(key.to_vec().into());
        match identity {
            Identity::Right => Some((self.der.clone(), pkcs8(&self.key))),
            Identity::None => None,
            Identity::Other => {
                let other = Self::new();
                Some((other.der, pkcs8(&other.key)))
            }
            Identity::RightCertificateOtherKey => Some((self.der.clone(), pkcs8(&Self::new().key))),
        }
    }
}
