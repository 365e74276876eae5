//! The listener for the host and its connections.
//!
//! The listener is a Unix socket that only the current user can open. If that is impossible, it is a loopback port.

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

/// The timeout of a TLS handshake, which normally takes 2 to 10 ms.
const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The timeout for the first connection. Terraform waits up to one minute for a plugin and does not connect later.
const FIRST_CONNECTION_TIMEOUT: Duration = Duration::from_secs(90);

/// The process ends after this time without a connection.
///
/// Terraform never reconnects. It does not connect if there is no common protocol version.
const DISCONNECTED_TIMEOUT: Duration = Duration::from_secs(2);

/// The address of the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The path of a Unix socket.
    #[cfg(unix)]
    Unix(PathBuf),
    /// A loopback port.
    Tcp(SocketAddr),
}

impl Address {
    /// The network and the address as strings, as in Go.
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            #[cfg(unix)]
            Self::Unix(path) => ("unix", path.display().to_string()),
            Self::Tcp(address) => ("tcp", address.to_string()),
        }
    }
}

/// Removes the file of the Unix socket on drop. A loopback port has no file.
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
    /// Binds the listener. A host can connect when this returns.
    #[cfg(unix)]
    pub(super) async fn bind(
        request: &HandshakeRequest,
        environment: &Environment,
        provider: &str,
    ) -> io::Result<(Self, Address, SocketFile)> {
        // A host may require a directory. Otherwise, /tmp is used if TMPDIR is not set, invalid or too long: the path of
        // a socket has at most 107 bytes on Linux and 103 on macOS.
        let dirs = match &request.socket_dir {
            Some(dir) => vec![dir.clone()],
            None => environment.get("TMPDIR").into_iter().chain(["/tmp".to_owned()]).collect(),
        };
        let mut dirs = dirs.iter().filter(|dir| is_valid_in_handshake_line(dir));
        match dirs.find_map(|dir| bind_unix(Path::new(dir), provider).ok()) {
            Some((listener, path, file)) => Ok((Self::Unix(listener), Address::Unix(path), file)),
            None => Self::bind_tcp(request).await,
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn bind(
        request: &HandshakeRequest,
        _: &Environment,
        _: &str,
    ) -> io::Result<(Self, Address, SocketFile)> {
        Self::bind_tcp(request).await
    }

    async fn bind_tcp(request: &HandshakeRequest) -> io::Result<(Self, Address, SocketFile)> {
        let listener = bind_loopback(request.ports.clone()).await?;
        let address = Address::Tcp(listener.local_addr()?);
        Ok((Self::Tcp(listener), address, SocketFile(None)))
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
    // Without it, small frames wait for the delayed ACK of the peer, about 40 ms.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether the handshake line can contain the path. `|` separates fields, and some hosts split at any line break.
#[cfg(unix)]
fn is_valid_in_handshake_line(path: &str) -> bool {
    !path.contains(|character: char| {
        character == '|' || character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
    })
}

#[cfg(unix)]
fn bind_unix(dir: &Path, provider: &str) -> io::Result<(UnixListener, PathBuf, SocketFile)> {
    use std::os::unix::fs::PermissionsExt as _;

    let path = dir.join(format!("plugin-{provider}-{:016x}", fastrand::u64(..)));
    let listener = UnixListener::bind(&path)?;
    let file = SocketFile(Some(path.clone()));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, path, file))
}

async fn bind_loopback(ports: RangeInclusive<u16>) -> io::Result<TcpListener> {
    let mut last_error =
        io::Error::new(io::ErrorKind::InvalidInput, format!("the port range {ports:?} is empty"));
    for port in ports {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// Accepts connections until the returned stream is dropped. TLS handshakes run in parallel.
pub(super) fn incoming(
    listener: Listener,
    tls: Option<ServerConfig>,
    open_connections: &watch::Sender<usize>,
) -> ReceiverStream<io::Result<Connection>> {
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let (sender, receiver) = mpsc::channel(1);
    let open_connections = open_connections.clone();
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                () = sender.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok(stream) => stream,
                    Err(error) => {
                        warn!(%error, "A connection could not be accepted");
                        // The usual cause is a lack of file descriptors. The delay lets other connections close.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    }
                },
            };
            let (acceptor, sender, open_connections) =
                (acceptor.clone(), sender.clone(), open_connections.clone());
            tokio::spawn(async move {
                let io: Box<dyn Duplex> = match acceptor {
                    None => stream,
                    Some(acceptor) => {
                        match tokio::time::timeout(TLS_HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                            Ok(Ok(stream)) => Box::new(stream),
                            Ok(Err(error)) => return warn!(%error, "The TLS handshake with a client failed"),
                            Err(_) => return warn!("The TLS handshake with a client timed out"),
                        }
                    }
                };
                let guard = OpenConnection::new(open_connections);
                let _ = sender.send(Ok(Connection { io, _guard: guard })).await;
            });
        }
    });
    ReceiverStream::new(receiver)
}

