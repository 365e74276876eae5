//! Private keys for signatures with elliptic curves.
//!
//! They are derived from an access key as in the official clients. The cloud derives the same keys, and stores their
//! public keys.

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use secrecy::{ExposeSecret as _, ExposeSecretMut as _, SecretBox};
use sm2::dsa::signature::Signer as _;

use super::Algorithm;

/// The identity in an SM2 signature: the default of the standard.
const SM2_ID: &str = "1234567812345678";

/// A private key. Its memory is overwritten on drop.
pub(super) enum PrivateKey {
    P256(EcdsaKeyPair),
    Sm2(sm2::SecretKey),
}

impl PrivateKey {
    /// Derives the private key. Returns `None` for an algorithm without a curve. A curve rejects about one of four
    /// billion candidates, so one of these 256 is always accepted.
    pub(super) fn derive(algorithm: Algorithm, id: &str, secret: &str) -> Option<Self> {
        (0..=u8::MAX).find_map(|counter| {
            // Key derivation in counter mode (NIST SP 800-108): block number, label, zero byte, context, and length in
            // bits.
            let data = [
                &1_u32.to_be_bytes()[..],
                algorithm.prefix().as_bytes(),
                &[0],
                id.as_bytes(),
                &[counter],
                &256_u32.to_be_bytes(),
            ];
            let candidate = algorithm.hmac(secret.as_bytes(), &data.concat())?;
            Self::from_candidate(algorithm, SecretBox::new(Box::new(candidate)))
        })
    }

    /// Returns the key "candidate plus one", if it is less than the order of the curve.
    fn from_candidate(algorithm: Algorithm, mut candidate: SecretBox<[u8; 32]>) -> Option<Self> {
        for byte in candidate.expose_secret_mut().iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        let private = candidate.expose_secret();
        match algorithm {
            Algorithm::HmacSha256 | Algorithm::HmacSm3 => None,
            Algorithm::EcdsaP256Sha256 => {
                let public = agreement::PrivateKey::from_private_key(&ECDH_P256, private).ok()?;
                let public = public.compute_public_key().ok()?;
                let scheme = &ECDSA_P256_SHA256_ASN1_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(scheme, private, public.as_ref());
                pair.ok().map(Self::P256)
            }
            Algorithm::Sm2Sm3 => sm2::SecretKey::from_slice(private).ok().map(Self::Sm2),
        }
    }

