//! Platforms by Go's names, as registries and cores write them, and the Rust targets that are built for them.

use std::fmt;

/// The C library of a target's executables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CLibrary {
    /// glibc, linked statically.
    Glibc,
    /// A library that needs no notice: shared, or Microsoft's runtime.
    NoNotice,
}

/// A row of the table of targets.
pub struct Target {
    pub triple: &'static str,
    pub os: &'static str,
    pub arch: &'static str,
    pub c_library: CLibrary,
}

/// The targets of release packages.
pub const TARGETS: [Target; 7] = [
    target("x86_64-unknown-linux-gnu", "linux", "amd64", CLibrary::Glibc),
    target("aarch64-unknown-linux-gnu", "linux", "arm64", CLibrary::Glibc),
    target("x86_64-apple-darwin", "darwin", "amd64", CLibrary::NoNotice),
    target("aarch64-apple-darwin", "darwin", "arm64", CLibrary::NoNotice),
    target("x86_64-pc-windows-msvc", "windows", "amd64", CLibrary::NoNotice),
    target("aarch64-pc-windows-msvc", "windows", "arm64", CLibrary::NoNotice),
    target("x86_64-unknown-freebsd", "freebsd", "amd64", CLibrary::NoNotice),
];

const fn target(triple: &'static str, os: &'static str, arch: &'static str, c_library: CLibrary) -> Target {
    Target { triple, os, arch, c_library }
}

impl Target {
    /// The row of a triple.
    pub fn find(triple: &str) -> Result<&'static Self, String> {
        let known: Vec<_> = TARGETS.iter().map(|target| target.triple).collect();
        TARGETS.iter().find(|target| target.triple == triple).ok_or_else(|| {
            format!("there are no packages for {triple}: set --target to one of {}", known.join(", "))
        })
    }
}

/// A platform such as `linux_amd64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    pub os: String,
    pub arch: String,
}

impl Platform {
    /// The platform of a Rust target.
    pub fn of_target(triple: &str) -> Result<Self, String> {
        let target = Target::find(triple)?;
        Ok(Self { os: target.os.to_owned(), arch: target.arch.to_owned() })
    }

    /// The platform of this name.
    pub fn parse(name: &str) -> Option<Self> {
        let (os, arch) = name.split_once('_')?;
        TARGETS
            .iter()
            .any(|target| target.os == os && target.arch == arch)
            .then(|| Self { os: os.to_owned(), arch: arch.to_owned() })
    }

    /// The end of an executable's file name.
    pub fn executable_suffix(&self) -> &'static str {
        if self.os == "windows" { ".exe" } else { "" }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.os, self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_targets_agree() {
        for target in &TARGETS {
            let platform = Platform::of_target(target.triple).unwrap();
            assert_eq!(Platform::parse(&platform.to_string()), Some(platform));
        }
        assert_eq!(Platform::parse("linux"), None);
        assert_eq!(Platform::parse("linux_amd64.old"), None);
        assert_eq!(Platform::of_target("x86_64-pc-windows-msvc").unwrap().executable_suffix(), ".exe");
        let error = Platform::of_target("x86_64-unknown-linux-musl").unwrap_err();
        assert!(error.contains("x86_64-unknown-linux-gnu"), "{error}");
    }
}
