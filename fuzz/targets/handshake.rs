//! Fuzzes the environment variables of a host, one per line. Without the cookie or with an invalid port, the handshake
//! fails. Otherwise the handshake line has six fields, or seven if the host requests multiplexing. The protocol is the
//! newest one that the host offers and the plugin supports, or version 5 if there is none.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::server::fuzzing::{Address, HandshakeRequest};

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

const SUPPORTED: [u8; 2] = [5, 6];

fuzz_target!(|text: &str| {
    let variables: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let variable = |name: &str| variables.get(name).copied().filter(|value| !value.trim().is_empty());
    let host = HandshakeRequest::from_environment(&Environment::given(variables.clone()));
    let is_host = variable("TF_PLUGIN_MAGIC_COOKIE") == Some(COOKIE);
    let port = |name: &str| variable(name).map_or(Some(0), |port| port.parse::<u16>().ok());
    let ports = port("PLUGIN_MIN_PORT").zip(port("PLUGIN_MAX_PORT"));
    assert_eq!(host.is_ok(), is_host && ports.is_some());
    let Ok(host) = host else { return };

    assert_eq!(Some((*host.ports.start(), *host.ports.end())), ports);
    let offers = |version: u8| {
        let offered = variable("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        offered.split(',').any(|offer| offer.trim().parse() == Ok(version))
    };
    let newest = SUPPORTED.into_iter().filter(|version| offers(*version)).max();
    assert_eq!(host.protocol as u8, newest.unwrap_or(SUPPORTED[0]));
    assert_eq!(host.has_common_protocol, newest.is_some() || variable("PLUGIN_PROTOCOL_VERSIONS").is_none());

    let line = host.handshake_line(&Address::Tcp(([127, 0, 0, 1], 4321).into()), Some(text.as_bytes()));
    let fields: Vec<&str> = line.split('|').collect();
    assert_eq!(fields.len(), if variable("PLUGIN_MULTIPLEX_GRPC").is_some() { 7 } else { 6 }, "{line}");
    let protocol = (host.protocol as u8).to_string();
    assert_eq!(fields[..5], ["1", &protocol, "tcp", "127.0.0.1:4321", "grpc"]);
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    assert!(fields[5].bytes().all(base64), "{line}");
});
