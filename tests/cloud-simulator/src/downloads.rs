//! Object storage with the certificate files that download links point to: a second listener, over HTTP and HTTPS.

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use super::authority::{self, Authorities, KeyAlgorithm};
use super::tls::{CertifiedKey, Forwarder, TlsProxy};
use super::wire::{self, Request, Response, ResponseAction};
use super::{Fault, SharedState, Simulator, lock};

/// The host of the links in the cloud state. It is replaced by that of the download server.
const STATE_HOST: &str = "https://obs.example.com";

/// How the download server responds to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The CA certificates of the category as PEM, with their attributes as text between them.
    Certificates,
    /// Status 200, this content type and this body.
    File(&'static str, Vec<u8>),
    /// This status, content type and body.
    Error(u16, &'static str, &'static str),
    Redirect(String),
    /// A redirect to this path of the server.
    RedirectToPath(&'static str),
    /// A body of this many zeros, with `Content-Length`.
    Zeros(u64),
    /// A body without an end.
    Endless,
    /// The certificates, after a delay.
    Delayed(Duration),
    /// The connection is closed without a response.
    ConnectionClosed,
    /// A fault of the cloud. The normal response has the certificates.
    Fault(Fault),
}

/// A running download server. Dropping it stops it.
pub struct DownloadServer {
    address: SocketAddr,
    tls: TlsProxy,
    state: Arc<DownloadState>,
}

struct DownloadState {
    cloud: Arc<SharedState>,
    authorities: &'static Authorities,
    requests: Mutex<Vec<Request>>,
    /// By category.
    once: Mutex<HashMap<String, VecDeque<Reply>>>,
    always: Mutex<HashMap<String, Reply>>,
    stopping: AtomicBool,
}

/// Where the links of the cloud point to.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkBase {
    url: String,
    /// Whether each link differs, like one that is signed when it is requested.
    is_presigned: bool,
}

/// Replaces the host of a link in the cloud state.
pub(super) fn link(base: &Mutex<Option<LinkBase>>, link: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    let Some(base) = lock(base).clone() else { return link.to_owned() };
    let link = link.replacen(STATE_HOST, &base.url, 1);
    if base.is_presigned { format!("{link}&Nonce={}", COUNT.fetch_add(1, Ordering::Relaxed)) } else { link }
}

impl Simulator {
    /// Starts a download server. From now on, the links of the cloud point to it, over HTTPS.
    pub fn serve_downloads(&self) -> DownloadServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind a free port");
        let address = listener.local_addr().expect("local address");
        let state = Arc::new(DownloadState {
            cloud: self.state.clone(),
            authorities: Authorities::shared(),
            requests: Mutex::default(),
            once: Mutex::default(),
            always: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(mut stream), shared) = (stream, shared.clone()) else { continue };
                thread::spawn(move || shared.serve(&mut stream));
            }
        });
        let server =
            DownloadServer { address, tls: TlsProxy::start_requesting_client_certificate(address), state };
        self.set_link_base(&server.tls.url(), false);
        server
    }

    /// Makes the links of the cloud start with this URL. If they are presigned, no two of them are equal.
    pub fn set_link_base(&self, url: &str, is_presigned: bool) {
        *lock(&self.state.link_base) = Some(LinkBase { url: url.to_owned(), is_presigned });
    }
}

impl DownloadServer {
    /// The URL over HTTPS.
    pub fn url(&self) -> String {
        self.tls.url()
    }

    /// The URL over HTTP.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The CA certificate that clients must trust to connect over HTTPS, as PEM.
    pub fn ca_certificate(&self) -> &str {
        self.tls.ca_certificate()
    }

    /// The CA certificates of a category, as DER.
    pub fn certificates(&self, category: &str) -> Vec<Vec<u8>> {
        self.state.authorities.certificates(category)
    }

    /// Issues the certificate of a DDS server. Its CA is in the category `international`.
    pub fn issue(&self, algorithm: KeyAlgorithm) -> CertifiedKey {
        self.state.authorities.issue(algorithm)
    }

