//! A Terraform and OpenTofu provider that reads the TLS certificates of Huawei Cloud DDS instances.
//!
//! Data flows one way, from the process's start to the cloud. Each room may call those below it, never one above;
//! a test compares the sources with that rule.
//!
//! - [`plugin`]: the channel to Terraform. Handshake, socket, TLS, the RPCs, the log on stderr.
//! - [`provider`]: the settings, the data sources and the words for everything that can go wrong.
//! - [`api`]: one call of the cloud after another: build, authorize, send, classify, decode.
//! - [`auth`]: credentials and what they do to a request: sign it, or give it a token.
//! - [`transport`]: sends one request, says what kind of failure it met, and tries again within reason.
//! - [`schema`], [`value`], [`diagnostic`]: the configuration language as plain data. They know no protocol.
//! - [`secret`]: the secrets of the process, and texts from outside without them.
//! - [`outside`]: the clock, the environment and its files.
//! - [`about`]: what the program says when a person runs it.

pub mod about;
pub mod api;
pub mod auth;
pub mod diagnostic;
pub mod outside;
pub mod plugin;
pub mod provider;
pub mod schema;
pub mod secret;
pub mod transport;
pub mod value;
