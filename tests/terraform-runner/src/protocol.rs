//! The plugin protocol that Terraform and a provider negotiate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::cli::write_script;

/// The text before the version in the log line about the negotiated protocol.
const LOG_PREFIX: &str = "using plugin: version=";

/// Returns the negotiated protocols in a log, without duplicates.
pub fn negotiated_protocols(log: &str) -> BTreeSet<u16> {
    let versions =
        log.split(LOG_PREFIX).skip(1).map(|rest| rest.split_whitespace().next().unwrap_or_default());
    versions.filter_map(|version| version.trim_matches('"').parse().ok()).collect()
}

/// Creates a script that starts the provider with only this protocol, and returns its path. Terraform offers both protocols
/// since 0.15, so this is the only way to test protocol 5 with it. The script is in a separate directory.
pub fn restrict_to_protocol(provider: &Path, protocol: u16) -> io::Result<PathBuf> {
    if cfg!(windows) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the wrapper is a shell script"));
    }
    let (Some(directory), Some(name)) = (provider.parent(), provider.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the provider path has no file name"));
    };
    let directory = directory.join(format!("protocol-{protocol}"));
    fs::create_dir_all(&directory)?;
    let script = format!("PLUGIN_PROTOCOL_VERSIONS={protocol} exec '{}'", provider.display());
    let path = directory.join(name);
    write_script(&path, &script).map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_negotiated_protocols_in_a_log_are_found() {
        let log =
            "[DEBUG] provider: plugin started: path=/a pid=1\n[DEBUG] provider: using plugin: version=6\n";
        assert_eq!(negotiated_protocols(log), [6].into());
        assert_eq!(
            negotiated_protocols(&format!("{log}... [DEBUG] provider: using plugin: version=5\n{log}")),
            [5, 6].into()
        );
        assert!(negotiated_protocols("[INFO] provider: plugin version=6").is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn wrapper_starts_the_provider_with_one_protocol() {
        let directory = tempfile::tempdir().unwrap();
        let provider = directory.path().join("terraform-provider-echo");
        write_script(&provider, "echo \"$PLUGIN_PROTOCOL_VERSIONS $$\"").unwrap();
        let wrapper = restrict_to_protocol(&provider, 5).unwrap();
        assert_eq!(wrapper.file_name(), provider.file_name());
        let child = std::process::Command::new(wrapper)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The same process, so that signals and waiting reach the provider itself.
        let expected = format!("5 {}", child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected);
    }
}
