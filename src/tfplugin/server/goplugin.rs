//! go-plugin's own services beside the provider's: the end of the process, two streams without items, and the answer to
//! a ping.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::protocol::goplugin::grpc_broker_server::GrpcBroker;
use super::protocol::goplugin::grpc_controller_server::GrpcController;
use super::protocol::goplugin::grpc_stdio_server::GrpcStdio;
use super::protocol::goplugin::{ConnInfo, Empty, StdioData};
use super::protocol::health::health_check_response::ServingStatus;
use super::protocol::health::health_server;
use super::protocol::health::{HealthCheckRequest, HealthCheckResponse};

/// A stream without an item and without an end: ending it early makes some hosts log a fault.
type Pending<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn pending<T: Send + 'static>() -> Response<Pending<T>> {
    Response::new(Box::pin(tokio_stream::pending()))
}

/// Ends `serve`. The host ignores the answer and waits for the process to be gone.
pub(super) struct Controller(pub(super) Arc<Notify>);

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.notify_one();
        Ok(Response::new(Empty {}))
    }
}

pub(super) struct Stdio;

#[tonic::async_trait]
impl GrpcStdio for Stdio {
    type StreamStdioStream = Pending<StdioData>;

    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(pending())
    }
}

pub(super) struct Broker;

#[tonic::async_trait]
impl GrpcBroker for Broker {
    type StartStreamStream = Pending<ConnInfo>;

    async fn start_stream(
        &self,
        _: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(pending())
    }
}

/// Always reports SERVING.
pub(super) struct Health;

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
