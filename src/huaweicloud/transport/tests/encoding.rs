//! Answers that come compressed.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

/// Answers with this body, and gives what came of it and the request as it was sent.
async fn exchange(encoding: &str, body: Vec<u8>) -> (Result<Response, TransportError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n", body.len());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = [0; 4096];
        let length = stream.read(&mut sent).await.unwrap();
        let _ = stream.write_all(&[head.into_bytes(), body].concat()).await;
        String::from_utf8_lossy(&sent[..length]).to_lowercase()
    });
    let transport = Transport::new(Tls::default(), 0, Duration::from_secs(30));
    let result = transport.send(request(&format!("http://{address}/"))).await;
    (result, server.await.unwrap())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_answers_are_decoded_as_declared() {
    for (encoding, body) in [("gzip", gzip(b"{}")), ("deflate", zlib(b"{}")), ("identity", b"{}".to_vec())] {
        let (result, sent) = exchange(encoding, body).await;
        assert_eq!(result.ok().unwrap().body, b"{}", "{encoding}");
        let accepted = sent.lines().find_map(|line| line.strip_prefix("accept-encoding: ")).unwrap();
        let mut accepted: Vec<&str> = accepted.split(',').map(str::trim).collect();
        accepted.sort_unstable();
        assert_eq!(accepted, ["deflate", "gzip"]);
    }
}

#[tokio::test]
async fn an_answer_that_grows_too_large_is_refused() {
    for size in [LARGEST_BODY, LARGEST_BODY + 1, 1 << 26] {
        let body = gzip(&vec![b' '; size]);
        assert!(body.len() < LARGEST_BODY);
        let (result, _) = exchange("gzip", body).await;
        match result {
            Ok(response) => assert_eq!((response.body.len(), size), (LARGEST_BODY, LARGEST_BODY)),
            Err(failure) => {
                assert!(failure == TransportError::TooLarge && size > LARGEST_BODY, "{failure:?} {size}")
            }
        }
    }
}

#[tokio::test]
async fn damaged_answer_fails_and_unknown_encoding_is_kept() {
    let whole = gzip(&b"{\"certs\":[]}".repeat(100));
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
    raw.write_all(b"{}").unwrap();
    let cut = whole[..whole.len() / 2].to_vec();
    for (encoding, body) in [("gzip", cut), ("gzip", b"{}".to_vec()), ("deflate", raw.finish().unwrap())] {
        let (result, _) = exchange(encoding, body).await;
        assert!(matches!(result, Err(TransportError::Interrupted { .. })), "{encoding} {:?}", result.err());
    }
    let (result, _) = exchange("br", b"xyz".to_vec()).await;
    let response = result.ok().unwrap();
    assert_eq!(
        (response.body.as_slice(), &response.headers["content-encoding"]),
        (&b"xyz"[..], &http::HeaderValue::from_static("br"))
    );
}
