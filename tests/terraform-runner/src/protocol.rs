//! Which plugin protocol a core and a provider speak with one another.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::core::write_script;

/// What precedes the version where a core logs what it has agreed on with a plugin.
const AGREED: &str = "using plugin: version=";

/// The protocols in a core's log: one for each agreement, each once.
pub fn negotiated_protocols(log: &str) -> BTreeSet<u16> {
    let versions = log.split(AGREED).skip(1).map(|rest| rest.split_whitespace().next().unwrap_or_default());
    versions.filter_map(|version| version.trim_matches('"').parse().ok()).collect()
}

/// A provider in a folder of its own that hears of this protocol only, whichever ones the core offers. Cores offer 5 and 6
/// since 0.15, and take either; this is how the older one is heard from them.
pub fn restrict_to_protocol(provider: &Path, protocol: u16) -> io::Result<PathBuf> {
    if cfg!(windows) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "a provider in between is a shell script"));
    }
    let (Some(folder), Some(name)) = (provider.parent(), provider.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the provider is no file"));
    };
    let folder = folder.join(format!("protocol-{protocol}"));
    fs::create_dir_all(&folder)?;
    let script = format!("PLUGIN_PROTOCOL_VERSIONS={protocol} exec '{}'", provider.display());
    let path = folder.join(name);
    write_script(&path, &script).map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agreement_in_a_log_counts() {
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
    fn a_provider_is_told_of_one_protocol_whatever_was_offered() {
        let folder = tempfile::tempdir().unwrap();
        let provider = folder.path().join("terraform-provider-echo");
        write_script(&provider, "echo \"$PLUGIN_PROTOCOL_VERSIONS $$\"").unwrap();
        let wrapped = restrict_to_protocol(&provider, 5).unwrap();
        assert_eq!(wrapped.file_name(), provider.file_name());
        let child = std::process::Command::new(wrapped)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The same process: signals and the wait for its end reach the provider itself.
        let expected = format!("5 {}", child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected);
    }
}
