//! Compares the request signer with the official Python SDK: `cargo xtask signer`.
//!
//! It signs random requests with each algorithm and compares every stage. ECDSA and SM2 signatures have a random part, so the
//! official key verifies them instead. The Python package `huaweicloudsdkcore` is downloaded at the first run.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::json;
use terraform_provider_dds::huaweicloud::signer::{self as sign, Algorithm, Signer, canonical};
use time::macros::datetime;

use crate::python::{interpreter, output};

/// The version of the package in `signer/requirements.txt`, for messages.
const PACKAGE: &str = "huaweicloudsdkcore==3.1.219";

/// The maximum number of differences that are printed.
const MAX_PRINTED: usize = 3;

/// A request that the official signer signed.
#[derive(Deserialize)]
struct SignedRequest {
    algorithm: String,
    method: String,
    uri: String,
    body: String,
    project: Option<String>,
    key_id: String,
    secret: String,
    security_token: Option<String>,
    #[serde(flatten)]
    stages: Stages,
}

/// The intermediate and final results of a signer.
#[derive(Deserialize)]
struct Stages {
    canonical_request: String,
    string_to_sign: String,
    authorization: String,
}

/// The name of a stage, our result and the official result.
type Difference = (&'static str, String, String);

/// Runs the comparison. Fails if the signers differ.
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let equal = compare().map_err(|error| format!("The comparison failed: {error}"))?;
    Ok(crate::exit_code(equal))
}

/// Returns whether all results are equal.
fn compare() -> Result<bool, Box<dyn Error>> {
    let python = interpreter("signer")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("signer/sign.py");
    let lines = output(Command::new(&python).arg("-I").arg(&script), "")?;
    let signed = lines.lines().map(serde_json::from_str).collect::<Result<Vec<SignedRequest>, _>>()?;
    let mut all_equal = true;
    for algorithm in Algorithm::ALL {
        let name = algorithm.name();
        let (mut compared, mut differences, mut to_verify) = (0, Vec::new(), String::new());
        for theirs in signed.iter().filter(|signed| signed.algorithm == name) {
            let ours = sign_request(algorithm, theirs)?;
            differences.extend(difference(algorithm, &ours, &theirs.stages));
            if is_random(algorithm) {
                to_verify += &format!("{}\n", verification(&ours, theirs));
            }
            compared += 1;
        }
        let verdicts = output(Command::new(&python).arg("-I").arg(&script).arg("verify"), &to_verify)?;
        let rejected = verdicts.lines().zip(to_verify.lines()).filter(|(verdict, _)| *verdict != "true");
        differences
            .extend(rejected.map(|(verdict, line)| ("verification", line.to_owned(), verdict.to_owned())));
        if verdicts.lines().count() != to_verify.lines().count() {
            return Err("some signatures were not verified".into());
        }
        for (stage, ours, theirs) in differences.iter().take(MAX_PRINTED) {
            println!("The {stage} differs.\nThis provider:\n{ours}\nOfficial SDK:\n{theirs}\n");
        }
        let equal = differences.is_empty() && compared > 0;
        let result =
            if equal { "agree on all".to_owned() } else { format!("differ on {}", differences.len()) };
        println!("{name}: {PACKAGE} and this provider {result} of {compared} requests.");
        all_equal &= equal;
    }
    Ok(all_equal)
}

fn is_random(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::EcdsaP256Sha256 | Algorithm::Sm2Sm3)
}

fn sign_request(algorithm: Algorithm, theirs: &SignedRequest) -> Result<Stages, Box<dyn Error>> {
    let mut request = http::Request::builder()
        .method(theirs.method.as_str())
        .uri(&theirs.uri)
        // These headers must not be signed.
        .header("accept", "application/json")
        .header("user-agent", "official-signer")
        .body(theirs.body.clone().into_bytes())?;
    if let Some(project) = &theirs.project {
        request.headers_mut().insert("x-project-id", project.parse()?);
    }
    let security_token = theirs.security_token.clone().map(Into::into);
    let key = Signer::new(theirs.key_id.clone(), theirs.secret.clone().into(), security_token);
    let now = SystemTime::from(datetime!(2026-01-15 08:30 UTC));
    key.with_algorithm(algorithm).sign(&mut request, now);

    let stamp = sign::format_date(now);
    let canonical_request = canonical_request(algorithm, &request, &stamp, theirs);
    let string_to_sign = sign::string_to_sign(algorithm, &stamp, &canonical_request);
    let authorization = request.headers().get(AUTHORIZATION).ok_or("the request was not signed")?;
    Ok(Stages { canonical_request, string_to_sign, authorization: authorization.to_str()?.to_owned() })
}

/// Returns the first stage that differs.
fn difference(algorithm: Algorithm, ours: &Stages, theirs: &Stages) -> Option<Difference> {
    let comparable = |authorization: &str| match authorization.rsplit_once('=') {
        Some((start, _)) if is_random(algorithm) => start.to_owned(),
        _ => authorization.to_owned(),
    };
    let stages = [
        ("canonical request", ours.canonical_request.clone(), theirs.canonical_request.clone()),
        ("string to sign", ours.string_to_sign.clone(), theirs.string_to_sign.clone()),
        ("authorization", comparable(&ours.authorization), comparable(&theirs.authorization)),
    ];
    stages.into_iter().find(|(_, ours, theirs)| ours != theirs)
}

/// The input for the official SDK to verify one of our signatures.
fn verification(ours: &Stages, theirs: &SignedRequest) -> serde_json::Value {
    json!({
        "algorithm": theirs.algorithm,
        "key_id": theirs.key_id,
        "secret": theirs.secret,
        "string_to_sign": ours.string_to_sign,
        "signature": ours.authorization.rsplit('=').next(),
    })
}

/// Computes the canonical request, which `sign` does not return.
fn canonical_request(
    algorithm: Algorithm,
    request: &http::Request<Vec<u8>>,
    stamp: &str,
    theirs: &SignedRequest,
) -> String {
    let host = request.uri().authority().map_or("", |authority| authority.as_str());
    let headers = [
        ("host", Some(host)),
        ("x-project-id", theirs.project.as_deref()),
        ("x-sdk-date", Some(stamp)),
        ("x-security-token", theirs.security_token.as_deref()),
    ];
    let headers: Vec<_> = headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let (uri, payload) = (request.uri(), algorithm.digest(request.body()));
    let query = uri.query().unwrap_or_default();
    canonical::request(request.method().as_str(), uri.path(), query, &headers, &payload).0
}
