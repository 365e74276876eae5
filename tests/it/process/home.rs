//! Credentials files in the home directory, and the fallback if they cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cloud_simulator::{Route, Simulator};
use plugin_host::protocol::tfplugin::Diagnostic;

use super::*;

/// Configures the provider and asserts that a read succeeds. Returns the diagnostics of the configuration.
async fn configure_and_read(cloud: &Simulator, command: PluginCommand) -> Vec<Diagnostic> {
    cloud.clear_recorded_requests();
    let process = start(command).await;
    let connection = connect_as_host(&process).await;
    let url = cloud.url();
    let endpoints = json!({ "dds": url, "iam": url, "sts": url, "metadata": url });
    let config = json!({ "region": "cn-north-4", "endpoints": endpoints });
    let diagnostics = connection.configure(config).await.unwrap();
    assert_eq!(read(&connection).await.diagnostics, []);
    diagnostics
}

/// Asserts that the key comes from the ECS metadata service, not from a file.
fn assert_metadata_key_is_used(cloud: &Simulator) {
    let counts = [Route::MetadataKeys, Route::Links].map(|route| cloud.request_count(route));
    assert_eq!(counts, [1, 1]);
    let file_key = &cloud.cloud_state().access_keys[0].id;
    for recorded in cloud.recorded_requests() {
        let authorization = recorded.request.header("authorization").unwrap_or_default();
        assert!(!authorization.contains(file_key), "{authorization}");
    }
}

/// Asserts that the only diagnostic is a warning with these reasons.
fn assert_warning(diagnostics: &[Diagnostic], reasons: &[&str]) {
    let [warning] = diagnostics else { panic!("{diagnostics:?}") };
    assert_eq!((warning.summary.as_str(), warning.severity), ("Credentials File Skipped", 2));
    for part in reasons.iter().chain(&["The credential comes from the ECS metadata service instead."]) {
        assert!(warning.detail.contains(part), "{part} is missing in {}", warning.detail);
    }
}

/// Writes the files of KooCLI and of the SDKs, with a valid key.
fn write_credentials_files(cloud: &Simulator, home: &Path) {
    let key = &cloud.cloud_state().access_keys[0];
    let profile =
        json!({ "profiles": [{ "name": "default", "accessKeyId": key.id, "secretAccessKey": key.secret }] });
    for (dir, file, text) in [
        (".hcloud", "config.json", profile.to_string()),
        (".huaweicloud", "credentials", format!("[basic]\nak = {}\nsk = {}\n", key.id, key.secret)),
    ] {
        fs::create_dir_all(home.join(dir)).unwrap();
        fs::write(home.join(dir).join(file), text).unwrap();
    }
}

#[tokio::test]
async fn invalid_home_falls_back_to_the_metadata_service() {
    let cloud = Simulator::start(CloudState::sample());
    let diagnostics =
        configure_and_read(&cloud, PluginCommand::new(PROVIDER_PATH).env("HOME", "/dev/null")).await;
    assert_warning(
        &diagnostics,
        &["The file ~/.hcloud/config.json cannot be used: it cannot be read (Not a directory"],
    );
    assert_metadata_key_is_used(&cloud);
    // Disabling the files removes the warning.
    let command =
        PluginCommand::new(PROVIDER_PATH).env("HOME", "/dev/null").env("HW_SHARED_CONFIG_FILE", "/dev/null");
    assert_eq!(configure_and_read(&cloud, command).await, []);
    assert_metadata_key_is_used(&cloud);
}

#[tokio::test]
async fn unreadable_home_falls_back_to_the_metadata_service() {
    let (cloud, home) = (Simulator::start(CloudState::sample()), tempfile::tempdir().unwrap());
    let other_home = home.path().join("other-user");
    write_credentials_files(&cloud, &other_home);
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set_mode(&other_home, 0o000);
    let command = if fs::read_dir(&other_home).is_ok() {
        // Root can read every directory, so another user runs a copy of the provider.
        set_mode(home.path(), 0o711);
        let (temp_dir, provider) = (home.path().join("tmp"), home.path().join("provider"));
        fs::create_dir(&temp_dir).unwrap();
        set_mode(&temp_dir, 0o777);
        fs::copy(PROVIDER_PATH, &provider).unwrap();
        set_mode(&provider, 0o755);
        let other = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", provider.to_str().unwrap()];
        let command = other.into_iter().fold(PluginCommand::new("setpriv"), PluginCommand::arg);
        command.env("TMPDIR", temp_dir.to_str().unwrap())
    } else {
        PluginCommand::new(PROVIDER_PATH)
    };
    let diagnostics = configure_and_read(&cloud, command.env("HOME", other_home.to_str().unwrap())).await;
    set_mode(&other_home, 0o700);
    assert_warning(
        &diagnostics,
        &["~/.hcloud/config.json", "~/.huaweicloud/credentials", "Permission denied"],
    );
    assert_metadata_key_is_used(&cloud);
}

#[tokio::test]
async fn working_directory_is_never_used_as_home() {
    let (cloud, checkout) = (Simulator::start(CloudState::sample()), tempfile::tempdir().unwrap());
    for dir in ["~", ".", "home"] {
        write_credentials_files(&cloud, &checkout.path().join(dir));
    }
    for home in [None, Some(""), Some("home"), Some("."), Some("~")] {
        let command = PluginCommand::new(PROVIDER_PATH).current_dir(checkout.path());
        let command = match home {
            Some(home) => command.env("HOME", home),
            None => command.env_remove("HOME"),
        };
        assert_eq!(configure_and_read(&cloud, command).await, [], "{home:?}");
        assert_metadata_key_is_used(&cloud);
    }
}
