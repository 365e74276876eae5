//! The checksums of a package in lock files, implemented independently of Terraform and of `cargo xtask package`.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The SHA-256 checksum in lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The checksum of a zip file.
pub fn zh(zip: &[u8]) -> String {
    format!("zh:{}", sha256(zip))
}

/// The checksum of the files of a package, by name. Neither the modes nor the compression change it.
pub fn h1(files: &BTreeMap<String, Vec<u8>>) -> String {
    let lines: String =
        files.iter().map(|(name, content)| format!("{}  {name}\n", sha256(content))).collect();
    format!("h1:{}", BASE64_STANDARD.encode(digest(&SHA256, lines.as_bytes())))
}
