//! The four ways to sign that the gateway knows.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use sm3::Sm3;

use super::curve;

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
                curve::verifies(self, curve::Owner { id, secret }, text.as_bytes(), &signature)
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
