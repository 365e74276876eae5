//! Where the host connects, a unix socket that only this user may open or a loopback port, and the connections that
//! tonic serves.
//!
//! A unix socket is the first choice: no port to run out of, no firewall, no Nagle, file permissions.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tracing::warn;

use super::handshake::HandshakeRequest;
use crate::system::Environment;

/// Far above the 2 to 10 ms that a handshake takes; a peer that stalls is disconnected.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Core gives up on a plugin that it cannot use within a minute of starting it, and does not connect after that.
const FIRST_CONNECTION_LIMIT: Duration = Duration::from_secs(90);

/// How long no connection must be open before core counts as dead. Core never reconnects, nor does it connect at all where
/// it speaks no protocol of ours.
const LAST_CONNECTION_GRACE: Duration = Duration::from_secs(2);

/// Where the host connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The path of a socket.
    #[cfg(unix)]
    Unix(PathBuf),
    /// A loopback port.
    Tcp(SocketAddr),
}

impl Address {
    /// The network and the address in it, in the words of Go.
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            #[cfg(unix)]
            Self::Unix(path) => ("unix", path.display().to_string()),
            Self::Tcp(address) => ("tcp", address.to_string()),
        }
    }
}

/// Removes the socket's file when it is dropped. A loopback port has none.
pub(super) struct SocketFile(Option<PathBuf>);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

