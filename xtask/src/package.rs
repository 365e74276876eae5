//! `cargo xtask package`: builds release packages of the provider.
//!
//! A run builds for one platform and writes its zip file and SBOM. It then writes the manifest, checksums, signature and OCI
//! image layout for all zip files of this version in the output directory. If several machines build, copy their zip files
//! to one directory. Then run the command with `--no-build` and `--out`.

mod archive;
pub mod build;
mod c_library;
pub mod checksums;
pub mod dependencies;
mod licenses;
mod oci;
pub mod platform;
// It needs the static executable for Linux.
#[cfg(target_os = "linux")]
pub mod registry;
mod sbom;
mod signature;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use archive::Entry;
use dependencies::Workspace;
use platform::Platform;

/// The provider's crate name, and the prefix of the name of every release file.
pub const NAME: &str = "terraform-provider-dds";

const USAGE: &str = "\
usage: cargo xtask package [OPTION…]

Builds a release package: zip file, manifest, SHA256SUMS, SBOM and OCI image layout.

  --target TRIPLE      the target triple to build for (default: the target of this machine)
  --binary FILE        package this static executable for the target instead of building one
  --no-build           build nothing: only write the manifest, checksums, signature and OCI image layout for the
                       zip files in the output directory
  --sign-key FILE      sign the checksums with this OpenPGP secret key: an RSA key, exported with
                       `gpg --export-secret-keys`; set GPG_PASSPHRASE to its passphrase
  --std-license FILE   the licence file of Rust's standard library (default: COPYRIGHT-library.html of the toolchain)
  --out DIR            the output directory (default: target/dist)";

/// The options of the command.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    target: Option<String>,
    binary: Option<PathBuf>,
    no_build: bool,
    sign_key: Option<PathBuf>,
    std_license: Option<PathBuf>,
    out: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(option) = arguments.next() {
            if option == "--no-build" {
                options.no_build = true;
                continue;
            }
            let mut value =
                || arguments.next().ok_or_else(|| format!("{option} requires a value\n\n{USAGE}"));
            match option.as_str() {
                "--target" => options.target = Some(value()?.clone()),
                "--binary" => options.binary = Some(value()?.into()),
                "--sign-key" => options.sign_key = Some(value()?.into()),
                "--std-license" => options.std_license = Some(value()?.into()),
                "--out" => options.out = Some(value()?.into()),
                _ => return Err(format!("unknown option {option}\n\n{USAGE}")),
            }
        }
        if options.no_build && (options.target.is_some() || options.binary.is_some()) {
            return Err(
                "--no-build conflicts with --target and --binary: remove it, or remove the others".to_owned()
            );
        }
        Ok(options)
    }
}

/// The version and output directory of a release.
struct Release {
    version: String,
    directory: PathBuf,
}

impl Release {
    /// The path of the release file with this suffix.
    fn file(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("{NAME}_{}_{suffix}", self.version))
    }

    /// The zip files of this version and their platforms, sorted by name.
    fn zip_files(&self) -> Result<Vec<(Platform, PathBuf)>, Box<dyn Error>> {
        let prefix = format!("{NAME}_{}_", self.version);
        let mut zip_files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let platform_name = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".zip"));
            if let Some(platform_name) = platform_name {
                let platform = Platform::parse(platform_name);
                let platform = platform.ok_or_else(|| {
                    format!("the file name {name} contains no known platform: remove the file")
                })?;
                zip_files.push((platform, path));
            }
        }
        zip_files.sort_by(|(_, left), (_, right)| left.cmp(right));
        if zip_files.is_empty() {
            return Err(format!(
                "{} contains no zip file of version {}: check --out",
                self.directory.display(),
                self.version
            )
            .into());
        }
        Ok(zip_files)
    }
}

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    if arguments == ["--help"] {
        println!("{USAGE}");
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    let target = options.target.clone().map_or_else(build::host_target, Ok)?;
    let workspace = Workspace::read(&target)?;
    let directory = options.out.clone().unwrap_or_else(|| workspace.target_directory.join("dist"));
    fs::create_dir_all(&directory)?;
    let release = Release { version: workspace.version.clone(), directory };
    if !options.no_build {
        let executable = match &options.binary {
            Some(binary) => binary.clone(),
            None => build::build_executable(&workspace, &target, NAME, NAME)?,
        };
        write_package(&workspace, &target, &executable, &options, &release)?;
    }
    finish(&workspace, &release, options.sign_key.as_deref())?;
    let mut files: Vec<_> = fs::read_dir(&release.directory)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        println!("{:>10}  {}", file.metadata()?.len(), file.path().display());
    }
    Ok(())
}

/// Writes the zip file and the SBOM of one platform.
fn write_package(
    workspace: &Workspace,
    target: &str,
    executable: &Path,
    options: &Options,
    release: &Release,
) -> Result<(), Box<dyn Error>> {
    let platform = Platform::from_triple(target)?;
    let binary = fs::read(executable).map_err(|error| format!("{}: {error}", executable.display()))?;
    build::check_executable(&binary, executable, &platform)?;
    let rust = licenses::StandardLibrary::find(options.std_license.as_deref())?;
    let c_library = c_library::find(target)?;
    let root_file = |name: &str| fs::read(workspace.root.join(name));
    let mut entries = vec![
        Entry::text_file("CHANGELOG.md", root_file("CHANGELOG.md")?),
        Entry::text_file("LICENSE", root_file("LICENSE")?),
        Entry::text_file("RUST-LIBRARY-LICENSES.html", rust.license_texts.clone()),
        Entry::text_file("THIRD-PARTY-LICENSES.txt", licenses::third_party_licenses(workspace)?.into_bytes()),
        Entry::executable(
            &format!("{NAME}_v{}{}", workspace.version, platform.executable_suffix()),
            binary.clone(),
        ),
    ];
    if let Some(glibc) = &c_library {
        entries.push(Entry::text_file("NOTICE-glibc.txt", glibc.notice(workspace)?.into_bytes()));
    }
    fs::write(release.file(&format!("{platform}.zip")), archive::build_zip(entries)?)?;
    let sbom = sbom::document(workspace, &platform, &binary, &rust, c_library.as_ref())?;
    fs::write(release.file(&format!("{platform}.cdx.json")), sbom)?;
    Ok(())
}