    /// Returns the signature in ASN.1 DER, or `None` if the system has no random numbers.
    pub(super) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256(key) => Some(key.sign(&SystemRandom::new(), text).ok()?.as_ref().to_vec()),
            Self::Sm2(key) => {
                let key = sm2::dsa::SigningKey::new(SM2_ID, key).ok()?;
                Some(key.try_sign(text).ok()?.to_der().as_bytes().to_vec())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
    use aws_lc_rs::signature::KeyPair as _;
    use p256::ecdsa;
    use p256::ecdsa::signature::Verifier as _;
    use sm2::dsa;
    use sm2::elliptic_curve::sec1::ToSec1Point as _;

    use super::*;
    use crate::huaweicloud::signer::hex;

    const ID: &str = "AKEXAMPLE0123456789A";
    const SECRET: &str = "SKexample0123456789abcdefghijABCDEFGHIJ01";
    const CURVES: [Algorithm; 2] = [Algorithm::EcdsaP256Sha256, Algorithm::Sm2Sm3];

    /// Returns the private key, and the public key as an uncompressed point.
    fn key_bytes(key: &PrivateKey) -> (Vec<u8>, Vec<u8>) {
        match key {
            PrivateKey::P256(pair) => {
                let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
                (private.as_ref().to_vec(), pair.public_key().as_ref().to_vec())
            }
            PrivateKey::Sm2(key) => {
                let public = key.public_key().to_sec1_point(false);
                (key.to_bytes().to_vec(), public.as_bytes().to_vec())
            }
        }
    }

    /// Verifies with RustCrypto. For P-256, this is not the library that created the signature.
    fn verifies(key: &PrivateKey, text: &str, signature: &[u8]) -> bool {
        let (_, public) = key_bytes(key);
        match key {
            PrivateKey::P256(_) => {
                let key = ecdsa::VerifyingKey::from_sec1_bytes(&public).unwrap();
                let signature = ecdsa::Signature::from_der(signature).unwrap();
                key.verify(text.as_bytes(), &signature).is_ok()
            }
            PrivateKey::Sm2(_) => {
                let key = dsa::VerifyingKey::from_sec1_bytes(SM2_ID, &public).unwrap();
                let signature = dsa::Signature::from_der(signature).unwrap();
                key.verify(text.as_bytes(), &signature).is_ok()
            }
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        base16ct::lower::decode_vec(hex).unwrap()
    }

    #[test]
    fn keys_and_signatures_match_the_official_client() {
        for (algorithm, private, public, digest, signature) in [
            (
                Algorithm::EcdsaP256Sha256,
                "d804de9604aa8bed77204fd3acdde8bce0d8421d53c7b530cde123b91f7d73f5",
                "041d6b57ee21ebefa26445ce2dbec08333a6e80dc4a0c5a64cf2891e733aeda05d\
                 2f31c7b20aa800451de7834a096fe6f57fa46c7d87ceaba88bee705022e7ef45",
                "bf07860af10289e660be958f51ca4a23c07418204c438b045b00bc185ae6a61e",
                "304602210089d4d7ec20e760144977c79d3e78ce7c46c431df885b9ceae7927292ad66356f\
                 022100a160b32c6c03f693c7f6b92693adcce0acc5d97ae9936e3f7360eb42604856a0",
            ),
            (
                Algorithm::Sm2Sm3,
                "7cbfdacd91d66b464d3ed35811854dd2a161fe3c24ee102cbc96b173d99cb344",
                "04ab99c9c1d27fcce8f96bd3aac4c6c855c406efdddce2cd58cc54ff70141287da\
                 559c1c6f13555580273dde05572908e19b3042d732ff87ee8380fe6f211d105e",
                "a80e91e150d55e9536ecfb4d456a2fa4a374714161600fd9119433b63bae168e",
                "30450220336555494c238df0a942c3aac9f687d7dfdcdc3615584c3ae116b7e392dd082d\
                 022100a44ad7711768abb1342089c8e6c4035b8b1a8f9521eb06786fb1fc2ae1906001",
            ),
        ] {
            let key = PrivateKey::derive(algorithm, ID, SECRET).unwrap();
            let (d, point) = key_bytes(&key);
            assert_eq!((hex(&d).as_str(), hex(&point).as_str()), (private, public));
            let text = format!("{}\n20260115T083000Z\n{digest}", algorithm.prefix());
            assert!(verifies(&key, &text, &bytes(signature)), "{algorithm:?}");
            assert!(!verifies(&key, &text.replace("083000", "083001"), &bytes(signature)), "{algorithm:?}");
        }
    }

    #[test]
    fn signature_verifies_only_with_its_own_key() {
        for algorithm in CURVES {
            let key = PrivateKey::derive(algorithm, ID, SECRET).unwrap();
            let other = PrivateKey::derive(algorithm, "AKOTHER", SECRET).unwrap();
            for text in ["", "text", &"long ".repeat(100)] {
                let signature = key.sign(text.as_bytes()).unwrap();
                assert!(verifies(&key, text, &signature), "{algorithm:?}");
                assert!(!verifies(&key, "another text", &signature), "{algorithm:?}");
                assert!(!verifies(&other, text, &signature), "{algorithm:?}");
            }
        }
    }

    /// Tests candidates directly, because a secret whose first candidate is invalid cannot be found.
    #[test]
    fn candidates_up_to_order_minus_two_are_accepted() {
        for (algorithm, order) in [
            (Algorithm::EcdsaP256Sha256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
            (Algorithm::Sm2Sm3, "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"),
        ] {
            let key = |candidate: &[u8]| {
                let candidate = SecretBox::new(Box::new(candidate.try_into().unwrap()));
                PrivateKey::from_candidate(algorithm, candidate)
            };
            let mut candidate = bytes(order);
            candidate[31] -= 2;
            assert!(key(&candidate).is_some());
            candidate[31] += 1;
            assert!(key(&candidate).is_none());
            assert!(key(&[0xff; 32]).is_none());
            let (private, _) = key_bytes(&key(&[0; 32]).unwrap());
            assert_eq!((private[31], private.iter().filter(|byte| **byte != 0).count()), (1, 1));
            let carried: Vec<u8> = [[0; 30].as_slice(), &[0xff; 2]].concat();
            assert_eq!(key_bytes(&key(&carried).unwrap()).0[28..], [0, 1, 0, 0]);
        }
    }
}
