//! What ends a call or the process: StopProvider, signals, and the end of the host.

use std::io;
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};
use tokio::sync::watch;

/// Tells the calls in progress to end. Copies are one and the same.
///
/// A call is in progress from the arrival of its headers: its message may still be on its way, or be decoded, when the
/// host calls StopProvider. So each request takes its signal before its message is read.
#[derive(Clone)]
pub(super) struct Stop(watch::Sender<()>);

/// Becomes ready with the next StopProvider. Earlier ones do not count.
#[derive(Clone)]
pub(super) struct StopSignal(watch::Receiver<()>);

impl Stop {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(super) fn send(&self) {
        self.0.send_replace(());
    }

    pub(super) fn signal(&self) -> StopSignal {
        StopSignal(self.0.subscribe())
    }
}

impl StopSignal {
    /// Returns when the host calls StopProvider.
    pub(super) async fn stopped(mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Keeps an interrupt from ending the process for as long as it lives.
///
/// Ctrl-C reaches the whole process group; core tells its plugins by StopProvider what it means for them. On Unix the
/// signal keeps its new effect once somebody has listened. On Windows tokio hands it to the default handler, which ends the
/// process, as soon as there is no listener: so the listeners are kept.
#[must_use = "on Windows an interrupt ends the process once this is dropped"]
pub(super) struct IgnoredInterrupts {
    #[cfg(unix)]
    _interrupt: Signal,
    #[cfg(windows)]
    _listeners: (CtrlC, CtrlBreak),
}

impl IgnoredInterrupts {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            _interrupt: signal(SignalKind::interrupt())?,
            #[cfg(windows)]
            _listeners: (ctrl_c()?, ctrl_break()?),
        })
    }
}

/// The signal that asks the process to end. Without a listener it would end at once and leave its socket's file behind.
pub(super) struct Termination {
    #[cfg(unix)]
    signal: Signal,
}

impl Termination {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signal: signal(SignalKind::terminate())?,
        })
    }

    /// Never returns on Windows, where nothing of the kind is sent.
    pub(super) async fn received(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }

    /// Ends the process as the signal does by itself, so that the host sees the same end.
    pub(super) fn end_process(self) -> ! {
        #[cfg(unix)]
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTERM);
        // What a shell says of that signal. Not reached on Unix.
        std::process::exit(143)
    }
}

/// How often is looked. A host connects within milliseconds, so mostly never.
#[cfg(unix)]
const INTERVAL: Duration = Duration::from_millis(500);

/// The process that started this one, as far as can be seen whether it lives before it has connected.
///
/// Core reads the stdout and stderr of its plugins as long as it lives, so pipes without a reader mean that it is gone.
/// That also holds where a shell stands between the two. The parent's process ID alone says less: it changes where a host
/// starts plugins by a process that ends, and stays where a shell waits for the plugin. PR_SET_PDEATHSIG follows the
/// thread that started the plugin, which a living core may end.
pub(super) struct HostProcess {
    #[cfg(unix)]
    parent: u32,
}

impl HostProcess {
    pub(super) fn at_start() -> Self {
        Self {
            #[cfg(unix)]
            parent: std::os::unix::process::parent_id(),
        }
    }

    /// Returns once the host is gone. Never returns on Windows, where nothing tells.
    pub(super) async fn gone(self) {
        #[cfg(unix)]
        loop {
            let parent_changed = std::os::unix::process::parent_id() != self.parent;
            if is_gone(lacks_reader(std::io::stdout()), lacks_reader(std::io::stderr()), parent_changed) {
                return;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        #[cfg(not(unix))]
        std::future::pending().await
    }
}

/// A host may stop reading stdout after the handshake line, or never read stderr. None does both and lives on: a plugin in
/// Go would die of the first line in its log.
#[cfg(unix)]
fn is_gone(stdout_lacks_reader: bool, stderr_lacks_reader: bool, parent_changed: bool) -> bool {
    stdout_lacks_reader && (stderr_lacks_reader || parent_changed)
}

/// Whether the stream is a pipe without a reader. A file or a terminal says nothing of the host.
#[cfg(unix)]
fn lacks_reader(stream: impl AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut streams = [PollFd::new(&stream, PollFlags::OUT)];
    is_pipe(&stream)
        && poll(&mut streams, Some(&Timespec::default())).is_ok()
        && streams[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(unix)]
fn is_pipe(stream: &impl AsFd) -> bool {
    use std::os::unix::fs::FileTypeExt as _;

    let copy = stream.as_fd().try_clone_to_owned().map(std::fs::File::from);
    let kind = copy.and_then(|file| file.metadata()).map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_stop_reaches_signals_taken_before_it_and_no_later_one() {
        let stop = Stop::new();
        let early = stop.signal();
        assert_eq!(early.clone().stopped().now_or_never(), None);
        stop.clone().send();
        let late = stop.signal();
        assert_eq!(early.clone().stopped().now_or_never(), Some(()));
        assert_eq!(late.clone().stopped().now_or_never(), None);
        drop(stop);
        assert_eq!(late.stopped().now_or_never(), None);
    }

    #[cfg(unix)]
    #[test]
    fn only_a_pipe_without_a_reader_counts_as_gone() {
        let (pipe_end, pipe) = std::io::pipe().unwrap();
        let (socket_end, socket) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!lacks_reader(&pipe) && !lacks_reader(&socket));
        drop((pipe_end, socket_end));
        assert!(lacks_reader(&pipe) && lacks_reader(&socket));
        for path in ["/dev/null", "/dev/full"] {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            assert!(!lacks_reader(file), "{path}");
        }
        // A pipe that is full has a reader all the same.
        let (_end, mut pipe) = std::io::pipe().unwrap();
        // As much as fits in. One byte more would block.
        std::io::Write::write_all(&mut pipe, &[0; 65536]).unwrap();
        assert!(!lacks_reader(&pipe));
    }

    #[cfg(unix)]
    #[test]
    fn one_sign_alone_does_not_end_a_host() {
        for (stdout, stderr, parent_changed, expected) in [
            (false, false, false, false),
            // Started by a process that has ended.
            (false, false, true, false),
            // A host that read one line, or none of the log.
            (true, false, false, false),
            (false, true, true, false),
            // Core died, with a shell in between and without.
            (true, true, false, true),
            (true, false, true, true),
            (true, true, true, true),
        ] {
            let found = is_gone(stdout, stderr, parent_changed);
            assert_eq!(found, expected, "{stdout} {stderr} {parent_changed}");
        }
    }
}
