//! `cargo xtask install`: puts the provider into the directory in which `terraform init` and `tofu init` search first.
//!
//! This is the implied local mirror. It needs no CLI configuration, and works beside providers from registries.

mod cli_config;

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use terraform_provider_dds::tfplugin::platform;

use crate::package::NAME;

/// The source address of the provider without its host.
const ADDRESS: &str = "terraform-dds/dds";

/// The hosts that Terraform and OpenTofu add to the address.
const HOSTS: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

const USAGE: &str = "\
usage: cargo xtask install [--binary FILE]

Builds the provider and installs it for this user, so that `terraform init` and `tofu init` find it.

  --binary FILE  install this executable instead of building one";

/// The directory of Terraform and OpenTofu in the home directory of a user.
struct UserDirectory(PathBuf);

/// The result of an installation.
struct Installed {
    files: Vec<PathBuf>,
    /// Whether a different executable of the same version was there before.
    replaced: bool,
}

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let binary = match arguments {
        [] => build()?,
        [option, file] if option == "--binary" => std::path::absolute(file)?,
        [option] if option == "--help" => {
            println!("{USAGE}");
            return Ok(());
        }
        _ => return Err(format!("invalid arguments\n\n{USAGE}").into()),
    };
    let version = version(&binary)?;
    let directory = UserDirectory::find()?;
    let installed = directory.install(&binary, &version)?;
    print!("{}", installed.report(&version));
    for problem in cli_config::problems(&directory)? {
        println!("\n{problem}");
    }
    Ok(())
}

/// Builds the provider in the release profile and returns the path of the executable.
fn build() -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = crate::cargo(&["build", "--release", "--locked", "--bin", NAME]);
    // Errors and warnings are still printed as text, to stderr.
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(format!("the build failed: {}", output.status).into());
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut executables = messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    executables.next().ok_or_else(|| "cargo built no executable".into())
}

/// Runs the executable and returns its version. Fails if it is not the provider.
fn version(binary: &Path) -> Result<String, String> {
    let output = Command::new(binary).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{} cannot be started: {error}", binary.display()))?;
    let line = String::from_utf8_lossy(&output.stdout);
    let version = line.trim_end().strip_prefix(NAME).and_then(|rest| rest.strip_prefix(' '));
    let is_version = |version: &&str| {
        version.starts_with(|first: char| first.is_ascii_digit()) && !version.contains(['/', '\\', ' '])
    };
    version
        .filter(is_version)
        .map(str::to_owned)
        .ok_or_else(|| format!("{} is not {NAME}: check --binary", binary.display()))
}

impl UserDirectory {
    fn find() -> Result<Self, String> {
        let parent = if cfg!(windows) { env::var_os("APPDATA").map(PathBuf::from) } else { env::home_dir() };
        Self::below(parent)
    }

    /// The directory below `%APPDATA%` on Windows, and below the home directory on other systems.
    fn below(parent: Option<PathBuf>) -> Result<Self, String> {
        let (name, variable) =
            if cfg!(windows) { ("terraform.d", "APPDATA") } else { (".terraform.d", "HOME") };
        let parent = parent.filter(|parent| parent.is_absolute());
        parent
            .map(|parent| Self(parent.join(name)))
            .ok_or_else(|| format!("there is no home directory: set {variable} to its absolute path"))
    }

    /// The implied local mirror.
    fn mirror(&self) -> PathBuf {
        self.0.join("plugins")
    }

    /// Installs an executable below the addresses of Terraform and OpenTofu.
    fn install(&self, binary: &Path, version: &str) -> Result<Installed, Box<dyn Error>> {
        let content = fs::read(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        let name = format!("{NAME}_v{version}{}", env::consts::EXE_SUFFIX);
        let mut installed = Installed { files: Vec::new(), replaced: false };
        for host in HOSTS {
            let package = self.mirror().join(host).join(ADDRESS).join(version).join(platform());
            fs::create_dir_all(&package).map_err(|error| format!("{}: {error}", package.display()))?;
            reject_other_executables(&package, &name)?;
            let file = package.join(&name);
            installed.replaced |= fs::read(&file).is_ok_and(|existing| existing != content);
            self.replace(&file, &content).map_err(|error| {
                format!(
                    "cannot write {}: {error}. Check the permissions of the directory. On Windows, close Terraform",
                    file.display()
                )
            })?;
            installed.files.push(file);
        }
        Ok(installed)
    }

    /// Writes an executable and renames it, so that a running provider keeps its file.
    fn replace(&self, file: &Path, content: &[u8]) -> std::io::Result<()> {
        // Not in the directory of the package: Terraform adds all of its files to the checksum.
        let mut new = tempfile::NamedTempFile::new_in(self.mirror())?;
        new.write_all(content)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            new.as_file().set_permissions(fs::Permissions::from_mode(0o755))?;
        }
        new.into_temp_path().persist(file)?;
        Ok(())
    }
}

