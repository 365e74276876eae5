//! Debian's rustc and clippy, which are one version, and a C compiler for each target.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use terraform_runner::write_script;

use super::{PROVIDER, ROOT, Result, output, packages, quoted, report, show};

/// Compilers of Rust for any target.
pub(super) struct Toolchain {
    /// The folder for all that cross-compiling needs and makes.
    pub(super) home: PathBuf,
    /// Scripts that start the programs with their libraries.
    programs: PathBuf,
}

/// What cargo has to know about a target.
pub(super) struct Target {
    triple: &'static str,
    /// Whether the standard library is compiled too, because Debian has none for the target.
    builds_std: bool,
    /// Lints that are wrong for the target.
    allowed: &'static [&'static str],
    environment: Vec<(String, OsString)>,
}

impl Toolchain {
    /// Unpacks the compilers, unless that was done before.
    pub(super) fn install(home: &Path) -> Result<Self> {
        let rust = packages::debian(home, "rust")?;
        let programs = home.join("programs");
        fs::create_dir_all(&programs)?;
        let libraries =
            ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|folder| quoted(&rust.join(folder)));
        for name in ["rustc", "cargo-clippy"] {
            let program = quoted(&rust.join("usr/bin").join(name));
            let script = format!("export LD_LIBRARY_PATH={}\nexec {program} \"$@\"", libraries.join(":"));
            write_script(&programs.join(name), &script)?;
        }
        Ok(Self { home: home.to_owned(), programs })
    }

    /// Checks all members of the workspace, tests included. Warnings are errors.
    pub(super) fn clippy(&self, target: &Target) -> Result<()> {
        let mut clippy = Command::new(self.programs.join("cargo-clippy"));
        clippy.arg("clippy");
        self.set_up(&mut clippy, target);
        clippy.args(["--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"]);
        show(clippy.args(target.allowed.iter().flat_map(|lint| ["-A", lint])))
    }

    /// Builds the provider's executable in the release profile.
    pub(super) fn build(&self, target: &Target) -> Result<PathBuf> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg("build");
        self.set_up(&mut cargo, target);
        show(cargo.args(["--release", "--package", PROVIDER, "--bin", PROVIDER]))?;
        let suffix = if target.triple.contains("windows") { ".exe" } else { "" };
        report(
            &self.home.join("build").join(target.triple).join("release").join(format!("{PROVIDER}{suffix}")),
        )
    }

    fn set_up(&self, cargo: &mut Command, target: &Target) {
        cargo.current_dir(ROOT).args(["--quiet", "--locked", "--target", target.triple]);
        cargo.arg("--target-dir").arg(self.home.join("build"));
        // Those of the caller are for another target.
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CC", "CFLAGS", "LD_LIBRARY_PATH"]
        {
            cargo.env_remove(name);
        }
        cargo.env("RUSTC", self.programs.join("rustc")).envs(target.environment.iter().cloned());
        if target.builds_std {
            // Cargo takes this option from nightly compilers only, or where this variable is set.
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_unwind");
        }
    }
}

/// Windows, with the C compiler and the linker of mingw-w64.
pub(super) fn mingw(home: &Path) -> Result<Target> {
    let (compiler, archiver) = (mingw_program(home, "gcc-win32")?, mingw_program(home, "ar")?);
    let mut target = Target::new("x86_64-pc-windows-gnu", &compiler, &archiver);
    target.set_for_cargo("LINKER", compiler.into());
    // Clippy does not see that an initializer is const where std has thread locals of its own.
    target.allowed = &["clippy::missing_const_for_thread_local"];
    // For rustc's own call of dlltool, and for nasm.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = archiver.parent().unwrap_or(home).to_owned();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)))?;
    target.environment.push(("PATH".to_owned(), path));
    Ok(target)
}

/// A program of mingw-w64, such as `objdump`.
pub(super) fn mingw_program(home: &Path, name: &str) -> Result<PathBuf> {
    Ok(packages::debian(home, "mingw")?.join("usr/bin").join(format!("x86_64-w64-mingw32-{name}")))
}

/// What a program or a DLL for Windows imports and exports, as objdump prints it.
pub(super) fn headers(home: &Path, file: &Path) -> Result<String> {
    output(Command::new(mingw_program(home, "objdump")?).arg("-p").arg(file))
}

/// A target that is checked only, with zig as its C compiler.
pub(super) fn zig(home: &Path, triple: &'static str, name: &str) -> Result<Target> {
    let zig = quoted(&packages::zig(home)?.join("zig"));
    let cache = quoted(&home.join("zig-cache"));
    let scripts = home.join("programs").join(name);
    fs::create_dir_all(&scripts)?;
    let (compiler, archiver) = (scripts.join("cc"), scripts.join("ar"));
    let cache = format!("export ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache}");
    // zig has its own names for targets, and does not know these options of clang.
    let script = format!(
        "{cache}\n\
         after_arch=\n\
         for argument; do\n\
         \x20 shift\n\
         \x20 case $after_arch$argument in\n\
         \x20   -arch) after_arch=arch ;;\n\
         \x20   arch*) after_arch= ;;\n\
         \x20   --target=*|-march=*|-mmacos*) ;;\n\
         \x20   *) set -- \"$@\" \"$argument\" ;;\n\
         \x20 esac\n\
         done\n\
         exec {zig} cc -target {name} \"$@\""
    );
    write_script(&compiler, &script)?;
    write_script(&archiver, &format!("{cache}\nexec {zig} ar \"$@\""))?;
    Ok(Target::new(triple, &compiler, &archiver))
}

/// Linux on arm64, linked statically with Debian's own standard library and glibc.
pub(super) fn arm64(home: &Path) -> Result<Target> {
    let tree = packages::debian(home, "arm64")?.join("usr");
    let scripts = home.join("programs/arm64");
    fs::create_dir_all(&scripts)?;
    let glibc = tree.join("aarch64-linux-gnu");
    let (compiler, archiver) = (scripts.join("cc"), scripts.join("ar"));
    let path = |parts: &str| quoted(&tree.join(parts));
    // For the assembler, the linker and the archiver.
    let own = format!("export LD_LIBRARY_PATH={}", path("lib/x86_64-linux-gnu"));
    let libraries = quoted(&glibc.join("lib"));
    let script = format!(
        "{own}\nexec {} -B {} -B {libraries} -L {libraries} -isystem {} \"$@\"",
        path("bin/aarch64-linux-gnu-gcc-12"),
        quoted(&glibc.join("bin")),
        quoted(&glibc.join("include")),
    );
    write_script(&compiler, &script)?;
    write_script(&archiver, &format!("{own}\nexec {} \"$@\"", path("bin/aarch64-linux-gnu-ar")))?;
    let mut target = Target::new("aarch64-unknown-linux-gnu", &compiler, &archiver);
    target.builds_std = false;
    target.set_for_cargo("LINKER", compiler.into());
    target.set_for_cargo("RUSTFLAGS", "-C target-feature=+crt-static".into());
    Ok(target)
}

impl Target {
    fn new(triple: &'static str, compiler: &Path, archiver: &Path) -> Self {
        let name = triple.replace('-', "_");
        let environment =
            vec![(format!("CC_{name}"), compiler.into()), (format!("AR_{name}"), archiver.into())];
        Self { triple, builds_std: true, allowed: &[], environment }
    }

    fn set_for_cargo(&mut self, setting: &str, value: OsString) {
        let name = self.triple.replace('-', "_").to_uppercase();
        self.environment.push((format!("CARGO_TARGET_{name}_{setting}"), value));
    }
}
