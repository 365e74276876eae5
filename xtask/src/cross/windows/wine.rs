//! A new Windows environment in Wine, without a screen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use terraform_runner::write_script;

use super::super::toolchain::Toolchain;
use super::super::{ROOT, Result, output, packages, quote};

/// The name of the user's directory. It has spaces, a letter of Latin-1 and one of Unicode.
const USER: &str = "Zoë Müller 雪";

/// A Windows environment. Dropping it kills its processes.
pub struct Wine {
    /// The directory with the libraries of Wine.
    libraries: PathBuf,
    /// Scripts that start programs of Wine.
    scripts: PathBuf,
    /// Drive C.
    drive: PathBuf,
    pub user_directory: PathBuf,
}

impl Wine {
    /// Creates the environment. This takes some seconds.
    pub fn set_up(toolchain: &Toolchain) -> Result<Self> {
        let packages = packages::debian(&toolchain.directory, "wine")?;
        let prefix = toolchain.directory.join("windows");
        let drive = prefix.join("drive_c");
        let wine = Self {
            libraries: packages.join("usr/lib/x86_64-linux-gnu"),
            scripts: toolchain.scripts("windows")?,
            user_directory: drive.join("users").join(USER),
            drive,
        };
        // WINEDEBUG: the messages of Wine would be in the output of the programs. mscoree, mshtml: Wine would ask for more
        // packages. TMPDIR: programs with different values have different servers, so that they cannot send signals to each
        // other.
        let environment = format!(
            "export WINEPREFIX={} WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=;crypt32=n,b' LC_ALL=C.UTF-8
export LD_LIBRARY_PATH={}
unset DISPLAY TMPDIR",
            quote(&prefix),
            quote(&wine.libraries),
        );
        for (name, program) in [("wine", "wine64"), ("wineserver", "wineserver64")] {
            let program = quote(&packages.join("usr/lib/wine").join(program));
            write_script(&wine.scripts.join(name), &format!("{environment}\nexec {program} \"$@\""))?;
        }
        if prefix.exists() {
            wine.kill_processes();
            fs::remove_dir_all(&prefix)?;
        }
        // Wine starts the program with this name. In the package, it is a script for an installed Wine.
        fs::copy(packages.join("usr/lib/wine/wineserver64"), packages.join("usr/lib/wine/wineserver"))?;
        // A second name for Wine's crypt32.dll. Wine finds the part for Unix by the name, and uses only DLLs that are there when
        // it creates the environment.
        for (kind, suffix) in [("x86_64-windows", "dll"), ("x86_64-unix", "so")] {
            let files = wine.libraries.join("wine").join(kind);
            fs::copy(files.join(format!("crypt32.{suffix}")), files.join(format!("winecrypt32.{suffix}")))?;
        }
        let system = wine.drive.join("windows/system32");
        fs::create_dir_all(&system)?;
        // Wine needs this DLL to create the other files in this directory.
        fs::copy(packages.join("usr/x86_64-w64-mingw32/lib/zlib1.dll"), system.join("zlib1.dll"))?;
        output(Command::new(wine.scripts.join("wine")).args(["wineboot", "--init"]))?;
        wine.compile(toolchain, "bcryptprimitives.c", &system.join("bcryptprimitives.dll"), &["-shared"])?;
        wine.compile(toolchain, "start.c", &wine.drive.join("start.exe"), &["-municode"])?;
        fs::create_dir_all(&wine.user_directory)?;
        Ok(wine)
    }

    /// Compiles a C file of this directory to a Windows program or DLL.
    pub fn compile(
        &self,
        toolchain: &Toolchain,
        source: &str,
        target: &Path,
        options: &[&str],
    ) -> Result<()> {
        let source = Path::new(ROOT).join("xtask/src/cross/windows").join(source);
        toolchain.compile_for_windows(&source, target, options)
    }

    /// Adds a `crypt32.dll` to the directory of a program. It calls `winecrypt32.dll`, but has two functions of its own.
    pub fn add_crypt32(&self, toolchain: &Toolchain, directory: &Path) -> Result<()> {
        let headers = toolchain.windows_headers(&self.libraries.join("wine/x86_64-windows/crypt32.dll"))?;
        let (_, exports) =
            headers.split_once("[Ordinal/Name Pointer] Table").ok_or("crypt32.dll has no exports")?;
        // The lines have the form `[   0] CertCloseStore`.
        let names = exports.lines().skip(1).map_while(|line| line.trim().strip_prefix('[')?.split_once("] "));
        let exports = names.map(|(_, name)| match name {
            "CertCreateCertificateChainEngine" => format!("  {name} = create_engine\n"),
            "CertGetCertificateChain" => format!("  {name} = get_chain\n"),
            _ => format!("  {name} = winecrypt32.{name}\n"),
        });
        let definitions = self.scripts.join("crypt32.def");
        fs::write(&definitions, format!("LIBRARY crypt32\nEXPORTS\n{}", exports.collect::<String>()))?;
        let options = ["-shared", &definitions.display().to_string()];
        self.compile(toolchain, "crypt32.c", &directory.join("crypt32.dll"), &options)
    }

    /// Creates a script that starts a Windows program as a shell of the user does, and returns its path.
    pub fn start_script(&self, name: &str, program: &Path) -> Result<PathBuf> {
        let path = self.scripts.join(name);
        let windows = |path: &Path| quote(self.windows_path(path).as_ref());
        let script = format!(
            "export START_USER_DIRECTORY={}\nexec {} {} {} \"$@\"",
            windows(&self.user_directory),
            quote(&self.scripts.join("wine")),
            windows(&self.drive.join("start.exe")),
            windows(program),
        );
        write_script(&path, &script)?;
        Ok(path)
    }

    /// The path of a file for Windows programs.
    pub fn windows_path(&self, path: &Path) -> String {
        let (drive, path) = path.strip_prefix(&self.drive).map_or(("Z:", path), |path| ("C:\\", path));
        format!("{drive}{}", path.display().to_string().replace('/', "\\"))
    }

    /// Kills all processes. Without a running process, the command fails.
    fn kill_processes(&self) {
        let _ = Command::new(self.scripts.join("wineserver")).arg("--kill").output();
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.kill_processes();
    }
}
