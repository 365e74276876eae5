//! Python packages of a fixed version, installed into a virtual environment in the target directory. This needs `python3`, and
//! a network connection at the first run.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the Python interpreter that has the packages in `xtask/NAME/requirements.txt`, which contains their hashes.
/// Installs them if they are not installed completely.
pub fn interpreter(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    // This program is in target/<profile>/.
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("this program is not in a target directory")?;
    let venv = target.join("python").join(name);
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let installed_file = venv.join("installed");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("requirements.txt");
    let requirements = std::fs::read_to_string(&file)?;
    // This file is written after the installation and contains the installed hashes.
    if std::fs::read_to_string(&installed_file).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    eprintln!("Installing Python packages into {}", venv.display());
    let base = if cfg!(windows) { "python" } else { "python3" };
    output(Command::new(base).args(["-m", "venv", "--clear"]).arg(&venv), "")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    output(pip.args(["--only-binary", ":all:", "--require-hashes", "-r"]).arg(file), "")?;
    std::fs::write(installed_file, requirements)?;
    Ok(python)
}

/// Runs a command with this input and returns its output.
pub fn output(command: &mut Command, input: &str) -> Result<String, Box<dyn Error>> {
    let program = command.get_program().display().to_string();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("{program} was not found. Install Python 3 with venv and pip.")
        }
        _ => format!("{program}: {error}"),
    })?;
    // Dropped immediately, which closes the input. The programs read all input before they print much.
    child.stdin.take().ok_or("no stdin")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} failed: {}", stderr.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
