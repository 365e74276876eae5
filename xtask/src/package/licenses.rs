//! The licenses of everything that is linked: whole texts, each once, or an error.

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

/// The starts of the names of files with a license, in lower case.
const STARTS: [&str; 4] = ["license", "licence", "copying", "unlicense"];

/// The starts of the names of files that go with a license.
const NOTICE_STARTS: [&str; 2] = ["notice", "copyright"];

/// Version and license texts of Rust's standard library, which every executable contains.
pub struct StandardLibrary {
    pub version: String,
    pub text: Vec<u8>,
}

impl StandardLibrary {
    /// Reads the texts from this file, or from the toolchain.
    pub fn find(file: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let about = output(rustc().arg("-vV"))?;
        let version = about.lines().find_map(|line| line.strip_prefix("release: "));
        let version = version.ok_or("rustc prints no version")?.to_owned();
        let file = match file {
            Some(file) => file.to_owned(),
            None => Path::new(output(rustc().args(["--print", "sysroot"]))?.trim())
                .join("share/doc/rust/COPYRIGHT-library.html"),
        };
        let text = fs::read(&file).map_err(|error| {
            format!(
                "no license of Rust's standard library in {}: {error}. Use a toolchain of rustup, or name the \
                 toolchain's copyright file with --std-license",
                file.display()
            )
        })?;
        Ok(Self { version, text })
    }
}

/// The license texts of all linked crates. Fails if a crate has none.
pub fn text(workspace: &Workspace) -> Result<String, Box<dyn Error>> {
    let mut of_crates = Vec::new();
    for linked in &workspace.crates {
        of_crates.push((linked, files(linked)?));
    }
    let mut missing = Vec::new();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::new();
    for (linked, own) in &of_crates {
        let title = format!("{} {}", linked.id.name, linked.id.version);
        let license = expression(linked)?;
        let repository = linked.repository.as_deref().unwrap_or("no repository");
        writeln!(list, "{title}: {license}; {repository}")?;
        // Some crates have no file of their own, but another crate of the same repository has the file.
        let sibling = of_crates.iter().find(|(other, texts)| {
            !texts.is_empty()
                && linked.repository.is_some()
                && (&other.license, &other.repository) == (&linked.license, &linked.repository)
        });
        let found = if own.is_empty() { sibling.map(|(_, texts)| texts) } else { Some(own) };
        match found {
            Some(found) => {
                for text in found {
                    texts.entry(text.clone()).or_default().push(title.clone());
                }
            }
            None => missing.push(title),
        }
    }
    if !missing.is_empty() {
        return Err(format!(
            "no license text in: {}. Use a version of the crate that has one, or another crate",
            missing.join(", ")
        )
        .into());
    }
    Ok(document(workspace, &list, texts))
}

/// The list of crates, then every text with the crates that it belongs to.
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

/// The crate's license as an SPDX expression of today, or the name of its file.
pub fn expression(linked: &Crate) -> Result<String, String> {
    let id = &linked.id;
    match (&linked.license, &linked.license_file) {
        // Old crates write `MIT/Apache-2.0`.
        (Some(license), _) => Expression::parse_mode(license, ParseMode::LAX)
            .and_then(|_| Expression::canonicalize(license))
            .map(|canonical| canonical.unwrap_or_else(|| license.clone()))
            .map_err(|error| format!("{} {}: {license:?} is no license: {error}", id.name, id.version)),
        (None, Some(file)) => Ok(format!("see {}", file.display())),
        (None, None) => Err(format!("{} {} names no license", id.name, id.version)),
    }
}

