//! A plugin host: starts a provider's executable as Terraform's core does, and calls it.
//!
//! It is made after the contract of HashiCorp's go-plugin, apart from the provider: nothing here is the provider's code.
//! Every part of the start can be bent, for tests of what a provider does with a host that is not as it should be.

pub mod built;
mod certificate;
mod connect;
mod connection;
mod encoding;
mod ephemeral;
mod handshake;
mod kind;
mod offer;
mod process;
pub mod protocol;
mod schema;
mod server_certificate;

pub use certificate::Identity;
pub use connect::{Agreed, Tls, connect, connect_as, open, tls_stream};
pub use connection::{Connection, Reading};
pub use handshake::Handshake;
pub use kind::Kind;
pub use process::{COOKIE, Failed, Launch, Process};
pub use protocol::Protocol;
pub use protocol::offer::Offer;
pub use schema::{attributes, blank};
pub use server_certificate::ServerCertificate;
