//! Terraform's plugin protocol for any provider: knows no cloud and no certificates.
//!
//! - [`server`]: the channel to Terraform. Handshake, socket, TLS, the RPCs, the log on stderr.
//! - [`schema`], [`value`], [`diagnostic`]: the configuration language as plain data. They know no protocol.
//! - [`command_line`]: what the program says when a person runs it.

pub mod command_line;
pub mod diagnostic;
pub mod schema;
pub mod server;
pub mod value;
