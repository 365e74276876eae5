//! Release packages of the provider: `cargo xtask package`.
//!
//! One run builds for one platform and writes its zip and its SBOM. Then it finishes the release from all zips of this
//! version in the output folder: manifest, checksums, signature, OCI image layout. For several platforms, each machine builds
//! its own, and a last run with `--no-build` finishes the release.

mod archive;
mod build;
mod c_library;
mod checksums;
mod dependencies;
mod licenses;
mod oci;
mod platform;
mod sbom;
mod signature;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use archive::Entry;
use dependencies::Workspace;
use platform::Platform;

/// The provider's package, and the start of the names of all files of a release.
const NAME: &str = "terraform-provider-dds";

const USAGE: &str = "\
usage: cargo xtask package [OPTION…]

Builds a release package: zip, manifest, SHA256SUMS, SBOM and OCI image layout.

  --target TRIPLE      the platform to build for (this machine's)
  --binary FILE        package this static executable of that platform in place of building one
  --no-build           only finish a release: manifest, sums, signature and OCI layout for the zips in the folder
  --sign-key FILE      sign the sums with this OpenPGP secret key, an RSA key as `gpg --export-secret-keys` writes it;
                       GPG_PASSPHRASE holds its passphrase
  --std-license FILE   the copyright file of Rust's standard library (COPYRIGHT-library.html of the toolchain)
  --out DIR            the folder to write to (target/dist)";

/// The options of one run.
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
            let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value\n\n{USAGE}"));
            match option.as_str() {
                "--target" => options.target = Some(value()?.clone()),
                "--binary" => options.binary = Some(value()?.into()),
                "--sign-key" => options.sign_key = Some(value()?.into()),
                "--std-license" => options.std_license = Some(value()?.into()),
                "--out" => options.out = Some(value()?.into()),
                _ => return Err(format!("{option} is unknown\n\n{USAGE}")),
            }
        }
        if options.no_build && (options.target.is_some() || options.binary.is_some()) {
            return Err("--no-build takes neither --target nor --binary: it packages nothing new".to_owned());
        }
        Ok(options)
    }
}

/// The version and folder of a release.
struct Release {
    version: String,
    folder: PathBuf,
}

impl Release {
    /// The path of a file whose name ends so.
    fn file(&self, end: &str) -> PathBuf {
        self.folder.join(format!("{NAME}_{}_{end}", self.version))
    }

    /// The zips of this version, in the order of their names, with their platforms.
    fn zips(&self) -> Result<Vec<(Platform, PathBuf)>, Box<dyn Error>> {
        let start = format!("{NAME}_{}_", self.version);
        let mut zips = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let platform = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(".zip"));
            if let Some(platform) = platform {
                let parsed = Platform::parse(platform);
                zips.push((parsed.ok_or_else(|| format!("{name} names no platform"))?, path));
            }
        }
        zips.sort_by(|one, other| one.1.cmp(&other.1));
        if zips.is_empty() {
            return Err(format!("{} has no zip of version {}", self.folder.display(), self.version).into());
        }
        Ok(zips)
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
    let folder = options.out.clone().unwrap_or_else(|| workspace.target_folder.join("dist"));
    fs::create_dir_all(&folder)?;
    let release = Release { version: workspace.version.clone(), folder };
    if !options.no_build {
        let executable = match &options.binary {
            Some(binary) => binary.clone(),
            None => build::executable(&workspace, &target)?,
        };
        write_package(&workspace, &target, &executable, &options, &release)?;
    }
    finish(&workspace, &release, options.sign_key.as_deref())?;
    let mut files: Vec<_> = fs::read_dir(&release.folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        println!("{:>10}  {}", file.metadata()?.len(), file.path().display());
    }
    Ok(())
}

