//! Serves hosts that did not start this process, so that a debugger can hold it: as many runs as come, one after
//! another or at once, until it is interrupted.
//!
//! `TF_REATTACH_PROVIDERS` says where a host connects. It then needs no cookie, handshake line or TLS.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

use super::connection::{self, Address, Listener};
use super::handshake::HandshakeRequest;
use super::shutdown::Termination;
use super::{Error, Protocol, announce, serve};
use crate::system::Environment;
use crate::tfplugin::provider::Provider;

const VARIABLE: &str = "TF_REATTACH_PROVIDERS";

pub(super) async fn serve_all<P: Provider>(environment: &Environment, provider: P) -> Result<(), Error> {
    let host = HandshakeRequest::for_reattach(environment);
    let (info, provider) = (provider.info(), Arc::new(provider));
    let mut termination = Termination::new().map_err(Error::Runtime)?;
    let (listener, address, socket_file) =
        Listener::bind(&host, environment, info.name).await.map_err(Error::Listen)?;
    let reattach = reattach(info.address, host.protocol, &address, std::process::id());
    announce(&instructions(&reattach, cfg!(windows))).map_err(Error::Announce)?;

    let (open, _) = watch::channel(0);
    let mut incoming = connection::incoming(listener, None, &open);
    let connections = async {
        // A host has a connection for each configuration of the provider in each phase of a run, where it would else
        // have a process. So each gets a session of its own, and no run sees what another one configured.
        while let Some(connection) = incoming.next().await {
            // Returns at once; the connection is served until the host closes it.
            serve(host.protocol, provider.clone(), tokio_stream::once(connection)).await?;
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

/// What hosts read from the variable. The provider's address has no registry's name, for which each host puts its own:
/// Terraform and OpenTofu have different ones. They take `Test` for "leave the process alone when the run is over".
fn reattach(provider: &str, protocol: Protocol, address: &Address, process: u32) -> String {
    let (network, text) = address.parts();
    let reattach = json!({
        "Protocol": "grpc",
        "ProtocolVersion": protocol as u8,
        "Pid": process,
        "Test": true,
        "Addr": { "Network": network, "String": text },
    });
    json!({ provider: reattach }).to_string()
}

/// For the person at the terminal, as providers in Go word it.
fn instructions(reattach: &str, windows: bool) -> String {
    let lines = if windows {
        format!(
            "\tCommand Prompt:\tset \"{VARIABLE}={reattach}\"\n\tPowerShell:\t$env:{VARIABLE}='{}'",
            reattach.replace('\'', "''")
        )
    } else {
        format!("\t{VARIABLE}='{}'", reattach.replace('\'', r#"'"'"'"#))
    };
    format!(
        "The provider waits for Terraform or OpenTofu, until it is interrupted. Have them find it by this variable:\n\n\
         {lines}\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_given_address_and_protocol() {
        let address = Address::Tcp(([127, 0, 0, 1], 1234).into());
        let given: serde_json::Value =
            serde_json::from_str(&reattach("example/greeting", Protocol::Five, &address, 42)).unwrap();
        let expected = json!({ "example/greeting": {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": 42,
            "Test": true,
            "Addr": { "Network": "tcp", "String": "127.0.0.1:1234" },
        }});
        assert_eq!(given, expected);
    }

    #[test]
    fn each_shell_is_given_its_own_form() {
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
