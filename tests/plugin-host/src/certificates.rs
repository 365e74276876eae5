//! The server certificate of the plugin, and the client certificate of the host.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P521_SHA512,
};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The fields of a server certificate that hosts check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificate {
    /// Key type, such as `ECDSA P-256` or `RSA 2048`.
    pub key_type: String,
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
    /// Subject alternative names. Hosts expect `localhost`.
    pub names: Vec<String>,
}

impl ServerCertificate {
    pub fn parse(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
        let names = names.map(|names| names.value.general_names.iter().map(name).collect());
        let validity = certificate.validity();
        Ok(Self {
            key_type: key_type(&certificate),
            not_before: validity.not_before.to_datetime(),
            not_after: validity.not_after.to_datetime(),
            names: names.unwrap_or_default(),
        })
    }
}

fn key_type(certificate: &X509Certificate<'_>) -> String {
    let key = certificate.public_key();
    if let Ok(PublicKey::RSA(key)) = key.parsed() {
        return format!("RSA {}", key.key_size());
    }
    let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let object_id = curve.unwrap_or_else(|| key.algorithm.algorithm.clone()).to_id_string();
    match object_id.as_str() {
        "1.2.840.10045.3.1.7" => "ECDSA P-256".to_owned(),
        "1.3.132.0.34" => "ECDSA P-384".to_owned(),
        "1.3.132.0.35" => "ECDSA P-521".to_owned(),
        "1.3.101.112" => "Ed25519".to_owned(),
        _ => format!("unknown key type {object_id}"),
    }
}

fn name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(four), _) => IpAddr::from(four).to_string(),
            (_, Ok(six)) => IpAddr::from(six).to_string(),
            _ => format!("{bytes:?}"),
        },
        other => format!("{other:?}"),
    }
}

/// The client certificate of a host, as go-plugin creates it: P-521, self-signed and marked as a CA.
pub(super) struct ClientCertificate {
    pub(super) pem: String,
    der: CertificateDer<'static>,
    /// Parsed before the plugin is started, because that takes as long as a part of the TLS handshake.
    key: Arc<dyn SigningKey>,
}

/// The certificate and key that a client authenticates with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientIdentity {
    /// The certificate of the host that started the plugin.
    Expected,
    /// No certificate.
    NoCertificate,
    /// Another certificate of the same kind.
    OtherCertificate,
    /// The expected certificate with a private key that does not match.
    OtherPrivateKey,
}

impl ClientCertificate {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).expect("generate a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("valid name");
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
        let certificate = params.self_signed(&key).expect("sign a certificate");
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = any_supported_type(&key).expect("a P-521 key");
        Self { pem: certificate.pem(), der: certificate.der().clone(), key }
    }

    /// Returns the certificate and the private key for this identity.
    pub(super) fn credentials(
        &self,
        identity: ClientIdentity,
    ) -> Option<(CertificateDer<'static>, Arc<dyn SigningKey>)> {
        match identity {
            ClientIdentity::Expected => Some((self.der.clone(), self.key.clone())),
            ClientIdentity::NoCertificate => None,
            ClientIdentity::OtherCertificate => {
                let other = Self::new();
                Some((other.der, other.key))
            }
            ClientIdentity::OtherPrivateKey => Some((self.der.clone(), Self::new().key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{SignatureAlgorithm, date_time_ymd};

    use super::*;

    fn certificate(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2020, 1, 2);
        params.not_after = date_time_ymd(2060, 3, 4);
        params.self_signed(&KeyPair::generate_for(algorithm).unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn key_types_are_named() {
        for (algorithm, key_type) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, "ECDSA P-256"),
            (&rcgen::PKCS_ECDSA_P384_SHA384, "ECDSA P-384"),
            (&rcgen::PKCS_ECDSA_P521_SHA512, "ECDSA P-521"),
            (&rcgen::PKCS_ED25519, "Ed25519"),
            (&rcgen::PKCS_RSA_SHA256, "RSA 2048"),
        ] {
            assert_eq!(ServerCertificate::parse(&certificate(algorithm)).unwrap().key_type, key_type);
        }
    }

    #[test]
    fn names_and_validity_are_parsed() {
        let parsed = ServerCertificate::parse(&certificate(&rcgen::PKCS_ED25519)).unwrap();
        assert_eq!(parsed.names, ["localhost", "127.0.0.1"]);
        assert_eq!((parsed.not_before.year(), parsed.not_after.year()), (2020, 2060));
        assert!(ServerCertificate::parse(b"no certificate").is_err());
    }

    #[test]
    fn client_certificate_is_a_p521_ca_like_in_go_plugin() {
        let certificate = ClientCertificate::new();
        let contains = |bytes: &[u8]| certificate.der.windows(bytes.len()).any(|window| window == bytes);
        // The object identifier of P-521, and the critical basic constraints with CA set.
        assert!(contains(&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]));
        assert!(contains(&[0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff]));
        assert!(contains(b"HashiCorp") && contains(b"localhost"));
    }

    #[test]
    fn identities_differ_in_certificate_or_key() {
        let certificate = ClientCertificate::new();
        let (expected, key) = certificate.credentials(ClientIdentity::Expected).unwrap();
        let (same, other_key) = certificate.credentials(ClientIdentity::OtherPrivateKey).unwrap();
        assert_eq!(expected, same);
        assert_ne!(key.public_key().unwrap().as_ref(), other_key.public_key().unwrap().as_ref());
        assert_ne!(certificate.credentials(ClientIdentity::OtherCertificate).unwrap().0, expected);
        assert!(certificate.credentials(ClientIdentity::NoCertificate).is_none());
    }
}
