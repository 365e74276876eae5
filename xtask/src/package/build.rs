//! The executable of a package: static, small, and the same on every machine that builds it.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::dependencies::{Workspace, output};
use super::platform::{CLibrary, Platform, Target};

/// Separator of the flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Directories of this machine, and the paths that replace them in the executable.
struct PathPrefixes(Vec<(PathBuf, String)>);

/// A command for the Rust compiler that Cargo uses.
pub fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// The target triple of this machine.
pub fn host_target() -> Result<String, String> {
    let version_info = output(rustc().arg("-vV"))?;
    let host = version_info.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "the output of rustc -vV contains no host".to_owned())
}

/// Builds an executable of a package for a target and returns its path.
pub fn build_executable(
    workspace: &Workspace,
    target: &str,
    package: &str,
    name: &str,
) -> Result<PathBuf, Box<dyn Error>> {
    let directory = workspace.target_directory.join("package");
    let prefixes = PathPrefixes::for_this_machine(workspace, &directory)?;
    let mut cargo = crate::cargo(&["build", "--release", "--locked", "--package", package, "--bin", name]);
    cargo.args(["--target", target]).arg("--target-dir").arg(&directory);
    // Cargo reads the workspace's `.cargo/config.toml` only in this directory.
    cargo.current_dir(&workspace.root);
    let mut flags = environment_flags();
    flags.extend(target_flags(Target::find(target)?));
    flags.extend(prefixes.rustc_flags());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR)).env_remove("RUSTFLAGS");
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("the build for {target} failed: {status}").into());
    }
    let platform = Platform::from_triple(target)?;
    let file = format!("{name}{}", platform.executable_suffix());
    let executable = directory.join(target).join("release").join(file);
    prefixes.check(&std::fs::read(&executable)?)?;
    if target == host_target()? {
        // A static executable does not start with some versions of glibc.
        output(Command::new(&executable).arg("--help"))?;
    }
    Ok(executable)
}

/// Rejects executables of other platforms, and dynamically linked ones for Linux.
pub fn check_executable(binary: &[u8], path: &Path, platform: &Platform) -> Result<(), String> {
    let (magic, format) = match platform.os.as_str() {
        "windows" => (b"MZ".as_slice(), "a Windows executable"),
        "darwin" => (b"\xcf\xfa\xed\xfe".as_slice(), "a 64-bit Mach-O executable"),
        _ => (b"\x7fELF\x02\x01".as_slice(), "a 64-bit ELF executable"),
    };
    if !binary.starts_with(magic) {
        return Err(format!(
            "{} is not {format}, which {platform} requires: check --binary and --target",
            path.display()
        ));
    }
    if platform.os != "linux" {
        return Ok(());
    }
    let machine = if platform.arch == "arm64" { 183 } else { 62 };
    if little_endian(binary, 18, 2) != Some(machine) {
        return Err(format!(
            "{} is not an executable for {platform}: check --binary and --target",
            path.display()
        ));
    }
    match is_static(binary) {
        Some(true) => Ok(()),
        Some(false) => Err(format!(
            "{} is dynamically linked: build it with -C target-feature=+crt-static",
            path.display()
        )),
        None => Err(format!("{} is truncated: check --binary", path.display())),
    }
}

/// Whether a 64-bit ELF file has no program interpreter. None if the file is truncated.
fn is_static(binary: &[u8]) -> Option<bool> {
    let (start, size, count) =
        (little_endian(binary, 32, 8)?, little_endian(binary, 54, 2)?, little_endian(binary, 56, 2)?);
    const INTERPRETER: u64 = 3;
    for index in 0..count {
        if little_endian(binary, start + index * size, 4)? == INTERPRETER {
            return Some(false);
        }
    }
    Some(true)
}

