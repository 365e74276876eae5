use std::fs;
use std::path::Path;

use p256::NistP256;
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::PrimeField as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde_json::Value;
use sm2::Sm2;

use super::algorithm::{SM2_USER_ID, SigningKey, hex, private_key, private_scalar};
use super::*;

const ID: &str = "AKEXAMPLE0123456789A";
const SECRET: &str = "SKexample0123456789abcdefghijABCDEFGHIJ01";
const STAMP: &str = "20260115T083000Z";

/// Signs as a client does, for the tests of the gateway.
pub(crate) fn sign(algorithm: Algorithm, (id, secret): (&str, &str), date: &str, canonical: &str) -> String {
    let (key, text) = (SigningKey { id, secret }, algorithm.string_to_sign(date, canonical));
    match algorithm {
        Algorithm::HmacSha256 | Algorithm::HmacSm3 => {
            hex(&algorithm.hmac(secret.as_bytes(), text.as_bytes()))
        }
        Algorithm::EcdsaP256Sha256 => {
            let key = p256::ecdsa::SigningKey::from(private_key::<NistP256>(algorithm, key));
            let signature: p256::ecdsa::Signature = key.sign(text.as_bytes());
            hex(signature.to_der().as_bytes())
        }
        Algorithm::Sm2Sm3 => {
            let private = private_key::<Sm2>(algorithm, key);
            let key = sm2::dsa::SigningKey::from_nonzero_scalar(SM2_USER_ID, private).unwrap();
            hex(key.sign(text.as_bytes()).to_der().as_bytes())
        }
    }
}

fn set_authorization(request: &mut Request, label: &str, signed: &str, signature: &str) {
    request.headers.retain(|(name, _)| name != "authorization");
    let authorization = format!("{label} Access={ID}, SignedHeaders={signed}, Signature={signature}");
    request.headers.push(("authorization".into(), authorization));
}

fn is_valid(request: &Request) -> bool {
    RequestSignature::parse(request).is_some_and(|signature| signature.is_valid(request, SECRET))
}

/// A request of the test vectors, its algorithm, and its signed headers.
fn test_vector(directory: &Path) -> (Request, Algorithm, String) {
    let case: Value =
        serde_json::from_str(&fs::read_to_string(directory.join("request.json")).unwrap()).unwrap();
    let text = |name: &str| case[name].as_str().unwrap().to_owned();
    let query = text("query");
    let target = if query.is_empty() { text("path") } else { format!("{}?{query}", text("path")) };
    let headers = case["headers"].as_object().unwrap().iter();
    let request = Request {
        method: text("method"),
        target,
        path: String::new(),
        region: String::new(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        body: text("body").into_bytes(),
    };
    let algorithm = match case["algorithm"].as_str() {
        None => Algorithm::HmacSha256,
        Some("HmacSM3") => Algorithm::HmacSm3,
        Some(other) => panic!("{other}"),
    };
    let canonical = fs::read_to_string(directory.join("canonical_request")).unwrap();
    (request, algorithm, canonical.lines().rev().nth(1).unwrap().to_owned())
}

fn directories() -> Vec<std::path::PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/signing");
    let directories: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.into_iter().filter(|path| path.is_dir()).collect()
}

fn minimal() -> Request {
    test_vector(directories().iter().find(|directory| directory.ends_with("v1-minimal")).unwrap()).0
}

#[test]
fn only_unchanged_requests_of_official_clients_are_valid() {
    let mut vectors = 0;
    for directory in directories() {
        let (mut request, algorithm, signed) = test_vector(&directory);
        let signature = fs::read_to_string(directory.join("signature")).unwrap();
        set_authorization(&mut request, algorithm.label(), &signed, &signature);
        assert!(is_valid(&request), "{}", directory.display());
        let change = |change: fn(&mut Request)| {
            let mut changed = request.clone();
            change(&mut changed);
            assert!(!is_valid(&changed), "{changed:?}");
        };
        change(|request| request.method = "PUT".into());
        change(|request| request.target = request.target.replacen('/', "/w", 1));
        change(|request| request.target += if request.target.contains('?') { "&a=b" } else { "?a=b" });
        for name in signed.split(';') {
            let mut changed = request.clone();
            header(&mut changed, name).push('0');
            assert!(!is_valid(&changed), "{changed:?}");
            changed.headers.retain(|(known, _)| known != name);
            assert!(!is_valid(&changed), "{changed:?}");
        }
        if !signed.contains("x-sdk-content") {
            change(|request| request.body.push(b'x'));
        }
        vectors += 1;
    }
    assert_eq!(vectors, 17);
}

