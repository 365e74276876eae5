//! HTTP/2, which is agreed on in the TLS handshake.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;

/// Answers every request with the version in which it came.
async fn serve() -> std::net::SocketAddr {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // One connection: a second one would wait for ever.
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let answer = hyper::service::service_fn(|request: http::Request<Incoming>| async move {
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from(format!(
                "{:?}",
                request.version()
            )))))
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), answer).await;
    });
    address
}

#[tokio::test]
async fn requests_share_one_connection_of_http_2() {
    let url = format!("https://{}/", serve().await);
    let transport = Transport::new(Tls::new(true), 0, Duration::from_secs(30));
    for _ in 0..3 {
        let response = transport.send(request(&url)).await.ok().unwrap();
        assert_eq!(response.body, b"HTTP/2.0");
    }
}
