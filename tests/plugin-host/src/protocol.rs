//! The client's side of the provider's `proto/`.

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Five,
    Six,
}

/// What the two have in common.
pub mod tfplugin {
    tonic::include_proto!("tfplugin");
}

pub mod tfplugin5 {
    tonic::include_proto!("tfplugin5");
}

pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}

pub mod plugin {
    tonic::include_proto!("plugin");
}

pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// What the host reads of any provider's schema.
pub mod offer {
    tonic::include_proto!("offer");
}