fn header<'a>(request: &'a mut Request, name: &str) -> &'a mut String {
    let mut headers = request.headers.iter_mut();
    &mut headers.find(|(known, _)| known == name).unwrap().1
}

/// Signatures of the official Python SDK. They have a random part.
const CURVE_SIGNATURES: [(Algorithm, &str); 2] = [
    (
        Algorithm::EcdsaP256Sha256,
        "304602210089d4d7ec20e760144977c79d3e78ce7c46c431df885b9ceae7927292ad66356f\
         022100a160b32c6c03f693c7f6b92693adcce0acc5d97ae9936e3f7360eb42604856a0",
    ),
    (
        Algorithm::Sm2Sm3,
        "30450220336555494c238df0a942c3aac9f687d7dfdcdc3615584c3ae116b7e392dd082d\
         022100a44ad7711768abb1342089c8e6c4035b8b1a8f9521eb06786fb1fc2ae1906001",
    ),
];

#[test]
fn changed_curve_signature_is_invalid() {
    for (algorithm, signature) in CURVE_SIGNATURES {
        let request_with = |signature: &str| {
            let mut request = minimal();
            set_authorization(&mut request, algorithm.label(), "host;x-sdk-date", signature);
            request
        };
        let good = request_with(signature);
        assert!(is_valid(&good), "{algorithm:?}");
        assert!(!RequestSignature::parse(&good).unwrap().is_valid(&good, "another secret"));
        let mut later = good.clone();
        *header(&mut later, "x-sdk-date") = "20260115T083001Z".into();
        assert!(!is_valid(&later), "{algorithm:?}");
        let (short, upper) = (&signature[..signature.len() - 1], signature.to_uppercase());
        for bad in ["", "30", "zz", short, &format!("{short}b"), &upper] {
            assert!(!is_valid(&request_with(bad)), "{algorithm:?} {bad}");
        }
    }
}

#[test]
fn derived_private_keys_match_the_official_clients() {
    let key = SigningKey { id: ID, secret: SECRET };
    let derived = private_key::<NistP256>(Algorithm::EcdsaP256Sha256, key);
    let public = p256::PublicKey::from_secret_scalar(&derived).to_sec1_point(false);
    assert_eq!(hex(&derived.to_repr()), "d804de9604aa8bed77204fd3acdde8bce0d8421d53c7b530cde123b91f7d73f5");
    assert_eq!(
        hex(public.as_bytes()),
        "041d6b57ee21ebefa26445ce2dbec08333a6e80dc4a0c5a64cf2891e733aeda05d\
         2f31c7b20aa800451de7834a096fe6f57fa46c7d87ceaba88bee705022e7ef45"
    );
    let derived = private_key::<Sm2>(Algorithm::Sm2Sm3, key);
    let public = sm2::PublicKey::from_secret_scalar(&derived).to_sec1_point(false);
    assert_eq!(hex(&derived.to_repr()), "7cbfdacd91d66b464d3ed35811854dd2a161fe3c24ee102cbc96b173d99cb344");
    assert_eq!(
        hex(public.as_bytes()),
        "04ab99c9c1d27fcce8f96bd3aac4c6c855c406efdddce2cd58cc54ff70141287da\
         559c1c6f13555580273dde05572908e19b3042d732ff87ee8380fe6f211d105e"
    );
    assert!(private_scalar::<Sm2>(&[0xff; 32]).is_none() && private_scalar::<NistP256>(&[0; 32]).is_some());
}

#[test]
fn signature_is_valid_only_with_its_own_label() {
    let signed = ["host", "x-sdk-date"];
    for algorithm in Algorithm::ALL {
        let canonical = canonical_request(&minimal(), &signed, algorithm).unwrap();
        let signature = sign(algorithm, (ID, SECRET), STAMP, &canonical);
        for label in Algorithm::ALL.map(Algorithm::label).into_iter().chain(["SDK-HMAC-SHA1", ""]) {
            let mut request = minimal();
            set_authorization(&mut request, label, &signed.join(";"), &signature);
            assert_eq!(is_valid(&request), label == algorithm.label(), "{algorithm:?} as {label}");
        }
    }
}
