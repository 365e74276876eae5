//! What a host says through environment variables when it starts us, and the one line that answers it.
//!
//! The contract is HashiCorp go-plugin's; the names and the line's layout are fixed by its `client.go`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Protocol;
use super::connection::Address;
use crate::system::Environment;

/// Terraform's proof that it is a plugin host that starts us, not a person: not a secret.
const MAGIC_COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// What we serve, newest first.
const PROTOCOLS: [Protocol; 2] = [Protocol::Six, Protocol::Five];

/// What the host asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct HandshakeRequest {
    /// The newest protocol in common, or else our oldest.
    pub protocol: Protocol,
    /// False where the host named protocols and none of ours was among them: it will not connect.
    pub has_common_protocol: bool,
    /// Loopback ports to try where there are no unix sockets; `0..=0` lets the system choose.
    pub ports: std::ops::RangeInclusive<u16>,
    /// Where the socket must be.
    pub socket_folder: Option<String>,
    /// PEM. Present when the channel is to be TLS with exactly this client.
    pub client_certificate: Option<String>,
    /// Old hosts cut the line into six fields, so the seventh is printed only when asked for.
    pub asks_for_multiplexing: bool,
}

/// Why there is no handshake.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A person started the program.
    #[error("this program was not started by Terraform or OpenTofu")]
    NoHost,
    /// A variable holds no port.
    #[error("the host allows no port: {name} is {value:?}")]
    Port { name: &'static str, value: String },
}

impl HandshakeRequest {
    /// Reads the variables that a host sets.
    pub fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let (name, value) = MAGIC_COOKIE;
        if environment.get(name).as_deref() != Some(value) {
            return Err(Error::NoHost);
        }
        let port = |name: &'static str| match environment.get(name) {
            None => Ok(0),
            Some(value) => value.parse().map_err(|_| Error::Port { name, value }),
        };
        let offered = environment.get("PLUGIN_PROTOCOL_VERSIONS");
        let common = offered.as_deref().and_then(newest_in_common);
        Ok(Self {
            // Without one, our oldest: the host then tells the user what it wanted.
            protocol: common.unwrap_or(PROTOCOLS[PROTOCOLS.len() - 1]),
            has_common_protocol: common.is_some() || offered.is_none(),
            ports: port("PLUGIN_MIN_PORT")?..=port("PLUGIN_MAX_PORT")?,
            socket_folder: environment.get("PLUGIN_UNIX_SOCKET_DIR"),
            client_certificate: environment.get("PLUGIN_CLIENT_CERT"),
            asks_for_multiplexing: environment.get("PLUGIN_MULTIPLEX_GRPC").is_some(),
        })
    }

    /// A host of a process that it did not start. It has no cookie, and speaks the protocol that the process announces.
    /// One older than Terraform 0.15 needs `PLUGIN_PROTOCOL_VERSIONS=5`.
    pub fn for_reattach(environment: &Environment) -> Self {
        let offered = environment.get("PLUGIN_PROTOCOL_VERSIONS");
        Self {
            protocol: offered.as_deref().and_then(newest_in_common).unwrap_or(PROTOCOLS[0]),
            has_common_protocol: true,
            ports: 0..=0,
            socket_folder: None,
            client_certificate: None,
            asks_for_multiplexing: false,
        }
    }

    /// The line on stdout, without its end. `certificate` is our server certificate's DER.
    pub fn handshake_line(&self, address: &Address, certificate: Option<&[u8]>) -> String {
        let (network, address) = address.parts();
        let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
        let multiplexing = if self.asks_for_multiplexing { "|false" } else { "" };
        format!("1|{}|{network}|{address}|grpc|{certificate}{multiplexing}", self.protocol as u8)
    }
}

fn newest_in_common(offered: &str) -> Option<Protocol> {
    let offered: Vec<u8> = offered.split(',').filter_map(|version| version.trim().parse().ok()).collect();
    PROTOCOLS.into_iter().find(|protocol| offered.contains(&(*protocol as u8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(variable: (&str, &str)) -> HandshakeRequest {
        HandshakeRequest::from_environment(&Environment::given([MAGIC_COOKIE, variable])).unwrap()
    }

    #[test]
    fn host_needs_the_right_cookie_and_ports() {
        let port = Error::Port { name: "PLUGIN_MIN_PORT", value: "70000".to_owned() };
        for (variables, error) in [
            (vec![], Error::NoHost),
            (vec![(MAGIC_COOKIE.0, "wrong")], Error::NoHost),
            (vec![(MAGIC_COOKIE.0, "")], Error::NoHost),
            (vec![MAGIC_COOKIE, ("PLUGIN_MIN_PORT", "70000")], port),
        ] {
            assert_eq!(HandshakeRequest::from_environment(&Environment::given(variables)), Err(error));
        }
    }

    #[test]
    fn the_version_is_the_newest_in_common_whatever_the_order() {
        let (five, six) = (Protocol::Five, Protocol::Six);
        for (offered, protocol, has_common_protocol) in [
            ("5,6", six, true),
            ("6,5", six, true),
            ("x, 6", six, true),
            ("5", five, true),
            ("4", five, false),
            ("7", five, false),
            ("x", five, false),
            ("", five, true),
        ] {
            let host = host(("PLUGIN_PROTOCOL_VERSIONS", offered));
            assert_eq!(
                (host.protocol, host.has_common_protocol),
                (protocol, has_common_protocol),
                "{offered:?}"
            );
        }
    }

    #[test]
    fn the_line_has_six_fields_and_a_seventh_only_on_request() {
        let address = Address::Tcp(([127, 0, 0, 1], 1234).into());
        let plain = host(("PLUGIN_PROTOCOL_VERSIONS", "5,6"));
        assert_eq!(plain.handshake_line(&address, None), "1|6|tcp|127.0.0.1:1234|grpc|");
        let certificate = [0xfb, 0xff, 0xfe, 0x00];
        assert_eq!(plain.handshake_line(&address, Some(&certificate)), "1|6|tcp|127.0.0.1:1234|grpc|+//+AA");
        let asking = host(("PLUGIN_MULTIPLEX_GRPC", "true"));
        assert_eq!(asking.handshake_line(&address, None), "1|5|tcp|127.0.0.1:1234|grpc||false");
    }
}
