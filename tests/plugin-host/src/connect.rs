//! Connects to a plugin: over a unix socket or TCP, with or without mutual TLS.

use std::io;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion, version,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;
use tonic::transport::Channel;
use tower::service_fn;

use super::certificates::ClientIdentity;
use super::connection::Connection;
use super::process::Process;
use super::protocol::Protocol;

/// The TLS versions and algorithms that a client offers.
#[derive(Clone, Copy, Debug)]
pub enum TlsVersions {
    All,
    Tls12,
    Tls13,
    /// As in FIPS 140 builds of Terraform: TLS 1.3, key exchange with P-256, AES.
    Fips,
}

/// A bidirectional byte stream.
pub trait AsyncStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> AsyncStream for T {}

/// Connects and makes a first call, because TLS 1.3 reports a rejected client certificate only after the handshake.
/// To simulate a crash of Terraform, drop all clones of the connection without a shutdown.
pub async fn connect(
    process: &Process,
    identity: ClientIdentity,
    versions: TlsVersions,
) -> Result<Connection, String> {
    // The HTTP authorities that go-plugin uses.
    let authority = if process.certificate.is_some() { "localhost" } else { "unused" };
    connect_with_authority(process, identity, versions, authority).await
}

/// Connects with this HTTP authority.
pub async fn connect_with_authority(
    process: &Process,
    identity: ClientIdentity,
    versions: TlsVersions,
    authority: &str,
) -> Result<Connection, String> {
    let stream: Box<dyn AsyncStream> = match process.certificate {
        Some(_) => {
            Box::new(connect_tls(process, identity, versions).await.map_err(|error| error.to_string())?)
        }
        None => connect_socket(process).await.map_err(|error| error.to_string())?,
    };
    connect_stream(process, stream, authority).await
}

/// The negotiated parameters of a TLS session, as rustls names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSession {
    pub version: String,
    pub suite: String,
    pub alpn: Option<String>,
}

/// Connects as the host that started the process. Also returns the TLS session, if there is TLS.
pub async fn connect_with_tls_session(process: &Process) -> Result<(Connection, Option<TlsSession>), String> {
    if process.certificate.is_none() {
        return Ok((connect(process, ClientIdentity::Expected, TlsVersions::All).await?, None));
    }
    let stream = connect_tls(process, ClientIdentity::Expected, TlsVersions::All)
        .await
        .map_err(|error| error.to_string())?;
    let (_, session) = stream.get_ref();
    let tls_session = TlsSession {
        version: session.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
        suite: session
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()))
            .unwrap_or_default(),
        alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
    };
    Ok((connect_stream(process, stream, "localhost").await?, Some(tls_session)))
}

async fn connect_stream(
    process: &Process,
    stream: impl AsyncStream,
    authority: &str,
) -> Result<Connection, String> {
    let protocol = match process.handshake.protocol_version.as_str() {
        "5" => Protocol::Five,
        "6" => Protocol::Six,
        other => return Err(format!("protocol {other}")),
    };
    let channel = channel(stream, authority).await.map_err(|error| format!("{error:?}"))?;
    let connection = Connection::new(channel, protocol);
    match connection.metadata().await {
        // Providers from before 2024 do not implement this call.
        Err(status) if status.code() != Code::Unimplemented => Err(format!("{status:?}")),
        _ => Ok(connection),
    }
}

/// Creates a channel over an open stream.
pub async fn channel(stream: impl AsyncStream, authority: &str) -> Result<Channel, tonic::transport::Error> {
    let mut stream = Some(TokioIo::new(stream));
    let uri = format!("http://{authority}").parse().expect("valid authority");
    let connector = service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| io::Error::other("the stream is already in use"));
        async { stream }
    });
    Channel::builder(uri).connect_with_connector(connector).await
}

/// Opens a connection without TLS.
pub async fn connect_socket(process: &Process) -> io::Result<Box<dyn AsyncStream>> {
    let address = &process.handshake.address;
    match process.handshake.network.as_str() {
        #[cfg(unix)]
        "unix" => Ok(Box::new(UnixStream::connect(address).await?)),
        "tcp" => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        network => Err(io::Error::other(format!("network {network:?}"))),
    }
}

