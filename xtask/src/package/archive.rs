//! The zip that a core installs: the same bytes for the same files.
//!
//! Folders have no entries: a core counts them in the hash of a zip, but not in the hash of the installed folder. A core keeps
//! the executable's mode. Order, times and compression level are fixed.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError};

/// A file of the archive, at its root.
pub struct Entry {
    name: String,
    mode: u32,
    content: Vec<u8>,
}

impl Entry {
    /// A file with mode 0644.
    pub fn text(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), mode: 0o644, content }
    }

    /// A file with mode 0755.
    pub fn executable(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), mode: 0o755, content }
    }
}

/// The bytes of an archive with these files, in the order of their names.
pub fn zip(mut entries: Vec<Entry>) -> Result<Vec<u8>, ZipError> {
    entries.sort_by(|one, other| one.name.cmp(&other.name));
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
        vec![Entry::executable("run_v1", b"\x7fELF".repeat(500)), Entry::text("LICENSE", b"text".to_vec())]
    }

    /// A number of so many bytes in the archive, the lowest first.
    fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
        bytes[at..at + length].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    #[test]
    fn archive_depends_on_its_files_only() {
        let mut reversed = files();
        reversed.reverse();
        assert_eq!(zip(files()).unwrap(), zip(reversed).unwrap());
    }

    #[test]
    fn files_are_read_back() {
        let mut archive = zip::ZipArchive::new(Cursor::new(zip(files()).unwrap())).unwrap();
        assert_eq!(archive.len(), 2);
        let mut content = Vec::new();
        archive.by_name("run_v1").unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"\x7fELF".repeat(500));
    }

    /// By the format's specification, without the crate that wrote it.
    #[test]
    fn central_directory_has_modes_and_fixed_times() {
        let bytes = zip(files()).unwrap();
        let end = bytes.len() - 22;
        assert_eq!(number(&bytes, end, 4), 0x0605_4b50, "the end record, and no comment after it");
        assert_eq!(number(&bytes, end + 10, 2), 2, "two entries");
        let mut at = number(&bytes, end + 16, 4) as usize;
        for (name, mode) in [("LICENSE", 0o100_644), ("run_v1", 0o100_755)] {
            assert_eq!(number(&bytes, at, 4), 0x0201_4b50);
            assert_eq!(bytes[at + 5], 3, "made on Unix, so that the mode counts");
            assert_eq!(number(&bytes, at + 10, 2), 8, "deflated");
            assert_eq!(number(&bytes, at + 12, 4), 0x0021_0000, "midnight of 1 January 1980");
            let length = number(&bytes, at + 28, 2) as usize;
            assert_eq!(number(&bytes, at + 30, 2), 0, "no extra field");
            assert_eq!(number(&bytes, at + 38, 4) >> 16, mode);
            assert_eq!(&bytes[at + 46..at + 46 + length], name.as_bytes());
            at += 46 + length;
        }
        assert_eq!(at, end, "nothing else is in the directory");
    }

    /// Another implementation reads it, where there is one.
    #[test]
    fn unzip_finds_no_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.zip");
        std::fs::write(&path, zip(files()).unwrap()).unwrap();
        match Command::new("unzip").arg("-t").arg(&path).output() {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() && text.contains("No errors detected"), "{text}");
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("unzip is not installed: only the crate zip has read the archive");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
