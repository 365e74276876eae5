//! A transport that follows a script, and how real sockets fail.

mod certificates;
mod encoding;
mod http2;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::retry::Admission;
use super::*;

/// Gives its answers in order, after however long the test wants, and keeps what was sent.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: VecDeque<Result<Response, TransportError>>,
    sent: Vec<Request>,
    delay: Duration,
    server: Option<Box<Server>>,
}

/// For an exchange without an admission.
pub(super) const OPEN: Option<&Never> = None;

/// An admission that does not exist.
pub(super) enum Never {}

impl Admission for Never {
    type Permit<'a> = ();

    async fn acquire(&self, _: Deadline) -> Result<(), Result<Response, TransportError>> {
        match *self {}
    }

    fn record(&self, _: Deadline, _: &Result<Response, TransportError>) {}
}

/// Answers a request, some time after it has arrived.
type Server = dyn FnMut(&Request) -> (Duration, Result<Response, TransportError>) + Send;

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<Response, TransportError>>) -> Self {
        let answers = answers.into_iter().collect();
        Self(Arc::new(Mutex::new(State { answers, ..State::default() })))
    }

    /// Answers as `server` does, half of `round_trip` away.
    pub(crate) fn serving(
        round_trip: Duration,
        server: impl FnMut(&Request) -> (Duration, Result<Response, TransportError>) + Send + 'static,
    ) -> Self {
        let server: Option<Box<Server>> = Some(Box::new(server));
        Self(Arc::new(Mutex::new(State { server, delay: round_trip / 2, ..State::default() })))
    }

    pub(crate) fn slow(self, delay: Duration) -> Self {
        self.0.lock().unwrap().delay = delay;
        self
    }

    pub(crate) fn sent(&self) -> u32 {
        self.0.lock().unwrap().sent.len().try_into().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.0.lock().unwrap().sent.clone()
    }

    pub(super) async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let delay = self.0.lock().unwrap().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let (after, result) = {
            let mut state = self.0.lock().unwrap();
            let answered = state.server.as_mut().map(|server| server(&request));
            state.sent.push(request);
            match answered {
                Some((busy, result)) => (busy + delay, result),
                None => {
                    let next = state.answers.pop_front();
                    (Duration::ZERO, next.expect("more requests than the script has answers"))
                }
            }
        };
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        result
    }
}

pub(crate) fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
}

pub(crate) fn request(url: &str) -> Request {
    http::Request::get(url).body(Vec::new()).unwrap()
}

#[tokio::test]
async fn signature_is_redacted_once_its_request_failed() {
    for (status, body, expected) in
        [(200, "{}", "a1b2c3d4e5f6"), (401, "{}", "***"), (200, r#"{"error_code":"APIGW.0301"}"#, "***")]
    {
        let transport = Transport::scripted(Script::new([Ok(answer(status, &[], body))]), 0);
        let mut request = request("https://x.example.com/");
        let shown = "SDK-HMAC-SHA256 Access=ak, SignedHeaders=host, Signature=a1b2c3d4e5f6";
        request.headers_mut().insert("authorization", shown.parse().unwrap());
        transport.send(request).await.unwrap();
        assert_eq!(crate::system::secret::redact("a1b2c3d4e5f6"), expected, "{status} {body}");
    }
}

/// Sends to a server that writes `reply` to whatever it is asked and closes.
async fn ask(reply: &'static [u8]) -> Result<Response, TransportError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(reply).await;
    });
    Transport::new(Tls::default(), 0, Duration::from_secs(30))
        .send(request(&format!("http://{address}/v3/x?secret=1")))
        .await
}

#[tokio::test]
async fn an_answer_comes_with_status_headers_and_body() {
    let response =
        ask(b"HTTP/1.1 404 Not Found\r\nX-Request-Id: r\r\nContent-Length: 2\r\n\r\n{}").await.ok().unwrap();
    assert_eq!((response.status.as_u16(), response.body.as_slice()), (404, &b"{}"[..]));
    assert_eq!(error_response::request_id(&response.headers).as_deref(), Some("r"));
}

#[tokio::test]
async fn a_cut_or_missing_answer_is_interrupted() {
    for reply in [&b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"certs\""[..], b"", b"HTTP/1.1 200"] {
        let failure = ask(reply).await.err().unwrap();
        assert!(matches!(failure, TransportError::Interrupted { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let reply = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(ask(reply).await.ok().unwrap().status, 302);
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    // Bound, so that no other test gets the port, but nobody listens.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    for scheme in ["http", "https"] {
        let failure = Transport::new(Tls::new(true), 0, Duration::from_secs(30))
            .send(request(&format!("{scheme}://{address}/")))
            .await
            .err()
            .unwrap();
        assert!(matches!(failure, TransportError::Unreachable { .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b' '; 65536]).await.is_ok() {}
    });
    let failure = Transport::new(Tls::default(), 0, Duration::from_secs(30))
        .send(request(&format!("http://{address}/")))
        .await
        .err()
        .unwrap();
    assert_eq!(failure, TransportError::TooLarge);
}
