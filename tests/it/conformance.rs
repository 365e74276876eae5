//! What a host may ask of any provider, check by check, against the built executable and in both protocols. The numbers
//! are those of the table in `tests/README.md`. What the executable cannot be brought to do is done by a fake
//! provider, in this process over a pipe; what only real Terraform can show is in `acceptance::conformance`.
//!
//! - `handshake`: from the start of the process to its line on stdout, or started by a person.
//! - `tls`: who is let in, and how.
//! - `channel`: the socket, and go-plugin's own services on it.
//! - `lifecycle`: stop, shutdown, signals, and the end of the host.
//! - `schema`: what is offered, and in which form.
//! - `configure`, `read`: the calls' results.
//! - `values`: what goes in and comes out, byte by byte.
//! - `diagnostics`: what the user is told.
//! - `log`: what is written, and what never is.
//! - `environment`: what the process does to its environment.
//! - `unsupported`: what is not offered.
//! - `extra`: further checks, which no core depends on.
//! - `fake`: a fake provider.
//! - `table`: table and tests agree.
//! - `timing`: what it means to be within a time.

mod channel;
mod configure;
pub mod diagnostics;
mod environment;
mod extra;
pub mod fake;
mod handshake;
mod lifecycle;
mod log;
mod read;
mod schema;
mod table;
mod timing;
mod tls;
mod unsupported;
mod values;

use std::time::Duration;

use cloud_simulator::Simulator;
use plugin_host::protocol::tfplugin::DynamicValue;
use plugin_host::{Connection, PluginCommand, Process, Protocol};

use crate::process::{PROVIDER_EXECUTABLE, start};
use crate::protocols::{connect_with_both_protocols, connect_with_protocol};
use timing::assert_within;

/// Hosts that know one protocol.
pub const PROTOCOL_VERSIONS: [&str; 2] = ["5", "6"];

/// The same as values.
const PROTOCOLS: [Protocol; 2] = [Protocol::Five, Protocol::Six];

pub fn launch(offered: &str) -> PluginCommand {
    PluginCommand::new(PROVIDER_EXECUTABLE).env("PLUGIN_PROTOCOL_VERSIONS", offered)
}

/// A process that is ready to read from the simulated cloud.
async fn connect_and_configure(offered: &str, cloud: &Simulator) -> (Process, Connection) {
    let (process, connection) = connect_with_protocol(offered).await;
    assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
    (process, connection)
}

/// The same for a host of each protocol.
async fn connect_and_configure_both(cloud: &Simulator) -> [(Process, Connection); 2] {
    [connect_and_configure("5", cloud).await, connect_and_configure("6", cloud).await]
}

/// A process of each protocol, to which nobody has connected.
async fn start_both() -> [Process; 2] {
    [start(launch("5")).await, start(launch("6")).await]
}

/// What stands in a configuration for the bytes that [`replace_placeholder`] puts in its place.
const PLACEHOLDER: &str = "<bytes>";

/// The configuration with these bytes where [`PLACEHOLDER`] is.
fn replace_placeholder(config: DynamicValue, bytes: &[u8]) -> DynamicValue {
    let mark = [&[0xa0 | u8::try_from(PLACEHOLDER.len()).unwrap()], PLACEHOLDER.as_bytes()].concat();
    let at = config.msgpack.windows(mark.len()).position(|window| window == mark).expect("a mark");
    let msgpack = [&config.msgpack[..at], bytes, &config.msgpack[at + mark.len()..]].concat();
    DynamicValue { msgpack, json: Vec::new() }
}
