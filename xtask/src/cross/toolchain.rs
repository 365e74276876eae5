//! Debian's rustc and clippy, and a C compiler for each target.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use terraform_runner::write_script;

use super::{ROOT, Result, output, packages, quote};
use crate::package::NAME;

/// The compilers for Rust.
pub struct Toolchain {
    /// The directory for packages, scripts and builds.
    pub directory: PathBuf,
    rustc: PathBuf,
    cargo_clippy: PathBuf,
}

/// The settings of cargo for a target.
pub struct Target {
    pub triple: &'static str,
    /// Whether cargo builds the standard library. Debian has it only for Linux.
    build_std: bool,
    /// Lints with wrong results for the target.
    allowed_lints: &'static [&'static str],
    environment: Vec<(String, OsString)>,
}

impl Toolchain {
    /// Unpacks the compilers, once.
    pub fn unpack(directory: &Path) -> Result<Self> {
        let packages = packages::debian(directory, "rust")?;
        let scripts = directory.join("programs");
        fs::create_dir_all(&scripts)?;
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
            .map(|libraries| quote(&packages.join(libraries)))
            .join(":");
        let [rustc, cargo_clippy] = ["rustc", "cargo-clippy"].map(|name| {
            let program = quote(&packages.join("usr/bin").join(name));
            let (path, script) =
                (scripts.join(name), format!("export LD_LIBRARY_PATH={libraries}\nexec {program} \"$@\""));
            write_script(&path, &script).map(|()| path)
        });
        Ok(Self { directory: directory.to_owned(), rustc: rustc?, cargo_clippy: cargo_clippy? })
    }

    /// Creates a directory for the scripts of a target.
    pub fn scripts(&self, name: &str) -> Result<PathBuf> {
        let scripts = self.directory.join("programs").join(name);
        fs::create_dir_all(&scripts)?;
        Ok(scripts)
    }

    /// Checks all members of the workspace and their tests. Warnings are errors. Uses the release profile, so that the build
    /// does not compile the C code again.
    pub fn clippy(&self, target: &Target) -> Result<()> {
        let mut clippy = Command::new(&self.cargo_clippy);
        self.configure(clippy.arg("clippy"), target);
        clippy.args(["--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"]);
        run(clippy.args(target.allowed_lints.iter().flat_map(|lint| ["-A", lint])))
    }