/// The little-endian number at an offset. None after the end of the file.
fn little_endian(binary: &[u8], offset: u64, length: usize) -> Option<u64> {
    let offset = usize::try_from(offset).ok()?;
    let bytes = binary.get(offset..offset.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// The compiler flags from the environment, such as the path of a cross linker.
fn environment_flags() -> Vec<String> {
    let split = |flags: String, separator: &str| -> Vec<String> {
        flags.split(separator).filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
    };
    match (env::var("CARGO_ENCODED_RUSTFLAGS"), env::var("RUSTFLAGS")) {
        (Ok(flags), _) => split(flags, SEPARATOR),
        (_, Ok(flags)) => split(flags, " "),
        _ => vec![],
    }
}

fn target_flags(target: &Target) -> Vec<String> {
    let mut flags = Vec::new();
    if target.c_library == CLibrary::Glibc || target.triple.ends_with("msvc") {
        flags.push("-Ctarget-feature=+crt-static");
    }
    // Reduces the file and the memory by 0.4 MB. The linkers of other targets reject the option.
    if target.triple == "x86_64-unknown-linux-gnu" {
        flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs");
    }
    flags.into_iter().map(str::to_owned).collect()
}

impl PathPrefixes {
    fn for_this_machine(workspace: &Workspace, target_directory: &Path) -> Result<Self, String> {
        let sysroot = output(rustc().args(["--print", "sysroot"]))?;
        let version_info = output(rustc().arg("-vV"))?;
        let commit =
            version_info.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        let home = env::home_dir().unwrap_or_default();
        let cargo_home = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        // The compiler uses the last prefix that matches, so a directory must follow its parents. The build of aws-lc-sys
        // removes the paths of its C code itself.
        Ok(Self(vec![
            (workspace.root.clone(), "/workspace".to_owned()),
            (target_directory.to_owned(), "/target".to_owned()),
            (cargo_home, "/cargo".to_owned()),
            // If the toolchain has no sources of the standard library, their paths have this prefix already.
            (Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")),
        ]))
    }

    fn rustc_flags(&self) -> Vec<String> {
        let flag = |(from, to): &(PathBuf, String)| format!("--remap-path-prefix={}={to}", from.display());
        self.0.iter().map(flag).collect()
    }

    /// Rejects an executable that contains the path of one of the directories.
    fn check(&self, binary: &[u8]) -> Result<(), String> {
        for (directory, _) in &self.0 {
            let path = directory.display().to_string();
            if binary.windows(path.len()).any(|window| window == path.as_bytes()) {
                return Err(format!("the executable contains the path {path} of this machine"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The start of an ELF file with this machine type and one program header of this type.
    pub fn elf(machine: u8, header_type: u8) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (file[18], file[32], file[54], file[56], file[64]) = (machine, 64, 56, 1, header_type);
        file
    }

    #[test]
    fn dynamic_executables_and_other_platforms_are_rejected() {
        let check = |binary: &[u8], target: &str| {
            check_executable(binary, Path::new("file"), &Platform::from_triple(target).unwrap())
        };
        let (amd64, arm64) = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu");
        assert_eq!(check(&elf(62, 1), amd64), Ok(()));
        assert_eq!(check(&elf(183, 1), arm64), Ok(()));
        for (binary, target, message) in [
            (elf(62, 3), amd64, "dynamically linked"),
            (elf(62, 1), arm64, "not an executable for linux_arm64"),
            (elf(62, 1)[..60].to_vec(), amd64, "truncated"),
            (b"#!/bin/sh".to_vec(), amd64, "not a 64-bit ELF"),
            (elf(62, 1), "x86_64-pc-windows-msvc", "not a Windows"),
            (elf(62, 1), "aarch64-apple-darwin", "not a 64-bit Mach-O"),
        ] {
            let error = check(&binary, target).err().unwrap_or_default();
            assert!(error.contains(message), "{message}: {error}");
        }
        assert_eq!(check(b"MZ", "x86_64-pc-windows-msvc"), Ok(()));
    }

    #[test]
    fn executable_with_a_path_of_this_machine_is_rejected() {
        let prefixes = PathPrefixes(vec![("/home/builder/provider".into(), "/workspace".to_owned())]);
        assert_eq!(prefixes.rustc_flags(), ["--remap-path-prefix=/home/builder/provider=/workspace"]);
        assert_eq!(prefixes.check(b"/workspace/src/main.rs"), Ok(()));
        let error = prefixes.check(b"panic at /home/builder/provider/src/main.rs").unwrap_err();
        assert!(error.contains("/home/builder/provider"), "{error}");
    }

    #[test]
    fn compiler_flags_depend_on_the_target() {
        let flags = |triple: &str| target_flags(Target::find(triple).unwrap());
        let is_static = "-Ctarget-feature=+crt-static";
        let relocations = "-Clink-arg=-Wl,-z,pack-relative-relocs";
        assert_eq!(flags("x86_64-unknown-linux-gnu"), [is_static, relocations]);
        assert_eq!(flags("aarch64-unknown-linux-gnu"), [is_static]);
        assert_eq!(flags("x86_64-pc-windows-msvc"), [is_static]);
        assert!(flags("aarch64-apple-darwin").is_empty());
    }
}
