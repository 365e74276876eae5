//! The notice for glibc, which is linked statically into the executables for Linux. Its licence is the LGPL.

use std::env;
use std::error::Error;
use std::fs;
use std::process::Command;

use super::dependencies::{Workspace, output};
use super::platform::{CLibrary, Target};

/// The start of glibc's name and version in the static library.
const BANNER: &[u8] = b"GNU C Library (";

/// The glibc that the linker of a target uses.
pub struct Glibc {
    /// Its name and version, such as `GNU C Library (…) stable release version 2.36.`
    banner: String,
    /// The version number, such as `2.36`.
    pub version: String,
}

/// The glibc in the executables of a target. None for targets that require no notice.
pub fn find(target: &str) -> Result<Option<Glibc>, Box<dyn Error>> {
    if Target::find(target)?.c_library != CLibrary::Glibc {
        return Ok(None);
    }
    let variable = format!("CARGO_TARGET_{}_LINKER", target.replace('-', "_").to_uppercase());
    let linker = env::var_os(&variable).unwrap_or_else(|| "cc".into());
    let library = output(Command::new(&linker).arg("-print-file-name=libc.a"))?;
    let library = library.trim();
    // If the linker does not find the file, it prints the file name without a directory.
    let content = fs::read(library).map_err(|error| {
        format!(
            "{} found no static C library ({library}: {error}): install libc6-dev or glibc-static, or set {variable}",
            linker.display()
        )
    })?;
    let glibc = Glibc::read(&content).ok_or_else(|| {
        format!("{library} contains no glibc version: install the static library of glibc, or set {variable}")
    })?;
    Ok(Some(glibc))
}

impl Glibc {
    /// Finds the name and version in the bytes of the static library.
    fn read(library: &[u8]) -> Option<Self> {
        let start = library.windows(BANNER.len()).position(|window| window == BANNER)?;
        let line = library[start..].split(|byte| matches!(byte, b'\n' | 0)).next()?;
        let banner = String::from_utf8_lossy(line).trim_end().to_owned();
        let (_, version) = banner.split_once("version ")?;
        let version = version.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
        let version = version.trim_end_matches('.').to_owned();
        (!version.is_empty()).then_some(Self { banner, version })
    }

    /// The notice that section 6 of the LGPL requires: licence, relinking and source offer.
    pub fn notice(&self, workspace: &Workspace) -> Result<String, Box<dyn Error>> {
        let license =
            spdx::license_id("LGPL-2.1-only").ok_or("the spdx crate contains no text of the LGPL")?.text();
        let (name, version, repository) = (super::NAME, &workspace.version, &workspace.repository);
        Ok(format!(
            "\
{name} {version} contains the GNU C Library, statically linked:

  {banner}
  Copyright (C) the Free Software Foundation, Inc.

The GNU C Library and its use are covered by the GNU Lesser General Public License, version 2.1 or later. Its text is
below. It comes with ABSOLUTELY NO WARRANTY. You may modify the rest of {name} for your own use, and reverse
engineer it for debugging such modifications.

How to link it with another version of the GNU C Library

The complete source of {name} {version} is public under the Apache License 2.0:

  {repository}/tree/v{version}

Install Rust and a C compiler, and run `cargo xtask package` in the directory of that source. It compiles the source and
links it with the GNU C Library that is installed on your machine, which may be a modified version.

Offer

For at least three years from the release of this version, its publisher gives anybody who has this copy the complete
source and the object files of {name} {version}, and the complete source of the GNU C Library as it was linked, for no
more than the cost of the transfer. Ask at:

  {repository}/issues

The executable also contains parts of GCC's runtime library, under the GNU General Public License, version 3 or later, with
the GCC Runtime Library Exception, version 3.1, which permits this copy under the license of {name}.

{line}

{license}
",
            banner = self.banner,
            line = "=".repeat(80),
            license = license.trim_end(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_found_in_the_static_library() {
        let library =
            b"!<arch>\n\0GNU C Library (Distribution 2.36-9+x1) stable release version 2.36.\nCopyright\0";
        let glibc = Glibc::read(library).unwrap();
        assert_eq!(glibc.version, "2.36");
        assert_eq!(glibc.banner, "GNU C Library (Distribution 2.36-9+x1) stable release version 2.36.");
        assert!(Glibc::read(b"another library").is_none());
    }

    #[test]
    fn targets_without_glibc_require_no_notice() {
        assert!(find("aarch64-apple-darwin").unwrap().is_none());
        assert!(find("x86_64-pc-windows-msvc").unwrap().is_none());
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn notice_contains_library_offer_and_license() {
        let target = super::super::build::host_target().unwrap();
        let workspace = Workspace::read(&target).unwrap();
        let notice = find(&target).unwrap().unwrap().notice(&workspace).unwrap();
        for part in [
            "GNU C Library (",
            "GNU LESSER GENERAL PUBLIC LICENSE",
            "at least three years",
            &format!("{}/tree/v{}", workspace.repository, workspace.version),
        ] {
            assert!(notice.contains(part), "{part:?} is missing in: {notice}");
        }
    }
}
