//! The plugin channel: everything between the process's start and a call of the provider.
//!
//! `serve_host` is the order of start-up, readable from top to bottom. Nothing that can wait comes before the handshake
//! line: no HTTP client, no certificate store, no name resolution.

pub(super) mod command_line;
mod connection;
mod convert;
mod debug;
mod dispatch;
mod handshake;
mod log;
mod shutdown;
mod tls;
mod v5;
mod v6;

use std::future::Future;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_stream::Stream;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

pub use connection::Connection;
/// What reads the host's environment and answers it, for the fuzzer.
#[doc(hidden)]
pub mod fuzzing {
    pub use super::connection::Address;
    pub use super::handshake::HandshakeRequest;
}

use crate::system::Environment;
use crate::tfplugin::provider::{Provider, ProviderInfo};
use connection::Listener;
use dispatch::Dispatcher;
use handshake::HandshakeRequest;
use protocol::goplugin::{
    ConnInfo, Empty, StdioData, grpc_broker_server, grpc_controller_server, grpc_stdio_server,
};
use protocol::health::health_check_response::ServingStatus;
use protocol::health::{HealthCheckRequest, HealthCheckResponse, health_server};
use shutdown::{HostProcess, IgnoredInterrupts, Termination};

/// What Go's server allows, in both directions: 256 MiB. tonic alone would refuse a request of more than 4 MiB.
const LARGEST_MESSAGE: usize = 256 << 20;

/// Lets a large configuration or schema arrive without waiting for window updates: 1 MiB.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// A major version of the plugin protocol. The minor ones are not negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The only one of Terraform 0.12 to 0.14.
    Five = 5,
    /// Spoken by newer versions and by OpenTofu.
    Six = 6,
}

/// The messages and services that `build.rs` makes from `proto/`.
#[allow(dead_code, unreachable_pub, reason = "generated as if all of it were used, and by others")]
mod protocol {
    /// What both protocols share.
    pub(super) mod shared {
        tonic::include_proto!("tfplugin");
    }
    // The generated code of both protocols calls it by the name of its package.
    use shared as tfplugin;

    pub(super) mod v5 {
        tonic::include_proto!("tfplugin5");
    }

    pub(super) mod v6 {
        tonic::include_proto!("tfplugin6");
    }

    pub(super) mod goplugin {
        tonic::include_proto!("plugin");
    }

    pub(super) mod health {
        tonic::include_proto!("grpc.health.v1");
    }
}

