//! The simulated cloud behind TLS, with a certificate that nobody knows: like a private cloud, or a proxy that
//! inspects what passes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use super::Simulator;

/// Ends with the value.
pub struct TlsFront {
    address: SocketAddr,
    authority: String,
    _end: tokio::sync::oneshot::Sender<()>,
}

impl Simulator {
    /// Passes what comes by TLS on to this cloud.
    pub fn tls(&self) -> TlsFront {
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a CA");
        let key = KeyPair::generate().expect("a key");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("a certificate with its key");
        let (acceptor, cloud) = (TlsAcceptor::from(Arc::new(config)), self.address);
        let (ready, address) = mpsc::channel();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                ready.send(listener.local_addr().expect("an address")).expect("someone who waits");
                let serve = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        let acceptor = acceptor.clone();
                        tokio::spawn(async move {
                            // A client that does not trust us is gone now.
                            let Ok(mut stream) = acceptor.accept(stream).await else { return };
                            let mut cloud = TcpStream::connect(cloud).await.expect("the cloud");
                            let _ = copy_bidirectional(&mut stream, &mut cloud).await;
                        });
                    }
                };
                tokio::select! { () = serve => {}, _ = ended => {} }
            });
        });
        let address = address.recv().expect("an address");
        TlsFront { address, authority: authority.pem(), _end: end }
    }
}

impl TlsFront {
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate of the authority that a client would have to trust, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}
