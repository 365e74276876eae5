//! A fresh Windows under Wine, without a screen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use terraform_runner::write_script;

use super::super::{Result, output, packages, quoted, toolchain};

/// The sources of programs and DLLs for the checks.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cross/windows");

/// The user's folder. Its name has blanks, a letter of Latin 1 and one beyond it.
const USER: &str = "Zoë Müller 雪";

/// A Windows that lives in a folder. Dropping it ends all of its processes.
pub(super) struct Wine {
    /// The folder of all that cross-compiling needs and makes.
    home: PathBuf,
    /// The folder with Wine's libraries.
    libraries: PathBuf,
    /// The script that runs a Windows program.
    loader: PathBuf,
    server: PathBuf,
    /// The script that runs a Windows program as a shell of the user would.
    start: PathBuf,
    scripts: PathBuf,
    /// Drive C.
    drive: PathBuf,
    user_folder: PathBuf,
}

impl Wine {
    /// Makes a new Windows. It takes some seconds.
    pub(super) fn set_up(home: &Path) -> Result<Self> {
        let tree = packages::debian(home, "wine")?;
        let prefix = home.join("windows");
        let scripts = home.join("programs/windows");
        fs::create_dir_all(&scripts)?;
        if prefix.exists() {
            // Processes of a run that was killed. Fails if there are none.
            let _ = Command::new(scripts.join("wineserver")).arg("--kill").output();
            fs::remove_dir_all(&prefix)?;
        }
        // Debian's own of this name is a script that looks below /usr.
        let server = tree.join("usr/lib/wine/wineserver");
        fs::remove_file(&server)?;
        fs::copy(tree.join("usr/lib/wine/wineserver64"), &server)?;
        let drive = prefix.join("drive_c");
        let wine = Self {
            home: home.to_owned(),
            libraries: tree.join("usr/lib/x86_64-linux-gnu"),
            loader: scripts.join("wine"),
            start: scripts.join("start"),
            user_folder: drive.join("users").join(USER),
            server: scripts.join("wineserver"),
            scripts,
            drive,
        };
        // The messages of Wine itself would be among those of the program. mscoree and mshtml would ask for more packages.
        // Programs with different TMPDIRs would have different servers, and not know each other.
        let environment = format!(
            "export WINEPREFIX={} WINEARCH=win64 WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=;crypt32=n,b' LC_ALL=C.UTF-8\n\
             export LD_LIBRARY_PATH={}\n\
             unset DISPLAY TMPDIR",
            quoted(&prefix),
            quoted(&wine.libraries),
        );
        write_script(&wine.server, &format!("{environment}\nexec {} \"$@\"", quoted(&server)))?;
        let loader = quoted(&tree.join("usr/lib/wine/wine64"));
        write_script(&wine.loader, &format!("{environment}\nexec {loader} \"$@\""))?;
        let system = wine.drive.join("windows/system32");
        fs::create_dir_all(&system)?;
        // user32 needs this DLL already while the other files of the system folder are made.
        fs::copy(tree.join("usr/x86_64-w64-mingw32/lib/zlib1.dll"), system.join("zlib1.dll"))?;
        output(Command::new(&wine.loader).args(["wineboot", "--init"]))?;
        wine.compile("bcryptprimitives.c", &system.join("bcryptprimitives.dll"), &["-shared"])?;
        fs::create_dir_all(&wine.user_folder)?;
        let start = wine.drive.join("start.exe");
        wine.compile("start.c", &start, &["-municode"])?;
        let user =
            format!("export CHECK_USER_FOLDER={}", quoted(wine.windows_path(&wine.user_folder).as_ref()));
        write_script(
            &wine.start,
            &format!("{user}\nexec {} {} \"$@\"", quoted(&wine.loader), quoted(&start)),
        )?;
        Ok(wine)
    }

    /// Compiles a program or a DLL from a file of this folder.
    pub(super) fn compile(&self, source: &str, to: &Path, options: &[&str]) -> Result<()> {
        let warnings =
            ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-cast-function-type", "-O2"];
        let mut compiler = Command::new(toolchain::mingw_program(&self.home, "gcc-win32")?);
        compiler.current_dir(SOURCES).args(warnings).args(options);
        output(compiler.arg("-o").arg(to).arg(source)).map(drop)
    }

    /// Puts a crypt32.dll into the folder of a program, which does what Wine's own does not.
    pub(super) fn add_crypt32(&self, folder: &Path) -> Result<()> {
        // Wine finds the Unix part of a DLL of its own by the name.
        for (kind, suffix) in [("x86_64-windows", "dll"), ("x86_64-unix", "so")] {
            let own = self.libraries.join("wine").join(kind);
            fs::copy(own.join(format!("crypt32.{suffix}")), own.join(format!("winecrypt32.{suffix}")))?;
        }
        let dll = self.libraries.join("wine/x86_64-windows/crypt32.dll");
        let headers = toolchain::headers(&self.home, &dll)?;
        let (_, names) =
            headers.split_once("[Ordinal/Name Pointer] Table").ok_or("crypt32.dll exports nothing")?;
        // Each is a line such as `[   0] CertCloseStore`.
        let names = names.lines().skip(1).map_while(|line| line.trim().strip_prefix('[')?.split_once("] "));
        let exports = names.map(|(_, name)| match name {
            "CertCreateCertificateChainEngine" => format!("  {name} = create_engine\n"),
            "CertGetCertificateChain" => format!("  {name} = get_chain\n"),
            _ => format!("  {name} = winecrypt32.{name}\n"),
        });
        let definitions = self.scripts.join("crypt32.def");
        fs::write(&definitions, format!("LIBRARY crypt32\nEXPORTS\n{}", exports.collect::<String>()))?;
        let definitions = definitions.display().to_string();
        self.compile("crypt32.c", &folder.join("crypt32.dll"), &["-shared", &definitions])
    }

    /// Returns a Unix program that starts the Windows program as a shell of the user would.
    pub(super) fn starter(&self, name: &str, program: &Path) -> Result<PathBuf> {
        let path = self.scripts.join(name);
        let program = quoted(self.windows_path(program).as_ref());
        write_script(&path, &format!("exec {} {program} \"$@\"", quoted(&self.start)))?;
        Ok(path)
    }

    /// The user's folder, as Unix sees it.
    pub(super) fn user_folder(&self) -> &Path {
        &self.user_folder
    }

    /// The path of a file as Windows programs see it.
    pub(super) fn windows_path(&self, path: &Path) -> String {
        let (drive, path) = path.strip_prefix(&self.drive).map_or(("Z:", path), |below| ("C:\\", below));
        format!("{drive}{}", path.display().to_string().replace('/', "\\"))
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // Fails if nothing runs any more.
        let _ = Command::new(&self.server).arg("--kill").output();
    }
}
