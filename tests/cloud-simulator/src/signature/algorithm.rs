//! The four signing algorithms of the gateway.

use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Verifier as _;
use p256::elliptic_curve::{CurveArithmetic, Field as _, FieldBytes, NonZeroScalar, PrimeField as _};
use p256::{NistP256, PublicKey, ecdsa};
use sha2::{Digest as _, Sha256};
use sm2::{Sm2, dsa};
use sm3::Sm3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    HmacSha256,
    HmacSm3,
    EcdsaP256Sha256,
    Sm2Sm3,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 4] = [Self::HmacSha256, Self::HmacSm3, Self::EcdsaP256Sha256, Self::Sm2Sm3];

    /// The scheme in the `Authorization` header.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::HmacSha256 => "SDK-HMAC-SHA256",
            Self::HmacSm3 => "SDK-HMAC-SM3",
            Self::EcdsaP256Sha256 => "SDK-ECDSA-P256-SHA256",
            Self::Sm2Sm3 => "SDK-SM2-SM3",
        }
    }

    /// The header with the payload hash, if the client does not sign the body.
    pub(super) fn payload_header(self) -> &'static str {
        if self.uses_sm3() { "x-sdk-content-sm3" } else { "x-sdk-content-sha256" }
    }

    /// The digest in hexadecimal.
    pub(crate) fn digest(self, data: &[u8]) -> String {
        if self.uses_sm3() { hex(&Sm3::digest(data)) } else { hex(&Sha256::digest(data)) }
    }

    pub(super) fn hmac(self, key: &[u8], data: &[u8]) -> [u8; 32] {
        if self.uses_sm3() {
            let mac = Hmac::<Sm3>::new_from_slice(key).expect("any key length");
            mac.chain_update(data).finalize().into_bytes().into()
        } else {
            let mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
            mac.chain_update(data).finalize().into_bytes().into()
        }
    }

    pub(super) fn string_to_sign(self, date: &str, canonical: &str) -> String {
        format!("{}\n{date}\n{}", self.label(), self.digest(canonical.as_bytes()))
    }

    /// Whether the hexadecimal signature of the text is valid for this access key.
    pub(super) fn verifies(self, id: &str, secret: &str, text: &str, signature: &str) -> bool {
        match self {
            Self::HmacSha256 | Self::HmacSm3 => {
                hex(&self.hmac(secret.as_bytes(), text.as_bytes())) == signature
            }
            Self::EcdsaP256Sha256 | Self::Sm2Sm3 => decode_hex(signature).is_some_and(|signature| {
                verifies(self, SigningKey { id, secret }, text.as_bytes(), &signature)
            }),
        }
    }

    /// Whether the hash function is SM3, the Chinese national standard.
    fn uses_sm3(self) -> bool {
        matches!(self, Self::HmacSm3 | Self::Sm2Sm3)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Decodes hexadecimal digits in lower case, as clients send them.
fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(pair).collect::<Option<Vec<u8>>>().filter(|bytes| hex(bytes) == text)
}

/// The default user ID in SM2 signatures.
pub(super) const SM2_USER_ID: &str = "1234567812345678";

/// The access key that a signature is made with.
#[derive(Clone, Copy)]
pub(super) struct SigningKey<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
}

/// Verifies an ECDSA or SM2 signature in ASN.1 DER.
pub(super) fn verifies(algorithm: Algorithm, key: SigningKey<'_>, text: &[u8], signature: &[u8]) -> bool {
    if algorithm == Algorithm::Sm2Sm3 {
        let public = sm2::PublicKey::from_secret_scalar(&private_key::<Sm2>(algorithm, key));
        let key = dsa::VerifyingKey::new(SM2_USER_ID, public).expect("valid user ID");
        dsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    } else {
        let public = PublicKey::from_secret_scalar(&private_key::<NistP256>(algorithm, key));
        let key = ecdsa::VerifyingKey::from(public);
        ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    }
}

/// Derives the private key from the access key: the first of 256 candidates that is valid for the curve.
pub(super) fn private_key<C: CurveArithmetic>(algorithm: Algorithm, key: SigningKey<'_>) -> NonZeroScalar<C> {
    let label = algorithm.label();
    let candidates = (0..=u8::MAX).map(|counter| {
        let mut data = vec![0, 0, 0, 1];
        data.extend_from_slice(label.as_bytes());
        data.push(0);
        data.extend_from_slice(key.id.as_bytes());
        data.extend_from_slice(&[counter, 0, 0, 1, 0]);
        algorithm.hmac(key.secret.as_bytes(), &data)
    });
    candidates.filter_map(|candidate| private_scalar::<C>(&candidate)).next().expect("a valid candidate")
}

/// The candidate plus one. None if the candidate is out of range or the sum is zero.
pub(super) fn private_scalar<C: CurveArithmetic>(candidate: &[u8; 32]) -> Option<NonZeroScalar<C>> {
    let bytes = FieldBytes::<C>::try_from(&candidate[..]).expect("a curve of 256 bits");
    let scalar = C::Scalar::from_repr(bytes).into_option()?;
    NonZeroScalar::new(scalar + C::Scalar::ONE).into_option()
}
