//! Started by a person, for hosts that did not start it.

use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::*;
use crate::process::debug::{Debugged, plain, socket};

#[tokio::test]
async fn c69_it_needs_no_cookie_and_says_how_to_connect() {
    for protocol in PROTOCOLS {
        let offered = if protocol == Protocol::Five { "5" } else { "6" };
        let debugged = Debugged::start(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]);
        let reattach = debugged.reattach();
        let told: Value = serde_json::from_str(&reattach).unwrap();
        let told = &told["terraform-dds/dds"];
        assert_eq!((&told["Protocol"], &told["Test"]), (&json!("grpc"), &json!(true)));
        assert_eq!(told["ProtocolVersion"].to_string(), offered);
        assert_eq!((&told["Pid"], &told["Addr"]["Network"]), (&json!(debugged.id()), &json!("unix")));
        let socket = socket(&reattach);
        assert!(socket.contains('\''), "{socket}");
        // Hosts look first whether anybody is there.
        drop(UnixStream::connect(&socket).await.unwrap());
        assert!(plain(&socket, protocol).await.schema().await.is_ok());
    }
    let unasked = Debugged::start(&[]);
    let told: Value = serde_json::from_str(&unasked.reattach()).unwrap();
    assert_eq!(told["terraform-dds/dds"]["ProtocolVersion"], 6);
}
