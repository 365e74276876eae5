//! Tests of connections: their reuse, HTTP/2, and TLS sessions. The server counts.

use cloud_simulator::{CloudState, Simulator};
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::HandshakeKind;

use super::*;

/// Returns a TLS server with a self-signed certificate, which supports these protocols.
fn tls_server(protocols: &[Vec<u8>]) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    acceptor(&certificate, &key, protocols)
}

/// Starts a server that returns the HTTP version of each request.
async fn serve() -> std::net::SocketAddr {
    let acceptor = tls_server(&[b"h2".to_vec(), b"http/1.1".to_vec()]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // Accepts one connection. A second one would wait forever.
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let service = hyper::service::service_fn(|request: http::Request<Incoming>| async move {
            let version = Full::new(Bytes::from(format!("{:?}", request.version())));
            Ok::<_, std::convert::Infallible>(http::Response::new(version))
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    });
    address
}

#[tokio::test]
async fn http2_requests_share_one_connection() {
    let url = format!("https://{}/", serve().await);
    let transport = transport(Tls::new(true));
    for _ in 0..3 {
        let response = transport.send_once(request(&url)).await.ok().unwrap();
        assert_eq!(response.body, b"HTTP/2.0");
    }
}

#[tokio::test]
async fn http1_requests_reuse_connections() {
    let cloud = Simulator::start(CloudState::sample());
    let transport = transport(Tls::default());
    for in_flight in [1, 10] {
        for _ in 0..20 {
            let requests = (0..in_flight).map(|_| transport.send_once(request(&cloud.url())));
            assert!(join_all(requests).await.iter().all(Result::is_ok));
        }
        // A request can start before the previous one has returned its connection.
        assert!(cloud.connection_count() <= 2 * in_flight, "{} connections", cloud.connection_count());
    }
    assert_eq!(cloud.recorded_requests().len(), 220);
}

/// Starts a TLS server that closes each connection after one response. Returns its URL, and the kinds of its handshakes.
async fn serve_one_request_per_connection() -> (String, Arc<Mutex<Vec<HandshakeKind>>>) {
    let acceptor = tls_server(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let handshakes = Arc::<Mutex<Vec<HandshakeKind>>>::default();
    let accepted = handshakes.clone();
    tokio::spawn(async move {
        loop {
            let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            accepted.lock().unwrap().push(stream.get_ref().1.handshake_kind().unwrap());
            let _ = stream.read(&mut [0; 4096]).await;
            let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(response).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (url, handshakes)
}

#[tokio::test]
async fn new_connection_resumes_the_tls_session() {
    let (url, handshakes) = serve_one_request_per_connection().await;
    let transport = transport(Tls::new(true));
    for _ in 0..3 {
        assert_eq!(transport.send_once(request(&url)).await.ok().unwrap().status, 200);
    }
    let expected = [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed];
    assert_eq!(*handshakes.lock().unwrap(), expected);
}
