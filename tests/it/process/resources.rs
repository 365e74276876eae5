//! The threads and files that a process uses before the first read.

use std::fs;
use std::path::PathBuf;

use super::*;

/// A path of the process below `/proc`.
fn proc_path(process: &Process, name: &str) -> PathBuf {
    format!("/proc/{}/{name}", process.id()).into()
}

fn threads(process: &Process) -> usize {
    fs::read_dir(proc_path(process, "task")).unwrap().count()
}

/// The number of bytes that the process has read, except from sockets.
fn bytes_read(process: &Process) -> u64 {
    let counters = fs::read_to_string(proc_path(process, "io")).unwrap();
    counters.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// The open files that are neither pipes, sockets, event queues nor `/dev/null`.
fn open_files(process: &Process) -> Vec<String> {
    let links =
        fs::read_dir(proc_path(process, "fd")).unwrap().map(|entry| fs::read_link(entry.unwrap().path()));
    let targets = links.flatten().map(|target| target.display().to_string());
    let prefixes = ["pipe:", "socket:", "anon_inode:", "/dev/null"];
    targets.filter(|target| !prefixes.iter().any(|prefix| target.starts_with(prefix))).collect()
}

#[tokio::test]
async fn configured_process_has_two_threads_and_no_file() {
    let cloud = Simulator::start(CloudState::sample());
    let process = start(PluginCommand::new(PROVIDER_PATH)).await;
    let started = bytes_read(&process);
    // The headers of the linked libraries and the memory map, but not the certificate store (about 200 KB).
    assert!(started < 32 << 10, "{started}");
    let connection = connect_as_host(&process).await;
    connection.schema().await.unwrap();
    assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
    assert_eq!(bytes_read(&process), started);
    assert_eq!(open_files(&process), [""; 0]);
    // The main thread, which waits for signals, and the one that handles all requests.
    assert_eq!(threads(&process), 2);
}
