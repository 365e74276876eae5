//! Reads certificates from a zip file, in memory. Sizes and counts are limited, because the file comes from a server.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{CertificateError, X509Certificate, parse_plain};
use crate::huaweicloud::strings::printable;

/// Maximum number of entries. A zip file of a cloud service has up to ten.
pub(super) const MAX_ENTRIES: usize = 100;

/// Maximum size of all entries together, after decompression.
pub(super) const MAX_CONTENT: usize = 4 << 20;

/// Names in the error of a zip file without a certificate.
const MAX_NAMES: usize = 10;

/// The endings of names of certificate files.
const CERTIFICATE_ENDINGS: [&str; 4] = [".pem", ".crt", ".cer", ".der"];

/// Whether the file begins like a zip file, or like one without entries.
pub(super) fn is_zip(file: &[u8]) -> bool {
    file.starts_with(b"PK\x03\x04") || file.starts_with(b"PK\x05\x06")
}

/// Returns the certificates in all entries, by name. Names are never used as paths.
pub(super) fn parse(file: &[u8]) -> Result<Vec<X509Certificate>, CertificateError> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| zip_error(&error))?;
    if archive.len() > MAX_ENTRIES {
        return Err(CertificateError::TooManyZipEntries { count: archive.len() });
    }
    let (mut found, mut names, mut remaining) = (Vec::new(), Vec::new(), MAX_CONTENT);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| zip_error(&error))?;
        if !entry.is_file() {
            continue;
        }
        let name = entry.name().map_or_else(|_| format!("entry {}", index + 1), |name| name.into_owned());
        let mut content = Vec::new();
        // One more byte shows that the limit is exceeded. The size in the header may be wrong.
        let limit = u64::try_from(remaining).unwrap_or(u64::MAX) + 1;
        let read = entry.by_ref().take(limit).read_to_end(&mut content);
        if content.len() > remaining {
            return Err(CertificateError::ZipContentTooLarge);
        }
        read.map_err(|error| CertificateError::InvalidZip(printable(&error.to_string())))?;
        remaining -= content.len();
        match parse_plain(&content) {
            Ok(certificates) => found.push((name.clone(), certificates)),
            // A certificate that is silently left out would be missing in the bundle.
            Err(error) if error != CertificateError::NotACertificate || has_certificate_ending(&name) => {
                return Err(CertificateError::ZipEntry { name: printable(&name), error: Box::new(error) });
            }
            Err(_) => {}
        }
        names.push(name);
    }
    if found.is_empty() {
        return Err(CertificateError::NoCertificateInZip(list(&names)));
    }
    found.sort_by(|(name, _), (other, _)| name.cmp(other));
    Ok(found.into_iter().flat_map(|(_, certificates)| certificates).collect())
}

fn has_certificate_ending(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // Finder of macOS adds a file with attributes for each file.
    !name.starts_with("__macosx/") && CERTIFICATE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMES).map(|name| printable(name));
    let rest = names.len().saturating_sub(MAX_NAMES);
    let shown: Vec<_> = shown.chain((rest > 0).then(|| format!("{rest} more"))).collect();
    if shown.is_empty() { "nothing".to_owned() } else { printable(&shown.join(", ")) }
}

fn zip_error(error: &ZipError) -> CertificateError {
    CertificateError::InvalidZip(printable(&error.to_string()))
}
