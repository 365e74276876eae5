//! Tests of the transport with real sockets: interrupted responses, invalid certificates and compression. Also contains a
//! server with scripted responses.

mod connections;

use std::io::Write;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(super) use super::retry::NO_GATE;
use super::*;

/// A server that returns scripted responses, and records the requests.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<State>>);

struct State {
    server: Box<Server>,
    /// Half of the round trip.
    delay: Duration,
    sent: Vec<Request>,
}

/// Returns the response to a request, and its delay.
type Server = dyn FnMut(&Request) -> (Duration, HttpResult) + Send;

impl Script {
    /// Creates a server that returns these responses in order.
    pub(crate) fn new(responses: impl IntoIterator<Item = HttpResult>) -> Self {
        let mut responses = responses.into_iter().collect::<Vec<_>>().into_iter();
        Self::with_server(Duration::ZERO, move |_| {
            (Duration::ZERO, responses.next().expect("more requests than scripted responses"))
        })
    }

    /// Creates a server that returns the responses of `server`, with this round trip.
    pub(crate) fn with_server(
        round_trip: Duration,
        server: impl FnMut(&Request) -> (Duration, HttpResult) + Send + 'static,
    ) -> Self {
        let state = State { server: Box::new(server), delay: round_trip / 2, sent: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Creates a server with a round trip of 4 ms. `server` gets the number of the request, from 1.
    pub(super) fn numbered(mut server: impl FnMut(u32) -> (Duration, HttpResult) + Send + 'static) -> Self {
        let mut number = 0;
        Self::with_server(Duration::from_millis(4), move |_| {
            number += 1;
            server(number)
        })
    }

    pub(crate) fn slow(self, round_trip: Duration) -> Self {
        self.0.lock().unwrap().delay = round_trip / 2;
        self
    }

    pub(crate) fn sent(&self) -> u32 {
        self.0.lock().unwrap().sent.len().try_into().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.0.lock().unwrap().sent.clone()
    }

    pub(super) async fn send(&self, request: Request) -> HttpResult {
        let delay = self.0.lock().unwrap().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let (busy, result) = {
            let mut state = self.0.lock().unwrap();
            let response = (state.server)(&request);
            state.sent.push(request);
            response
        };
        let after = busy + delay;
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        result
    }
}

pub(crate) fn http_response(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let headers =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
}

/// The body of a 429 of the gateway.
pub(super) const THROTTLED: &str = r#"{"error_code":"APIGW.0308","error_msg":"too many","request_id":"r1"}"#;

/// Returns a response without a delay.
pub(super) fn good() -> (Duration, HttpResult) {
    (Duration::ZERO, Ok(http_response(200, &[], "{}")))
}

/// Returns a 429 of the gateway.
pub(super) fn throttled() -> (Duration, HttpResult) {
    (Duration::ZERO, Ok(http_response(429, &[], THROTTLED)))
}

/// Returns the error of a request without a response, after its timeout.
pub(super) fn timed_out() -> (Duration, HttpResult) {
    let timeout = Duration::from_secs(30);
    (timeout, Err(TransportError::RequestTimedOut { timeout, setting: None }))
}

fn transport(tls: Tls) -> Transport {
    Transport::new(tls, 0, Duration::from_secs(30), &Environment::given([]))
}

pub(crate) fn request(url: &str) -> Request {
    http::Request::get(url).body(Vec::new()).unwrap()
}

#[tokio::test]
async fn signature_is_redacted_after_an_error_response() {
    for (status, body, expected) in
        [(200, "{}", "a1b2c3d4e5f6"), (401, "{}", "***"), (200, r#"{"error_code":"APIGW.0301"}"#, "***")]
    {
        let transport = Transport::scripted(Script::new([Ok(http_response(status, &[], body))]), 0);
        let mut request = request("https://x.example.com/");
        let authorization = "SDK-HMAC-SHA256 Access=ak, SignedHeaders=host, Signature=a1b2c3d4e5f6";
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
        transport.send_once(request).await.unwrap();
        assert_eq!(crate::system::secret::redact("a1b2c3d4e5f6"), expected, "{status} {body}");
    }
}

/// Sends a request to a server that writes `response`, and then `rest` repeatedly. Returns the result and the request
/// as received.
async fn send_to(response: &[u8], rest: &'static [u8]) -> (HttpResult, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v3/x?secret=1", listener.local_addr().unwrap());
    let response = response.to_vec();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = [0; 4096];
        let length = stream.read(&mut sent).await.unwrap();
        let _ = stream.write_all(&response).await;
        while !rest.is_empty() && stream.write_all(rest).await.is_ok() {}
        String::from_utf8_lossy(&sent[..length]).to_lowercase()
    });
    (transport(Tls::default()).send_once(request(&url)).await, server.await.unwrap())
}

async fn receive(response: &[u8]) -> HttpResult {
    send_to(response, b"").await.0
}

#[tokio::test]
async fn response_has_status_headers_and_body() {
    let not_found = b"HTTP/1.1 404 Not Found\r\nX-Request-Id: r\r\nContent-Length: 2\r\n\r\n{}";
    let response = receive(not_found).await.ok().unwrap();
    assert_eq!((response.status.as_u16(), response.body.as_slice()), (404, &b"{}"[..]));
    assert_eq!(error_response::request_id(&response.headers).as_deref(), Some("r"));
    // A redirect is returned and not followed.
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(receive(redirect).await.ok().unwrap().status, 302);
}

#[tokio::test]
async fn incomplete_missing_or_endless_response_fails() {
    for response in [&b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"certs\""[..], b"", b"HTTP/1.1 200"] {
        let error = receive(response).await.err().unwrap();
        assert!(matches!(error, TransportError::IncompleteResponse { .. }), "{error:?}");
    }
    let (result, _) = send_to(b"HTTP/1.1 200 OK\r\n\r\n", &[b' '; 65536]).await;
    assert_eq!(result.err(), Some(TransportError::ResponseTooLarge));
}

#[tokio::test]
async fn closed_port_fails_the_connection() {
    // Bound, so that no other test gets the port, but without a listener.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}/");
        let error = transport(Tls::new(true)).send_once(request(&url)).await.err().unwrap();
        assert!(matches!(error, TransportError::ConnectionFailed { .. }), "{error:?}");
    }
}

fn acceptor(certificate: &rcgen::Certificate, key: &KeyPair, protocols: &[Vec<u8>]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.to_vec();
    TlsAcceptor::from(Arc::new(config))
}

/// Returns the error of a request to `localhost` if the server's certificate has these names and years.
async fn certificate_error(names: &[&str], years: (i32, i32)) -> TransportError {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 2), date_time_ymd(years.1, 3, 4));
    let certificate = params.signed_by(&key, &authority).unwrap();
    let acceptor = acceptor(&certificate, &key, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.err()
    });
    let tls = Tls::default().with_ca_certificates(&authority.pem()).unwrap();
    let url = format!("https://localhost:{port}/");
    let error = transport(tls).send_once(request(&url)).await.err().unwrap();
    assert!(server.await.unwrap().is_some(), "the handshake failed");
    error
}

