//! `--debug`: serves hosts that did not start this process, for use with a debugger.
//!
//! It serves any number of runs, also in parallel, until it is interrupted. The host reads the address from
//! `TF_REATTACH_PROVIDERS` and uses no cookie, no handshake line and no TLS.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

use super::connection::{self, Address, Listener};
use super::handshake::HandshakeRequest;
use super::shutdown::TerminationSignal;
use super::{Error, Protocol, print_to_stdout, serve_connections};
use crate::system::Environment;
use crate::tfplugin::provider::Provider;

const REATTACH_VARIABLE: &str = "TF_REATTACH_PROVIDERS";

pub(super) async fn serve_reattached<P: Provider>(
    environment: &Environment,
    provider: P,
) -> Result<(), Error> {
    let request = HandshakeRequest::for_reattach(environment);
    let (info, provider) = (provider.info(), Arc::new(provider));
    let mut termination = TerminationSignal::new().map_err(Error::Runtime)?;
    let (listener, address, socket_file) =
        Listener::bind(&request, environment, info.name).await.map_err(Error::Listen)?;
    let reattach_config = reattach_config(info.address, request.protocol, &address, std::process::id());
    print_to_stdout(&instructions(&reattach_config, cfg!(windows))).map_err(Error::Stdout)?;

    let (open_connections, _) = watch::channel(0);
    let mut incoming = connection::incoming(listener, None, &open_connections);
    let connections = async {
        // A host opens a connection where it normally starts a process. So each connection has a separate session, and
        // a run does not use the configuration of another one.
        while let Some(connection) = incoming.next().await {
            // Returns immediately. The connection is served until the host closes it.
            serve_connections(request.protocol, provider.clone(), tokio_stream::once(connection)).await?;
        }
        Ok(())
    };
    tokio::select! {
        result = connections => result,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Error::Runtime),
        () = termination.received() => {
            drop(socket_file);
            termination.end_process()
        }
    }
}

/// The value of the variable.
///
/// The source address has no hostname, because Terraform and OpenTofu have different defaults. `Test` prevents the host
/// from ending the process after a run.
fn reattach_config(provider: &str, protocol: Protocol, address: &Address, process_id: u32) -> String {
    let (network, address) = address.parts();
    let config = json!({
        "Protocol": "grpc",
        "ProtocolVersion": protocol as u8,
        "Pid": process_id,
        "Test": true,
        "Addr": { "Network": network, "String": address },
    });
    json!({ provider: config }).to_string()
}

/// The instructions for the user, in the format of providers in Go.
fn instructions(reattach_config: &str, windows: bool) -> String {
    let lines = if windows {
        format!(
            "\tCommand Prompt:\tset \"{REATTACH_VARIABLE}={reattach_config}\"\n\tPowerShell:\t$env:{REATTACH_VARIABLE}='{}'",
            reattach_config.replace('\'', "''")
        )
    } else {
        format!("\t{REATTACH_VARIABLE}='{}'", reattach_config.replace('\'', r#"'"'"'"#))
    };
    format!(
        "Provider started. Press Ctrl-C to stop it. To attach Terraform or OpenTofu, set this environment variable:\n\n\
         {lines}\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reattach_config_contains_address_and_protocol() {
        let address = Address::Tcp(([127, 0, 0, 1], 1234).into());
        let config: serde_json::Value =
            serde_json::from_str(&reattach_config("example/greeting", Protocol::Five, &address, 42)).unwrap();
        let expected = json!({ "example/greeting": {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": 42,
            "Test": true,
            "Addr": { "Network": "tcp", "String": "127.0.0.1:1234" },
        }});
        assert_eq!(config, expected);
    }

    #[test]
    fn variable_is_quoted_for_each_shell() {
        let windows = instructions(r#"{"a":"it's"}"#, true);
        for line in [
            "\n\tCommand Prompt:\tset \"TF_REATTACH_PROVIDERS={\"a\":\"it's\"}\"\n",
            "\n\tPowerShell:\t$env:TF_REATTACH_PROVIDERS='{\"a\":\"it''s\"}'\n",
        ] {
            assert!(windows.contains(line), "{windows}");
        }
        let other = instructions(r#"{"a":"it's"}"#, false);
        assert!(other.ends_with("\n\n\tTF_REATTACH_PROVIDERS='{\"a\":\"it'\"'\"'s\"}'\n\n"), "{other}");
    }
}