    /// Builds the provider in the release profile and returns its path.
    pub fn build(&self, target: &Target) -> Result<PathBuf> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        self.configure(cargo.arg("build"), target);
        run(cargo.args(["--bin", NAME]))?;
        let suffix = if target.triple.contains("windows") { ".exe" } else { "" };
        let executable =
            self.directory.join("build").join(target.triple).join(format!("release/{NAME}{suffix}"));
        println!("built {} ({} bytes)", executable.display(), fs::metadata(&executable)?.len());
        Ok(executable)
    }

    fn configure(&self, cargo: &mut Command, target: &Target) {
        // In this directory, cargo reads `.cargo/config.toml`.
        cargo.current_dir(ROOT).args(["--quiet", "--locked", "--release", "--target", target.triple]);
        cargo.arg("--target-dir").arg(self.directory.join("build"));
        // These variables are for programs of this computer.
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CC", "CFLAGS", "LD_LIBRARY_PATH"]
        {
            cargo.env_remove(name);
        }
        cargo.env("RUSTC", &self.rustc).envs(target.environment.iter().cloned());
        if target.build_std {
            // Allows the unstable option.
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_unwind");
        }
    }

    /// Linux on arm64 with Debian's standard library and glibc, which are linked statically.
    pub fn debian_arm64(&self) -> Result<Target> {
        let packages = packages::debian(&self.directory, "arm64")?.join("usr");
        let scripts = self.scripts("arm64")?;
        let (compiler, archiver) = (scripts.join("cc"), scripts.join("ar"));
        let path = |path: &str| quote(&packages.join(path));
        // The assembler, the linker and the archiver need it.
        let library_path = format!("export LD_LIBRARY_PATH={}", path("lib/x86_64-linux-gnu"));
        let (programs, libraries, headers) =
            (path("aarch64-linux-gnu/bin"), path("aarch64-linux-gnu/lib"), path("aarch64-linux-gnu/include"));
        let gcc = path("bin/aarch64-linux-gnu-gcc-12");
        write_script(
            &compiler,
            &format!(
                "{library_path}\nexec {gcc} -B {programs} -B {libraries} -L {libraries} -isystem {headers} \"$@\""
            ),
        )?;
        write_script(
            &archiver,
            &format!("{library_path}\nexec {} \"$@\"", path("bin/aarch64-linux-gnu-ar")),
        )?;
        let mut target = Target::new("aarch64-unknown-linux-gnu", &compiler, &archiver);
        target.build_std = false;
        target.set_cargo_variable("LINKER", compiler.into());
        target.set_cargo_variable("RUSTFLAGS", "-C target-feature=+crt-static".into());
        Ok(target)
    }

    /// Windows with the C compiler and the linker of mingw-w64.
    pub fn mingw(&self) -> Result<Target> {
        let (compiler, archiver) = (self.mingw_program("gcc-win32")?, self.mingw_program("ar")?);
        let mut target = Target::new("x86_64-pc-windows-gnu", &compiler, &archiver);
        target.set_cargo_variable("LINKER", compiler.into());
        // On this target, clippy does not recognise initializers that are const.
        target.allowed_lints = &["clippy::missing_const_for_thread_local"];
        // rustc calls dlltool, and the build script of aws-lc calls nasm.
        let programs = archiver.parent().map(Path::to_owned);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(programs.into_iter().chain(std::env::split_paths(&path)))?;
        target.environment.push(("PATH".to_owned(), path));
        Ok(target)
    }

    /// The path of a program of mingw-w64, such as `objdump`.
    fn mingw_program(&self, name: &str) -> Result<PathBuf> {
        let packages = packages::debian(&self.directory, "mingw")?;
        Ok(packages.join("usr/bin").join(format!("x86_64-w64-mingw32-{name}")))
    }

    /// Compiles a C file to a Windows program or DLL.
    pub fn compile_for_windows(&self, source: &Path, target: &Path, options: &[&str]) -> Result<()> {
        let mut compiler = Command::new(self.mingw_program("gcc-win32")?);
        compiler.args([
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Wno-unused-parameter",
            "-Wno-cast-function-type",
            "-O2",
        ]);
        output(compiler.args(options).arg("-o").arg(target).arg(source))?;
        Ok(())
    }

    /// The imports and exports of a Windows program or DLL, as text.
    pub fn windows_headers(&self, file: &Path) -> Result<String> {
        Ok(output(Command::new(self.mingw_program("objdump")?).arg("-p").arg(file))?)
    }

    /// A target with zig as its C compiler, without a linker.
    pub fn zig(&self, triple: &'static str, zig_target: &str) -> Result<Target> {
        let zig = quote(&packages::zig(&self.directory)?.join("zig"));
        let cache = quote(&self.directory.join("zig-cache"));
        let scripts = self.scripts(zig_target)?;
        let (compiler, archiver) = (scripts.join("cc"), scripts.join("ar"));
        let cache = format!("export ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache}");
        // zig has other names for targets. It does not accept these options of clang.
        let script = format!(
            "{cache}
skip=
for argument; do
  shift
  case $skip$argument in
    -arch) skip=yes ;;
    yes*) skip= ;;
    --target=*|-march=*|-mmacos*) ;;
    *) set -- \"$@\" \"$argument\" ;;
  esac
done
exec {zig} cc -target {zig_target} \"$@\""
        );
        write_script(&compiler, &script)?;
        write_script(&archiver, &format!("{cache}\nexec {zig} ar \"$@\""))?;
        Ok(Target::new(triple, &compiler, &archiver))
    }
}

impl Target {
    fn new(triple: &'static str, compiler: &Path, archiver: &Path) -> Self {
        let name = triple.replace('-', "_");
        let environment =
            vec![(format!("CC_{name}"), compiler.into()), (format!("AR_{name}"), archiver.into())];
        Self { triple, build_std: true, allowed_lints: &[], environment }
    }

    fn set_cargo_variable(&mut self, setting: &str, value: OsString) {
        let name = self.triple.replace('-', "_").to_uppercase();
        self.environment.push((format!("CARGO_TARGET_{name}_{setting}"), value));
    }
}

/// Runs a program that prints its output to the terminal.
fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.status().map_err(|error| format!("cannot run {program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} failed: {status}").into()) }
}
