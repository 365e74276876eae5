//! The plugin channel: everything between the process's start and a call of the provider.
//!
//! `run` is the order of start-up, readable from top to bottom. Nothing that can wait comes before the handshake
//! line: no HTTP client, no certificate store, no name resolution.

mod connection;
mod convert;
mod debug;
mod dispatch;
mod goplugin;
mod handshake;
mod host_process;
mod listener;
mod log;
mod protocol;
mod rpc_span;
mod signals;
mod stop;
mod tls;
mod v5;
mod v6;

use std::future::Future;
use std::io::{self, Write as _};
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio_stream::Stream;
use tonic::Request;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;

pub use connection::Connection;
pub use handshake::Error as HandshakeError;
pub use protocol::Protocol;

/// What reads the host's environment and answers it.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use super::handshake::Host;
    pub use super::listener::Address;
}

use crate::provider::Provider;
use crate::system::Environment;
use dispatch::Dispatcher;
use handshake::Host;
use host_process::HostProcess;
use listener::Listener;
use protocol::health::health_server::HealthServer;
use protocol::plugin::grpc_broker_server::GrpcBrokerServer;
use protocol::plugin::grpc_controller_server::GrpcControllerServer;
use protocol::plugin::grpc_stdio_server::GrpcStdioServer;
use protocol::{tfplugin5, tfplugin6};
use signals::{IgnoredInterrupts, Termination};

/// What Go's server allows, in both directions: 256 MiB. tonic alone would refuse a request of more than 4 MiB.
const LARGEST_MESSAGE: usize = 256 << 20;

/// Lets a large configuration or schema arrive without waiting for window updates: 1 MiB.
const CONNECTION_WINDOW: u32 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    #[error("no runtime could be started")]
    Runtime(#[source] io::Error),
    #[error("no socket could be opened")]
    Listen(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] tls::Error),
    #[error("the handshake line could not be printed")]
    Announce(#[source] io::Error),
    #[error("the connection could not be served")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves the host that started this process, until it says that it is done or is gone.
pub fn run(environment: Environment) -> Result<(), Error> {
    let host = Host::read(&environment)?;
    run_to_end(&environment, serve_host(&host, environment.clone()))
}

/// Serves hosts that did not start this process, until it is interrupted.
pub fn debug(environment: Environment) -> Result<(), Error> {
    run_to_end(&environment, debug::serve_all(environment.clone()))
}

fn run_to_end(environment: &Environment, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    log::start(environment);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // The work is waiting; a second thread lets StopProvider in while the first one computes.
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    rpc_span::watch_panics();
    let result = runtime.block_on(work);
    // Waits for nothing: a name look-up on the blocking pool would hold the process for seconds.
    runtime.shutdown_background();
    result
}

async fn serve_host(host: &Host, environment: Environment) -> Result<(), Error> {
    let host_process = HostProcess::at_start();
    let _interrupts = IgnoredInterrupts::new().map_err(Error::Runtime)?;
    let mut termination = Termination::new().map_err(Error::Runtime)?;
    let (listener, address, socket_file) = Listener::bind(host, &environment).await.map_err(Error::Listen)?;
    let (tls, certificate) = match &host.client_certificate {
        Some(client) => {
            tls::configure(client).map(|(config, certificate)| (Some(config), Some(certificate)))?
        }
        None => (None, None),
    };
    announce(&host.line(&address, certificate.as_deref())).map_err(Error::Announce)?;

    let (open, watch) = watch::channel(0);
    let provider = Arc::new(Provider::new(environment));
    tokio::select! {
        result = serve(host.protocol, provider, connection::incoming(listener, tls, &open)) => result,
        () = connection::abandoned(watch, host.agreed, host_process.gone()) => Ok(()),
        () = termination.received() => {
            drop(socket_file);
            termination.end_process()
        }
    }
}

/// Serves one provider in one protocol on the given connections until the peer calls Shutdown.
pub async fn serve(
    protocol: Protocol,
    provider: Arc<Provider>,
    incoming: impl Stream<Item = io::Result<Connection>>,
) -> Result<(), Error> {
    let shutdown = Arc::new(Notify::new());
    let server = Server::builder()
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_routes(routes(protocol, Dispatcher::new(provider)))
        .add_service(GrpcControllerServer::new(goplugin::Controller(shutdown.clone())))
        .add_service(GrpcStdioServer::new(goplugin::Stdio))
        .add_service(GrpcBrokerServer::new(goplugin::Broker))
        .add_service(HealthServer::new(goplugin::Pulse))
        .serve_with_incoming(incoming);
    tokio::select! {
        result = server => Ok(result?),
        () = shutdown.notified() => Ok(()),
    }
}

/// The provider's service, under the name that it has in this protocol.
fn routes(protocol: Protocol, engine: Dispatcher) -> Routes {
    let stop = engine.stop().clone();
    // Runs when a request's headers are there, before its message is received and decoded.
    let arrival = move |mut request: Request<()>| {
        request.extensions_mut().insert(stop.signal());
        Ok(request)
    };
    match protocol {
        Protocol::Five => {
            let service = tfplugin5::provider_server::ProviderServer::new(v5::Service(engine))
                .max_decoding_message_size(LARGEST_MESSAGE)
                .max_encoding_message_size(LARGEST_MESSAGE);
            Routes::new(InterceptedService::new(service, arrival))
        }
        Protocol::Six => {
            let service = tfplugin6::provider_server::ProviderServer::new(v6::Service(engine))
                .max_decoding_message_size(LARGEST_MESSAGE)
                .max_encoding_message_size(LARGEST_MESSAGE);
            Routes::new(InterceptedService::new(service, arrival))
        }
    }
}

/// The one line on stdout. Nothing is ever written there again.
fn announce(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
