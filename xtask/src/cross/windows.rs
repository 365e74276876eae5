//! windows_amd64: built with mingw-w64, and run under Wine against the simulated cloud.

mod checks;
mod wine;

use std::fs;
use std::path::Path;

use terraform_runner::TerraformCli;

use super::toolchain::{self, Toolchain};
use super::{PROVIDER, Result, packages};
use checks::Scene;
use wine::Wine;

/// The DLLs of Windows that the executable uses. All of them are in Windows 10 and Server 2016.
const DLLS: [&str; 12] = [
    "advapi32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "crypt32.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "secur32.dll",
    "shell32.dll",
    "userenv.dll",
    "ws2_32.dll",
];

/// Checks the sources by clippy, builds the executable, and runs it.
pub(super) async fn run(toolchain: &Toolchain) -> Result<()> {
    let home = &toolchain.home;
    let target = toolchain::mingw(home)?;
    toolchain.clippy(&target)?;
    let executable = toolchain.build(&target)?;
    needs_only_windows(home, &executable)?;

    let wine = Wine::set_up(home)?;
    // Core looks for files whose names begin like this one, and the build folder has others.
    let plugins = wine.user_folder().join("plug-ins");
    fs::create_dir_all(&plugins)?;
    let provider = plugins.join(format!("{PROVIDER}.exe"));
    fs::copy(&executable, &provider)?;
    wine.add_crypt32(&plugins)?;
    let core = packages::windows_core(home)?;
    wine.compile("terraform.c", &core.join("terraform.exe"), &["-municode"])?;
    let core = TerraformCli::from_program(wine.starter("terraform", &core.join("terraform.exe"))?)?;
    println!("{core} for Windows, below {}", wine.windows_path(wine.user_folder()));
    // All that follows is in the user's folder, whose name has blanks and letters beyond ASCII.
    let temporary = wine.user_folder().join("temporary folder");
    fs::create_dir_all(&temporary)?;
    tempfile::env::override_temp_dir(&temporary).map_err(|set| format!("set to {} before", set.display()))?;
    let provider = wine.starter(PROVIDER, &provider)?;
    checks::run(&Scene { wine, core, provider, plugins }).await
}

/// Fails if the executable needs a DLL that Windows does not have.
fn needs_only_windows(home: &Path, executable: &Path) -> Result<()> {
    let headers = toolchain::headers(home, executable)?;
    let needed = headers.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    let needed: Vec<_> = needed.map(str::to_lowercase).collect();
    let others: Vec<_> = needed.iter().filter(|name| !DLLS.contains(&name.as_str())).collect();
    if needed.is_empty() || !others.is_empty() {
        return Err(format!("the executable needs {others:?} of {needed:?}").into());
    }
    println!("needs {}", needed.join(", "));
    Ok(())
}