/// Writes the zip and the SBOM of one platform.
fn write_package(
    workspace: &Workspace,
    target: &str,
    executable: &Path,
    options: &Options,
    release: &Release,
) -> Result<(), Box<dyn Error>> {
    let platform = Platform::of_target(target)?;
    let binary = fs::read(executable).map_err(|error| format!("{}: {error}", executable.display()))?;
    build::check_executable(&binary, executable, &platform)?;
    let rust = licenses::StandardLibrary::find(options.std_license.as_deref())?;
    let c_library = c_library::find(target)?;
    let root_file = |name: &str| fs::read(workspace.root.join(name));
    let mut entries = vec![
        Entry::text("CHANGELOG.md", root_file("CHANGELOG.md")?),
        Entry::text("LICENSE", root_file("LICENSE")?),
        Entry::text("RUST-LIBRARY-LICENSES.html", rust.text.clone()),
        Entry::text("THIRD-PARTY-LICENSES.txt", licenses::text(workspace)?.into_bytes()),
        Entry::executable(
            &format!("{NAME}_v{}{}", workspace.version, platform.executable_suffix()),
            binary.clone(),
        ),
    ];
    if let Some(glibc) = &c_library {
        entries.push(Entry::text("NOTICE-glibc.txt", glibc.notice(workspace)?.into_bytes()));
    }
    fs::write(release.file(&format!("{platform}.zip")), archive::zip(entries)?)?;
    let sbom = sbom::document(workspace, &platform, &binary, &rust, c_library.as_ref())?;
    fs::write(release.file(&format!("{platform}.cdx.json")), sbom)?;
    Ok(())
}

/// Writes manifest, checksums, signature and OCI layout for the zips in the folder.
fn finish(workspace: &Workspace, release: &Release, sign_key: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let zips = release.zips()?;
    let manifest = release.file("manifest.json");
    fs::copy(workspace.root.join("terraform-registry-manifest.json"), &manifest)?;
    let listed: Vec<&Path> =
        zips.iter().map(|(_, path)| path.as_path()).chain([manifest.as_path()]).collect();
    let sums = release.file("SHA256SUMS");
    fs::write(&sums, checksums::text(&listed)?)?;
    let signature = release.file("SHA256SUMS.sig");
    // An older signature would not match.
    if signature.exists() {
        fs::remove_file(&signature)?;
    }
    if let Some(key) = sign_key {
        let key_id = signature::sign(key, &sums, &signature)?;
        println!("signed with the RSA key {key_id}");
    }
    oci::write_layout(&release.folder.join("oci"), workspace, &zips)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_in_any_order() {
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
    fn wrong_options_are_refused() {
        for (arguments, part) in [
            (vec!["--out"], "--out needs a value"),
            (vec!["--outer", "x"], "--outer is unknown"),
            (vec!["--no-build", "--target", "x"], "--no-build takes neither"),
        ] {
            let error = parse(&arguments).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    /// The names and contents of a release's files, by a build of these bytes.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn packaged(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let target = build::host_target().unwrap();
        let machine = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
        let binary = folder.join("built");
        fs::write(&binary, build::tests::elf(machine, 1)).unwrap();
        let workspace = Workspace::read(&target).unwrap();
        let release = Release { version: workspace.version.clone(), folder: folder.join("out") };
        fs::create_dir(&release.folder).unwrap();
        write_package(&workspace, &target, &binary, &Options::default(), &release).unwrap();
        finish(&workspace, &release, None).unwrap();
        let files = fs::read_dir(&release.folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.is_file())
            .map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn release_is_complete_and_the_same_in_another_folder() {
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let files = packaged(one.path());
        assert_eq!(files, packaged(other.path()));
        let version = env!("CARGO_PKG_VERSION");
        let platform = Platform::of_target(&build::host_target().unwrap()).unwrap();
        let ends =
            ["SHA256SUMS", &format!("{platform}.cdx.json"), &format!("{platform}.zip"), "manifest.json"];
        let expected: Vec<_> = ends.iter().map(|end| format!("{NAME}_{version}_{end}")).collect();
        assert_eq!(files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), expected);
        let sums = String::from_utf8_lossy(&files[0].1).into_owned();
        let listed =
            [&files[2], &files[3]].map(|(name, content)| format!("{}  {name}\n", checksums::sha256(content)));
        assert_eq!(sums, listed.concat());
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
    fn release_has_the_zips_of_its_version_only() {
        let folder = tempfile::tempdir().unwrap();
        let release = Release { version: "1.2.3".to_owned(), folder: folder.path().to_owned() };
        assert!(release.zips().unwrap_err().to_string().contains("no zip of version 1.2.3"));
        for name in
            ["1.2.3_linux_arm64.zip", "1.2.3_linux_amd64.zip", "1.2.30_linux_amd64.zip", "1.2.3_x.json"]
        {
            fs::write(folder.path().join(format!("{NAME}_{name}")), "").unwrap();
        }
        let platforms: Vec<_> =
            release.zips().unwrap().into_iter().map(|(platform, _)| platform.to_string()).collect();
        assert_eq!(platforms, ["linux_amd64", "linux_arm64"]);
        fs::write(release.file("linux.zip"), "").unwrap();
        assert!(release.zips().unwrap_err().to_string().contains("names no platform"));
    }
}
