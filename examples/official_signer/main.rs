//! Compares our request signer with the cloud's official one, stage by stage, over some hundred made-up requests:
//! `cargo run --example official_signer`.
//!
//! The official one is the Python package `huaweicloudsdkcore`, in a virtual environment of its own below the target
//! folder. Needs `python3`, and the network at its first run.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to the person who ran it"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use http::header::AUTHORIZATION;
use serde::Deserialize;
use terraform_provider_dds::auth::AccessKey;
use terraform_provider_dds::auth::{canonical, sign};
use time::macros::datetime;

/// An exact version, so that a difference is never somebody else's change.
const PACKAGE: &str = "huaweicloudsdkcore==3.1.219";

/// How many differences are shown whole; more would be the same ones again.
const SHOWN: usize = 3;

/// A request, and what the official signer made of it.
#[derive(Deserialize)]
struct Signed {
    method: String,
    uri: String,
    body: String,
    project: Option<String>,
    key_id: String,
    secret: String,
    security_token: Option<String>,
    canonical_request: String,
    string_to_sign: String,
    authorization: String,
}

/// A stage's name, and what it gave us and them.
type Difference = (&'static str, String, String);

fn main() -> ExitCode {
    match compare() {
        Ok((compared, 0)) if compared > 0 => {
            println!("{PACKAGE} and our signer agree on all of {compared} requests.");
            ExitCode::SUCCESS
        }
        Ok((compared, different)) => {
            println!("{PACKAGE} and our signer differ on {different} of {compared} requests.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("Nothing was compared: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many requests were compared, and how many came out differently.
fn compare() -> Result<(usize, usize), Box<dyn Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/official_signer/sign.py");
    let lines = run(Command::new(official_python()?).arg("-I").arg(script))?;
    let (mut compared, mut different) = (0, 0);
    for line in lines.lines() {
        let theirs: Signed = serde_json::from_str(line)?;
        if let Some((stage, ours, theirs)) = difference(&theirs)? {
            different += 1;
            if different <= SHOWN {
                println!("The {stage} differs.\nOurs:\n{ours}\nTheirs:\n{theirs}\n");
            }
        }
        compared += 1;
    }
    Ok((compared, different))
}

/// The first stage that differs.
fn difference(theirs: &Signed) -> Result<Option<Difference>, Box<dyn Error>> {
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
    let key =
        AccessKey::new(theirs.key_id.clone(), theirs.secret.clone().into(), security_token, String::new());
    let now = SystemTime::from(datetime!(2026-01-15 08:30 UTC));
    key.sign(&mut request, now);

    let stamp = sign::stamp(now);
    let canonical_request = canonical_request(&request, &stamp, theirs);
    let string_to_sign = sign::string_to_sign(&stamp, &canonical_request);
    let authorization = request.headers().get(AUTHORIZATION).ok_or("the request was not signed")?.to_str()?;
    let stages = [
        ("canonical request", canonical_request.as_str(), &theirs.canonical_request),
        ("string to sign", &string_to_sign, &theirs.string_to_sign),
        ("authorization", authorization, &theirs.authorization),
    ];
    let differs = stages.into_iter().find(|(_, ours, theirs)| ours != theirs);
    Ok(differs.map(|(stage, ours, theirs)| (stage, ours.to_owned(), theirs.clone())))
}

/// The stage that `sign` keeps to itself.
fn canonical_request(request: &http::Request<Vec<u8>>, stamp: &str, theirs: &Signed) -> String {
    let host = request.uri().authority().map_or("", |authority| authority.as_str());
    let headers = [
        ("host", Some(host)),
        ("x-project-id", theirs.project.as_deref()),
        ("x-sdk-date", Some(stamp)),
        ("x-security-token", theirs.security_token.as_deref()),
    ];
    let headers: Vec<_> =
        headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    let (uri, payload) = (request.uri(), sign::hex(digest(&SHA256, request.body()).as_ref()));
    let query = uri.query().unwrap_or_default();
    canonical::request(request.method().as_str(), uri.path(), query, &headers, &payload).0
}

/// The Python that has the official package. Installed once; an installation that did not finish leaves no mark.
fn official_python() -> Result<PathBuf, Box<dyn Error>> {
    // This program is at target/<profile>/examples/.
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).ok_or("this program is not in a target folder")?;
    let home = target.join("official-signer").join(PACKAGE.replace("==", "-"));
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let mark = home.join("installed");
    if !mark.exists() {
        eprintln!("Installing {PACKAGE} into {}", home.display());
        let base = if cfg!(windows) { "python" } else { "python3" };
        run(Command::new(base).args(["-m", "venv", "--clear"]).arg(&home))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
        std::fs::write(mark, "")?;
    }
    Ok(python)
}

/// What the command printed.
fn run(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed: {}", command.get_program().display(), complaint.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
