//! Terraform's plugin protocol for any provider.
//!
//! - [`provider`]: the traits that a provider implements, with their requests and responses.
//! - [`schema`], [`validator`], [`config`], [`value`], [`diagnostic`]: the configuration language as plain data. They
//!   know no protocol.
//! - [`session`]: the provider in use by one host.
//! - [`server`]: the channel to Terraform. Command line, handshake, socket, TLS, the RPCs, the log on stderr.

pub mod config;
pub mod diagnostic;
pub mod provider;
pub mod schema;
pub mod server;
pub mod session;
pub mod validator;
pub mod value;

pub use provider::Provider;
pub use server::command_line::serve;
