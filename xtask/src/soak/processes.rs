//! Processes, memory, descriptors and sockets, from `/proc` and the file system.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// The IDs of the running processes in a process group. A zombie has ended.
pub(super) fn group_members(group: u32) -> io::Result<Vec<u32>> {
    let ids = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.filter(|id| is_running_in(*id, group)).collect())
}

fn is_running_in(id: u32, group: u32) -> bool {
    // Fails if the process has ended in the meantime.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name is in parentheses and can contain spaces. Then come the state, the parent and the group.
    let fields: Vec<_> =
        stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
    matches!(fields.as_slice(), [state, _, of, ..] if *of == group.to_string() && !["Z", "X"].contains(state))
}

/// The number of open file descriptors of a process.
pub(super) fn descriptor_count(id: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{id}/fd"))?.count())
}

/// All sockets below a directory.
pub(super) fn sockets(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let found = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => sockets(&entry.path()),
        Ok(kind) if kind.is_socket() => vec![entry.path()],
        _ => Vec::new(),
    });
    found.flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn running_processes_of_the_group_are_found() {
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        assert_eq!(group_members(child.id()).unwrap(), [child.id()]);
        child.kill().unwrap();
        // A zombie until it is waited for.
        while !group_members(child.id()).unwrap().is_empty() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(group_members(child.id()).unwrap().is_empty());
    }

    #[test]
    fn descriptors_and_sockets_are_counted() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let path = directory.path().join("a/b/plugin");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(sockets(directory.path()), [path]);
        let count = || descriptor_count(std::process::id()).unwrap();
        assert!(count() > 0);
        drop(listener);
    }
}
