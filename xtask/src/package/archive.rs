//! The zip file that Terraform installs. The same files always result in the same bytes.
//!
//! The order, times and compression level are fixed. Terraform keeps the mode of the executable. Directories have no
//! entries: Terraform includes them in the hash of a zip file, but not in the hash of the installed directory.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError};

/// A file in the root directory of the zip file.
pub struct Entry {
    name: String,
    mode: u32,
    content: Vec<u8>,
}

impl Entry {
    /// A text file, with mode 0644.
    pub fn text_file(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), mode: 0o644, content }
    }

    /// An executable, with mode 0755.
    pub fn executable(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), mode: 0o755, content }
    }
}

/// Returns the bytes of a zip file with these files, sorted by name.
pub fn build_zip(mut entries: Vec<Entry>) -> Result<Vec<u8>, ZipError> {
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(entry.mode);
        writer.start_file(entry.name, options)?;
        writer.write_all(&entry.content)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::Command;

    use super::*;

    fn files() -> Vec<Entry> {
        vec![
            Entry::executable("run_v1", b"\x7fELF".repeat(500)),
            Entry::text_file("LICENSE", b"text".to_vec()),
        ]
    }

    /// The little-endian number at an offset.
    fn little_endian(bytes: &[u8], offset: usize, length: usize) -> u64 {
        bytes[offset..offset + length].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    #[test]
    fn order_of_the_files_does_not_change_the_bytes() {
        let mut reversed = files();
        reversed.reverse();
        assert_eq!(build_zip(files()).unwrap(), build_zip(reversed).unwrap());
    }

    #[test]
    fn content_of_a_file_is_preserved() {
        let mut archive = zip::ZipArchive::new(Cursor::new(build_zip(files()).unwrap())).unwrap();
        assert_eq!(archive.len(), 2);
        let mut content = Vec::new();
        archive.by_name("run_v1").unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"\x7fELF".repeat(500));
    }

    /// Parses the bytes as in the zip specification, without the zip crate.
    #[test]
    fn central_directory_has_modes_and_fixed_times() {
        let bytes = build_zip(files()).unwrap();
        let end = bytes.len() - 22;
        assert_eq!(little_endian(&bytes, end, 4), 0x0605_4b50, "the end record without a comment");
        assert_eq!(little_endian(&bytes, end + 10, 2), 2, "two entries");
        let mut offset = little_endian(&bytes, end + 16, 4) as usize;
        for (name, mode) in [("LICENSE", 0o100_644), ("run_v1", 0o100_755)] {
            assert_eq!(little_endian(&bytes, offset, 4), 0x0201_4b50);
            assert_eq!(bytes[offset + 5], 3, "created on Unix, otherwise the mode is ignored");
            assert_eq!(little_endian(&bytes, offset + 10, 2), 8, "deflated");
            assert_eq!(little_endian(&bytes, offset + 12, 4), 0x0021_0000, "midnight of 1 January 1980");
            let length = little_endian(&bytes, offset + 28, 2) as usize;
            assert_eq!(little_endian(&bytes, offset + 30, 2), 0, "no extra field");
            assert_eq!(little_endian(&bytes, offset + 38, 4) >> 16, mode);
            assert_eq!(&bytes[offset + 46..offset + 46 + length], name.as_bytes());
            offset += 46 + length;
        }
        assert_eq!(offset, end, "the central directory has no other entries");
    }

    /// Tests the zip file with another implementation, if it is installed.
    #[test]
    fn unzip_finds_no_errors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("package.zip");
        std::fs::write(&path, build_zip(files()).unwrap()).unwrap();
        match Command::new("unzip").arg("-t").arg(&path).output() {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() && text.contains("No errors detected"), "{text}");
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("unzip is not installed: the test is skipped");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
