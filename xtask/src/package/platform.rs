//! Platforms with Go's names, which Terraform and registries use, and their Rust target triples.

use std::fmt;

/// The C library in the executables of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CLibrary {
    /// glibc, linked statically. Requires a notice.
    Glibc,
    /// A shared library or Microsoft's runtime. Requires no notice.
    NoNotice,
}

/// A target triple, its platform and its C library.
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
    /// Finds the target with this triple.
    pub fn find(triple: &str) -> Result<&'static Self, String> {
        let known: Vec<_> = TARGETS.iter().map(|target| target.triple).collect();
        TARGETS.iter().find(|target| target.triple == triple).ok_or_else(|| {
            format!(
                "the target triple {triple} is not supported: set --target to one of {}",
                known.join(", ")
            )
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
    /// The platform of a target triple.
    pub fn from_triple(triple: &str) -> Result<Self, String> {
        let target = Target::find(triple)?;
        Ok(Self { os: target.os.to_owned(), arch: target.arch.to_owned() })
    }

    /// Parses a name such as `linux_amd64`. None for an unknown platform.
    pub fn parse(name: &str) -> Option<Self> {
        let (os, arch) = name.split_once('_')?;
        TARGETS
            .iter()
            .any(|target| target.os == os && target.arch == arch)
            .then(|| Self { os: os.to_owned(), arch: arch.to_owned() })
    }

    /// The suffix of an executable's file name.
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
    fn every_target_triple_has_a_platform() {
        for target in &TARGETS {
            let platform = Platform::from_triple(target.triple).unwrap();
            assert_eq!(Platform::parse(&platform.to_string()), Some(platform));
        }
        assert_eq!(Platform::parse("linux"), None);
        assert_eq!(Platform::parse("linux_amd64.old"), None);
        assert_eq!(Platform::from_triple("x86_64-pc-windows-msvc").unwrap().executable_suffix(), ".exe");
        let error = Platform::from_triple("x86_64-unknown-linux-musl").unwrap_err();
        assert!(error.contains("x86_64-unknown-linux-gnu"), "{error}");
    }
}
