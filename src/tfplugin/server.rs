//! The plugin server: starts the gRPC server for the host and translates its RPCs.
//!
//! `serve_host` contains the steps of the start. Slow steps, such as the HTTP client, run after the handshake line.

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
/// Items for the fuzz targets.
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
use shutdown::{HostProcess, IgnoredInterrupts, TerminationSignal};

/// The maximum size of a message, as in terraform-plugin-go: 256 MiB. The default of tonic is 4 MiB for a request.
const MAX_MESSAGE_SIZE: usize = 256 << 20;

/// The HTTP/2 connection window. 1 MiB is enough for a large configuration without a window update.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// A major version of the plugin protocol. Minor versions are not negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The only version of Terraform 0.12 to 0.14.
    Five = 5,
    /// The version of Terraform 0.15 and later, and of OpenTofu.
    Six = 6,
}

/// The messages and services that `build.rs` generates from `proto/`.
#[allow(dead_code, unreachable_pub, reason = "generated code")]
mod protocol {
    /// The messages of both protocol versions.
    pub(super) mod shared {
        tonic::include_proto!("tfplugin");
    }
    // The generated code refers to it by the name of its package.
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

/// Errors of the plugin server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment variables of the handshake are invalid or missing.
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    /// A thread or signal handler could not be created.
    #[error("the runtime could not be started")]
    Runtime(#[source] io::Error),
    /// No listener could be opened.
    #[error("neither a Unix socket nor a loopback port could be opened")]
    Listen(#[source] io::Error),
    /// The certificate of the host is invalid, or the server certificate could not be created.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// Writing to stdout failed.
    #[error("the handshake line could not be printed")]
    Stdout(#[source] io::Error),
    /// The gRPC server failed.
    #[error("the gRPC server failed")]
    Grpc(#[from] tonic::transport::Error),
}

/// Starts the log and the runtime, and runs a server until it ends.
fn run(
    info: ProviderInfo,
    environment: &Environment,
    server: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    log::start(environment, info);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One thread is enough for reads, which mostly wait for the network. With more, the threads would wake each other
        // for each message. `Environment::read` keeps StopProvider responsive while a file blocks.
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    dispatch::set_panic_hook();
    let result = runtime.block_on(server);
    // Does not wait for the blocking pool, where a name resolution may take seconds.
    runtime.shutdown_background();
    result
}

/// Serves the host that started this process, until it calls Shutdown or exits.
async fn serve_host<P: Provider>(
    request: &HandshakeRequest,
    environment: &Environment,
    provider: P,
) -> Result<(), Error> {
    let host_process = HostProcess::new();
    let _interrupts = IgnoredInterrupts::new().map_err(Error::Runtime)?;
    let mut termination = TerminationSignal::new().map_err(Error::Runtime)?;
    let (listener, address, socket_file) =
        Listener::bind(request, environment, provider.info().name).await.map_err(Error::Listen)?;
    let (tls, certificate) = match &request.client_certificate {
        Some(client) => {
            tls::server_config(client).map(|(config, certificate)| (Some(config), Some(certificate)))?
        }
        None => (None, None),
    };
    print_to_stdout(&(request.handshake_line(&address, certificate.as_deref()) + "\n"))
        .map_err(Error::Stdout)?;

    let (open_connections, connection_count) = watch::channel(0);
    let incoming = connection::incoming(listener, tls, &open_connections);
    let provider = Arc::new(provider);
    tokio::select! {
        result = serve_connections(request.protocol, provider, incoming) => result,
        () = connection::orphaned(connection_count, request.has_common_protocol, host_process.exited()) => Ok(()),
        () = termination.received() => {
            drop(socket_file);
            termination.end_process()
        }
    }
}

/// Serves a provider on these connections until the host calls Shutdown.
pub async fn serve_connections<P: Provider>(
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

/// The gRPC routes of a provider in this protocol version.
fn routes<P: Provider>(protocol: Protocol, dispatcher: Dispatcher<P>) -> Routes {
    let stop = dispatcher.stop.clone();
    // Runs after the headers of a request have arrived, and before its message is received and decoded.
    let subscribe_to_stop = move |mut request: Request<()>| {
        request.extensions_mut().insert(stop.subscribe());
        Ok(request)
    };
    match protocol {
        Protocol::Five => {
            let service = protocol::v5::provider_server::ProviderServer::new(v5::ProviderV5(dispatcher))
                .max_decoding_message_size(MAX_MESSAGE_SIZE)
                .max_encoding_message_size(MAX_MESSAGE_SIZE);
            Routes::new(InterceptedService::new(service, subscribe_to_stop))
        }
        Protocol::Six => {
            let service = protocol::v6::provider_server::ProviderServer::new(v6::ProviderV6(dispatcher))
                .max_decoding_message_size(MAX_MESSAGE_SIZE)
                .max_encoding_message_size(MAX_MESSAGE_SIZE);
            Routes::new(InterceptedService::new(service, subscribe_to_stop))
        }
    }
}

/// Writes the only output on stdout.
fn print_to_stdout(output: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(output.as_bytes())?;
    stdout.flush()
}

/// A stream that never returns an item and never ends. Some hosts log an error if it ends early.
type PendingStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn pending_stream<T: Send + 'static>() -> Response<PendingStream<T>> {
    Response::new(Box::pin(tokio_stream::pending()))
}

/// The go-plugin service that ends the process. The host ignores the response and waits for the exit.
struct Controller(Arc<Notify>);

#[tonic::async_trait]
impl grpc_controller_server::GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.notify_one();
        Ok(Response::new(Empty {}))
    }
}

/// The go-plugin service for the output of the plugin. It sends nothing.
struct Stdio;

#[tonic::async_trait]
impl grpc_stdio_server::GrpcStdio for Stdio {
    type StreamStdioStream = PendingStream<StdioData>;

    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(pending_stream())
    }
}

/// The go-plugin service for additional connections. It opens none.
struct Broker;

#[tonic::async_trait]
impl grpc_broker_server::GrpcBroker for Broker {
    type StartStreamStream = PendingStream<ConnInfo>;

    async fn start_stream(
        &self,
        _: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(pending_stream())
    }
}

/// The health service. It always reports SERVING.
struct Health;

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match request.get_ref().service.as_str() {
            // The service name of go-plugin, and the default name of gRPC.
            "plugin" | "" => Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() })),
            _ => Err(Status::not_found("unknown service")),
        }
    }
}
