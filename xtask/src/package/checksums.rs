//! SHA-256 checksums, and the file `SHA256SUMS` that Terraform reads.
//!
//! `terraform init` fails if the file contains an empty line, a comment, or a `*` before a file name.

use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The SHA-256 checksum as 64 lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// The content of `SHA256SUMS`: a line for each file, with checksum, two spaces and file name.
pub fn sha256sums(files: &[&Path]) -> io::Result<String> {
    let line = |path: &&Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(format!("{}  {name}\n", sha256(&fs::read(path)?)))
    };
    files.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_format_of_sha256sum() {
        let directory = tempfile::tempdir().unwrap();
        let (zip_file, manifest) = (directory.path().join("b.zip"), directory.path().join("a.json"));
        fs::write(&zip_file, "abc").unwrap();
        fs::write(&manifest, "").unwrap();
        // The checksums are test vectors of NIST.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.zip\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.json\n";
        assert_eq!(sha256sums(&[&zip_file, &manifest]).unwrap(), expected);
    }
}