    /// Starts a TLS server like that of an instance.
    pub fn dds_server(&self, algorithm: KeyAlgorithm) -> Forwarder {
        Forwarder::with_certificate(self.address, &self.issue(algorithm))
    }

    /// Issues a certificate with an SM2 key and signature, as PEM.
    pub fn issue_sm2(&self) -> String {
        self.state.authorities.issue_sm2()
    }

    /// Responds to all later requests for files of this category.
    pub fn reply_always(&self, category: &str, reply: Reply) {
        lock(&self.state.always).insert(category.to_owned(), reply);
    }

    /// Responds to the next requests for files of this category.
    pub fn reply_once(&self, category: &str, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state.once).entry(category.to_owned()).or_default().extend(replies);
    }

    /// The received requests.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state.requests).clone()
    }

    /// A client certificate that the server accepts, although it requires none.
    pub fn client_certificate(&self) -> &CertifiedKey {
        self.tls.client_certificate()
    }

    /// Number of received TLS client certificates.
    pub fn client_certificate_count(&self) -> usize {
        self.tls.client_certificate_count()
    }
}

impl Drop for DownloadServer {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::Relaxed);
        // Unblocks the thread that accepts connections.
        let _ = TcpStream::connect(self.address);
    }
}

impl DownloadState {
    fn serve(&self, stream: &mut TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut unread = Vec::new();
        while let Ok(Some(request)) = wire::read(stream, &mut unread) {
            lock(&self.requests).push(request.clone());
            if !self.reply(&request, stream) {
                return;
            }
        }
    }

    /// Sends the response. Returns whether the connection stays open.
    fn reply(&self, request: &Request, stream: &mut TcpStream) -> bool {
        let category = request.path.split('/').nth(2).unwrap_or_default();
        let once = lock(&self.once).get_mut(category).and_then(VecDeque::pop_front);
        let reply = once.or_else(|| lock(&self.always).get(category).cloned()).unwrap_or(Reply::Certificates);
        let file = |status, content_type: &str, body: Vec<u8>| {
            let headers = vec![("Content-Type", content_type.to_owned())];
            Response { status, headers, body }
        };
        let redirect = |to: String| {
            let headers = vec![("Location", to), ("Set-Cookie", "session=1; Path=/".to_owned())];
            ResponseAction::Send(Response { status: 302, headers, body: Vec::new() })
        };
        let certificates = || file(200, "binary/octet-stream", self.text(category).into_bytes());
        let action = match reply {
            Reply::Certificates => ResponseAction::Send(certificates()),
            Reply::File(content_type, body) => ResponseAction::Send(file(200, content_type, body)),
            Reply::Error(status, content_type, body) => {
                ResponseAction::Send(file(status, content_type, body.into()))
            }
            Reply::Redirect(to) => redirect(to),
            Reply::RedirectToPath(path) => redirect(path.to_owned()),
            Reply::Delayed(delay) => {
                ResponseAction::Delay(delay, Box::new(ResponseAction::Send(certificates())))
            }
            Reply::ConnectionClosed => ResponseAction::CloseConnection,
            Reply::Fault(fault) => fault.apply(&self.cloud, request, certificates),
            Reply::Zeros(length) => {
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                write_zeros(stream, length);
                return false;
            }
            Reply::Endless => {
                let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n");
                write_zeros(stream, u64::MAX);
                return false;
            }
        };
        action.write(stream, SystemTime::now())
    }

    /// The certificates of a category as PEM, each after a line of text.
    fn text(&self, category: &str) -> String {
        let certificates = self.authorities.certificates(category);
        let parts = certificates.iter().enumerate();
        parts.map(|(index, der)| format!("# {category} CA {}\n{}", index + 1, authority::pem(der))).collect()
    }
}

/// Writes zeros until the client closes the connection.
fn write_zeros(stream: &mut TcpStream, length: u64) {
    let (zeros, mut written) = ([0; 1 << 16], 0);
    while written < length && stream.write_all(&zeros).is_ok() {
        written += zeros.len() as u64;
    }
}
