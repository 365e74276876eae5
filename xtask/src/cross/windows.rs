//! Builds the provider for `windows_amd64` with mingw-w64 and runs it under Wine.

mod checks;
mod wine;

use std::fs;

use terraform_runner::TerraformCli;

use super::toolchain::Toolchain;
use super::{Result, packages};
use crate::package::NAME;
use checks::Windows;
use wine::Wine;

/// The DLLs that the provider may use. Windows 10 and Windows Server 2016 have all of them.
const DLLS: [&str; 7] = [
    "api-ms-win-core-synch-l1-2-0.dll",
    "bcryptprimitives.dll",
    "crypt32.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "ws2_32.dll",
];

/// Runs clippy, builds the provider and checks it.
pub async fn run(toolchain: &Toolchain) -> Result<()> {
    let target = toolchain.mingw()?;
    toolchain.clippy(&target)?;
    let executable = toolchain.build(&target)?;
    check_dlls(&toolchain.windows_headers(&executable)?)?;

    let wine = Wine::set_up(toolchain)?;
    // A separate directory, because Terraform starts the first file whose name begins with the provider's name.
    let provider_directory = wine.user_directory.join("plug-ins");
    fs::create_dir_all(&provider_directory)?;
    let provider = provider_directory.join(format!("{NAME}.exe"));
    fs::copy(&executable, &provider)?;
    wine.add_crypt32(toolchain, &provider_directory)?;
    let terraform = packages::terraform_for_windows(&toolchain.directory)?.join("terraform.exe");
    wine.compile(toolchain, "terraform.c", &terraform, &["-municode"])?;
    let cli = TerraformCli::from_program(wine.start_script("terraform", &terraform)?)?;
    println!("{cli} for Windows, in {}", wine.windows_path(&wine.user_directory));
    // The following files are in the directory of the user, whose name has spaces and letters that are not ASCII.
    let temporary = wine.user_directory.join("temporary files");
    fs::create_dir_all(&temporary)?;
    tempfile::env::override_temp_dir(&temporary)
        .map_err(|directory| format!("the temporary directory is already set to {}", directory.display()))?;
    let provider = wine.start_script(NAME, &provider)?;
    checks::run(&Windows { wine, cli, provider, provider_directory }).await
}

/// Fails if the executable needs other DLLs than those of Windows.
fn check_dlls(headers: &str) -> Result<()> {
    let names = headers.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    let mut names: Vec<_> = names.map(str::to_lowercase).collect();
    names.sort();
    names.dedup();
    println!("uses {}", names.join(", "));
    let unknown: Vec<_> = names.iter().filter(|name| !DLLS.contains(&name.as_str())).collect();
    super::checks::ensure(!names.is_empty() && unknown.is_empty(), || {
        format!("the executable needs {unknown:?}")
    })
}
