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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_one_that_a_web_verifier_would_refuse() {
        let certificate = ClientCertificate::new();
        let has = |part: &[u8]| certificate.der.windows(part.len()).any(|window| window == part);
        // The object identifier of the curve P-521; basic constraints, critical, with CA set.
        assert!(has(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]));
        assert!(has(&[0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff]));
        assert!(has(b"HashiCorp") && has(b"localhost"));
    }

    #[test]
    fn identities_differ_in_what_they_lack() {
        let certificate = ClientCertificate::new();
        let (right, key) = certificate.shown(Identity::Right).unwrap();
        let (same, stolen) = certificate.shown(Identity::RightCertificateOtherKey).unwrap();
        assert_eq!(right, same);
        assert_ne!(key.secret_der(), stolen.secret_der());
        assert_ne!(certificate.shown(Identity::Other).unwrap().0, right);
        assert!(certificate.shown(Identity::None).is_none());
    }
}