#[tokio::test]
async fn certificate_errors_are_distinguished() {
    let many: Vec<String> = (0..30).map(|number| format!("h{number}.example")).collect();
    let clock = "this machine's clock shows 20";
    for (names, years, expected, cause) in [
        (vec!["localhost"], (2019, 2020), "has expired", format!("on 2020-03-04T00:00:00Z; {clock}")),
        (
            vec!["localhost"],
            (2190, 2191),
            "is not valid yet",
            format!("before 2190-01-02T00:00:00Z; {clock}"),
        ),
        (
            vec!["a.example", "*.b.example", "192.0.2.1"],
            (2019, 2190),
            "is for another host name",
            "a.example, *.b.example, 192.0.2.1, not for localhost".to_owned(),
        ),
        (
            many.iter().map(String::as_str).collect(),
            (2019, 2190),
            "is for another host name",
            "h9.example, 20 more, not for localhost".to_owned(),
        ),
    ] {
        let error = certificate_error(&names, years).await;
        assert!(
            error.to_string().ends_with(expected) && error.cause().unwrap().contains(&cause),
            "{error:?}"
        );
    }
}

/// Returns the result of a response with this body, and the request as received.
async fn exchange(encoding: &str, body: Vec<u8>) -> (HttpResult, String) {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n", body.len());
    send_to(&[head.into_bytes(), body].concat(), b"").await
}

fn encoded<W: Write>(mut encoder: W, finish: fn(W) -> std::io::Result<Vec<u8>>, text: &[u8]) -> Vec<u8> {
    encoder.write_all(text).unwrap();
    finish(encoder).unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    encoded(GzEncoder::new(Vec::new(), Compression::best()), GzEncoder::finish, text)
}

#[tokio::test]
async fn compressed_response_is_decoded() {
    let zlib = encoded(ZlibEncoder::new(Vec::new(), Compression::best()), ZlibEncoder::finish, b"{}");
    for (encoding, body) in [("gzip", gzip(b"{}")), ("deflate", zlib), ("identity", b"{}".to_vec())] {
        let (result, sent) = exchange(encoding, body).await;
        assert_eq!(result.ok().unwrap().body, b"{}", "{encoding}");
        let accepted = sent.lines().find_map(|line| line.strip_prefix("accept-encoding: ")).unwrap();
        let mut accepted: Vec<&str> = accepted.split(',').map(str::trim).collect();
        accepted.sort_unstable();
        assert_eq!(accepted, ["deflate", "gzip"]);
    }
}

#[tokio::test]
async fn response_that_is_too_large_when_decoded_fails() {
    for size in [MAX_BODY_SIZE, MAX_BODY_SIZE + 1, 1 << 26] {
        let body = gzip(&vec![b' '; size]);
        assert!(body.len() < MAX_BODY_SIZE);
        let (result, _) = exchange("gzip", body).await;
        let expected = if size > MAX_BODY_SIZE { Err(TransportError::ResponseTooLarge) } else { Ok(size) };
        assert_eq!(result.map(|response| response.body.len()), expected);
    }
}

#[tokio::test]
async fn invalid_encoding_fails_and_unknown_encoding_is_kept() {
    let complete = gzip(&b"{\"certs\":[]}".repeat(100));
    let raw = encoded(DeflateEncoder::new(Vec::new(), Compression::best()), DeflateEncoder::finish, b"{}");
    let truncated = complete[..complete.len() / 2].to_vec();
    for (encoding, body) in [("gzip", truncated), ("gzip", b"{}".to_vec()), ("deflate", raw)] {
        let (result, _) = exchange(encoding, body).await;
        assert!(
            matches!(result, Err(TransportError::IncompleteResponse { .. })),
            "{encoding} {:?}",
            result.err()
        );
    }
    let (result, _) = exchange("br", b"xyz".to_vec()).await;
    let response = result.ok().unwrap();
    assert_eq!(response.body, b"xyz");
    assert_eq!(response.headers["content-encoding"], "br");
}

#[test]
fn durations_are_formatted_without_rounding() {
    for (time, expected) in [
        (Duration::from_secs(300), "300 s"),
        (Duration::from_secs(60), "60 s"),
        (Duration::from_millis(1500), "1.5 s"),
        (Duration::from_millis(500), "500 ms"),
        (Duration::from_micros(500), "0.5 ms"),
    ] {
        assert_eq!(format_duration(time), expected);
    }
}
