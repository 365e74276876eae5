//! Parses files that contain X.509 certificates: PEM, DER, or a zip file with either.
//!
//! The attributes have the names and formats of the data source `tls_certificate` of the provider `hashicorp/tls`, so
//! that both can be compared. Nothing is verified: the purpose of the file is to become a trust root.

mod archive;
mod name;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest;
use base16ct::lower::encode_string as hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use time::OffsetDateTime;
use x509_cert::Certificate as ParsedCertificate;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

/// An X.509 certificate, and its attributes as Go's standard library shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct X509Certificate {
    /// The distinguished name of the subject.
    pub subject: String,
    /// The distinguished name of the issuer.
    pub issuer: String,
    /// The serial number in decimal digits.
    pub serial_number: String,
    /// When the validity begins.
    pub not_before: OffsetDateTime,
    /// When the validity ends.
    pub not_after: OffsetDateTime,
    /// Whether the certificate may issue others.
    pub is_ca: bool,
    /// The algorithm of the key, such as `RSA`, `ECDSA` or `SM2`. An OID if it has no name here.
    pub public_key_algorithm: String,
    /// The algorithm of the signature, such as `SHA256-RSA`, `ECDSA-SHA256` or `SM2-SM3`. An OID if it has no name here.
    pub signature_algorithm: String,
    der: Vec<u8>,
}

/// The reason why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("it is not a certificate")]
    NotACertificate,
    #[error("it contains a private key")]
    PrivateKey,
    #[error("its PEM is damaged: {0}")]
    InvalidPem(&'static str),
    #[error("it contains an invalid certificate: {0}")]
    InvalidCertificate(String),
    #[error("it is a zip file that cannot be read: {0}")]
    InvalidZip(String),
    #[error("it is a zip file without a certificate; it contains {0}")]
    NoCertificateInZip(String),
    #[error("it is a zip file with {count} entries, more than {}", archive::MAX_ENTRIES)]
    TooManyZipEntries { count: usize },
    #[error("it is a zip file with more than {} MiB of content", archive::MAX_CONTENT >> 20)]
    ZipContentTooLarge,
    #[error("the zip entry {name:?} cannot be used: {error}")]
    ZipEntry { name: String, error: Box<CertificateError> },
}

/// Returns the certificates in a file, each of them once. The order is that of the file, and of the names in a zip file.
pub(crate) fn parse(file: &[u8]) -> Result<Vec<X509Certificate>, CertificateError> {
    let mut found = if archive::is_zip(file) { archive::parse(file)? } else { parse_plain(file)? };
    remove_duplicates(&mut found);
    Ok(found)
}

/// Removes each certificate that is equal to an earlier one.
pub(crate) fn remove_duplicates(certificates: &mut Vec<X509Certificate>) {
    let mut seen = std::collections::HashSet::new();
    certificates.retain(|certificate| seen.insert(certificate.der.clone()));
}

/// Parses PEM or DER.
fn parse_plain(file: &[u8]) -> Result<Vec<X509Certificate>, CertificateError> {
    // Looks at the labels, because the PEM parser skips those that it does not know, such as an encrypted key.
    if memchr::memmem::find(file, b"PRIVATE KEY-----").is_some() {
        return Err(CertificateError::PrivateKey);
    }
    let begins = memchr::memmem::find_iter(file, b"-----BEGIN CERTIFICATE-----").count();
    if begins > 0 {
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        let found = CertificateDer::pem_slice_iter(file)
            .map(|der| X509Certificate::from_der(&der.map_err(|error| pem_error(&error))?))
            .collect::<Result<Vec<_>, _>>()?;
        // The PEM parser skips a certificate that does not begin at the start of a line.
        return if found.len() == begins {
            Ok(found)
        } else {
            Err(CertificateError::InvalidPem(INVALID_BEGIN))
        };
    }
    if !is_sequence(file) {
        return Err(CertificateError::NotACertificate);
    }
    // A private key, a PKCS #12 file and others are sequences, too.
    match X509Certificate::from_der(file) {
        Err(_) if !is_signed_structure(file) => Err(CertificateError::NotACertificate),
        result => Ok(vec![result?]),
    }
}

/// Whether the bytes begin like a DER sequence.
fn is_sequence(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, ..])
}

/// Whether the bytes begin like a certificate: a sequence in a sequence.
fn is_signed_structure(bytes: &[u8]) -> bool {
    let content = match bytes {
        [0x30, length, rest @ ..] if *length < 0x80 => rest,
        [0x30, length, rest @ ..] => rest.get(usize::from(length & 0x7f)..).unwrap_or_default(),
        _ => return false,
    };
    is_sequence(content)
}

const INVALID_BEGIN: &str = "a line with BEGIN is invalid";

/// Describes the error without the content of the file.
fn pem_error(error: &pem::Error) -> CertificateError {
    CertificateError::InvalidPem(match error {
        pem::Error::MissingSectionEnd { .. } => "a line with END CERTIFICATE is missing",
        pem::Error::IllegalSectionStart { .. } => INVALID_BEGIN,
        pem::Error::Base64Decode(_) => "the Base64 is invalid or incomplete",
        _ => "the format is invalid",
    })
}

