//! A TLS proxy in front of the simulated cloud or another server. Its certificate authority is unknown to clients, as in a
//! private cloud or behind a proxy that inspects traffic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientCertVerifierBuilder, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

use super::Simulator;

/// A running TLS proxy. Dropping it stops it.
pub struct TlsProxy {
    forwarder: Forwarder,
    authority: String,
    client: CertifiedKey,
    client_certificates: Arc<AtomicUsize>,
}

/// A thread that forwards TLS connections to a server. Dropping it stops it.
pub struct Forwarder {
    address: SocketAddr,
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// A certificate and its private key, as PEM.
pub struct CertifiedKey {
    pub certificate: String,
    pub key: String,
}

impl Simulator {
    /// Starts a proxy that forwards TLS connections to this cloud.
    pub fn tls_proxy(&self) -> TlsProxy {
        TlsProxy::in_front_of(self.address)
    }

    /// Starts a proxy that requires a client certificate that its certificate authority issued.
    pub fn mutual_tls_proxy(&self) -> TlsProxy {
        TlsProxy::start(self.address, |authority| client_verifier(authority).build().expect("valid verifier"))
    }
}

fn client_verifier(authority: CertificateDer<'static>) -> ClientCertVerifierBuilder {
    let mut roots = RootCertStore::empty();
    roots.add(authority).expect("valid CA certificate");
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
}

impl TlsProxy {
    /// Starts a proxy that forwards TLS connections to this server.
    pub fn in_front_of(server: SocketAddr) -> Self {
        Self::start(server, |_| WebPkiClientVerifier::no_client_auth())
    }

    /// Starts a proxy that asks clients for a certificate, and also accepts them without one.
    pub(super) fn start_requesting_client_certificate(server: SocketAddr) -> Self {
        Self::start(server, |authority| {
            client_verifier(authority).allow_unauthenticated().build().expect("valid verifier")
        })
    }

    fn start(
        server: SocketAddr,
        client_verifier: impl Fn(CertificateDer<'static>) -> Arc<dyn ClientCertVerifier>,
    ) -> Self {
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // By default all certificates have the same name. Windows would regard them as self-signed.
        authority.distinguished_name.push(DnType::CommonName, "Simulated CA");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("generate a key"))
            .expect("sign the CA certificate");
        let issue = |names: &[&str], purpose| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let (key, params) = (KeyPair::generate().expect("generate a key"), CertificateParams::new(names));
            let mut params = params.expect("valid names");
            params.extended_key_usages = vec![purpose];
            (params.signed_by(&key, &authority).expect("sign a certificate"), key)
        };
        let (certificate, key) = issue(&["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = issue(&[], ExtendedKeyUsagePurpose::ClientAuth);
        let client = CertifiedKey { certificate: client.pem(), key: client_key.serialize_pem() };
        // With the CA, because Wine trusts a chain that it cannot complete.
        let chain = certificate.pem() + &authority.pem();
        let server_key = CertifiedKey { certificate: chain, key: key.serialize_pem() };
        let config = server_key.server_config(client_verifier(authority.der().clone()));
        let client_certificates = Arc::<AtomicUsize>::default();
        let forwarder = Forwarder::start(server, config, client_certificates.clone());
        Self { forwarder, authority: authority.pem(), client, client_certificates }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.forwarder.address)
    }

    /// The CA certificate that clients must trust, as PEM.
    pub fn ca_certificate(&self) -> &str {
        &self.authority
    }

    /// Number of connections with a client certificate.
    pub(super) fn client_certificate_count(&self) -> usize {
        self.client_certificates.load(Ordering::Relaxed)
    }

    /// A client certificate that the proxy accepts.
    pub fn client_certificate(&self) -> &CertifiedKey {
        &self.client
    }
}

impl CertifiedKey {
    /// The TLS settings of a server with this certificate.
    fn server_config(&self, client_verifier: Arc<dyn ClientCertVerifier>) -> ServerConfig {
        let chain =
            CertificateDer::pem_slice_iter(self.certificate.as_bytes()).map(|der| der.expect("valid PEM"));
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("valid PEM");
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("default versions")
            .with_client_cert_verifier(client_verifier)
            .with_single_cert(chain.collect(), key)
            .expect("matching certificate and key")
    }
}

impl Forwarder {
    /// Starts a TLS server with this certificate, which requests no client certificate.
    pub(super) fn with_certificate(server: SocketAddr, certificate: &CertifiedKey) -> Self {
        let config = certificate.server_config(WebPkiClientVerifier::no_client_auth());
        Self::start(server, config, Arc::default())
    }

    /// The address of the TLS server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts a TLS server. `client_certificates` counts the connections with a client certificate.
    fn start(server: SocketAddr, config: ServerConfig, client_certificates: Arc<AtomicUsize>) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (ready, address) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("start a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a free port");
                ready.send(listener.local_addr().expect("local address")).expect("receiver exists");
                let serve = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        let (acceptor, count) = (acceptor.clone(), client_certificates.clone());
                        tokio::spawn(async move {
                            // Otherwise a response could wait 40 ms for an acknowledgement of the session tickets.
                            let _ = stream.set_nodelay(true);
                            // Fails if the client does not trust the certificate.
                            let Ok(mut stream) = acceptor.accept(stream).await else { return };
                            let has_certificate = stream.get_ref().1.peer_certificates().is_some();
                            count.fetch_add(usize::from(has_certificate), Ordering::Relaxed);
                            let mut server = TcpStream::connect(server).await.expect("connect to the server");
                            let _ = server.set_nodelay(true);
                            let _ = copy_bidirectional(&mut stream, &mut server).await;
                        });
                    }
                };
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        let address = address.recv().expect("receive the address");
        Self { address, _stop: stop }
    }
}
