//! Signatures on elliptic curves. The gateway works out the key pair that an access key stands for, and verifies with
//! its public half.

use p256::ecdsa;
use p256::ecdsa::signature::Verifier as _;
use p256::elliptic_curve::{CurveArithmetic, Field as _, FieldBytes, NonZeroScalar, PrimeField as _};
use p256::{NistP256, PublicKey};
use sm2::{Sm2, dsa};

use super::Algorithm;

/// The identity that goes into a signature of SM2 where nobody has one of their own.
pub(super) const IDENTITY: &str = "1234567812345678";

/// The access key.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
}

/// The signature is in ASN.1 DER.
pub(super) fn verifies(algorithm: Algorithm, owner: Owner<'_>, text: &[u8], signature: &[u8]) -> bool {
    if algorithm == Algorithm::Sm2Sm3 {
        let public = sm2::PublicKey::from_secret_scalar(&private::<Sm2>(algorithm, owner));
        let key = dsa::VerifyingKey::new(IDENTITY, public).expect("a short identity");
        dsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    } else {
        let public = PublicKey::from_secret_scalar(&private::<NistP256>(algorithm, owner));
        let key = ecdsa::VerifyingKey::from(public);
        ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify(text, &signature).is_ok())
    }
}

/// The first of 256 candidates below the curve's order that is not zero when one is added to it.
pub(super) fn private<C: CurveArithmetic>(algorithm: Algorithm, owner: Owner<'_>) -> NonZeroScalar<C> {
    let label = algorithm.label();
    let candidates = (0..=u8::MAX).map(|counter| {
        let mut data = vec![0, 0, 0, 1];
        data.extend_from_slice(label.as_bytes());
        data.push(0);
        data.extend_from_slice(owner.id.as_bytes());
        data.extend_from_slice(&[counter, 0, 0, 1, 0]);
        algorithm.hmac(owner.secret.as_bytes(), &data)
    });
    candidates.filter_map(|candidate| successor::<C>(&candidate)).next().expect("one of 256")
}

/// None for what the curve's arithmetic cannot hold, or would wrap to zero.
pub(super) fn successor<C: CurveArithmetic>(candidate: &[u8; 32]) -> Option<NonZeroScalar<C>> {
    let bytes = FieldBytes::<C>::try_from(&candidate[..]).expect("curves of 256 bits");
    let scalar = C::Scalar::from_repr(bytes).into_option()?;
    NonZeroScalar::new(scalar + C::Scalar::ONE).into_option()
}