/// Returns when the process is orphaned: the host closed its last connection, or it did not connect.
///
/// `host_exited` is used until the first connection only, because the end of a connection is a faster and more reliable
/// sign.
pub(super) async fn orphaned(
    mut connection_count: watch::Receiver<usize>,
    has_common_protocol: bool,
    host_exited: impl Future<Output = ()>,
) {
    let timeout = if has_common_protocol { FIRST_CONNECTION_TIMEOUT } else { DISCONNECTED_TIMEOUT };
    let no_connection_after_exit = async {
        host_exited.await;
        tokio::time::sleep(DISCONNECTED_TIMEOUT).await;
    };
    tokio::select! {
        // The count may be 0 again if the first connection was short.
        first = connection_count.changed() => if first.is_err() { return },
        () = tokio::time::sleep(timeout) => return,
        () = no_connection_after_exit => return,
    }
    while connection_count.wait_for(|count| *count == 0).await.is_ok() {
        let next_connection = connection_count.wait_for(|count| *count > 0);
        if !matches!(tokio::time::timeout(DISCONNECTED_TIMEOUT, next_connection).await, Ok(Ok(_))) {
            return;
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection of the host.
pub struct Connection {
    io: Box<dyn Duplex>,
    _guard: OpenConnection,
}

impl Connection {
    /// A connection over any stream, such as a pipe in the same process.
    pub fn new(
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        open_connections: &watch::Sender<usize>,
    ) -> Self {
        Self { io: Box::new(io), _guard: OpenConnection::new(open_connections.clone()) }
    }
}

/// Counts an open connection until it is dropped.
struct OpenConnection(watch::Sender<usize>);

impl OpenConnection {
    fn new(open_connections: watch::Sender<usize>) -> Self {
        open_connections.send_modify(|count| *count += 1);
        Self(open_connections)
    }
}

impl Drop for OpenConnection {
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
    async fn process_without_a_connection_is_orphaned() {
        let seconds = Duration::from_secs;
        for (has_common_protocol, host_lifetime, expected) in [
            (true, seconds(1000), FIRST_CONNECTION_TIMEOUT),
            (false, seconds(1000), DISCONNECTED_TIMEOUT),
            (true, seconds(7), seconds(7) + DISCONNECTED_TIMEOUT),
        ] {
            let (_open_connections, connection_count) = watch::channel(0);
            let started = tokio::time::Instant::now();
            orphaned(connection_count, has_common_protocol, tokio::time::sleep(host_lifetime)).await;
            assert_eq!(started.elapsed(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn short_first_connection_is_counted() {
        let (open_connections, connection_count) = watch::channel(0);
        drop(OpenConnection::new(open_connections.clone()));
        let started = tokio::time::Instant::now();
        orphaned(connection_count, true, pending()).await;
        assert_eq!(started.elapsed(), DISCONNECTED_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn connection_keeps_the_process_if_host_seems_to_exit() {
        let (open_connections, connection_count) = watch::channel(0);
        let task = tokio::spawn(orphaned(connection_count, true, ready(())));
        tokio::time::sleep(DISCONNECTED_TIMEOUT / 2).await;
        let _connection = OpenConnection::new(open_connections);
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(!task.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn second_connection_in_time_keeps_the_process() {
        let (open_connections, connection_count) = watch::channel(0);
        let first = OpenConnection::new(open_connections.clone());
        let task = tokio::spawn(orphaned(connection_count, true, pending()));
        tokio::time::sleep(Duration::from_secs(1000)).await;
        drop(first);
        tokio::time::sleep(DISCONNECTED_TIMEOUT / 2).await;
        let second = OpenConnection::new(open_connections.clone());
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(!task.is_finished());
        drop(second);
        let disconnected = tokio::time::Instant::now();
        task.await.unwrap();
        assert_eq!(disconnected.elapsed(), DISCONNECTED_TIMEOUT);
    }

    #[tokio::test]
    async fn next_port_in_the_range_is_used_if_one_is_taken() {
        let taken = bind_loopback(0..=0).await.unwrap();
        let first = taken.local_addr().unwrap();
        let range = first.port()..=first.port().saturating_add(200);
        let second = bind_loopback(range.clone()).await.unwrap().local_addr().unwrap();
        assert!(second.ip().is_loopback() && second.port() > first.port() && range.contains(&second.port()));
    }

    #[tokio::test]
    async fn tcp_connection_has_nodelay() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, stream) = tokio::join!(TcpStream::connect(address), accept_tcp(&listener));
        assert!(stream.unwrap().nodelay().unwrap());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn socket_is_private_and_removed_on_drop() {
        use std::os::unix::fs::PermissionsExt as _;

        // TMPDIR may be too long for the path of a socket.
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let (_listener, path, file) = bind_unix(dir.path(), "greeting").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn directory_with_invalid_character_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a|b", "a\nb", "a\rb", "a\u{85}b", "a\u{2028}b"] {
            let dir = root.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            let dir = dir.to_str().unwrap();
            let environment = Environment::given([("TMPDIR", dir)]);
            let request = HandshakeRequest::for_reattach(&environment);
            let (_, address, _file) = Listener::bind(&request, &environment, "greeting").await.unwrap();
            let Address::Unix(path) = address else { panic!("not a Unix socket") };
            assert_eq!(path.parent(), Some(Path::new("/tmp")), "{name:?}");
            let request = HandshakeRequest { socket_dir: Some(dir.to_owned()), ..request };
            let (_, address, _file) = Listener::bind(&request, &environment, "greeting").await.unwrap();
            assert!(matches!(address, Address::Tcp(_)), "{name:?}");
        }
    }
}
