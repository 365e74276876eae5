//! The simulated cloud behind TLS, with a certificate that nobody knows: like a private cloud, or a proxy that
//! inspects what passes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use super::Simulator;

/// Ends with the value.
pub struct TlsProxy {
    address: SocketAddr,
    authority: String,
    client: CertifiedKey,
    _end: tokio::sync::oneshot::Sender<()>,
}

/// A certificate and its key, as PEM.
pub struct CertifiedKey {
    pub certificate: String,
    pub key: String,
}

impl Simulator {
    /// Passes what comes by TLS on to this cloud.
    pub fn tls_proxy(&self) -> TlsProxy {
        self.front(|_| WebPkiClientVerifier::no_client_auth())
    }

    /// The same for who shows the front's [`client`](TlsProxy::client) certificate, or another of its authority.
    pub fn mutual_tls_proxy(&self) -> TlsProxy {
        self.front(|authority| {
            let mut roots = RootCertStore::empty();
            roots.add(authority).expect("an authority");
            let provider = Arc::new(aws_lc_rs::default_provider());
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .expect("a verifier")
        })
    }

    fn front(&self, whom: impl Fn(CertificateDer<'static>) -> Arc<dyn ClientCertVerifier>) -> TlsProxy {
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a CA");
        let issue = |names: &[&str], purpose| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let (key, params) = (KeyPair::generate().expect("a key"), CertificateParams::new(names));
            let mut params = params.expect("names");
            params.extended_key_usages = vec![purpose];
            (params.signed_by(&key, &authority).expect("a certificate"), key)
        };
        let (certificate, key) = issue(&["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = issue(&[], ExtendedKeyUsagePurpose::ClientAuth);
        let client = CertifiedKey { certificate: client.pem(), key: client_key.serialize_pem() };
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(whom(authority.der().clone()))
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
        TlsProxy { address, authority: authority.pem(), client, _end: end }
    }
}

impl TlsProxy {
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate of the authority that a client would have to trust, as PEM.
    pub fn ca_certificate(&self) -> &str {
        &self.authority
    }

    /// A certificate that a client may show.
    pub fn client_certificate(&self) -> &CertifiedKey {
        &self.client
    }
}
