//! Compares our request signer with the cloud's official ones, stage by stage, over some hundred made-up requests for
//! each algorithm: `cargo xtask signer`. What we sign on a curve the official key has to verify.
//!
//! The official ones are in the Python package `huaweicloudsdkcore`, in a virtual environment of its own below the
//! target folder. Needs `python3`, and the network at its first run.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::json;
use terraform_provider_dds::huaweicloud::signer::{self as sign, Algorithm, Signer, canonical};
use time::macros::datetime;

/// An exact version, so that a difference is never somebody else's change.
const PACKAGE: &str = "huaweicloudsdkcore==3.1.219";

/// The same with what it imports, each with its hash.
const REQUIREMENTS: &str = include_str!("../signer/requirements.txt");

/// How many differences are shown whole; more would be the same ones again.
const SHOWN: usize = 3;

/// A request, and what the official signer made of it.
#[derive(Deserialize)]
struct Signed {
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

/// What a signer makes of a request.
#[derive(Deserialize)]
struct Stages {
    canonical_request: String,
    string_to_sign: String,
    authorization: String,
}

/// A stage's name, and what it gave us and them.
type Difference = (&'static str, String, String);

/// Fails where the signers differ.
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let agreed = compare().map_err(|error| format!("Not everything was compared: {error}"))?;
    Ok(crate::code(agreed))
}

/// Whether all agree.
fn compare() -> Result<bool, Box<dyn Error>> {
    let python = official_python()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("signer/sign.py");
    let lines = output(Command::new(&python).arg("-I").arg(&script), "")?;
    let signed = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Signed>, _>>()?;
    let mut agreed = true;
    for algorithm in Algorithm::ALL {
        let name = algorithm.name();
        let (mut compared, mut differences, mut to_verify) = (0, Vec::new(), String::new());
        for theirs in signed.iter().filter(|signed| signed.algorithm == name) {
            let ours = sign_as_well(algorithm, theirs)?;
            differences.extend(difference(algorithm, &ours, &theirs.stages));
            if is_random(algorithm) {
                to_verify += &format!("{}\n", claim(&ours, theirs));
            }
            compared += 1;
        }
        let verdicts = output(Command::new(&python).arg("-I").arg(&script).arg("verify"), &to_verify)?;
        let claims = verdicts.lines().zip(to_verify.lines()).filter(|(verdict, _)| *verdict != "true");
        differences.extend(claims.map(|(verdict, claim)| ("verdict", claim.to_owned(), verdict.to_owned())));
        if verdicts.lines().count() != to_verify.lines().count() {
            return Err("some of our signatures got no verdict".into());
        }
        for (stage, ours, theirs) in differences.iter().take(SHOWN) {
            println!("The {stage} differs.\nOurs:\n{ours}\nTheirs:\n{theirs}\n");
        }
        let agrees = differences.is_empty() && compared > 0;
        let verdict =
            if agrees { "agree on all".to_owned() } else { format!("differ on {}", differences.len()) };
        println!("{name}: {PACKAGE} and our signer {verdict} of {compared} requests.");
        agreed &= agrees;
    }
    Ok(agreed)
}

fn is_random(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::EcdsaP256Sha256 | Algorithm::Sm2Sm3)
}

fn sign_as_well(algorithm: Algorithm, theirs: &Signed) -> Result<Stages, Box<dyn Error>> {
    let mut request = http::Request::builder()
        .method(theirs.method.as_str())
        .uri(&theirs.uri)
        // No signer of ours may look at these.
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

/// The first stage that differs.
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

/// One of our signatures, for the official key to verify.
fn claim(ours: &Stages, theirs: &Signed) -> serde_json::Value {
    json!({
        "algorithm": theirs.algorithm,
        "key_id": theirs.key_id,
        "secret": theirs.secret,
        "string_to_sign": ours.string_to_sign,
        "signature": ours.authorization.rsplit('=').next(),
    })
}

/// The stage that `sign` keeps to itself.
fn canonical_request(
    algorithm: Algorithm,
    request: &http::Request<Vec<u8>>,
    stamp: &str,
    theirs: &Signed,
) -> String {
    let host = request.uri().authority().map_or("", |authority| authority.as_str());
    let headers = [
        ("host", Some(host)),
        ("x-project-id", theirs.project.as_deref()),
        ("x-sdk-date", Some(stamp)),
        ("x-security-token", theirs.security_token.as_deref()),
    ];
    let headers: Vec<_> =
        headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    let (uri, payload) = (request.uri(), algorithm.digest(request.body()));
    let query = uri.query().unwrap_or_default();
    canonical::request(request.method().as_str(), uri.path(), query, &headers, &payload).0
}

/// The Python that has the official package. Installed once; an installation that did not finish leaves no mark.
fn official_python() -> Result<PathBuf, Box<dyn Error>> {
    // This program is at target/<profile>/.
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("this program is not in a target folder")?;
    let home = target.join("official-signer").join(PACKAGE.replace("==", "-"));
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let mark = home.join("installed");
    if !REQUIREMENTS.contains(PACKAGE) {
        return Err(format!("requirements.txt has another version than {PACKAGE}").into());
    }
    // It says what was installed, and by which hashes.
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(python);
    }
    eprintln!("Installing {PACKAGE} into {}", home.display());
    let base = if cfg!(windows) { "python" } else { "python3" };
    output(Command::new(base).args(["-m", "venv", "--clear"]).arg(&home), "")?;
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("signer/requirements.txt");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    output(pip.args(["--only-binary", ":all:", "--require-hashes", "-r"]).arg(requirements), "")?;
    std::fs::write(mark, REQUIREMENTS)?;
    Ok(python)
}

/// Returns what the command printed for the input.
fn output(command: &mut Command, input: &str) -> Result<String, Box<dyn Error>> {
    let program = command.get_program().display().to_string();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{program} is not there: install Python 3 with venv and pip"),
        _ => format!("{program}: {error}"),
    })?;
    // Dropped right away, which ends the input. The programs read all of it before they print much.
    child.stdin.take().ok_or("no input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} failed: {}", complaint.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
