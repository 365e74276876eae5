//! `SHA256SUMS` as cores read it, and digests in general.
//!
//! A blank line, a comment or a `*` before a name makes `terraform init` fail.

use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of some bytes as 64 lower-case hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// The sums of these files: digits, two spaces, name, one a line, in the order given.
pub fn text(files: &[&Path]) -> io::Result<String> {
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
    fn lines_are_those_of_sha256sum() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("b.zip"), folder.path().join("a.json"));
        fs::write(&one, "abc").unwrap();
        fs::write(&other, "").unwrap();
        // The digests of the standard's examples.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.zip\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.json\n";
        assert_eq!(text(&[&one, &other]).unwrap(), expected);
    }
}