/// Opens a TLS stream. Fails for a rejected client certificate only with TLS 1.2: with TLS 1.3 the client completes the
/// handshake before the server has verified the certificate.
pub async fn connect_tls(
    process: &Process,
    identity: ClientIdentity,
    versions: TlsVersions,
) -> io::Result<TlsStream<Box<dyn AsyncStream>>> {
    let certificate =
        process.handshake.certificate.clone().ok_or_else(|| io::Error::other("no server certificate"))?;
    let provider = Arc::new(crypto(versions));
    let versions: &[&SupportedProtocolVersion] = match versions {
        TlsVersions::All => rustls::ALL_VERSIONS,
        TlsVersions::Tls12 => &[&version::TLS12],
        TlsVersions::Tls13 | TlsVersions::Fips => &[&version::TLS13],
    };
    let verifier = Arc::new(PinnedCertificate::new(certificate.into(), &provider).map_err(io::Error::other)?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let credentials = process.certificate.as_ref().and_then(|certificate| certificate.credentials(identity));
    let mut config = match credentials {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            // `with_client_auth_cert` would reject a private key that does not match.
            let certified = rustls::sign::CertifiedKey::new(vec![certificate], key);
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, connect_socket(process).await?).await
}

fn crypto(versions: TlsVersions) -> CryptoProvider {
    use aws_lc_rs::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384};

    let all = aws_lc_rs::default_provider();
    match versions {
        TlsVersions::Fips => CryptoProvider {
            kx_groups: vec![aws_lc_rs::kx_group::SECP256R1],
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384],
            ..all
        },
        TlsVersions::All | TlsVersions::Tls12 | TlsVersions::Tls13 => all,
    }
}

/// Accepts only the certificate of the handshake line, with the server name that Terraform expects.
#[derive(Debug)]
struct PinnedCertificate {
    certificate: CertificateDer<'static>,
    /// Verifies signatures only. It would reject the certificates of go-plugin, because they are marked as a CA.
    signature_verifier: Arc<WebPkiServerVerifier>,
}

impl PinnedCertificate {
    fn new(certificate: CertificateDer<'static>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        Ok(Self { certificate, signature_verifier: verifier.map_err(|error| error.to_string())? })
    }
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity != self.certificate {
            return Err(rustls::Error::General(
                "the certificate is not the one in the handshake line".into(),
            ));
        }
        let parsed = rustls::server::ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_name(&parsed, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature_verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature_verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signature_verifier.supported_verify_schemes()
    }
}

#[cfg(all(test, unix))]
mod tests {
    // These tests use a TLS server instead of a plugin.
    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::process::PluginCommand;

    /// Starts a TLS server that sends one byte. Returns a shell script that prints its handshake line. If `same` is false,
    /// the line has another certificate.
    async fn server(algorithm: &'static SignatureAlgorithm, name: &str, same: bool) -> String {
        use base64::Engine as _;

        let certificate = || {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
            (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        };
        let (served, key) = certificate();
        let printed = if same { served.clone() } else { certificate().0 };
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = config.with_single_cert(vec![served], key).unwrap();
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
        let printed = base64::engine::general_purpose::STANDARD_NO_PAD.encode(printed);
        format!("echo '1|6|tcp|{address}|grpc|{printed}'; exec sleep 30")
    }

    async fn process(script: String) -> Process {
        PluginCommand::new("/bin/sh").arg("-c").arg(script).start().await.unwrap()
    }

    #[tokio::test]
    async fn servers_with_every_key_type_are_reached_over_tcp() {
        for algorithm in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ECDSA_P521_SHA512,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            let process = process(server(algorithm, "localhost", true).await).await;
            for tls in [TlsVersions::Tls12, TlsVersions::Tls13] {
                let mut stream =
                    connect_tls(&process, ClientIdentity::Expected, tls).await.expect("open a TLS stream");
                assert_eq!(stream.read_u8().await.unwrap(), b'!', "{algorithm:?} {tls:?}");
            }
        }
    }

    #[tokio::test]
    async fn server_needs_the_printed_certificate_and_localhost() {
        for (name, same, reason) in [
            ("localhost", false, "not the one in the handshake line"),
            ("elsewhere", true, "not valid for name"),
        ] {
            let process = process(server(&rcgen::PKCS_ECDSA_P256_SHA256, name, same).await).await;
            let error = connect_with_tls_session(&process).await.err().expect("the connection fails");
            assert!(error.contains(reason), "{error}");
        }
    }
}
