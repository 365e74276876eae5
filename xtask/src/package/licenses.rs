//! The licence texts of all linked code. A text that several crates have is written once.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use spdx::{Expression, ParseMode};

use super::build::rustc;
use super::dependencies::{Crate, Workspace, output};

/// The prefixes of the names of licence files, in lower case.
const LICENSE_PREFIXES: [&str; 4] = ["license", "licence", "copying", "unlicense"];

/// The prefixes of the names of files that accompany a licence, in lower case.
const NOTICE_PREFIXES: [&str; 2] = ["notice", "copyright"];

/// The version and licence texts of Rust's standard library, which every executable contains.
pub struct StandardLibrary {
    pub version: String,
    pub license_texts: Vec<u8>,
}

impl StandardLibrary {
    /// Reads the licence texts from this file, or by default from the toolchain.
    pub fn find(file: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let version_info = output(rustc().arg("-vV"))?;
        let version = version_info.lines().find_map(|line| line.strip_prefix("release: "));
        let version = version.ok_or("the output of rustc -vV contains no version")?.to_owned();
        let file = match file {
            Some(file) => file.to_owned(),
            None => Path::new(output(rustc().args(["--print", "sysroot"]))?.trim())
                .join("share/doc/rust/COPYRIGHT-library.html"),
        };
        let license_texts = fs::read(&file).map_err(|error| {
            format!(
                "cannot read the licence of Rust's standard library in {}: {error}. Use a toolchain of rustup, or set \
                 --std-license to the COPYRIGHT-library.html of the toolchain",
                file.display()
            )
        })?;
        Ok(Self { version, license_texts })
    }
}

/// The content of `THIRD-PARTY-LICENSES.txt`. Fails if a crate has no licence text.
pub fn third_party_licenses(workspace: &Workspace) -> Result<String, Box<dyn Error>> {
    let mut texts_of_crates = Vec::new();
    for linked in &workspace.crates {
        texts_of_crates.push((linked, license_texts(linked)?));
    }
    let mut missing = Vec::new();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::new();
    for (linked, own_texts) in &texts_of_crates {
        let title = format!("{} {}", linked.id.name, linked.id.version);
        let license = expression(linked)?;
        let repository = linked.repository.as_deref().unwrap_or("no repository");
        writeln!(list, "{title}: {license}; {repository}")?;
        // If a crate has no licence file, use that of a crate with the same repository and licence.
        let sibling = texts_of_crates.iter().find(|(candidate, texts)| {
            !texts.is_empty()
                && linked.repository.is_some()
                && (&candidate.license, &candidate.repository) == (&linked.license, &linked.repository)
        });
        let crate_texts =
            if own_texts.is_empty() { sibling.map(|(_, texts)| texts) } else { Some(own_texts) };
        match crate_texts {
            Some(crate_texts) => {
                for text in crate_texts {
                    texts.entry(text.clone()).or_default().push(title.clone());
                }
            }
            None => missing.push(title),
        }
    }
    if !missing.is_empty() {
        return Err(format!(
            "no licence text in: {}. Use a version of the crate that contains its licence, or another crate",
            missing.join(", ")
        )
        .into());
    }
    Ok(document(workspace, &list, texts))
}

/// Formats the list of crates, then each licence text with the crates that use it.
fn document(workspace: &Workspace, list: &str, texts: BTreeMap<String, Vec<String>>) -> String {
    let mut texts: Vec<_> = texts
        .into_iter()
        .map(|(text, mut titles)| {
            titles.dedup();
            (titles, text)
        })
        .collect();
    texts.sort();
    let line = "=".repeat(80);
    let mut document = format!(
        "Third-party software in {} {}\n\nThe executable contains the crates below, and Rust's standard library, whose \
         licenses are in\nRUST-LIBRARY-LICENSES.html. The text of every license follows the list.\n\n{list}",
        super::NAME,
        workspace.version
    );
    for (titles, text) in texts {
        let _ = write!(document, "\n{line}\nFor: {}\n{line}\n\n{text}\n", titles.join(", "));
    }
    document
}

/// The licence of a crate as a valid SPDX expression, or the name of its licence file.
pub fn expression(linked: &Crate) -> Result<String, String> {
    let id = &linked.id;
    match (&linked.license, &linked.license_file) {
        // Old crates have expressions such as `MIT/Apache-2.0`.
        (Some(license), _) => Expression::parse_mode(license, ParseMode::LAX)
            .and_then(|_| Expression::canonicalize(license))
            .map(|canonical| canonical.unwrap_or_else(|| license.clone()))
            .map_err(|error| {
                format!("{} {} has the invalid licence {license:?}: {error}", id.name, id.version)
            }),
        (None, Some(file)) => Ok(format!("see {}", file.display())),
        (None, None) => Err(format!("{} {} has no licence in its manifest", id.name, id.version)),
    }
}

/// The contents of all licence files in a crate, including vendored code.
fn license_texts(linked: &Crate) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    collect_license_files(&linked.directory, &mut paths)?;
    if let Some(file) = &linked.license_file {
        paths.push(linked.directory.join(file));
    }
    paths.sort();
    paths.dedup();
    // A notice without a licence grants no rights.
    let is_notice = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        NOTICE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    if paths.iter().all(|path| is_notice(&path)) {
        return Ok(vec![]);
    }
    let text = |path: &PathBuf| {
        let text = String::from_utf8_lossy(&fs::read(path)?).replace("\r\n", "\n");
        Ok(text.trim_matches('\n').to_owned())
    };
    paths.iter().map(text).collect()
}

