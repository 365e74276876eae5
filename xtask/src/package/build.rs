//! The executable of a package: static, small, and the same whoever builds it.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::dependencies::{Workspace, output};
use super::platform::{CLibrary, Platform, Target};

/// Separator of the flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Folders of the building machine, with their names in the executable.
struct PathPrefixes(Vec<(PathBuf, String)>);

/// The compiler that Cargo uses.
pub fn rustc() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// The target that this machine's compiler builds for by default.
pub fn host_target() -> Result<String, String> {
    let about = output(rustc().arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV prints no host".to_owned())
}

/// Builds the provider for a target and returns the executable's path.
pub fn executable(workspace: &Workspace, target: &str) -> Result<PathBuf, Box<dyn Error>> {
    let folder = workspace.target_folder.join("package");
    let prefixes = PathPrefixes::of_machine(workspace, &folder)?;
    let mut cargo = crate::cargo(&["build", "--release", "--locked", "--bin", super::NAME]);
    cargo.args(["--target", target]).arg("--target-dir").arg(&folder);
    // The workspace's `.cargo/config.toml` counts only from within.
    cargo.current_dir(&workspace.root);
    let mut flags = flags_of_caller();
    flags.extend(flags_of_target(Target::find(target)?));
    flags.extend(prefixes.rustc_flags());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR)).env_remove("RUSTFLAGS");
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("the build for {target} failed: {status}").into());
    }
    let platform = Platform::of_target(target)?;
    let file = format!("{}{}", super::NAME, platform.executable_suffix());
    let executable = folder.join(target).join("release").join(file);
    prefixes.check(&std::fs::read(&executable)?)?;
    if target == host_target()? {
        // With some versions of glibc a static executable does not start.
        output(Command::new(&executable).arg("--help"))?;
    }
    Ok(executable)
}

/// Fails for an executable of another platform, or a dynamic one for Linux.
pub fn check_executable(binary: &[u8], path: &Path, platform: &Platform) -> Result<(), String> {
    let (magic, format) = match platform.os.as_str() {
        "windows" => (b"MZ".as_slice(), "a Windows executable"),
        "darwin" => (b"\xcf\xfa\xed\xfe".as_slice(), "a 64-bit Mach-O executable"),
        _ => (b"\x7fELF\x02\x01".as_slice(), "a 64-bit ELF executable"),
    };
    if !binary.starts_with(magic) {
        return Err(format!("{} is not {format}, as {platform} needs", path.display()));
    }
    if platform.os != "linux" {
        return Ok(());
    }
    let machine = if platform.arch == "arm64" { 183 } else { 62 };
    if number(binary, 18, 2) != Some(machine) {
        return Err(format!("{} is not for {platform}: check --target", path.display()));
    }
    match is_static(binary) {
        Some(true) => Ok(()),
        Some(false) => Err(format!(
            "{} is dynamically linked: build it with -C target-feature=+crt-static",
            path.display()
        )),
        None => Err(format!("{} is truncated", path.display())),
    }
}

/// Whether a 64-bit ELF file names no program interpreter. None if it is not whole.
fn is_static(binary: &[u8]) -> Option<bool> {
    let (start, size, count) = (number(binary, 32, 8)?, number(binary, 54, 2)?, number(binary, 56, 2)?);
    const INTERPRETER: u64 = 3;
    for index in 0..count {
        if number(binary, start + index * size, 4)? == INTERPRETER {
            return Some(false);
        }
    }
    Some(true)
}

