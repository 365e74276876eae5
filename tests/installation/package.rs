//! The release package of the provider, and the programs that the tests run. They are built once.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

pub use terraform_provider_dds::tfplugin::platform;

use crate::hashes;

/// The version of the provider.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name of the executable in a package.
pub const EXECUTABLE: &str = concat!("terraform-provider-dds_v", env!("CARGO_PKG_VERSION"));

/// The built programs.
pub struct Programs {
    /// The provider, statically linked where a package requires it.
    pub provider: PathBuf,
    pub xtask: PathBuf,
    /// The example of another provider.
    pub example: PathBuf,
}

/// A release package for this machine.
pub struct Package {
    pub zip_name: String,
    pub zip: Vec<u8>,
    /// The content of `SHA256SUMS`.
    pub checksums: Vec<u8>,
    /// The files in the zip file, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Builds the programs. A static build is needed only on Linux.
pub fn programs() -> &'static Programs {
    static PROGRAMS: LazyLock<Result<Programs, String>> = LazyLock::new(|| {
        #[cfg(target_os = "linux")]
        let provider = plugin_host::build_static_provider()?;
        #[cfg(not(target_os = "linux"))]
        let provider = plugin_host::build_provider()?;
        let (xtask, example) = plugin_host::build_xtask_and_example("minimal_provider")?;
        Ok(Programs { provider, xtask, example })
    });
    PROGRAMS.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// Runs `cargo xtask package` with these arguments, in the directory of the package.
pub fn run_package<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
    let mut command = Command::new(&programs().xtask);
    let output = command.arg("package").arg("--out").arg(&directory).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    directory
}

/// Builds the package without a signature.
pub fn package() -> &'static Package {
    static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
        let directory = run_package([OsStr::new("--binary"), programs().provider.as_os_str()]);
        let zip_name = format!("terraform-provider-dds_{VERSION}_{}.zip", platform());
        let read =
            |name: &str| fs::read(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let zip = read(&zip_name);
        let mut archive = ZipArchive::new(Cursor::new(&zip)).unwrap();
        let files = (0..archive.len()).map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        });
        let files: BTreeMap<_, _> = files.collect();
        assert!(files.contains_key(EXECUTABLE) && files.len() > 3);
        let checksums = read(&format!("terraform-provider-dds_{VERSION}_SHA256SUMS"));
        Package { zip_name, checksums, files, zip }
    });
    &PACKAGE
}

impl Package {
    /// The checksum of the installed files in lock files.
    pub fn h1(&self) -> String {
        hashes::h1(&self.files)
    }

    /// The name of a file of the release.
    pub fn file_name(suffix: &str) -> String {
        format!("terraform-provider-dds_{VERSION}_{suffix}")
    }

    /// Extracts the zip file into a directory.
    pub fn extract(&self, directory: &Path) {
        ZipArchive::new(Cursor::new(&self.zip)).unwrap().extract(directory).unwrap();
    }
}

/// A zip file with the same name for the executable, but another content.
pub fn other_zip() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(EXECUTABLE, SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(b"#!/bin/sh\n").unwrap();
    writer.finish().unwrap().into_inner()
}
