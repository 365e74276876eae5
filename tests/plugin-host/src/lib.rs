//! A plugin host: starts a provider's executable as Terraform's core does, and calls it.
//!
//! It is made after the contract of HashiCorp's go-plugin, apart from the provider: nothing here is the provider's code.
//! Every part of the start can be bent, for tests of what a provider does with a host that is not as it should be.

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

pub use certificates::{Identity, ServerCertificate};
pub use connect::{Tls, TlsSession, connect, connect_as, open, tls_stream};
pub use connection::{Connection, ReadResponse};
pub use handshake::Handshake;
pub use process::{COOKIE, Launch, Process, StartError};
pub use protocol::Protocol;
pub use protocol::provider_schema::ProviderSchema;
pub use provider_binary::{build_provider, build_with_example};
pub use schema::{attributes, null_object};
#[cfg(target_os = "linux")]
pub use static_binary::build_static_provider;
pub use value_type::{Member, ValueType};
