//! Clock, environment variables and files.
//!
//! No other module uses std for them, so that a test can replace them.

pub mod secret;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task;

/// Environment variables and files: of the process, or set by a test.
#[derive(Clone, Debug)]
pub enum Environment {
    /// Of the process.
    Process,
    /// Set by a test.
    Fixed {
        /// The variables by name.
        variables: BTreeMap<String, String>,
        /// The contents of files by path. `None` is a file that cannot be read.
        files: BTreeMap<String, Option<String>>,
    },
}

/// Much larger than any configuration file.
const MAX_FILE_SIZE: u64 = 1 << 20;

impl Environment {
    /// Creates an environment with these variables, and without files.
    pub fn given<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::with_files(variables, [])
    }

    /// Creates an environment with these variables and files.
    pub fn with_files<'a>(
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let to_owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        Self::Fixed {
            variables: variables.into_iter().map(to_owned).collect(),
            files: files.into_iter().map(to_owned).map(|(path, text)| (path, Some(text))).collect(),
        }
    }

    /// Returns the value of a variable. A value that is empty, only whitespace or not UTF-8 counts as not set.
    #[expect(clippy::disallowed_methods, reason = "the only reader of the process environment")]
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match self {
            Self::Process => std::env::var(name).ok(),
            Self::Fixed { variables, .. } => variables.get(name).cloned(),
        };
        value.filter(|value| !value.trim().is_empty())
    }

    /// Returns the user's home directory. A relative path is ignored, because its meaning depends on the working
    /// directory.
    ///
    /// This does not use a crate or `std::env::home_dir`, because they read the process and the system, not this
    /// environment.
    pub fn home(&self) -> Option<String> {
        let home = ["HOME", "USERPROFILE"].into_iter().find_map(|name| self.get(name))?;
        Some(home).filter(|home| Path::new(home).has_root())
    }

    /// Reads a UTF-8 file of at most 1 MiB. A leading `~/` (on Windows also `~\`) means the user's home directory.
    pub fn read(&self, path: &str) -> io::Result<String> {
        let path = self.expand(path)?;
        match self {
            Self::Process => {
                let mut text = String::new();
                let read = || File::open(&path)?.take(MAX_FILE_SIZE + 1).read_to_string(&mut text);
                let size = block(read)?;
                if u64::try_from(size).is_ok_and(|size| size <= MAX_FILE_SIZE) {
                    Ok(text)
                } else {
                    Err(io::Error::new(io::ErrorKind::InvalidData, "the file is larger than 1 MiB"))
                }
            }
            Self::Fixed { files, .. } => match files.get(&path) {
                Some(text) => text.clone().ok_or_else(|| io::ErrorKind::PermissionDenied.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        }
    }

    fn expand(&self, path: &str) -> io::Result<String> {
        let separators: &[char] = if cfg!(windows) { &['/', '\\'] } else { &['/'] };
        let Some(rest) = path.strip_prefix('~').and_then(|rest| rest.strip_prefix(separators)) else {
            return Ok(path.to_owned());
        };
        let reason = "there is no home directory: neither HOME nor USERPROFILE is set to an absolute path";
        let missing = || io::Error::new(io::ErrorKind::NotFound, reason);
        let home = self.home().ok_or_else(missing)?;
        Ok(format!("{}/{rest}", home.trim_end_matches(['/', '\\'])))
    }
}

/// Runs work that may block. The other tasks of the process continue on another thread.
///
/// A file may be a pipe without a writer, or on a file server that does not respond.
fn block<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => task::block_in_place(work),
        // There is no other thread for the tasks of a test's runtime.
        _ => work(),
    }
}

/// The system's clock, or a fixed time in tests.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The system's time.
    #[default]
    System,
    /// A fixed time.
    #[cfg(test)]
    Fixed(SystemTime),
}

impl Clock {
    /// Returns the current time.
    #[expect(clippy::disallowed_methods, reason = "the only reader of the system clock")]
    pub fn now(&self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            #[cfg(test)]
            Self::Fixed(time) => *time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_with_only_whitespace_is_not_set() {
        let environment = Environment::given([("WHITESPACE", " \t"), ("SET", " x ")]);
        assert_eq!(environment.get("WHITESPACE"), None);
        assert_eq!(environment.get("SET").as_deref(), Some(" x "));
        assert_eq!(environment.get("MISSING"), None);
    }

    #[test]
    fn tilde_is_expanded_to_the_home_directory() {
        let environment = Environment::with_files([("HOME", "/home/u/")], [("/home/u/.x/y", "text")]);
        assert_eq!(environment.read("~/.x/y").unwrap(), "text");
        assert_eq!(environment.read("~/.x/z").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn backslash_after_the_tilde_is_a_separator_on_windows_only() {
        let variables = [("USERPROFILE", "/users/Zoë Müller")];
        let environment = Environment::with_files(variables, [("/users/Zoë Müller/.x/y", "text")]);
        assert_eq!(environment.read("~/.x/y").unwrap(), "text");
        let result = environment.read("~\\.x/y");
        assert_eq!(result.is_ok(), cfg!(windows), "{result:?}");
    }

    #[test]
    fn tilde_without_a_home_directory_reads_no_file() {
        for (name, home) in
            [("HOME", " "), ("HOME", "home"), ("HOME", "."), ("USERPROFILE", "u"), ("OTHER", "/h")]
        {
            // Paths that would be read if the tilde were kept, or replaced by an invalid home directory.
            let files = ["~/.x/y", "./~/.x/y", "home/.x/y", "./.x/y", "u/.x/y", "/.x/y", ".x/y"];
            let environment = Environment::with_files([(name, home)], files.map(|file| (file, "text")));
            let error = environment.read("~/.x/y").unwrap_err();
            assert_eq!((error.kind(), environment.home()), (io::ErrorKind::NotFound, None), "{name}={home}");
            assert!(error.to_string().contains("no home directory"), "{error}");
        }
    }

    #[test]
    fn file_over_1_mib_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large");
        std::fs::write(&path, "x".repeat(1 << 20)).unwrap();
        assert_eq!(Environment::Process.read(path.to_str().unwrap()).unwrap().len(), 1 << 20);
        std::fs::write(&path, "x".repeat((1 << 20) + 1)).unwrap();
        assert!(Environment::Process.read(path.to_str().unwrap()).is_err());
    }
}