/// Writes the manifest, checksums, signature and OCI image layout for all zip files.
fn finish(workspace: &Workspace, release: &Release, sign_key: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let zip_files = release.zip_files()?;
    let manifest = release.file("manifest.json");
    fs::copy(workspace.root.join("terraform-registry-manifest.json"), &manifest)?;
    let listed_files: Vec<&Path> =
        zip_files.iter().map(|(_, path)| path.as_path()).chain([manifest.as_path()]).collect();
    let checksums_file = release.file("SHA256SUMS");
    fs::write(&checksums_file, checksums::sha256sums(&listed_files)?)?;
    let signature = release.file("SHA256SUMS.sig");
    // A signature of older checksums would not match.
    if signature.exists() {
        fs::remove_file(&signature)?;
    }
    if let Some(key) = sign_key {
        let key_id = signature::sign(key, &checksums_file, &signature)?;
        println!("signed the checksums with the RSA key {key_id}");
    }
    oci::write_layout(&release.directory.join("oci"), workspace, &zip_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_parsed_in_any_order() {
        let options = parse(&["--out", "o", "--target", "t", "--sign-key", "k"]).unwrap();
        let expected = Options {
            target: Some("t".to_owned()),
            sign_key: Some("k".into()),
            out: Some("o".into()),
            ..Options::default()
        };
        assert_eq!(options, expected);
        assert!(parse(&["--no-build"]).unwrap().no_build);
    }

    #[test]
    fn invalid_options_are_rejected() {
        for (arguments, message) in [
            (vec!["--out"], "--out requires a value"),
            (vec!["--outer", "x"], "unknown option --outer"),
            (vec!["--no-build", "--target", "x"], "--no-build conflicts with"),
        ] {
            let error = parse(&arguments).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    /// Packages a minimal ELF file and returns the names and contents of the release files.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn package_elf(directory: &Path) -> Vec<(String, Vec<u8>)> {
        let target = build::host_target().unwrap();
        let machine = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
        let binary = directory.join("built");
        fs::write(&binary, build::tests::elf(machine, 1)).unwrap();
        let workspace = Workspace::read(&target).unwrap();
        let release = Release { version: workspace.version.clone(), directory: directory.join("out") };
        fs::create_dir(&release.directory).unwrap();
        write_package(&workspace, &target, &binary, &Options::default(), &release).unwrap();
        finish(&workspace, &release, None).unwrap();
        let files = fs::read_dir(&release.directory).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.is_file())
            .map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn release_is_complete_and_independent_of_the_directory() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let files = package_elf(first.path());
        assert_eq!(files, package_elf(second.path()));
        let version = env!("CARGO_PKG_VERSION");
        let platform = Platform::from_triple(&build::host_target().unwrap()).unwrap();
        let suffixes =
            ["SHA256SUMS", &format!("{platform}.cdx.json"), &format!("{platform}.zip"), "manifest.json"];
        let expected: Vec<_> = suffixes.iter().map(|suffix| format!("{NAME}_{version}_{suffix}")).collect();
        assert_eq!(files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), expected);
        let content = String::from_utf8_lossy(&files[0].1).into_owned();
        let lines =
            [&files[2], &files[3]].map(|(name, content)| format!("{}  {name}\n", checksums::sha256(content)));
        assert_eq!(content, lines.concat());
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&files[2].1)).unwrap();
        let names: Vec<_> = (0..archive.len())
            .map(|index| archive.by_index(index).unwrap().name().unwrap().into_owned())
            .collect();
        let expected = [
            "CHANGELOG.md",
            "LICENSE",
            "NOTICE-glibc.txt",
            "RUST-LIBRARY-LICENSES.html",
            "THIRD-PARTY-LICENSES.txt",
            &format!("{NAME}_v{version}"),
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn zip_files_of_other_versions_are_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let release = Release { version: "1.2.3".to_owned(), directory: directory.path().to_owned() };
        assert!(release.zip_files().unwrap_err().to_string().contains("no zip file of version 1.2.3"));
        for name in
            ["1.2.3_linux_arm64.zip", "1.2.3_linux_amd64.zip", "1.2.30_linux_amd64.zip", "1.2.3_x.json"]
        {
            fs::write(directory.path().join(format!("{NAME}_{name}")), "").unwrap();
        }
        let platforms: Vec<_> =
            release.zip_files().unwrap().into_iter().map(|(platform, _)| platform.to_string()).collect();
        assert_eq!(platforms, ["linux_amd64", "linux_arm64"]);
        fs::write(release.file("linux.zip"), "").unwrap();
        assert!(release.zip_files().unwrap_err().to_string().contains("contains no known platform"));
    }
}
