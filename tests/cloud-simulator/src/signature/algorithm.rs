//! The four ways to sign that the gateway knows.

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

    /// The first word of an `Authorization`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::HmacSha256 => "SDK-HMAC-SHA256",
            Self::HmacSm3 => "SDK-HMAC-SM3",
            Self::EcdsaP256Sha256 => "SDK-ECDSA-P256-SHA256",
            Self::Sm2Sm3 => "SDK-SM2-SM3",
        }
    }

    /// Where a client says what it signed in place of the body.
    pub(super) fn payload_header(self) -> &'static str {
        if self.is_national() { "x-sdk-content-sm3" } else { "x-sdk-content-sha256" }
    }

    /// In hex.
    pub(crate) fn digest(self, data: &[u8]) -> String {
        if self.is_national() { hex(&Sm3::digest(data)) } else { hex(&Sha256::digest(data)) }
    }

    pub(super) fn hmac(self, key: &[u8], data: &[u8]) -> [u8; 32] {
        if self.is_national() {
            let mac = Hmac::<Sm3>::new_from_slice(key).expect("keys of any length");
            mac.chain_update(data).finalize().into_bytes().into()
        } else {
            let mac = Hmac::<Sha256>::new_from_slice(key).expect("keys of any length");
            mac.chain_update(data).finalize().into_bytes().into()
        }
    }

    pub(super) fn string_to_sign(self, date: &str, canonical: &str) -> String {
        format!("{}\n{date}\n{}", self.label(), self.digest(canonical.as_bytes()))
    }

    /// Whether this is a signature, in hex, of the text by the key.
    pub(super) fn verifies(self, id: &str, secret: &str, text: &str, signature: &str) -> bool {
        match self {
            Self::HmacSha256 | Self::HmacSm3 => {
                hex(&self.hmac(secret.as_bytes(), text.as_bytes())) == signature
            }
            Self::EcdsaP256Sha256 | Self::Sm2Sm3 => bytes(signature).is_some_and(|signature| {
                verifies(self, SigningKey { id, secret }, text.as_bytes(), &signature)
            }),
        }
    }

    /// Whether it stands on the Chinese national digest.
    fn is_national(self) -> bool {
        matches!(self, Self::HmacSm3 | Self::Sm2Sm3)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Of hex in lower case, which is what the clients send.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(pair).collect::<Option<Vec<u8>>>().filter(|bytes| hex(bytes) == text)
}

/// The identity that goes into a signature of SM2 where nobody has one of their own.
pub(super) const IDENTITY: &str = "1234567812345678";

/// The access key.
#[derive(Clone, Copy)]
pub(super) struct SigningKey<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
}

/// The signature is in ASN.1 DER.
pub(super) fn verifies(algorithm: Algorithm, key: SigningKey<'_>, text: &[u8], signature: &[u8]) -> bool {
    if algorithm == Algorithm::Sm2Sm3 {
        let public = sm2::PublicKey::from_secret_scalar(&private::<Sm2>(algorithm, key));
        let key = dsa::VerifyingKey::new(IDENTITY, public).expect("a short identity");
        dsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    } else {
        let public = PublicKey::from_secret_scalar(&private::<NistP256>(algorithm, key));
        let key = ecdsa::VerifyingKey::from(public);
        ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    }
}

/// The first of 256 candidates below the curve's order that is not zero when one is added to it.
pub(super) fn private<C: CurveArithmetic>(algorithm: Algorithm, key: SigningKey<'_>) -> NonZeroScalar<C> {
    let label = algorithm.label();
    let candidates = (0..=u8::MAX).map(|counter| {
        let mut data = vec![0, 0, 0, 1];
        data.extend_from_slice(label.as_bytes());
        data.push(0);
        data.extend_from_slice(key.id.as_bytes());
        data.extend_from_slice(&[counter, 0, 0, 1, 0]);
        algorithm.hmac(key.secret.as_bytes(), &data)
    });
    candidates.filter_map(|candidate| successor::<C>(&candidate)).next().expect("one of 256")
}

/// None for what the curve's arithmetic cannot hold, or would wrap to zero.
pub(super) fn successor<C: CurveArithmetic>(candidate: &[u8; 32]) -> Option<NonZeroScalar<C>> {
    let bytes = FieldBytes::<C>::try_from(&candidate[..]).expect("curves of 256 bits");
    let scalar = C::Scalar::from_repr(bytes).into_option()?;
    NonZeroScalar::new(scalar + C::Scalar::ONE).into_option()
}
