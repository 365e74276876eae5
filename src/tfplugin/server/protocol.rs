//! The two plugin protocols, and the messages and services that `build.rs` makes from `proto/`.

#![allow(dead_code, reason = "a message that only holds its Request and Response is generated all the same")]

/// A major version of the plugin protocol. The minor ones are not negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Five = 5,
    Six = 6,
}

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
