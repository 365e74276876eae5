//! With a TLS server in the plugin's place.

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::process::Launch;

/// A TCP port behind which a server with such a key says one byte, and the line that announces it.
async fn server(of: &'static SignatureAlgorithm, name: &str, announced: bool) -> String {
    use base64::Engine as _;

    let certificate = || {
        let key = KeyPair::generate_for(of).unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    };
    let (shown, key) = certificate();
    let told = if announced { shown.clone() } else { certificate().0 };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = config.with_single_cert(vec![shown], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                stream.write_all(b"!").await.unwrap();
            }
        }
    });
    let told = base64::engine::general_purpose::STANDARD_NO_PAD.encode(told);
    format!("echo '1|6|tcp|{address}|grpc|{told}'; exec sleep 30")
}

async fn process(script: String) -> Process {
    Launch::new("/bin/sh").arg("-c").arg(script).start().await.unwrap()
}

#[tokio::test]
async fn servers_of_every_key_are_spoken_with_over_tcp() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let process = process(server(algorithm, "localhost", true).await).await;
        for tls in [Tls::Only12, Tls::Only13] {
            let mut stream = tls_stream(&process, Identity::Right, tls).await.expect("a session");
            assert_eq!(stream.read_u8().await.unwrap(), b'!', "{algorithm:?} {tls:?}");
        }
    }
}

#[tokio::test]
async fn a_server_is_who_the_line_says_and_called_localhost() {
    for (name, announced, reason) in
        [("localhost", false, "another certificate"), ("elsewhere", true, "not valid for name")]
    {
        let process = process(server(&rcgen::PKCS_ECDSA_P256_SHA256, name, announced).await).await;
        let error = open(&process).await.err().expect("a refusal");
        assert!(error.contains(reason), "{error}");
    }
}
