//! Where the host connects: a unix socket that only this user may open, or a loopback port.
//!
//! A unix socket is the first choice: no port to run out of, no firewall, no Nagle, file permissions.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::handshake::Host;
use crate::system::Environment;

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
        host: &Host,
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
        host: &Host,
        _: &Environment,
        _: &str,
    ) -> io::Result<(Self, Address, SocketFile)> {
        loopback(host.ports.clone()).await
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            #[cfg(unix)]
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Small frames would otherwise wait for the peer's delayed ACK, some 40 ms at a time.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
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

pub(super) enum Stream {
    #[cfg(unix)]
    Unix(UnixStream),
    Tcp(TcpStream),
}

macro_rules! each {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            #[cfg(unix)]
            Stream::Unix($stream) => $call,
            Stream::Tcp($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, to))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, from))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_gives_way_to_the_next_one_in_the_range() {
        let (taken, Address::Tcp(first), _) = loopback(0..=0).await.unwrap() else { panic!("not tcp") };
        let range = first.port()..=first.port().saturating_add(200);
        let (_second, Address::Tcp(second), _) = loopback(range.clone()).await.unwrap() else {
            panic!("not tcp")
        };
        assert!(second.ip().is_loopback() && second.port() > first.port() && range.contains(&second.port()));
        drop(taken);
    }

    #[tokio::test]
    async fn what_is_sent_over_tcp_does_not_wait_for_more() {
        let (listener, Address::Tcp(address), _) = loopback(0..=0).await.unwrap() else { panic!("not tcp") };
        let (_client, stream) = tokio::join!(TcpStream::connect(address), listener.accept());
        let Stream::Tcp(stream) = stream.unwrap() else { panic!("not tcp") };
        assert!(stream.nodelay().unwrap());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_socket_is_for_this_user_only_and_goes_with_its_guard() {
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
    async fn a_folder_that_breaks_the_handshake_line_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a|b", "a\nb", "a\rb", "a\u{85}b", "a\u{2028}b"] {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let folder = folder.to_str().unwrap();
            let environment = Environment::given([("TMPDIR", folder)]);
            let host = Host::reattached(&environment);
            let (_, address, _file) = Listener::bind(&host, &environment, "greeting").await.unwrap();
            let Address::Unix(path) = address else { panic!("not a socket") };
            assert_eq!(path.parent(), Some(Path::new("/tmp")), "{name:?}");
            // A host that names a folder sees no other one.
            let host = Host { socket_folder: Some(folder.to_owned()), ..host };
            let (_, address, _file) = Listener::bind(&host, &environment, "greeting").await.unwrap();
            assert!(matches!(address, Address::Tcp(_)), "{name:?}");
        }
    }
}
