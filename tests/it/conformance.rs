//! What Terraform Core expects from a provider, with the built executable and both protocols. Test names begin with the
//! number of a check in `tests/README.md`. For cases that the executable cannot produce, a fake provider runs in this
//! process over a pipe. Checks that need real Terraform are in `acceptance::conformance`.
//!
//! - `handshake`: from the start of the process to the handshake line, and the debug mode.
//! - `tls`: which clients are accepted.
//! - `channel`: the socket, and the services of go-plugin on it.
//! - `lifecycle`: Stop, Shutdown, signals, and the end of the host.
//! - `schema`: the schema response.
//! - `configure`, `read`: the results of these calls.
//! - `values`: encoding and decoding of values, byte by byte.
//! - `diagnostics`: errors and warnings.
//! - `log`: log lines, stdout and stderr.
//! - `environment`: requests, stdin and child processes.
//! - `unsupported`: calls and schema parts that this provider does not have.
//! - `extra`: more checks, which no Core depends on.
//! - `fake`: a fake provider.
//! - `table`: compares the table with the tests.
//! - `timing`: checks time limits.

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
use plugin_host::{Connection, PluginCommand, Process};

use crate::process::{PROVIDER_PATH, start};
use crate::protocols::{connect_both, start_and_connect};
use timing::assert_within;

/// The values of `PLUGIN_PROTOCOL_VERSIONS` for hosts with one protocol.
pub const PROTOCOL_VERSIONS: [&str; 2] = ["5", "6"];

/// A command for a host that offers these protocol versions.
pub fn plugin_command(version: &str) -> PluginCommand {
    PluginCommand::new(PROVIDER_PATH).env("PLUGIN_PROTOCOL_VERSIONS", version)
}

/// A provider process that is configured for the simulated cloud.
async fn start_configured(version: &str, cloud: &Simulator) -> (Process, Connection) {
    let (process, connection) = start_and_connect(version).await;
    assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
    (process, connection)
}

/// Configured provider processes, one for each protocol.
async fn configure_both(cloud: &Simulator) -> [(Process, Connection); 2] {
    [start_configured("5", cloud).await, start_configured("6", cloud).await]
}

/// Provider processes without a connection, one for each protocol.
async fn start_both() -> [Process; 2] {
    [start(plugin_command("5")).await, start(plugin_command("6")).await]
}

/// A string in a configuration that [`replace_placeholder`] replaces by bytes.
const PLACEHOLDER: &str = "<bytes>";

/// Replaces [`PLACEHOLDER`] in an encoded configuration.
fn replace_placeholder(config: DynamicValue, bytes: &[u8]) -> DynamicValue {
    let placeholder = [&[0xa0 | u8::try_from(PLACEHOLDER.len()).unwrap()], PLACEHOLDER.as_bytes()].concat();
    let at = config
        .msgpack
        .windows(placeholder.len())
        .position(|window| window == placeholder)
        .expect("a placeholder");
    let msgpack = [&config.msgpack[..at], bytes, &config.msgpack[at + placeholder.len()..]].concat();
    DynamicValue { msgpack, json: Vec::new() }
}