/// Fails if the directory contains another executable, because Terraform starts the first one.
fn reject_other_executables(package: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(package)? {
        let other = entry?.file_name().to_string_lossy().into_owned();
        if other.starts_with(NAME) && other != name {
            let file = package.join(other);
            return Err(format!("{} could be started instead of {name}: remove it", file.display()).into());
        }
    }
    Ok(())
}

impl Installed {
    /// The text that tells where the provider is and what to do next.
    fn report(&self, version: &str) -> String {
        let files = self.files.iter().map(|file| format!("  {}\n", file.display())).collect::<String>();
        let mut report = format!(
            "Installed {NAME} {version} for Terraform and OpenTofu:\n{files}
Next, run `terraform init` or `tofu init` in the directory of a configuration with this block:

  terraform {{
    required_providers {{
      dds = {{
        source = \"{ADDRESS}\"
      }}
    }}
  }}
"
        );
        if self.replaced {
            let [terraform, opentofu] = HOSTS.map(|host| format!("provider \"{host}/{ADDRESS}\""));
            report.push_str(&format!(
                "
Another build of version {version} was replaced. If a directory has been initialized with that build, the file
.terraform.lock.hcl contains its checksum, and `terraform init` fails, also with -upgrade. Delete this block from the
file, and run `terraform init` again:

  {terraform}   (Terraform)
  {opentofu}   (OpenTofu)
"
            ));
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_contains_only_the_executable() {
        let home = tempfile::tempdir().unwrap();
        let directory = UserDirectory::below(Some(home.path().to_owned())).unwrap();
        let binary = home.path().join("built");
        fs::write(&binary, "first").unwrap();
        let installed = directory.install(&binary, "1.2.3").unwrap();
        assert!(!installed.replaced && !installed.report("1.2.3").contains("replaced"));
        for (file, host) in installed.files.iter().zip(HOSTS) {
            let package = directory.mirror().join(host).join("terraform-dds/dds/1.2.3").join(platform());
            let names: Vec<_> = fs::read_dir(package).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(names, std::slice::from_ref(file));
            assert!(file.ends_with(format!("{NAME}_v1.2.3{}", env::consts::EXE_SUFFIX)));
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o755);
            }
        }
        assert!(!directory.install(&binary, "1.2.3").unwrap().replaced, "the same build");
        fs::write(&binary, "second").unwrap();
        assert!(!directory.install(&binary, "1.2.4").unwrap().replaced, "another version");
        let installed = directory.install(&binary, "1.2.3").unwrap();
        assert!(installed.replaced && installed.report("1.2.3").contains(".terraform.lock.hcl"));
        assert_eq!(fs::read_to_string(&installed.files[1]).unwrap(), "second");
        let hosts = fs::read_dir(directory.mirror()).unwrap().count();
        assert_eq!(hosts, HOSTS.len(), "a temporary file remains");
    }

    #[test]
    fn other_executable_in_the_package_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let directory = UserDirectory::below(Some(home.path().to_owned())).unwrap();
        let binary = home.path().join("built");
        fs::write(&binary, "").unwrap();
        let installed = directory.install(&binary, "1.2.3").unwrap();
        fs::write(installed.files[0].with_file_name(NAME), "").unwrap();
        let error = directory.install(&binary, "1.2.3").err().unwrap().to_string();
        assert!(error.contains("remove it"), "{error}");
    }

    #[test]
    fn missing_home_directory_is_an_error() {
        for parent in [None, Some("relative".into()), Some("".into())] {
            let error = UserDirectory::below(parent).err().unwrap();
            assert!(error.contains("there is no home directory"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn program_that_is_not_the_provider_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("other");
        for (output, expected) in [
            ("terraform-provider-dds 1.2.3-beta1", Ok("1.2.3-beta1".to_owned())),
            ("terraform-provider-dds", Err("is not")),
            ("terraform-provider-dds ../x", Err("is not")),
            ("terraform-provider-ddsx 1.2.3", Err("is not")),
        ] {
            terraform_runner::write_script(&script, &format!("echo {output}")).unwrap();
            match (version(&script), expected) {
                (Ok(version), Ok(expected)) => assert_eq!(version, expected),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (result, _) => panic!("{output}: {result:?}"),
            }
        }
        assert!(version(&directory.path().join("absent")).unwrap_err().contains("cannot be started"));
    }
}
