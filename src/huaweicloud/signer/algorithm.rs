//! What a signature is made with: one of four pairs of a digest and a way to sign. Called by `sign`, which knows what
//! is signed; this knows nothing of requests.
//!
//! SHA-256 comes from aws-lc-rs, like everything else that it has; SM3, a Chinese national standard, from RustCrypto.

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use aws_lc_rs::{digest, hmac};
use sm3::{Digest as _, Sm3};

/// By the names of the official provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    #[default]
    HmacSha256,
    HmacSm3,
    EcdsaP256Sha256,
    Sm2Sm3,
}

impl Algorithm {
    pub const ALL: [Self; 4] = [Self::HmacSha256, Self::HmacSm3, Self::EcdsaP256Sha256, Self::Sm2Sm3];

    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HmacSHA256",
            Self::HmacSm3 => "HmacSM3",
            Self::EcdsaP256Sha256 => "EcdsaP256SHA256",
            Self::Sm2Sm3 => "SM2SM3",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// How requests call it: the first word of their `Authorization`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::HmacSha256 => "SDK-HMAC-SHA256",
            Self::HmacSm3 => "SDK-HMAC-SM3",
            Self::EcdsaP256Sha256 => "SDK-ECDSA-P256-SHA256",
            Self::Sm2Sm3 => "SDK-SM2-SM3",
        }
    }

    /// In hex.
    pub fn digest(self, data: &[u8]) -> String {
        if self.is_on_sm3() {
            hex(&Sm3::digest(data))
        } else {
            hex(digest::digest(&digest::SHA256, data).as_ref())
        }
    }

    /// None would be for a key that HMAC does not take, and it takes every key.
    pub(super) fn hmac(self, key: &[u8], data: &[u8]) -> Option<[u8; 32]> {
        if self.is_on_sm3() {
            let mac = Hmac::<Sm3>::new_from_slice(key).ok()?;
            Some(mac.chain_update(data).finalize().into_bytes().into())
        } else {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().try_into().ok()
        }
    }

    const fn is_on_sm3(self) -> bool {
        matches!(self, Self::HmacSm3 | Self::Sm2Sm3)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
