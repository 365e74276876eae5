//! go-plugin's own services beside the provider's: the end of the process, two streams that stay silent, and the answer to
//! a ping.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::protocol::health::health_check_response::ServingStatus;
use super::protocol::health::health_server::Health;
use super::protocol::health::{HealthCheckRequest, HealthCheckResponse};
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

/// Always reports SERVING.
pub struct Pulse;

#[tonic::async_trait]
impl Health for Pulse {
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
