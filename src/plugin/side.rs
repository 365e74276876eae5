//! go-plugin's own services beside the provider's: the end of the process, and two streams that stay silent.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::protocol::plugin::grpc_broker_server::GrpcBroker;
use super::protocol::plugin::grpc_controller_server::GrpcController;
use super::protocol::plugin::grpc_stdio_server::GrpcStdio;
use super::protocol::plugin::{ConnInfo, Empty, StdioData};

/// A stream without an item and without an end: ending it early makes some hosts log a fault.
type Silence<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn silence<T: Send + 'static>() -> Response<Silence<T>> {
    Response::new(Box::pin(tokio_stream::pending()))
}

/// Tells `serve` to end. The host ignores the answer and waits for the process to be gone.
pub struct Controller(pub Arc<Notify>);

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.notify_one();
        Ok(Response::new(Empty {}))
    }
}

pub struct Stdio;

#[tonic::async_trait]
impl GrpcStdio for Stdio {
    type StreamStdioStream = Silence<StdioData>;

    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(silence())
    }
}

pub struct Broker;

#[tonic::async_trait]
impl GrpcBroker for Broker {
    type StartStreamStream = Silence<ConnInfo>;

    async fn start_stream(
        &self,
        _: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(silence())
    }
}