/// The texts of all license files in the crate, vendored code included.
fn files(linked: &Crate) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    collect(&linked.folder, &mut paths)?;
    if let Some(file) = &linked.license_file {
        paths.push(linked.folder.join(file));
    }
    paths.sort();
    paths.dedup();
    // A notice alone grants nothing.
    let is_notice = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        NOTICE_STARTS.iter().any(|start| name.starts_with(start))
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

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Follows links: crates of a workspace link to the file at its root.
        if path.is_dir() {
            if path.file_name() != Some(OsStr::new("target")) {
                collect(&path, paths)?;
            }
        } else if is_license(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

/// Whether a file has the name of a license. `license.rs` is code.
fn is_license(path: &Path) -> bool {
    let lower = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().to_lowercase();
    let folder = lower(path.parent().and_then(Path::file_name));
    let name = lower(path.file_name());
    let extension = lower(path.extension());
    let is_text = ["", "txt", "md"].contains(&extension.as_str())
        // As in `LICENSE.MIT` and `LICENSE-APACHE-2.0`.
        || extension.starts_with(|letter: char| letter.is_ascii_digit())
        || spdx::imprecise_license_id(&extension).is_some();
    is_text
        && (STARTS.iter().chain(&NOTICE_STARTS).any(|start| name.starts_with(start)) || folder == "licenses")
}

#[cfg(test)]
mod tests {
    use super::super::dependencies::CrateId;
    use super::*;

    fn linked(name: &str, folder: &Path) -> Crate {
        Crate {
            id: CrateId { name: name.to_owned(), version: "1.0.0".to_owned() },
            license: Some("MIT/Apache-2.0".to_owned()),
            license_file: None,
            repository: Some("https://example.com/one".to_owned()),
            folder: folder.join(name),
            from_crates_io: true,
            dependencies: vec![],
        }
    }

    fn workspace(crates: Vec<Crate>) -> Workspace {
        Workspace {
            root: PathBuf::new(),
            target_folder: PathBuf::new(),
            version: "1.2.3".to_owned(),
            license: "Apache-2.0".to_owned(),
            repository: "https://example.com".to_owned(),
            description: String::new(),
            direct: vec![],
            crates,
        }
    }

    #[test]
    fn every_crate_of_the_provider_has_a_text() {
        let workspace = Workspace::read(&super::super::build::host_target().unwrap()).unwrap();
        let text = text(&workspace).unwrap();
        for linked in &workspace.crates {
            let title = format!("{} {}", linked.id.name, linked.id.version);
            let is_named = |line: &&str| line.starts_with("For: ") && line.contains(&title);
            assert!(
                text.contains(&format!("\n{title}: ")) && text.lines().any(|line| is_named(&line)),
                "{title}"
            );
        }
        // The C code of aws-lc, and what that brings along.
        assert!(text.contains("The fiat-crypto authors") || text.contains("fiat-crypto"), "vendored code");
    }

    #[test]
    fn crate_without_a_text_fails_the_package() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            fs::create_dir_all(folder.path().join(name).join("src")).unwrap();
        }
        fs::write(folder.path().join("one/src/license.rs"), "code").unwrap();
        fs::write(folder.path().join("two/NOTICE"), "a notice alone").unwrap();
        let crates = || vec![linked("one", folder.path()), linked("two", folder.path())];
        let error = text(&workspace(crates())).unwrap_err().to_string();
        assert!(error.starts_with("no license text in: one 1.0.0, two 1.0.0."), "{error}");

        // The text of a crate from the same repository is for both.
        fs::write(folder.path().join("one/LICENSE-MIT"), "Permission\r\nis granted\n\n").unwrap();
        let document = text(&workspace(crates())).unwrap();
        assert!(document.contains("For: one 1.0.0, two 1.0.0\n"), "{document}");
        assert!(document.ends_with("\n\nPermission\nis granted\n"), "{document}");
        assert!(document.contains("\none 1.0.0: MIT OR Apache-2.0; https://example.com/one\n"), "{document}");

        // Another repository's is not.
        let mut crates = crates();
        crates[1].repository = Some("https://example.com/two".to_owned());
        let error = text(&workspace(crates)).unwrap_err().to_string();
        assert!(error.starts_with("no license text in: two 1.0.0."), "{error}");
    }

    #[test]
    fn names_of_license_files_are_known() {
        for name in [
            "LICENSE",
            "license.txt",
            "LICENSE-APACHE-2.0",
            "COPYING",
            "NOTICE.md",
            "x/LICENSES/MIT",
            "LICENSE.MIT",
        ] {
            assert!(is_license(Path::new(name)), "{name}");
        }
        for name in ["license.rs", "copyright.py", "README.md", "src/notice.h"] {
            assert!(!is_license(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn crate_that_names_no_license_is_refused() {
        let mut unnamed = linked("one", Path::new(""));
        unnamed.license = None;
        assert_eq!(expression(&unnamed).unwrap_err(), "one 1.0.0 names no license");
        unnamed.license = Some("my own".to_owned());
        assert!(expression(&unnamed).unwrap_err().contains("is no license"));
    }
}
