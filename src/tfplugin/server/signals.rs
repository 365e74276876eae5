//! The signals that reach this process besides the calls of its host.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

/// Keeps an interrupt from ending the process for as long as it lives.
///
/// Ctrl-C reaches the whole process group; core tells its plugins by StopProvider what it means for them. On Unix the
/// signal keeps its new effect once somebody has listened. On Windows tokio hands it to the default handler, which ends the
/// process, as soon as nobody listens any more: so the listeners are kept.
#[must_use = "on Windows an interrupt ends the process once this is dropped"]
pub struct IgnoredInterrupts {
    #[cfg(unix)]
    _interrupt: Signal,
    #[cfg(windows)]
    _listeners: (CtrlC, CtrlBreak),
}

impl IgnoredInterrupts {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            _interrupt: signal(SignalKind::interrupt())?,
            #[cfg(windows)]
            _listeners: (ctrl_c()?, ctrl_break()?),
        })
    }
}

/// The signal that asks the process to end. Without a listener it would end at once and leave its socket's file behind.
pub struct Termination {
    #[cfg(unix)]
    signal: Signal,
}

impl Termination {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signal: signal(SignalKind::terminate())?,
        })
    }

    /// Never returns on Windows, where nothing of the kind is sent.
    pub async fn received(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }

    /// Ends the process as the signal does by itself, so that the host sees the same end.
    pub fn end_process(self) -> ! {
        #[cfg(unix)]
        let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTERM);
        // What a shell says of that signal. Not reached on Unix.
        std::process::exit(143)
    }
}
