//! From accepted streams to connections that tonic serves, and the watch over how many there are.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tracing::warn;

use super::listener::Listener;

/// Far above the 2 to 10 ms that a handshake takes; a peer that stalls is disconnected.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Core gives up on a plugin that it cannot use within a minute of starting it, and does not connect after that.
const FIRST_CONNECTION_LIMIT: Duration = Duration::from_secs(90);

/// How long no connection must be open before core counts as dead. Core never reconnects, nor does it connect at all where
/// it speaks no protocol of ours.
const LAST_CONNECTION_GRACE: Duration = Duration::from_secs(2);

/// Accepts until the returned stream is dropped. Handshakes run side by side, so that none holds up another.
pub(super) fn incoming(
    listener: Listener,
    tls: Option<ServerConfig>,
    open: &watch::Sender<usize>,
) -> ReceiverStream<io::Result<Connection>> {
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let (sender, receiver) = mpsc::channel(1);
    let open = open.clone();
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                () = sender.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok(stream) => stream,
                    Err(error) => {
                        warn!(%error, "a connection was lost before it was accepted");
                        // The usual cause is a lack of file descriptors: let some close first.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    }
                },
            };
            let (acceptor, sender, open) = (acceptor.clone(), sender.clone(), open.clone());
            tokio::spawn(async move {
                let io: Box<dyn Duplex> = match acceptor {
                    None => Box::new(stream),
                    Some(acceptor) => {
                        match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
                            Ok(Ok(stream)) => Box::new(stream),
                            Ok(Err(error)) => return warn!(%error, "a client was refused"),
                            Err(_) => return warn!("a client did not finish its TLS handshake"),
                        }
                    }
                };
                let _ = sender.send(Ok(Connection { io, _open: Open::count(open) })).await;
            });
        }
    });
    ReceiverStream::new(receiver)
}

/// Returns when core is gone without having said so: the last connection has ended, or none ever came. Whether the host's
/// process is gone counts before the first connection only: after it the connection's end tells, sooner and for certain.
pub(super) async fn abandoned(
    mut open: watch::Receiver<usize>,
    agreed: bool,
    host_gone: impl Future<Output = ()>,
) {
    let limit = if agreed { FIRST_CONNECTION_LIMIT } else { LAST_CONNECTION_GRACE };
    let host_is_gone = async {
        host_gone.await;
        tokio::time::sleep(LAST_CONNECTION_GRACE).await;
    };
    tokio::select! {
        first = open.wait_for(|count| *count > 0) => if first.is_err() { return },
        () = tokio::time::sleep(limit) => return,
        () = host_is_gone => return,
    }
    while open.wait_for(|count| *count == 0).await.is_ok() {
        let another = open.wait_for(|count| *count > 0);
        if !matches!(tokio::time::timeout(LAST_CONNECTION_GRACE, another).await, Ok(Ok(_))) {
            return;
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// An accepted connection, counted for as long as it lives.
pub struct Connection {
    io: Box<dyn Duplex>,
    _open: Open,
}

impl Connection {
    /// A connection that is no socket, for a server and its client in one process.
    pub fn within(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        open: &watch::Sender<usize>,
    ) -> Self {
        Self { io: Box::new(io), _open: Open::count(open.clone()) }
    }
}

/// Counts a connection for as long as it lives.
struct Open(watch::Sender<usize>);

impl Open {
    fn count(open: watch::Sender<usize>) -> Self {
        open.send_modify(|count| *count += 1);
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, to)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn process_without_any_connection_is_abandoned() {
        for (agreed, limit) in [(true, FIRST_CONNECTION_LIMIT), (false, LAST_CONNECTION_GRACE)] {
            let (_open, watch) = watch::channel(0);
            let started = tokio::time::Instant::now();
            abandoned(watch, agreed, pending()).await;
            assert_eq!(started.elapsed(), limit);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_whose_host_is_gone_is_abandoned_after_the_grace() {
        let (_open, watch) = watch::channel(0);
        let started = tokio::time::Instant::now();
        abandoned(watch, true, tokio::time::sleep(Duration::from_secs(7))).await;
        assert_eq!(started.elapsed(), Duration::from_secs(7) + LAST_CONNECTION_GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_outweighs_a_host_that_seems_gone() {
        let (open, watch) = watch::channel(0);
        let end = tokio::spawn(abandoned(watch, true, ready(())));
        tokio::time::sleep(LAST_CONNECTION_GRACE / 2).await;
        let _connection = Open::count(open);
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(!end.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_connection_within_the_grace_keeps_the_process() {
        let (open, watch) = watch::channel(0);
        let first = Open::count(open.clone());
        let end = tokio::spawn(abandoned(watch, true, pending()));
        tokio::time::sleep(Duration::from_secs(1000)).await;
        drop(first);
        tokio::time::sleep(LAST_CONNECTION_GRACE / 2).await;
        let second = Open::count(open.clone());
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(!end.is_finished());
        drop(second);
        let ended = tokio::time::Instant::now();
        end.await.unwrap();
        assert_eq!(ended.elapsed(), LAST_CONNECTION_GRACE);
    }
}
