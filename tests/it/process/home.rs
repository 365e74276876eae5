//! Where files of credentials are looked for without being named, and what becomes of a search that meets a bad one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cloud_simulator::{Route, Simulator};
use plugin_host::protocol::tfplugin::Diagnostic;

use super::*;

/// What a machine's agency reads in such an environment, and what is told of it at configure.
async fn read_with(cloud: &Simulator, launch: PluginCommand) -> Vec<Diagnostic> {
    cloud.clear_recorded_requests();
    let process = start(launch).await;
    let connection = connect_as_host(&process).await;
    let url = cloud.url();
    let endpoints = json!({ "dds": url, "iam": url, "sts": url, "metadata": url });
    let config = json!({ "region": "cn-north-4", "endpoints": endpoints });
    let told = connection.configure(config).await.unwrap();
    let read = read(&connection).await;
    assert_eq!(read.diagnostics, []);
    told
}

/// The machine's agency reads, and no key of a file.
fn is_read_by_the_machine(cloud: &Simulator) {
    let counts = [Route::MetadataKeys, Route::Links].map(|route| cloud.request_count(route));
    assert_eq!(counts, [1, 1]);
    let by = |it: &cloud_simulator::RecordedRequest| {
        it.request
            .header("authorization")
            .is_some_and(|it| it.contains(&cloud.cloud_state().access_keys[0].id))
    };
    assert!(!cloud.recorded_requests().iter().any(by));
}

fn warns(told: &[Diagnostic], reasons: &[&str]) {
    let [warning] = told else { panic!("{told:?}") };
    assert_eq!((warning.summary.as_str(), warning.severity), ("Credentials File Skipped", 2));
    for part in reasons.iter().chain(&["The credential comes from the ECS metadata service instead."]) {
        assert!(warning.detail.contains(part), "{} lacks {part}", warning.detail);
    }
}

/// A folder with both tools' files in it, which hold a key that the cloud believes.
fn with_files(cloud: &Simulator, home: &Path) {
    let key = &cloud.cloud_state().access_keys[0];
    let profile =
        json!({ "profiles": [{ "name": "default", "accessKeyId": key.id, "secretAccessKey": key.secret }] });
    for (folder, file, text) in [
        (".hcloud", "config.json", profile.to_string()),
        (".huaweicloud", "credentials", format!("[basic]\nak = {}\nsk = {}\n", key.id, key.secret)),
    ] {
        fs::create_dir_all(home.join(folder)).unwrap();
        fs::write(home.join(folder).join(file), text).unwrap();
    }
}

#[tokio::test]
async fn invalid_home_falls_back_to_the_metadata_service() {
    let cloud = Simulator::start(CloudState::sample());
    let told = read_with(&cloud, PluginCommand::new(PROVIDER_EXECUTABLE).env("HOME", "/dev/null")).await;
    warns(&told, &["The file ~/.hcloud/config.json cannot be used: it cannot be read (Not a directory"]);
    is_read_by_the_machine(&cloud);
    // The way to say that it is meant.
    let launch = PluginCommand::new(PROVIDER_EXECUTABLE)
        .env("HOME", "/dev/null")
        .env("HW_SHARED_CONFIG_FILE", "/dev/null");
    assert_eq!(read_with(&cloud, launch).await, []);
    is_read_by_the_machine(&cloud);
}

#[tokio::test]
async fn unreadable_home_falls_back_to_the_metadata_service() {
    let (cloud, home) = (Simulator::start(CloudState::sample()), tempfile::tempdir().unwrap());
    let theirs = home.path().join("theirs");
    with_files(&cloud, &theirs);
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&theirs, 0o000);
    let launch = if fs::read_dir(&theirs).is_ok() {
        // Nothing is closed to root, so the provider has to be somebody else, with an executable that is theirs to run.
        allow(home.path(), 0o711);
        let (temporary, provider) = (home.path().join("temporary"), home.path().join("provider"));
        fs::create_dir(&temporary).unwrap();
        allow(&temporary, 0o777);
        fs::copy(PROVIDER_EXECUTABLE, &provider).unwrap();
        allow(&provider, 0o755);
        let other = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", provider.to_str().unwrap()];
        let launch = other.into_iter().fold(PluginCommand::new("setpriv"), PluginCommand::arg);
        launch.env("TMPDIR", temporary.to_str().unwrap())
    } else {
        PluginCommand::new(PROVIDER_EXECUTABLE)
    };
    let told = read_with(&cloud, launch.env("HOME", theirs.to_str().unwrap())).await;
    allow(&theirs, 0o700);
    warns(&told, &["~/.hcloud/config.json", "~/.huaweicloud/credentials", "Permission denied"]);
    is_read_by_the_machine(&cloud);
}

#[tokio::test]
async fn working_directory_is_never_used_as_home() {
    let (cloud, checkout) = (Simulator::start(CloudState::sample()), tempfile::tempdir().unwrap());
    for folder in ["~", ".", "home"] {
        with_files(&cloud, &checkout.path().join(folder));
    }
    for home in [None, Some(""), Some("home"), Some("."), Some("~")] {
        let launch = PluginCommand::new(PROVIDER_EXECUTABLE).current_dir(checkout.path());
        let launch = match home {
            Some(home) => launch.env("HOME", home),
            None => launch.env_remove("HOME"),
        };
        assert_eq!(read_with(&cloud, launch).await, [], "{home:?}");
        is_read_by_the_machine(&cloud);
    }
}
