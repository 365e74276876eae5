//! The server's side of a request signature: what the client should have signed, computed from what arrived.

mod algorithm;
mod canonical;
mod curve;
#[cfg(test)]
mod tests;

pub(super) use algorithm::Algorithm;
pub(super) use canonical::decode;
#[cfg(test)]
pub(super) use tests::sign;

use super::wire::Request;

/// What a signed request says of itself: `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`.
pub(super) struct Claim<'a> {
    algorithm: Algorithm,
    pub(super) access_key: &'a str,
    pub(super) signed: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    pub(super) fn read(request: &'a Request) -> Option<Self> {
        let (label, parts) = request.header("authorization")?.split_once(' ')?;
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.label() == label)?;
        let mut parts = parts.split(", ");
        let mut part = |name| parts.next().and_then(|part| part.strip_prefix(name));
        let access_key = part("Access=")?;
        let signed = part("SignedHeaders=")?.split(';').collect();
        let signature = part("Signature=")?;
        Some(Self { algorithm, access_key, signed, signature })
    }

    /// Whether the signature is one that this secret gives for the request as it arrived.
    pub(super) fn holds(&self, request: &Request, secret: &str) -> bool {
        let Some(canonical) = canonical::request(request, &self.signed, self.algorithm) else {
            return false;
        };
        let date = request.header("x-sdk-date").unwrap_or_default();
        let text = self.algorithm.string_to_sign(date, &canonical);
        self.algorithm.verifies(self.access_key, secret, &text, self.signature)
    }
}