impl X509Certificate {
    /// Parses the DER encoding of one certificate.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let invalid = |error: x509_cert::der::Error| CertificateError::InvalidCertificate(error.to_string());
        let parsed = ParsedCertificate::from_der(der).map_err(invalid)?;
        let certificate = parsed.tbs_certificate();
        let constraints = certificate.get_extension::<BasicConstraints>().map_err(invalid)?;
        let (validity, key) = (certificate.validity(), &certificate.subject_public_key_info().algorithm);
        Ok(Self {
            subject: name::format(certificate.subject()),
            issuer: name::format(certificate.issuer()),
            serial_number: decimal(certificate.serial_number().as_bytes()),
            not_before: date_time(validity.not_before)?,
            not_after: date_time(validity.not_after)?,
            is_ca: constraints.is_some_and(|(_, constraints)| constraints.ca),
            public_key_algorithm: key_algorithm(key),
            signature_algorithm: signature_algorithm(parsed.signature_algorithm()),
            der: der.to_vec(),
        })
    }

    /// Returns the certificate as PEM, with lines of 64 characters.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.der);
        let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem + "-----END CERTIFICATE-----\n"
    }

    /// Returns the SHA-256 fingerprint in hexadecimal digits.
    pub fn sha256_fingerprint(&self) -> String {
        hex(digest::digest(&digest::SHA256, &self.der).as_ref())
    }
}

impl std::fmt::Debug for X509Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "certificate {} of {}", self.serial_number, self.subject)
    }
}

fn date_time(time: Time) -> Result<OffsetDateTime, CertificateError> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.ok_or_else(|| CertificateError::InvalidCertificate("its validity is not a date".to_owned()))
}

/// Formats a big-endian integer in two's complement. A serial number should be positive, but some are not.
fn decimal(bytes: &[u8]) -> String {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if is_negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    // Divides by ten until nothing remains.
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut remainder = 0;
        for byte in &mut magnitude {
            let dividend = remainder << 8 | u16::from(*byte);
            (*byte, remainder) = ((dividend / 10) as u8, dividend % 10);
        }
        digits.push(char::from(b'0' + remainder as u8));
    }
    if digits.is_empty() {
        digits.push('0');
    }
    digits.extend(is_negative.then_some('-'));
    digits.iter().rev().collect()
}

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// The names of key algorithms in Go.
const KEY_ALGORITHMS: [(&str, &str); 4] = [
    ("1.2.840.113549.1.1.1", "RSA"),
    ("1.2.840.10045.2.1", "ECDSA"),
    ("1.3.101.112", "Ed25519"),
    ("1.2.840.10040.4.1", "DSA"),
];

/// The names of signature algorithms in Go, and that of SM2 in the Go libraries that support it.
const SIGNATURE_ALGORITHMS: [(&str, &str); 14] = [
    ("1.2.840.113549.1.1.4", "MD5-RSA"),
    ("1.2.840.113549.1.1.5", "SHA1-RSA"),
    ("1.3.14.3.2.29", "SHA1-RSA"),
    ("1.2.840.113549.1.1.11", "SHA256-RSA"),
    ("1.2.840.113549.1.1.12", "SHA384-RSA"),
    ("1.2.840.113549.1.1.13", "SHA512-RSA"),
    ("1.2.840.10040.4.3", "DSA-SHA1"),
    ("2.16.840.1.101.3.4.3.2", "DSA-SHA256"),
    ("1.2.840.10045.4.1", "ECDSA-SHA1"),
    ("1.2.840.10045.4.3.2", "ECDSA-SHA256"),
    ("1.2.840.10045.4.3.3", "ECDSA-SHA384"),
    ("1.2.840.10045.4.3.4", "ECDSA-SHA512"),
    ("1.3.101.112", "Ed25519"),
    ("1.2.156.10197.1.501", "SM2-SM3"),
];

/// The hash functions of RSA-PSS, which its parameters contain.
const PSS_HASHES: [(&str, &str); 3] = [
    ("2.16.840.1.101.3.4.2.1", "SHA256-RSAPSS"),
    ("2.16.840.1.101.3.4.2.2", "SHA384-RSAPSS"),
    ("2.16.840.1.101.3.4.2.3", "SHA512-RSAPSS"),
];

fn key_algorithm(algorithm: &AlgorithmIdentifierOwned) -> String {
    let curve = algorithm.parameters.as_ref().and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
    if algorithm.oid == EC_PUBLIC_KEY && curve == Some(SM2_CURVE) {
        return "SM2".to_owned();
    }
    name_of(&algorithm.oid, &KEY_ALGORITHMS)
}

fn signature_algorithm(algorithm: &AlgorithmIdentifierOwned) -> String {
    if algorithm.oid != RSA_PSS {
        return name_of(&algorithm.oid, &SIGNATURE_ALGORITHMS);
    }
    let parameters = algorithm.parameters.as_ref().and_then(|parameters| parameters.to_der().ok());
    let parameters = parameters.unwrap_or_default();
    let uses = |oid: &str| {
        let hash = ObjectIdentifier::new(oid).ok().and_then(|oid| oid.to_der().ok());
        hash.is_some_and(|hash| memchr::memmem::find(&parameters, &hash).is_some())
    };
    let found = PSS_HASHES.iter().find(|(oid, _)| uses(oid));
    found.map_or(algorithm.oid.to_string(), |(_, name)| (*name).to_owned())
}

fn name_of(oid: &ObjectIdentifier, names: &[(&str, &str)]) -> String {
    let oid = oid.to_string();
    let found = names.iter().find(|(known, _)| *known == oid);
    found.map_or_else(|| oid.clone(), |(_, name)| (*name).to_owned())
}
