//! The certificate authorities of the simulated cloud, made when the first download server starts: RSA and ECDSA for the
//! category `international`, and SM2 for `national`. rcgen has no SM2, so its certificates are written here.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize,
};
use sm2::dsa::SigningKey;
use sm2::dsa::signature::Signer as _;
use sm2::elliptic_curve::sec1::ToSec1Point as _;
use time::OffsetDateTime;
use time::macros::format_description;

use super::tls::CertifiedKey;

/// The identity in an SM2 signature: the default of the standard.
const SM2_ID: &str = "1234567812345678";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The algorithm of the keys of an authority and its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    Rsa,
    Ecdsa,
}

impl KeyAlgorithm {
    fn generate_key(self) -> KeyPair {
        match self {
            Self::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        }
        .expect("generate a key")
    }
}

/// The authorities of the simulated cloud.
pub(super) struct Authorities {
    rsa: CertifiedIssuer<'static, KeyPair>,
    ecdsa: CertifiedIssuer<'static, KeyPair>,
    sm2: Sm2Authority,
}

impl Authorities {
    /// The authorities of all download servers in this process. In a debug build, it takes long to generate their keys.
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<Authorities> = LazyLock::new(Authorities::generate);
        &SHARED
    }

    fn generate() -> Self {
        let issuer = |name: &str, key: KeyPair| {
            let mut params = CertificateParams::new([]).expect("no names");
            params.distinguished_name = distinguished_name(name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            (params.not_before, params.not_after) = validity();
            CertifiedIssuer::self_signed(params, key).expect("sign a CA certificate")
        };
        Self {
            rsa: issuer("Simulated DDS RSA CA", KeyAlgorithm::Rsa.generate_key()),
            ecdsa: issuer("Simulated DDS ECDSA CA", KeyAlgorithm::Ecdsa.generate_key()),
            sm2: Sm2Authority::generate("Simulated DDS SM2 CA"),
        }
    }

    /// The CA certificates of a category, as DER. A region that replaces its CA has more than one.
    pub(super) fn certificates(&self, category: &str) -> Vec<Vec<u8>> {
        match category {
            "national" => vec![self.sm2.certificate.clone()],
            _ => vec![self.rsa.der().to_vec(), self.ecdsa.der().to_vec()],
        }
    }

    /// Issues a certificate of a DDS server. Like the real ones, it is for an address of another network.
    pub(super) fn issue(&self, algorithm: KeyAlgorithm) -> CertifiedKey {
        let issuer = match algorithm {
            KeyAlgorithm::Rsa => &self.rsa,
            KeyAlgorithm::Ecdsa => &self.ecdsa,
        };
        let mut params = CertificateParams::new(["192.0.2.1".to_owned()]).expect("valid names");
        params.distinguished_name = distinguished_name("192.0.2.1");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = validity();
        let key = algorithm.generate_key();
        let certificate = params.signed_by(&key, issuer).expect("sign a certificate");
        CertifiedKey { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Issues a certificate with an SM2 key and signature, as PEM.
    pub(super) fn issue_sm2(&self) -> String {
        let key = generate_sm2_key();
        pem(&self.sm2.sign("192.0.2.1", &key.public_key(), false))
    }
}

/// Encodes a certificate as PEM, with lines of 64 characters.
pub(super) fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<_> = lines.collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn distinguished_name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "CN");
    name.push(DnType::OrganizationName, "Simulated Cloud");
    name.push(DnType::CommonName, common_name);
    name
}

/// From yesterday, for ten years.
fn validity() -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::from(SystemTime::now());
    (now - DAY, now + 3650 * DAY)
}

/// An authority with an SM2 key.
struct Sm2Authority {
    name: &'static str,
    key: sm2::SecretKey,
    certificate: Vec<u8>,
}

impl Sm2Authority {
    fn generate(name: &'static str) -> Self {
        let mut authority = Self { name, key: generate_sm2_key(), certificate: Vec::new() };
        authority.certificate = authority.sign(name, &authority.key.public_key(), true);
        authority
    }