pub(super) enum Listener {
    #[cfg(unix)]
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// Listening has begun when this returns, so a host may connect as soon as it knows the address.
    #[cfg(unix)]
    pub(super) async fn bind(
        host: &HandshakeRequest,
        environment: &Environment,
        provider: &str,
    ) -> io::Result<(Self, Address, SocketFile)> {
        // A host that names a folder sees no other one. Else the usual ones, the second for a TMPDIR that is missing, or
        // cannot stand in the handshake line, or is too long: a socket's path ends at 107 bytes on Linux and 103 on
        // macOS.
        let folders = match &host.socket_folder {
            Some(folder) => vec![folder.clone()],
            None => environment.get("TMPDIR").into_iter().chain(["/tmp".to_owned()]).collect(),
        };
        let mut folders = folders.iter().filter(|folder| fits_handshake_line(folder));
        match folders.find_map(|folder| unix(Path::new(folder), provider).ok()) {
            Some((listener, path, file)) => Ok((Self::Unix(listener), Address::Unix(path), file)),
            None => loopback(host.ports.clone()).await,
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn bind(
        host: &HandshakeRequest,
        _: &Environment,
        _: &str,
    ) -> io::Result<(Self, Address, SocketFile)> {
        loopback(host.ports.clone()).await
    }

    async fn accept(&self) -> io::Result<Box<dyn Duplex>> {
        Ok(match self {
            #[cfg(unix)]
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
            Self::Tcp(listener) => Box::new(accept_tcp(listener).await?),
        })
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    // Small frames would otherwise wait for the peer's delayed ACK, some 40 ms at a time.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a host can read the path from the handshake line, where `|` ends a field and a line break the line. Hosts in
/// other languages than Go take more characters for a line break, all of them control characters.
#[cfg(unix)]
fn fits_handshake_line(folder: &str) -> bool {
    !folder.contains(|letter: char| {
        letter == '|' || letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
    })
}

#[cfg(unix)]
fn unix(folder: &Path, provider: &str) -> io::Result<(UnixListener, PathBuf, SocketFile)> {
    use std::os::unix::fs::PermissionsExt as _;

    let path = folder.join(format!("plugin-{provider}-{:016x}", fastrand::u64(..)));
    let listener = UnixListener::bind(&path)?;
    let file = SocketFile(Some(path.clone()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, path, file))
}

async fn loopback(ports: RangeInclusive<u16>) -> io::Result<(Listener, Address, SocketFile)> {
    let mut refused = io::Error::new(io::ErrorKind::InvalidInput, format!("no port between {ports:?}"));
    for port in ports {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => {
                let address = listener.local_addr()?;
                return Ok((Listener::Tcp(listener), Address::Tcp(address), SocketFile(None)));
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

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
                    None => stream,
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
    has_common_protocol: bool,
    host_gone: impl Future<Output = ()>,
) {
    let limit = if has_common_protocol { FIRST_CONNECTION_LIMIT } else { LAST_CONNECTION_GRACE };
    let host_is_gone = async {
        host_gone.await;
        tokio::time::sleep(LAST_CONNECTION_GRACE).await;
    };
    tokio::select! {
        // Not the count itself: a connection may end before it is seen.
        first = open.changed() => if first.is_err() { return },
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
    pub fn new(
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
        let seconds = Duration::from_secs;
        for (has_common_protocol, host_lives, limit) in [
            (true, seconds(1000), FIRST_CONNECTION_LIMIT),
            (false, seconds(1000), LAST_CONNECTION_GRACE),
            (true, seconds(7), seconds(7) + LAST_CONNECTION_GRACE),
        ] {
            let (_open, watch) = watch::channel(0);
            let started = tokio::time::Instant::now();
            abandoned(watch, has_common_protocol, tokio::time::sleep(host_lives)).await;
            assert_eq!(started.elapsed(), limit);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connection_that_ended_unseen_counts_as_the_first() {
        let (open, watch) = watch::channel(0);
        drop(Open::count(open.clone()));
        let started = tokio::time::Instant::now();
        abandoned(watch, true, pending()).await;
        assert_eq!(started.elapsed(), LAST_CONNECTION_GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn connection_outweighs_a_host_that_seems_gone() {
        let (open, watch) = watch::channel(0);
        let end = tokio::spawn(abandoned(watch, true, ready(())));
        tokio::time::sleep(LAST_CONNECTION_GRACE / 2).await;
        let _connection = Open::count(open);
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(!end.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn second_connection_within_the_grace_keeps_the_process() {
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

    #[tokio::test]
    async fn next_port_in_the_range_replaces_a_taken_one() {
        let (taken, Address::Tcp(first), _) = loopback(0..=0).await.unwrap() else { panic!("not tcp") };
        let range = first.port()..=first.port().saturating_add(200);
        let (_second, Address::Tcp(second), _) = loopback(range.clone()).await.unwrap() else {
            panic!("not tcp")
        };
        assert!(second.ip().is_loopback() && second.port() > first.port() && range.contains(&second.port()));
        drop(taken);
    }

    #[tokio::test]
    async fn tcp_sends_without_delay() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, stream) = tokio::join!(TcpStream::connect(address), accept_tcp(&listener));
        assert!(stream.unwrap().nodelay().unwrap());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn socket_is_for_this_user_only_and_removed_on_drop() {
        use std::os::unix::fs::PermissionsExt as _;

        // Wherever the caller has its temporary folder, the path of a socket must be short.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let (_listener, path, file) = unix(folder.path(), "greeting").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn folder_that_breaks_the_handshake_line_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a|b", "a\nb", "a\rb", "a\u{85}b", "a\u{2028}b"] {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let folder = folder.to_str().unwrap();
            let environment = Environment::given([("TMPDIR", folder)]);
            let host = HandshakeRequest::for_reattach(&environment);
            let (_, address, _file) = Listener::bind(&host, &environment, "greeting").await.unwrap();
            let Address::Unix(path) = address else { panic!("not a socket") };
            assert_eq!(path.parent(), Some(Path::new("/tmp")), "{name:?}");
            // A host that names a folder sees no other one.
            let host = HandshakeRequest { socket_folder: Some(folder.to_owned()), ..host };
            let (_, address, _file) = Listener::bind(&host, &environment, "greeting").await.unwrap();
            assert!(matches!(address, Address::Tcp(_)), "{name:?}");
        }
    }
}
