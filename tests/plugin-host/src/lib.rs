//! A plugin host: starts a provider's executable as Terraform Core does, and calls it.
//!
//! It implements the contract of HashiCorp's go-plugin and shares no code with the provider. Tests can change every part of
//! the start, to check how a provider reacts to an invalid host.

mod certificates;
mod connect;
mod connection;
mod encoding;
mod handshake;
mod process;
pub mod protocol;
mod provider_binary;
mod schema;
#[cfg(target_os = "linux")]
mod static_binary;
mod value_type;

pub use certificates::{ClientIdentity, ServerCertificate};
pub use connect::{
    TlsSession, TlsVersions, connect, connect_socket, connect_tls, connect_with_authority,
    connect_with_tls_session,
};
pub use connection::{Connection, ReadResponse};
pub use handshake::Handshake;
pub use process::{COOKIE, PluginCommand, Process, StartError};
pub use protocol::Protocol;
pub use protocol::provider_schema::ProviderSchema;
pub use provider_binary::{
    build_bench_providers, build_provider, build_provider_and_example, build_xtask_and_example,
};
pub use schema::{attribute_names, null_object};
#[cfg(target_os = "linux")]
pub use static_binary::build_static_provider;
pub use value_type::{ObjectAttribute, ValueType};
