//! The handshake of go-plugin: the host passes environment variables, and the plugin prints one line.
//!
//! Names and format: `client.go` of go-plugin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Protocol;
use super::connection::Address;
use crate::system::Environment;

/// The magic cookie of Terraform. It shows that a host started the process, and is not a secret.
const MAGIC_COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The supported protocol versions, newest first.
const PROTOCOLS: [Protocol; 2] = [Protocol::Six, Protocol::Five];

/// The request of the host, from its environment variables.
#[derive(Debug, PartialEq, Eq)]
pub struct HandshakeRequest {
    /// The newest common protocol version. If there is none, the oldest supported version.
    pub protocol: Protocol,
    /// False if the host supports other protocol versions only. It does not connect then.
    pub has_common_protocol: bool,
    /// The range of TCP ports if Unix sockets are unavailable. With `0..=0` the system selects a port.
    pub ports: std::ops::RangeInclusive<u16>,
    /// The directory for the Unix socket.
    pub socket_dir: Option<String>,
    /// The client certificate in PEM format. If it is set, the connection uses TLS and accepts this client only.
    pub client_certificate: Option<String>,
    /// Whether the handshake line has a seventh field. Old hosts fail with it.
    pub requests_multiplexing: bool,
}

/// Errors of the handshake.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The magic cookie is missing or invalid. A user started the program directly.
    #[error("this program was not started by Terraform or OpenTofu")]
    InvalidMagicCookie,
    /// An environment variable contains an invalid port.
    #[error("the port {value:?} in {name} is invalid")]
    Port { name: &'static str, value: String },
}

impl HandshakeRequest {
    /// Reads the environment variables that the host set.
    pub fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let (name, value) = MAGIC_COOKIE;
        if environment.get(name).as_deref() != Some(value) {
            return Err(Error::InvalidMagicCookie);
        }
        let port = |name: &'static str| match environment.get(name) {
            None => Ok(0),
            Some(value) => value.parse().map_err(|_| Error::Port { name, value }),
        };
        let offered = environment.get("PLUGIN_PROTOCOL_VERSIONS");
        let common_protocol = offered.as_deref().and_then(newest_common);
        Ok(Self {
            // The host then reports both versions to the user.
            protocol: common_protocol.unwrap_or(PROTOCOLS[PROTOCOLS.len() - 1]),
            has_common_protocol: common_protocol.is_some() || offered.is_none(),
            ports: port("PLUGIN_MIN_PORT")?..=port("PLUGIN_MAX_PORT")?,
            socket_dir: environment.get("PLUGIN_UNIX_SOCKET_DIR"),
            client_certificate: environment.get("PLUGIN_CLIENT_CERT"),
            requests_multiplexing: environment.get("PLUGIN_MULTIPLEX_GRPC").is_some(),
        })
    }

    /// The request for `--debug`, where the host did not start the process.
    ///
    /// The protocol version is 6. For Terraform 0.14 and earlier, the user sets `PLUGIN_PROTOCOL_VERSIONS=5`.
    pub fn for_reattach(environment: &Environment) -> Self {
        let offered = environment.get("PLUGIN_PROTOCOL_VERSIONS");
        Self {
            protocol: offered.as_deref().and_then(newest_common).unwrap_or(PROTOCOLS[0]),
            has_common_protocol: true,
            ports: 0..=0,
            socket_dir: None,
            client_certificate: None,
            requests_multiplexing: false,
        }
    }

    /// The line for stdout, without a line break. `certificate` is the server certificate in DER format.
    pub fn handshake_line(&self, address: &Address, certificate: Option<&[u8]>) -> String {
        let (network, address) = address.parts();
        let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
        let multiplexing = if self.requests_multiplexing { "|false" } else { "" };
        format!("1|{}|{network}|{address}|grpc|{certificate}{multiplexing}", self.protocol as u8)
    }
}

fn newest_common(offered: &str) -> Option<Protocol> {
    let offered: Vec<u8> = offered.split(',').filter_map(|version| version.trim().parse().ok()).collect();
    PROTOCOLS.into_iter().find(|protocol| offered.contains(&(*protocol as u8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(variable: (&str, &str)) -> HandshakeRequest {
        HandshakeRequest::from_environment(&Environment::given([MAGIC_COOKIE, variable])).unwrap()
    }

    #[test]
    fn wrong_cookie_or_invalid_port_is_an_error() {
        let port = Error::Port { name: "PLUGIN_MIN_PORT", value: "70000".to_owned() };
        for (variables, error) in [
            (vec![], Error::InvalidMagicCookie),
            (vec![(MAGIC_COOKIE.0, "wrong")], Error::InvalidMagicCookie),
            (vec![(MAGIC_COOKIE.0, "")], Error::InvalidMagicCookie),
            (vec![MAGIC_COOKIE, ("PLUGIN_MIN_PORT", "70000")], port),
        ] {
            assert_eq!(HandshakeRequest::from_environment(&Environment::given(variables)), Err(error));
        }
    }

    #[test]
    fn newest_common_protocol_version_is_selected() {
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
            let request = request(("PLUGIN_PROTOCOL_VERSIONS", offered));
            assert_eq!(
                (request.protocol, request.has_common_protocol),
                (protocol, has_common_protocol),
                "{offered:?}"
            );
        }
    }

    #[test]
    fn handshake_line_has_a_seventh_field_only_on_request() {
        let address = Address::Tcp(([127, 0, 0, 1], 1234).into());
        let plain = request(("PLUGIN_PROTOCOL_VERSIONS", "5,6"));
        assert_eq!(plain.handshake_line(&address, None), "1|6|tcp|127.0.0.1:1234|grpc|");
        let certificate = [0xfb, 0xff, 0xfe, 0x00];
        assert_eq!(plain.handshake_line(&address, Some(&certificate)), "1|6|tcp|127.0.0.1:1234|grpc|+//+AA");
        let multiplexing = request(("PLUGIN_MULTIPLEX_GRPC", "true"));
        assert_eq!(multiplexing.handshake_line(&address, None), "1|5|tcp|127.0.0.1:1234|grpc||false");
    }
}