/// Why the process cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host's variables are wrong, or there is no host.
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    /// No thread or signal handler could be made.
    #[error("no runtime could be started")]
    Runtime(#[source] io::Error),
    /// Neither a socket nor a port could be opened.
    #[error("no socket could be opened")]
    Listen(#[source] io::Error),
    /// The host's certificate is wrong, or none of our own could be made.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// Nobody reads stdout.
    #[error("the handshake line could not be printed")]
    Announce(#[source] io::Error),
    /// The gRPC server failed.
    #[error("the connection could not be served")]
    Serve(#[from] tonic::transport::Error),
}

/// Runs the work of this process to its end, with a log and a runtime.
fn run(
    info: ProviderInfo,
    environment: &Environment,
    work: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    log::start(environment, info);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // The work is waiting; a second thread lets StopProvider in while the first one computes.
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    dispatch::watch_panics();
    let result = runtime.block_on(work);
    // Waits for nothing: a name look-up on the blocking pool would hold the process for seconds.
    runtime.shutdown_background();
    result
}

/// Serves the host that started this process, until it calls Shutdown or ends.
async fn serve_host<P: Provider>(
    host: &HandshakeRequest,
    environment: &Environment,
    provider: P,
) -> Result<(), Error> {
    let host_process = HostProcess::at_start();
    let _interrupts = IgnoredInterrupts::new().map_err(Error::Runtime)?;
    let mut termination = Termination::new().map_err(Error::Runtime)?;
    let (listener, address, socket_file) =
        Listener::bind(host, environment, provider.info().name).await.map_err(Error::Listen)?;
    let (tls, certificate) = match &host.client_certificate {
        Some(client) => {
            tls::configure(client).map(|(config, certificate)| (Some(config), Some(certificate)))?
        }
        None => (None, None),
    };
    announce(&(host.handshake_line(&address, certificate.as_deref()) + "\n")).map_err(Error::Announce)?;

    let (open, watch) = watch::channel(0);
    let provider = Arc::new(provider);
    tokio::select! {
        result = serve(host.protocol, provider, connection::incoming(listener, tls, &open)) => result,
        () = connection::abandoned(watch, host.has_common_protocol, host_process.gone()) => Ok(()),
        () = termination.received() => {
            drop(socket_file);
            termination.end_process()
        }
    }
}

/// Serves one provider in one protocol on the given connections until the peer calls Shutdown.
pub async fn serve<P: Provider>(
    protocol: Protocol,
    provider: Arc<P>,
    incoming: impl Stream<Item = io::Result<Connection>>,
) -> Result<(), Error> {
    let shutdown = Arc::new(Notify::new());
    let server = Server::builder()
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_routes(routes(protocol, Dispatcher::new(provider)))
        .add_service(grpc_controller_server::GrpcControllerServer::new(Controller(shutdown.clone())))
        .add_service(grpc_stdio_server::GrpcStdioServer::new(Stdio))
        .add_service(grpc_broker_server::GrpcBrokerServer::new(Broker))
        .add_service(health_server::HealthServer::new(Health))
        .serve_with_incoming(incoming);
    tokio::select! {
        result = server => Ok(result?),
        () = shutdown.notified() => Ok(()),
    }
}

/// The provider's service, under the name that it has in this protocol.
fn routes<P: Provider>(protocol: Protocol, dispatcher: Dispatcher<P>) -> Routes {
    let stop = dispatcher.stop.clone();
    // Runs when a request's headers are there, before its message is received and decoded.
    let arrival = move |mut request: Request<()>| {
        request.extensions_mut().insert(stop.signal());
        Ok(request)
    };
    match protocol {
        Protocol::Five => {
            let service = protocol::v5::provider_server::ProviderServer::new(v5::Service(dispatcher))
                .max_decoding_message_size(LARGEST_MESSAGE)
                .max_encoding_message_size(LARGEST_MESSAGE);
            Routes::new(InterceptedService::new(service, arrival))
        }
        Protocol::Six => {
            let service = protocol::v6::provider_server::ProviderServer::new(v6::Service(dispatcher))
                .max_decoding_message_size(LARGEST_MESSAGE)
                .max_encoding_message_size(LARGEST_MESSAGE);
            Routes::new(InterceptedService::new(service, arrival))
        }
    }
}

/// Writes the only text on stdout. Nothing is ever written there again.
fn announce(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// A stream of a go-plugin service, without an item and without an end: ending it early makes some hosts log a fault.
type Pending<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn pending<T: Send + 'static>() -> Response<Pending<T>> {
    Response::new(Box::pin(tokio_stream::pending()))
}

/// Ends `serve`. The host ignores the answer and waits for the process to be gone.
struct Controller(Arc<Notify>);

#[tonic::async_trait]
impl grpc_controller_server::GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.notify_one();
        Ok(Response::new(Empty {}))
    }
}

struct Stdio;

#[tonic::async_trait]
impl grpc_stdio_server::GrpcStdio for Stdio {
    type StreamStdioStream = Pending<StdioData>;

    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(pending())
    }
}

struct Broker;

#[tonic::async_trait]
impl grpc_broker_server::GrpcBroker for Broker {
    type StartStreamStream = Pending<ConnInfo>;

    async fn start_stream(
        &self,
        _: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(pending())
    }
}

/// Always reports SERVING.
struct Health;

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match request.get_ref().service.as_str() {
            // go-plugin's name for all of a plugin, and gRPC's for all of a server.
            "plugin" | "" => Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() })),
            _ => Err(Status::not_found("no such service")),
        }
    }
}
