//! StopProvider, and the calls that it ends.
//!
//! A call is in progress from the arrival of its headers: its message may still be on its way, or be decoded, when the host
//! says stop. So each request takes its signal before its message is read.

use tokio::sync::watch;

/// Tells the calls in progress to end. Copies are one and the same.
#[derive(Clone)]
pub struct Stop(watch::Sender<()>);

/// Becomes ready once the host says stop. A stop that was before it does not count.
#[derive(Clone)]
pub struct StopSignal(watch::Receiver<()>);

impl Stop {
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub fn send(&self) {
        self.0.send_replace(());
    }

    pub fn signal(&self) -> StopSignal {
        StopSignal(self.0.subscribe())
    }
}

impl StopSignal {
    /// Never returns where the host never says stop.
    pub async fn stopped(mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
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
}