/// A little-endian number in the file.
fn number(binary: &[u8], at: u64, length: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = binary.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// The compiler flags of the caller, such as the paths of a cross linker.
fn flags_of_caller() -> Vec<String> {
    let words = |text: String, separator: &str| -> Vec<String> {
        text.split(separator).filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
    };
    match (env::var("CARGO_ENCODED_RUSTFLAGS"), env::var("RUSTFLAGS")) {
        (Ok(flags), _) => words(flags, SEPARATOR),
        (_, Ok(flags)) => words(flags, " "),
        _ => vec![],
    }
}

fn flags_of_target(target: &Target) -> Vec<String> {
    let mut flags = Vec::new();
    if target.c_library == CLibrary::Glibc || target.triple.ends_with("msvc") {
        flags.push("-Ctarget-feature=+crt-static");
    }
    // Saves 0.4 MB of the file and of memory. The linkers of other targets do not know the option.
    if target.triple == "x86_64-unknown-linux-gnu" {
        flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs");
    }
    flags.into_iter().map(str::to_owned).collect()
}

impl PathPrefixes {
    fn of_machine(workspace: &Workspace, target_folder: &Path) -> Result<Self, String> {
        let sysroot = output(rustc().args(["--print", "sysroot"]))?;
        let about = output(rustc().arg("-vV"))?;
        let commit = about.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
        let home = env::home_dir().unwrap_or_default();
        let cargo_home = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        // The last prefix that matches is used, so a folder comes after those that may contain it. The build of aws-lc-sys
        // removes the paths of its C code itself.
        Ok(Self(vec![
            (workspace.root.clone(), "/workspace".to_owned()),
            (target_folder.to_owned(), "/target".to_owned()),
            (cargo_home, "/cargo".to_owned()),
            // The name of this folder in a toolchain without the sources of the standard library.
            (Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")),
        ]))
    }

    fn rustc_flags(&self) -> Vec<String> {
        let flag = |(from, to): &(PathBuf, String)| format!("--remap-path-prefix={}={to}", from.display());
        self.0.iter().map(flag).collect()
    }

    /// Fails if the executable names one of the folders.
    fn check(&self, binary: &[u8]) -> Result<(), String> {
        for (folder, _) in &self.0 {
            let text = folder.display().to_string();
            if binary.windows(text.len()).any(|window| window == text.as_bytes()) {
                return Err(format!("the executable names the folder {text} of this machine"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The start of an ELF file for this machine with one program header of this kind.
    pub fn elf(machine: u8, kind: u8) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (file[18], file[32], file[54], file[56], file[64]) = (machine, 64, 56, 1, kind);
        file
    }

    #[test]
    fn only_a_static_executable_of_the_platform_is_packaged() {
        let check = |binary: &[u8], target: &str| {
            check_executable(binary, Path::new("file"), &Platform::of_target(target).unwrap())
        };
        let (amd64, arm64) = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu");
        assert_eq!(check(&elf(62, 1), amd64), Ok(()));
        assert_eq!(check(&elf(183, 1), arm64), Ok(()));
        for (binary, target, part) in [
            (elf(62, 3), amd64, "dynamically linked"),
            (elf(62, 1), arm64, "not for linux_arm64"),
            (elf(62, 1)[..60].to_vec(), amd64, "truncated"),
            (b"#!/bin/sh".to_vec(), amd64, "not a 64-bit ELF"),
            (elf(62, 1), "x86_64-pc-windows-msvc", "not a Windows"),
            (elf(62, 1), "aarch64-apple-darwin", "not a 64-bit Mach-O"),
        ] {
            let error = check(&binary, target).err().unwrap_or_default();
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(check(b"MZ", "x86_64-pc-windows-msvc"), Ok(()));
    }

    #[test]
    fn executable_that_names_the_builder_s_folders_is_refused() {
        let prefixes = PathPrefixes(vec![("/home/someone/work".into(), "/workspace".to_owned())]);
        assert_eq!(prefixes.rustc_flags(), ["--remap-path-prefix=/home/someone/work=/workspace"]);
        assert_eq!(prefixes.check(b"/workspace/src/main.rs"), Ok(()));
        let error = prefixes.check(b"panic at /home/someone/work/src/main.rs").unwrap_err();
        assert!(error.contains("/home/someone/work"), "{error}");
    }

    #[test]
    fn flags_fit_the_target() {
        let flags = |triple: &str| flags_of_target(Target::find(triple).unwrap());
        let is_static = "-Ctarget-feature=+crt-static";
        let relocations = "-Clink-arg=-Wl,-z,pack-relative-relocs";
        assert_eq!(flags("x86_64-unknown-linux-gnu"), [is_static, relocations]);
        assert_eq!(flags("aarch64-unknown-linux-gnu"), [is_static]);
        assert_eq!(flags("x86_64-pc-windows-msvc"), [is_static]);
        assert!(flags("aarch64-apple-darwin").is_empty());
    }
}
