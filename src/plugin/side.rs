//! go-plugin's own services beside the provider's: the end of the process, two streams that stay silent, and whether we
//! are well.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::protocol::health::health_check_response::ServingStatus;
use super::protocol::health::{HealthCheckRequest, HealthCheckResponse, health_server};
use super::protocol::plugin::grpc_broker_server::GrpcBroker;
use super::protocol::plugin::grpc_controller_server::GrpcController;
use super::protocol::plugin::grpc_stdio_server::GrpcStdio;
use super::protocol::plugin::{ConnInfo, Empty, StdioData};

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A stream without an item and without an end: ending it early makes some hosts log a fault.
fn silence<T: Send + 'static>() -> Response<Events<T>> {
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
    type StreamStdioStream = Events<StdioData>;

    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(silence())
    }
}

pub struct Broker;

#[tonic::async_trait]
impl GrpcBroker for Broker {
    type StartStreamStream = Events<ConnInfo>;

    async fn start_stream(
        &self,
        _: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(silence())
    }
}

/// Who can answer is well.
pub struct Health;

fn status(request: &HealthCheckRequest) -> HealthCheckResponse {
    let status = match request.service.as_str() {
        // go-plugin's name for whatever a plugin serves, and nobody's in particular.
        "plugin" | "" => ServingStatus::Serving,
        _ => ServingStatus::ServiceUnknown,
    };
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let answer = status(request.get_ref());
        // Only a watch may tell of a service that does not exist.
        if answer.status() == ServingStatus::ServiceUnknown {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(answer))
    }

    type WatchStream = Events<HealthCheckResponse>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let now = tokio_stream::once(Ok(status(request.get_ref())));
        Ok(Response::new(Box::pin(now.chain(tokio_stream::pending()))))
    }
}