fn collect_license_files(directory: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // `is_dir` follows symbolic links. A crate may link to the licence file of its workspace.
        if path.is_dir() {
            if path.file_name() != Some(OsStr::new("target")) {
                collect_license_files(&path, paths)?;
            }
        } else if is_license_file(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

/// Whether a file name is that of a licence file. `license.rs` is source code.
fn is_license_file(path: &Path) -> bool {
    let lower = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().to_lowercase();
    let directory = lower(path.parent().and_then(Path::file_name));
    let name = lower(path.file_name());
    let extension = lower(path.extension());
    let is_text = ["", "txt", "md"].contains(&extension.as_str())
        // The extensions of `LICENSE-APACHE-2.0` and `LICENSE.MIT`, for example.
        || extension.starts_with(|letter: char| letter.is_ascii_digit())
        || spdx::imprecise_license_id(&extension).is_some();
    is_text
        && (LICENSE_PREFIXES.iter().chain(&NOTICE_PREFIXES).any(|prefix| name.starts_with(prefix))
            || directory == "licenses")
}

#[cfg(test)]
mod tests {
    use super::super::dependencies::CrateId;
    use super::*;

    fn sample_crate(name: &str, directory: &Path) -> Crate {
        Crate {
            id: CrateId { name: name.to_owned(), version: "1.0.0".to_owned() },
            license: Some("MIT/Apache-2.0".to_owned()),
            license_file: None,
            repository: Some("https://example.com/alpha".to_owned()),
            directory: directory.join(name),
            from_crates_io: true,
            dependencies: vec![],
        }
    }

    fn workspace(crates: Vec<Crate>) -> Workspace {
        Workspace {
            root: PathBuf::new(),
            target_directory: PathBuf::new(),
            version: "1.2.3".to_owned(),
            license: "Apache-2.0".to_owned(),
            repository: "https://example.com".to_owned(),
            description: String::new(),
            direct_dependencies: vec![],
            crates,
        }
    }

    #[test]
    fn every_linked_crate_has_a_license_text() {
        let workspace = Workspace::read(&super::super::build::host_target().unwrap()).unwrap();
        let text = third_party_licenses(&workspace).unwrap();
        for linked in &workspace.crates {
            let title = format!("{} {}", linked.id.name, linked.id.version);
            let is_heading = |line: &&str| line.starts_with("For: ") && line.contains(&title);
            assert!(
                text.contains(&format!("\n{title}: ")) && text.lines().any(|line| is_heading(&line)),
                "{title}"
            );
        }
        // Third-party code in the C code of aws-lc.
        assert!(text.contains("The fiat-crypto authors") || text.contains("fiat-crypto"), "vendored code");
    }

    #[test]
    fn crate_without_a_license_text_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["alpha", "beta"] {
            fs::create_dir_all(directory.path().join(name).join("src")).unwrap();
        }
        fs::write(directory.path().join("alpha/src/license.rs"), "code").unwrap();
        fs::write(directory.path().join("beta/NOTICE"), "a notice alone").unwrap();
        let crates = || vec![sample_crate("alpha", directory.path()), sample_crate("beta", directory.path())];
        let error = third_party_licenses(&workspace(crates())).unwrap_err().to_string();
        assert!(error.starts_with("no licence text in: alpha 1.0.0, beta 1.0.0."), "{error}");

        // A crate of the same repository has the same licence text.
        fs::write(directory.path().join("alpha/LICENSE-MIT"), "Permission\r\nis granted\n\n").unwrap();
        let document = third_party_licenses(&workspace(crates())).unwrap();
        assert!(document.contains("For: alpha 1.0.0, beta 1.0.0\n"), "{document}");
        assert!(document.ends_with("\n\nPermission\nis granted\n"), "{document}");
        assert!(
            document.contains("\nalpha 1.0.0: MIT OR Apache-2.0; https://example.com/alpha\n"),
            "{document}"
        );

        // A crate of another repository requires its own text.
        let mut crates = crates();
        crates[1].repository = Some("https://example.com/beta".to_owned());
        let error = third_party_licenses(&workspace(crates)).unwrap_err().to_string();
        assert!(error.starts_with("no licence text in: beta 1.0.0."), "{error}");
    }

    #[test]
    fn license_files_are_recognised_by_name() {
        for name in [
            "LICENSE",
            "license.txt",
            "LICENSE-APACHE-2.0",
            "COPYING",
            "NOTICE.md",
            "x/LICENSES/MIT",
            "LICENSE.MIT",
        ] {
            assert!(is_license_file(Path::new(name)), "{name}");
        }
        for name in ["license.rs", "copyright.py", "README.md", "src/notice.h"] {
            assert!(!is_license_file(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn missing_or_invalid_license_is_rejected() {
        let mut unnamed = sample_crate("alpha", Path::new(""));
        unnamed.license = None;
        assert_eq!(expression(&unnamed).unwrap_err(), "alpha 1.0.0 has no licence in its manifest");
        unnamed.license = Some("my own".to_owned());
        assert!(expression(&unnamed).unwrap_err().contains("has the invalid licence"));
    }
}