    /// Signs a certificate (RFC 5280, and GB/T 32918.2 for the signature).
    fn sign(&self, subject: &str, key: &sm2::PublicKey, is_ca: bool) -> Vec<u8> {
        let algorithm = sequence(&[&oid(&SM2_WITH_SM3)]);
        let point = key.to_sec1_point(false);
        let key_algorithm = sequence(&[&oid(&EC_PUBLIC_KEY), &oid(&SM2_CURVE)]);
        let public_key = sequence(&[&key_algorithm, &tlv(0x03, &[&[0], point.as_bytes()])]);
        let (not_before, not_after) = validity();
        let mut extensions = Vec::new();
        if is_ca {
            // Basic constraints and key usage (certificate signing), both critical.
            let constraints = tlv(0x04, &[&sequence(&[&TRUE])]);
            extensions.push(sequence(&[&oid(&[0x55, 0x1d, 0x13]), &TRUE, &constraints]));
            extensions.push(sequence(&[&oid(&[0x55, 0x1d, 0x0f]), &TRUE, &tlv(0x04, &[&[0x03, 2, 2, 4]])]));
        } else {
            extensions.push(sequence(&[&oid(&[0x55, 0x1d, 0x13]), &tlv(0x04, &[&sequence(&[])])]));
        }
        let extensions = sequence(&extensions.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let content = sequence(&[
            &tlv(0xa0, &[&[0x02, 1, 2]]),
            &tlv(0x02, &[&random::<8>().map(|byte| byte & 0x7f | 1)]),
            &algorithm,
            &name(self.name),
            &sequence(&[&utc_time(not_before), &utc_time(not_after)]),
            &name(subject),
            &public_key,
            &tlv(0xa3, &[&extensions]),
        ]);
        let signature = SigningKey::new(SM2_ID, &self.key).expect("valid key").sign(&content).to_bytes();
        let (r, s) = signature.split_at(32);
        let signature = sequence(&[&unsigned(r), &unsigned(s)]);
        sequence(&[&content, &algorithm, &tlv(0x03, &[&[0], &signature])])
    }
}

const EC_PUBLIC_KEY: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SM2_CURVE: [u8; 8] = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d];
const SM2_WITH_SM3: [u8; 8] = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75];
const TRUE: [u8; 3] = [0x01, 1, 0xff];

/// A DER element: tag, length and content.
fn tlv(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut element = vec![tag];
    match content.len() {
        0..0x80 => element.push(content.len() as u8),
        _ => {
            element.push(0x80 | length.len() as u8);
            element.extend_from_slice(length);
        }
    }
    element.extend(content);
    element
}

fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, elements)
}

fn oid(encoded: &[u8]) -> Vec<u8> {
    tlv(0x06, &[encoded])
}

/// An integer that is not negative.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
    let bytes = &bytes[zeros..];
    let sign: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    tlv(0x02, &[sign, bytes])
}

/// A distinguished name with country, organization and common name.
fn name(common_name: &str) -> Vec<u8> {
    let attribute = |kind: u8, tag: u8, value: &str| {
        let attribute = sequence(&[&oid(&[0x55, 0x04, kind]), &tlv(tag, &[value.as_bytes()])]);
        tlv(0x31, &[&attribute])
    };
    let (printable, utf8) = (0x13, 0x0c);
    sequence(&[
        &attribute(6, printable, "CN"),
        &attribute(10, utf8, "Simulated Cloud"),
        &attribute(3, utf8, common_name),
    ])
}

fn utc_time(time: OffsetDateTime) -> Vec<u8> {
    let format = format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    tlv(0x17, &[time.format(format).expect("valid format").as_bytes()])
}

fn generate_sm2_key() -> sm2::SecretKey {
    // One of four billion candidates is not a key.
    std::iter::repeat_with(random::<32>)
        .find_map(|bytes| sm2::SecretKey::from_slice(&bytes).ok())
        .expect("a key")
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.secure_random.fill(&mut bytes).expect("random bytes");
    bytes
}
