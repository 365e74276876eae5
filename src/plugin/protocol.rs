//! The messages and services that `build.rs` makes from `proto/`.

#![allow(dead_code, reason = "a message that only holds its Request and Response is generated all the same")]

pub mod tfplugin6 {
    tonic::include_proto!("tfplugin6");
}

pub mod plugin {
    tonic::include_proto!("plugin");
}
