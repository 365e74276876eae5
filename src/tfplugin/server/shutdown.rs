//! Ends RPCs on StopProvider, and the process on a signal or the exit of the host.

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

/// Cancels the running RPCs when the host calls StopProvider.
///
/// An RPC subscribes when its headers arrive. So StopProvider also cancels it while its message is received or decoded.
#[derive(Clone)]
pub(super) struct StopSender(watch::Sender<()>);

/// Receives the next StopProvider after the subscription.
#[derive(Clone)]
pub(super) struct StopSignal(watch::Receiver<()>);

impl StopSender {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(super) fn send(&self) {
        self.0.send_replace(());
    }

    pub(super) fn subscribe(&self) -> StopSignal {
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

/// Ignores interrupts until it is dropped.
///
/// Ctrl-C interrupts the whole process group, but Terraform coordinates its plugins with StopProvider. On Windows, an
/// interrupt ends the process if tokio has no listener, so the listeners are kept. On Unix, one listener disables the
/// default action permanently.
#[must_use = "on Windows, an interrupt ends the process after this is dropped"]
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

/// Listens for SIGTERM, so that the process can remove its socket before it ends.
pub(super) struct TerminationSignal {
    #[cfg(unix)]
    signal: Signal,
}

impl TerminationSignal {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signal: signal(SignalKind::terminate())?,
        })
    }

    /// Returns when the signal is received. Never returns on Windows.
    pub(super) async fn received(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }

    /// Ends the process with the default action of the signal.
    pub(super) fn end_process(self) -> ! {
        #[cfg(unix)]
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTERM);
        // The exit code for SIGTERM in a shell. Not reached on Unix.
        std::process::exit(143)
    }
}

/// The interval between two checks. A host usually connects before the second one.
#[cfg(unix)]
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The host process. Used to detect its exit before it connects.
///
/// Terraform reads stdout and stderr of a plugin, so pipes without a reader mean that it has exited, even if a shell
/// started the plugin. The parent process ID alone is not enough: it changes if an intermediate process exits, and stays
/// the same if a shell waits for the plugin. `PR_SET_PDEATHSIG` depends on a thread of the host, which may end earlier.
pub(super) struct HostProcess {
    #[cfg(unix)]
    parent: u32,
}

impl HostProcess {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(unix)]
            parent: std::os::unix::process::parent_id(),
        }
    }

    /// Returns when the host has exited. Never returns on Windows, where it cannot be detected.
    pub(super) async fn exited(self) {
        #[cfg(unix)]
        loop {
            let parent_changed = std::os::unix::process::parent_id() != self.parent;
            let stdout_closed = has_no_reader(std::io::stdout());
            let stderr_closed = has_no_reader(std::io::stderr());
            if has_exited(stdout_closed, stderr_closed, parent_changed) {
                return;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
        #[cfg(not(unix))]
        std::future::pending().await
    }
}

/// Whether the host has exited. Two signs are required.
///
/// A running host may close stdout after the handshake line, or stderr. It does not close both, because a plugin in Go
/// exits when it cannot write its log.
#[cfg(unix)]
fn has_exited(stdout_closed: bool, stderr_closed: bool, parent_changed: bool) -> bool {
    stdout_closed && (stderr_closed || parent_changed)
}

/// Whether the stream is a pipe or a socket without a reader. False for a file or a terminal.
#[cfg(unix)]
fn has_no_reader(stream: impl AsFd) -> bool {
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
    fn stop_cancels_earlier_subscribers_only() {
        let stop = StopSender::new();
        let early = stop.subscribe();
        assert_eq!(early.clone().stopped().now_or_never(), None);
        stop.clone().send();
        let late = stop.subscribe();
        assert_eq!(early.clone().stopped().now_or_never(), Some(()));
        assert_eq!(late.clone().stopped().now_or_never(), None);
        drop(stop);
        assert_eq!(late.stopped().now_or_never(), None);
    }

    #[cfg(unix)]
    #[test]
    fn pipe_without_a_reader_is_detected() {
        let (pipe_reader, pipe) = std::io::pipe().unwrap();
        let (socket_peer, socket) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!has_no_reader(&pipe) && !has_no_reader(&socket));
        drop((pipe_reader, socket_peer));
        assert!(has_no_reader(&pipe) && has_no_reader(&socket));
        for path in ["/dev/null", "/dev/full"] {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            assert!(!has_no_reader(file), "{path}");
        }
        // A full pipe with a reader. Another byte would block.
        let (_reader, mut pipe) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut pipe, &[0; 65536]).unwrap();
        assert!(!has_no_reader(&pipe));
    }

    #[cfg(unix)]
    #[test]
    fn two_signs_are_required_for_the_exit_of_the_host() {
        for (stdout, stderr, parent_changed, expected) in [
            (false, false, false, false),
            // The intermediate process has exited.
            (false, false, true, false),
            // The host closed stdout or stderr.
            (true, false, false, false),
            (false, true, true, false),
            // The host was killed, with and without a shell as the parent.
            (true, true, false, true),
            (true, false, true, true),
            (true, true, true, true),
        ] {
            let exited = has_exited(stdout, stderr, parent_changed);
            assert_eq!(exited, expected, "{stdout} {stderr} {parent_changed}");
        }
    }
}
